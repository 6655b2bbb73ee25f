from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instructuie.errors import ConfigError
from instructuie.extractor import Extractor
from instructuie.training import probe
from instructuie.training.finetune import FineTuning, Inputs, Watcher, finetune
from tests.tiny import small_sets

from .text.tiny import t5_folder

QUICK = FineTuning(
    steps=3,
    batch_tokens=512,
    replay_share=0.0,
    dev_share=0.3,
    max_drop=100.0,
    threads=1,
)


@pytest.fixture(autouse=True)
def short_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    short = {name: records[:1] for name, records in probe.general_records().items()}
    monkeypatch.setattr(probe, "general_records", lambda: short)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    records = small_sets()["homes"]["splits"]["train"]
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(r.to_dict()) + "\n" for r in records), encoding="utf-8")
    return Inputs([path], start=str(t5_folder()))


def test_a_text_model_is_trained_with_the_same_command(inputs: Inputs, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    output = tmp_path / "model"
    outcome = finetune(inputs, output, QUICK, watcher=Watcher(row=rows.append))
    assert outcome.agreement is None
    assert any("loss" in row for row in rows)
    result = Extractor(output, threads=1).extract("Ann of Oslo.", entities=["person"])
    assert result.text == "Ann of Oslo."
    assert json.loads((output / "finetune.json").read_text("utf-8"))["start"] == t5_folder().name
    assert "int8" not in (output / "README.md").read_text("utf-8")
    learned, started = (
        (folder / "model.safetensors").read_bytes() for folder in (output, t5_folder())
    )
    assert learned != started
    assert not (tmp_path / "model.training").exists()


def test_a_text_model_is_trained_whole(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="trained whole"):
        finetune(inputs, tmp_path / "model", replace(QUICK, freeze="encoder"))
