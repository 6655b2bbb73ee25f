"""Scoring a predictor on gold texts; any predictor will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from instructuie.evaluation.counts import UNITS, Counts, count
from instructuie.types import Extraction

Predictor = Callable[[Sequence[str]], Iterable[Extraction]]
"""Texts in, one extraction per text out, in order."""


def score_predictor(
    predict: Predictor, gold: Sequence[tuple[str, Extraction]]
) -> dict[str, Counts]:
    """Strict counts by unit over all texts."""
    totals = dict.fromkeys(UNITS, Counts())
    predictions = predict([text for text, _ in gold])
    for (_, wanted), found in zip(gold, predictions, strict=True):
        for unit, counts in count(wanted, found).items():
            totals[unit] += counts
    return totals
