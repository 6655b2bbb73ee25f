"""`instructuie info`: the model card."""

from __future__ import annotations

import sys

import typer

from instructuie.cli import console
from instructuie.cli.model import AnyModelOption, load_extractor

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def info(*, model: AnyModelOption = None) -> None:
    """Print the model card: what the model was trained on, its licence and its results."""
    card = load_extractor(model).card
    console.say(_formatted(card) if console.coloured(sys.stdout) else card.rstrip())


def _formatted(card: str) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    pen = Console()
    with pen.capture() as captured:
        pen.print(Markdown(console.harmless(card)))
    return captured.get().rstrip()
