"""Rows of the released layout (IE INSTRUCTIONS): what one of its JSON files says of one text.

| tasks | a row is `sentence` and |
| --- | --- |
| NER, ES, ET | `entities`: `name`, `type`, `pos` |
| RE, EP, EPR | `relations`: `type`, and `head` and `tail` with `name`, `type`, `pos` |
| EE, EET, EEA | `events`: `trigger`, `type`, `pos`, and `arguments` with `name`, `role`, `pos` |

`pos` is `[start, end]` in characters. The type of a relation's end is that of the entity there, "NA" if
none. A row of EEA has exactly one event. Where rows are written and read back, what they can say at
all (`part`) comes back as it was; what they cannot, `obstacles` names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from instructuie.data.prepared import Inventory
from instructuie.data.readers.instructuie import NOTHING, from_row
from instructuie.data.readers.rows import map_rows
from instructuie.data.record import Record
from instructuie.tasks import OptionKind, find_task
from instructuie.types import Entity, Event, Extraction, Mention, Relation

Json = Any

SPLITS = ("train", "dev", "test")

OBSTACLES: Mapping[str, str] = {
    "no-place": "a mention without a place in its text",
    "nothing-label": 'a label "NA" or "", which the layout reads as no label',
    "no-relation": "a text without relations, at which the released code stops (RE, EPR)",
    "brace": "a brace in a label, which makes the released code write {0} for the text",
    "other-items": "items of tasks that are not written",
}
"""Name -> what it is, of all that the layout has no way to say."""


def to_rows(task: str, record: Record) -> list[Json]:
    """The rows of a record in the files of `task`: one, and of EEA one for each event."""
    kind = find_task(task).options
    if task == "EEA":
        return [
            _WRITERS[kind](record.text, Extraction(events=(event,))) for event in record.gold.events
        ]
    return [_WRITERS[kind](record.text, record.gold)]


def read_rows(path: Path, task: str) -> Iterator[Record]:
    """The records of one file; raises DataError with the row that breaks the format."""
    return map_rows(path, lambda row: from_row(task, row))


def labels_of(task: str, inventory: Inventory) -> Json:
    """What stands in `labels.json` beside the files of `task`."""
    kind = find_task(task).options
    if kind == "entity":
        return list(inventory.entities)
    if kind == "relation":
        return list(inventory.relations)
    if task == "EE":
        roles = dict.fromkeys(role for roles in inventory.events.values() for role in roles)
        return [list(inventory.events), list(roles)]
    return {label: list(roles) for label, roles in inventory.events.items()}


def part(task: str, gold: Extraction) -> Extraction:
    """What the row of a record in the files of `task` says, so what reading it gives back."""
    kind = find_task(task).options
    if kind == "entity":
        return Extraction(entities=gold.entities)
    if kind == "event":
        return Extraction(events=gold.events)
    types = _types(gold.entities)
    ends = dict.fromkeys(end for r in gold.relations for end in (r.head, r.tail) if end in types)
    return Extraction(tuple(Entity(types[end], end) for end in ends), gold.relations)


def obstacles(record: Record, tasks: Iterable[str]) -> Iterator[str]:
    """The names in `OBSTACLES` that keep a record from being written for these tasks."""
    gold, chosen = record.gold, tuple(tasks)
    labels = [item.label for item in _items(gold)]
    labels += [argument.role for event in gold.events for argument in event.arguments]
    if any(mention.span is None for mention in gold.mentions()):
        yield "no-place"
    if any(label in NOTHING for label in labels):
        yield "nothing-label"
    if not gold.relations and not {"RE", "EPR"}.isdisjoint(chosen):
        yield "no-relation"
    if any("{" in label or "}" in label for label in labels):
        yield "brace"
    if _unsaid(gold, chosen):
        yield "other-items"


def _unsaid(gold: Extraction, tasks: Iterable[str]) -> bool:
    """Whether some item stands in no row of any of the tasks."""
    said = {item for task in tasks for item in _items(part(task, gold))}
    return any(item not in said for item in _items(gold))


def _items(gold: Extraction) -> list[Entity | Relation | Event]:
    return [*gold.entities, *gold.relations, *gold.events]


def join_parts(parts: Iterable[Iterable[Record]]) -> list[Record]:
    """The records of one data set from its files of several tasks.

    The n-th row of a text is the same record in every file that has it so often.
    """
    joined: dict[tuple[str, int], Record] = {}
    for records in parts:
        seen: Counter[str] = Counter()
        for record in records:
            key = (record.text, seen[record.text])
            seen[record.text] += 1
            joined[key] = _united(joined[key], record) if key in joined else record
    return list(joined.values())


def _united(one: Record, other: Record) -> Record:
    mine, more = one.gold, other.gold
    gold = Extraction(
        (*mine.entities, *(e for e in more.entities if e not in mine.entities)),
        mine.relations or more.relations,
        mine.events or more.events,
    )
    return Record(one.text, gold, one.id, one.source)


def _write_entities(text: str, gold: Extraction) -> Json:
    entities = [_named(e.mention, type=e.label) for e in gold.entities]
    return {"sentence": text, "entities": entities}


def _write_relations(text: str, gold: Extraction) -> Json:
    types = _types(gold.entities)

    def end(mention: Mention) -> Json:
        return _named(mention, type=types.get(mention, "NA"))

    relations = [
        {"head": end(r.head), "type": r.label, "tail": end(r.tail)} for r in gold.relations
    ]
    return {"sentence": text, "relations": relations}


def _write_events(text: str, gold: Extraction) -> Json:
    events = [
        {
            "trigger": event.trigger.text,
            "type": event.label,
            "pos": _pos(event.trigger),
            "arguments": [_named(a.mention, role=a.role) for a in event.arguments],
        }
        for event in gold.events
    ]
    return {"sentence": text, "events": events}


def _types(entities: Iterable[Entity]) -> dict[Mention, str]:
    """The first label of each mention: an end has room for one."""
    types: dict[Mention, str] = {}
    for entity in entities:
        types.setdefault(entity.mention, entity.label)
    return types


def _named(mention: Mention, **label: str) -> Json:
    return {"name": mention.text, **label, "pos": _pos(mention)}


def _pos(mention: Mention) -> list[int]:
    return [mention.span.start, mention.span.end] if mention.span else []


_WRITERS: Mapping[OptionKind, Callable[[str, Extraction], Json]] = {
    "entity": _write_entities,
    "relation": _write_relations,
    "event": _write_events,
}
