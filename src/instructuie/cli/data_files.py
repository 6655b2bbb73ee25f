"""`instructuie data files`: what the native files of a card are, or whether they are what it says."""

from __future__ import annotations

from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.cli.source import SourceOption, native_folder


def files(
    name: Annotated[str, typer.Argument(help="A card, by name or as a TOML file.")],
    *,
    source: SourceOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the files with the card; exit code 1 if not.")
    ] = False,
) -> None:
    """Print what a card says of its files, from those at hand: sizes, checksums, and what is read."""
    from instructuie.data.card import load_card
    from instructuie.data.counts import counts_of, counts_table, differences, native_tallies
    from instructuie.data.files import files_table, problems

    card, root = load_card(name), native_folder(source)
    if not check:
        console.say(files_table(card, root))
        tallies = native_tallies(card, root)
        console.say(counts_table({split: counts_of(tally) for split, tally in tallies.items()}))
        return
    found = [*problems(card, root), *differences(card, root)]
    for path, problem in found:
        console.say(f"{path}: {problem}")
    if found:
        raise typer.Exit(1)
