from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from instructuie.errors import DataError
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.predictions import read_predictions, write_predictions
from instructuie.evaluation.recorded import RecordedPredictor
from instructuie.evaluation.released_file import from_released, to_released
from instructuie.evaluation.rules import count_prediction
from instructuie.evaluation.suite import Entry
from instructuie.types import Argument, Entity, Event, Extraction, Issue, Mention

from . import made, runs
from .test_questions import ask

TEXT = "Ann left Oslo for Ann's gate."


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def row(**changes: Any) -> dict[str, Any]:
    gold = Extraction((Entity("person", Mention.of(TEXT, 0, 3)),))
    return {**Prediction("d", "NER", "1", TEXT, gold, gold, ("person",)).to_dict(), **changes}


def released(task: str, gold: str, said: str, **more: Any) -> dict[str, Any]:
    """As the released code writes it, with our own words."""
    instance = {"id": "0", "sentence": TEXT, "label": gold, "ground_truth": gold}
    return {
        "Task": task,
        "Dataset": "set",
        "Instance": {**instance, "instruction": "Do. \nOption: a \nText: {0} \nAnswer:", **more},
        "Prediction": said,
    }


@settings(max_examples=40)
@given(made.predictions)
def test_a_prediction_survives_its_row(prediction: Prediction) -> None:
    assert Prediction.from_dict(json.loads(json.dumps(prediction.to_dict()))) == prediction


def test_every_field_survives(tmp_path: Path) -> None:
    gold = Extraction((Entity("person", Mention.of(TEXT, 0, 3)),))
    whole = Prediction(
        *("d", "NER", "1", TEXT, gold, gold, ("person",), " person: Ann", {"entities": (0.5,)}),
        *((Issue("repeat", "said twice"),), "dev", " person: Ann"),
    )
    write_predictions([whole], tmp_path / "x.jsonl", released=False)
    assert list(read_predictions(tmp_path / "x.jsonl")) == [whole]


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ([row(), {"task": "NER"}], 2, "the key 'dataset' is missing"),
        ([row(task="POS")], 1, "unknown task 'POS'"),
        ([row(gold={"entities": [{"label": "x"}]})], 1, r"the key 'gold.entities\[0\].text' is"),
        ([row(), row()], 2, "the id '1' of d/NER stands on line 1 already"),
        (
            [row(predicted={"entities": [{"label": "x", "text": "Ann", "start": 1, "end": 4}]})],
            1,
            "Ann",
        ),
        ([row(predicted=[])], 1, "expected an object"),
        ([row(), [1]], 2, "JSON object"),
        (
            [row(predicted={"entities": [{"label": "x", "text": "", "start": 3, "end": 3}]})],
            1,
            "start",
        ),
        ([{"Task": "NER", "Instance": {}, "Prediction": ""}], 1, "the key 'Dataset' is missing"),
        (
            [{"Task": "NER", "Dataset": "d", "Instance": {}, "Prediction": ""}],
            1,
            "the key 'Instance.sentence' is missing",
        ),
        ([released("NER", "None", ""), row()], 2, "the key 'Task' is missing"),
    ],
)
def test_a_malformed_row_has_a_line_and_a_reason(
    rows: list[Any], line: int, reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "bad.jsonl", *rows)
    with pytest.raises(DataError, match=reason) as caught:
        list(read_predictions(path))
    assert caught.value.line == line
    assert f"bad.jsonl:{line}: " in str(caught.value)


def test_the_released_form_may_repeat_an_id_and_every_row_counts(tmp_path: Path) -> None:
    rows = [released("NER", " person: Ann", said) for said in ("person: Ann", "None", "None")]
    found = list(read_predictions(write(tmp_path / "released.jsonl", *rows)))
    assert [p.id for p in found] == [found[0].id, *(f"{found[0].id} (line {n})" for n in (2, 3))]
    assert [p.completion for p in found] == ["person: Ann", "None", "None"]


def test_a_torn_line_and_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row()) + '\n{"dataset": "d", "ta')
    with pytest.raises(DataError, match=r"x.jsonl:2: not valid JSON"):
        list(read_predictions(path))
    path.write_text("")
    with pytest.raises(DataError, match="is empty"):
        list(read_predictions(path))


EVENTS = Extraction(
    events=(
        Event(
            "trip",
            Mention.of(TEXT, 4, 8),
            (Argument("who", Mention.of(TEXT, 0, 3)), Argument("where", Mention.of(TEXT, 9, 13))),
        ),
        Event("door", Mention.of(TEXT, 24, 28)),
    )
)


def test_the_released_form_of_events() -> None:
    both = to_released(Prediction("d", "EE", "1", TEXT, EVENTS, EVENTS))
    expected = " ( trip: left,  Ann: who, Oslo: where) , ( door: gate,  None) "
    assert both["Instance"]["ground_truth"] == expected
    again = from_released(both, 1)
    assert again.gold == again.predicted == EVENTS
    assert again.gold_completion == expected


@pytest.mark.parametrize(
    ("task", "gold", "said", "right"),
    [
        ("NER", " person: Ann; place: Oslo", "place: Oslo; person: Ann", 2),
        ("NER", " None", "None", 0),
        ("RE", " NA: Ann, Oslo", "None", 0),
        ("RE", " from: Ann, Oslo", "from: Ann, Oslo", 1),
        ("EET", " trip: left", "trip: left", 1),
        ("EEA", " Ann: who; Oslo: where", "Oslo: where;  Ann: who", 2),
        ("EP", " Ann, Oslo", "Ann, Oslo", 1),
        ("ES", " Ann, Oslo", "Oslo, Ann", 2),
    ],
)
def test_the_released_form_is_read_for_every_rule(
    task: str, gold: str, said: str, right: int
) -> None:
    instruction = "Do. \nEvent type: trip \n  Option: who, where \nText: {0} \nAnswer:"
    prediction = from_released(released(task, gold, said, instruction=instruction), 1)
    strict = count_prediction(prediction)
    unit = next(iter(strict.values()))
    total = sum((counts.right for counts in unit.values()), 0.0)
    assert total == right
    assert sum(counts.gold for counts in unit.values()) == right
    assert to_released(prediction)["Instance"]["ground_truth"] == gold
    assert to_released(prediction)["Prediction"] == said


def test_what_the_released_evaluator_reads_is_kept_letter_for_letter() -> None:
    garbled = "person: Ann;; ; place Oslo : "
    prediction = from_released(released("NER", " person:  Ann ", garbled), 1)
    assert prediction.completion == garbled
    assert prediction.gold_completion == " person:  Ann "
    assert any(issue.kind == "unparsable" for issue in prediction.issues)


@settings(max_examples=40)
@given(made.extractions, made.tasks)
def test_any_prediction_can_be_written_in_the_released_form(
    extraction: Extraction, task: Any
) -> None:
    if task == "EEA":
        extraction = Extraction(events=extraction.events[:1])
    back = from_released(to_released(made.ask(extraction, extraction, task)), 1)
    assert back.text == made.TEXT


def answers(path: Path, entry: Entry, tmp_path: Path) -> list[Any]:
    return list(RecordedPredictor(path).answer(ask(tmp_path, entry), entry))


def own(**changes: Any) -> dict[str, Any]:
    entities = [{"label": "person", "text": "Ann", "start": 0, "end": 3}]
    base = {
        "dataset": "Homes",
        "task": "ner",
        "id": "homes/Ann",
        "predicted": {"entities": entities},
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


@pytest.mark.parametrize(
    "said",
    [
        own(),
        own(id=..., text="Ann of Oslo."),
        own(id="other", text="Ann  of Oslo ."),
        own(predicted=..., completion="person: Ann"),
        {
            "Task": "NER",
            "Dataset": "HOMES",
            "Instance": {"id": "7", "sentence": "Ann of Oslo .", "ground_truth": "None"},
            "Prediction": "person: Ann",
        },
    ],
    ids=["id", "text", "text in other tokens", "completion", "released"],
)
def test_another_systems_answers_are_joined_by_id_or_text(
    said: Mapping[str, Any], tmp_path: Path
) -> None:
    found = answers(write(tmp_path / "p.jsonl", said), Entry("homes", "NER"), tmp_path)
    wanted = Extraction(
        (Entity("person", Mention("Ann", runs.HOMES[0].gold.entities[0].mention.span)),)
    )
    assert [answer.predicted for answer in found] == [wanted, None, None, None]


def test_an_id_of_another_text_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", own(text="Something else."))
    assert answers(path, Entry("homes", "NER"), tmp_path)[0].predicted is None


def test_rows_without_a_question_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "p.jsonl", own(), own(id="nobody"), own(id="homes/Bob", predicted=None))
    predictor = RecordedPredictor(path)
    found = predictor.answer(ask(tmp_path, Entry("homes", "NER")), Entry("homes", "NER"))
    assert predictor.unused == 1
    assert found[1].predicted is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (own(id=...), "neither `id` nor `text`"),
        (own(predicted=...), "neither `predicted` nor `completion`"),
        (own(task="POS"), "unknown task"),
        (own(dataset=...), "'dataset' is missing"),
    ],
)
def test_an_answer_that_cannot_be_read_names_its_line(
    said: Mapping[str, Any], reason: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "p.jsonl", own(id="x"), said)
    with pytest.raises(DataError, match=rf"p.jsonl:2: .*{reason}"):
        RecordedPredictor(path)


def test_offsets_of_another_count_are_found_out(tmp_path: Path) -> None:
    shifted = {"entities": [{"label": "person", "text": "Ann", "start": 1, "end": 4}]}
    path = write(tmp_path / "p.jsonl", own(predicted=shifted))
    with pytest.raises(DataError, match=r"p.jsonl:1: .*offsets in characters"):
        answers(path, Entry("homes", "NER"), tmp_path)
