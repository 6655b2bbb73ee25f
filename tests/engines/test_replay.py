from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instructuie.engines import is_text_model, open_engine
from instructuie.engines.base import Request
from instructuie.engines.replay import ReplayEngine
from instructuie.errors import DataError, ModelError
from instructuie.extractor import Extractor
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS

PROMPT = Prompt(TASKS["NER"], "Ann", Schema.of(entities=["person"]))


def recorded(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "said.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


def asked(*texts: str) -> list[Request]:
    return [Request(text, PROMPT) for text in texts]


def test_each_prompt_gets_what_was_said_to_it(tmp_path: Path) -> None:
    path = recorded(
        tmp_path,
        {"prompt": "b", "completion": "B"},
        {"prompt": "a", "completion": "A1"},
        {"completion": "next"},
        {"prompt": "a", "completion": "A2", "truncated": True},
    )
    engine = ReplayEngine.load(path)
    said = engine.complete(asked("a", "b", "a", "a", "c", "c"))
    assert [c.text for c in said] == ["A1", "B", "A2", "A2", "next", ""]
    assert [c.truncated for c in said] == [False, False, True, True, False, False]
    assert "no recorded completion" in said[-1].error


def test_probabilities_are_kept(tmp_path: Path) -> None:
    path = recorded(tmp_path, {"completion": "ab", "tokens": [["a", -0.5], ["b", -1]]})
    (completion,) = ReplayEngine.load(path).complete(asked("x"))
    assert [(t.text, t.log_prob) for t in completion.tokens] == [("a", -0.5), ("b", -1.0)]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"completion": 1},
        {"completion": "a", "prompt": 2},
        {"completion": "a", "tokens": [["b", 0]]},
        {"completion": "a", "tokens": [["a"]]},
        {"completion": "a", "tokens": [["a", "x"]]},
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: Any) -> None:
    path = recorded(tmp_path, {"completion": "fine"}, row)
    with pytest.raises(DataError, match=r"said\.jsonl:2: not a recorded completion"):
        ReplayEngine.load(path)


def test_a_file_is_a_model(tmp_path: Path) -> None:
    path = recorded(tmp_path, {"completion": "person: Ann"})
    assert is_text_model(path)
    assert open_engine(path).name == "said.jsonl"
    result = Extractor(path).extract("Ann left.", entities=["person"])
    assert [e.text for e in result.entities] == ["Ann"]


def test_an_endpoint_needs_the_name_of_a_model() -> None:
    with pytest.raises(ModelError, match="which model of http"):
        Extractor(api="http://localhost:1/v1")
