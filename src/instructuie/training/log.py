"""The log of a run: JSON Lines, and TensorBoard's event files where its package is installed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

Progress = Callable[[dict[str, Any]], None]
_LOGGER = logging.getLogger(__name__)


class Log:
    """`log.jsonl` and `tensorboard/` in the folder of a run.

    When a run goes on at `step`, rows after that step are dropped, since those steps run again.
    `progress` is called with every row.
    """

    def __init__(self, folder: Path, step: int, progress: Progress) -> None:
        self.path, self.progress = folder / "log.jsonl", progress
        if self.path.exists():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _until(line, step)]
            partial = self.path.with_name(self.path.name + ".part")
            partial.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
            os.replace(partial, self.path)
        self._board = _board(folder / "tensorboard", step)

    def write(self, row: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        if self._board is not None:
            for name, value in _numbers(row):
                self._board.add_scalar(name, value, row["step"])
        self.progress(row)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()


def _board(folder: Path, step: int) -> Any:
    if find_spec("tensorboard") is None:
        _LOGGER.info("no TensorBoard log: the package tensorboard is not installed")
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1 if step else None)


def _numbers(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, int | float) and name not in ("step", "of"):
            yield prefix + name, float(value)


def _until(line: str, step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError):
        return False
