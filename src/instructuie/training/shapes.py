"""Shapes of language models: how many parameters stand where, without loading any.

A folder, or a model that was loaded before, says its shape in config.json. For the hub names of the
shipped configurations `assets/shapes.toml` says it, so that a plan needs no network.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedConfig

from instructuie.errors import ModelError
from instructuie.training.text.model import model_class
from instructuie.training.text.processes import layers
from instructuie.training.text.warm_start import bart_config


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers of an encoder or of a decoder, all alike."""

    layers: int
    parameters: int
    """Of all layers together."""
    width: int
    attention: int
    """Heads times the width of a head."""
    heads: int
    inner: int
    """Width of the feed-forward layer; experts and gates do not count more than once."""
    maps: tuple[tuple[str, int, int], ...] = ()
    """Name, columns and rows of each linear map of a layer."""
    cross: bool = False
    """Whether each layer also attends to an encoder."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model by its sizes."""

    parameters: int
    vocabulary: int
    decoder: Stack
    encoder: Stack | None = None
    attention: str = "sdpa"

    @property
    def rest(self) -> int:
        """Parameters outside the layers: embeddings, output layer, last norms."""
        stacked = self.decoder.parameters + (self.encoder.parameters if self.encoder else 0)
        return self.parameters - stacked

    @property
    def largest_layer(self) -> int:
        stacks = [s for s in (self.encoder, self.decoder) if s is not None]
        return max(s.parameters // s.layers for s in stacks)


def find_shape(name: str, *, decoder_layers: int = 0) -> Shape:
    """Of a hub name or folder; of a BERT, of what a warm start makes of it. Raises ModelError where
    nothing at hand says it."""
    values = _values(name)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    if config.model_type == "bert":
        ids = {"pad": 0, "cls": 1, "sep": 2}
        config = bart_config(config, ids, decoder_layers=decoder_layers)
    # The configs of T5 and mT5 forget it when these are not tied, as in all but the first T5.
    tied = bool(values.get("tie_word_embeddings", True))
    return shape_of(config, tied=tied)


def shape_of(config: Any, *, tied: bool = True) -> Shape:
    """By building the model on the meta device, where tensors have shapes and no content.

    With `tied` false, input and output embeddings count twice whatever the config says.
    """
    with torch.device("meta"):
        model = model_class(config).from_config(config)
    stacks = _stacks(model)
    sides = [_stack(side, config, cross=cross) for side, cross in stacks]
    head = 0 if tied or not config.tie_word_embeddings else config.vocab_size * sides[-1].width
    return Shape(
        parameters=sum(p.numel() for p in model.parameters()) + head,
        vocabulary=config.vocab_size,
        decoder=sides[-1],
        encoder=sides[0] if len(sides) == 2 else None,
        attention=str(model.config._attn_implementation),
    )


def known_shapes() -> Mapping[str, Mapping[str, Any]]:
    """Config values by hub name."""
    file = resources.files("instructuie") / "assets" / "shapes.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _values(name: str) -> dict[str, Any]:
    """What the config.json of a model says; raises ModelError."""
    shapes = known_shapes()
    if name in shapes and not Path(name).is_dir():
        return dict(shapes[name])
    try:
        values, _ = PreTrainedConfig.get_config_dict(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the shape of {name} is not known here: give a folder that holds its config.json, or one "
            f"of {', '.join(shapes)}"
        ) from error
    if "model_type" not in values:
        raise ModelError(f"the config.json of {name} says no model_type")
    return dict(values)


def _stacks(model: nn.Module) -> list[tuple[list[nn.Module], bool]]:
    """The layers of the encoder, if there is one, and of the decoder."""
    every = list(layers(model))
    if not model.config.is_encoder_decoder:  # type: ignore[union-attr]
        return [(every, False)]
    decoder: Any = model.get_decoder()  # type: ignore[operator]
    inside = {id(module) for module in decoder.modules()}
    return [
        ([layer for layer in every if id(layer) not in inside], False),
        ([layer for layer in every if id(layer) in inside], True),
    ]


def _stack(modules: list[nn.Module], config: Any, *, cross: bool) -> Stack:
    text = getattr(config, "decoder" if cross else "encoder", config)
    width = getattr(text, "d_model", None) or text.hidden_size
    heads = _first(text, "num_attention_heads", "decoder_attention_heads", "num_heads")
    head = getattr(text, "d_kv", None) or getattr(text, "head_dim", None) or width // heads
    return Stack(
        layers=len(modules),
        parameters=sum(p.numel() for m in modules for p in m.parameters()),
        width=width,
        attention=heads * head,
        heads=heads,
        inner=_first(text, "d_ff", "intermediate_size", "decoder_ffn_dim", "encoder_ffn_dim"),
        maps=_maps(modules[0]),
        cross=cross,
    )


def _maps(layer: nn.Module) -> tuple[tuple[str, int, int], ...]:
    named = layer.named_modules()
    return tuple((n, m.in_features, m.out_features) for n, m in named if isinstance(m, nn.Linear))


def _first(config: Any, *names: str) -> int:
    for name in names:
        if value := getattr(config, name, None):
            return int(value)
    raise ModelError(f"the config of a {config.model_type} says none of {', '.join(names)}")
