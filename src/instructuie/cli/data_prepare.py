"""`instructuie data prepare` and `pack`: native files to prepared data, and folder to one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.bar import WorkBar
from instructuie.cli.extract import OnError
from instructuie.cli.source import SetsOption, SourceOption, chosen, native_folder
from instructuie.errors import ConfigError, DataError

_COUNTS = ("records", "entities", "relations", "events")


def prepare(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER|FILE",
            help="A folder of Parquet files, or one file that ends in .jsonl.gz.",
        ),
    ],
    source: SourceOption = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every data set whose files are there (the default).")
    ] = False,
    sets: SetsOption = "",
    on_error: Annotated[
        OnError,
        typer.Option(help="At a malformed item: stop, or put it into OUTPUT.rejected.jsonl."),
    ] = OnError.stop,
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Take files that are not those of the card.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one per core")
    ] = None,
) -> None:
    """Read data sets from their native files, check them, and write them for `train`.

    Training records that share a sentence of eight or more words with a dev, test or zero-shot text
    are left out. What did not change since the last time is not made again.
    """
    from instructuie.data.card import load_card
    from instructuie.data.prepare import Settings
    from instructuie.data.prepare import prepare as write
    from instructuie.data.workers import cores

    if every and sets:
        raise ConfigError("both --all and --sets are given: choose one")
    root = native_folder(source)
    cards = [load_card(name) for name in chosen(sets)]
    _refuse_absent(cards if sets else [], root)
    header = write(
        cards,
        root,
        output,
        settings=Settings(
            workers=workers or min(cores(), 16),
            skip=on_error is OnError.skip,
            unchecked=unchecked,
        ),
        progress=WorkBar("preparing"),
    )
    _tell(header, output)


def pack(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A prepared folder.")],
    output: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write (.jsonl.gz).")],
) -> None:
    """Pack a prepared folder into one file, which is read without pyarrow."""
    from instructuie.data.pack import pack_folder

    header = pack_folder(folder, output)
    console.note(f"{output}: {_sum(header):,} records, fingerprint {header['fingerprint'][:16]}")


def _refuse_absent(cards: Sequence[Any], root: Path) -> None:
    """A data set that was asked for by name must be there, at least in part."""
    from instructuie.data.load import has_files
    from instructuie.data.split import split_names

    for card in cards:
        if not any(has_files(card, split, root) for split in split_names(card)):
            raise DataError(
                f"no split of {card.name} is there: run  instructuie data fetch {card.name} "
                f"--source {root}",
                path=root,
            )


def _tell(header: Mapping[str, Any], output: Path) -> None:
    rows = [
        (name, split, *(f"{counts[key]:,}" for key in _COUNTS))
        for name, row in header["datasets"].items()
        for split, counts in row["counts"].items()
    ]
    console.table(("data set", "split", *_COUNTS), rows)
    left_out = sum(row["overlapping"] for row in header["datasets"].values())
    console.note(
        f"{output}: {_sum(header):,} records of {len(header['datasets'])} data sets, "
        f"fingerprint {header['fingerprint'][:16]}; {left_out:,} training records left out, as "
        "they share a sentence with a dev, test or zero-shot text"
    )
    if rejected := sum(row["rejected"] for row in header["datasets"].values()):
        console.note(f"{rejected:,} malformed items are in {output}.rejected.jsonl")
    _tell_missing(header)


def _tell_missing(header: Mapping[str, Any]) -> None:
    absent: dict[str, list[str]] = {}
    for entry in header["missing"]:
        name, _, split = entry.partition("/")
        absent.setdefault(name, []).append(split)
    whole = [name for name in absent if name not in header["datasets"]]
    partly = [f"{n} ({', '.join(s)})" for n, s in absent.items() if n in header["datasets"]]
    if whole:
        console.note(f"no files of: {', '.join(whole)} (see `instructuie data show NAME`)")
    if partly:
        console.note(f"without some of their splits: {', '.join(partly)}")


def _sum(header: Mapping[str, Any]) -> int:
    return sum(part["records"] for part in header["parts"])
