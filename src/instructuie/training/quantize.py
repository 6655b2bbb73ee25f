"""fp32 ONNX graph -> int8, with one range per token and one scale per channel.

The usual dynamic quantisation takes one scale over a whole batch, padding included: an outlier in
one text then costs every text its precision, and a text's result depends on its neighbours. A range
for each token costs a few more operations and has neither fault.

Encoders have a few channels that are ten times as large as the others, whatever the text. Dividing
each input channel by a constant, and multiplying its row of weights by the same, changes nothing in
the product and evens them out (SmoothQuant, arXiv 2211.10438); the constants come from the largest
values seen on probe texts.

A token's evened states x lie within 127 levels of 0; x = l u, with the level l its greatest magnitude
over 127 and u what gets rounded, and x W = l (u W). States after a GELU are never below -0.17, and
would waste half of that range: theirs has 32 of the 256 levels below 0, and they are not evened.

`QuantizeLinear` in blocks of a whole token is one pass over the states where scaling and rounding
would be two; it needs operator set 21. `MatMulIntegerToFloat` is ONNX Runtime's own operator for an
int8 product and its scaling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FloatArray = npt.NDArray[np.float32]
_ZERO, _ONE, _LOW_ZERO = "int8_zero", "int8_one", "int8_low_zero"
_LEVEL, _LOW_LEVEL, _LEAST = "int8_level", "int8_low_level", "int8_least"
_AXIS, _TINY = "int8_axis", "int8_tiny"
_OPSET = 21
_BELOW = 32
"""Levels below 0 of states after a GELU."""
_ORT = "com.microsoft"
_EVENING = 0.6
"""How much of a channel's size moves from the states into the weights."""


def quantize_per_token(source: Path, target: Path, largest: Mapping[str, FloatArray]) -> None:
    """Write `target` with every product of states and a weight matrix in int8.

    `largest` holds, for each such product's states, the largest magnitude of each channel.
    """
    model = onnx.load(str(source))
    graph = model.graph
    weights = _weights(model)
    products = [node for node in graph.node if _is_product(node, weights)]
    after_gelu = _after_gelu(model)
    dividers = {
        states: np.ones_like(largest[states])
        if states in after_gelu
        else _divider(
            largest[states], [weights[n.input[1]] for n in products if n.input[0] == states]
        )
        for states in dict.fromkeys(node.input[0] for node in products)
    }
    nodes: list[NodeProto] = []
    seen: set[str] = set()
    for node in graph.node:
        if not _is_product(node, weights):
            nodes.append(node)
            continue
        states = node.input[0]
        if states not in seen:
            seen.add(states)
            if states not in after_gelu:
                inverse = (1 / dividers[states]).astype(np.float32)
                graph.initializer.append(numpy_helper.from_array(inverse, f"{states}_inverse"))
            nodes += _quantized_states(
                states, len(dividers[states]), after_gelu=states in after_gelu
            )
        graph.initializer.extend(_quantized_weight(node, weights, dividers[states]))
        nodes += _product(node, after_gelu=states in after_gelu)
    graph.initializer.extend(_constants())
    del graph.node[:]
    graph.node.extend(nodes)
    _drop_unused(model)
    domains = {e.domain: e.version for e in model.opset_import}
    del model.opset_import[:]
    # What other operators changed between 18 and 21 is types that do not occur here.
    for domain, version in {**domains, "": max(domains.get("", 0), _OPSET), _ORT: 1}.items():
        model.opset_import.append(helper.make_opsetid(domain, version))
    model.ir_version = max(model.ir_version, 10)
    onnx.save(model, str(target))


def observed(source: Path, target: Path) -> tuple[str, ...]:
    """Write `target`, which also puts out the largest magnitude per channel of the states of each
    product; returns the names of those states, in the order of the added outputs."""
    model = onnx.load(str(source))
    weights = _weights(model)
    names = tuple(dict.fromkeys(n.input[0] for n in model.graph.node if _is_product(n, weights)))
    for name in names:
        flat, size, top = (f"{name}_{part}" for part in ("flat", "size", "largest"))
        model.graph.initializer.extend(
            [
                numpy_helper.from_array(np.array([0], np.int64), f"{name}_rows"),
                numpy_helper.from_array(np.array([-1, _width(model, name, weights)]), f"{name}_2d"),
            ]
        )
        model.graph.node.extend(
            [
                helper.make_node("Abs", [name], [size]),
                helper.make_node("Reshape", [size, f"{name}_2d"], [flat]),
                helper.make_node("ReduceMax", [flat, f"{name}_rows"], [top], keepdims=0),
            ]
        )
        model.graph.output.append(helper.make_tensor_value_info(top, TensorProto.FLOAT, None))
    onnx.save(model, str(target))
    return names


class Observer:
    """Stands in for a session of an observed graph: the same results, and the maxima are kept."""

    def __init__(self, session: Any, names: Sequence[str]) -> None:
        self._session, self._names = session, names
        self.largest: dict[str, FloatArray] = {}

    def run(self, outputs: None, inputs: Mapping[str, Any]) -> list[Any]:
        results: list[Any] = self._session.run(outputs, inputs)
        count = len(results) - len(self._names)
        for name, values in zip(self._names, results[count:], strict=True):
            self.largest[name] = np.maximum(self.largest.get(name, np.zeros_like(values)), values)
        return results[:count]


def _drop_unused(model: ModelProto) -> None:
    """Leave out tensors that no node reads any more; equal weights may share one."""
    read = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _weights(model: ModelProto) -> dict[str, TensorProto]:
    return {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2
    }


def _is_product(node: NodeProto, weights: Mapping[str, TensorProto]) -> bool:
    return node.op_type == "MatMul" and node.input[1] in weights


def _after_gelu(model: ModelProto) -> frozenset[str]:
    return frozenset(node.output[0] for node in model.graph.node if node.op_type == "Gelu")


def _width(model: ModelProto, states: str, weights: Mapping[str, TensorProto]) -> int:
    node = next(n for n in model.graph.node if _is_product(n, weights) and n.input[0] == states)
    return int(weights[node.input[1]].dims[0])


def _divider(largest: FloatArray, weights: Sequence[TensorProto]) -> FloatArray:
    """What each channel of the states is divided by, shared by all products that read them."""
    strength = np.max([np.abs(numpy_helper.to_array(w)).max(axis=1) for w in weights], axis=0)
    states = np.maximum(largest, 1e-5) ** _EVENING
    divider: FloatArray = (states / np.maximum(strength, 1e-5) ** (1 - _EVENING)).astype(np.float32)
    return divider


def _quantized_states(states: str, width: int, *, after_gelu: bool) -> list[NodeProto]:
    """x -> the level of each token, and u as 8 bits."""
    name = _names(states)
    even = states if after_gelu else name("even")
    if after_gelu:
        nodes = [
            helper.make_node("ReduceMax", [states, _AXIS], [name("high")], keepdims=1),
            helper.make_node("Mul", [name("high"), _LOW_LEVEL], [name("some")]),
            helper.make_node("Max", [name("some"), _LEAST], [name("level")]),
        ]
    else:
        nodes = [
            helper.make_node("Mul", [states, name("inverse")], [even]),
            helper.make_node("ReduceMax", [even, _AXIS], [name("high")], keepdims=1),
            helper.make_node("ReduceMin", [even, _AXIS], [name("low")], keepdims=1),
            helper.make_node("Neg", [name("low")], [name("lower")]),
            helper.make_node("Max", [name("high"), name("lower"), _TINY], [name("radius")]),
            helper.make_node("Mul", [name("radius"), _LEVEL], [name("level")]),
        ]
    zero = _LOW_ZERO if after_gelu else _ZERO
    return [
        *nodes,
        helper.make_node("Shape", [name("level")], [name("tokens")]),
        helper.make_node("Expand", [zero, name("tokens")], [name("zeros")]),
        helper.make_node(
            "QuantizeLinear",
            [even, name("level"), name("zeros")],
            [name("int8")],
            axis=-1,
            block_size=width,
        ),
    ]


def _quantized_weight(
    node: NodeProto, weights: Mapping[str, TensorProto], divider: FloatArray
) -> list[TensorProto]:
    """A matrix (in, out) as int8, and its scale per output channel."""
    matrix = numpy_helper.to_array(weights[node.input[1]]) * divider[:, None]
    scale = np.abs(matrix).max(axis=0) / 127
    scale[scale == 0] = 1.0
    rounded = np.clip(np.round(matrix / scale), -127, 127).astype(np.int8)
    name = _names(node.output[0])
    return [
        numpy_helper.from_array(rounded, name("weight")),
        numpy_helper.from_array(scale.astype(np.float32), name("scale")),
        numpy_helper.from_array(np.zeros((), np.int8), name("zero")),
    ]


def _product(node: NodeProto, *, after_gelu: bool) -> list[NodeProto]:
    """The int8 product of a MatMul node, scaled back into its output."""
    x, name = _names(node.input[0]), _names(node.output[0])
    zero = _LOW_ZERO if after_gelu else _ZERO
    inputs = [x("int8"), name("weight"), _ONE, name("scale"), zero, name("zero")]
    return [
        helper.make_node("MatMulIntegerToFloat", inputs, [name("unit")], domain=_ORT),
        helper.make_node("Mul", [name("unit"), x("level")], [node.output[0]]),
    ]


def _constants() -> list[TensorProto]:
    return [
        numpy_helper.from_array(np.array(1 / 127, np.float32), _LEVEL),
        numpy_helper.from_array(np.array(128, np.uint8), _ZERO),
        numpy_helper.from_array(np.array(1, np.float32), _ONE),
        numpy_helper.from_array(np.array(_BELOW, np.uint8), _LOW_ZERO),
        numpy_helper.from_array(np.array(1 / (255 - _BELOW), np.float32), _LOW_LEVEL),
        numpy_helper.from_array(np.array(0.17 / _BELOW, np.float32), _LEAST),
        numpy_helper.from_array(np.array([-1], np.int64), _AXIS),
        numpy_helper.from_array(np.array(1e-12, np.float32), _TINY),
    ]


def _names(base: str) -> Callable[[str], str]:
    return lambda part: f"{base}_{part}"
