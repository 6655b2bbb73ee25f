"""Instances -> batches of about equally long prompts; resumable to the batch.

A pool is a fixed run of draws from the mixture, sorted by length and cut into batches. Pools do not
depend on one another, so several processes can make them ahead of time: the batches and their order
are the same for any number of processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random

import numpy as np
import torch
from torch import Tensor

from instructuie.data.mixture import Mixture
from instructuie.errors import ConfigError, TextError
from instructuie.pointer.encoding import BoolArray, Encoded, Encoder, IntArray, pad, with_shape
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


@dataclass(frozen=True, slots=True)
class Arrays:
    """A batch before it becomes tensors, as it travels between processes; see `Batch`."""

    ids: IntArray
    shapes: IntArray
    mask: BoolArray
    tasks: IntArray
    last: IntArray
    first: IntArray
    slot: IntArray
    target: IntArray
    legal: BoolArray

    def tensors(self) -> Batch:
        return Batch(
            torch.from_numpy(self.ids),
            torch.from_numpy(self.shapes),
            torch.from_numpy(self.mask),
            torch.from_numpy(self.tasks),
            Moves(
                torch.from_numpy(self.last),
                torch.from_numpy(self.first),
                torch.from_numpy(self.slot),
            ),
            torch.from_numpy(self.target),
            torch.from_numpy(self.legal),
        )


@dataclass(slots=True)
class Position:
    """Where a stream of batches stands: pools that are used up, batches used of the next one."""

    pool: int = 0
    used: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    encoded: Encoded
    walk: Walk
    task: int


@dataclass(frozen=True, slots=True)
class Pool:
    batches: tuple[Arrays, ...]
    passed_over: dict[str, int]


class Batches:
    """An endless stream of batches; `position` is where to go on, valid between batches.

    With `config.workers` processes the next pools are made while the model trains. Close the iterator
    to end them.
    """

    def __init__(
        self, mixture: Mixture, encoder: Encoder, config: TrainConfig, position: Position
    ) -> None:
        self.position = position
        self._maker = PoolMaker(mixture, encoder, config)
        self._workers = config.workers

    def __iter__(self) -> Generator[Batch]:
        empty = 0
        for pool in self._pools(self.position.pool):
            for batch in pool.batches[self.position.used :]:
                self.position.used += 1
                yield batch.tensors()
            self.position.pool += 1
            self.position.used = 0
            for reason, number in pool.passed_over.items():
                total = self.position.passed_over.get(reason, 0)
                self.position.passed_over[reason] = total + number
            empty = 0 if pool.batches else empty + self._maker.config.pool
            if empty >= _HOPELESS:
                raise ConfigError(
                    f"no instance could be used in {empty:,} draws (passed over: "
                    f"{pool.passed_over}): check train.max_tokens, train.max_moves and the mixture"
                )

    def _pools(self, number: int) -> Iterator[Pool]:
        if not self._workers:
            while True:
                yield self._maker.make(number)
                number += 1
        # Forked, so that the data that were read already are shared.
        with ProcessPoolExecutor(
            self._workers, get_context("fork"), initializer=_start, initargs=(self._maker,)
        ) as processes:
            waiting: deque[Future[Pool]] = deque()
            try:
                while True:
                    while len(waiting) < 2 * self._workers:
                        waiting.append(processes.submit(_make, number))
                        number += 1
                    yield waiting.popleft().result()
            finally:
                processes.shutdown(cancel_futures=True)


_maker: PoolMaker
"""Of a worker process."""


def _start(maker: PoolMaker) -> None:
    global _maker
    _maker = maker


def _make(number: int) -> Pool:
    return _maker.make(number)


class PoolMaker:
    """Makes the n-th pool; numbers must rise from call to call, but may leave some out."""

    def __init__(self, mixture: Mixture, encoder: Encoder, config: TrainConfig) -> None:
        self.mixture, self.encoder, self.config = mixture, encoder, config
        self._draws = iter(mixture)
        self._drawn = 0

    def make(self, number: int) -> Pool:
        start = number * self.config.pool
        self.mixture.skip(start - self._drawn)
        self._drawn = start + self.config.pool
        passed: dict[str, int] = {}
        examples = [
            example
            for draw in range(start, self._drawn)
            if (example := self._example(draw, passed)) is not None
        ]
        batches = self._cut(examples)
        Random(f"{self.mixture.seed}:{start}:batches").shuffle(batches)
        return Pool(tuple(self._arrays(batch) for batch in batches), passed)

    def _example(self, draw: int, passed: dict[str, int]) -> Example | None:
        _, instance = next(self._draws)
        if instance is None:
            return None
        try:
            encoded = self.encoder.encode(instance.prompt)
        except TextError:
            encoded = None
        if encoded is None or len(encoded.ids) > self.config.max_tokens:
            passed["too many tokens"] = passed.get("too many tokens", 0) + 1
            return None
        steps = walk(instance.prompt, encoded, instance.target)
        if not (steps.target >= 0).any():
            return None
        if len(steps.slot) > self.config.max_moves:
            passed["too many moves"] = passed.get("too many moves", 0) + 1
            return None
        rng = Random(f"{self.mixture.seed}:{draw}:shape")
        if rng.random() < self.config.shape_noise:
            encoded = with_shape(encoded, rng.choice(("lower", "lower", "upper")))
        return Example(encoded, steps, instance.prompt.task.index)

    def _cut(self, examples: Sequence[Example]) -> list[list[Example]]:
        """Batches of neighbours in length."""
        batches: list[list[Example]] = []
        for example in sorted(examples, key=lambda e: (len(e.encoded.ids), len(e.walk.slot))):
            length = len(example.encoded.ids)
            if not batches or length * (len(batches[-1]) + 1) > self.config.batch_tokens:
                batches.append([])
            batches[-1].append(example)
        return batches

    def _arrays(self, examples: Sequence[Example]) -> Arrays:
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
        tasks = np.asarray([e.task for e in examples], np.int64)
        return Arrays(
            padded.ids, padded.shapes, padded.mask, tasks, last, first, slot, target, legal
        )
