"""The commands of `instructuie`, each loaded only when it is called.

To add a command or a group of commands: write a module with a `typer.Typer` named `app`, and give
it one line in `COMMANDS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from instructuie.cli import console

COMMANDS = {
    "extract": ("instructuie.cli.extract", "Extract entities, relations and events from text."),
    "render": ("instructuie.cli.render", "Print the exact input that the model reads."),
    "info": ("instructuie.cli.info", "Print the model card."),
    "data": ("instructuie.cli.data", "List and prepare the data sets that the package knows."),
    "train": ("instructuie.cli.train", "Train a model."),
    "finetune": (
        "instructuie.cli.finetune",
        "Teach the model your own labels, from your own texts.",
    ),
    "export": ("instructuie.cli.export", "Export a trained model to ONNX, in int8."),
    "card": ("instructuie.cli.card", "Write the model card of a trained model."),
    "evaluate": ("instructuie.cli.evaluate", "Score a model on prepared data."),
}
"""Command name -> its module, and the line that stands in the list of commands."""


class LazyGroup(TyperGroup):
    """The group of `COMMANDS`: listing them imports none of them, calling one imports that one."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, callback=lambda: None, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name in COMMANDS:
            command = typer.main.get_command(import_module(COMMANDS[name][0]).app)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        with console.guard():
            return super().invoke(ctx)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="instructuie COMMAND --help explains a command.",
)


def _version(*, asked: bool) -> None:
    if asked:
        from instructuie import __version__

        console.say(f"instructuie {__version__}")
        raise typer.Exit


@app.callback()
def instructuie(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=lambda value: _version(asked=value),
        ),
    ] = False,
) -> None:
    """Extract entities, relations and events from text, by labels that you choose."""
