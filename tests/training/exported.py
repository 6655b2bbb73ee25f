"""Tiny exported models in which, as after training, no two tensors are equal."""

from __future__ import annotations

import shutil
import tempfile
from atexit import register
from functools import cache
from pathlib import Path

import torch

from instructuie.pointer.model import PointerModel
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import find_task
from instructuie.training.export import export
from tests.tiny import model_folder, small_sets


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="instructuie-tests-"))
    register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def trained_folder() -> Path:
    """The tiny model with noise on every weight."""
    folder = _scratch() / "trained"
    model = PointerModel.load(model_folder())
    noise = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=noise))
    model.save(folder)
    shutil.copyfile(model_folder() / "tokenizer.json", folder / "tokenizer.json")
    return folder


@cache
def fp32_folder() -> Path:
    folder = _scratch() / "fp32"
    export(trained_folder(), folder, (), int8=False)
    return folder


@cache
def int8_folder() -> Path:
    folder = _scratch() / "int8"
    export(trained_folder(), folder, prompts(), min_agreement=0.0)
    return folder


def prompts() -> list[Prompt]:
    """All three main tasks about short texts."""
    schemas = {
        "NER": Schema.of(entities=["person", "town"]),
        "RE": Schema.of(relations=["lives in"]),
        "EE": Schema.of(events={"trip": ["who", "where"]}),
    }
    texts = [r.text for r in small_sets()["people"]["splits"]["train"]]
    return [Prompt(find_task(t), text, s) for t, s in schemas.items() for text in texts]
