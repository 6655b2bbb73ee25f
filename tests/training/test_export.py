from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import instructuie.training.export as exporting
from instructuie.engines.agreement import Agreement
from instructuie.errors import ModelError
from instructuie.pointer.runtime import PointerRuntime
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.training.export import compare, export
from instructuie.training.probes import probe_prompts
from tests.tiny import data_set, exported_folder, model_folder, prepared, record, small_sets

SCHEMA = Schema.of(entities=["person", "town"])
PROBES = [Prompt(TASKS["NER"], f"Ann {n} left Oslo. Bob stayed {n}.", SCHEMA) for n in range(6)]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text("old", encoding="utf-8")
    return folder


def test_a_model_agrees_with_itself() -> None:
    agreement = compare(exported_folder(), exported_folder(), PROBES)
    assert agreement.share == 1.0
    assert agreement.either > 0


def test_agreement_is_an_f1() -> None:
    assert Agreement(8, 10).share == 0.8
    assert Agreement(0, 0).share == 1.0


def test_int8_is_written_when_it_agrees_enough(previous: Path) -> None:
    agreement = export(model_folder(), previous, PROBES, min_agreement=0.0, card="new")
    assert agreement is not None
    assert agreement == compare(exported_folder(), previous, PROBES)
    assert PointerRuntime.load(previous, threads=1).card == "new"
    sizes = [(f / "encoder.onnx").stat().st_size for f in (previous, exported_folder())]
    assert sizes[0] < sizes[1]
    assert sorted(f.name for f in previous.parent.iterdir()) == ["model"]


def test_an_int8_model_that_says_something_else_is_refused(
    previous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault injection: the weights that point at labels are lost on the way to int8."""
    quantize = exporting._quantize

    def damage(source: Path, folder: Path, probes: Sequence[Prompt]) -> None:
        quantize(source, folder, probes)
        model = onnx.load(folder / "encoder.onnx")
        for tensor in model.graph.initializer:
            if tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.UINT8):
                array = numpy_helper.to_array(tensor)
                tensor.CopyFrom(numpy_helper.from_array(np.flip(array).copy(), tensor.name))
        onnx.save(model, folder / "encoder.onnx")

    monkeypatch.setattr(exporting, "_quantize", damage)
    before = snapshot(previous)
    with pytest.raises(ModelError, match=r"agrees with .*at least 99%: nothing was written"):
        export(model_folder(), previous, PROBES)
    assert snapshot(previous) == before
    assert sorted(f.name for f in previous.parent.iterdir()) == ["model"]


def test_without_probes_int8_is_refused(previous: Path) -> None:
    before = snapshot(previous)
    with pytest.raises(ModelError, match="no probe prompts"):
        export(model_folder(), previous, ())
    assert snapshot(previous) == before


def test_a_folder_without_a_model_leaves_the_old_export(previous: Path, tmp_path: Path) -> None:
    before = snapshot(previous)
    with pytest.raises(ModelError, match="does not hold a pointer model"):
        export(tmp_path / "nothing", previous, PROBES)
    assert snapshot(previous) == before


def test_a_failing_export_leaves_the_old_one(
    previous: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("shutil.copytree", fail)
    before = snapshot(previous)
    with pytest.raises(OSError, match="disk full"):
        export(model_folder(), previous, (), int8=False)
    assert snapshot(previous) == before


def test_word_vectors_are_small_in_both_precisions() -> None:
    model = onnx.load(exported_folder() / "encoder.onnx")
    types = {t.data_type for t in model.graph.initializer if len(t.dims) == 2 and t.dims[0] > 90}
    assert onnx.TensorProto.INT8 in types


def test_probes_are_dev_texts_of_every_task_of_the_training_sets(tmp_path: Path) -> None:
    zero = data_set({"dev": [record("Zed.", entities=[("x", "Zed")])]}, use="zero-shot")
    many = data_set(
        {
            "dev": [
                record("A b.", entities=[(f"label {n}", "A") for n in range(40)]),
                record("x " * 400, entities=[("label 0", "x")]),
            ]
        }
    )
    data = prepared(tmp_path, {**small_sets(), "zero": zero, "many": many})
    probes = probe_prompts(data, per_set=2)
    assert [p.task.name for p in probes] == ["NER"] * 2 + ["RE"] * 2 + ["EE"] * 2 + ["NER"]
    assert max(len(p.options) for p in probes) == 16
    assert "Zed." not in {p.text for p in probes}


def test_the_config_travels_with_the_export() -> None:
    row = json.loads((exported_folder() / "config.json").read_text(encoding="utf-8"))
    assert row["format"] == "instructuie-pointer-2"
