"""`instructuie card`: write the model card of a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="The folder of a trained model.")],
    *,
    scores: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Written by `evaluate run --output`; may be repeated."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE")],
    title: Annotated[str, typer.Option(help="The first line.")],
    command: Annotated[
        list[str] | None,
        typer.Option("--command", help="A command that made the model; may be repeated."),
    ] = None,
) -> None:
    """Write the model card: results, training command, data and licences."""
    with needs("card", extra="train"):
        from instructuie.training.card import model_card

    output.write_text(model_card(model, scores, title=title, commands=command or []), "utf-8")
    console.say(str(output))
