"""An exported model -> one that can be trained on, with practically the same answers.

The ONNX graphs hold everything but the split of the pointing weights into queries and keys: most tensors
under the names that they have in `PointerModel`, weight matrices as fp32 or as int8 rows with their
scales (see `quantize.py`, which this undoes). A matrix is told by the bias that is added to its product.

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
from onnx import ModelProto, NodeProto, numpy_helper
from torch import Tensor

from instructuie.errors import ModelError
from instructuie.pointer.model import QUERIES, PointerConfig, PointerModel
from instructuie.pointer.runtime import PointerRuntime

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float32]

_GRAPHS = ("encoder.onnx", "decoder.onnx")
_OURS = "model."
"""Exported modules hold the model under this name."""
_TABLE = "encoder.embeddings.word_embeddings"
_WITHOUT_BIAS = "first_projection"
_UNUSED = "encoder.pooler."
"""Part of a Hugging Face encoder that the model never runs."""


def restore(folder: Path) -> PointerModel:
    """The model of an exported folder. Raises ModelError when it cannot be read back whole."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if "model_type" in config:
            raise ModelError(
                f"{folder} holds a text model, and fine-tuning by one command is for pointer models: "
                "train it with `instructuie train`"
            )
        PointerRuntime.load(folder, threads=1)  # for its messages about anything else
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


def _weights(graph: ModelProto) -> dict[str, Tensor]:
    """Every parameter of a graph, under its name in `PointerModel`."""
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.graph.initializer}
    found: dict[str, FloatArray] = {}
    for name, value in tensors.items():
        if name.startswith(_OURS) and value.dtype == np.float32:
            bias = name.endswith(".bias")
            found[name.removeprefix(_OURS)] = value.reshape(-1) if bias else value
    rows, scale = (tensors.get(f"{_OURS}{_TABLE}.{part}") for part in ("rows", "scale"))
    if rows is not None and scale is not None:
        found.pop(f"{_TABLE}.scale")
        found[f"{_TABLE}.weight"] = rows.astype(np.float32) * scale
    if "point.bias" in tensors:
        found["point.bias"] = tensors["point.bias"]
    for name, matrix in _matrices(graph, tensors):
        found[f"{name}.weight"] = np.ascontiguousarray(matrix.T)
    return {name: torch.from_numpy(np.array(value)) for name, value in found.items()}


def _matrices(graph: ModelProto, tensors: Mapping[str, Any]) -> Iterator[tuple[str, FloatArray]]:
    """Each weight matrix (in, out) with the name of its layer."""
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    for node in graph.graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            yield _layer(node, readers, tensors), tensors[node.input[1]]
        elif node.op_type == "MatMulIntegerToFloat":
            states, weight, _, scale = node.input[:4]
            matrix = tensors[weight].astype(np.float32) * tensors[scale]
            divided = tensors.get(f"{states.removesuffix('_int8')}_inverse")
            if divided is not None:
                matrix = matrix * divided[:, None]
            (scaled,) = readers[node.output[0]]
            yield _layer(scaled, readers, tensors), matrix


def _layer(
    product: NodeProto, readers: Mapping[str, list[NodeProto]], tensors: Mapping[str, Any]
) -> str:
    """The name of the layer whose product this node puts out: that of the bias added to it."""
    for reader in readers.get(product.output[0], ()):
        for name in reader.input:
            if name in tensors and name.endswith(".bias") and "norm" not in name.lower():
                return str(name).removeprefix(_OURS).removesuffix(".bias")
    return _WITHOUT_BIAS


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
        if name.startswith(_UNUSED):
            weights[name] = torch.zeros_like(value)
