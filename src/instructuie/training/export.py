"""Torch model -> ONNX files that run without torch, in int8 when int8 says the same.

    encoder.onnx   ids, shapes, mask -> states, keys, cross
    decoder.onnx   one decoding step (see `pointer.stepwise.DecodeStep`)

Word vectors are kept as one int8 row and one scale per word whatever the precision of the rest. The
int8 model is written only if it extracts the same items from a probe set as the fp32 model does.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from instructuie.engines.agreement import Agreement
from instructuie.errors import ModelError
from instructuie.merging import confident
from instructuie.pointer.model import PointerModel
from instructuie.pointer.runtime import OnnxBackend, PointerRuntime, load_session
from instructuie.pointer.stepwise import DecodeStep, EncodePrompt
from instructuie.prompt import Prompt
from instructuie.training.fold import fold_attention_biases
from instructuie.training.fuse import fuse
from instructuie.training.observe import Observer, observed
from instructuie.training.quantize import quantize_per_token

MIN_AGREEMENT = 0.99
_OPSET = 18
_GRAPHS = ("encoder.onnx", "decoder.onnx")


def export(
    model_folder: Path,
    output: Path,
    probes: Sequence[Prompt],
    *,
    int8: bool = True,
    min_agreement: float = MIN_AGREEMENT,
    card: str = "",
) -> Agreement | None:
    """Write `output` from a trained model's folder; returns the agreement of int8 with fp32.

    Raises ModelError, and leaves `output` as it was, when the agreement is below `min_agreement`.
    """
    if int8 and not probes:
        raise ModelError("no probe prompts to compare the models on: give at least one")
    model = PointerModel.load(model_folder).eval()
    with tempfile.TemporaryDirectory() as scratch:
        exact, small = Path(scratch) / "fp32", Path(scratch) / "int8"
        _write(model, model_folder, exact)
        agreement = None
        chosen = exact
        if int8:
            _quantize(exact, small, probes)
            agreement = compare(exact, small, probes)
            if agreement.share < min_agreement:
                raise ModelError(
                    f"the int8 model agrees with the fp32 model on {100 * agreement.share:.2f}% of "
                    f"{agreement.either} items, expected at least {100 * min_agreement:.0f}%: "
                    "nothing was written; export with --precision fp32, or say with "
                    "--min-agreement what is enough"
                )
            chosen = small
        if card:
            (chosen / "README.md").write_text(card, encoding="utf-8")
        _replace(chosen, output)
    return agreement


def compare(first: Path, second: Path, probes: Sequence[Prompt]) -> Agreement:
    """Run two exported models over the same prompts and count equal items, of those that reach the
    default thresholds: what `Extractor.extract` gives."""
    answers = [PointerRuntime.load(folder).answer(probes) for folder in (first, second)]
    same = total = 0
    for left, right in zip(*answers, strict=True):
        found = [_items(confident(result).extraction.to_dict()) for result in (left, right)]
        same += 2 * len(found[0] & found[1])
        total += len(found[0]) + len(found[1])
    return Agreement(same, total)


def _items(row: dict[str, Any]) -> set[str]:
    """Each entity, relation, event and argument as one string."""
    items = {json.dumps(item) for kind in ("entities", "relations") for item in row[kind]}
    for event in row["events"]:
        frame = json.dumps([event["label"], event["trigger"]])
        items.add(frame)
        items.update(frame + json.dumps(argument) for argument in event["arguments"])
    return items


class _QuantizedEmbedding(nn.Module):
    """A table as int8 rows with one scale each: a quarter of the size, nearly without loss."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("rows", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, ids: Tensor) -> Tensor:
        rows, scale = self.get_buffer("rows"), self.get_buffer("scale")
        return rows[ids].to(scale.dtype) * scale[ids]


def _write(model: PointerModel, source: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    if hasattr(model.encoder, "set_attn_implementation"):
        model.encoder.set_attn_implementation("eager")
    table = model.encoder.get_input_embeddings()
    assert isinstance(table, nn.Embedding)
    model.encoder.set_input_embeddings(_QuantizedEmbedding(table.weight.detach()))
    fold_attention_biases(model)
    batch, tokens = 2, 9
    ids = torch.ones(batch, tokens, dtype=torch.long)
    mask = torch.ones(batch, tokens, dtype=torch.bool)
    mask[1, 6:] = False
    encode, step = EncodePrompt(model).eval(), DecodeStep(model).eval()
    with torch.no_grad():
        states, *cross = encode(ids, torch.zeros_like(ids), mask)
    whole = {0: "batch", 1: "tokens"}
    attention = {
        f"cross_{index}": {0: "batch", (2 if index % 2 else 3): "tokens"}
        for index in range(len(cross))
    }
    _export(
        encode,
        (ids, torch.zeros_like(ids), mask),
        folder / "encoder.onnx",
        {"ids": whole, "shapes": whole, "mask": whole},
        {"states": whole, **attention},
    )
    row = torch.zeros(batch, dtype=torch.long)
    one = {0: "batch"}
    _export(
        step,
        (row, row, row, row, states, mask, *_some_past(tuple(cross)), *cross),
        folder / "decoder.onnx",
        {
            **dict.fromkeys(("last", "first", "slot", "task"), one),
            "states": whole,
            "mask": whole,
            **{f"past_{index}": {0: "batch", 2: "past"} for index in range(len(cross))},
            **attention,
        },
        {
            "scores": whole,
            **{f"present_{index}": {0: "batch", 2: "moves"} for index in range(len(cross))},
        },
    )
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(source / name, folder / name)


def _some_past(cross: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Three past moves, so that the tracer does not take "none" for a fixed size."""
    rows, heads, _, size = cross[1].shape
    return tuple(torch.zeros(rows, heads, 3, size) for _ in cross)


def _export(
    module: nn.Module,
    args: tuple[Tensor, ...],
    path: Path,
    inputs: dict[str, dict[int, str]],
    outputs: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the tracer warns of every shape that it takes as fixed
        torch.onnx.export(
            module,
            args,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
            opset_version=_OPSET,
            dynamo=False,
        )
    onnx.checker.check_model(str(path))


def _quantize(source: Path, folder: Path, probes: Sequence[Prompt]) -> None:
    """Write the int8 model of an fp32 one; every eighth probe says what its states look like."""
    folder.mkdir(parents=True)
    runtime = PointerRuntime.load(
        source, threads=1
    )  # observers add up, which threads would disturb
    observers = []
    for name in _GRAPHS:
        fuse(source / name, folder / name, **_shape(source))
        names = observed(folder / name, folder / f"observed-{name}")
        observers.append(Observer(load_session(folder / f"observed-{name}"), names))
        (folder / f"observed-{name}").unlink()
    runtime.backend = OnnxBackend(*observers)
    runtime.answer(probes[::8])
    for name, observer in zip(_GRAPHS, observers, strict=True):
        quantize_per_token(folder / name, folder / name, observer.seen)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(source / name, folder / name)


def _shape(folder: Path) -> dict[str, int]:
    encoder = json.loads((folder / "config.json").read_text(encoding="utf-8"))["encoder"]
    return {"heads": int(encoder["num_attention_heads"]), "width": int(encoder["hidden_size"])}


def _replace(source: Path, output: Path) -> None:
    """Move the finished folder into place, in one step as far as the system allows."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    previous = output.with_name(output.name + ".old")
    if output.exists():
        shutil.rmtree(previous, ignore_errors=True)
        os.replace(output, previous)
    os.replace(partial, output)
    shutil.rmtree(previous, ignore_errors=True)
