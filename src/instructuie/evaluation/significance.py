"""How sure a score is: bootstrap intervals, and whether two systems really differ.

Records are what is drawn. As scores are sums over records, it does not matter which record is drawn,
only what its row of counts is; so records with equal rows are drawn together, which is exactly the
same distribution (multinomial, binomial) at a small part of the cost: a million records take
milliseconds. Tests are scipy's; intervals are the quantiles of the draws, so that a score has one in
the core install too. Seeds are passed in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instructuie.errors import ConfigError, MissingExtraError
from instructuie.evaluation.counts import Counts
from instructuie.evaluation.scores import SetScores, UnitScores
from instructuie.tasks import TaskName

Floats: TypeAlias = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A score with the range that its resamples fall into (percentile bootstrap over records)."""

    score: float
    low: float
    high: float
    level: float
    resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same records; `difference` is the second minus the first.

    All p-values are two-sided, for the claim that there is no difference; the smallest that the
    first two can be is 1 / (resamples + 1).
    """

    first: float
    second: float
    difference: float
    low: float
    """Lower end of the paired bootstrap interval of the difference."""
    high: float
    p_bootstrap: float
    """Paired bootstrap: how often resampling alone, about no difference, moves it this far."""
    p_randomisation: float
    """Approximate randomisation: how often swapping the systems' answers at random does."""
    level: float
    resamples: int
    seed: int
    p_adjusted: float | None = None
    """`p_randomisation` when it is one of several looked at together (Benjamini and Hochberg)."""
    p_datasets: float | None = None
    """Wilcoxon's signed ranks over data sets rather than records; None for fewer than six of them,
    which cannot be told apart at 0.05 that way."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def interval(
    units: UnitScores | Sequence[UnitScores],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """The interval of a micro score; of several units (data sets), that of their unweighted mean.

    Each data set is resampled on its own. Draws that hold no item at all have no score and are left
    out. Raises ConfigError when there is nothing to resample.
    """
    parts = [units] if isinstance(units, UnitScores) else list(units)
    _check(parts, resamples, level)
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [_measure(_bootstrap(_rows(p), resamples, rng), p, nothing=np.nan) for p in parts]
    )
    value = float(np.mean([part.micro for part in parts]))
    scored = np.isfinite(drawn)
    means = np.where(scored, drawn, 0.0).sum(axis=0) / np.maximum(scored.sum(axis=0), 1)
    some = means[scored.any(axis=0)]
    low, high = _range(some, level) if len(some) else (value, value)
    return Interval(value, low, high, level, resamples, seed)


def compare(
    first: Iterable[tuple[SetScores, SetScores]],
    unit: str,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Comparison:
    """Compare two systems on a unit, given as pairs of the scores of one data set each.

    The score is the micro score, of several data sets their unweighted mean. Records are paired by
    id. Raises ConfigError when the systems have not been scored on the same records, and
    MissingExtraError without scipy.
    """
    _statistics()
    pairs = [paired_rows(one, other, unit) for one, other in first]
    units = [one for one, _, _ in pairs]
    _check(units, resamples, level)
    rng = np.random.default_rng(seed)
    begin = np.mean([one.micro for one, _, _ in pairs])
    end = np.mean([other.micro for _, other, _ in pairs])
    boot = np.mean([_difference(_bootstrap(r, resamples, rng), u) for u, _, r in pairs], axis=0)
    gap = float(end - begin)
    low, high = _range(boot, level)
    return Comparison(
        first=float(begin),
        second=float(end),
        difference=gap,
        low=low,
        high=high,
        p_bootstrap=_p_value(boot - boot.mean(), gap),
        p_randomisation=_randomisation([(u, r) for u, _, r in pairs], resamples, rng),
        level=level,
        resamples=resamples,
        seed=seed,
        p_datasets=_signed_ranks([(one.micro, other.micro) for one, other, _ in pairs]),
    )


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with `p_adjusted`, for as many as are given. Raises MissingExtraError."""
    if not comparisons:
        return []
    values = _statistics().false_discovery_control([c.p_randomisation for c in comparisons])
    return [replace(c, p_adjusted=float(p)) for c, p in zip(comparisons, values, strict=True)]


def paired_rows(
    one: SetScores, other: SetScores, unit: str
) -> tuple[UnitScores, UnitScores, Floats]:
    """Both systems' units, and for each record six counts: those of the one and of the other."""
    if one.key != other.key:
        raise ConfigError(f"cannot compare {_name(one.key)} with {_name(other.key)}")
    if unit not in one.units or unit not in other.units:
        raise ConfigError(
            f"{_name(one.key)} has no score for {unit!r} on both sides: it has "
            f"{', '.join(one.units)} and {', '.join(other.units)}"
        )
    mine, yours = _positions(one.ids), _positions(other.ids)
    if mine.keys() != yours.keys():
        only = len(mine.keys() - yours.keys()), len(yours.keys() - mine.keys())
        raise ConfigError(
            f"{_name(one.key)}: the systems were not scored on the same records: {only[0]:,} are "
            f"only with the first, {only[1]:,} only with the second; score both on the same data"
        )
    order = [yours[key] for key in mine]
    rows = np.hstack([_rows(one.units[unit]), _rows(other.units[unit])[order]])
    return one.units[unit], other.units[unit], rows


def _name(key: tuple[TaskName, str, str]) -> str:
    task, dataset, split = key
    return f"{dataset}/{task} ({split})"


def _positions(ids: Iterable[str]) -> dict[tuple[str, int], int]:
    """Id -> row; the n-th record with an id that is not unique is called the n-th."""
    seen: defaultdict[str, int] = defaultdict(int)

    def keys() -> Iterator[tuple[str, int]]:
        for name in ids:
            seen[name] += 1
            yield name, seen[name]

    return {key: at for at, key in enumerate(keys())}


def _check(units: Sequence[UnitScores], resamples: int, level: float) -> None:
    if not units or not all(len(unit.rows) for unit in units):
        raise ConfigError("there are no records to resample: score at least one record first")
    if resamples < 1 or not 0 < level < 1:
        raise ConfigError(
            f"expected at least 1 resample and a level between 0 and 1, "
            f"got resamples={resamples} and level={level}"
        )


def _rows(unit: UnitScores) -> Floats:
    """(records, 3)"""
    return np.frombuffer(unit.rows, dtype=np.float64).reshape(-1, 3)


def _bootstrap(rows: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Counts of each resample, (resamples, columns of `rows`)."""
    kinds, times = np.unique(rows, axis=0, return_counts=True)
    drawn = rng.multinomial(len(rows), times / len(rows), size=resamples)
    return drawn @ kinds


def _randomisation(
    pairs: Sequence[tuple[UnitScores, Floats]], resamples: int, rng: np.random.Generator
) -> float:
    """Approximate randomisation: each record's answers swapped with a chance of 1/2.

    A sample is how many records of each kind are swapped; none are in what was observed.
    """
    kinds, times = zip(
        *(np.unique(rows, axis=0, return_counts=True) for _, rows in pairs), strict=True
    )
    chances = np.concatenate(times)
    ends = np.cumsum([len(t) for t in times])[:-1]

    def gap(swapped: Floats, axis: int = -1) -> Floats:
        parts = zip(pairs, kinds, times, np.split(swapped, ends, axis=-1), strict=True)
        gaps = [_difference(_swap(k, t, s), unit) for (unit, _), k, t, s in parts]
        value: Floats = np.abs(np.mean(gaps, axis=0))
        return value

    found = _statistics().monte_carlo_test(
        np.zeros(len(chances)),
        lambda size: rng.binomial(chances, 0.5, size=size),
        gap,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH // len(chances)),
        alternative="greater",
        axis=-1,
    )
    return float(found.pvalue)


_BATCH = 4_000_000
"""So many numbers are drawn at a time."""


def _swap(kinds: Floats, times: NDArray[np.int64], swapped: Floats) -> Floats:
    """Counts of both systems, (..., 6), with so many records of each kind swapped."""
    crossed = np.hstack([kinds[:, 3:], kinds[:, :3]])
    sums: Floats = (times - swapped) @ kinds + swapped @ crossed
    return sums


def _signed_ranks(scores: Sequence[tuple[float, float]]) -> float | None:
    if len(scores) < 6:
        return None
    gaps = np.diff(np.array(scores), axis=1)[:, 0]
    return float(_statistics().wilcoxon(gaps).pvalue) if np.any(gaps) else 1.0


def _statistics() -> Any:
    try:
        from scipy import stats
    except ModuleNotFoundError as error:
        raise MissingExtraError("a comparison of systems", extra="eval") from error
    return stats


def _measure(sums: Floats, unit: UnitScores, *, nothing: float | None = None) -> Floats:
    """F1 of counts, (..., 3) -> (...); an accuracy is the same, as each record says one thing.

    Where there is no item on either side it is `nothing`, or what the measure says of that.
    """
    right, predicted, gold = sums[..., 0], sums[..., 1], sums[..., 2]
    asked = predicted + gold
    if unit.measure.name == "accuracy":
        right, asked = right, gold
    else:
        right = 2 * right
    empty = unit.measure.of(Counts()) if nothing is None else nothing
    return np.divide(right, asked, out=np.full_like(right, empty), where=asked > 0)


def _difference(sums: Floats, unit: UnitScores) -> Floats:
    return _measure(sums[..., 3:], unit) - _measure(sums[..., :3], unit)


def _range(values: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _p_value(values: Floats, gap: float) -> float:
    """The share of values at least as far from 0, the observed one among them."""
    as_far = int(np.count_nonzero(np.abs(values) >= abs(gap) - 1e-12))
    return (as_far + 1) / (len(values) + 1)
