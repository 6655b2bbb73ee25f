"""`instructuie train`: train a pointer model from one prepared file and one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def train(
    *,
    config: Annotated[Path, typer.Option(metavar="FILE", help="The configuration (TOML).")],
    data: Annotated[
        Path, typer.Option(metavar="FILE", help="A file written by `instructuie data prepare`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Model, log and checkpoints.")
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as train.steps=100."),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on from a checkpoint in the output folder, if there is one.")
    ] = True,
) -> None:
    """Train a model; a run that was stopped goes on where its last checkpoint was."""
    from instructuie.config import load_config

    with needs("training", extra="train"):
        from instructuie.training.config import PointerTraining
        from instructuie.training.trainer import train as run

    settings = load_config(PointerTraining, config, set_ or [])
    with console.StepBar(settings.train.steps) as bar:

        def show(row: dict[str, Any]) -> None:
            bar.advance_to(int(row["step"]), loss=row.get("loss"))
            if "dev" in row:
                console.note(f"step {row['step']}: {_scores(row['dev'])}")

        folder = run(settings, data, output, resume=resume, progress=show)
    console.say(str(folder))


def _scores(dev: dict[str, dict[str, float]]) -> str:
    return ", ".join(
        f"{name} {unit} {score}" for name, units in dev.items() for unit, score in units.items()
    )
