from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from instructuie.training.loop import DevScores, Rhythm, State, Update, mean_score, run
from instructuie.training.schedule import rate_factor


class Fake:
    """Learns nothing; its dev scores are written beforehand."""

    def __init__(self, scores: Iterator[float] | None = None) -> None:
        self.scores = scores
        self.did: list[str] = []

    def update(self, step: int) -> Update:
        self.did.append(f"update {step}")
        return Update(loss=float(step), examples=2, rate=0.5, tokens=10)

    def score(self) -> DevScores:
        return {} if self.scores is None else {"set/NER": {"entity": next(self.scores)}}

    def keep(self) -> None:
        self.did.append("keep")

    def save(self, state: State) -> None:
        self.did.append(f"save {state.step}")


def go(
    fake: Fake, rhythm: Rhythm, state: State | None = None
) -> tuple[State, list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    state = state or State()
    run(fake, rhythm, state, rows.append)
    return state, rows


def test_steps_log_and_checkpoints_come_in_their_rhythm() -> None:
    fake = Fake()
    state, rows = go(fake, Rhythm(steps=5, log_every=2, dev_every=0, checkpoint_every=3))
    assert fake.did == [
        *("update 0", "update 1", "update 2", "save 3", "update 3", "update 4", "save 5")
    ]
    assert [(row["step"], row["loss"]) for row in rows] == [(2, 0.5), (4, 2.5), (5, 4.0)]
    assert state.step == 5


def test_it_stops_when_dev_scores_no_longer_rise() -> None:
    fake = Fake(iter([10.0, 30.0, 20.0, 29.0, 99.0]))
    rhythm = Rhythm(steps=20, log_every=50, dev_every=2, checkpoint_every=50, patience=2)
    state, rows = go(fake, rhythm)
    assert (state.step, state.best, state.best_step, state.stopped) == (8, 30.0, 4, True)
    assert fake.did.count("keep") == 2
    assert fake.did[-1] == "save 8"
    assert [row["step"] for row in rows if "dev" in row] == [2, 4, 6, 8]
    again = Fake(iter([]))
    go(again, rhythm, state)
    assert not again.did


def test_patience_survives_a_break() -> None:
    rhythm = Rhythm(steps=20, log_every=50, dev_every=2, checkpoint_every=1, patience=2)
    state = State(step=6, best=30.0, best_step=4, worse=1)
    state, _ = go(Fake(iter([29.0])), rhythm, state)
    assert (state.step, state.stopped) == (8, True)


def test_without_patience_nothing_stops() -> None:
    fake = Fake(iter([3.0, 2.0, 1.0]))
    state, _ = go(fake, Rhythm(steps=6, log_every=1, dev_every=2, checkpoint_every=6))
    assert (state.step, state.best_step, state.stopped) == (6, 2, False)


def test_the_mean_is_over_sets_and_not_over_units() -> None:
    assert mean_score({"a/NER": {"entity": 50.0}, "b/EE": {"trigger": 20.0, "argument": 0.0}}) == 30
    assert mean_score({}) == 0


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ("linear", [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25]),
        ("cosine", [1 / 3, 2 / 3, 1, 0.853553, 0.5, 0.146447]),
    ],
)
def test_rates(schedule: Any, factors: list[float]) -> None:
    found = [rate_factor(schedule, step, warmup=2, steps=6) for step in range(6)]
    assert found == pytest.approx(factors, abs=1e-6)
