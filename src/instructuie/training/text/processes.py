"""Several processes that train one model: FSDP2 shards its weights, gradients and optimiser state.

One process needs none of this, and each function here does then what is left of its work. The
processes are started by `accelerate launch` or `torchrun`, which say in the environment who is who.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and the log."""
        return self.rank == 0

    def shard(self, model: nn.Module, *, bf16: bool) -> nn.Module:
        """The model on its device, sharded layer by layer where there are several processes."""
        if self.count == 1:
            return model.to(self.device)
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import (
            CPUOffloadPolicy,
            MixedPrecisionPolicy,
            OffloadPolicy,
            fully_shard,
            register_fsdp_forward_method,
        )

        _silence_views()
        settings: dict[str, Any] = {
            "mesh": init_device_mesh(self.device.type, (self.count,)),
            "mp_policy": MixedPrecisionPolicy(
                param_dtype=torch.bfloat16 if bf16 else None, reduce_dtype=torch.float32
            ),
            "reshard_after_forward": _flag("FSDP_RESHARD_AFTER_FORWARD", default=True),
            "offload_policy": CPUOffloadPolicy()
            if _flag("FSDP_OFFLOAD_PARAMS", default=False)
            else OffloadPolicy(),
        }
        for layer in layers(model):
            fully_shard(layer, **settings)
        fully_shard(model, **settings)
        register_fsdp_forward_method(model, "generate")
        return model

    def total(self, value: Tensor) -> Tensor:
        """The sum of each process's value."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Until all processes are here."""
        if self.count > 1:
            dist.barrier()

    def whole(self, named: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
        """Every tensor in full on the CPU of the first process; {} on others.

        One after the other, so that no device must hold more than one of them.
        """
        gathered = {}
        for name, tensor in named:
            full = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
            if self.first:
                gathered[name] = full.detach().cpu().contiguous()
        return gathered

    def collect(self, rows: list[Any]) -> list[Any]:
        """The rows of all processes, in the order of processes, on each of them."""
        if self.count == 1:
            return rows
        every: list[list[Any]] = [[] for _ in range(self.count)]
        dist.all_gather_object(every, rows)
        return [row for part in every for row in part]


def start_processes() -> Processes:
    """Join the others where there are any (`WORLD_SIZE`), and take this process's GPU."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available() and not _flag("ACCELERATE_USE_CPU", default=False)
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if count == 1:
        return Processes(device)
    # With it, transformers would leave the weights empty in all processes but the first, for accelerate
    # to fill; here each takes its shards from what it has read.
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"
    if not dist.is_initialized():
        # DeepSpeed takes the group that is there.
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    return Processes(device, dist.get_rank(), count)


def stop_processes() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def layers(model: nn.Module) -> Iterator[nn.Module]:
    """The repeated layers, which the model's own code says must stay in one piece."""
    names: set[str] = set()
    for module in model.modules():
        names |= set(getattr(module, "_no_split_modules", None) or ())
    return (module for module in model.modules() if type(module).__name__ in names)


def local(tensor: Tensor) -> Tensor:
    """This process's shard of a tensor; all of one that is not sharded."""
    shard: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return shard


def _flag(name: str, *, default: bool) -> bool:
    value = os.environ.get(name)
    return default if value is None else value.lower() in ("1", "true", "yes")


def _silence_views() -> None:
    """T5's layers return views of their states, which nothing changes in place."""
    warnings.filterwarnings("ignore", message=".*returned a view tensor.*", category=UserWarning)
