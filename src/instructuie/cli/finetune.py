"""`instructuie finetune`: a model that knows a user's own labels, from their annotated texts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.convert import Format
from instructuie.cli.extras import needs
from instructuie.errors import ConfigError

if TYPE_CHECKING:
    from instructuie.training.finetune import Outcome

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_TUNING = "How it learns"


class Freeze(StrEnum):
    nothing = "nothing"
    encoder = "encoder"


@app.command()
def finetune(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="Annotated texts: JSON Lines, CoNLL, brat, ..."),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the new model goes.")
    ],
    dev: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Texts to measure on; else a share of DATA is held out."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="General training data, as `instructuie data prepare` writes them; else the "
            "model's own answers to your texts are replayed.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Exported pointer model, or text model (folder or hub name), to start from.",
            show_default="built-in",
        ),
    ] = None,
    from_: Annotated[
        Format | None,
        typer.Option("--from", help="Format of DATA.", show_default="told by its content"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A detail of the format, as in `convert`."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Another name for a label or role: the model reads it, so PER=person helps.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, rich_help_panel=_TUNING)] = 300,
    learning_rate: Annotated[
        float,
        typer.Option(min=0.0, rich_help_panel=_TUNING, show_default="2e-4, for text models 1e-4"),
    ] = 0.0,
    replay_share: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.95, rich_help_panel=_TUNING, help="Share of examples replayed."
        ),
    ] = 0.5,
    freeze: Annotated[
        Freeze, typer.Option(rich_help_panel=_TUNING, help="What does not learn.")
    ] = Freeze.nothing,
    keep: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=0.95,
            rich_help_panel=_TUNING,
            help="Share of the starting weights in the result: forgets less, learns less.",
        ),
    ] = 0.25,
    max_drop: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=100.0,
            rich_help_panel=_TUNING,
            help="Points of F1 on the general suite that may be lost; else nothing is written.",
        ),
    ] = 5.0,
    dev_share: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of DATA to hold out.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(rich_help_panel=_TUNING)] = 0,
    threads: Annotated[
        int, typer.Option(min=0, help="CPU threads; 0 for all.", rich_help_panel=_TUNING)
    ] = 0,
) -> None:
    """Fine-tune a model on your own texts, and say what it gained and lost.

    instructuie finetune train.jsonl --output my-model
    """
    from instructuie.data.convert import parse_options

    with needs("fine-tuning", extra="train"):
        from instructuie.training.finetune import FineTuning, Inputs, Watcher
        from instructuie.training.finetune import finetune as run
        from instructuie.training.own_data import Reading

    settings = FineTuning(
        steps=steps,
        seed=seed,
        learning_rate=learning_rate,
        replay_share=replay_share,
        dev_share=dev_share,
        freeze=freeze.value,
        keep=keep,
        max_drop=max_drop,
        threads=threads,
    )
    reading = Reading(from_ or "", parse_options(set_ or []), _names(rename or []))
    inputs = Inputs(data, dev or [], replay, start, reading)
    with console.StepBar(steps) as bar:

        def show(row: dict[str, Any]) -> None:
            bar.advance_to(int(row["step"]), loss=row.get("loss"))

        outcome = run(inputs, output, settings, watcher=Watcher(console.note, show))
    _report(outcome)


def _report(outcome: Outcome) -> None:
    from instructuie.training.finetune import drop_of
    from instructuie.training.finetune_report import HEAD, table_of

    console.table(HEAD, table_of(outcome.before, outcome.after))
    if drop_of(outcome) > 0:
        console.note(f"F1 on the general suite fell by {drop_of(outcome):.1f} points")
    console.say(str(outcome.folder))


def _names(pairs: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for pair in pairs:
        old, sign, new = (part.strip() for part in pair.partition("="))
        if not (old and sign and new):
            raise ConfigError(f"--rename {pair}: expected OLD=NEW, such as PER=person")
        names[old] = new
    return names
