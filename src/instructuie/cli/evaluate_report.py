"""`instructuie evaluate report`: pages to look at, and the paper's tables."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.evaluate_scores import (
    PartialOption,
    ResampleSeedOption,
    RuleOption,
    chosen_rules,
)
from instructuie.errors import ConfigError, DataError
from instructuie.jsonl import load

if TYPE_CHECKING:
    from instructuie.evaluation.scoring import System


class Figures(StrEnum):
    """Formats of figures."""

    svg = "svg"
    pdf = "pdf"
    png = "png"


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN...",
            help="Folders that `evaluate predict` wrote, or prediction files.",
            show_default=False,
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Where report.html goes; with --paper, where the tables go as Markdown.",
            show_default=False,
        ),
    ] = None,
    rule: RuleOption = "",
    paper: Annotated[
        bool,
        typer.Option(
            "--paper", help="Print the paper's tables, with the runs' scores beside them."
        ),
    ] = False,
    training: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="The prepared data that the system was trained on, to tell seen from unseen mentions.",
        ),
    ] = None,
    figures: Annotated[
        Figures | None,
        typer.Option(
            help="Write the plots for a paper as well, in this format.", show_default=False
        ),
    ] = None,
    seed: ResampleSeedOption = 0,
    partial: PartialOption = False,
) -> None:
    """Write what systems get right and wrong as a page to look at.

    Beside report.html, the same is written as Markdown and as JSON.

    instructuie evaluate report runs/builtin -o reports/builtin
    """
    if paper:
        _print_paper(paths or [], rule, output, seed=seed, partial=partial)
        return
    from instructuie.evaluation.scoring import open_system

    if not paths:
        raise ConfigError("name at least one run folder or prediction file, or --paper")
    systems = [open_system(path, partial=partial) for path in paths]
    target = output or _beside(paths[0])
    form = figures.value if figures else ""
    _write_reports(systems, target, rule, training, form, seed)
    if len(systems) > 1:
        _write_comparison(systems, target, rule or systems[0].rule, form, seed)


def _write_reports(
    systems: Sequence[System],
    target: Path,
    rule: str,
    training: Path | None,
    figures: str,
    seed: int,
) -> None:
    """One report for each system; of several, each into a folder of its own."""
    from instructuie.data.prepared import read_prepared
    from instructuie.evaluation.figures import write_figures
    from instructuie.evaluation.report import make_report, write_report

    seen = read_prepared(training, splits=("train",)) if training else None
    names = [system.path.stem for system in systems]
    for at, system in enumerate(systems):
        records = (r for parts in seen.records.values() for r in parts["train"]) if seen else None
        made = make_report(system, rule=rule, training=records, seed=seed)
        own = names[at] if names.count(names[at]) == 1 else f"{names[at]}-{at + 1}"
        folder = target / own if len(systems) > 1 else target
        console.say(str(write_report(made, folder)[-1]))
        if figures:
            console.note(f"{len(write_figures(made, folder, figures))} figures in {folder}")


def _write_comparison(
    systems: Sequence[System], target: Path, rule: str, figures: str, seed: int
) -> None:
    from instructuie.evaluation.figures import write_comparison_figure
    from instructuie.evaluation.report import write_comparison
    from instructuie.evaluation.scoring import score_system
    from instructuie.evaluation.versus import versus

    scored = [score_system(system, (rule,), seed=seed)[0] for system in systems]
    console.say(str(write_comparison(scored, target, seed=seed)[-1]))
    if figures:
        write_comparison_figure(versus(scored, seed=seed), target, figures)


def _beside(path: Path) -> Path:
    """Where the report of a run goes unless the user says."""
    return path / "report" if path.is_dir() else path.with_name(f"{path.stem}-report")


def _print_paper(
    paths: Sequence[Path], rule: str, output: Path | None, *, seed: int, partial: bool
) -> None:
    from instructuie.evaluation.markdown import paper_to_markdown
    from instructuie.evaluation.paper import paper_tables

    files = [_score_file(path, rule, seed=seed, partial=partial) for path in paths]
    tables = paper_tables(files)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / "paper.md").write_text(paper_to_markdown(tables), encoding="utf-8")
        console.note(f"also in {output / 'paper.md'}")
    for table in tables:
        console.say(f"\n{table.title}\n")
        for grid in (*table.sections, *table.averages):
            if grid.title != table.title:
                console.say(f"\n{grid.title}")
            console.table(grid.head, grid.rows)
        for note in table.notes:
            console.say(note)


def _score_file(path: Path, rule: str, *, seed: int, partial: bool) -> dict[str, Any]:
    """The scores of a run, or those that `evaluate score -o` wrote."""
    from instructuie.evaluation.scoring import open_system, score_system, to_file

    if path.suffix == ".json":
        return _read_json(path)
    system = open_system(path, partial=partial)
    return to_file(score_system(system, chosen_rules(rule), seed=seed))


def _read_json(path: Path) -> dict[str, Any]:
    """Raises DataError when the file is no JSON object."""
    try:
        row = load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as JSON: {error}", path=path) from error
    if not isinstance(row, dict):
        raise DataError("expected a JSON object, as `evaluate score -o` writes it", path=path)
    return row
