"""Annotated texts of a user -> what fine-tuning reads: passages for training, and texts held out.

Invariant: no text stands on both sides of the hold-out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from instructuie.data.convert import Options, guess_source, read
from instructuie.data.convert.source import sound
from instructuie.data.passages import passages
from instructuie.data.prepared import Inventory
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Argument, Event, Extraction

PASSAGE_WORDS = 120
"""Longer texts are cut between sentences for training; held-out texts stay whole."""
_FEWEST = 8
"""With fewer texts there is nothing to learn from and nothing to measure on."""
_DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class OwnData:
    """The user's texts."""

    train: tuple[Record, ...]
    """Passages."""
    dev: tuple[Record, ...]
    """Whole texts."""
    inventory: Inventory
    repeated: int = 0
    """Training texts that were left out because they stand among the dev texts too."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read; the format is guessed where it is not named."""

    format: str = ""
    options: Options = _DEFAULTS
    rename: Mapping[str, str] = field(default_factory=dict)
    """Label or role of the files -> the name that the model is to read."""


def load_own(
    paths: Sequence[Path],
    dev: Sequence[Path],
    *,
    reading: Reading,
    share: float,
    seed: int,
) -> OwnData:
    """Texts to train on and to measure on; without `dev`, a share of the former is held out.

    Raises DataError, which names file and line.
    """
    records = list(_read(paths, reading))
    if len({record.text for record in records}) < _FEWEST:
        raise DataError(
            f"{len(records)} annotated texts to fine-tune on, expected at least {_FEWEST} that differ",
            path=paths[0] if paths else None,
        )
    if dev:
        held = list(_read(dev, reading))
        known = {record.text for record in held}
        rest = [record for record in records if record.text not in known]
    else:
        held, rest = _hold_out(records, share, seed)
    repeated = len(records) - len(rest) if dev else 0
    inventory = _inventory([*rest, *held], paths[0])
    _check(rest, held, inventory, paths[0])
    cut = (part for r in rest for part in passages(r, max_words=PASSAGE_WORDS) if part.text.strip())
    return OwnData(tuple(cut), tuple(held), inventory, repeated)


def _read(paths: Iterable[Path], reading: Reading) -> Iterator[Record]:
    for path in paths:
        format = reading.format or guess_source(path)
        for record in read(format, path, options=reading.options):
            checked = sound(record)
            # Without the tokens and lines of its file, which nothing needs any more.
            gold = _renamed(checked.gold, reading.rename) if reading.rename else checked.gold
            yield Record(checked.text, gold, checked.id, checked.source)


def _renamed(gold: Extraction, names: Mapping[str, str]) -> Extraction:
    return Extraction(
        tuple(replace(e, label=names.get(e.label, e.label)) for e in gold.entities),
        tuple(replace(r, label=names.get(r.label, r.label)) for r in gold.relations),
        tuple(
            Event(
                names.get(e.label, e.label),
                e.trigger,
                tuple(Argument(names.get(a.role, a.role), a.mention) for a in e.arguments),
            )
            for e in gold.events
        ),
    )


def _hold_out(
    records: Sequence[Record], share: float, seed: int
) -> tuple[list[Record], list[Record]]:
    """Dev and train; texts that stand there several times go to one side together."""
    texts = list(dict.fromkeys(record.text for record in records))
    count = min(max(1, round(share * len(texts))), len(texts) - 1)
    chosen = set(Random(f"{seed}:hold-out").sample(texts, count))
    return (
        [record for record in records if record.text in chosen],
        [record for record in records if record.text not in chosen],
    )


def _inventory(records: Sequence[Record], path: Path) -> Inventory:
    """The labels in alphabetical order, roles with the events that have them."""
    entities = {e.label for r in records for e in r.gold.entities}
    relations = {x.label for r in records for x in r.gold.relations}
    events: dict[str, set[str]] = {}
    for record in records:
        for event in record.gold.events:
            events.setdefault(event.label, set()).update(a.role for a in event.arguments)
    asked = (("NER", entities), ("RE", relations), ("EE", events))
    tasks = tuple(task for task, labels in asked if labels)
    if not tasks:
        raise DataError(
            "no entity, relation or event is annotated in these texts: is it the right file and "
            "format?",
            path=path,
        )
    return Inventory(
        tasks,
        tuple(sorted(entities)),
        tuple(sorted(relations)),
        {label: tuple(sorted(events[label])) for label in sorted(events)},
    )


def _check(
    train: Sequence[Record], dev: Sequence[Record], inventory: Inventory, path: Path
) -> None:
    """Raise DataError where a side has nothing of a task."""
    kinds = {"NER": "entities", "RE": "relations", "EE": "events"}
    for task in inventory.tasks:
        for side, records in (("train on", train), ("measure on", dev)):
            if not any(getattr(record.gold, kinds[task]) for record in records):
                raise DataError(
                    f"none of the {len(records)} texts to {side} has {kinds[task]}, and others do: "
                    "give more texts, or choose the dev texts yourself",
                    path=path,
                )
