"""`instructuie evaluate`: measure systems on suites of data sets.

`predict` writes what a system says, `score` compares that with gold; the rest reads what they wrote.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console, evaluate_report, evaluate_scores, evaluate_sensitivity
from instructuie.cli.bar import WorkBar
from instructuie.cli.evaluate_data import (
    DataOption,
    LimitOption,
    SeedOption,
    SetsOption,
    SplitOption,
    SuiteOption,
    choose_suite,
    note_missing,
    open_data,
)
from instructuie.cli.evaluate_model import (
    LookupOption,
    ModelOption,
    PredictionsOption,
    PredictorOption,
    WithOption,
    choose_predictor,
)
from instructuie.cli.extract import Overlap
from instructuie.cli.model import ThreadsOption
from instructuie.cli.source import SourceOption
from instructuie.jsonl import dump

if TYPE_CHECKING:
    from instructuie.evaluation.plan import Plan
    from instructuie.evaluation.predictors import Predictor
    from instructuie.evaluation.scoring import Scored
    from instructuie.merging import Overlap as Kept

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Measure systems on suites of data sets: predict, then score, compare and report.",
)

ThresholdOption = Annotated[
    float | None,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Leave out items that score lower.",
        show_default="one for each kind of item",
    ),
]
OverlapOption = Annotated[
    Overlap | None,
    typer.Option(help="Which overlapping entities to keep.", show_default="as the suite says"),
]
BatchOption = Annotated[int, typer.Option(min=1, help="Prompts that the model reads side by side.")]


@app.callback()
def evaluate() -> None:
    """Measure systems on suites of data sets: predict, then score, compare and report."""


@app.command()
def suites() -> None:
    """List the suites that come with the package."""
    from instructuie.evaluation.suite import load_suite, suite_names

    rows = []
    for name in suite_names():
        suite = load_suite(name)
        tasks = "+".join(dict.fromkeys(entry.task for entry in suite.entries))
        rows.append((name, suite.title, tasks, str(len(suite.entries))))
    console.table(("suite", "title", "tasks", "entries"), rows)


@app.command()
def predict(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the predictions go.")
    ],
    suite: SuiteOption = None,
    sets: SetsOption = "",
    split: SplitOption = "test",
    data: DataOption = None,
    source: SourceOption = None,
    model: ModelOption = None,
    keywords: WithOption = None,
    predictions: PredictionsOption = None,
    lookup: LookupOption = None,
    predictor: PredictorOption = "",
    threshold: ThresholdOption = None,
    overlap: OverlapOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    batch_size: BatchOption = 32,
    threads: ThreadsOption = None,
) -> None:
    """Ask a system every question of a suite, and keep what it says.

    The folder gets a JSON Lines file for each data set and task, and run.json.
    A run that was stopped, even by force, goes on where it was when the same
    command is given again.

    instructuie evaluate predict --suite zero-shot-ner --data prepared -o runs/a
    """
    planned = _plan(output, suite, sets, split, data, source, limit, seed)
    kept: Kept | None = overlap.value if overlap else None
    system = choose_predictor(
        model,
        keywords,
        predictions=predictions,
        lookup=lookup,
        predictor=predictor,
        threads=threads,
        batch_size=batch_size,
        threshold=threshold,
        overlap=kept,
    )
    _predict(planned, system, output)
    console.say(str(output))


@app.command()
def run(
    *,
    suite: SuiteOption = None,
    sets: SetsOption = "",
    split: SplitOption = "test",
    data: DataOption = None,
    source: SourceOption = None,
    model: ModelOption = None,
    keywords: WithOption = None,
    threshold: ThresholdOption = None,
    overlap: Annotated[Overlap, typer.Option(help="Which overlapping entities to keep.")] = (
        Overlap.flat
    ),
    limit: LimitOption = None,
    seed: SeedOption = 0,
    batch_size: BatchOption = 32,
    threads: ThreadsOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Scores as JSON, for `card`."),
    ] = None,
) -> None:
    """Predict, score under the strict rule, and keep nothing but the scores.

    instructuie evaluate run --data prepared --sets conll2003/NER,conll04/RE
    """
    from instructuie.evaluation.scoring import open_system, score_system

    with TemporaryDirectory(prefix="instructuie-") as scratch:
        folder = Path(scratch)
        planned = _plan(folder, suite, sets, split, data, source, limit, seed)
        predictor = choose_predictor(
            model,
            keywords,
            threads=threads,
            batch_size=batch_size,
            threshold=threshold,
            overlap=overlap.value,
        )
        _predict(planned, predictor, folder)
        scored = score_system(open_system(folder), ("strict",), seed=seed)[0]
    evaluate_scores.print_scores([scored])
    if output is not None:
        row = {
            **{"rule": "strict", "split": split, "data": planned.fingerprint},
            **{"threshold": threshold, "overlap": overlap.value, "scores": _card_scores(scored)},
        }
        output.write_text(dump(row, indent=1) + "\n", encoding="utf-8")


def _card_scores(scored: Scored) -> dict[str, dict[str, Any]]:
    """Entry -> unit -> counts and F1 in percent, as model cards print them."""
    rows: dict[str, dict[str, Any]] = {}
    for line in scored.lines:
        total = line.unit.total
        if total.gold:
            rows.setdefault(line.entry, {})[line.unit.unit] = {
                "texts": len(line.found.ids),
                "right": total.right,
                "predicted": total.predicted,
                "gold": total.gold,
                "f1": round(100 * line.unit.micro, 2),
                "use": line.use,
            }
    return rows


def _plan(
    folder: Path,
    suite: list[str] | None,
    sets: str,
    split: str,
    data: Path | None,
    source: Path | None,
    limit: int | None,
    seed: int,
) -> Plan:
    from instructuie.evaluation.plan import plan

    chosen = choose_suite(suite, sets, split)
    planned = plan(chosen, open_data(data, source, chosen, folder), limit=limit, seed=seed)
    note_missing(planned)
    return planned


def _predict(planned: Plan, predictor: Predictor, folder: Path) -> None:
    from instructuie.evaluation import benchmark

    benchmark.predict(planned, predictor, folder, progress=WorkBar("predict"))
    if unused := getattr(predictor, "unused", 0):
        console.note(f"{unused:,} rows of {predictor.name} answer no question of this suite")


app.command()(evaluate_scores.score)
app.command()(evaluate_scores.compare)
app.command()(evaluate_report.report)
app.command()(evaluate_scores.convert)
app.command()(evaluate_sensitivity.sensitivity)
