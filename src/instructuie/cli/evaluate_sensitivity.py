"""`instructuie evaluate sensitivity`: the same questions in other guises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.bar import WorkBar
from instructuie.cli.evaluate_data import (
    DataOption,
    SeedOption,
    SetsOption,
    SplitOption,
    SuiteOption,
    choose_suite,
    note_missing,
    open_data,
)
from instructuie.cli.evaluate_model import ModelOption, WithOption, choose_predictor
from instructuie.cli.evaluate_scores import write_json
from instructuie.cli.model import ThreadsOption
from instructuie.cli.source import SourceOption
from instructuie.errors import ConfigError

if TYPE_CHECKING:
    from instructuie.evaluation.plan import Plan
    from instructuie.evaluation.predictors import Predictor
    from instructuie.evaluation.scoring import Scored
    from instructuie.evaluation.sensitivity import Foreign, Variant


def sensitivity(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the predictions of each variant go."
        ),
    ],
    suite: SuiteOption = None,
    sets: SetsOption = "",
    split: SplitOption = "test",
    data: DataOption = None,
    source: SourceOption = None,
    model: ModelOption = None,
    keywords: WithOption = None,
    kinds: Annotated[
        str,
        typer.Option(help="What to vary: order, case, instruction, options.", show_default="all"),
    ] = "order,case,instruction,options",
    counts: Annotated[str, typer.Option(help="Numbers of options to try.")] = "4,20,100,500",
    orders: Annotated[int, typer.Option(min=1, help="How many random orders.")] = 3,
    limit: Annotated[
        int, typer.Option(min=1, help="So many texts of each data set, drawn by --seed.")
    ] = 200,
    seed: SeedOption = 0,
    rule: Annotated[str, typer.Option(help="The scoring rule.")] = "strict",
    threads: ThreadsOption = None,
) -> None:
    """How much scores and speed depend on what should not matter.

    The same texts are asked with shuffled options, with labels in lower, upper
    and title case, with other instructions, and with labels of other data sets
    added until there are 4, 20, 100, 500 options (borrowed from the other kinds
    where relations or events run out). Each variant is a run of its own below
    the folder: it can be stopped, scored and compared.

    instructuie evaluate sensitivity --sets conll2003/NER --data prepared -o s
    """
    from instructuie.evaluation.plan import plan
    from instructuie.evaluation.sensitivity import Foreign, variants

    chosen = choose_suite(suite, sets, split)
    prepared = open_data(data, source, chosen, output)
    planned = plan(chosen, prepared, limit=limit, seed=seed)
    note_missing(planned)
    asked = variants(
        [kind.strip() for kind in kinds.split(",")],
        counts=_numbers(counts),
        orders=orders,
        seed=seed,
    )
    base = choose_predictor(model, keywords, threads=threads)
    foreign = Foreign.known(prepared.inventories.values())
    found = list(_measured(planned, asked, base, foreign, output, rule))
    rows = [row for one in found for row in _rows(*one, found[0][1])]
    console.table(_HEAD, [_cells(row) for row in rows])
    console.say("")
    console.table(_SPREAD_HEAD, list(_spread(rows)))
    write_json(
        {"rule": rule, "limit": limit, "seed": seed, "rows": rows}, output / "sensitivity.json"
    )
    (output / "sensitivity.md").write_text(_markdown(base.name, rule, rows), encoding="utf-8")
    console.note(f"also in {output / 'sensitivity.md'} and sensitivity.json")


Options = dict[str, tuple[int, int]]
"""Entry -> how many options, and how many of them are borrowed."""


def _measured(
    planned: Plan,
    asked: Sequence[Variant],
    base: Predictor,
    foreign: Foreign,
    output: Path,
    rule: str,
) -> Iterator[tuple[Variant, Scored, Options]]:
    """Each variant that makes a difference, as a run of its own."""
    from instructuie.evaluation import benchmark
    from instructuie.evaluation.scoring import open_system, score_system
    from instructuie.evaluation.sensitivity import VariantPredictor, option_count

    for variant in asked:
        part = _applicable(planned, variant)
        if not part.jobs:
            console.note(f"{variant.name}: no data set has so few options, or so many instructions")
            continue
        folder = output / variant.name
        predictor = VariantPredictor(base, variant, foreign)
        benchmark.predict(part, predictor, folder, progress=WorkBar(variant.name))
        scored = score_system(open_system(folder), (rule,), seed=planned.seed)
        options = {j.entry.name: option_count(variant, j.questions[0], foreign) for j in part.jobs}
        console.note(f"{variant.name} done")
        yield variant, scored[0], options


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ConfigError(f"--counts {text!r}: expected numbers such as 4,20,100") from None


def _applicable(planned: Plan, variant: Variant) -> Plan:
    """The part of the plan to which the variant makes a difference."""
    jobs = tuple(job for job in planned.jobs if variant.applies(job.questions[0]))
    return replace(planned, jobs=jobs)


def _rows(
    variant: Variant, scored: Scored, options: Options, plain: Scored
) -> list[dict[str, Any]]:
    base = {(line.entry, line.unit.unit): line.unit.micro for line in plain.lines}
    rows = []
    for line in scored.lines:
        speed = [_speed(found.system.run["entries"][line.entry]) for found in (scored, plain)]
        rows.append(
            {
                "entry": line.entry,
                "unit": line.unit.unit,
                "title": line.unit.title,
                "variant": variant.name,
                "kind": variant.kind or "",
                "options": options[line.entry][0],
                "borrowed": options[line.entry][1],
                "score": line.unit.micro,
                "interval": line.interval.to_dict(),
                "difference": line.unit.micro - base[line.entry, line.unit.unit],
                "texts_per_second": speed[0],
                "relative_time": speed[1] / speed[0],
            }
        )
    return rows


def _speed(row: dict[str, Any]) -> float:
    return float(row["answered"] / max(row["seconds"], 1e-9))


_HEAD = ("data", "unit", "variant", "options", "F1", "difference", "texts/s", "relative time")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["entry"],
        row["title"],
        row["variant"],
        f"{row['options']} ({row['borrowed']} borrowed)"
        if row["borrowed"]
        else str(row["options"]),
        f"{100 * row['score']:.2f}",
        f"{100 * row['difference']:+.2f}",
        f"{row['texts_per_second']:.1f}",
        f"{row['relative_time']:.2f}",
    )


_SPREAD_HEAD = ("data", "unit", "what was varied", "variants", "lowest", "highest")


def _spread(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    """Of each kind of variant, the scores that it may come to; the plain questions are among them."""
    places = dict.fromkeys((row["entry"], row["title"], row["kind"]) for row in rows if row["kind"])
    for entry, title, kind in places:
        same = [row for row in rows if (row["entry"], row["title"]) == (entry, title)]
        scores = [100 * row["score"] for row in same if row["kind"] in ("", kind)]
        numbers = (f"{min(scores):.2f}", f"{max(scores):.2f}")
        yield (entry, title, kind, str(len(scores) - 1), *numbers)


def _markdown(system: str, rule: str, rows: Sequence[dict[str, Any]]) -> str:
    from instructuie.evaluation.markdown import table

    blocks = [
        f"# {system}: how much scores lean on what should not matter",
        f"F1 in percent under the `{rule}` rule, the same texts in every row; time is that of a text, "
        "relative to the plain questions.",
        table(_SPREAD_HEAD, _spread(rows), text=3),
        table(_HEAD, [_cells(row) for row in rows], text=3),
    ]
    return "\n\n".join(blocks) + "\n"
