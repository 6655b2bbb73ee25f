from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instructuie.errors import DataError
from instructuie.evaluation.audit import audit
from instructuie.evaluation.predictions import read_predictions
from instructuie.evaluation.recorded import RecordedPredictor
from instructuie.evaluation.rules import RULES
from instructuie.evaluation.scores import score

TEXT = "Ann met Bob in Rome."
OWN: list[dict[str, Any]] = [
    {
        **{"dataset": "d", "task": "NER", "split": "test", "id": "1", "text": TEXT},
        "options": ["a"],
        "gold": {"entities": [{"label": "a", "start": 0, "end": 3, "text": "Ann"}]},
        "predicted": {"entities": [{"label": "a", "text": "Ann"}]},
        "scores": {"entities": [0.5]},
        "issues": [{"kind": "repeat", "message": "twice"}],
        "completion": "a: Ann",
    },
    {
        **{"dataset": "d", "task": "RE", "id": 2, "text": TEXT},
        "gold": {"relations": [{"label": "r", "head": {"text": "Ann"}, "tail": {"text": "Bob"}}]},
        "predicted": None,
    },
    {
        **{"dataset": "d", "task": "EE", "id": "3", "text": TEXT},
        "gold": {
            "events": [
                {
                    "label": "e",
                    "trigger": {"start": 4, "end": 7, "text": "met"},
                    "arguments": [{"role": "x", "text": "Ann"}],
                }
            ]
        },
        "predicted": {},
    },
]
RELEASED: list[dict[str, Any]] = [
    {
        **{"Task": task, "Dataset": "d", "Prediction": said},
        "Instance": {"id": str(at), "sentence": TEXT, "ground_truth": gold},
    }
    for at, (task, gold, said) in enumerate(
        [("NER", " a: Ann", "a: Ann"), ("RE", " r: Ann, Bob", "("), ("EEA", " Ann: x", "x")]
    )
]


def write(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_that_keep_the_form(tmp_path: Path) -> None:
    for rows in (OWN, RELEASED):
        assert len(list(read_predictions(write(rows, tmp_path)))) == 3


def put(row: int, value: Any, *keys: str | int) -> Callable[[list[dict[str, Any]]], None]:
    def change(rows: list[dict[str, Any]]) -> None:
        part: Any = rows[row]
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "line", "reason"),
    [
        (put(0, 5, "text"), 1, "`text` is 5, expected text"),
        (put(0, "\ud800", "text"), 1, "half characters"),
        (put(0, True, "id"), 1, "`id` is True, expected text or a whole number"),
        (put(0, "a", "options"), 1, "`options` is 'a', expected a list"),
        (put(0, [1], "options"), 1, "`options[0]` is 1, expected text"),
        (put(0, [], "gold"), 1, "`gold` is [], expected an object"),
        (put(0, 1, "gold", "entities", 0, "label"), 1, "`gold.entities[0].label` is 1"),
        (put(0, {"label": "a"}, "gold", "entities", 0), 1, "gold.entities[0].text' is missing"),
        (put(0, 1.5, "gold", "entities", 0, "start"), 1, "`gold.entities[0].start` is 1.5"),
        (put(0, {"label": "a", "text": "Ann", "end": 3}, "gold", "entities", 0), 1, "start"),
        (put(0, [7], "scores", "entities"), 1, "`scores.entities[0]` is 7, expected a number betw"),
        (put(0, [float("nan")], "scores", "entities"), 1, "NaN is not JSON"),
        (put(0, ["cut"], "issues"), 1, "`issues[0]` is 'cut', expected an object"),
        (put(0, 0, "completion"), 1, "`completion` is 0"),
        (put(1, "Bob", "gold", "relations", 0, "tail"), 2, "`gold.relations[0].tail` is 'Bob'"),
        (put(2, None, "gold", "events", 0, "trigger"), 3, "`gold.events[0].trigger` is None"),
        (put(2, 4, "gold", "events", 0, "arguments", 0, "role"), 3, "arguments[0].role` is 4"),
    ],
)
def test_what_breaks_the_form_is_named_with_its_line_and_place(
    change: Callable[[list[dict[str, Any]]], None], line: int, reason: str, tmp_path: Path
) -> None:
    rows = copy.deepcopy(OWN)
    change(rows)
    path = write(rows, tmp_path)
    with pytest.raises(DataError, match=rf"rows\.jsonl:{line}: .*{re.escape(reason)}"):
        list(read_predictions(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (put(1, None, "Prediction"), "`Prediction` is None, expected text"),
        (put(1, "x", "Instance"), "`Instance` is 'x', expected an object"),
        (put(1, 3, "Instance", "sentence"), "`Instance.sentence` is 3"),
        (put(1, ["r"], "Instance", "ground_truth"), "`Instance.ground_truth` is ['r']"),
        (put(1, 3, "subset"), "`subset` is 3"),
    ],
)
def test_the_released_form_is_checked_too(
    change: Callable[[list[dict[str, Any]]], None], reason: str, tmp_path: Path
) -> None:
    rows = copy.deepcopy(RELEASED)
    change(rows)
    with pytest.raises(DataError, match=rf"rows\.jsonl:2: .*{re.escape(reason)}"):
        list(read_predictions(write(rows, tmp_path)))


def places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict | list):
        return [place]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [place, *(p for key, part in inner for p in places(part, (*place, key)))]


junk = st.sampled_from(
    [
        *[None, True, 0, -1, 1.5, 10**30, float("nan"), "", "x", "\ud800", [], [None], [[]], {}],
        *[{"a": 1}, {"entities": None}, {"start": 0}, {"text": "Ann"}],
    ]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from([OWN, RELEASED]))
def test_a_garbled_row_is_refused_or_can_be_scored_under_every_rule(
    tmp_path: Path, data: st.DataObject, good: list[dict[str, Any]]
) -> None:
    rows = copy.deepcopy(good)
    place = data.draw(st.sampled_from([p for p in places(rows) if len(p) > 1]))
    part: Any = rows
    for key in place[:-1]:
        part = part[key]
    if data.draw(st.booleans()):
        part[place[-1]] = data.draw(junk)
    else:
        del part[place[-1]]
    path = write(rows, tmp_path)
    try:
        RecordedPredictor(path)
        predictions = list(read_predictions(path))
    except DataError as error:
        message = str(error)
    else:
        message = ""
    if message:
        assert re.search(r"rows\.jsonl:[123]: ", message)
        return
    for rule in RULES:
        score(predictions, rule)
    audit(predictions)
