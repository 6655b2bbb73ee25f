"""A tiny training run; also a script, so that a test can kill it: `python -m tests.training.runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from instructuie.config import make_config
from instructuie.training.config import PointerTraining
from instructuie.training.trainer import train


def settings(encoder: Path, **changes: Any) -> PointerTraining:
    row: dict[str, Any] = {
        "steps": 8,
        "seed": 5,
        "batch_tokens": 160,
        "pool": 6,
        "max_tokens": 128,
        "learning_rate": 3e-3,
        "warmup": 2,
        "dropout": 0.1,
        "precision": "fp32",
        "log_every": 1,
        "checkpoint_every": 3,
        "threads": 1,
    }
    model = {"encoder": str(encoder), "decoder_layers": 1}
    mixture = changes.pop("mixture", {})
    return make_config(
        PointerTraining,
        {"model": model, "train": {**row, **changes}, "mixture": mixture},
        source="test",
    )


def main(encoder: str, data: str, output: str) -> None:
    def show(row: dict[str, Any]) -> None:
        sys.stdout.write(f"step {row['step']}\n")
        sys.stdout.flush()

    train(settings(Path(encoder)), Path(data), Path(output), progress=show)


if __name__ == "__main__":
    main(*sys.argv[1:])
