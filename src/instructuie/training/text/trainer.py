"""The training of a text model, readable from top to bottom; `training/loop.py` is the loop itself.

One prepared file and one configuration in; a model folder, logs and a manifest out. What is learnt
depends on the seed, the data and the configuration, not on how many processes share the work (but for
dropout, which each process draws for itself, and for the order in which sums are rounded).
"""

from __future__ import annotations

import copy
import json
import shutil
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.utils import logging as transformers_logging

from instructuie.data.prepared import Prepared, read_prepared
from instructuie.training.log import Log, Progress
from instructuie.training.loop import DevScores, Rhythm, State, Update, run
from instructuie.training.manifest import (
    DEV,
    find_own_checkpoint,
    kept_precision,
    make_manifest,
)
from instructuie.training.precision import uses_bf16
from instructuie.training.schedule import rate_factor
from instructuie.training.text.ahead import Ahead
from instructuie.training.text.checkpoint import load_checkpoint, save_checkpoint
from instructuie.training.text.collate import (
    IGNORED,
    Batch,
    causal_batch,
    packed_batch,
    seq2seq_batch,
)
from instructuie.training.text.config import TextTraining
from instructuie.training.text.demonstrations import Demonstrations
from instructuie.training.text.dev import ModelEngine, dev_instances, dev_scores
from instructuie.training.text.examples import Example, Writer
from instructuie.training.text.finish import write_best, write_model
from instructuie.training.text.model import TextModel, load_model
from instructuie.training.text.optimization import Optimization, Sharded
from instructuie.training.text.processes import Processes, start_processes, stop_processes
from instructuie.training.text.stream import Draws, Position, Step, Steps, divide
from instructuie.training.text.zero import Zero, is_asked


def train(
    config: TextTraining,
    data: Path,
    output: Path,
    *,
    resume: bool = True,
    progress: Progress = lambda row: None,
) -> Path:
    """Train and return the folder of the finished model, `output/model`.

    `progress` is called with every row of the log, in the first process only. Raises ConfigError,
    DataError, ModelError or MissingExtraError.
    """
    if config.train.threads:
        torch.set_num_threads(config.train.threads)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    processes = start_processes()
    try:
        return _train(config, data, output, processes, resume=resume, progress=progress)
    finally:
        stop_processes()


def _train(
    config: TextTraining,
    data: Path,
    output: Path,
    processes: Processes,
    *,
    resume: bool,
    progress: Progress,
) -> Path:
    settings, prepared = config.train, read_prepared(data)
    bf16 = uses_bf16(kept_precision(output, settings.precision), processes.device.type)
    manifest = make_manifest(
        asdict(config), prepared, processes.device, bf16=bf16, processes=processes.count
    )
    # Dev scores change nothing but where a run stops.
    free = () if settings.patience else DEV
    checkpoint = find_own_checkpoint(output, manifest, resume=resume, free=free)
    torch.manual_seed(settings.seed)  # adapters, and the heads that a base lacks
    text_model = load_model(config, bf16=bf16, device=processes.device)
    learner = TextLearner(config, text_model, prepared, processes, output, manifest, bf16=bf16)
    state = State()
    torch.manual_seed(settings.seed + processes.rank)
    if checkpoint is not None:
        state = learner.load(checkpoint)
    steps = learner.draws.steps()
    log = None
    if processes.first:
        output.mkdir(parents=True, exist_ok=True)
        (output / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        log = Log(output, state.step, progress)
    rhythm = Rhythm(
        steps, settings.log_every, settings.dev_every, settings.checkpoint_every, settings.patience
    )
    folder = output / "model"
    if (state.stopped or state.step >= steps) and (folder / "training.json").is_file():
        return folder  # a finished run is left as it is
    with closing(learner.begin(steps)):
        run(learner, rhythm, state, log.write if log else lambda row: None)
    if log:
        log.close()
    return learner.finish(state)


class TextLearner:
    """One text model that learns, in this process."""

    def __init__(
        self,
        config: TextTraining,
        text_model: TextModel,
        prepared: Prepared,
        processes: Processes,
        output: Path,
        manifest: dict[str, Any],
        *,
        bf16: bool,
    ) -> None:
        self.config, self.text_model, self.processes = config, text_model, processes
        self.output, self.manifest, self.bf16 = output, manifest, bf16
        kind = Zero if is_asked() else Sharded
        self.optimization: Optimization = kind(text_model.model, config.train, processes, bf16=bf16)
        self.model = self.optimization.model
        self.writer = make_writer(config, text_model, prepared)
        # The thread that reads ahead has a tokenizer of its own: one may not be used by two at once.
        own = replace(text_model, tokenizer=copy.deepcopy(text_model.tokenizer))
        self.reader = make_writer(config, own, prepared)
        self.draws = Draws(prepared, config)
        self.dev = dev_instances(prepared, config)
        self.position = Position()
        self.total_steps = 0

    def begin(self, steps: int) -> Ahead[Step]:
        """Learn from the position on; what is read ahead is to be closed in the end."""
        self.total_steps = steps
        self.stream = Ahead(iter(Steps(self.draws, self.reader, self.position)))
        self.model.train()
        return self.stream

    def load(self, checkpoint: Path) -> State:
        state, self.position = load_checkpoint(checkpoint, self.optimization)
        return state

    def update(self, step: int) -> Update:
        settings, data = self.config.train, next(self.stream)
        factor = rate_factor(
            settings.schedule, step, warmup=settings.warmup, steps=self.total_steps
        )
        said = sum(len(example.target) for example in data.examples)
        loss = torch.zeros((), device=self.processes.device)
        parts = self._my_parts(data.examples)
        for number, part in enumerate(parts, start=1):
            # An empty part is computed for the others' sake, with no weight.
            weight = self.processes.count / said if part else 0.0
            batch = self.batch(part or data.examples[-1:])
            with self.arithmetic():
                summed = summed_loss(self.model, batch)
            self.optimization.backward(summed * weight, last=number == len(parts))
            loss += summed.detach() * (weight / self.processes.count)
        self.optimization.step(settings.learning_rate * factor)
        self.position = data.after
        tokens = sum(example.tokens for example in data.examples)
        return Update(
            self.processes.total(loss),
            len(data.examples),
            settings.learning_rate * factor,
            tokens,
        )

    def _my_parts(self, examples: Any) -> list[list[Example]]:
        """This process's parts of a step; those of all processes are about equally long."""
        parts = divide(
            examples,
            self.config.train.micro_tokens,
            self.reader.layout(pack=self.config.train.pack),
            processes=self.processes.count,
        )
        return parts[self.processes.rank :: self.processes.count]

    def batch(self, examples: Any) -> Batch:
        if not self.text_model.causal:
            made = seq2seq_batch(examples, pad=self.text_model.pad, start=self.text_model.start)
        elif self.config.train.pack:
            made = packed_batch(examples)
        else:
            made = causal_batch(examples, pad=self.text_model.pad)
        return made.to(self.processes.device)

    def arithmetic(self) -> AbstractContextManager[Any]:
        # FSDP2 and ZeRO cast by their own policy.
        enabled = self.bf16 and self.processes.count == 1 and isinstance(self.optimization, Sharded)
        return torch.autocast(self.processes.device.type, torch.bfloat16, enabled=enabled)

    def score(self) -> DevScores:
        if not self.dev:
            return {}
        self.model.eval()
        engine = ModelEngine(
            self.model, self.writer, self.text_model.pad, self.processes, self.arithmetic
        )
        scores = dev_scores(engine, self.writer, self.dev, self.processes)
        self.model.train()
        return scores

    def keep(self) -> None:
        """Only where the best model is wanted: these are whole weights on the disk."""
        if self.config.train.patience:
            write_best(self.output, self.optimization, self.processes)

    def save(self, state: State) -> None:
        save_checkpoint(
            self.output / "checkpoint",
            self.optimization,
            self.processes,
            state=state,
            position=self.position,
            manifest=self.manifest,
        )

    def finish(self, state: State) -> Path:
        row = {
            **self.manifest,
            "steps": state.step,
            "best": {"step": state.best_step, "mean": round(state.best, 2)},
            "counts": self.position.counts,
        }
        folder = write_model(
            self.output, self.config, self.text_model, self.optimization, self.processes
        )
        if self.processes.first:
            text = json.dumps(row, indent=1)
            (folder / "training.json").write_text(text, encoding="utf-8")
            shutil.rmtree(self.output / "best", ignore_errors=True)
        self.processes.wait()
        return folder


def summed_loss(model: Any, batch: Batch) -> Tensor:
    """Cross-entropy in fp32, summed over the tokens of the answers.

    The output layer, of 30,000 rows and more, computes these positions alone and no padding.
    """
    said = batch.labels != IGNORED

    def select(_: Any, states: tuple[Tensor]) -> tuple[Tensor]:
        return (states[0][said],)

    hook = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        logits = model(**batch.inputs, use_cache=False).logits
    finally:
        hook.remove()
    return F.cross_entropy(logits.float(), batch.labels[said], reduction="sum")


def make_writer(config: TextTraining, text_model: TextModel, prepared: Prepared) -> Writer:
    count = config.train.demonstrations
    return Writer(
        text_model.tokenizer,
        causal=text_model.causal,
        max_source=config.model.max_source_tokens,
        max_target=config.model.max_target_tokens,
        first=text_model.first,
        demonstrations=Demonstrations(prepared, count) if count else None,
    )
