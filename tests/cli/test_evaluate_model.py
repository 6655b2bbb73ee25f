from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from instructuie.cli.evaluate_model import choose_predictor, is_checkpoint, read_options
from instructuie.errors import ConfigError, ModelError
from instructuie.evaluation.predictors import ExtractorPredictor, GoldPredictor

from ..evaluation import runs
from ..tiny import exported_folder, model_folder

Run = Callable[..., Any]
SETS = "homes/NER,homes/RE"


def predict(run: Run, tmp_path: Path, *args: object) -> list[dict[str, Any]]:
    tmp_path.mkdir(exist_ok=True)
    runs.data(tmp_path)
    output = tmp_path / "run"
    data = tmp_path / "prepared.jsonl.gz"
    done = run("evaluate", "predict", "--sets", SETS, "--data", data, "-o", output, *args)
    assert done.exit_code == 0, done.stderr
    settings = json.loads((output / "run.json").read_text())
    rows = (output / "homes.NER.jsonl").read_text().splitlines()
    return [settings, *map(json.loads, rows)]


def test_a_checkpoint_is_measured_as_its_export_answers(run: Run, tmp_path: Path) -> None:
    settings, *rows = predict(run, tmp_path / "a", "--model", model_folder())
    _, *exported = predict(run, tmp_path / "b", "--model", exported_folder())
    assert rows == exported
    assert any(row["predicted"]["entities"] for row in rows)
    assert settings["system"] == model_folder().name
    assert settings["predictor"]["precision"] == "fp32"
    assert len(settings["predictor"]["model"]) == 16


def test_what_a_checkpoint_is(tmp_path: Path) -> None:
    assert is_checkpoint(model_folder())
    assert not is_checkpoint(exported_folder())
    assert not is_checkpoint(tmp_path)
    text = tmp_path / "text"
    text.mkdir()
    (text / "model.safetensors").write_bytes(b"")
    (text / "config.json").write_text('{"model_type": "t5"}')
    assert not is_checkpoint(text)
    (text / "config.json").write_text("[")
    assert not is_checkpoint(text)


def test_a_checkpoint_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder(), folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        choose_predictor(str(folder))


def test_options_go_to_the_extractor_and_secrets_are_not_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []

    class Fake:
        def __init__(self, model: Any, **keywords: Any) -> None:
            asked.append((model, keywords))
            if "nix" in keywords:
                raise TypeError("unexpected keyword argument 'nix'")

    monkeypatch.setattr("instructuie.evaluation.predictors.Extractor", Fake)
    rows = ["api=http://localhost/v1", "api_key=hidden", "temperature=0", "stop=[1]"]
    found = choose_predictor("some-model", rows, threads=2)
    assert found.name == "some-model"
    assert asked[0] == (
        "some-model",
        {
            **{"threads": 2, "batch_size": 32},
            **{"api": "http://localhost/v1", "api_key": "hidden", "temperature": 0, "stop": [1]},
        },
    )
    settings = found.settings()
    assert settings["model"] == "some-model"
    assert settings["options"] == {"api": "http://localhost/v1", "temperature": 0, "stop": [1]}
    assert "hidden" not in json.dumps(settings)
    with pytest.raises(ConfigError, match="nix"):
        choose_predictor("some-model", ["nix=1"])


@pytest.mark.parametrize("row", ["device", "=cpu", "a b=1"])
def test_options_that_are_none(row: str) -> None:
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        read_options([row])


def test_an_object_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run) -> None:
    module = ModuleType("mine")
    vars(module).update(system=GoldPredictor(), make=GoldPredictor, nothing=object())
    monkeypatch.setitem(sys.modules, "mine", module)
    for name in ("system", "make"):
        assert isinstance(choose_predictor(None, predictor=f"mine:{name}"), GoldPredictor)
    settings, *rows = predict(run, tmp_path, "--predictor", "mine:make")
    assert settings["system"] == "gold"
    assert all(row["predicted"] == row["gold"] for row in rows)
    for name, reason in (
        ("mine", "MODULE:NAME"),
        ("mine:nix", "cannot be imported"),
        ("nowhere:x", "cannot be imported"),
    ):
        with pytest.raises(ConfigError, match=reason):
            choose_predictor(None, predictor=name)


def test_one_system_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--model and --predictor are given together"):
        choose_predictor("x", predictor="mine:x")


def test_a_recording_is_known_by_its_content(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("instructuie.evaluation.predictors.Extractor", lambda *_a, **_k: None)
    path = tmp_path / "said.jsonl"
    known = set()
    for content in ("a", "b"):
        path.write_text(content)
        known.add(ExtractorPredictor.load(path).settings()["model"])
    assert len(known) == 2


def test_the_built_in_model_is_known_by_its_files() -> None:
    found = ExtractorPredictor.load(exported_folder())
    assert found.settings()["model"]
    assert found.name == exported_folder().name
