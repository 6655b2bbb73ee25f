from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from instructuie.cli.finetune import _names
from instructuie.errors import ConfigError
from instructuie.evaluation.counts import Counts

Run = Callable[..., Any]


def test_renamed_labels() -> None:
    assert _names(["PER=person", " ORG = organization "]) == {
        "PER": "person",
        "ORG": "organization",
    }
    for wrong in ("PER", "=person", "PER="):
        with pytest.raises(ConfigError, match="expected OLD=NEW"):
            _names([wrong])


def test_a_malformed_row_is_named(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "own.jsonl"
    path.write_text('{"text": "Ann"}\n{"text": 7}\n', encoding="utf-8")
    done = run("finetune", path, "--output", tmp_path / "model")
    assert done.exit_code == 1
    assert f"{path}:2: " in done.stderr
    assert not (tmp_path / "model").exists()


def test_settings_and_table(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from instructuie.engines.agreement import Agreement
    from instructuie.training import finetune as tuning

    asked: list[Any] = []

    def fake(inputs: Any, output: Path, settings: Any, *, watcher: Any) -> Any:
        asked.append((inputs, settings))
        watcher.row({"step": 1, "loss": 0.5})
        before = {
            ("own", "NER", "entity"): Counts(1, 4, 4),
            ("general", "news", "entity"): Counts(4, 4, 4),
        }
        after = {
            ("own", "NER", "entity"): Counts(3, 4, 4),
            ("general", "news", "entity"): Counts(3, 4, 4),
        }
        return tuning.Outcome(output, before, after, Agreement(1, 1))

    monkeypatch.setattr(tuning, "finetune", fake)
    row = json.dumps({"text": "Ann"})
    (tmp_path / "a.jsonl").write_text(row + "\n", encoding="utf-8")
    done = run(
        *("finetune", tmp_path / "a.jsonl", "--output", tmp_path / "model", "--steps", 7),
        *("--freeze", "encoder", "--rename", "PER=person", "--from", "jsonl", "--dev", "dev.jsonl"),
    )
    assert done.exit_code == 0, done.stderr
    inputs, settings = asked[0]
    assert (settings.steps, settings.freeze) == (7, "encoder")
    assert inputs.reading.rename == {"PER": "person"}
    assert inputs.dev == [Path("dev.jsonl")]
    assert "own: NER\tentity\t4\t25.0\t75.0\t+50.0" in done.stdout
    assert done.stdout.endswith(f"{tmp_path / 'model'}\n")
    assert "fell by 25.0 points" in done.stderr
