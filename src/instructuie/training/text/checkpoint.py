"""Checkpoints of a text model's training: what is needed to go on as if it had never stopped.

Each process writes its own shards of weights and optimiser state, so nothing is gathered. A checkpoint
is one folder, written beside its final name and moved there when all of it is complete. Everything is
safetensors or JSON; nothing is unpickled. Weights that do not learn (under LoRA) are not in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from instructuie.errors import ModelError
from instructuie.training.loop import State
from instructuie.training.text.model import learning
from instructuie.training.text.processes import Processes, local
from instructuie.training.text.stream import Position

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
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
    save_file(_tensors(model, optimizer), partial / _shards(processes))
    if processes.first:
        row = {"state": asdict(state), "position": asdict(position), **manifest}
        (partial / "trainer.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
    processes.wait()
    if processes.first:
        replace_folder(partial, folder)
    processes.wait()


def replace_folder(partial: Path, folder: Path) -> None:
    """Move a complete folder to its name; a kill at any point leaves the old or the new one."""
    previous = folder.with_name(folder.name + ".old")
    if folder.exists():  # else the previous one is all there is
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(folder, previous)
    os.replace(partial, folder)
    shutil.rmtree(previous, ignore_errors=True)


def read_manifest(folder: Path) -> dict[str, Any]:
    """What `trainer.json` of a checkpoint says."""
    try:
        return dict(json.loads((folder / "trainer.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a checkpoint: {error}") from error


def load_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, processes: Processes
) -> tuple[State, Position]:
    """Put weights, optimiser and random state back; returns how far the run was."""
    row = read_manifest(folder)
    path = folder / _shards(processes)
    try:
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in learning(model):
                local(parameter).copy_(tensors[f"weight:{name}"])
                _restore(optimizer, name, parameter, tensors)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{path} is not a checkpoint of this model: {error}") from error
    torch.set_rng_state(tensors["rng"])
    if "cuda_rng" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda_rng"])
    return State(**row["state"]), Position.from_dict(row["position"])


def _shards(processes: Processes) -> str:
    return f"shards-{processes.rank}-of-{processes.count}.safetensors"


def _tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {"rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["cuda_rng"] = torch.cuda.get_rng_state()
    for name, parameter in learning(model):
        tensors[f"weight:{name}"] = _copy(parameter)
        state = optimizer.state.get(parameter, {})
        for moment in _MOMENTS:
            if moment in state:
                tensors[f"{moment}:{name}"] = _copy(state[moment])
    return tensors


def _copy(tensor: Tensor) -> Tensor:
    return local(tensor.detach()).cpu().contiguous().clone()


def _restore(
    optimizer: torch.optim.Optimizer,
    name: str,
    parameter: nn.Parameter,
    tensors: Mapping[str, Tensor],
) -> None:
    """The moments of one parameter, sharded as it is."""
    state: dict[str, Tensor] = {}
    for moment in _MOMENTS:
        if (kept := tensors.get(f"{moment}:{name}")) is None:
            continue
        if moment == "step":
            state[moment] = kept
            continue
        empty = torch.zeros_like(parameter, requires_grad=False)
        local(empty).copy_(kept)
        state[moment] = empty
    if state:
        optimizer.state[parameter] = state
