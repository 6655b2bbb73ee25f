"""The configuration of a text model's training: one TOML file, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from instructuie.data.instance import OptionSampling
from instructuie.data.mixture import MixtureConfig
from instructuie.errors import ConfigError

SCHEDULES = ("constant", "linear", "cosine")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True, slots=True)
class TextModelConfig:
    base: str = ""
    """Hub name or folder of the model to start from; its own config says whether it is an
    encoder-decoder (T5, BART) or a decoder alone (Llama, Qwen)."""
    warm_start: str = ""
    """Hub name or folder of a BERT encoder to make a BART of, in place of `base`."""
    decoder_layers: int = 0
    """Of the BART that `warm_start` makes; 0: as many as the encoder has."""
    max_source_tokens: int = 512
    """The longest prompt; of longer ones the text is shortened, never instruction, options or cue."""
    max_target_tokens: int = 256
    """Instances with longer answers are passed over, and counted. (The released code cuts at 50.)"""
    dropout: float = -1.0
    """In place of the dropout that the model's own config says; -1 leaves it."""
    attention: str = ""
    """`eager`, `sdpa` or `flash_attention_2`; "" leaves it to the model."""

    def __post_init__(self) -> None:
        if bool(self.base) == bool(self.warm_start):
            raise ConfigError(
                "give one of model.base and model.warm_start: what training starts from"
            )
        for name in ("max_source_tokens", "max_target_tokens"):
            if getattr(self, name) < 1:
                raise ConfigError(f"model.{name} is {getattr(self, name)}, expected at least 1")


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Low-rank adapters: the model itself stays as it is, and only these small matrices learn."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: Sequence[str] = ("all-linear",)
    """Names of the layers that get an adapter; `all-linear` is all but the output layer."""
    bits: int = 16
    """4: the frozen model is held in 4 bits (QLoRA; needs CUDA and bitsandbytes)."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ConfigError(f"lora.rank is {self.rank}, expected at least 1")
        if self.bits not in (4, 16):
            raise ConfigError(f"lora.bits is {self.bits}, expected 4 (QLoRA) or 16")


@dataclass(frozen=True, slots=True)
class TextTrainConfig:
    """Optimisation. What one step sees does not depend on how many processes share it."""

    epochs: float = 0.0
    """Passes over the data; or give `steps`."""
    steps: int = 0
    """Optimiser steps in all."""
    seed: int = 0
    batch_size: int = 32
    """Instances of one step, over all processes together."""
    micro_tokens: int = 4096
    """Tokens, padding included, that one process computes at once; a step's instances are cut into as
    many parts as that takes, and their gradients added up."""
    bucket: int = 8
    """The instances of so many steps are sorted by length together before they are cut into steps."""
    pack: bool = False
    """Put short instances into one row, each seeing only itself (decoder-only models)."""
    demonstrations: int = 0
    """Solved examples of the same data set and task before each prompt, as many as fit."""
    learning_rate: float = 5e-5
    schedule: str = "constant"
    """The rate after the warm-up: as it is, or falling to 0 in a line or half a cosine."""
    warmup: int = 0
    """Steps in which the rate rises from 0."""
    weight_decay: float = 0.0
    """Not for biases and norms."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    precision: str = "auto"
    """Of the arithmetic; the weights that learn are kept in fp32. `auto`: bf16 where the hardware
    is faster with it."""
    gradient_checkpointing: bool = False
    """Compute the layers' states again when they are needed: a third slower, far less memory."""
    log_every: int = 10
    checkpoint_every: int = 500
    dev_every: int = 0
    """0: only at the end."""
    dev: tuple[str, ...] = ()
    """What to score while training, as `dataset/TASK`, on the dev split."""
    dev_limit: int = 200
    """Records of each dev split (the released code: 200)."""
    patience: int = 0
    """Stop after so many scorings without a better mean F1, and keep the best model; 0 never stops and
    keeps the last."""
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""

    def __post_init__(self) -> None:
        if (self.epochs > 0) == (self.steps > 0):
            raise ConfigError(
                f"give one of train.epochs ({self.epochs}) and train.steps ({self.steps}), above 0"
            )
        for name in ("batch_size", "micro_tokens", "bucket", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train.{name} is {getattr(self, name)}, expected at least 1")
        for name in ("demonstrations", "warmup", "dev_every", "dev_limit", "patience"):
            if getattr(self, name) < 0:
                raise ConfigError(f"train.{name} is {getattr(self, name)}, expected at least 0")
        for name, values in (("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in values:
                raise ConfigError(
                    f"train.{name} is {getattr(self, name)!r}, expected one of {', '.join(values)}"
                )
        if self.patience and not (self.dev and self.dev_every):
            raise ConfigError(
                "train.patience needs train.dev and train.dev_every: nothing is scored"
            )


@dataclass(frozen=True, slots=True)
class TextTraining:
    """A whole configuration file of `instructuie train` for a text model."""

    model: TextModelConfig
    train: TextTrainConfig
    lora: LoraConfig | None = None
    """Train adapters in place of the whole model."""
    mixture: MixtureConfig | None = None
    """Draw without end, as for the pointer model, in place of passes over the data (needs `steps`)."""
    options: OptionSampling | None = None
    """Sample options and wordings in passes over the data; without it, all options are asked, as the
    paper does."""
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other names for labels, for `options`."""

    def __post_init__(self) -> None:
        if self.mixture is not None and not self.train.steps:
            raise ConfigError("[mixture] draws without end: give train.steps, not train.epochs")
        if self.mixture is not None and self.options is not None:
            raise ConfigError("give [mixture.options] or [options], not both")
