"""What a finished run leaves: `model/`, a whole model that Hugging Face and every engine here load, and
with adapters `adapter/` too.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from instructuie.training.folders import replace_folder
from instructuie.training.text.config import TextTraining
from instructuie.training.text.model import TextModel, merged
from instructuie.training.text.optimization import Optimization
from instructuie.training.text.processes import Processes

_WEIGHTS = "weights.safetensors"


def write_best(output: Path, optimization: Optimization, processes: Processes) -> None:
    """Put the weights that learn aside, as `output/best`."""
    tensors = optimization.whole()
    if processes.first:
        partial = output / "best.part"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file(tensors, partial / _WEIGHTS)
        replace_folder(partial, output / "best")
    processes.wait()


def write_model(
    output: Path,
    config: TextTraining,
    text_model: TextModel,
    optimization: Optimization,
    processes: Processes,
) -> Path:
    """Write the best weights where a run chose by dev scores, else the last. Returns `output/model`."""
    folder = output / "model"
    best = output / "best" / _WEIGHTS
    chosen = config.train.patience and best.is_file()
    tensors = {} if chosen else optimization.whole()
    if processes.first:
        if chosen:
            tensors = load_file(best)
        partial = output / "model.part"
        shutil.rmtree(partial, ignore_errors=True)
        if config.lora is None:
            _save_whole(text_model.model, tensors, partial)
        else:
            _save_adapter(text_model.model, tensors, output / "adapter")
            base = merged(config.model.base, output / "adapter", dtype=torch.float32)
            base.config.use_cache = True
            base.save_pretrained(partial)
        text_model.tokenizer.save_pretrained(partial)
        replace_folder(partial, folder)
    processes.wait()
    return folder


def _save_whole(model: Any, tensors: dict[str, Tensor], folder: Path) -> None:
    """Under the model's own class: sharding has put it under one of another name."""
    model.config.use_cache = True
    plain = next(kind for kind in type(model).__mro__ if not kind.__name__.startswith("FSDP"))
    with torch.device("meta"):
        empty = plain(model.config)
    # Tied as the trained model is: the config cannot tell (that of T5 says tied even of Flan-T5).
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    every = model.named_parameters(remove_duplicate=False)
    weights = {name: tensors[names[id(parameter)]] for name, parameter in every}
    weights |= {name: buffer.detach().cpu() for name, buffer in model.named_buffers()}
    empty.load_state_dict(weights, strict=False, assign=True)
    empty.generation_config = model.generation_config
    empty.save_pretrained(folder)


def _save_adapter(model: Any, tensors: dict[str, Tensor], folder: Path) -> None:
    """In peft's own layout, which names the matrices without their adapter's name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = model.peft_config["default"]
    settings.inference_mode = True
    settings.save_pretrained(str(folder))
    named = {name.replace(".default.", "."): tensor for name, tensor in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    assert json.loads((folder / "adapter_config.json").read_text("utf-8"))["peft_type"] == "LORA"
