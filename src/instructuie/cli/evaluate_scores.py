"""`instructuie evaluate score | compare | convert`: what prediction files are worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.jsonl import dump

if TYPE_CHECKING:
    from instructuie.evaluation.scoring import Line, Scored
    from instructuie.evaluation.significance import Interval
    from instructuie.evaluation.versus import Cell, Versus

PathsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Folders that `evaluate predict` wrote, or prediction files.",
        show_default=False,
    ),
]
RuleOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|all",
        help="strict (exact offsets), paper (strings, as UniNER and GNER compare), "
        "instructuie-released (the released evaluator, fault for fault), uie (UIE's scorer), "
        "partial (half a point for overlap), or all of them.",
        show_default="the suite's",
    ),
]
ResamplesOption = Annotated[int, typer.Option(min=10, help="Resamples of intervals and tests.")]
ResampleSeedOption = Annotated[int, typer.Option("--seed", help="Of the resamples.")]
PartialOption = Annotated[
    bool, typer.Option("--partial", help="Score a run that is not complete, and say so.")
]
JsonOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write all of it as JSON.")
]


class Form(StrEnum):
    """Forms of prediction files."""

    instructuie = "instructuie"
    released = "released"


def score(
    paths: PathsArgument,
    *,
    rule: RuleOption = "",
    labels: Annotated[
        bool, typer.Option("--labels", help="Show the score of each label as well.")
    ] = False,
    signatures: Annotated[
        bool, typer.Option("--signatures", help="Show the signature of each score as well.")
    ] = False,
    output: JsonOption = None,
    resamples: ResamplesOption = 1000,
    seed: ResampleSeedOption = 0,
    partial: PartialOption = False,
) -> None:
    """Score predictions, with 95% confidence intervals over texts.

    Nothing but the files is read, so predictions can be scored again under
    another rule at any time.

    instructuie evaluate score runs/builtin --rule all -o scores.json
    """
    from instructuie.evaluation.scoring import open_system, score_system, to_file

    files = []
    for path in paths:
        system = open_system(path, partial=partial)
        scored = score_system(system, chosen_rules(rule), seed=seed, resamples=resamples)
        files.append(to_file(scored))
        if len(paths) > 1:
            console.note(f"{path}: {system.name}")
        print_scores(scored, labels=labels, signatures=signatures)
    if output is not None:
        write_json(files[0] if len(files) == 1 else {"systems": files}, output)


def compare(
    paths: PathsArgument,
    *,
    rule: RuleOption = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write compare.html, compare.md and compare.json there.",
            show_default=False,
        ),
    ] = None,
    resamples: ResamplesOption = 1000,
    seed: ResampleSeedOption = 0,
    partial: PartialOption = False,
) -> None:
    """Put systems side by side, and test whether each differs from the first.

    Both tests are paired over texts: p by approximate randomisation, and the
    bootstrap interval of the difference. `adjusted` is p when all data sets are
    looked at together. Means are over the data sets that all systems have.

    instructuie evaluate compare runs/builtin runs/other --rule paper
    """
    from instructuie.evaluation.report import write_comparison
    from instructuie.evaluation.scoring import open_system, score_system
    from instructuie.evaluation.versus import versus

    systems = [open_system(path, partial=partial) for path in paths]
    rules = chosen_rules(rule) or (systems[0].rule,)
    scored = [score_system(s, rules, seed=seed, resamples=resamples) for s in systems]
    for found in zip(*scored, strict=True):
        compared = versus(found, seed=seed, resamples=resamples)
        _print_versus(compared)
        if output is not None:
            folder = output / compared.rule if len(rules) > 1 else output
            console.say(str(write_comparison(found, folder, seed=seed)[-1]))


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder or a prediction file.")
    ],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    *,
    to: Annotated[
        Form,
        typer.Option(
            help="released: the prediction file of the InstructUIE code, sentences without offsets. "
            "instructuie: ours, mentions placed where their words stand."
        ),
    ] = Form.released,
    partial: PartialOption = False,
) -> None:
    """Write predictions in another form, for another evaluator.

    instructuie evaluate convert runs/builtin released.jsonl --to released
    """
    from instructuie.evaluation.predictions import write_predictions
    from instructuie.evaluation.scoring import open_system

    system = open_system(source, partial=partial)
    rows = write_predictions(system.predictions(), target, released=to is Form.released)
    console.note(f"{rows:,} rows")
    console.say(str(target))


def chosen_rules(name: str) -> tuple[str, ...]:
    from instructuie.evaluation.rules import RULES, find_rule

    if name == "all":
        return tuple(RULES)
    return (find_rule(name).name,) if name else ()


def print_scores(
    scored: Sequence[Scored], *, labels: bool = False, signatures: bool = False
) -> None:
    """Under each rule data sets, then the means of their groups; then what one has to know."""
    rows = [(f.scores.rule, *row) for f in scored for row in _score_rows(f, labels=labels)]
    if len(scored) > 1:
        console.table(("rule", *_HEAD), rows)
    else:
        console.table(_HEAD, [row[1:] for row in rows])
    if signatures:
        for line in (line for found in scored for line in found.lines):
            console.say(f"{line.entry}: {line.signature}")
    for note in dict.fromkeys(note for found in scored for note in found.notes):
        console.note(note)


_HEAD = ("data", "unit", "texts", "precision", "recall", "F1", "95% interval")


def _score_rows(scored: Scored, *, labels: bool) -> Iterable[tuple[str, ...]]:
    for line in scored.lines:
        yield _score_row(line)
        if labels:
            for label, counts in line.unit.labels.items():
                value = line.unit.measure.of(counts)
                numbers = (counts.precision, counts.recall, value)
                yield ("", label, f"{counts.gold:,.0f} gold", *map(_percent, numbers), "")
    for group in scored.groups:
        title = f"{_unit(group.title, group.measure)}, mean of {len(group.entries)}"
        yield (
            group.group,
            title,
            "",
            "",
            "",
            _percent(group.interval.score),
            _range(group.interval),
        )


def _score_row(line: Line) -> tuple[str, ...]:
    total = line.unit.total
    return (
        line.entry + (" (zero-shot)" if line.use == "zero-shot" else ""),
        _unit(line.unit.title, line.unit.measure.name),
        f"{len(line.found.ids):,}",
        _percent(total.precision),
        _percent(total.recall),
        _percent(line.unit.micro),
        _range(line.interval),
    )


def _unit(title: str, measure: str) -> str:
    return title if measure == "F1" else f"{title} ({measure})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _range(drawn: Interval) -> str:
    return f"{100 * drawn.low:.1f} to {100 * drawn.high:.1f}"


def _print_versus(found: Versus) -> None:
    console.note(f"rule {found.rule}; differences and p-values are against {found.systems[0]}")
    rows = []
    for row in (*found.rows, *found.means):
        name = f"{row.name}, mean of {len(row.entries)}" if row.entries else row.name
        cells = [text for at, cell in enumerate(row.cells) for text in _versus_cells(cell, at)]
        rows.append((name, _unit(row.title, row.measure), *cells))
    head = ["data", "unit", f"{found.systems[0]}"]
    for name in found.systems[1:]:
        head += [name, "difference", "p", "adjusted"]
    console.table(head, rows)
    for note in found.notes:
        console.note(note)


def _versus_cells(cell: Cell | None, at: int) -> list[str]:
    score = "-" if cell is None else f"{_percent(cell.interval.score)} ({_range(cell.interval)})"
    if at == 0:
        return [score]
    if cell is None or cell.comparison is None:
        return [score, "-", "-", "-"]
    gap = cell.comparison
    shown = f"{100 * gap.difference:+.2f} ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})"
    adjusted = "-" if gap.p_adjusted is None else f"{gap.p_adjusted:.3f}"
    return [score, shown, f"{gap.p_randomisation:.3f}", adjusted]


def write_json(row: dict[str, Any], path: Path) -> None:
    """Written whole or not at all."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(dump(row, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
