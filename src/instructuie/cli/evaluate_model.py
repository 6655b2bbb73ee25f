"""The system that an `evaluate` command measures: a model, recorded answers, or an object of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.extras import needs
from instructuie.errors import ConfigError, ModelError
from instructuie.jsonl import load

if TYPE_CHECKING:
    from instructuie.evaluation.predictors import ExtractorPredictor, Predictor
    from instructuie.merging import Overlap

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FOLDER|NAME",
        help="Whatever `Extractor` loads, or the folder of a trained model that was not exported "
        "(it is, in full precision, for this run alone).",
        show_default="the built-in model",
    ),
]
WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="KEY=VALUE",
        help="A keyword argument of `Extractor` for that model; may be repeated.",
        show_default=False,
    ),
]
PredictionsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Another system's answers in place of a model: JSON Lines with dataset, task, id or "
        "text, and predicted or completion; or the released code's prediction file.",
    ),
]
LookupOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DATA",
        help="A baseline in place of a model: strings of the training split of these prepared data, "
        "found again.",
        show_default=False,
    ),
]
PredictorOption = Annotated[
    str,
    typer.Option(
        metavar="MODULE:NAME",
        help="An object of your own with the methods of `evaluation.predictors.Predictor`, or a "
        "function that makes one; runs the code of that module.",
        show_default=False,
    ),
]


def choose_predictor(
    model: str | None,
    options: Sequence[str] | None = None,
    *,
    predictions: Path | None = None,
    lookup: Path | None = None,
    predictor: str = "",
    threads: int | None = None,
    batch_size: int = 32,
    threshold: float | None = None,
    overlap: Overlap | None = None,
) -> Predictor:
    """The system that the command line names. Raises ConfigError, ModelError or DataError."""
    named = {
        **{"--model": model, "--predictions": predictions},
        **{"--lookup": lookup, "--predictor": predictor},
    }
    if len(given := [name for name, value in named.items() if value]) > 1:
        raise ConfigError(f"{' and '.join(given)} are given together: choose one")
    keywords: dict[str, Any] = {
        "options": read_options(options or ()),
        "threads": threads,
        "batch_size": batch_size,
        "threshold": threshold,
        "overlap": overlap,
    }
    if predictions is not None:
        from instructuie.evaluation.recorded import RecordedPredictor

        return RecordedPredictor(predictions)
    if lookup is not None:
        from instructuie.data.prepared import read_prepared
        from instructuie.evaluation.lookup import LookupPredictor

        return LookupPredictor(read_prepared(lookup, splits=("train",)))
    if predictor:
        return _imported(predictor)
    if model is not None and is_checkpoint(Path(model)):
        return _of_checkpoint(Path(model), **keywords)
    from instructuie.evaluation.predictors import ExtractorPredictor

    return ExtractorPredictor.load(model, **keywords)


def read_options(rows: Sequence[str]) -> dict[str, Any]:
    """`key=value` rows; a value that is JSON is read as such, anything else is text."""
    options = {}
    for row in rows:
        key, equals, value = row.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError(f"--with {row!r}: expected KEY=VALUE, such as --with device=cpu")
        try:
            options[key] = load(value)
        except ValueError:
            options[key] = value
    return options


def is_checkpoint(folder: Path) -> bool:
    """True for a trained pointer model whose weights were not exported yet."""
    if not (folder / "model.safetensors").is_file() or (folder / "encoder.onnx").is_file():
        return False
    try:
        config = load((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and str(config.get("format", "")).startswith(
        "instructuie-pointer"
    )


def _of_checkpoint(folder: Path, **keywords: Any) -> ExtractorPredictor:
    """Exported in full precision into a folder that is gone once the model is loaded.

    So a checkpoint answers through the same code as the model that will be made of it.
    """
    from instructuie.evaluation.predictors import ExtractorPredictor, fingerprint_of

    with needs("a model that was not exported", extra="train"):
        from instructuie.training.export import export
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(
            f"{folder} has no tokenizer.json: expected the folder `model` that a finished training "
            "run leaves; put the tokenizer of the run beside the weights to measure a part of it"
        )
    console.note(f"{folder} is not exported: doing so in full precision for this run")
    with TemporaryDirectory(prefix="instructuie-") as scratch:
        exported = Path(scratch) / folder.resolve().name
        export(folder, exported, (), int8=False)
        made = ExtractorPredictor.load(exported, **keywords)
    identity = {**made.model, "model": fingerprint_of(folder), "precision": "fp32"}
    return replace(made, model=identity)


def _imported(name: str) -> Predictor:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(
            f"--predictor {name!r}: expected MODULE:NAME, such as mine.systems:lookup"
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"--predictor {name!r} cannot be imported: {error}") from error
    made: Predictor = found if hasattr(found, "answer") and not callable(found) else found()
    if lacking := [part for part in ("name", "settings", "answer") if not hasattr(made, part)]:
        raise ConfigError(f"--predictor {name!r} is no predictor: it lacks {', '.join(lacking)}")
    return made
