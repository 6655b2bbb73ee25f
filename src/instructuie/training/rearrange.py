"""fp32 ONNX graph -> one that computes the same and loses less when its products go to int8.

- `split_gelu`: a few channels of the states after a GELU are much larger than the others, and one
  level for a whole token is set by them. So the largest channels become a product of their own, with
  levels of their own.
- `even_values`: what evens the states after an attention out (see `quantize.py`) is multiplied into
  the weights that made them, as attention mixes tokens and leaves channels apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from instructuie.training.observe import FloatArray, Seen, is_product, matrices

PARTS = ("large", "small")
LARGE = 256
"""Channels in the first part."""


def split_gelu(model: ModelProto, seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """Cut every feed-forward layer into two that are added up, in place; returns what was seen with
    the states of the parts in it. Layers without enough channels stay whole."""
    result = dict(seen)
    weights, makers, own = matrices(model), _makers(model), _read_once(model)
    for outer in [node for node in model.graph.node if is_product(node, weights)]:
        states = outer.input[0]
        layer = _feed_forward(outer, makers, weights)
        if layer is None or len(seen[states].largest) <= LARGE:
            continue
        nodes, bias = layer
        if not {states, nodes[0].input[1], bias, outer.input[1]} <= own:
            continue
        order = np.argsort(-np.diag(seen[states].moments), kind="stable")
        chains = []
        for part, channels in zip(PARTS, (order[:LARGE], order[LARGE:]), strict=True):
            channels = np.sort(channels)
            chains.append(_part(model, part, channels, nodes, bias))
            result[f"{states}_{part}"] = seen[states].part(channels)
        del result[states]
        total = helper.make_node("Add", [c[-1].output[0] for c in chains], [outer.output[0]])
        _replace(model, nodes, [*chains[0], *chains[1], total])
    return result


def _feed_forward(
    outer: NodeProto, makers: Mapping[str, NodeProto], weights: Mapping[str, TensorProto]
) -> tuple[list[NodeProto], str] | None:
    """Product, bias, GELU and product, with the name of the bias, by the last of them; None for
    what is built otherwise."""
    gelu = makers.get(outer.input[0])
    added = makers.get(gelu.input[0]) if gelu is not None else None
    if gelu is None or added is None or (gelu.op_type, added.op_type) != ("Gelu", "Add"):
        return None
    inner = [makers[name] for name in added.input if name in makers]
    bias = [name for name in added.input if name not in makers]
    if len(inner) != 1 or not is_product(inner[0], weights):
        return None
    return [inner[0], added, gelu, outer], bias[0]


def _part(
    model: ModelProto,
    part: str,
    channels: npt.NDArray[np.int64],
    layer: Sequence[NodeProto],
    bias: str,
) -> list[NodeProto]:
    """The nodes of a feed-forward layer with some of its channels."""
    inner, *_, outer = layer
    tensors = {t.name: t for t in model.graph.initializer}
    cut = {
        inner.input[1]: numpy_helper.to_array(tensors[inner.input[1]])[:, channels],
        bias: numpy_helper.to_array(tensors[bias])[..., channels],
        outer.input[1]: numpy_helper.to_array(tensors[outer.input[1]])[channels],
    }
    model.graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(value), f"{name}_{part}")
        for name, value in cut.items()
    )
    chain = []
    for node in layer:
        twin = NodeProto()
        twin.CopyFrom(node)
        twin.name = f"{node.name}_{part}"
        for place, name in enumerate(node.input):
            if name != inner.input[0]:
                twin.input[place] = f"{name}_{part}"
        twin.output[0] = f"{node.output[0]}_{part}"
        chain.append(twin)
    return chain


def even_values(
    model: ModelProto,
    seen: Mapping[str, Seen],
    divider: Callable[[Seen, list[FloatArray]], FloatArray],
) -> tuple[dict[str, Seen], frozenset[str]]:
    """Even the states after each self-attention whose values come right from a product, in place;
    returns what would be seen now, and the names of the states that are even."""
    result = dict(seen)
    weights, makers, own = matrices(model), _makers(model), _read_once(model)
    even = set()
    for node in [n for n in model.graph.node if is_product(n, weights)]:
        value = _value_product(node.input[0], makers)
        if value is None or not is_product(value, weights):
            continue
        states = node.input[0]
        if not {states, value.output[0], node.input[1], value.input[1]} <= own:
            continue
        after, before = (weights[n.input[1]] for n in (node, value))
        by = divider(seen[states], [numpy_helper.to_array(after)])
        for tensor, changed in (
            (after, numpy_helper.to_array(after) * by[:, None]),
            (before, numpy_helper.to_array(before) / by),
        ):
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
        result[states] = seen[states].divided(by)
        even.add(states)
    return result, frozenset(even)


_SHAPES = ("Reshape", "Transpose")


def _value_product(states: str, makers: Mapping[str, NodeProto]) -> NodeProto | None:
    """The node whose output an attention averages into `states`, with nothing but shapes between."""
    node = _beyond(states, makers)
    if node is None or node.op_type != "MatMul":
        return None
    weights = makers.get(node.input[0])
    if weights is None or weights.op_type != "Softmax":
        return None
    return _beyond(node.input[1], makers)


def _beyond(name: str, makers: Mapping[str, NodeProto]) -> NodeProto | None:
    node = makers.get(name)
    while node is not None and node.op_type in _SHAPES:
        node = makers.get(node.input[0])
    return node


def _makers(model: ModelProto) -> dict[str, NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def _read_once(model: ModelProto) -> set[str]:
    """Tensors with one reader; the exporter keeps equal weights once, and these cannot be changed."""
    counts = Counter(name for node in model.graph.node for name in node.input)
    counts.update(entry.name for entry in model.graph.output)
    return {name for name, count in counts.items() if count == 1}


def _replace(model: ModelProto, old: Sequence[NodeProto], new: Sequence[NodeProto]) -> None:
    """Put `new` where the last of `old` stood, so that nodes stay in an order to run in."""
    gone = {node.output[0] for node in old}
    last = old[-1].output[0]
    nodes = [
        part
        for node in model.graph.node
        for part in (new if node.output[0] == last else [] if node.output[0] in gone else [node])
    ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
