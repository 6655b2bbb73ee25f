"""What a text training will need, before anything is loaded: memory per GPU, tokens per step, hours.

Sizes come from the model's shape, so parameters are exact. Memory is what the tensors add up to, plus a
margin; time is arithmetic divided by what the GPUs are assumed to reach of their peak. Both are
estimates: the first run on new hardware is what measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from instructuie.codec import verbalize
from instructuie.data.prepared import read_prepared
from instructuie.errors import ConfigError
from instructuie.training.shapes import Shape, Stack, find_shape
from instructuie.training.text.config import LoraConfig, TextTraining
from instructuie.training.text.stream import Draws

GIGABYTE = 1024**3
_CONTEXT = 1.5 * GIGABYTE
"""What CUDA and its libraries take."""
_MARGIN = 1.1
"""For buffers of communication and for gaps between tensors."""
_LETTERS = 4.0
"""Characters of a token, where no tokenizer says better."""
_SAMPLE = 2_000


@dataclass(frozen=True, slots=True)
class Gpu:
    """A kind of GPU."""

    memory: int
    """In gigabytes."""
    teraflops: float
    """Dense bf16 arithmetic at its peak."""


GPUS: Mapping[str, Gpu] = {
    "a10g": Gpu(24, 70),
    "a100-40gb": Gpu(40, 312),
    "a100-80gb": Gpu(80, 312),
    "h100-80gb": Gpu(80, 989),
    "h200": Gpu(141, 989),
    "l4": Gpu(24, 121),
    "l40s": Gpu(48, 362),
    "rtx3090": Gpu(24, 71),
    "rtx4090": Gpu(24, 165),
}


@dataclass(frozen=True, slots=True)
class Hardware:
    gpu: str = "a100-80gb"
    count: int = 1
    utilization: float = 0.35
    """Share of the peak that training reaches; 0.3 to 0.5 is usual for large models, less for small."""

    def __post_init__(self) -> None:
        if self.gpu not in GPUS:
            raise ConfigError(
                f"a plan for {self.gpu!r}: expected one of the GPUs {', '.join(GPUS)}"
            )
        if self.count < 1 or not 0 < self.utilization <= 1:
            raise ConfigError(
                f"a plan for {self.count} GPUs at {self.utilization} of their peak: expected at least "
                "one GPU, and a share above 0 and at most 1"
            )


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of an instance in the mean, and how many instances an epoch has (0: not known)."""

    source: float = 256.0
    target: float = 32.0
    instances: int = 0
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Memory in bytes."""

    parameters: int
    learning: int
    """Parameters that learn."""
    weights: float
    gradients: float
    optimizer: float
    gathered: float
    """Layers that are whole for a moment, and casts of weights."""
    activations: float
    logits: float
    tokens_per_step: float
    steps: int
    """0 where the data that would say it are not given."""
    flops_per_step: float
    seconds_per_step: float
    capacity: float

    @property
    def memory(self) -> float:
        """At the peak, per GPU."""
        held = self.weights + self.gradients + self.optimizer + self.gathered
        return _CONTEXT + _MARGIN * (held + self.activations + self.logits)

    @property
    def fits(self) -> bool:
        return self.memory <= self.capacity

    @property
    def hours(self) -> float:
        return self.steps * self.seconds_per_step / 3600


def make_plan(config: TextTraining, hardware: Hardware, lengths: Lengths) -> Plan:
    """Raises ModelError when the model's shape is not known."""
    model = config.model
    shape = find_shape(model.base or model.warm_start, decoder_layers=model.decoder_layers)
    learns = shape.parameters if config.lora is None else lora_parameters(shape, config.lora)
    count = hardware.count
    bytes_each = 4 if config.lora is None else (2 if config.lora.bits == 16 else 0.55)
    frozen = 0 if config.lora is None else shape.parameters
    step = _flops(shape, config, lengths) * config.train.batch_size
    speed = GPUS[hardware.gpu].teraflops * 1e12 * hardware.utilization * count
    steps = config.train.steps or round(
        config.train.epochs * lengths.instances / config.train.batch_size
    )
    activations, logits = activation_bytes(shape, config, lengths)
    return Plan(
        parameters=shape.parameters,
        learning=learns,
        weights=(frozen * bytes_each + learns * 4) / count,
        gradients=learns * 4 / count,
        optimizer=learns * 8 / count,
        gathered=_gathered(shape, config, count),
        activations=activations,
        logits=logits,
        tokens_per_step=config.train.batch_size * (lengths.source + lengths.target),
        steps=steps,
        flops_per_step=step,
        seconds_per_step=step / speed,
        capacity=GPUS[hardware.gpu].memory * GIGABYTE * 0.97,
    )


def measure_lengths(config: TextTraining, data: Path) -> Lengths:
    """Of the instances of a prepared file, by their letters; long ones as they will be shortened."""
    draws = Draws(read_prepared(data), config)
    source = target = seen = 0.0
    for _, instance in islice(draws.instances(0, 0), _SAMPLE):
        if instance is None:
            continue
        seen += 1
        tokens = len(instance.prompt.plain()) / _LETTERS
        source += min(tokens, config.model.max_source_tokens)
        target += len(verbalize(instance.prompt.task.name, instance.target)) / _LETTERS + 1
    if not seen:
        raise ConfigError(f"{data} holds no train split to learn from")
    instances = 0 if config.mixture is not None else sum(1 for _ in draws.instances(0, 0))
    demonstrations = 1 + config.train.demonstrations
    longest = float(config.model.max_source_tokens)
    return Lengths(
        min(source / seen * demonstrations, longest), target / seen, instances, measured=True
    )


def lora_parameters(shape: Shape, lora: LoraConfig) -> int:
    """Of the adapters on the named linear maps of each layer: their rows and columns, `rank` times."""
    every = list(lora.targets) == ["all-linear"]
    sides = 0
    for stack in (shape.encoder, shape.decoder):
        for name, rows, columns in stack.maps if stack else ():
            if every or name.rpartition(".")[2] in lora.targets:
                sides += (rows + columns) * stack.layers if stack else 0
    return sides * lora.rank


def activation_bytes(shape: Shape, config: TextTraining, lengths: Lengths) -> tuple[float, float]:
    """What a forward pass over one part of a step keeps for the backward pass: states, and logits."""
    tokens = float(config.train.micro_tokens)
    share = lengths.source / (lengths.source + lengths.target)
    longest = float(config.model.max_source_tokens)
    sides = [(shape.decoder, tokens, longest + config.model.max_target_tokens)]
    if shape.encoder is not None:
        sides = [
            (shape.encoder, tokens * share, longest),
            (shape.decoder, tokens * (1 - share), float(config.model.max_target_tokens)),
        ]
    states = 0.0
    for stack, read, width in sides:
        each = layer_bytes(stack, width, scores=shape.attention == "eager") * read
        if config.train.gradient_checkpointing:
            states += stack.layers * 4 * stack.width * read + each
        else:
            states += stack.layers * each
    # bf16 logits, their fp32 copy, its log-softmax and the gradients of the last two.
    logits = tokens * (1 - share) * shape.vocabulary * 14
    return states, logits


def layer_bytes(stack: Stack, width: float, *, scores: bool) -> float:
    """Kept for the backward pass by one layer, per token, with bf16 arithmetic on fp32 states.

    Norms keep their fp32 input and its square's mean; projections their bf16 inputs; attention its
    queries, keys, values and result; the feed-forward layer its inner states.
    """
    norms = (3 if stack.cross else 2) * (4 + 4 + 2) * stack.width
    attention = (2 if stack.cross else 1) * 2 * (4 * stack.attention + stack.width)
    inner = 2 * 5 * stack.inner
    kept = float(norms + attention + inner)
    if scores:  # bf16 and fp32 scores of each head with each other token
        kept += (2 if stack.cross else 1) * 8 * stack.heads * width
    return kept


def _gathered(shape: Shape, config: TextTraining, count: int) -> float:
    frozen = config.lora is not None
    if count == 1:
        return 0.0 if frozen else 2.0 * shape.parameters  # bf16 casts, kept for the backward pass
    weights = 2 * 2 * shape.largest_layer + 2 * shape.rest
    gradients = 0 if frozen else 6 * shape.largest_layer + 6 * shape.rest
    return float(weights + gradients)


def _flops(shape: Shape, config: TextTraining, lengths: Lengths) -> float:
    """Of one instance: 2 per parameter and token forward, twice that backward (once without gradients
    of weights), once more forward where states are computed again."""
    passes = 3.0 if config.lora is None else 2.0
    passes += 1.0 if config.train.gradient_checkpointing else 0.0
    decoded = lengths.target if shape.encoder is not None else lengths.source + lengths.target
    work = _forward(shape.decoder, decoded) + 2 * shape.vocabulary * shape.decoder.width * (
        lengths.target
    )
    if shape.encoder is not None:
        work += _forward(shape.encoder, lengths.source)
    return passes * work


def _forward(stack: Stack, tokens: float) -> float:
    return 2 * stack.parameters * tokens + 4 * stack.layers * stack.attention * tokens**2
