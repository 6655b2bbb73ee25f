"""`instructuie data`: the data sets that the package knows, and preparing them for training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.errors import ConfigError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="The data sets that the package knows.",
)

SourceOption = Annotated[
    Path | None,
    typer.Option(
        "--source",
        metavar="FOLDER",
        help="Where the native files are.",
        show_default="$INSTRUCTUIE_DATA",
    ),
]


@app.command("list")
def list_cards() -> None:
    """List the dataset cards: tasks, domain, use and licence."""
    from instructuie.data.card import load_cards

    rows = [
        (card.name, "+".join(card.tasks), card.domain, card.use, card.licence)
        for card in load_cards()
    ]
    console.table(("name", "tasks", "domain", "use", "licence"), rows)


@app.command()
def prepare(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write (.jsonl.gz).")
    ],
    source: SourceOption = None,
    sets: Annotated[
        str, typer.Option(help="Names of cards, separated by commas.", show_default="all")
    ] = "",
) -> None:
    """Read data sets from their native files into one prepared file, the input of `train`."""
    from instructuie.data.card import card_names, load_card
    from instructuie.data.prepared import prepare as write

    names = [name.strip() for name in sets.split(",") if name.strip()] or list(card_names())
    header = write(
        [load_card(name) for name in names], _source(source), output, report=console.note
    )
    rows = []
    for name, row in header["datasets"].items():
        for split, counts in row["counts"].items():
            rows.append((name, split, *(f"{counts[key]:,}" for key in _COUNTS)))
    console.table(("data set", "split", *_COUNTS), rows)
    if header["missing"]:
        console.note(f"files not there: {', '.join(header['missing'])}")


_COUNTS = ("records", "entities", "relations", "events")


def _source(source: Path | None) -> Path:
    """The folder of native files; `$INSTRUCTUIE_DATA` may name it or the folder above it."""
    if source is None:
        if "INSTRUCTUIE_DATA" not in os.environ:
            raise ConfigError("say where the native files are: --source or INSTRUCTUIE_DATA")
        source = Path(os.environ["INSTRUCTUIE_DATA"])
    if not source.is_dir():
        raise ConfigError(f"{source} is not a folder; expected the folder of native files")
    return source / "raw" if (source / "raw").is_dir() else source
