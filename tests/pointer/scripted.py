"""Backends without a model: scores are a pure function of what a walk has pointed at so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from instructuie.pointer.decode import FloatArray
from instructuie.pointer.encoding import EncodedBatch, IntArray

History = tuple[tuple[int, int, int], ...]
Scorer = Callable[[bytes, History, int], FloatArray]
"""(token ids of the prompt, decoder inputs so far, number of tokens) -> scores of the tokens."""


@dataclass(frozen=True, slots=True)
class Row:
    """One walk's memory: its prompt, and the decoder inputs that it has seen."""

    prompt: bytes
    length: int
    history: History = ()


class ScriptedBackend:
    """Keeps each walk's own history; a row mixed up by the decoder would change its scores."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.steps = 0

    def start(self, batch: EncodedBatch, tasks: IntArray) -> list[Row]:
        assert len(tasks) == len(batch.rows)
        self.width = batch.ids.shape[1]
        return [Row(row.ids.tobytes(), len(row.ids)) for row in batch.rows]

    def step(
        self, memory: list[Row], last: IntArray, first: IntArray, slot: IntArray
    ) -> tuple[FloatArray, list[Row]]:
        self.steps += 1
        rows = [
            Row(row.prompt, row.length, (*row.history, move))
            for row, *move_ in zip(
                memory, last.tolist(), first.tolist(), slot.tolist(), strict=True
            )
            for move in [(move_[0], move_[1], move_[2])]
        ]
        scores = np.full((len(rows), self.width), 99.0, np.float32)  # padding must never be chosen
        for index, row in enumerate(rows):
            scores[index, : row.length] = self.scorer(row.prompt, row.history, row.length)
        return scores, rows

    def select(self, memory: list[Row], rows: IntArray) -> list[Row]:
        return [memory[row] for row in rows.tolist()]


def random_scores(seed: int, *, scale: float = 1.0, stop: float = 0.0) -> Scorer:
    """Pseudo-random scores, the same for the same walk; `stop` is added to STOP."""

    def score(prompt: bytes, history: History, length: int) -> FloatArray:
        key = np.frombuffer(repr((seed, history)).encode() + prompt, np.uint8)
        rng = np.random.default_rng(key.astype(np.uint32))
        scores: FloatArray = rng.normal(scale=scale, size=length).astype(np.float32)
        scores[0] += stop
        return scores

    return score


def flat_scores(*, stop: float = 0.0) -> Scorer:
    """Every move alike; the lowest wins, so with a low `stop` a walk says all there is."""

    def score(prompt: bytes, history: History, length: int) -> FloatArray:
        scores = np.zeros(length, np.float32)
        scores[0] = stop
        return scores

    return score
