"""What is read from the native files of a data set, counted for each of their splits.

These are the numbers to compare with those of a data set's paper: of whole documents, and before any
cut, any removal of overlap. A card's `[counts]` has them, so that a reader that loses an item is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from instructuie.data.card import Card
from instructuie.data.load import has_files, load_records
from instructuie.data.tally import Tally

Counts = Mapping[str, Mapping[str, int]]


def native_tallies(card: Card, root: Path) -> dict[str, Tally]:
    """The tally of each split of `[splits]` whose files are there. Raises DataError."""
    whole = replace(card, split_rule="official")
    found = {split: Tally() for split in card.splits if has_files(whole, split, root)}
    for split, tally in found.items():
        for record in load_records(whole, split, root):
            tally.add(record)
    return found


def counts_of(tally: Tally) -> dict[str, int]:
    """Records, and the items of each kind that there are."""
    counts = {**tally.counts(), "arguments": tally.labels["role"].total()}
    return {kind: count for kind, count in counts.items() if count or kind == "records"}


def counts_table(counts: Counts) -> str:
    """The `[counts]` table for a card."""
    rows = (
        f"{split} = {{ {', '.join(f'{kind} = {n}' for kind, n in row.items())} }}"
        for split, row in counts.items()
    )
    return "\n".join(["[counts]", *rows]) + "\n"


def differences(card: Card, root: Path) -> Iterator[tuple[str, str]]:
    """Each split of which something else is read than the card says. Raises DataError."""
    for split, tally in native_tallies(card, root).items():
        found, said = counts_of(tally), dict(card.counts.get(split, {}))
        if said and found != said:
            yield split, f"read {_words(found)}; the card says {_words(said)}"


def _words(row: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in row.items())
