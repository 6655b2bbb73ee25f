"""Instances -> batches of about equally long prompts; resumable to the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np
import torch
from torch import Tensor

from instructuie.data.instance import Instance
from instructuie.data.mixture import Mixture
from instructuie.errors import ConfigError, TextError
from instructuie.pointer.encoding import Encoded, Encoder, pad, with_shape
from instructuie.pointer.model import Moves
from instructuie.pointer.targets import Walk, walk
from instructuie.training.config import TrainConfig

_HOPELESS = 5_000
"""After so many draws in a row that came to nothing, training would never begin."""


@dataclass(frozen=True, slots=True)
class Batch:
    """B prompts of T tokens with M moves, as tensors."""

    ids: Tensor
    shapes: Tensor
    mask: Tensor
    tasks: Tensor
    moves: Moves
    target: Tensor
    """(B, M) tokens; -100 at forced moves and padding."""
    legal: Tensor
    """(B, M, T)."""

    @property
    def examples(self) -> int:
        return int(self.ids.shape[0])

    def to(self, device: torch.device) -> Batch:
        if device.type == "cpu":
            return self
        moves = self.moves
        return Batch(
            self.ids.to(device),
            self.shapes.to(device),
            self.mask.to(device),
            self.tasks.to(device),
            Moves(moves.last.to(device), moves.first.to(device), moves.slot.to(device)),
            self.target.to(device),
            self.legal.to(device),
        )


@dataclass(slots=True)
class Position:
    """Where a stream of batches stands: draws before the current pool, batches used of it."""

    drawn: int = 0
    used: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    encoded: Encoded
    walk: Walk
    task: int


class Batches:
    """An endless stream of batches; `position` is where to go on, valid between batches."""

    def __init__(
        self, mixture: Mixture, encoder: Encoder, config: TrainConfig, position: Position
    ) -> None:
        self.mixture, self.encoder, self.config = mixture, encoder, config
        self.position = position

    def __iter__(self) -> Iterator[Batch]:
        self.mixture.skip(self.position.drawn)
        draws = iter(self.mixture)
        while True:
            passed: dict[str, int] = {}
            pool, count = self._pool(draws, passed)
            batches = self._cut(pool)
            for batch in batches[self.position.used :]:
                self.position.used += 1
                yield self._tensors(batch)
            self.position.drawn += count
            self.position.used = 0
            for reason, number in passed.items():
                total = self.position.passed_over.get(reason, 0)
                self.position.passed_over[reason] = total + number

    def _pool(
        self, draws: Iterator[tuple[str, Instance | None]], passed: dict[str, int]
    ) -> tuple[list[Example], int]:
        pool: list[Example] = []
        count = 0
        while len(pool) < self.config.pool:
            if not pool and count >= _HOPELESS:
                raise ConfigError(
                    f"no instance could be used in {count:,} draws (passed over: {passed}): check "
                    "train.max_tokens, train.max_moves and the mixture"
                )
            _, instance = next(draws)
            rng = Random(f"{self.mixture.seed}:{self.position.drawn + count}:shape")
            count += 1
            if instance is None:
                continue
            try:
                encoded = self.encoder.encode(instance.prompt)
            except TextError:
                encoded = None
            if encoded is None or len(encoded.ids) > self.config.max_tokens:
                passed["too many tokens"] = passed.get("too many tokens", 0) + 1
                continue
            steps = walk(instance.prompt, encoded, instance.target)
            if not (steps.target >= 0).any():
                continue
            if len(steps.slot) > self.config.max_moves:
                passed["too many moves"] = passed.get("too many moves", 0) + 1
                continue
            if rng.random() < self.config.shape_noise:
                encoded = with_shape(encoded, rng.choice(("lower", "lower", "upper")))
            pool.append(Example(encoded, steps, instance.prompt.task.index))
        return pool, count

    def _cut(self, pool: list[Example]) -> list[list[Example]]:
        """Batches of neighbours in length, in random order."""
        ordered = sorted(pool, key=lambda e: (len(e.encoded.ids), len(e.walk.slot)))
        batches: list[list[Example]] = [[]]
        for example in ordered:
            length = len(example.encoded.ids)
            if batches[-1] and length * (len(batches[-1]) + 1) > self.config.batch_tokens:
                batches.append([])
            batches[-1].append(example)
        Random(f"{self.mixture.seed}:{self.position.drawn}:batches").shuffle(batches)
        return batches

    def _tensors(self, examples: Sequence[Example]) -> Batch:
        padded = pad([e.encoded for e in examples], pad_id=self.encoder.markers.pad)
        count, tokens = padded.ids.shape
        length = max(len(e.walk.slot) for e in examples)
        last, first, slot = (np.zeros((count, length), np.int64) for _ in range(3))
        target = np.full((count, length), -100, np.int64)
        legal = np.zeros((count, length, tokens), np.bool_)
        legal[:, :, 0] = True
        for row, example in enumerate(examples):
            steps = example.walk
            size = len(steps.slot)
            last[row, :size], first[row, :size] = steps.last, steps.first
            slot[row, :size], target[row, :size] = steps.slot, steps.target
            legal[row, :size, 0] = False
            legal[row, :size, : steps.legal.shape[1]] = steps.legal
        return Batch(
            torch.from_numpy(padded.ids),
            torch.from_numpy(padded.shapes),
            torch.from_numpy(padded.mask),
            torch.tensor([e.task for e in examples]),
            Moves(torch.from_numpy(last), torch.from_numpy(first), torch.from_numpy(slot)),
            torch.from_numpy(target),
            torch.from_numpy(legal),
        )
