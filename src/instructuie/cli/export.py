"""`instructuie export`: a trained model -> files that run without torch (ONNX, or CTranslate2)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs
from instructuie.engines import is_text_model

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
    """Export a trained model; int8 is written only if it extracts what fp32 does.

    A pointer model becomes one for ONNX Runtime, a language model one for CTranslate2.
    """
    text = card.read_text(encoding="utf-8") if card else ""
    if is_text_model(model):
        _export_text_model(model, output, data, precision, min_agreement, probes, card=text)
        return
    with needs("export", extra="train"):
        from instructuie.data.prepared import read_prepared
        from instructuie.training.export import export as write
        from instructuie.training.probes import probe_prompts

    prompts = probe_prompts(read_prepared(data, splits=("dev",)), per_set=probes)
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


def _export_text_model(
    model: Path,
    output: Path,
    data: Path,
    precision: Precision,
    min_agreement: float,
    probes: int,
    *,
    card: str,
) -> None:
    with needs("export of a language model", extra="ct2"):
        from instructuie.codec.formats import PlainFormat
        from instructuie.data.prepared import read_prepared
        from instructuie.engines.ct2_export import export as write
        from instructuie.training.probes import probe_prompts

    prompts = probe_prompts(read_prepared(data, splits=("dev",)), per_set=probes)
    agreement = write(
        model,
        output,
        prompts,
        PlainFormat(),
        quantization="int8" if precision is Precision.int8 else "float32",
        min_agreement=min_agreement,
        card=card,
    )
    if agreement is not None:
        console.note(
            f"the exported model and the original agree on {100 * agreement.share:.2f}% of the items "
            f"in {len(prompts):,} probe prompts"
        )
    console.say(str(output))
