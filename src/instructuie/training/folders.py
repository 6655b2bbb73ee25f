"""Checkpoint folders of every kind of model: found, read and replaced so that a kill never costs one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from instructuie.errors import ModelError

ABOUT = "trainer.json"
"""The file that says what run a checkpoint is of, and how far that was."""


def find_checkpoint(folder: Path) -> Path | None:
    """The checkpoint to go on from: `folder`, or the previous one if a kill fell between two moves."""
    for candidate in (folder, _previous(folder)):
        if (candidate / ABOUT).is_file():
            return candidate
    return None


def read_about(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of its run. Raises ModelError."""
    try:
        return dict(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a checkpoint: {error}") from error


def replace_folder(partial: Path, folder: Path) -> None:
    """Move a complete folder to its name; a kill at any point leaves the old or the new one."""
    if folder.exists():  # else the previous one is all there is
        shutil.rmtree(_previous(folder), ignore_errors=True)
        os.replace(folder, _previous(folder))
    os.replace(partial, folder)
    shutil.rmtree(_previous(folder), ignore_errors=True)


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
