"""Checkpoints of a text model's training: what is needed to go on as if it had never stopped.

A checkpoint is one folder, written beside its final name by all processes and moved there when all of
it is complete, so a kill leaves the previous one whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from instructuie.training.folders import ABOUT, read_about, replace_folder
from instructuie.training.loop import State
from instructuie.training.text.optimization import Optimization
from instructuie.training.text.processes import Processes
from instructuie.training.text.stream import Position


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
        (partial / ABOUT).write_text(json.dumps(row, indent=1), encoding="utf-8")
    processes.wait()
    if processes.first:
        replace_folder(partial, folder)
    processes.wait()


def load_checkpoint(folder: Path, optimization: Optimization) -> tuple[State, Position]:
    """Put weights, optimiser and random state back; returns how far the run was."""
    row = read_about(folder)
    optimization.load(folder)
    return State(**row["state"]), Position(**row["position"])
