"""`instructuie data list` and `labels`: the cards, and what their native labels are called."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instructuie.cli import console
from instructuie.cli.source import SetsOption, SourceOption, chosen, optional_folder

if TYPE_CHECKING:
    from instructuie.data.card import Card


def list_cards(*, source: SourceOption = None) -> None:
    """List the dataset cards: tasks, domain, use, licence and, with --source, which files are there."""
    from instructuie.data.card import load_cards

    root = optional_folder(source)
    head = ["name", "tasks", "domain", "use", "licence"]
    rows = []
    for card in load_cards():
        row = [card.name, "+".join(card.tasks), card.domain, card.use, card.licence]
        rows.append(row if root is None else [*row[:4], _presence(card, root), row[4]])
    console.table(head if root is None else [*head[:4], "files", head[4]], rows)


def _presence(card: Card, root: Path) -> str:
    from instructuie.data.load import has_files
    from instructuie.data.split import split_names

    there = [split for split in split_names(card) if has_files(card, split, root)]
    if len(there) == len(split_names(card)):
        return "all"
    return ", ".join(there) or "none"


def labels(
    *,
    sets: SetsOption = "",
    merged: Annotated[
        bool, typer.Option("--merged", help="One line a label, with the data sets that have it.")
    ] = False,
) -> None:
    """Print the whole label map: what each native label is called, in every data set.

    Labels that mean the same have the same name, whatever set they come from (section 2.3 of the
    paper); a native label under `ignore` is left out of the data on purpose.
    """
    from instructuie.data.card import load_card
    from instructuie.data.labelmap import label_rows, merged_rows

    cards = [load_card(name) for name in chosen(sets)]
    if merged:
        head = ("kind", "label", "data sets", "native labels", "names of the data sets")
        console.table(head, _texts(merged_rows(cards)))
    else:
        console.table(("data set", "kind", "native label", "label"), _texts(label_rows(cards)))


def _texts(rows: Iterable[tuple[object, ...]]) -> Iterable[list[str]]:
    for row in rows:
        yield [", ".join(cell) if isinstance(cell, tuple) else str(cell) for cell in row]
