"""fp32 ONNX graph -> the same graph with ONNX Runtime's fused operators for transformer layers.

Adding a bias and the skipped states and normalising the sum is one pass over memory instead of
three. Fusing before quantisation keeps the patterns recognisable.
"""

from __future__ import annotations

import logging
from pathlib import Path

from onnx import ModelProto, helper, numpy_helper


def fuse(source: Path, target: Path, *, heads: int, width: int) -> None:
    """Write `target`; graphs without such layers come out as they were."""
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("bert")
    options.enable_attention = False  # it would put the weights where they cannot be quantised
    options.enable_embed_layer_norm = False
    options.enable_bias_gelu = False  # slower than the two operators apart
    logging.getLogger("onnxruntime.transformers").setLevel(logging.WARNING)
    fused = optimize_model(
        str(source),
        model_type="bert",
        num_heads=heads,
        hidden_size=width,
        optimization_options=options,
        opt_level=1,
    )
    _drop_zero_biases(fused.model)
    _keep_bias_apart(fused.model)
    _normalise_faster(fused.model)
    fused.save_model_to_file(str(target))


def _drop_zero_biases(model: ModelProto) -> None:
    """Leave out additions of nothing (see `fold.py`)."""
    zero = {t.name for t in model.graph.initializer if not numpy_helper.to_array(t).any()}
    outputs = {entry.name for entry in model.graph.output}
    for node in list(model.graph.node):
        named = [name for name in node.input if name in zero]
        if node.op_type != "Add" or len(named) != 1 or node.output[0] in outputs:
            continue
        (kept,) = (name for name in node.input if name not in zero)
        model.graph.node.remove(node)
        for other in model.graph.node:
            for place, name in enumerate(other.input):
                if name == node.output[0]:
                    other.input[place] = kept


def _keep_bias_apart(model: ModelProto) -> None:
    """Give each bias before a GELU two dimensions: as a plain row it would be fused when loaded."""
    before = {node.input[0] for node in model.graph.node if node.op_type == "Gelu"}
    biases = {name for n in model.graph.node if n.output[0] in before for name in n.input}
    for tensor in model.graph.initializer:
        if tensor.name in biases and len(tensor.dims) == 1:
            tensor.dims.insert(0, 1)


def _normalise_faster(model: ModelProto) -> None:
    """The norm of x is that of x + x, and the fused operator is several times as fast."""
    for node in model.graph.node:
        if node.op_type == "LayerNormalization" and len(node.input) == 3:
            epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
            states, scale, shift = node.input
            node.CopyFrom(
                helper.make_node(
                    "SkipLayerNormalization",
                    [states, states, scale, shift],
                    list(node.output[:1]),
                    name=node.name,
                    domain="com.microsoft",
                    epsilon=4 * epsilon,
                )
            )
