"""The model on the command line: `--model` and `--threads`, and loading it."""

from __future__ import annotations

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


def load_extractor(
    model: Path | None = None, *, threads: int | None = None, batch_size: int = 16
) -> Any:
    """The extractor of a model folder, or of the built-in model. Raises ModelError."""
    from instructuie.extractor import Extractor

    return Extractor(model, threads=threads, batch_size=batch_size)
