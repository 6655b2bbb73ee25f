"""Fine-tuning: annotated texts of a user in, a model folder for `Extractor(folder)` out.

    read and hold out -> measure -> restore the exported weights -> train with replay -> mix with the
    weights that it started from -> int8 -> measure

The folder is written only when the new model still knows what the old one knew, as far as the general
suite can tell (`probe.py`). A run that was stopped goes on where its last checkpoint was.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from instructuie.config import make_config
from instructuie.data.prepared import FORMAT, pack, read_prepared, row_of
from instructuie.engines import is_text_model
from instructuie.engines.agreement import Agreement
from instructuie.errors import ConfigError, ModelError
from instructuie.evaluation.counts import Counts
from instructuie.extractor import Extractor
from instructuie.pointer.model import PointerModel
from instructuie.training.config import PointerTraining
from instructuie.training.export import export
from instructuie.training.finetune_report import card, report_of
from instructuie.training.own_data import OwnData, Reading, load_own
from instructuie.training.probe import (
    GENERAL,
    OWN,
    Group,
    Questions,
    measure,
    questions,
    total,
)
from instructuie.training.replay import SELF, Source, distilled, header_of, replayed
from instructuie.training.restore import check_start, restore
from instructuie.training.trainer import train

Freeze = Literal["nothing", "encoder"]
Note = Callable[[str], None]
Row = Callable[[dict[str, Any]], None]

_OWN = "own"
"""The data set of the user's texts."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """The settings. What is replayed and kept was chosen by measurement (docs/finetuning.md)."""

    steps: int = 300
    seed: int = 0
    learning_rate: float = 0.0
    """0: 2e-4 for pointer models, 1e-4 for text models."""
    batch_tokens: int = 2048
    replay_share: float = 0.5
    """Share of the training examples that are not the user's; 0 replays nothing."""
    dev_share: float = 0.2
    """Share of the texts that is held out, where no dev texts are given."""
    freeze: Freeze = "nothing"
    """`encoder`: only the decoder learns."""
    keep: float = 0.25
    """For pointer models: share of the weights it started from in the weights of the result (as in
    WiSE-FT, arXiv 2109.01903). It costs nothing, and what was known comes back faster than what was
    learnt goes."""
    max_drop: float = 5.0
    """Points of F1 on the general suite that the model may lose."""
    threads: int = 0
    """CPU threads; 0 leaves it to the libraries."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("replay_share", 0.0, 0.95),
            ("dev_share", 0.01, 0.9),
            ("keep", 0.0, 0.95),
            ("max_drop", 0.0, 100.0),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}, expected a number from {low:g} to {high:g}"
                )
        if self.freeze not in ("nothing", "encoder"):
            raise ConfigError(f"freeze is {self.freeze!r}, expected nothing or encoder")
        if self.steps < 1:
            raise ConfigError(f"steps is {self.steps}, expected at least 1")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run."""

    folder: Path
    before: Mapping[Group, Counts]
    after: Mapping[Group, Counts]
    agreement: Agreement | None
    """Of a pointer model's int8 form with its fp32 one."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told of what happens."""

    note: Note = lambda message: None
    row: Row = lambda row: None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads."""

    data: Sequence[Path]
    dev: Sequence[Path] = ()
    replay: Path | None = None
    start: str | Path | None = None
    """An exported pointer model, None for the one that comes with the package; or a text model, as a
    folder or by its name on the Hugging Face hub."""
    reading: Reading = field(default_factory=Reading)


def finetune(
    inputs: Inputs, output: Path, settings: FineTuning, *, watcher: Watcher = Watcher()
) -> Outcome:
    """Raises DataError, ConfigError, or ModelError when the new model is not fit to be written."""
    _refuse_foreign(output)
    text = is_text_model(inputs.start)
    if inputs.start is not None and not text:
        check_start(Path(inputs.start))
    own = load_own(
        inputs.data,
        inputs.dev,
        reading=inputs.reading,
        share=settings.dev_share,
        seed=settings.seed,
    )
    watcher.note(
        f"{len(own.train):,} passages to train on, {len(own.dev):,} texts to measure on; "
        f"labels: {', '.join(_labels(own))}"
    )
    if own.repeated:
        watcher.note(f"{own.repeated:,} training texts stand among the dev texts too: left out")
    asked = questions(own.dev, own.inventory)
    before = measure(_extractor(inputs.start, settings), asked)
    work = output.with_name(output.name + ".training")
    data = _prepare(inputs, own, settings, work)
    guard = _Guard(total(before, OWN), watcher.row)
    if text:
        made, agreement = _train_text(inputs, data, settings, work, guard), None
    else:
        trained = _train(inputs, data, settings, work, guard)
        made = work / "int8"
        agreement = _export(_mix(trained, work, settings.keep), made, asked)
    after = measure(_extractor(made, settings), asked)
    outcome = Outcome(output, before, after, agreement)
    _refuse_worse(outcome, settings, work)
    _write(outcome, made, inputs, settings, data)
    shutil.rmtree(work)
    return outcome


def drop_of(outcome: Outcome) -> float:
    """Points of F1 that were lost on the general suite."""
    return 100 * (total(outcome.before, GENERAL).f1 - total(outcome.after, GENERAL).f1)


def _extractor(folder: str | Path | None, settings: FineTuning) -> Extractor:
    return Extractor(folder, threads=settings.threads or None)


def _labels(own: OwnData) -> list[str]:
    return [*own.inventory.entities, *own.inventory.relations, *own.inventory.events]


def _refuse_foreign(output: Path) -> None:
    """Raise ConfigError for a folder that holds something else than an earlier result."""
    if output.exists() and not output.is_dir():
        raise ConfigError(f"{output} is a file; name a folder for the new model")
    if output.is_dir() and any(output.iterdir()) and not (output / "finetune.json").exists():
        raise ConfigError(f"{output} is not empty and holds no fine-tuned model: name a new folder")


def _prepare(inputs: Inputs, own: OwnData, settings: FineTuning, work: Path) -> Path:
    """The training file, and the settings of the run that it belongs to."""
    work.mkdir(parents=True, exist_ok=True)
    data, made = work / "data.jsonl.gz", work / "settings.json"
    new = work / "new.jsonl.gz"
    sources: dict[str, Source] = {_OWN: (own.inventory, own.train)}
    if settings.replay_share and inputs.replay:
        sources |= replayed(inputs.replay, seed=settings.seed)
    elif settings.replay_share:
        texts = list(dict.fromkeys(record.text for record in own.train))
        sources |= distilled(_extractor(inputs.start, settings), texts, own.inventory)
    parts = [
        (name, "train", b"".join(row_of(name, "train", record) for record in records))
        for name, (_, records) in sources.items()
    ]
    dev = b"".join(row_of(_OWN, "dev", record) for record in own.dev)
    header = {
        "format": FORMAT,
        "datasets": {name: header_of(inventory) for name, (inventory, _) in sources.items()},
    }
    new.write_bytes(b"".join(pack(header, [*parts, (_OWN, "dev", dev)])))
    row = {
        **asdict(replace(settings, max_drop=0.0, keep=0.0)),
        "start": str(inputs.start or ""),
        "data": read_prepared(new).fingerprint,
    }
    text = json.dumps(row, indent=1)
    if made.exists() and made.read_text(encoding="utf-8") != text:
        raise ConfigError(
            f"{work} holds an unfinished run with other data or settings: delete it, or name another "
            "output folder"
        )
    new.replace(data)
    made.write_text(text, encoding="utf-8")
    return data


def _train(inputs: Inputs, data: Path, settings: FineTuning, work: Path, guard: _Guard) -> Path:
    source, start = _extractor(inputs.start, settings).folder, work / "start"
    if not (start / "model.safetensors").exists():
        restore(source).save(start)
        shutil.copyfile(source / "tokenizer.json", start / "tokenizer.json")
    config = training_of(settings, start, data)
    try:
        return train(config, data, work / "run", progress=guard)
    except ModelError:  # nobody will want to go on from there
        shutil.rmtree(work)
        raise


def _train_text(
    inputs: Inputs, data: Path, settings: FineTuning, work: Path, guard: _Guard
) -> Path:
    from instructuie.training.finetune_text import text_training, train_text

    mixture, dev = mixture_of(settings, data)
    config = text_training(str(inputs.start), asdict(settings), mixture, dev)
    try:
        return train_text(config, data, work, guard)
    except ModelError:
        shutil.rmtree(work)
        raise


def _mix(trained: Path, work: Path, keep: float) -> Path:
    """The trained model with a share of the weights that it started from."""
    folder = work / "mixed"
    model = PointerModel.load(trained)
    started = PointerModel.load(work / "start").state_dict()
    mixed = {
        name: weight if weight.equal(started[name]) else weight.lerp(started[name], keep)
        for name, weight in model.state_dict().items()
    }
    model.load_state_dict(mixed)
    model.save(folder)
    shutil.copyfile(trained / "tokenizer.json", folder / "tokenizer.json")
    return folder


def mixture_of(settings: FineTuning, data: Path) -> tuple[dict[str, Any], list[str]]:
    """What the trainer draws, and what it is to score."""
    prepared = read_prepared(data, splits=("train",))
    tasks = prepared.inventories[_OWN].tasks
    others = {
        name: math.sqrt(len(prepared.records[name]["train"])) / len(inventory.tasks)
        for name, inventory in prepared.inventories.items()
        if name != _OWN
    }
    whole = sum(others[name] * len(prepared.inventories[name].tasks) for name in others)
    own_share = 1 - settings.replay_share if others else 1.0
    weights = {_OWN: own_share / len(tasks)}
    weights |= {name: settings.replay_share * size / whole for name, size in others.items()}
    mixture = {"weights": weights, "temperature": 0.0, "empty": 0.5}
    return mixture, [f"{_OWN}/{task}" for task in tasks]


def training_of(settings: FineTuning, start: Path, data: Path) -> PointerTraining:
    """The configuration of the pointer model's trainer."""
    mixture, dev = mixture_of(settings, data)
    return make_config(
        PointerTraining,
        {
            "model": {"start": str(start)},
            "train": {
                "steps": settings.steps,
                "seed": settings.seed,
                "learning_rate": settings.learning_rate or 2e-4,
                "encoder_rate": 0.0 if settings.freeze == "encoder" else 0.3,
                "batch_tokens": settings.batch_tokens,
                "max_tokens": 320,
                "warmup": max(1, settings.steps // 10),
                "decay": 0.5,
                "rounding": True,
                "checkpoint_every": 50,
                "dev": dev,
                "dev_every": max(50, settings.steps // 4),
                "dev_limit": 100,
                "log_every": 10,
                "threads": settings.threads,
            },
            "mixture": mixture,
        },
        source="fine-tuning",
    )


class _Guard:
    """Stops a run that has collapsed; passes on what the trainer tells."""

    def __init__(self, before: Counts, row: Row) -> None:
        self._before, self._row = before, row

    def __call__(self, row: dict[str, Any]) -> None:
        self._row(row)
        loss = row.get("loss")
        if loss is not None and not math.isfinite(loss):
            raise ModelError(
                f"training has collapsed: the loss is {loss} at step {row['step']}. Try a lower "
                "learning rate; nothing was written"
            )
        dev = row.get("dev")
        known = self._before.right > 0
        if dev and known and not any(score for units in dev.values() for score in units.values()):
            raise ModelError(
                f"training has collapsed: at step {row['step']} nothing is found in the dev texts any "
                "more, and the model that it started from found some. Try a lower learning rate; "
                "nothing was written"
            )


def _export(trained: Path, made: Path, asked: Questions) -> Agreement:
    """Whatever the agreement is: it is the int8 model whose scores decide."""
    prompts = [i.prompt for instances in asked.instances.values() for i in instances[:60]]
    agreement = export(trained, made, prompts, min_agreement=0.0)
    assert agreement is not None
    return agreement


def _refuse_worse(outcome: Outcome, settings: FineTuning, work: Path) -> None:
    """Raise ModelError for a model that has collapsed or has forgotten too much."""
    found = total(outcome.after, OWN)
    if found.gold and not found.predicted:
        raise ModelError(
            "the fine-tuned model finds nothing at all in the dev texts: it has collapsed, and was "
            "not written. Try fewer steps, a lower learning rate or more texts"
        )
    drop = drop_of(outcome)
    if drop > settings.max_drop:
        raise ModelError(
            f"the fine-tuned model has forgotten too much: its F1 on the general suite fell by "
            f"{drop:.1f} points to {100 * total(outcome.after, GENERAL).f1:.1f}, and at most "
            f"{settings.max_drop:g} are allowed; it was not written. Replay more, take fewer steps, "
            "freeze the encoder, or, if only your own labels count, allow more with --max-drop: "
            f"the trained weights are still in {work}, so that takes no second training"
        )


def _write(outcome: Outcome, made: Path, inputs: Inputs, settings: FineTuning, data: Path) -> None:
    """Put the model in its place, with its card and report."""
    share = None if outcome.agreement is None else outcome.agreement.share
    row = report_of(outcome.before, outcome.after, share)
    row |= {
        "settings": asdict(settings),
        # Names alone: where these were is nobody's business where the model goes.
        "data": [path.name for path in inputs.data],
        "dev": [path.name for path in inputs.dev],
        "replay": _replayed(inputs, settings),
        "start": _started(inputs),
        "fingerprint": read_prepared(data).fingerprint,
    }
    (made / "finetune.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
    (made / "README.md").write_text(card(row), encoding="utf-8")
    output = outcome.folder
    output.parent.mkdir(parents=True, exist_ok=True)
    previous = output.with_name(output.name + ".old")
    shutil.rmtree(previous, ignore_errors=True)
    if output.exists():
        output.replace(previous)
    made.replace(output)
    shutil.rmtree(previous, ignore_errors=True)


def _replayed(inputs: Inputs, settings: FineTuning) -> str:
    if not settings.replay_share:
        return "nothing"
    return inputs.replay.name if inputs.replay else SELF


def _started(inputs: Inputs) -> str:
    if inputs.start is None:
        return "built-in model"
    return Path(inputs.start).name if Path(inputs.start).exists() else str(inputs.start)
