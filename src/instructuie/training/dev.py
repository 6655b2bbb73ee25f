"""Scores on dev splits while a model trains."""

from __future__ import annotations

from collections.abc import Sequence

from instructuie.data.instance import Instance, plain_instance
from instructuie.data.prepared import Prepared
from instructuie.errors import ConfigError, TextError
from instructuie.evaluation.counts import UNITS, Counts, count
from instructuie.pointer.answer import answer
from instructuie.pointer.decode import Backend, MemoryT, greedy
from instructuie.pointer.encoding import Encoded, Encoder, pad
from instructuie.pointer.model import PointerModel
from instructuie.pointer.stepwise import TorchBackend
from instructuie.tasks import find_task
from instructuie.training.config import TrainConfig


def dev_scores(
    model: PointerModel, encoder: Encoder, prepared: Prepared, settings: TrainConfig
) -> dict[str, dict[str, float]]:
    """Strict micro-F1 in percent, as `{"conll2003/NER": {"entity": 87.1}}`."""
    backend = TorchBackend(model)
    scores: dict[str, dict[str, float]] = {}
    for entry in settings.dev:
        name, _, task_name = entry.partition("/")
        if name not in prepared.inventories or "dev" not in prepared.records[name]:
            raise ConfigError(f"train.dev names {entry!r}, but the data hold no dev split of it")
        task = find_task(task_name)
        records = prepared.records[name]["dev"][: settings.dev_limit]
        instances = [plain_instance(r, task, prepared.inventories[name]) for r in records]
        totals = score_instances(backend, encoder, instances)
        scores[entry] = {
            unit: round(100 * totals[unit].f1, 2) for unit in UNITS if totals[unit].gold
        }
    return scores


def score_instances(
    backend: Backend[MemoryT],
    encoder: Encoder,
    instances: Sequence[Instance],
    *,
    batch_size: int = 32,
) -> dict[str, Counts]:
    """Strict counts by unit; a prompt over the model's length counts as answered with nothing."""
    totals = dict.fromkeys(UNITS, Counts())
    ready: list[tuple[Instance, Encoded]] = []
    for instance in instances:
        try:
            ready.append((instance, encoder.encode(instance.prompt)))
        except TextError:
            for unit, counts in count(instance.target, type(instance.target)()).items():
                totals[unit] += counts
    ready.sort(key=lambda pair: len(pair[1].ids))
    for start in range(0, len(ready), batch_size):
        part = ready[start : start + batch_size]
        prompts = [instance.prompt for instance, _ in part]
        batch = pad([encoded for _, encoded in part], pad_id=encoder.markers.pad)
        for (instance, encoded), decoded in zip(part, greedy(backend, prompts, batch), strict=True):
            predicted = answer(instance.prompt, encoded, decoded).extraction
            for unit, counts in count(instance.target, predicted).items():
                totals[unit] += counts
    return totals
