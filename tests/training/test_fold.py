from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import onnx
import torch

from instructuie.pointer.model import DecoderLayer, Moves, PointerModel
from instructuie.training.export import export
from instructuie.training.fold import fold_attention_biases
from instructuie.training.fuse import fuse
from tests.tiny import model_folder


def encoder_layers(model: PointerModel) -> Any:
    encoder: Any = model.encoder
    return encoder.encoder.layer


def with_biases() -> PointerModel:
    model = PointerModel.load(model_folder()).eval()
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_(std=0.5)
    return model


def test_a_folded_model_gives_the_same_scores() -> None:
    model = with_biases()
    folded = copy.deepcopy(model)
    fold_attention_biases(folded)
    ids, shapes = torch.arange(5, 17).view(2, 6), torch.zeros(2, 6, dtype=torch.long)
    mask = torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    moves = Moves(*(torch.tensor([[0, 2, 3], [0, 1, 2]]) for _ in range(3)))
    with torch.no_grad():
        first, second = (m(ids, shapes, mask, moves, torch.tensor([0, 3])) for m in (model, folded))
    assert torch.allclose(first, second, atol=1e-4)
    assert not any(layer.attention.self.key.bias.any() for layer in encoder_layers(folded))
    for layer in folded.layers:
        assert isinstance(layer, DecoderLayer)
        assert not layer.cross_kv.bias.any()


def test_what_was_folded_is_not_added_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    with_biases().save(folder)
    (folder / "tokenizer.json").write_bytes((model_folder() / "tokenizer.json").read_bytes())
    export(folder, tmp_path / "exported", (), int8=False)
    source = tmp_path / "exported" / "encoder.onnx"
    fuse(source, tmp_path / "fused.onnx", heads=2, width=32)
    before, after = (
        sum(node.op_type == "Add" for node in onnx.load(path).graph.node)
        for path in (source, tmp_path / "fused.onnx")
    )
    model = PointerModel.load(folder)
    folded = 2 * len(encoder_layers(model)) + len(model.layers)
    assert before - after >= folded
