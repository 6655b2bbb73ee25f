"""How far two models extract the same: what an export with fewer bits is measured by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models extract the same items."""

    same: int
    either: int

    @property
    def share(self) -> float:
        """Items that both found, of the items that either found, counted as F1."""
        return self.same / self.either if self.either else 1.0
