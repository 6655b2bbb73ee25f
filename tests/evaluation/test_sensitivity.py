from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from instructuie.errors import ConfigError
from instructuie.evaluation.predictors import Answer
from instructuie.evaluation.questions import Question
from instructuie.evaluation.sensitivity import (
    Foreign,
    Variant,
    VariantPredictor,
    option_count,
    variants,
)
from instructuie.evaluation.suite import Entry
from instructuie.prompt import instruction_pools
from instructuie.tasks import TASKS, OptionKind, TaskName
from instructuie.types import Extraction

from . import runs
from .test_questions import ask

FOREIGN = Foreign(
    (*(f"label {n}" for n in range(600)), "home town"),
    tuple(f"link {n}" for n in range(30)),
    tuple((f"event {n}", ("by whom",)) for n in range(30)),
)


class Echo:
    """Says the gold answer in the words of the prompt, so that it depends on them."""

    name = "echo"

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def settings(self) -> Mapping[str, Any]:
        return {"kind": "echo"}

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        self.questions += questions
        return [Answer(_in_words(question)) for question in questions]


def _in_words(question: Question) -> Extraction:
    """Gold with each label and role as the prompt writes it."""
    schema = question.prompt.schema
    words = {
        name.casefold(): name
        for name in (*schema.entity_names, *schema.relation_names, *schema.event_names)
    }
    roles = {r.casefold(): r for event in schema.events for r in event.role_names}
    row = question.gold.to_dict()
    for item in (*row["entities"], *row["relations"], *row["events"]):
        item["label"] = words.get(item["label"].casefold(), item["label"])
        for argument in item.get("arguments", ()):
            argument["role"] = roles[argument["role"].casefold()]
    return Extraction.from_dict(row)


def answers(variant: Variant, entry: Entry, folder: Path) -> tuple[list[Question], list[Question]]:
    """The questions as they are, and as the system was asked; checks that answers come back."""
    plain, echo = ask(folder, entry), Echo()
    predictor = VariantPredictor(echo, variant, FOREIGN)
    found = predictor.answer(plain, entry)
    assert [answer.predicted for answer in found] == [q.gold for q in plain]
    assert predictor.settings()["variant"] == variant.name
    return plain, echo.questions


@pytest.mark.parametrize("variant", variants(), ids=lambda v: v.name)
@pytest.mark.parametrize("task", TASKS)
def test_gold_survives_every_guise(variant: Variant, task: TaskName, tmp_path: Path) -> None:
    entry = Entry("trips" if TASKS[task].options == "event" else "homes", task)
    if variant.applies(ask(tmp_path, entry)[0]):
        answers(variant, entry, tmp_path)


def test_options_are_padded_up_to_the_number_and_the_own_ones_stay(tmp_path: Path) -> None:
    for count in (4, 20, 100, 500):
        variant = Variant(f"options-{count}", "options", options=count)
        plain, asked = answers(variant, Entry("homes", "NER"), tmp_path)
        assert len(asked[0].options) == count
        assert set(plain[0].options) < set(asked[0].options)
    # "home town" shares a word with the own label "town" and may mean the same.
    assert "home town" not in asked[0].options


@pytest.mark.parametrize(("name", "task"), [("homes", "RE"), ("trips", "EE"), ("trips", "EET")])
def test_labels_of_other_kinds_are_borrowed_where_they_run_out(
    name: str, task: TaskName, tmp_path: Path
) -> None:
    variant = Variant("options-500", "options", options=500)
    plain, asked = answers(variant, Entry(name, task), tmp_path)
    assert len(asked[0].options) == 500
    own = 1 if task == "RE" else 2
    assert option_count(variant, plain[0], FOREIGN) == (500, 500 - own - 30)
    assert option_count(Variant(), plain[0], FOREIGN) == (own, 0)
    assert option_count(Variant("o", options=20), plain[0], FOREIGN) == (20, 0)
    if task == "EE":
        assert all(event.roles for event in asked[0].prompt.schema.events)


def test_fewer_options_are_part_of_more(tmp_path: Path) -> None:
    few, many = (
        set(answers(Variant("o", options=n), Entry("homes", "NER"), tmp_path)[1][0].options)
        for n in (20, 100)
    )
    assert few < many


def test_orders_differ_and_are_the_same_for_all_texts(tmp_path: Path) -> None:
    entry = Entry("trips", "EE")
    seen = set()
    for order in range(1, 9):
        _, asked = answers(Variant(f"order-{order}", order=order), entry, tmp_path)
        assert asked[0].prompt.schema is asked[1].prompt.schema
        assert set(asked[0].options) == {"trip", "meeting"}
        seen.add(asked[0].options)
    assert len(seen) == 2


def test_case_and_instruction(tmp_path: Path) -> None:
    _, upper = answers(Variant("case-upper", case="upper"), Entry("trips", "EEA"), tmp_path)
    assert upper[0].prompt.given.events[0].label == "TRIP"
    assert upper[0].options == ("WHO", "WHERE")
    _, other = answers(Variant("instruction-2", instruction=1), Entry("homes", "NER"), tmp_path)
    assert other[0].prompt.instruction == instruction_pools()["NER"][1]


def test_what_does_not_apply(tmp_path: Path) -> None:
    question = ask(tmp_path, Entry("homes", "NER"))[0]
    assert not Variant("o", options=1).applies(question)
    assert not Variant("i", instruction=99).applies(question)
    assert not Variant("o", options=20).applies(ask(tmp_path, Entry("trips", "EEA"))[0])


def test_the_first_variant_is_the_plain_one() -> None:
    names = [variant.name for variant in variants(["options", "case"], counts=[7])]
    assert names == ["as-is", "options-7", "case-lower", "case-upper", "case-title"]
    with pytest.raises(ConfigError, match="colour"):
        variants(["colour"])


def test_the_known_labels_reach_five_hundred() -> None:
    foreign = Foreign.known([])
    assert len(foreign.entity) > 500
    assert len(foreign.of("relation")) > 100
    for kind in get_args(OptionKind):
        assert len({x.name for x in (*foreign.of(kind), *foreign.others(kind))}) > 1000
    assert runs.HOMES
