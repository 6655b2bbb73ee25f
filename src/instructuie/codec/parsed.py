"""What a completion says, and where in the completion each item stands.

The places let an engine's token probabilities become scores of items.
"""

from __future__ import annotations

from dataclasses import dataclass

from instructuie.types import Extraction, Issue

Range = tuple[int, int]
"""Characters of the completion, end exclusive."""


@dataclass(frozen=True, slots=True)
class ItemPlace:
    """Where one item is written: of an event its label and trigger, its arguments each apart."""

    own: Range
    arguments: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A completion that has been read.

    A task is answered with one kind of item; `places` has one place for each, in order (for EEA, whose
    event is given, the place of the whole answer).
    """

    extraction: Extraction
    issues: tuple[Issue, ...] = ()
    places: tuple[ItemPlace, ...] = ()
