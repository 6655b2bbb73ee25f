"""The training configuration: one TOML file, checked when it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from instructuie.data.mixture import MixtureConfig
from instructuie.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ModelConfig:
    encoder: str = ""
    """Hub name or local folder of the Hugging Face encoder to start from."""
    start: str = ""
    """Folder of a trained pointer model to go on from, in place of `encoder`."""
    decoder_layers: int = 2
    max_tokens: int = 512
    """The longest prompt that the model will accept."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Optimisation; lengths are in tokens, rates per step."""

    steps: int
    """Optimiser steps in all."""
    seed: int = 0
    batch_tokens: int = 3072
    """Padded tokens of one batch."""
    pool: int = 512
    """So many draws are sorted by length and cut into batches at once."""
    workers: int = 0
    """Processes that make batches ahead of time; 0 makes them when they are needed. The batches are
    the same."""
    max_tokens: int = 256
    """Longer training prompts are passed over, and counted."""
    max_moves: int = 160
    """Instances with longer answers are passed over, and counted."""
    learning_rate: float = 6e-4
    """Peak rate of the decoder."""
    encoder_rate: float = 0.3
    """Factor on the rate for the encoder."""
    warmup: int = 300
    """Steps of linear warm-up."""
    decay: float = 0.3
    """Share of the steps, at the end, over which the rate falls linearly to 0."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Largest norm of the gradient."""
    dropout: float = 0.1
    """Dropout in the encoder; the decoder has none."""
    shape_noise: float = 0.05
    """Chance that all words of a text are shown as lower case, or (a third of these) upper case."""
    rounding: bool = False
    """Round states and weights to 8 bits while training, as the int8 export will."""
    consistency: float = 0.0
    """With `rounding`: weight of the difference between a pass that rounds and one that does not."""
    precision: str = "auto"
    """`fp32`, `bf16`, or `auto`: bf16 where the hardware is faster with it."""
    log_every: int = 20
    checkpoint_every: int = 500
    dev_every: int = 1000
    dev: tuple[str, ...] = ()
    """What to score while training, as `dataset/TASK`, on the dev split."""
    dev_limit: int = 200
    """Records of each dev split."""
    threads: int = 0
    """CPU threads; 0 leaves it to torch."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_tokens", "pool", "max_tokens", "max_moves", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"train.{name} is {getattr(self, name)}, expected at least 1")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"train.precision is {self.precision!r}, expected auto, fp32 or bf16")
        if self.consistency and not self.rounding:
            raise ConfigError("train.consistency compares with rounding: set train.rounding = true")
        if not 0 <= self.decay <= 1:
            raise ConfigError(f"train.decay is {self.decay}, expected a share between 0 and 1")


@dataclass(frozen=True, slots=True)
class PointerTraining:
    """A whole configuration file of `instructuie train`."""

    model: ModelConfig
    train: TrainConfig
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
