"""The training loop of the pointer model, readable from top to bottom.

One prepared file and one configuration in; a model folder, a log of JSON lines and a manifest out.
The same seed gives the same weights; a run that is killed goes on where its last checkpoint was and
ends with the weights of an unbroken run.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

import instructuie
from instructuie.data.mixture import Mixture
from instructuie.data.prepared import Prepared, read_prepared
from instructuie.errors import ConfigError, ModelError
from instructuie.pointer.encoding import Encoder, Markers
from instructuie.pointer.model import PointerModel, warm_start
from instructuie.pointer.wordpiece import load_tokenizer
from instructuie.training.batch import Batch, Batches, Position
from instructuie.training.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from instructuie.training.config import PointerTraining, TrainConfig
from instructuie.training.dev import dev_scores
from instructuie.training.rounding import round_linears, rounding

Progress = Callable[[dict[str, Any]], None]


def train(
    config: PointerTraining,
    data: Path,
    output: Path,
    *,
    resume: bool = True,
    progress: Progress = lambda row: None,
) -> Path:
    """Train and return the folder of the finished model, `output/model`.

    `progress` is called with every row of the log. Raises ConfigError, DataError or ModelError.
    """
    settings = config.train
    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    prepared = read_prepared(data)
    model, tokenizer = _build(config)
    encoder = Encoder(
        load_tokenizer(tokenizer, source="the tokenizer"),
        Markers(**model.config.markers),
        max_tokens=model.config.max_tokens,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # cuDNN's attention makes a plan for every new shape, and here most batches have one of their own.
    torch.backends.cuda.enable_cudnn_sdp(False)
    model.to(device)
    if settings.rounding:
        round_linears(model.encoder, model.layers)
    optimizer = _optimizer(model, settings)
    manifest = _manifest(config, prepared, device)

    output.mkdir(parents=True, exist_ok=True)
    step, position = 0, Position()
    checkpoint = find_checkpoint(output / "checkpoint")
    if checkpoint is not None:
        if not resume:
            raise ConfigError(f"{output} holds a checkpoint: resume it, or choose another folder")
        step, position, _ = load_checkpoint(checkpoint, model, optimizer)
    log = _Log(output / "log.jsonl", step, progress)
    (output / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")

    def save() -> None:
        save_checkpoint(
            output / "checkpoint", model, optimizer, step=step, position=position, manifest=manifest
        )

    mixture = Mixture(prepared, config.mixture, seed=settings.seed)
    losses, examples, since = [], 0, time.monotonic()
    model.train()
    with closing(_batches(mixture, encoder, settings, position)) as batches:
        while step < settings.steps:
            batch = next(batches).to(device)
            losses.append(_update(model, optimizer, batch, settings, step))
            examples += batch.examples
            step += 1
            if step % settings.log_every == 0 or step == settings.steps:
                loss = float(torch.stack(losses).mean())  # waits for the device: not every step
                seconds = time.monotonic() - since
                log.write(
                    {
                        "step": step,
                        "of": settings.steps,
                        "loss": round(loss, 4),
                        "rate": _rate(settings, step),
                        "examples": examples,
                        "examples_per_second": round(examples / max(seconds, 1e-9), 2),
                    }
                )
                losses, examples, since = [], 0, time.monotonic()
            if settings.dev and (step % settings.dev_every == 0 or step == settings.steps):
                log.write({"step": step, "dev": dev_scores(model, encoder, prepared, settings)})
                model.train()
                since = time.monotonic()
            if step % settings.checkpoint_every == 0 or step == settings.steps:
                save()
    return _finish(model, tokenizer, output, manifest, position)


def _batches(
    mixture: Mixture, encoder: Encoder, settings: TrainConfig, position: Position
) -> Generator[Batch]:
    yield from Batches(mixture, encoder, settings, position)


def loss_of(model: PointerModel, batch: Batch) -> torch.Tensor:
    """Cross-entropy over the legal tokens, averaged over the free moves."""
    return _cross_entropy(_scores(model, batch), batch)


def consistent_loss(model: PointerModel, batch: Batch, weight: float) -> torch.Tensor:
    """The mean loss of a pass with rounding and one without, and `weight` times how far their
    distributions over each free move differ: the Kullback-Leibler divergence, both ways, halved.

    Dropout differs between the passes as well, which is R-Drop (arXiv 2106.14448).
    """
    with rounding(model, on=True):
        rounded = _scores(model, batch)
    with rounding(model, on=False):
        exact = _scores(model, batch)
    loss = (_cross_entropy(rounded, batch) + _cross_entropy(exact, batch)) / 2
    free = batch.target >= 0
    first, second = (F.log_softmax(scores[free], dim=-1) for scores in (rounded, exact))
    # (P - Q) (log P - log Q) is both divergences added; illegal tokens have no share in either.
    both = ((first.exp() - second.exp()) * (first - second)).sum(dim=-1).mean()
    return loss + weight * both / 2


def _scores(model: PointerModel, batch: Batch) -> torch.Tensor:
    scores = model(batch.ids, batch.shapes, batch.mask, batch.moves, batch.tasks).float()
    return scores.masked_fill(~batch.legal, -1e9)  # type: ignore[no-any-return]


def _cross_entropy(scores: torch.Tensor, batch: Batch) -> torch.Tensor:
    return F.cross_entropy(scores.flatten(0, 1), batch.target.flatten(), ignore_index=-100)


def _update(
    model: PointerModel,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    settings: TrainConfig,
    step: int,
) -> torch.Tensor:
    for group in optimizer.param_groups:
        group["lr"] = group["factor"] * _rate(settings, step)
    device = batch.ids.device.type
    with torch.autocast(device, torch.bfloat16, enabled=_uses_bf16(settings, device)):
        if settings.consistency:
            loss = consistent_loss(model, batch, settings.consistency)
        else:
            loss = loss_of(model, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimizer.step()
    return loss.detach()


def _rate(settings: TrainConfig, step: int) -> float:
    """Linear warm-up, constant, then linear decay to 0 over the last `decay` share of the steps."""
    start = settings.steps * (1 - settings.decay)
    rate = settings.learning_rate * min(1.0, (step + 1) / max(settings.warmup, 1))
    if step > start:
        rate *= max(0.0, (settings.steps - step) / max(settings.steps - start, 1e-9))
    return rate


def _uses_bf16(settings: TrainConfig, device: str) -> bool:
    if settings.precision != "auto":
        return settings.precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Without bf16 arithmetic a CPU is three times slower in bf16 than in fp32.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _cpu_has_bf16()


def _cpu_has_bf16() -> bool:
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _optimizer(model: PointerModel, settings: TrainConfig) -> torch.optim.Optimizer:
    """AdamW; the encoder learns at its own rate; norms, biases and tables are not decayed."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        factor = settings.encoder_rate if name.startswith("encoder.") else 1.0
        decay = settings.weight_decay if parameter.ndim > 1 and "embedding" not in name else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": ps, "factor": f, "weight_decay": d} for (f, d), ps in groups.items()],
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )


def _build(config: PointerTraining) -> tuple[PointerModel, str]:
    """The model to start from, and the text of its `tokenizer.json`."""
    if bool(config.model.encoder) == bool(config.model.start):
        raise ConfigError("give one of model.encoder and model.start: what training starts from")
    model, tokenizer = _trained(config) if config.model.start else _warm_started(config)
    for module in model.encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = config.train.dropout
        elif hasattr(module, "dropout_prob"):
            module.dropout_prob = config.train.dropout
    return model, tokenizer


def _trained(config: PointerTraining) -> tuple[PointerModel, str]:
    folder = Path(config.model.start)
    model = PointerModel.load(folder)
    try:
        return model, (folder / "tokenizer.json").read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{folder} does not hold a trained model: {error}") from error


def _warm_started(config: PointerTraining) -> tuple[PointerModel, str]:
    from instructuie.training.tokenizer import marked_tokenizer

    tokenizer, markers = marked_tokenizer(config.model.encoder)
    model = warm_start(
        config.model.encoder,
        asdict(markers),
        decoder_layers=config.model.decoder_layers,
        max_tokens=config.model.max_tokens,
    )
    table = model.encoder.get_input_embeddings()
    assert isinstance(table, torch.nn.Embedding)
    if tokenizer.get_vocab_size() > table.num_embeddings:
        model.encoder.resize_token_embeddings(tokenizer.get_vocab_size())
    return model, tokenizer.to_str()


def _manifest(config: PointerTraining, prepared: Prepared, device: torch.device) -> dict[str, Any]:
    return {
        "config": asdict(config),
        "data": {"fingerprint": prepared.fingerprint, "datasets": prepared.header["datasets"]},
        "versions": {
            "instructuie": instructuie.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
    }


def _finish(
    model: PointerModel,
    tokenizer: str,
    output: Path,
    manifest: dict[str, Any],
    position: Position,
) -> Path:
    folder = output / "model"
    model.cpu().save(folder)
    (folder / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    draws = position.pool * int(manifest["config"]["train"]["pool"])
    row = {**manifest, "draws": draws, "passed_over": position.passed_over}
    (folder / "training.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
    return folder


class _Log:
    """JSON Lines; on resume, rows after the checkpoint are dropped, as those steps run again."""

    def __init__(self, path: Path, step: int, progress: Progress) -> None:
        self.path, self.progress = path, progress
        if path.exists():
            kept = [
                row for row in path.read_text(encoding="utf-8").splitlines() if _until(row, step)
            ]
            partial = path.with_name(path.name + ".part")
            partial.write_text("".join(row + "\n" for row in kept), encoding="utf-8")
            os.replace(partial, path)

    def write(self, row: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(row) + "\n")
        self.progress(row)


def _until(line: str, step: int) -> bool:
    try:
        return int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError):
        return False
