"""The training mixture: an endless, seeded stream of instances over data sets and tasks.

The n-th instance depends on the seed, the settings and the records alone, so a run that was killed
goes on with exactly the instances that it would have seen. Each data set is walked through in a
shuffled order before any record comes again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from instructuie.data.instance import Instance, OptionSampling, Sampler
from instructuie.data.prepared import Inventory, Prepared
from instructuie.data.record import Record
from instructuie.data.written import read_all_written
from instructuie.errors import ConfigError
from instructuie.tasks import find_task
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation, Span


@dataclass(frozen=True, slots=True)
class MixtureConfig:
    """What is drawn how often."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Factor per data set on top of `size ** temperature`; 0 leaves the data set out."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Split to train on per data set, where it is not `train` (sets that come without one)."""
    temperature: float = 0.5
    """0 draws every data set equally often, 1 in proportion to its size."""
    cap: int = 10_000
    """No data set counts as larger than this (paper, section 3.1.2)."""
    auxiliary: float = 0.2
    """Chance that an auxiliary task is asked instead of the main one."""
    tasks: Mapping[str, float] = field(default_factory=dict)
    """How often each auxiliary task is asked for one time that its main task is, in place of
    `auxiliary`: `{ES = 0.3, ET = 0.3}` are the chances of the released code."""
    empty: float = 0.3
    """Chance that a record without any gold item for the task is kept."""
    written: str = ""
    """Folder of texts that were annotated by hand, each file with a schema of its own (see
    `written.py`); files called `dev-...` are left out."""
    written_share: float = 0.2
    """Share of the draws that these texts get, spread evenly over the files."""
    join: float = 0.1
    """Chance that two or three neighbouring short records are read as one text."""
    options: OptionSampling = field(default_factory=OptionSampling)
    aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)


_AUXILIARY = {"NER": ("ES", "ET"), "RE": ("EP", "EPR", "EPR"), "EE": ("EET", "EEA")}
_GOLD = {"NER": "entities", "RE": "relations", "EE": "events"}


class Mixture:
    """Iterate to draw instances; `skip(n)` moves on without building them."""

    def __init__(self, prepared: Prepared, config: MixtureConfig, *, seed: int) -> None:
        self.config, self.seed = config, seed
        self._streams: list[_Stream] = []
        weights: list[float] = []
        for name, inventory in prepared.inventories.items():
            records = prepared.records.get(name, {}).get(config.splits.get(name, "train"), ())
            if prepared.header["datasets"][name]["use"] != "train" or not records:
                continue
            factor = config.weights.get(name, 1.0)
            for main in inventory.tasks:
                share = factor * config.weights.get(f"{name}/{main}", 1.0)
                if share > 0:
                    size = min(len(records), config.cap)
                    weights.append(share * size**config.temperature)
                    self._streams.append(_Stream(name, main, inventory, records, seed))
        named = {key.split("/")[0] for key in (*config.weights, *config.splits)}
        unknown = named - set(prepared.inventories)
        if unknown:
            raise ConfigError(
                f"[mixture] names data sets that the prepared file lacks: "
                f"{', '.join(sorted(unknown))}; it has {', '.join(prepared.inventories)}"
            )
        _check_tasks(config.tasks)
        if not weights:
            raise ConfigError("the mixture is empty: no data set has a train split and a weight")
        if config.written:
            if not 0 <= config.written_share < 1:
                raise ConfigError(
                    f"mixture.written_share is {config.written_share}, expected a share from 0 and "
                    "below 1"
                )
            written = _written_streams(Path(config.written), seed)
            each = math.fsum(weights) * config.written_share / (1 - config.written_share)
            weights += [each / len(written)] * len(written)
            self._streams += written
        total = math.fsum(weights)
        self.shares = {
            f"{s.name}/{s.main}": w / total for s, w in zip(self._streams, weights, strict=True)
        }
        self._weights = weights
        event_roles = {
            label: roles
            for name, inventory in prepared.inventories.items()
            if prepared.header["datasets"][name]["use"] == "train"
            for label, roles in inventory.events.items()
        }
        self._sampler = Sampler(config.options, _foreign(prepared), config.aliases, event_roles)
        self._drawn = 0
        self._choice = Random(f"{seed}:choice")

    def skip(self, count: int) -> None:
        """Move on as if `count` instances had been drawn."""
        for _ in range(count):
            self._next_stream().position += 1
            self._drawn += 1

    def __iter__(self) -> Iterator[tuple[str, Instance | None]]:
        """Pairs of data set name and instance; None stands for a draw that came to nothing, so that
        draws can be counted."""
        while True:
            stream = self._next_stream()
            rng = Random(f"{self.seed}:{self._drawn}")
            self._drawn += 1
            yield stream.name, stream.draw(rng, self.config, self._sampler)

    def _next_stream(self) -> _Stream:
        return self._choice.choices(self._streams, self._weights)[0]


def _written_streams(folder: Path, seed: int) -> list[_Stream]:
    return [
        _Stream(f"written/{file.name}", main, file.inventory, file.records, seed)
        for file in read_all_written(folder)
        if not file.held_out
        for main in file.inventory.tasks
    ]


def _check_tasks(tasks: Mapping[str, float]) -> None:
    known = [task for auxiliary in _AUXILIARY.values() for task in dict.fromkeys(auxiliary)]
    for task, often in tasks.items():
        if task not in known or often < 0:
            raise ConfigError(
                f"[mixture.tasks] says {task} = {often}: expected a number from 0 for one of "
                f"{', '.join(known)}"
            )


class _Stream:
    """One data set and main task: its records in a new shuffled order each time round."""

    def __init__(
        self, name: str, main: str, inventory: Inventory, records: Sequence[Record], seed: int
    ) -> None:
        self.name, self.main, self.inventory, self.records = name, main, inventory, records
        self.position = 0
        self._seed = seed
        self._order: list[int] = []
        self._round = -1

    def draw(self, rng: Random, config: MixtureConfig, sampler: Sampler) -> Instance | None:
        index = self._index()
        self.position += 1
        record = self.records[index]
        if not getattr(record.gold, _GOLD[self.main]) and rng.random() >= config.empty:
            return None
        if rng.random() < config.join:
            record = self._joined(index, rng)
        if (auxiliary := self._auxiliary(rng, config)) is not None:
            instance = sampler.instance(record, find_task(auxiliary), self.inventory, rng)
            if instance is not None:
                return instance
        return sampler.instance(record, find_task(self.main), self.inventory, rng)

    def _auxiliary(self, rng: Random, config: MixtureConfig) -> str | None:
        """The auxiliary task to ask, or None for the main one."""
        if not config.tasks:
            return rng.choice(_AUXILIARY[self.main]) if rng.random() < config.auxiliary else None
        tasks = [*dict.fromkeys(_AUXILIARY[self.main])]
        chances = [config.tasks.get(task, 0.0) for task in tasks]
        return rng.choices([None, *tasks], [1.0, *chances])[0]

    def _index(self) -> int:
        turn, offset = divmod(self.position, len(self.records))
        if turn != self._round:
            self._order = list(range(len(self.records)))
            Random(f"{self._seed}:{self.name}:{self.main}:{turn}").shuffle(self._order)
            self._round = turn
        return self._order[offset]

    def _joined(self, index: int, rng: Random) -> Record:
        """The record and its one or two successors as one text, if that stays short."""
        record = self.records[index]
        for step in range(1, rng.randint(2, 3)):
            if index + step < len(self.records):
                following = self.records[index + step]
                if len(record.text) + len(following.text) <= 320:
                    record = join(record, following)
        return record


def join(first: Record, second: Record) -> Record:
    """Two records as one text with a space between, gold items moved along."""
    offset = len(first.text) + 1

    def move(mention: Mention) -> Mention:
        assert mention.span is not None
        return Mention(mention.text, Span(mention.span.start + offset, mention.span.end + offset))

    gold = second.gold
    moved = Extraction(
        tuple(Entity(e.label, move(e.mention)) for e in gold.entities),
        tuple(Relation(r.label, move(r.head), move(r.tail)) for r in gold.relations),
        tuple(
            Event(
                e.label,
                move(e.trigger),
                tuple(Argument(a.role, move(a.mention)) for a in e.arguments),
            )
            for e in gold.events
        ),
    )
    both = Extraction(
        first.gold.entities + moved.entities,
        first.gold.relations + moved.relations,
        first.gold.events + moved.events,
    )
    return replace(first, text=f"{first.text} {second.text}", gold=both)


def _foreign(prepared: Prepared) -> dict[str, tuple[str, ...]]:
    """All labels by option kind, each once, in the order of the prepared file.

    Zero-shot sets lend no labels: a label taught as a negative would no longer be unseen.
    """
    kinds: dict[str, dict[str, None]] = {"entity": {}, "relation": {}, "event": {}}
    for name, inventory in prepared.inventories.items():
        if prepared.header["datasets"][name]["use"] == "train":
            kinds["entity"].update(dict.fromkeys(inventory.entities))
            kinds["relation"].update(dict.fromkeys(inventory.relations))
            kinds["event"].update(dict.fromkeys(inventory.events))
    return {kind: tuple(labels) for kind, labels in kinds.items()}
