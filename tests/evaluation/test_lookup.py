from __future__ import annotations

from pathlib import Path

import pytest

from instructuie.evaluation.lookup import LookupPredictor
from instructuie.evaluation.questions import questions
from instructuie.evaluation.suite import Entry
from instructuie.tasks import TASKS, TaskName
from instructuie.types import Extraction

from .. import tiny
from . import runs
from .test_questions import ask


def remembering(folder: Path, use: str = "train") -> LookupPredictor:
    """Remembers the very texts that are asked, in a training split."""
    sets = {
        "homes": tiny.data_set({"train": [*runs.HOMES, runs.PAIR]}, tasks=("NER", "RE"), use=use),
        "trips": tiny.data_set(
            {"train": runs.TRIPS},
            tasks=("EE",),
            events={"trip": ("who", "where"), "meeting": ("who",)},
        ),
        "others": tiny.data_set(
            {"train": [tiny.record("Ann saw Rome.", entities=[("town", "Rome"), ("dog", "Ann")])]}
        ),
    }
    folder.mkdir()
    return LookupPredictor(tiny.prepared(folder, sets))


@pytest.mark.parametrize("task", TASKS)
def test_texts_that_it_has_seen_are_answered_as_they_were(task: TaskName, tmp_path: Path) -> None:
    entry = Entry("trips" if TASKS[task].options == "event" else "homes", task)
    asked = ask(tmp_path, entry)
    predictor = remembering(tmp_path / "train")
    for question, answer in zip(asked, predictor.answer(asked, entry), strict=True):
        if task in ("RE", "EP") and question.id == "homes/pair":
            continue  # both live there, and in the order of the text others do as well
        assert answer.predicted is not None
        assert sorted(map(str, items(answer.predicted))) == sorted(map(str, items(question.gold)))


def items(extraction: Extraction) -> list[object]:
    events = [(e.label, e.trigger, sorted(map(str, e.arguments))) for e in extraction.events]
    return [*extraction.entities, *extraction.relations, *events]


def labels(predictor: LookupPredictor, folder: Path, dataset: str) -> list[tuple[str, ...]]:
    entry = Entry(dataset, "NER")
    answers = predictor.answer(ask(folder, Entry("homes", "NER")), entry)
    return [tuple(e.label for e in a.predicted.entities) for a in answers if a.predicted]


def test_sets_that_it_may_not_know_are_asked_with_all_others(tmp_path: Path) -> None:
    """Only the towns of another set are known then; its dogs are no option here."""
    zero_shot = remembering(tmp_path / "train", use="zero-shot")
    assert labels(zero_shot, tmp_path, "homes") == [(), ("town",), (), ("town",)]
    unknown = remembering(tmp_path / "more")
    assert labels(unknown, tmp_path, "nowhere")[0] == ("person", "town")


def test_a_string_that_is_mostly_something_else_is_left_alone(tmp_path: Path) -> None:
    rows = [
        tiny.record("Will left.", entities=[("person", "Will")]),
        *(tiny.record(f"Will it rain {n}?") for n in range(2)),
        tiny.record("New York and York.", entities=[("town", "New York"), ("dog", "York")]),
    ]
    prepared = tiny.prepared(tmp_path, {"set": tiny.data_set({"train": rows})})
    entry = Entry("set", "NER")
    asked = list(questions(rows, entry, prepared.inventories["set"]))
    said = [answer.predicted for answer in LookupPredictor(prepared).answer(asked, entry)]
    assert said[:3] == [Extraction()] * 3
    assert said[3] is not None
    assert [(e.label, e.mention.text) for e in said[3].entities] == [
        ("town", "New York"),
        ("dog", "York"),
    ]


def test_what_it_was_trained_on_is_part_of_its_settings(tmp_path: Path) -> None:
    predictor = remembering(tmp_path / "train")
    assert predictor.settings()["kind"] == "lookup"
    assert len(predictor.settings()["training"]) == 64
