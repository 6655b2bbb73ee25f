"""Dev scores of a text model while it trains, by the way that users' answers go: completion, codec,
grounding, strict counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from random import Random
from typing import Any

import torch

from instructuie.codec import parse
from instructuie.data.instance import Instance, plain_instances
from instructuie.data.prepared import Prepared
from instructuie.engines.base import Completion, Engine, Request
from instructuie.errors import ConfigError
from instructuie.evaluation.counts import UNITS, Counts, count
from instructuie.grounding import ground
from instructuie.prompt import Prompt
from instructuie.tasks import find_task
from instructuie.training.text.config import TextTraining
from instructuie.training.text.examples import Writer
from instructuie.training.text.processes import Processes
from instructuie.training.text.shorten import fit
from instructuie.types import Extraction

_BATCH = 32
_NOTHING = "Answer:"
"""Asked where no part of the text has room in the prompt; what comes back does not count."""


class ModelEngine:
    """The model in training as an engine: greedy, in batches of about equally long prompts.

    With several processes each must be asked equally many requests, since they compute together.
    """

    def __init__(
        self,
        model: Any,
        writer: Writer,
        pad: int,
        processes: Processes,
        arithmetic: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.model, self.writer, self.pad = model, writer, pad
        self.processes, self.arithmetic = processes, arithmetic

    @property
    def name(self) -> str:
        return "the model in training"

    @property
    def max_input_tokens(self) -> int:
        return self.writer.max_source

    def count(self, texts: Sequence[str]) -> list[int]:
        return [self.writer.length(text) for text in texts]

    @torch.no_grad()
    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        lengths = self.count([request.text for request in requests])
        order = sorted(range(len(requests)), key=lambda at: lengths[at])
        completions = [Completion("") for _ in requests]
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            for at, written in zip(
                part, self._batch([requests[at].text for at in part]), strict=True
            ):
                completions[at] = written
        return completions

    def _batch(self, prompts: Sequence[str]) -> list[Completion]:
        rows = [self.writer.source(prompt) for prompt in prompts]
        width = max(len(row) for row in rows)
        left = self.writer.causal
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            place = slice(width - len(row), width) if left else slice(0, len(row))
            ids[index, place], mask[index, place] = torch.tensor(row), 1
        with self.arithmetic():
            written = self.model.generate(
                input_ids=ids.to(self.processes.device),
                attention_mask=mask.to(self.processes.device),
                max_new_tokens=self.writer.max_target,
                do_sample=False,
                num_beams=1,
                use_cache=True,
                pad_token_id=self.pad,
                eos_token_id=self.writer.end,
                synced_gpus=self.processes.count > 1,
            )
        answers = written[:, width:] if left else written
        texts = self.writer.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [Completion(text.strip()) for text in texts]


def dev_instances(prepared: Prepared, config: TextTraining) -> dict[str, list[Instance]]:
    """What `train.dev` names, asked plainly. Raises ConfigError for what the data do not hold."""
    found = {}
    for entry in config.train.dev:
        name, _, task_name = entry.partition("/")
        if name not in prepared.inventories or not prepared.records.get(name, {}).get("dev"):
            raise ConfigError(f"train.dev names {entry!r}, but the data hold no dev split of it")
        if prepared.header["datasets"][name]["use"] != "train":
            raise ConfigError(
                f"train.dev names {entry!r}, which is kept for zero-shot tests: choosing a model by it "
                "would spoil them; name other data sets"
            )
        task, inventory = find_task(task_name), prepared.inventories[name]
        records = prepared.records[name]["dev"][: config.train.dev_limit]
        found[entry] = [i for r in records for i in plain_instances(r, task, inventory)]
    return found


def dev_scores(
    engine: Engine, writer: Writer, instances: dict[str, list[Instance]], processes: Processes
) -> dict[str, dict[str, float]]:
    """Strict micro-F1 in percent, as `{"conll2003/NER": {"entity": 87.1}}`.

    Texts are shortened as in training; the gold items beyond count as missed.
    """
    scores = {}
    for entry, asked in instances.items():
        share = -(-len(asked) // processes.count)
        mine = asked[processes.rank * share : (processes.rank + 1) * share]
        # Another process's share may be longer: these keep step with it.
        requests = [_request(entry, instance, writer) for instance in mine]
        spare = [_request(entry, asked[0], writer)] * (share - len(mine))
        totals = dict.fromkeys(UNITS, Counts())
        completions = engine.complete([*requests, *spare])
        for instance, request, completion in zip(mine, requests, completions, strict=False):
            predicted = (
                read(completion, request.prompt) if request.text != _NOTHING else Extraction()
            )
            for unit, counts in count(instance.target, predicted).items():
                totals[unit] += counts
        rows = processes.collect([totals])
        sums = {unit: sum((row[unit] for row in rows), Counts()) for unit in UNITS}
        scores[entry] = {u: round(100 * sums[u].f1, 2) for u in UNITS if sums[u].gold}
    return scores


def _request(entry: str, instance: Instance, writer: Writer) -> Request:
    fitting = fit(instance, writer.max_source, writer.length, writer.ends)
    if fitting is None:
        return Request(_NOTHING, instance.prompt)
    rng = Random(f"dev:{instance.prompt.text}")
    return Request(writer.ask(entry.partition("/")[0], fitting, rng, Counter()), fitting.prompt)


def read(completion: Completion, prompt: Prompt) -> Extraction:
    """What a completion says about a prompt's text, with offsets; what cannot be read or placed is
    left out."""
    said, _ = parse(prompt.task.name, completion.text, given=prompt.given)
    result, _ = ground(said, prompt.text)
    return result.extraction
