"""`instructuie evaluate`: strict scores of a model on prepared data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.extract import Overlap
from instructuie.cli.model import ModelOption, ThreadsOption, load_extractor
from instructuie.errors import DataError

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Scores of a model.",
)


@app.callback()
def evaluate() -> None:
    """Scores of a model."""


@app.command()
def run(
    *,
    data: Annotated[
        Path, typer.Option(metavar="FILE", help="A file written by `instructuie data prepare`.")
    ],
    sets: Annotated[
        str, typer.Option(help="What to score, as set/TASK, separated by commas: conll2003/NER.")
    ],
    split: Annotated[str, typer.Option(help="dev or test.")] = "test",
    model: ModelOption = None,
    threads: ThreadsOption = None,
    threshold: Annotated[float | None, typer.Option(min=0.0, max=1.0)] = None,
    overlap: Annotated[Overlap, typer.Option(help="As in extract.")] = Overlap.flat,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Scores as JSON.")
    ] = None,
) -> None:
    """Micro precision, recall and F1 under the strict rule: exact offsets, every mention counts.

    Every label of the data set is asked for at once, through the same call that users make.
    """
    from instructuie.data.instance import plain_instance
    from instructuie.data.prepared import read_prepared
    from instructuie.evaluation.benchmark import score_predictor
    from instructuie.tasks import find_task

    prepared = read_prepared(data, splits=(split,))
    extractor = load_extractor(model, threads=threads, batch_size=32)
    rows: list[tuple[str, ...]] = []
    scores: dict[str, Any] = {}
    for entry in (name.strip() for name in sets.split(",")):
        name, _, task_name = entry.partition("/")
        if split not in prepared.records.get(name, {}):
            raise DataError(f"no {split} split of {name!r} in it", path=data)
        task = find_task(task_name)
        instances = [
            plain_instance(record, task, prepared.inventories[name])
            for record in prepared.records[name][split]
        ]
        schema = instances[0].prompt.schema

        def predict(texts: Sequence[str], schema: Any = schema) -> list[Any]:
            results = extractor.extract_batch(
                texts, schema, threshold=threshold, overlap=overlap.value
            )
            return [result.extraction for result in results]

        gold = [(instance.prompt.text, instance.target) for instance in instances]
        for unit, counts in score_predictor(predict, gold).items():
            if not counts.gold:
                continue
            values = [100 * x for x in (counts.precision, counts.recall, counts.f1)]
            rows.append((entry, unit, f"{len(gold):,}", *(f"{value:.2f}" for value in values)))
            scores.setdefault(entry, {})[unit] = {
                "texts": len(gold),
                "right": counts.right,
                "predicted": counts.predicted,
                "gold": counts.gold,
                "f1": round(values[2], 2),
                "use": prepared.header["datasets"][name]["use"],
            }
        console.note(f"{entry} done")
    console.table(("data", "unit", "texts", "precision", "recall", "F1"), rows)
    if output is not None:
        signature = {
            "rule": "strict",
            "split": split,
            "data": prepared.fingerprint,
            "threshold": threshold,
            "overlap": overlap.value,
            "scores": scores,
        }
        output.write_text(json.dumps(signature, indent=1) + "\n", encoding="utf-8")
