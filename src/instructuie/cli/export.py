"""`instructuie export`: a trained model -> ONNX files that run without torch."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Precision(StrEnum):
    int8 = "int8"
    fp32 = "fp32"


@app.command()
def export(
    model: Annotated[Path, typer.Argument(help="The folder of a trained model.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER")],
    data: Annotated[
        Path, typer.Option(metavar="FILE", help="Prepared file; its dev texts are the probe set.")
    ],
    precision: Annotated[Precision, typer.Option(help="Of the weights.")] = Precision.int8,
    min_agreement: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Refuse an int8 model that agrees less.")
    ] = 0.99,
    probes: Annotated[int, typer.Option(min=1, help="Texts of each data set to compare on.")] = 40,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A model card to put beside the model.")
    ] = None,
) -> None:
    """Export a trained model; int8 is written only if it extracts what fp32 does."""
    with needs("export", extra="train"):
        from instructuie.data.prepared import read_prepared
        from instructuie.training.export import export as write
        from instructuie.training.probes import probe_prompts

    prompts = probe_prompts(read_prepared(data, splits=("dev",)), per_set=probes)
    text = card.read_text(encoding="utf-8") if card else ""
    agreement = write(
        model,
        output,
        prompts,
        int8=precision is Precision.int8,
        card=text,
        min_agreement=min_agreement,
    )
    if agreement is not None:
        console.note(
            f"int8 and fp32 agree on {100 * agreement.share:.2f}% of the items "
            f"in {len(prompts):,} probe prompts"
        )
    console.say(str(output))
