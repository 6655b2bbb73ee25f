"""fp32 ONNX graph -> int8, with one range per token and one scale per channel.

The usual dynamic quantisation takes one scale over a whole batch, padding included: an outlier in
one text then costs every text its precision, and a text's result depends on its neighbours. A range
for each token costs a few more operations and has neither fault.

Encoders have a few channels that are ten times as large as the others, whatever the text. Dividing
each input channel by a constant, and multiplying its row of weights by the same, changes nothing in
the product and evens them out (SmoothQuant, arXiv 2211.10438); the constants come from the largest
values seen on probe texts. Weights are rounded row by row, and what one row loses the later rows make
up for as far as their channels move with it (GPTQ, arXiv 2210.17323).

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

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from instructuie.training.observe import FloatArray, Seen, is_product, matrices
from instructuie.training.rearrange import even_values, split_gelu

_ZERO, _ONE, _LOW_ZERO = "int8_zero", "int8_one", "int8_low_zero"
_LEVEL, _LOW_LEVEL, _LEAST = "int8_level", "int8_low_level", "int8_least"
_AXIS, _TINY = "int8_axis", "int8_tiny"
_OPSET = 21
_BELOW = 32
"""Levels below 0 of states after a GELU."""
_ORT = "com.microsoft"
_EVENING = 0.7
"""How much of a channel's size moves from the states into the weights."""
_DAMPING = 0.01
"""Added to the moments' diagonal, as a share of its mean."""


def quantize_per_token(source: Path, target: Path, seen: Mapping[str, Seen]) -> None:
    """Write `target` with every product of states and a weight matrix in int8.

    `seen` holds what the states of each such product look like.
    """
    model = onnx.load(str(source))
    seen, even = even_values(model, split_gelu(model, seen), _divider)
    graph = model.graph
    weights = matrices(model)
    products = [node for node in graph.node if is_product(node, weights)]
    after_gelu = _after_gelu(model)
    dividers: dict[str, FloatArray] = {}
    for states in dict.fromkeys(node.input[0] for node in products):
        if states not in even | after_gelu:
            read_by = [weights[n.input[1]] for n in products if n.input[0] == states]
            dividers[states] = _divider(seen[states], [numpy_helper.to_array(w) for w in read_by])
    nodes: list[NodeProto] = []
    done: set[str] = set()
    for node in graph.node:
        if not is_product(node, weights):
            nodes.append(node)
            continue
        states = node.input[0]
        width = len(seen[states].largest)
        divider = dividers.get(states)
        if states not in done:
            done.add(states)
            if divider is not None:
                inverse = (1 / divider).astype(np.float32)
                graph.initializer.append(numpy_helper.from_array(inverse, f"{states}_inverse"))
            nodes += (
                _quantized_after_gelu(states, width)
                if states in after_gelu
                else _quantized_states(states, width, even=states in even)
            )
        matrix, look = numpy_helper.to_array(weights[node.input[1]]), seen[states]
        if divider is not None:
            matrix, look = matrix * divider[:, None], look.divided(divider)
        graph.initializer.extend(_quantized_weight(node, matrix, look.moments))
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


def _drop_unused(model: ModelProto) -> None:
    """Leave out tensors that no node reads any more; equal weights may share one."""
    read = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _after_gelu(model: ModelProto) -> frozenset[str]:
    return frozenset(node.output[0] for node in model.graph.node if node.op_type == "Gelu")


def _divider(seen: Seen, weights: Sequence[FloatArray]) -> FloatArray:
    """What each channel of the states is divided by, shared by all products that read them."""
    strength = np.max([np.abs(w).max(axis=1) for w in weights], axis=0)
    states = np.maximum(seen.largest, 1e-5) ** _EVENING
    divider: FloatArray = (states / np.maximum(strength, 1e-5) ** (1 - _EVENING)).astype(np.float32)
    return divider


def _quantized_states(states: str, width: int, *, even: bool) -> list[NodeProto]:
    """x -> the level of each token, and u as 8 bits."""
    name = _names(states)
    evened = states if even else name("even")
    nodes = [
        helper.make_node("ReduceMax", [evened, _AXIS], [name("high")], keepdims=1),
        helper.make_node("ReduceMin", [evened, _AXIS], [name("low")], keepdims=1),
        helper.make_node("Neg", [name("low")], [name("lower")]),
        helper.make_node("Max", [name("high"), name("lower"), _TINY], [name("radius")]),
        helper.make_node("Mul", [name("radius"), _LEVEL], [name("level")]),
        *_rounded(states, evened, _ZERO, width),
    ]
    if not even:
        nodes.insert(0, helper.make_node("Mul", [states, name("inverse")], [evened]))
    return nodes


def _quantized_after_gelu(states: str, width: int) -> list[NodeProto]:
    name = _names(states)
    return [
        helper.make_node("ReduceMax", [states, _AXIS], [name("high")], keepdims=1),
        helper.make_node("Mul", [name("high"), _LOW_LEVEL], [name("some")]),
        helper.make_node("Max", [name("some"), _LEAST], [name("level")]),
        *_rounded(states, states, _LOW_ZERO, width),
    ]


def _rounded(states: str, evened: str, zero: str, width: int) -> list[NodeProto]:
    name = _names(states)
    return [
        helper.make_node("Shape", [name("level")], [name("tokens")]),
        helper.make_node("Expand", [zero, name("tokens")], [name("zeros")]),
        helper.make_node(
            "QuantizeLinear",
            [evened, name("level"), name("zeros")],
            [name("int8")],
            axis=-1,
            block_size=width,
        ),
    ]


def _quantized_weight(
    node: NodeProto, matrix: FloatArray, moments: npt.NDArray[np.float64]
) -> list[TensorProto]:
    """A matrix (in, out) as int8, and its scale per output channel."""
    scale = np.abs(matrix).max(axis=0) / 127
    scale[scale == 0] = 1.0
    name = _names(node.output[0])
    return [
        numpy_helper.from_array(rounded(matrix, scale, moments), name("weight")),
        numpy_helper.from_array(scale.astype(np.float32), name("scale")),
        numpy_helper.from_array(np.zeros((), np.int8), name("zero")),
    ]


def rounded(
    matrix: FloatArray, scale: FloatArray, moments: npt.NDArray[np.float64]
) -> npt.NDArray[np.int8]:
    """A matrix (in, out) in units of `scale` (out,), rounded so that products with states of these
    `moments` (in, in) change little."""
    damping = _DAMPING * float(np.mean(np.diag(moments))) + 1e-12
    inverse = np.linalg.inv(moments + damping * np.eye(len(moments)))
    onto_later = np.linalg.cholesky(inverse).T
    left = matrix.astype(np.float64) / scale
    result = np.zeros(matrix.shape, np.int8)
    for row in range(len(left)):
        result[row] = np.clip(np.round(left[row]), -127, 127)
        lost = (left[row] - result[row]) / onto_later[row, row]
        left[row + 1 :] -= np.outer(onto_later[row, row + 1 :], lost)
    return result


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
