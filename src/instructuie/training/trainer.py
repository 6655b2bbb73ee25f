"""The training of the pointer model, readable from top to bottom; `loop.py` is the loop itself.

One prepared file and one configuration in; a model folder, a log of JSON lines and a manifest out.
The same seed gives the same weights; a run that is killed goes on where its last checkpoint was and
ends with the weights of an unbroken run.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from instructuie.data.mixture import Mixture
from instructuie.data.prepared import Prepared, read_prepared
from instructuie.data.written import written_fingerprint
from instructuie.errors import ConfigError, ModelError
from instructuie.pointer.encoding import Encoder, Markers
from instructuie.pointer.model import PointerModel, warm_start
from instructuie.pointer.wordpiece import load_tokenizer
from instructuie.training.batch import Batch, Batches, Position
from instructuie.training.checkpoint import load_checkpoint, save_checkpoint
from instructuie.training.config import PointerTraining, TrainConfig
from instructuie.training.dev import dev_scores
from instructuie.training.log import Log, Progress
from instructuie.training.loop import DevScores, Rhythm, State, Update, run
from instructuie.training.manifest import (
    DEV,
    find_own_checkpoint,
    kept_precision,
    make_manifest,
)
from instructuie.training.precision import uses_bf16
from instructuie.training.rounding import round_linears, rounding


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
    learner = PointerLearner(model, encoder, prepared, config, output, device)

    output.mkdir(parents=True, exist_ok=True)
    state = State()
    checkpoint = find_own_checkpoint(
        output, learner.manifest, resume=resume, free=(*DEV, "train.workers")
    )
    if checkpoint is not None:
        state = learner.load(checkpoint)
    (output / "manifest.json").write_text(json.dumps(learner.manifest, indent=1), encoding="utf-8")
    rhythm = Rhythm(
        settings.steps, settings.log_every, settings.dev_every, settings.checkpoint_every
    )
    with closing(Log(output, state.step, progress)) as log, closing(learner.batches()):
        run(learner, rhythm, state, log.write)
    return _finish(model, tokenizer, output, learner.manifest, learner.position)


class PointerLearner:
    """A pointer model that learns."""

    def __init__(
        self,
        model: PointerModel,
        encoder: Encoder,
        prepared: Prepared,
        config: PointerTraining,
        output: Path,
        device: torch.device,
    ) -> None:
        self.model, self.encoder, self.prepared = model, encoder, prepared
        self.config, self.settings, self.output = config, config.train, output
        self.device = device
        self.optimizer = _optimizer(model, config.train)
        precision = kept_precision(output, config.train.precision)
        self.bf16 = uses_bf16(precision, device.type)
        self.manifest = make_manifest(asdict(config), prepared, device, bf16=self.bf16)
        if config.mixture.written:
            written = written_fingerprint(Path(config.mixture.written))
            self.manifest["data"]["written"] = written
        self.position = Position()

    def load(self, checkpoint: Path) -> State:
        step, self.position, _ = load_checkpoint(checkpoint, self.model, self.optimizer)
        return State(step)

    def batches(self) -> Generator[Batch]:
        """Begin to draw from the position on; to be closed, as other processes may make them."""
        mixture = Mixture(self.prepared, self.config.mixture, seed=self.settings.seed)
        self._stream = iter(Batches(mixture, self.encoder, self.settings, self.position))
        self.model.train()
        return self._stream

    def update(self, step: int) -> Update:
        batch = next(self._stream).to(self.device)
        loss = _update(self.model, self.optimizer, batch, self.settings, step, bf16=self.bf16)
        return Update(loss, batch.examples, _rate(self.settings, step))

    def score(self) -> DevScores:
        if not self.settings.dev:
            return {}
        scores = dev_scores(self.model, self.encoder, self.prepared, self.settings)
        self.model.train()
        return scores

    def keep(self) -> None:
        """The last model is what is kept: its rate has fallen to the end."""

    def save(self, state: State) -> None:
        save_checkpoint(
            self.output / "checkpoint",
            self.model,
            self.optimizer,
            step=state.step,
            position=self.position,
            manifest=self.manifest,
        )


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
    *,
    bf16: bool,
) -> torch.Tensor:
    for group in optimizer.param_groups:
        group["lr"] = group["factor"] * _rate(settings, step)
    device = batch.ids.device.type
    with torch.autocast(device, torch.bfloat16, enabled=bf16):
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
