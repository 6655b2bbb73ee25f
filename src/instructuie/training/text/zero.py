"""DeepSpeed's ZeRO in place of FSDP2, for those who have it set up or need its offload.

`accelerate launch` with a DeepSpeed configuration (configs/accelerate/zero*.yaml) says so in the
environment. Checkpoints are DeepSpeed's own files, which it unpickles: go on only from your own.
"""

from __future__ import annotations

import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from instructuie.errors import ConfigError, MissingExtraError, ModelError
from instructuie.training.text.config import TextTrainConfig
from instructuie.training.text.model import learning
from instructuie.training.text.optimization import (
    make_optimizer,
    random_states,
    set_random_states,
)
from instructuie.training.text.processes import Processes

_ASKED = "ACCELERATE_USE_DEEPSPEED"
_FILE = "ACCELERATE_DEEPSPEED_CONFIG_FILE"


def is_asked() -> bool:
    """Whether the launcher asks for DeepSpeed."""
    return os.environ.get(_ASKED, "").lower() in ("1", "true", "yes")


class Zero:
    """A model, its optimiser and their shards as DeepSpeed keeps them."""

    def __init__(
        self, model: nn.Module, settings: TextTrainConfig, processes: Processes, *, bf16: bool
    ) -> None:
        if find_spec("deepspeed") is None:
            raise MissingExtraError("training with DeepSpeed", extra="deepspeed")
        import deepspeed

        # It still calls collectives of torch by their old names.
        warnings.filterwarnings("ignore", message=".*_tensor` is deprecated.*")
        self.processes = processes
        model.to(processes.device)
        engine, optimizer, _, _ = deepspeed.initialize(
            model=model,
            optimizer=make_optimizer(model, settings),
            config=zero_config(settings, bf16=bf16),
        )
        self.model, self.optimizer = engine, optimizer

    def backward(self, loss: Tensor, *, last: bool) -> None:
        # The parts of a step differ in number from step to step, so the boundary is ours to say.
        self.model.set_gradient_accumulation_boundary(is_boundary=last)
        self.model.backward(loss)

    def step(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.step()

    def save(self, folder: Path) -> None:
        self.model.save_checkpoint(str(folder / "zero"), tag="zero", save_latest=False)
        save_file(random_states(), folder / f"random-{self.processes.rank}.safetensors")

    def load(self, folder: Path) -> None:
        try:
            states = load_file(folder / f"random-{self.processes.rank}.safetensors")
            found, _ = self.model.load_checkpoint(str(folder / "zero"), tag="zero")
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{folder} is not a checkpoint of this model: {error}") from error
        if found is None:
            raise ModelError(f"{folder} holds no checkpoint of DeepSpeed")
        set_random_states(states)

    def whole(self) -> dict[str, Tensor]:
        from deepspeed.utils import safe_get_full_fp32_param

        gathered = {}
        for name, parameter in learning(self.model.module):
            full = safe_get_full_fp32_param(parameter)
            if self.processes.first:
                kept = parameter.detach().float() if full is None else full
                gathered[name] = kept.cpu().contiguous().clone()
        return gathered


def zero_config(settings: TextTrainConfig, *, bf16: bool) -> dict[str, Any]:
    """DeepSpeed's configuration: the launcher's file, and what the training configuration decides."""
    path = os.environ.get(_FILE, "")
    try:
        given = dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"DeepSpeed's configuration {path or 'is not given'}: {error}; name a JSON file as "
            "deepspeed_config_file, as configs/accelerate/zero3.yaml does"
        ) from error
    return {
        **given,
        "train_micro_batch_size_per_gpu": 1,  # it must be said; steps are cut by their tokens here
        "gradient_accumulation_steps": 1,
        "gradient_clipping": settings.clip,
        "bf16": {"enabled": bf16},
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
    }
