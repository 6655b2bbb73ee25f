"""Checkpoints of a text model's training: what is needed to go on as if it had never stopped.

A checkpoint is one folder, written beside its final name by all processes and moved there when all of
it is complete, so a kill leaves the previous one whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instructuie.errors import ModelError
from instructuie.training.loop import State
from instructuie.training.text.optimization import Optimization
from instructuie.training.text.processes import Processes
from instructuie.training.text.stream import Position

_ABOUT = "trainer.json"


def save_checkpoint(
    folder: Path,
    optimization: Optimization,
    processes: Processes,
    *,
    state: State,
    position: Position,
    manifest: Mapping[str, Any],
) -> None:
    """Replace the checkpoint in `folder`."""
    partial = folder.with_name(folder.name + ".part")
    if processes.first:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    processes.wait()
    optimization.save(partial)
    if processes.first:
        row = {"state": asdict(state), "position": asdict(position), **manifest}
        (partial / _ABOUT).write_text(json.dumps(row, indent=1), encoding="utf-8")
    processes.wait()
    if processes.first:
        replace_folder(partial, folder)
    processes.wait()


def load_checkpoint(folder: Path, optimization: Optimization) -> tuple[State, Position]:
    """Put weights, optimiser and random state back; returns how far the run was."""
    row = read_manifest(folder)
    optimization.load(folder)
    return State(**row["state"]), Position(**row["position"])


def read_manifest(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of its run. Raises ModelError."""
    try:
        return dict(json.loads((folder / _ABOUT).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a checkpoint: {error}") from error


def replace_folder(partial: Path, folder: Path) -> None:
    """Move a complete folder to its name; a kill at any point leaves the old or the new one."""
    previous = folder.with_name(folder.name + ".old")
    if folder.exists():  # else the previous one is all there is
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(folder, previous)
    os.replace(partial, folder)
    shutil.rmtree(previous, ignore_errors=True)
