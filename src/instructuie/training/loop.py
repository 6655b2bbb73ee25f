"""The training loop that all models share: steps, log, dev scores, early stop, checkpoints.

It knows nothing of models or batches: a `Learner` does one step at a time. The same seed gives the same
weights; a run that is killed goes on where its last checkpoint was and ends as if it had never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

DevScores = Mapping[str, Mapping[str, float]]
"""F1 in percent by `dataset/TASK` and unit."""


@dataclass(frozen=True, slots=True)
class Update:
    """What one optimiser step did."""

    loss: float | Tensor
    """A tensor is read only when the log is written: reading waits for the device."""
    examples: int
    rate: float
    tokens: int = 0
    """Without padding."""


@dataclass(slots=True)
class State:
    """How far a run is; kept in checkpoints."""

    step: int = 0
    best: float = -1.0
    """The highest mean F1 on dev so far."""
    best_step: int = 0
    worse: int = 0
    """Scorings since then."""
    stopped: bool = False
    """True when dev scores ended the run."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a loop does what, in steps; 0 for `dev_every` scores only at the end."""

    steps: int
    log_every: int
    dev_every: int
    checkpoint_every: int
    patience: int = 0


class Learner(Protocol):
    """What learns."""

    def update(self, step: int) -> Update:
        """One optimiser step, the `step`-th from 0."""

    def score(self) -> DevScores:
        """Scores on dev; {} when nothing is to be scored. Training goes on undisturbed."""

    def keep(self) -> None:
        """These weights are the best so far: keep them aside."""

    def save(self, state: State) -> None:
        """Write a checkpoint."""


def run(
    learner: Learner, rhythm: Rhythm, state: State, write: Callable[[dict[str, Any]], None]
) -> None:
    """Train from `state` to the end; `write` gets the rows of the log."""
    meter = _Meter()
    while state.step < rhythm.steps and not state.stopped:
        meter.add(learner.update(state.step))
        state.step += 1
        last = state.step == rhythm.steps
        if last or state.step % rhythm.log_every == 0:
            write({"step": state.step, "of": rhythm.steps, **meter.row()})
        if last or (rhythm.dev_every and state.step % rhythm.dev_every == 0):
            with meter.paused():
                _score(learner, rhythm, state, write)
        if last or state.stopped or state.step % rhythm.checkpoint_every == 0:
            with meter.paused():
                learner.save(state)


def mean_score(scores: DevScores) -> float:
    """The mean over data sets and tasks of the mean over units."""
    rows = [sum(units.values()) / len(units) for units in scores.values() if units]
    return sum(rows) / len(rows) if rows else 0.0


def _score(
    learner: Learner, rhythm: Rhythm, state: State, write: Callable[[dict[str, Any]], None]
) -> None:
    scores = learner.score()
    if not scores:
        return
    mean = mean_score(scores)
    if mean > state.best:
        state.best, state.best_step, state.worse = mean, state.step, 0
        learner.keep()
    else:
        state.worse += 1
        state.stopped = bool(rhythm.patience) and state.worse >= rhythm.patience
    write({"step": state.step, "dev": scores})


class _Meter:
    """Losses and speed since the last row of the log."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.since = time.monotonic()

    def add(self, update: Update) -> None:
        self.updates.append(update)

    def row(self) -> dict[str, Any]:
        loss = float(sum(u.loss for u in self.updates)) / len(self.updates)
        seconds = max(time.monotonic() - self.since, 1e-9)
        examples = sum(u.examples for u in self.updates)
        row: dict[str, Any] = {
            "loss": round(loss, 4),
            "rate": self.updates[-1].rate,
            "examples": examples,
            "examples_per_second": round(examples / seconds, 2),
        }
        if tokens := sum(u.tokens for u in self.updates):
            row["tokens_per_second"] = round(tokens / seconds)
        self.updates, self.since = [], time.monotonic()
        return row

    def paused(self) -> _Pause:
        return _Pause(self)


class _Pause:
    """Time that does not count as training."""

    def __init__(self, meter: _Meter) -> None:
        self.meter = meter

    def __enter__(self) -> None:
        self.began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.meter.since += time.monotonic() - self.began
