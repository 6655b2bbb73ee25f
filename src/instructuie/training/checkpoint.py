"""Checkpoints: all that a run needs to go on as if it had never stopped.

A checkpoint is one folder, written beside its final name and moved there when it is complete, so a
kill leaves the previous one whole. Everything is safetensors or JSON; nothing is unpickled.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from instructuie.errors import ModelError
from instructuie.pointer.model import PointerModel
from instructuie.training.batch import Position
from instructuie.training.folders import ABOUT, replace_folder

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    folder: Path,
    model: PointerModel,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    position: Position,
    manifest: dict[str, Any],
) -> None:
    """Replace the checkpoint in `folder`."""
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    model.save(partial)
    tensors = {"rng": torch.get_rng_state()}
    for name, parameter in model.named_parameters():
        state = optimizer.state.get(parameter, {})
        for moment in _MOMENTS:
            if moment in state:
                tensors[f"{moment}:{name}"] = state[moment].detach().contiguous().clone()
    if torch.cuda.is_available():
        tensors["cuda_rng"] = torch.cuda.get_rng_state()
    save_file(tensors, partial / "optimizer.safetensors")
    row = {"step": step, "position": asdict(position), **manifest}
    (partial / ABOUT).write_text(json.dumps(row, indent=1), encoding="utf-8")
    replace_folder(partial, folder)


def load_checkpoint(
    folder: Path, model: PointerModel, optimizer: torch.optim.Optimizer
) -> tuple[int, Position, dict[str, Any]]:
    """Put weights, optimiser and random state back; returns step, position and manifest."""
    try:
        row = json.loads((folder / "trainer.json").read_text(encoding="utf-8"))
        model.load_state_dict(load_file(folder / "model.safetensors"))
        tensors = load_file(folder / "optimizer.safetensors")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder} is not a checkpoint of this model: {error}") from error
    for name, parameter in model.named_parameters():
        state = {m: tensors[f"{m}:{name}"] for m in _MOMENTS if f"{m}:{name}" in tensors}
        if state:
            moved = {m: t if m == "step" else t.to(parameter.device) for m, t in state.items()}
            optimizer.state[parameter] = moved
    torch.set_rng_state(tensors["rng"])
    if "cuda_rng" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda_rng"])
    step, position = row.pop("step"), Position(**row.pop("position"))
    return step, position, row
