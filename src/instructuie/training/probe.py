"""What a model can do, as counts: on the texts of a user, and on a fixed suite of common labels.

The suite (`assets/probe/general.jsonl`) consists of sentences written for this package. It is no
benchmark: it is there to notice when fine-tuning makes a model forget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise

from instructuie.data.instance import Instance, plain_instance
from instructuie.data.prepared import Inventory
from instructuie.data.record import Record
from instructuie.evaluation.counts import UNITS, Counts, count
from instructuie.extractor import Extractor
from instructuie.jsonl import read_rows
from instructuie.merging import Overlap
from instructuie.tasks import find_task
from instructuie.types import Extraction

OWN, GENERAL = "own", "general"

Group = tuple[str, str, str]
"""OWN or GENERAL, the name of the texts, and the unit counted."""

_GENERAL: Mapping[str, Inventory] = {
    "news": Inventory(("NER",), ("person", "organization", "location", "date")),
    "medicine": Inventory(("NER",), ("disease", "chemical", "gene or protein", "species")),
    "facts": Inventory(
        ("RE",),
        relations=(
            "founded by",
            "place of birth",
            "work for",
            "educated at",
            "headquarters location",
            "spouse",
        ),
    ),
    "incidents": Inventory(
        ("EE",),
        events={
            "attack": ("attacker", "target", "place"),
            "arrest": ("person", "place"),
            "death": ("victim", "place"),
            "protest": ("protester", "place"),
            "meeting": ("participant", "place"),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Questions:
    """What a model is asked: instances under the name of their texts."""

    instances: Mapping[tuple[str, str], Sequence[Instance]]
    overlap: Overlap = "flat"


def questions(own: Sequence[Record], inventory: Inventory) -> Questions:
    """The user's texts, asked for all their labels, and the general suite."""
    asked = {(OWN, task): _instances(own, task, inventory) for task in inventory.tasks} | {
        (GENERAL, name): _instances(records, _GENERAL[name].tasks[0], _GENERAL[name])
        for name, records in general_records().items()
    }
    return Questions(asked, "nested" if any(_is_nested(r.gold) for r in own) else "flat")


def general_records() -> dict[str, list[Record]]:
    """The suite's records by the name of their texts."""
    file = resources.files("instructuie") / "assets" / "probe" / "general.jsonl"
    records: dict[str, list[Record]] = {name: [] for name in _GENERAL}
    with resources.as_file(file) as path:
        for line, row in read_rows(path):
            record = Record.from_dict(row, source=f"{path.name}:{line}")
            records[str(row["dataset"])].append(record)
    return records


def general_inventory(name: str) -> Inventory:
    """The labels that texts of the suite are asked for."""
    return _GENERAL[name]


def measure(extractor: Extractor, asked: Questions) -> dict[Group, Counts]:
    """Strict counts of a model, asked as users ask it."""
    counts: dict[Group, Counts] = {}
    for (kind, name), instances in asked.instances.items():
        results = extractor.answer([i.prompt for i in instances], overlap=asked.overlap)
        for instance, result in zip(instances, results, strict=True):
            for unit, found in count(instance.target, result.extraction).items():
                group = (kind, name, unit)
                counts[group] = counts.get(group, Counts()) + found
    return {group: found for group, found in counts.items() if found.gold or found.predicted}


def total(counts: Mapping[Group, Counts], kind: str) -> Counts:
    """All counts of the user's texts, or of the suite."""
    return _sum(found for group, found in counts.items() if group[0] == kind)


def _sum(counts: Iterable[Counts]) -> Counts:
    result = Counts()
    for found in counts:
        result += found
    return result


def ordered(counts: Iterable[Group]) -> list[Group]:
    """Groups as a table shows them: the user's own first."""
    kinds, units = (OWN, GENERAL), UNITS
    return sorted(counts, key=lambda g: (kinds.index(g[0]), g[1], units.index(g[2])))


def _instances(records: Sequence[Record], task: str, inventory: Inventory) -> list[Instance]:
    return [plain_instance(record, find_task(task), inventory) for record in records]


def _is_nested(gold: Extraction) -> bool:
    spans = sorted({e.mention.span for e in gold.entities if e.mention.span is not None})
    return any(later.start < span.end for span, later in pairwise(spans))
