"""Decoding: walk the grammar along the model's scores, many prompts side by side.

It knows nothing about torch or ONNX: a `Backend` turns decoder inputs into scores. Invariant: every
move is legal, so whatever the weights, the answer is well formed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from instructuie.pointer.encoding import Encoded, EncodedBatch, IntArray, given_values, token_of
from instructuie.pointer.grammar import STOP, Item, Legal, State
from instructuie.prompt import Prompt
from instructuie.tasks import Slot

FloatArray = npt.NDArray[np.float32]
MemoryT = TypeVar("MemoryT")


class Backend(Protocol[MemoryT]):
    """The model behind the decoder. N rows are walks; at first there is one for each prompt."""

    def start(self, batch: EncodedBatch, tasks: IntArray) -> MemoryT:
        """Run the encoder; `tasks` (B,) are task indices."""

    def step(
        self, memory: MemoryT, last: IntArray, first: IntArray, slot: IntArray
    ) -> tuple[FloatArray, MemoryT]:
        """Unmasked scores (N, T) of the next move, and the memory with that step in it."""

    def select(self, memory: MemoryT, rows: IntArray) -> MemoryT:
        """The memory of the given rows, in that order; a row may come more than once."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The finished walk of one prompt."""

    items: tuple[Item, ...]
    log_probs: tuple[float, ...]
    """Of every move; 0 for moves that were given."""
    complete: bool
    """False when the step limit cut the walk short."""

    def probabilities(self, item: Item) -> tuple[float, ...]:
        """The probability of each free move of an item, in order."""
        return tuple(math.exp(self.log_probs[move]) for move in item.moves)

    @property
    def log_prob(self) -> float:
        return math.fsum(self.log_probs)


def step_limit(encoded: Encoded) -> int:
    """A trained model ends long before; random weights may not."""
    return 64 + 6 * len(encoded.words)


class _Walk:
    """A state with its decoder inputs and the log-probabilities of its moves so far."""

    __slots__ = ("encoded", "last", "log_probs", "state", "total")

    def __init__(self, state: State, encoded: Encoded) -> None:
        self.state, self.encoded = state, encoded
        self.last = 0
        self.log_probs: list[float] = []
        self.total = 0.0

    @property
    def done(self) -> bool:
        return self.state.finished or self.state.steps >= step_limit(self.encoded)

    @property
    def first(self) -> int:
        word = self.state.first
        return 0 if word == STOP else int(self.encoded.starts[word])

    def targets(self, legal: Legal) -> IntArray:
        option = self.state.open_option if legal.slot is Slot.ROLE else 0
        return self.encoded.targets(legal.slot, option)

    def take(self, value: int, log_prob: float, legal: Legal) -> None:
        option = self.state.open_option if legal.slot is Slot.ROLE else 0
        self.last = token_of(self.encoded, legal.slot, value, option)
        self.state.advance(value)
        self.log_probs.append(log_prob)
        self.total += log_prob

    def copy(self) -> _Walk:
        twin = _Walk(self.state.copy(), self.encoded)
        twin.last, twin.total = self.last, self.total
        twin.log_probs = list(self.log_probs)
        return twin

    def decoded(self) -> Decoded:
        return Decoded(tuple(self.state.items), tuple(self.log_probs), self.state.finished)


def _walks(prompts: Sequence[Prompt], batch: EncodedBatch) -> list[_Walk]:
    return [
        _Walk(State(prompt.task, encoded.layout, given_values(prompt, encoded)), encoded)
        for prompt, encoded in zip(prompts, batch.rows, strict=True)
    ]


def _inputs(walks: Sequence[_Walk]) -> tuple[IntArray, IntArray, IntArray]:
    last = np.fromiter((walk.last for walk in walks), np.int64, len(walks))
    first = np.fromiter((walk.first for walk in walks), np.int64, len(walks))
    slot = np.fromiter(
        (0 if walk.state.finished else int(walk.state.slot) for walk in walks), np.int64, len(walks)
    )
    return last, first, slot


def greedy(
    backend: Backend[MemoryT], prompts: Sequence[Prompt], batch: EncodedBatch
) -> list[Decoded]:
    """The most probable legal move at every step."""
    walks = _walks(prompts, batch)
    tasks = np.fromiter((prompt.task.index for prompt in prompts), np.int64, len(prompts))
    memory = backend.start(batch, tasks)
    rows = [index for index, walk in enumerate(walks) if not walk.done]
    if len(rows) < len(walks):
        memory = backend.select(memory, np.asarray(rows, np.int64))
    while rows:
        active = [walks[index] for index in rows]
        scores, memory = backend.step(memory, *_inputs(active))
        _advance(active, scores)
        # Finished rows are dropped only when many are: each drop copies the memory.
        open_rows = [place for place, walk in enumerate(active) if not walk.done]
        if not open_rows:
            break
        if len(open_rows) <= 0.6 * len(rows):
            memory = backend.select(memory, np.asarray(open_rows, np.int64))
            rows = [rows[place] for place in open_rows]
    return [walk.decoded() for walk in walks]


def _advance(walks: Sequence[_Walk], scores: FloatArray) -> None:
    """Take the best legal move of every walk that is not done."""
    masked = np.full(scores.shape, -np.inf, np.float32)
    moves: list[tuple[_Walk, int, Legal, IntArray]] = []
    for row, walk in enumerate(walks):
        if walk.done:
            continue
        legal = walk.state.legal()
        if legal.forced:
            walk.take(legal.low, 0.0, legal)
            continue
        targets = walk.targets(legal)
        tokens = targets[legal.low : legal.high]
        masked[row, tokens] = scores[row, tokens]
        if legal.stop:
            masked[row, 0] = scores[row, 0]
        moves.append((walk, row, legal, targets))
    if not moves:
        return
    chosen = [row for _, row, _, _ in moves]
    part = masked[chosen]
    best = part.argmax(axis=1)
    top = part[np.arange(len(chosen)), best]
    log_probs = -np.log(np.exp(part - top[:, None]).sum(axis=1))
    for (walk, _, legal, targets), token, log_prob in zip(
        moves, best.tolist(), log_probs.tolist(), strict=True
    ):
        value = STOP if token == 0 else int(np.searchsorted(targets, token))
        walk.take(value, log_prob, legal)


def beam(
    backend: Backend[MemoryT], prompts: Sequence[Prompt], batch: EncodedBatch, *, size: int
) -> list[Decoded]:
    """The most probable whole answer among `size` walks kept for each prompt."""
    search = _Beam(backend, prompts, batch, size)
    return search.run()


class _Beam(Generic[MemoryT]):
    """Beam search over all prompts at once; finished walks leave the beam but still compete."""

    def __init__(
        self,
        backend: Backend[MemoryT],
        prompts: Sequence[Prompt],
        batch: EncodedBatch,
        size: int,
    ) -> None:
        self.backend, self.size = backend, size
        tasks = np.fromiter((prompt.task.index for prompt in prompts), np.int64, len(prompts))
        self.memory = backend.start(batch, tasks)
        self.best: list[_Walk | None] = [None] * len(prompts)
        self.walks: list[tuple[int, _Walk]] = list(enumerate(_walks(prompts, batch)))

    def run(self) -> list[Decoded]:
        while self._retire():
            scores, self.memory = self.backend.step(
                self.memory, *_inputs([walk for _, walk in self.walks])
            )
            self._expand(scores)
        assert all(walk is not None for walk in self.best)
        return [walk.decoded() for walk in self.best if walk is not None]

    def _retire(self) -> bool:
        """Move finished walks out, and walks that can no longer win; False when none is left."""
        kept = []
        for prompt, walk in self.walks:
            rival = self.best[prompt]
            if walk.done and (rival is None or walk.total > rival.total):
                self.best[prompt] = walk
        for place, (prompt, walk) in enumerate(self.walks):
            rival = self.best[prompt]
            if not walk.done and (rival is None or walk.total > rival.total):
                kept.append(place)
        if len(kept) < len(self.walks) and kept:
            self.memory = self.backend.select(self.memory, np.asarray(kept, np.int64))
        self.walks = [self.walks[place] for place in kept]
        return bool(kept)

    def _expand(self, scores: FloatArray) -> None:
        options: dict[int, list[tuple[float, int, int, float, Legal]]] = {}
        for place, (prompt, walk) in enumerate(self.walks):
            for value, log_prob, legal in _choices(walk, scores[place], self.size):
                options.setdefault(prompt, []).append(
                    (walk.total + log_prob, place, value, log_prob, legal)
                )
        parents: list[int] = []
        walks: list[tuple[int, _Walk]] = []
        for prompt, rows in options.items():
            rows.sort(key=lambda row: (-row[0], row[1], row[2]))
            for _, place, value, log_prob, legal in rows[: self.size]:
                walk = self.walks[place][1].copy()
                walk.take(value, log_prob, legal)
                parents.append(place)
                walks.append((prompt, walk))
        self.memory = self.backend.select(self.memory, np.asarray(parents, np.int64))
        self.walks = walks


def _choices(walk: _Walk, scores: FloatArray, size: int) -> list[tuple[int, float, Legal]]:
    """The best legal moves of one walk as (value, log-probability, legal)."""
    legal = walk.state.legal()
    if legal.forced:
        return [(legal.low, 0.0, legal)]
    tokens = walk.targets(legal)[legal.low : legal.high]
    values = list(range(legal.low, legal.high))
    allowed = scores[tokens]
    if legal.stop:
        values.append(STOP)
        allowed = np.append(allowed, scores[0])
    top = allowed.max()
    log_probs = allowed - top - np.log(np.exp(allowed - top).sum())
    order = np.argsort(-allowed, kind="stable")[:size]
    return [(values[i], float(log_probs[i]), legal) for i in order.tolist()]
