"""Biases that attention does not need, folded away before export: the same function, fewer operations.

A key's bias adds the same to all scores of a query, so softmax does not see it. A value's bias passes
through attention unchanged, since the weights sum to 1, so it can be added after the output
projection: W_o (v + b) + b_o = W_o v + (W_o b + b_o).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from instructuie.pointer.model import DecoderLayer, PointerModel


@torch.no_grad()
def fold_attention_biases(model: PointerModel) -> None:
    """Set the biases of keys and values to 0, in place; encoders of another build are left alone."""
    encoder: Any = model.encoder
    for layer in getattr(getattr(encoder, "encoder", None), "layer", ()):
        own, output = _attention(layer)
        if own is not None and output is not None:
            own.key.bias.zero_()
            _move(own.value.bias, output)
    width = model.width
    for layer in model.layers:
        assert isinstance(layer, DecoderLayer)
        layer.self_qkv.bias[width : 2 * width].zero_()
        _move(layer.self_qkv.bias[2 * width :], layer.self_out)
        layer.cross_kv.bias[:width].zero_()
        _move(layer.cross_kv.bias[width:], layer.cross_out)


def _attention(layer: Any) -> tuple[Any, nn.Linear | None]:
    """The projections of a BERT layer's self-attention, and the one after it."""
    attention = getattr(layer, "attention", None)
    own, output = getattr(attention, "self", None), getattr(attention, "output", None)
    dense = getattr(output, "dense", None)
    usable = all(isinstance(getattr(own, name, None), nn.Linear) for name in ("key", "value"))
    return (own, dense) if usable and isinstance(dense, nn.Linear) else (None, None)


def _move(bias: Tensor, output: nn.Linear) -> None:
    output.bias.add_(output.weight @ bias)
    bias.zero_()
