"""A tiny training run as a script, to be killed or started twice at once:
`python -m tests.training.text.runs FOLDER DATA OUTPUT JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from instructuie.training.text.trainer import train

from .tiny import settings


def main(base: str, data: str, output: str, changes: str = "{}") -> None:
    def show(row: dict[str, object]) -> None:
        sys.stdout.write(f"step {row['step']}\n")
        sys.stdout.flush()

    train(settings(Path(base), **json.loads(changes)), Path(data), Path(output), progress=show)


if __name__ == "__main__":
    main(*sys.argv[1:])
