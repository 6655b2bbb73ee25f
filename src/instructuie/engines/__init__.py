"""Language models that complete prompts, and how the one that was named is found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from instructuie.engines.base import Engine
from instructuie.errors import ModelError

if TYPE_CHECKING:
    from instructuie.engines.api_settings import ApiSettings

Quantize = Literal["int8", "int4"]
"""Weights of fewer bits, as the model is loaded."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
CT2_CONFIG = "instructuie-ct2.json"
"""What a folder of `engines.ct2` has beside the model."""


def is_text_model(model: str | Path | None) -> bool:
    """Whether this names a language model rather than a pointer model.

    A folder is known by its configuration, never by its name. A string `organisation/model` names a
    model on the Hugging Face hub, unless there is a folder `organisation` here.
    """
    if model is None:
        return False
    path = Path(model)
    if path.is_file():
        return path.suffix == ".jsonl"
    if not path.exists():
        named = isinstance(model, str) and _HUB_NAME.fullmatch(model) is not None
        return named and not path.parent.is_dir()  # rather a slip in a path than a name
    if any((path / name).is_file() for name in ("adapter_config.json", CT2_CONFIG)):
        return True
    return "model_type" in _config(path)


def open_engine(
    model: str | Path | None,
    *,
    api: str | None = None,
    api_settings: str | Path | ApiSettings | None = None,
    constrain: bool = True,
    quantize: Quantize | None = None,
    threads: int | None = None,
    batch_size: int = 32,
) -> Engine:
    """The engine of an endpoint, of recorded completions, or of a language model that runs here.

    Raises ModelError, or MissingExtraError that names the install command.
    """
    if api is not None:
        return _api_engine(api, model, api_settings, constrain=constrain)
    if model is None:
        raise ModelError("no model is named; expected a folder or the name of one on the hub")
    path = Path(model)
    if path.is_file():
        from instructuie.engines.replay import ReplayEngine

        return ReplayEngine.load(path)
    if (path / CT2_CONFIG).is_file():
        from instructuie.engines.ct2 import Ct2Engine

        if quantize is not None:
            raise ModelError(f"{path} was quantized when it was exported; leave quantize out")
        ct2: Engine = Ct2Engine.load(path, threads=threads, batch_size=batch_size)
        return ct2
    from instructuie.engines.hf import HfEngine

    return HfEngine.load(
        model, constrain=constrain, quantize=quantize, threads=threads, batch_size=batch_size
    )


def _api_engine(
    api: str,
    model: str | Path | None,
    settings: str | Path | ApiSettings | None,
    *,
    constrain: bool,
) -> Engine:
    from instructuie.codec.json_answer import answer_schema
    from instructuie.engines.api import ApiEngine
    from instructuie.engines.api_settings import ApiSettings, load_settings

    if model is None:
        raise ModelError(f"which model of {api} is to answer? Give its name, as in model='name'")
    if isinstance(settings, str | Path):
        settings = load_settings(Path(settings))
    return ApiEngine(
        api, str(model), settings or ApiSettings(), schema_of=answer_schema if constrain else None
    )


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
