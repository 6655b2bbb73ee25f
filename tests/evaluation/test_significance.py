from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from scipy import stats

from instructuie.errors import ConfigError, MissingExtraError
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.scores import SetScores, score
from instructuie.evaluation.significance import adjusted, compare, interval
from instructuie.types import Entity, Extraction, Mention
from tests.evaluation.made import ask, entity

TEXT = "abcdefgh " * 3
GOLD = tuple(Entity("x", Mention.of(TEXT, i, i + 1)) for i in range(5))


def system(chance: float, *, records: int = 200, seed: int = 0, dataset: str = "d") -> SetScores:
    """Each gold item is found with that chance; so is one that is not there."""
    rng = random.Random(seed)
    rows = []
    for number in range(records):
        size = rng.randint(0, 4)
        found = [e for e in GOLD[:size] if rng.random() < chance]
        extra = [GOLD[4]] if rng.random() < 1 - chance else []
        answer = Extraction((*found, *extra))
        rows.append(
            ask(Extraction(GOLD[:size]), answer, text=TEXT, dataset=dataset, name=str(number))
        )
    return score(rows).sets[0]


def slow_bootstrap(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Record by record, as the textbook has it."""
    rng = np.random.default_rng(seed)
    sums = [rows[rng.integers(0, len(rows), len(rows))].sum(axis=0) for _ in range(count)]
    return np.array([2 * right / (said + gold) for right, said, gold in sums])


def test_the_interval_is_that_of_drawing_records_one_by_one() -> None:
    unit = system(0.7).units["entity"]
    found = interval(unit, seed=1, resamples=4000)
    drawn = slow_bootstrap(np.array(unit.rows).reshape(-1, 3), 4000, 2)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.score == unit.micro
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)
    assert found.low < found.score < found.high


def test_intervals_and_tests_agree_with_scipy_record_by_record() -> None:
    one, other = system(0.66, seed=1, records=80), system(0.72, seed=1, records=80)
    rows = [np.array(s.units["entity"].rows).reshape(-1, 3) for s in (one, other)]

    def f1(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        sums = rows[0][drawn.astype(int)].sum(axis=-2)
        return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))

    theirs = stats.bootstrap(
        (np.arange(80),), f1, n_resamples=4000, method="percentile", rng=np.random.default_rng(3)
    )
    mine = interval(one.units["entity"], seed=3, resamples=4000)
    assert mine.low == pytest.approx(theirs.confidence_interval.low, abs=0.006)
    assert mine.high == pytest.approx(theirs.confidence_interval.high, abs=0.006)

    both = np.concatenate(rows)

    def gap(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
        sums = [both[drawn.astype(int)].sum(axis=-2) for drawn in (first, second)]
        a, b = (2 * s[..., 0] / (s[..., 1] + s[..., 2]) for s in sums)
        return np.asarray(np.abs(b - a))

    swapped = stats.permutation_test(
        (np.arange(80), np.arange(80, 160)),
        gap,
        permutation_type="samples",
        vectorized=True,
        n_resamples=4000,
        alternative="greater",
        rng=np.random.default_rng(4),
    )
    found = compare([(one, other)], "entity", seed=4, resamples=4000)
    assert found.p_randomisation == pytest.approx(swapped.pvalue, abs=0.02)


def test_several_comparisons_are_adjusted_together() -> None:
    pairs = [
        (system(0.6, seed=n, dataset=f"d{n}"), system(0.64, seed=n + 50, dataset=f"d{n}"))
        for n in range(6)
    ]
    alone = [compare([pair], "entity", seed=0) for pair in pairs]
    together = adjusted(alone)
    ranked = sorted(together, key=lambda c: c.p_randomisation)
    for rank, found in enumerate(ranked, 1):
        later = [c.p_randomisation * 6 / at for at, c in enumerate(ranked[rank - 1 :], rank)]
        assert found.p_adjusted == pytest.approx(min(1.0, *later))
    assert [c.p_adjusted for c in alone] == [None] * 6
    assert adjusted([]) == []
    mean = compare(pairs, "entity", seed=0)
    assert mean.p_datasets is not None
    assert 0 < mean.p_datasets <= 1
    assert compare(pairs[:5], "entity", seed=0).p_datasets is None
    same = [(pair[0], pair[0]) for pair in pairs]
    assert compare(same, "entity", seed=0).p_datasets == 1


def test_a_comparison_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    one = system(0.6, records=20)
    assert interval(one.units["entity"], seed=0).low < 1
    with pytest.raises(MissingExtraError, match=r"instructuie\[eval\]"):
        compare([(one, one)], "entity", seed=0)


def test_intervals_are_the_same_for_the_same_seed_alone() -> None:
    unit = system(0.7).units["entity"]
    assert interval(unit, seed=5) == interval(unit, seed=5)
    assert interval(unit, seed=5) != interval(unit, seed=6)
    assert interval(unit, seed=5).to_dict()["seed"] == 5


def test_a_wider_level_and_fewer_records_make_wider_intervals() -> None:
    def width(records: int, level: float) -> float:
        unit = system(0.7, records=records).units["entity"]
        found = interval(unit, seed=0, level=level)
        return found.high - found.low

    assert width(200, 0.99) > width(200, 0.95) > width(200, 0.5)
    assert width(50, 0.95) > width(800, 0.95)


def test_about_as_many_intervals_hold_the_truth_as_they_say() -> None:
    truth = system(0.6, records=8_000, seed=99).units["entity"].micro
    hits = 0
    for seed in range(60):
        found = interval(system(0.6, records=80, seed=seed).units["entity"], seed=seed)
        hits += found.low <= truth <= found.high
    assert 50 <= hits <= 60


def test_a_perfect_system_is_sure() -> None:
    found = interval(system(1.0).units["entity"], seed=0)
    assert (found.low, found.score, found.high) == (1, 1, 1)


def test_the_mean_of_data_sets_has_an_interval() -> None:
    parts = [system(c, dataset=n, seed=i) for i, (c, n) in enumerate([(0.9, "a"), (0.5, "b")])]
    units = [part.units["entity"] for part in parts]
    found = interval(units, seed=0)
    assert found.score == pytest.approx((units[0].micro + units[1].micro) / 2)
    alone = [interval(unit, seed=0) for unit in units]
    assert found.high - found.low < max(one.high - one.low for one in alone)


def test_two_systems_that_differ_and_two_that_do_not() -> None:
    worse, better = system(0.6, seed=1), system(0.8, seed=1)
    found = compare([(worse, better)], "entity", seed=0)
    assert found.difference == pytest.approx(found.second - found.first)
    assert found.low > 0
    assert found.p_bootstrap < 0.01
    assert found.p_randomisation < 0.01
    same = compare([(worse, worse)], "entity", seed=0)
    assert (same.difference, same.p_bootstrap, same.p_randomisation) == (0, 1, 1)


def test_the_other_way_round_is_the_same_claim() -> None:
    one, other = system(0.65, seed=1, records=60), system(0.7, seed=1, records=60)
    there = compare([(one, other)], "entity", seed=0, resamples=4000)
    back = compare([(other, one)], "entity", seed=0, resamples=4000)
    assert there.difference == -back.difference
    assert there.p_bootstrap == pytest.approx(back.p_bootstrap, abs=0.03)
    assert there.p_randomisation == pytest.approx(back.p_randomisation, abs=0.03)


def test_randomisation_is_that_of_trying_every_swap() -> None:
    one = score(
        [
            ask(Extraction(GOLD[:2]), Extraction(GOLD[:n]), text=TEXT, name=str(i))
            for i, n in enumerate((0, 1, 1, 0, 2, 1))
        ]
    ).sets[0]
    other = score(
        [
            ask(Extraction(GOLD[:2]), Extraction(GOLD[:n]), text=TEXT, name=str(i))
            for i, n in enumerate((2, 1, 2, 1, 2, 0))
        ]
    ).sets[0]
    rows = [np.array(s.units["entity"].rows).reshape(-1, 3) for s in (one, other)]
    gap = abs(other.units["entity"].micro - one.units["entity"].micro)
    as_far = 0
    for swaps in range(2**6):
        chosen = np.array([swaps >> bit & 1 for bit in range(6)], dtype=bool)[:, None]
        sums = [np.where(chosen, *pair).sum(axis=0) for pair in (rows, rows[::-1])]
        first, second = (2 * s[0] / (s[1] + s[2]) for s in sums)
        as_far += abs(first - second) >= gap - 1e-12
    found = compare([(one, other)], "entity", seed=0, resamples=20_000)
    assert found.p_randomisation == pytest.approx(as_far / 2**6, abs=0.015)


def test_chance_alone_is_seldom_significant() -> None:
    alarms = 0
    for seed in range(60):
        one = system(0.7, seed=seed, records=60)
        other = system(0.7, seed=seed + 1000, records=60)
        other = SetScores(*one.key, one.ids, 0, other.units)
        alarms += compare([(one, other)], "entity", seed=seed, resamples=300).p_randomisation < 0.05
    assert alarms <= 9


def test_records_are_paired_by_id_not_by_place() -> None:
    def rows(numbers: list[int]) -> list[Prediction]:
        return [
            ask(Extraction(GOLD[: n % 4]), Extraction(GOLD[: n % 3]), text=TEXT, name=str(n))
            for n in numbers
        ]

    forth, back = score(rows(list(range(40)))).sets[0], score(rows(list(range(40))[::-1])).sets[0]
    found = compare([(forth, back)], "entity", seed=0)
    assert (found.low, found.high, found.p_bootstrap) == (0, 0, 1)


def test_an_accuracy_is_resampled_as_one() -> None:
    rows = [
        ask(Extraction(), Extraction(), "EET", name=str(i), gold_completion="a: b", completion=c)
        for i, c in enumerate(["a: b", "a: c", "", "a: b"] * 20)
    ]
    unit = score(rows, "instructuie-released").sets[0].units["trigger"]
    found = interval(unit, seed=0)
    assert found.score == 0.5
    assert found.low < 0.5 < found.high
    assert found.low > 0.3


def test_other_records_other_data_and_nothing_are_errors() -> None:
    one, other = system(0.5), system(0.5, records=199)
    with pytest.raises(ConfigError, match="1 are only with the first, 0 only with the second"):
        compare([(one, other)], "entity", seed=0)
    with pytest.raises(ConfigError, match=r"d/NER \(test\) with e/NER \(test\)"):
        compare([(one, system(0.5, dataset="e"))], "entity", seed=0)
    with pytest.raises(ConfigError, match="no score for 'relation'"):
        compare([(one, one)], "relation", seed=0)
    with pytest.raises(ConfigError, match="no records"):
        interval([], seed=0)
    with pytest.raises(ConfigError, match="level=95"):
        interval(one.units["entity"], seed=0, level=95)


def test_draws_without_any_item_say_nothing() -> None:
    gold = Extraction((entity("person", 0, 3),))
    rows = [ask(Extraction(), Extraction(), name=str(i)) for i in range(5)]
    missed = score([*rows, ask(gold, Extraction(), name="missed")]).sets[0].units["entity"]
    assert (interval(missed, seed=0).low, interval(missed, seed=0).high) == (0, 0)
    found = score([*rows, ask(gold, gold, name="found")]).sets[0].units["entity"]
    both = interval([missed, found], seed=0)
    assert (both.low, both.score, both.high) == (0, 0.5, 1)
    empty = interval(score(rows).sets[0].units["entity"], seed=0)
    assert (empty.low, empty.score, empty.high) == (1, 1, 1)


def test_all_wrong_and_empty_gold() -> None:
    gold = Extraction((entity("person", 0, 3),))
    wrong = score([ask(gold, Extraction(), name=str(i)) for i in range(9)]).sets[0]
    assert interval(wrong.units["entity"], seed=0).high == 0
