"""The middle of fine-tuning for text models: `training/text` with settings that suit a few hundred texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from instructuie.config import make_config
from instructuie.errors import ConfigError
from instructuie.training.text.config import TextTraining
from instructuie.training.text.trainer import train

Row = Callable[[dict[str, Any]], None]


def text_training(
    start: str, settings: Mapping[str, Any], mixture: Mapping[str, Any], dev: list[str]
) -> TextTraining:
    """The configuration of the trainer, from the fields of `finetune.FineTuning`.

    Raises ConfigError for what text models cannot do.
    """
    if settings["freeze"] != "nothing":
        raise ConfigError(
            f"freeze is {settings['freeze']!r}, and {start} is a text model, which is trained whole: "
            "leave it out"
        )
    steps = int(settings["steps"])
    return make_config(
        TextTraining,
        {
            "model": {"base": start},
            "train": {
                "steps": steps,
                "seed": settings["seed"],
                "batch_size": max(1, settings["batch_tokens"] // 128),
                "micro_tokens": settings["batch_tokens"],
                "learning_rate": settings["learning_rate"] or 1e-4,
                "schedule": "linear",
                "warmup": max(1, steps // 10),
                "log_every": min(10, steps),
                "checkpoint_every": 50,
                "dev": dev,
                "dev_every": max(50, steps // 4),
                "dev_limit": 100,
                "threads": settings["threads"],
            },
            "mixture": mixture,
        },
        source="fine-tuning",
    )


def train_text(config: TextTraining, data: Path, work: Path, row: Row) -> Path:
    """Train, and return the folder of the new model."""
    return train(config, data, work / "run", progress=row)
