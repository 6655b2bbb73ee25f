"""What `evaluate` commands have in common: suite and data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instructuie.cli import console
from instructuie.cli.bar import WorkBar
from instructuie.errors import ConfigError

if TYPE_CHECKING:
    from instructuie.data.prepared import Prepared
    from instructuie.evaluation.plan import Plan
    from instructuie.evaluation.suite import Suite

SuiteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        metavar="NAME|FILE",
        help="A suite by name (see `evaluate suites`) or a suite's .toml file; may be repeated.",
    ),
]
SetsOption = Annotated[
    str,
    typer.Option(
        metavar="SET/TASK,...",
        help="In place of a suite: data sets and tasks, such as conll2003/NER,conll04/RE.",
    ),
]
SplitOption = Annotated[str, typer.Option(help="dev or test, with --sets.")]
DataOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE|FOLDER", help="What `instructuie data prepare` wrote."),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="So many texts of each data set, drawn by --seed.", show_default="all"
    ),
]
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn.")]


def choose_suite(names: list[str] | None, sets: str, split: str) -> Suite:
    """The suite that the command line asks for. Raises ConfigError."""
    from instructuie.evaluation.suite import load_suites, suite_names, suite_of

    if names and sets:
        raise ConfigError("both --suite and --sets are given: choose one")
    if names:
        return load_suites(names)
    if not sets.strip():
        raise ConfigError(
            f"say what to ask: --suite ({', '.join(suite_names())}, or a .toml file) or --sets "
            "such as conll2003/NER"
        )
    return suite_of(sets, split=split)


def open_data(data: Path | None, source: Path | None, suite: Suite, folder: Path) -> Prepared:
    """The prepared data; from native files they are prepared into `folder` first, once."""
    from instructuie.data.prepared import read_prepared

    splits = {entry.split for entry in suite.entries}
    if data is not None:
        if source is not None:
            raise ConfigError("both --data and --source are given: choose one")
        return read_prepared(data, splits=splits)
    return read_prepared(_prepared_from(source, suite, folder), splits=splits)


def _prepared_from(source: Path | None, suite: Suite, folder: Path) -> Path:
    from instructuie.cli.source import native_folder
    from instructuie.data.prepare import prepare
    from instructuie.evaluation.fold_cards import known_cards

    path = folder / "data.jsonl.gz"
    cards = list(known_cards(entry.dataset for entry in suite.entries))
    if not cards:
        raise ConfigError(
            "no data set of the suite has a dataset card, so it cannot be read from native files: "
            "prepare the data and give --data"
        )
    folder.mkdir(parents=True, exist_ok=True)
    prepare(cards, native_folder(source), path, progress=WorkBar("read"))
    return path


def note_missing(plan: Plan) -> None:
    """Says what of the suite cannot be asked, reason by reason."""
    if not plan.missing:
        return
    console.note(f"{len(plan.jobs)} of {len(plan.suite.entries)} entries are there; missing:")
    for reason in dict.fromkeys(plan.missing.values()):
        names = [name for name, why in plan.missing.items() if why == reason]
        console.note(f"{reason}: {', '.join(names)}")
