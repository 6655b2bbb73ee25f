"""Which model a configuration file trains: its `[model]` table says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from instructuie.config import make_config, read_values
from instructuie.training.config import PointerTraining
from instructuie.training.log import Progress
from instructuie.training.text.config import TextTraining

_TEXT = frozenset({"base", "warm_start"})
"""A pointer model starts from `encoder` or `start`, a text model from one of these."""


def load_training(path: Path, overrides: Sequence[str] = ()) -> PointerTraining | TextTraining:
    """Raises ConfigError."""
    row = read_values(path, overrides)
    model = row.get("model")
    if isinstance(model, dict) and _TEXT & model.keys():
        return make_config(TextTraining, row, source=str(path))
    return make_config(PointerTraining, row, source=str(path))


def train(
    config: PointerTraining | TextTraining,
    data: Path,
    output: Path,
    *,
    resume: bool = True,
    progress: Progress = lambda row: None,
) -> Path:
    """Train whichever it is; see `trainer.train` and `text.trainer.train`."""
    if isinstance(config, TextTraining):
        from instructuie.training.text.trainer import train as train_text

        return train_text(config, data, output, resume=resume, progress=progress)
    from instructuie.training.trainer import train as train_pointer

    return train_pointer(config, data, output, resume=resume, progress=progress)
