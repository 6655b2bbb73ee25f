from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from instructuie.engines.agreement import Agreement
from instructuie.errors import ModelError
from instructuie.extractor import Extractor
from instructuie.pointer.model import PointerModel
from instructuie.pointer.runtime import PointerRuntime
from instructuie.pointer.stepwise import TorchBackend
from instructuie.prompt import Prompt
from instructuie.training.export import compare, export
from instructuie.training.fold import fold_attention_biases
from instructuie.training.probe import general_records, questions
from instructuie.training.restore import restore
from instructuie.types import Result

from .exported import fp32_folder, int8_folder, prompts, trained_folder


def answers(folder: Path, asked: list[Prompt], model: PointerModel | None = None) -> list[Result]:
    runtime = PointerRuntime.load(folder, threads=1)
    if model is not None:
        runtime.backend = TorchBackend(model)  # type: ignore[assignment]
    return runtime.answer(asked)


def share_of_equal(left: list[Result], right: list[Result]) -> Agreement:
    same = either = 0
    for one, other in zip(left, right, strict=True):
        found = [
            {json.dumps(x) for rows in r.extraction.to_dict().values() for x in rows}
            for r in (one, other)
        ]
        same += 2 * len(found[0] & found[1])
        either += len(found[0]) + len(found[1])
    return Agreement(same, either)


def folded(folder: Path) -> PointerModel:
    """The model as it is exported; before that, some of its biases counted for nothing."""
    model = PointerModel.load(folder)
    fold_attention_biases(model)
    return model


def test_an_fp32_export_comes_back_whole() -> None:
    original, restored = folded(trained_folder()), restore(fp32_folder())
    for name, weight in original.state_dict().items():
        found = restored.state_dict()[name]
        if "word_embeddings" in name:  # the one table that is int8 all the same
            assert torch.allclose(found, weight, atol=float(weight.abs().max()) / 127)
        elif "pooler" not in name and name.partition(".")[0] not in ("query", "key"):
            assert torch.equal(found, weight), name
    asked = prompts()
    agreement = share_of_equal(
        answers(fp32_folder(), asked), answers(fp32_folder(), asked, restored)
    )
    assert agreement.either > 0
    assert agreement.share == 1.0


def test_an_int8_export_comes_back_as_it_was_rounded() -> None:
    original, restored = folded(trained_folder()), restore(int8_folder())
    for name, weight in original.state_dict().items():
        if "pooler" in name or name.partition(".")[0] in ("query", "key"):
            continue
        if ".self.value." in name or ".attention.output.dense.weight" in name:
            continue  # see below
        found = restored.state_dict()[name]
        if weight.ndim == 2 and "embedding" not in name:
            assert float((found - weight).norm() / weight.norm()) < 0.02, name
        elif "word_embeddings" not in name:
            assert torch.equal(found, weight), name
    # The export moves a factor of each channel from one matrix into the other.
    for number in range(original.config.encoder["num_hidden_layers"]):
        weight, found = (value_and_output(model, number) for model in (original, restored))
        assert float((found - weight).norm() / weight.norm()) < 0.03
    agreement = share_of_equal(
        answers(int8_folder(), prompts()), answers(int8_folder(), prompts(), restored)
    )
    assert agreement.either > 0
    assert agreement.share > 0.9


def value_and_output(model: PointerModel, layer: int) -> torch.Tensor:
    """The product of what an attention does with a state before and after it is averaged."""
    weights, name = model.state_dict(), f"encoder.encoder.layer.{layer}.attention"
    product: torch.Tensor = (
        weights[f"{name}.output.dense.weight"] @ weights[f"{name}.self.value.weight"]
    )
    return product


def test_split_layers_come_back_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instructuie.training.rearrange.LARGE", 8)
    export(trained_folder(), tmp_path / "split", prompts(), min_agreement=0.0)
    original, restored = folded(trained_folder()), restore(tmp_path / "split")
    ids = torch.arange(6, 26).view(2, 10)
    mask = torch.ones_like(ids)
    with torch.no_grad():
        before, after = (m.eval().encode(ids, ids % 3, mask) for m in (original, restored))
    assert float((after - before).norm() / before.norm()) < 0.03
    name = "encoder.encoder.layer.0.intermediate.dense.bias"
    inner, found = original.state_dict()[name], restored.state_dict()[name]
    assert torch.equal(inner.sort().values, found.sort().values)
    assert not torch.equal(inner, found)


def test_what_is_restored_can_be_exported_again(tmp_path: Path) -> None:
    restore(int8_folder()).save(tmp_path / "start")
    shutil.copyfile(int8_folder() / "tokenizer.json", tmp_path / "start" / "tokenizer.json")
    export(tmp_path / "start", tmp_path / "again", prompts(), min_agreement=0.0)
    assert compare(int8_folder(), tmp_path / "again", prompts()).share > 0.9


def test_the_built_in_model_comes_back_with_practically_the_same_answers() -> None:
    from instructuie.data.prepared import Inventory

    folder = Extractor(threads=1).folder
    asked = questions((), Inventory(()))
    some = [i.prompt for instances in asked.instances.values() for i in instances[:8]]
    assert len(some) == 8 * len(general_records())
    agreement = share_of_equal(answers(folder, some), answers(folder, some, restore(folder)))
    assert agreement.either > 50
    assert agreement.share > 0.95


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        restore(tmp_path)
    with pytest.raises(ModelError, match="export it"):
        restore(trained_folder())
    (tmp_path / "config.json").write_text('{"model_type": "t5"}', encoding="utf-8")
    with pytest.raises(ModelError, match="holds a text model"):
        restore(tmp_path)


def test_a_model_of_other_parts_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(int8_folder(), folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["encoder"]["num_hidden_layers"] += 1
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read back"):
        restore(folder)
