"""The model on the command line: which one, how it is asked, and loading it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.errors import ConfigError

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
ApiSettingsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="How the endpoint is called (TOML): budget, prices, concurrency and so on.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
DemonstrationsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Annotated texts that are shown solved before each prompt.",
        show_default=False,
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
TaskNameOption = Annotated[
    bool,
    typer.Option(
        "--task-name",
        help="Begin released prompts with a line that names the task.",
        rich_help_panel=_PANEL,
    ),
]
DataSetNameOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Begin released prompts with a line that names a data set.",
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
    api_settings: Path | None = None,
    demonstrations: Path | None = None,
    prompt_format: PromptFormats | None = None,
    instruction_file: Path | None = None,
    task_name: bool = False,
    data_set_name: str = "",
    constrain: bool = True,
    quantize: Quantized | None = None,
) -> Any:
    """The extractor of a model, or of the built-in one. Raises ModelError, MissingExtraError."""
    from instructuie.extractor import Extractor

    form: Any = prompt_format and prompt_format.value
    if task_name or data_set_name:
        form = _released(prompt_format, instruction_file, task_name, data_set_name)
        instruction_file = None
    return Extractor(
        model,
        api=api,
        api_settings=api_settings,
        demonstrations=demonstrations,
        prompt_format=form,
        instruction_file=instruction_file,
        constrain=constrain,
        quantize=quantize.value if quantize else None,
        threads=threads,
        batch_size=batch_size,
    )


def _released(
    form: PromptFormats | None, file: Path | None, task_name: bool, data_set_name: str
) -> Any:
    from instructuie.codec.released import ReleasedFormat
    from instructuie.data.released_config import first_instructions

    if form is not PromptFormats.released or file is None:
        raise ConfigError(
            "--task-name and --data-set-name are for --prompt-format released with an "
            "--instruction-file"
        )
    return ReleasedFormat(first_instructions(file), task_name=task_name, data_set=data_set_name)
