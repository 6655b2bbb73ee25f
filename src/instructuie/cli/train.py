"""`instructuie train`: train a model from one prepared file and one configuration, or plan to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs
from instructuie.errors import ConfigError

if TYPE_CHECKING:
    from instructuie.training.plan import Hardware, Lengths, Plan
    from instructuie.training.text.config import TextTraining

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_PLANNING = "Plan (with --plan)"


@app.command()
def train(
    *,
    config: Annotated[Path, typer.Option(metavar="FILE", help="The configuration (TOML).")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file written by `instructuie data prepare` or `mix`."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Model, log and checkpoints."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as train.steps=100."),
    ] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on from a checkpoint in the output folder, if there is one.")
    ] = True,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what it will need, and load nothing.")
    ] = False,
    gpu: Annotated[str, typer.Option(help="Kind of GPU.", rich_help_panel=_PLANNING)] = "a100-80gb",
    gpus: Annotated[int, typer.Option(help="How many of them.", rich_help_panel=_PLANNING)] = 1,
    utilization: Annotated[
        float,
        typer.Option(help="Share of their peak that training reaches.", rich_help_panel=_PLANNING),
    ] = 0.35,
) -> None:
    """Train a model; a run that was stopped goes on where its last checkpoint was."""
    with needs("training", extra="train"):
        from instructuie.training.kinds import load_training
        from instructuie.training.kinds import train as run
        from instructuie.training.text.config import TextTraining

    settings = load_training(config, set_ or [])
    if plan:
        if not isinstance(settings, TextTraining):
            raise ConfigError(
                f"{config}: --plan is for text models; a pointer model trains on any machine"
            )
        return _plan(settings, data, gpu=gpu, gpus=gpus, utilization=utilization)
    if data is None or output is None:
        raise typer.BadParameter("training needs --data and --output")
    if os.environ.get("RANK", "0") != "0":
        run(settings, data, output, resume=resume)  # the first process speaks for all
        return None
    with console.StepBar(settings.train.steps) as bar:

        def show(row: dict[str, Any]) -> None:
            bar.advance_to(int(row["step"]), of=row.get("of"), loss=row.get("loss"))
            if "dev" in row:
                console.note(f"step {row['step']}: {_scores(row['dev'])}")

        folder = run(settings, data, output, resume=resume, progress=show)
    console.say(str(folder))
    return None


def _plan(
    settings: TextTraining, data: Path | None, *, gpu: str, gpus: int, utilization: float
) -> None:
    from instructuie.training.plan import Hardware, Lengths, make_plan, measure_lengths

    hardware = Hardware(gpu, gpus, utilization)
    lengths = measure_lengths(settings, data) if data else Lengths()
    console.say(_plan_lines(make_plan(settings, hardware, lengths), hardware, lengths))


def _plan_lines(plan: Plan, hardware: Hardware, lengths: Lengths) -> str:
    gigabyte = 1024**3
    said = "measured" if lengths.measured else "assumed, as no --data was given"
    rows = [
        ("parameters", f"{plan.parameters:,}, of which {plan.learning:,} learn"),
        ("hardware", f"{hardware.count} x {hardware.gpu}, at {hardware.utilization:.0%} of peak"),
        *(
            (name, f"{value / gigabyte:6.1f} GB")
            for name, value in (
                ("weights", plan.weights),
                ("gradients", plan.gradients),
                ("optimizer", plan.optimizer),
                ("gathered layers", plan.gathered),
                ("activations", plan.activations),
                ("logits", plan.logits),
            )
        ),
        (
            "memory per GPU",
            f"{plan.memory / gigabyte:6.1f} GB with margin: "
            f"{'fits' if plan.fits else 'does not fit'} in {plan.capacity / gigabyte:.0f} GB",
        ),
        (
            "instance",
            f"{lengths.source:.0f} + {lengths.target:.0f} tokens in the mean ({said})",
        ),
        ("tokens per step", f"{plan.tokens_per_step:,.0f}"),
        ("time per step", f"{plan.seconds_per_step:.2f} s"),
        (
            "steps",
            f"{plan.steps:,}: about {plan.hours:.1f} hours"
            if plan.steps
            else "not known: an epoch is as long as --data says",
        ),
    ]
    return "\n".join(f"{name:<16} {value}" for name, value in rows)


def _scores(dev: dict[str, dict[str, float]]) -> str:
    return ", ".join(
        f"{name} {unit} {score}" for name, units in dev.items() for unit, score in units.items()
    )
