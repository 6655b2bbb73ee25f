"""What the states of each product look like on probe texts: how large their channels get, and how they
move together. Quantisation is fitted to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Seen:
    """C channels of some states, over all tokens that were seen."""

    largest: FloatArray
    """(C,) The largest magnitude of each."""
    moments: npt.NDArray[np.float64]
    """(C, C) The sum over tokens of the product of any two."""

    def divided(self, divider: FloatArray) -> Seen:
        """The same for states of which each channel was divided."""
        return Seen(self.largest / divider, self.moments / np.outer(divider, divider))

    def part(self, channels: npt.NDArray[np.int64]) -> Seen:
        return Seen(self.largest[channels], self.moments[np.ix_(channels, channels)])


def observed(source: Path, target: Path) -> tuple[str, ...]:
    """Write `target`, which also puts out the states of each product; returns their names, in the
    order of the added outputs."""
    model = onnx.load(str(source))
    weights = matrices(model)
    names = tuple(dict.fromkeys(n.input[0] for n in model.graph.node if is_product(n, weights)))
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    onnx.save(model, str(target))
    return names


class Observer:
    """Stands in for a session of an observed graph: the same results, and what was seen is kept."""

    def __init__(self, session: Any, names: Sequence[str]) -> None:
        self._session, self._names = session, names
        self.seen: dict[str, Seen] = {}

    def run(self, outputs: None, inputs: Mapping[str, Any]) -> list[Any]:
        results: list[Any] = self._session.run(outputs, inputs)
        count = len(results) - len(self._names)
        for name, states in zip(self._names, results[count:], strict=True):
            tokens = states.reshape(-1, states.shape[-1])
            largest, moments = np.abs(tokens).max(axis=0), tokens.T.astype(np.float64) @ tokens
            if name in self.seen:
                largest = np.maximum(largest, self.seen[name].largest)
                moments += self.seen[name].moments
            self.seen[name] = Seen(largest, moments)
        return results[:count]


def matrices(model: ModelProto) -> dict[str, TensorProto]:
    """The weight matrices (in, out) of a graph, by name."""
    return {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2
    }


def is_product(node: NodeProto, weights: Mapping[str, TensorProto]) -> bool:
    """Whether a node multiplies states with a weight matrix."""
    return node.op_type == "MatMul" and node.input[1] in weights
