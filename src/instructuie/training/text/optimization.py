"""How one step changes a model: gradients, clipping, optimiser, checkpoint files.

`Sharded` is torch's own way, for one process and for several (FSDP2); `zero.Zero` is DeepSpeed's. The
loop and the loss know neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from instructuie.errors import ModelError
from instructuie.training.text.config import TextTrainConfig
from instructuie.training.text.model import learning
from instructuie.training.text.processes import Processes, local

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Optimization(Protocol):
    """Of one model, in this process."""

    model: Any
    """What computes the loss."""

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Add up gradients; `last` says that the step follows."""

    def step(self, rate: float) -> None:
        """Change the weights and forget the gradients."""

    def save(self, folder: Path) -> None:
        """Write this process's part of a checkpoint into an existing folder."""

    def load(self, folder: Path) -> None:
        """Put it back; raises ModelError."""

    def whole(self) -> dict[str, Tensor]:
        """The weights that learn, in full, in the first process; {} in others."""


class Sharded:
    """AdamW on weights in fp32, each process holding its shards.

    A checkpoint holds a file per process, so nothing is gathered, and only what learns: under LoRA the
    base is read again. Everything is safetensors; nothing is unpickled.
    """

    def __init__(
        self, model: nn.Module, settings: TextTrainConfig, processes: Processes, *, bf16: bool
    ) -> None:
        self.processes, self.clip = processes, settings.clip
        self.model: Any = processes.shard(model, bf16=bf16)
        self.optimizer = make_optimizer(self.model, settings)

    def backward(self, loss: Tensor, *, last: bool) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def step(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        torch.nn.utils.clip_grad_norm_([p for _, p in learning(self.model)], self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def save(self, folder: Path) -> None:
        tensors = random_states()
        for name, parameter in learning(self.model):
            tensors[f"weight:{name}"] = _copy(parameter)
            state = self.optimizer.state.get(parameter, {})
            for moment in _MOMENTS:
                if moment in state:
                    tensors[f"{moment}:{name}"] = _copy(state[moment])
        save_file(tensors, folder / self._file)

    def load(self, folder: Path) -> None:
        path = folder / self._file
        try:
            tensors = load_file(path)
            with torch.no_grad():
                for name, parameter in learning(self.model):
                    local(parameter).copy_(tensors[f"weight:{name}"])
                    self._restore(name, parameter, tensors)
        except (OSError, KeyError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{path} is not a checkpoint of this model: {error}") from error
        set_random_states(tensors)

    def whole(self) -> dict[str, Tensor]:
        return self.processes.whole(learning(self.model))

    @property
    def _file(self) -> str:
        return f"shards-{self.processes.rank}-of-{self.processes.count}.safetensors"

    def _restore(self, name: str, parameter: nn.Parameter, tensors: dict[str, Tensor]) -> None:
        """The moments of one parameter, sharded as it is."""
        state: dict[str, Tensor] = {}
        for moment in _MOMENTS:
            kept = tensors.get(f"{moment}:{name}")
            if kept is not None and moment == "step":
                state[moment] = kept
            elif kept is not None:
                state[moment] = torch.zeros_like(parameter, requires_grad=False)
                local(state[moment]).copy_(kept)
        if state:
            self.optimizer.state[parameter] = state


def make_optimizer(model: nn.Module, settings: TextTrainConfig) -> torch.optim.Optimizer:
    """AdamW; norms and biases are not decayed."""
    decayed = [p for _, p in learning(model) if p.ndim > 1]
    others = [p for _, p in learning(model) if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def random_states() -> dict[str, Tensor]:
    """Of this process, as tensors."""
    states = {"rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda_rng"] = torch.cuda.get_rng_state()
    return states


def set_random_states(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["rng"])
    if "cuda_rng" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda_rng"])


def _copy(tensor: Tensor) -> Tensor:
    return local(tensor.detach()).cpu().contiguous().clone()
