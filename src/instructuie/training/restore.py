"""An exported model -> one that can be trained on, with practically the same answers.

The ONNX graphs hold all that counts: most tensors under the names that they have in `PointerModel`,
weight matrices, as fp32 or as int8 rows with their scales (see `quantize.py`, which this undoes), under
the name of the layer whose product they are part of. What the export has folded away comes back as
another split of the same function: queries and keys, and biases that are zero now (`fold.py`).

Only rounding to int8, which cannot be undone, lies between the restored model and the one exported.
The exporter keeps equal tensors once, so a model that was never trained, and has many, is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor

from instructuie.errors import ModelError
from instructuie.pointer.model import QUERIES, PointerConfig, PointerModel
from instructuie.pointer.runtime import PointerRuntime
from instructuie.training.rearrange import PARTS

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

_GRAPHS = ("encoder.onnx", "decoder.onnx")
_OURS = "model."
"""Exported modules hold the model under this name."""
_TABLE = "encoder.embeddings.word_embeddings"
_DECODER = ("self_qkv", "self_out", "cross_q", "cross_kv", "cross_out", "inner", "outer")
"""The linear layers of a decoder layer."""
_UNUSED = "encoder.pooler."
"""Part of a Hugging Face encoder that the model never runs."""


def restore(folder: Path) -> PointerModel:
    """The model of an exported folder. Raises ModelError when it cannot be read back whole."""
    check_start(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model = PointerModel(PointerConfig(**config))
        weights: dict[str, Tensor] = {}
        for name in _GRAPHS:
            weights |= _weights(onnx.load(str(folder / name)))
        _unfold(weights, model)
        model.load_state_dict(weights)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise ModelError(
            f"the weights of {folder} cannot be read back for training: {error}; expected a folder "
            "that this version's `instructuie export` or `instructuie finetune` wrote"
        ) from error
    return model


def check_start(folder: Path) -> None:
    """Raise ModelError for a folder that does not hold an exported pointer model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = {}
    if "model_type" in config:
        raise ModelError(
            f"{folder} holds a text model, and fine-tuning by one command is for pointer models: "
            "train it with `instructuie train`"
        )
    if (folder / "model.safetensors").exists():
        raise ModelError(
            f"{folder} holds a model as training leaves it: export it with `instructuie export` first"
        )
    PointerRuntime.load(folder, threads=1)  # for its messages about anything else


def _weights(graph: ModelProto) -> dict[str, Tensor]:
    """Every parameter of a graph, under its name in `PointerModel`."""
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.graph.initializer}
    found: dict[str, FloatArray] = {}
    for name, value in tensors.items():
        if name.startswith(_OURS) and value.dtype == np.float32:
            whole, part = _whole(name.removeprefix(_OURS))
            value = value.reshape(-1) if whole.endswith(".bias") else value
            found[whole] = np.concatenate([found[whole], value]) if part else value
    rows, scale = (tensors.get(f"{_OURS}{_TABLE}.{part}") for part in ("rows", "scale"))
    if rows is not None and scale is not None:
        found.pop(f"{_TABLE}.scale")
        found[f"{_TABLE}.weight"] = rows.astype(np.float32) * scale
    if "point.bias" in tensors:
        found["point.bias"] = tensors["point.bias"]
    for name, matrix, axis in _matrices(graph, tensors):
        name = f"{name}.weight"
        found[name] = np.concatenate([found[name], matrix.T], axis) if name in found else matrix.T
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def _matrices(
    graph: ModelProto, tensors: Mapping[str, Any]
) -> Iterator[tuple[str, FloatArray, int]]:
    """Each weight matrix (in, out) with the name of its layer, and the axis of (out, in) along which
    the second part of a layer that was split goes on."""
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            yield _layer(node.output[0]), tensors[node.input[1]], 0
        elif node.op_type == "MatMulIntegerToFloat":
            states, weight, _, scale = node.input[:4]
            matrix = tensors[weight].astype(np.float32) * tensors[scale]
            divided = tensors.get(f"{states.removesuffix('_int8')}_inverse")
            if divided is not None:
                matrix = matrix * divided[:, None]
            product, _ = _whole(weight.removesuffix("_weight"))
            _, of_part = _whole(states.removesuffix("_int8"))
            yield _layer(product), matrix, 1 if of_part is not None else 0


def _whole(name: str) -> tuple[str, int | None]:
    """The name of a tensor before its layer was split, and which part it is of (see `rearrange.py`)."""
    whole, _, part = name.rpartition("_")
    return (whole, PARTS.index(part)) if part in PARTS else (name, None)


def _layer(product: str) -> str:
    """The name of a layer from that of its product: `/encoder/layer.0/query/MatMul_output_0`.

    The exporter numbers products of layers that it meets outside of a module's call: those of the
    decoder, `/cross_q` and `/cross_q_1`.
    """
    name = product.removesuffix("/MatMul_output_0").strip("/").replace("/", ".")
    kind, _, index = name.rpartition("_")
    if not index.isdigit():
        kind, index = name, "0"
    return f"layers.{index}.{kind}" if kind in _DECODER else name


def _unfold(weights: dict[str, Tensor], model: PointerModel) -> None:
    """Queries and keys from their folded product: any split of it points at the same places.

    The keys become a multiple of the identity, as large as the queries; their bias never counted.
    """
    width = model.width
    folded = weights.pop("point.weight")
    size = math.sqrt(float(folded.norm()) * math.sqrt(width) / math.sqrt(QUERIES * width))
    weights["key.weight"] = size * torch.eye(width).repeat(QUERIES, 1)
    weights["key.bias"] = torch.zeros(QUERIES * width)
    weights["query.weight"] = folded * (math.sqrt(width) / size)
    weights["query.bias"] = weights.pop("point.bias") * (math.sqrt(width) / size)
    for name, value in model.state_dict().items():
        # Of the rest, only biases of nothing are left out of a graph.
        if name.startswith(_UNUSED) or (name.endswith(".bias") and name not in weights):
            weights[name] = torch.zeros_like(value)
