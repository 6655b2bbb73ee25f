"""What keeps a model from forgetting while it learns a user's labels: other things to answer.

Either records of a prepared file, which the user names, or, where there is none, what the model itself
finds in the user's texts under common labels (self-distillation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from instructuie.data.prepared import Inventory, read_prepared
from instructuie.data.record import Record
from instructuie.data.sampling import cap
from instructuie.errors import DataError
from instructuie.extractor import Extractor
from instructuie.schema import Schema

SELF = "its own answers"
MOST_RECORDS = 2_000
"""So many records of each data set of a replay file are taken, by chance."""

COMMON = Inventory(
    ("NER", "RE", "EE"),
    (
        *("person", "organization", "location", "date", "time", "quantity", "product", "event"),
        *("facility", "vehicle", "disease", "chemical", "gene or protein", "species", "food"),
    ),
    (
        *("founded by", "place of birth", "work for", "educated at", "headquarters location"),
        *("spouse", "part of", "located in", "causes", "member of"),
    ),
    {
        "attack": ("attacker", "target", "place"),
        "death": ("victim", "place"),
        "arrest": ("person", "place"),
        "meeting": ("participant", "place"),
        "transport": ("artifact", "origin", "destination"),
        "money transfer": ("giver", "recipient", "money"),
    },
)
"""The labels under which a model is asked for what it knows already."""

Source = tuple[Inventory, Sequence[Record]]


def replayed(path: Path, *, seed: int) -> dict[str, Source]:
    """The training records of a prepared file, by data set. Raises DataError."""
    prepared = read_prepared(path, splits=("train",))
    found: dict[str, Source] = {}
    for name, inventory in prepared.inventories.items():
        if prepared.header["datasets"][name]["use"] == "train":
            records = prepared.records.get(name, {}).get("train", ())
            chosen = range(len(records))
            if records:
                chosen_at = cap(chosen, MOST_RECORDS, Random(f"{seed}:{name}"))
                found[f"replay {name}"] = inventory, [records[at] for at in chosen_at]
    if not found:
        raise DataError("no data set in it has a train split to replay", path=path)
    return found


def distilled(extractor: Extractor, texts: Sequence[str], own: Inventory) -> dict[str, Source]:
    """What the model answers about the texts, under those common labels that are not the user's."""
    taken = {label.casefold() for label in (*own.entities, *own.relations, *own.events)}
    inventory = replace(
        COMMON,
        entities=tuple(x for x in COMMON.entities if x not in taken),
        relations=tuple(x for x in COMMON.relations if x not in taken),
        events={x: roles for x, roles in COMMON.events.items() if x not in taken},
    )
    schema = Schema.of(
        entities=list(inventory.entities),
        relations=list(inventory.relations),
        events={label: list(roles) for label, roles in inventory.events.items()},
    )
    results = extractor.extract_batch(texts, schema)
    records = [
        Record(text, result.extraction, f"self/{index}")
        for index, (text, result) in enumerate(zip(texts, results, strict=True))
    ]
    return {SELF: (inventory, records)}


def header_of(inventory: Inventory, use: str = "train") -> dict[str, Any]:
    """How a prepared file describes a data set."""
    return {
        "tasks": list(inventory.tasks),
        "entities": list(inventory.entities),
        "relations": list(inventory.relations),
        "events": {label: list(roles) for label, roles in inventory.events.items()},
        "use": use,
    }
