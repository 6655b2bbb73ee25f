"""Counts of right and wrong items under the `strict` rule: offsets, multiset, end to end.

Each unit of a text is a tuple of a label and character offsets; a predicted unit is right when an
equal gold unit has not been used up yet. Counts of records add up; scores come last (`score.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from instructuie.types import Extraction, Mention


@dataclass(frozen=True, slots=True)
class Counts:
    """Right items, items predicted, items in gold."""

    right: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.right + other.right, self.predicted + other.predicted, self.gold + other.gold
        )

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Micro-F1; 1.0 when there is nothing to find and nothing was predicted."""
        total = self.predicted + self.gold
        return 2 * self.right / total if total else 1.0


UNITS = ("entity", "relation", "trigger", "argument")


def count(gold: Extraction, predicted: Extraction) -> Mapping[str, Counts]:
    """Strict counts of one record, by unit.

    entity: label, span. relation (boundary): label, head span, tail span. trigger: event label,
    span. argument: event label, role, span (the gold event type is not given).
    """
    wanted, found = _units(gold), _units(predicted)
    return {unit: _compare(wanted[unit], found[unit]) for unit in UNITS}


def _compare(gold: Iterable[Hashable], predicted: Iterable[Hashable]) -> Counts:
    wanted, found = Counter(gold), Counter(predicted)
    return Counts((wanted & found).total(), found.total(), wanted.total())


def _units(extraction: Extraction) -> dict[str, list[Hashable]]:
    return {
        "entity": [(e.label, _span(e.mention)) for e in extraction.entities],
        "relation": [(r.label, _span(r.head), _span(r.tail)) for r in extraction.relations],
        "trigger": [(e.label, _span(e.trigger)) for e in extraction.events],
        "argument": [
            (e.label, a.role, _span(a.mention)) for e in extraction.events for a in e.arguments
        ],
    }


def _span(mention: Mention) -> Hashable:
    """Offsets; a mention without a place can match no other."""
    return (mention.span.start, mention.span.end) if mention.span else (mention.text, id(mention))
