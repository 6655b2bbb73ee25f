"""The model on the command line: which one, how it is asked, and loading it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FOLDER",
        help="A model folder.",
        show_default="the built-in model",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Processor threads to use.", show_default="all cores")
]


_PANEL = "Language models"


class PromptFormats(StrEnum):
    """The forms of prompts and answers that language models were trained on."""

    plain = "plain"
    released = "released"
    sel = "sel"
    json = "json"


class Quantized(StrEnum):
    int8 = "int8"
    int4 = "int4"


AnyModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A model folder, or the name of a language model on the Hugging Face hub, such as "
        "google/flan-t5-large; with --api, what the endpoint calls it.",
        show_default="the built-in model",
    ),
]
ApiOption = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="ADDRESS",
        help="Ask an OpenAI-compatible endpoint.",
        rich_help_panel=_PANEL,
    ),
]
PromptFormatOption = Annotated[
    PromptFormats | None,
    typer.Option(
        help="How prompts and answers are written: plain, or as the InstructUIE release (released), "
        "UIE (sel) or a JSON schema (json) has it.",
        show_default="plain; json with --api",
        rich_help_panel=_PANEL,
    ),
]
InstructionFileOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The instruction file of the release, for --prompt-format released.",
        rich_help_panel=_PANEL,
    ),
]
ConstrainOption = Annotated[
    bool,
    typer.Option(
        "--constrain/--no-constrain",
        help="Let the model write only labels among the options and words of the text.",
        rich_help_panel=_PANEL,
    ),
]
QuantizeOption = Annotated[
    Quantized | None,
    typer.Option(
        help="Load weights of 8 or 4 bits.", show_default="as stored", rich_help_panel=_PANEL
    ),
]


def load_extractor(
    model: str | Path | None = None,
    *,
    threads: int | None = None,
    batch_size: int = 16,
    api: str | None = None,
    prompt_format: PromptFormats | None = None,
    instruction_file: Path | None = None,
    constrain: bool = True,
    quantize: Quantized | None = None,
) -> Any:
    """The extractor of a model, or of the built-in one. Raises ModelError, MissingExtraError."""
    from instructuie.extractor import Extractor

    return Extractor(
        model,
        api=api,
        prompt_format=prompt_format and prompt_format.value,
        instruction_file=instruction_file,
        constrain=constrain,
        quantize=quantize.value if quantize else None,
        threads=threads,
        batch_size=batch_size,
    )
