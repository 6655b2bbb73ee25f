"""Rows of the released layout (IE INSTRUCTIONS), read: `instructuie.data.released` explains them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from instructuie.data.readers.rows import Json, map_rows, nearest, respace
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.grounding import ground
from instructuie.tasks import OptionKind, find_task
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

NOTHING = ("NA", "")
"""Labels that the released code takes for "no label"."""

_KEYS: Mapping[OptionKind, str] = {"entity": "entities", "relation": "relations", "event": "events"}


def read_instructuie(path: Path, *, tokenized: bool = False) -> Iterator[Record]:
    """A file of the released layout, of whatever task.

    `tokenized`: the tokens stand apart and are joined to natural text.
    """

    def make(row: Json) -> Record:
        end = "\\r\\n"  # so written out in some files
        record = from_whole_row({**row, "sentence": row["sentence"].rstrip().removesuffix(end)})
        return respace(record) if tokenized else record

    return map_rows(path, make)


def from_row(task: str, row: Json) -> Record:
    """The record of a row. Raises DataError, KeyError, TypeError or ValueError on a malformed one.

    A `pos` that is not the place of its `name` is replaced by the nearest place that is. Events
    without `pos` (as in the archive) are placed by their words: the n-th equal trigger at the n-th
    place, arguments nearest to their trigger.
    """
    return _record(row, [_KEYS[find_task(task).options]])


def from_whole_row(row: Json) -> Record:
    """The same with all that the row has: entities, relations and events."""
    return _record(row, [key for key in _READERS if key in row])


def _record(row: Json, keys: Iterable[str]) -> Record:
    golds = [_READERS[key](row["sentence"], row) for key in keys]
    entities: list[Entity] = []
    for gold in golds:
        known = tuple(entities)  # a repeated entity of one task stays
        entities += [entity for entity in gold.entities if entity not in known]
    gold = Extraction(
        tuple(entities),
        tuple(relation for gold in golds for relation in gold.relations),
        tuple(event for gold in golds for event in gold.events),
    )
    record = Record(row["sentence"], gold)
    if any(mention.span is None for mention in gold.mentions()):
        record = _placed(record)
    record.check()
    return record


def _read_entities(text: str, row: Json) -> Extraction:
    items = row["entities"]
    return Extraction(
        tuple(Entity(e["type"], _mention(text, e)) for e in items if e["type"] not in NOTHING)
    )


def _read_relations(text: str, row: Json) -> Extraction:
    relations: list[Relation] = []
    entities: dict[Entity, None] = {}
    for item in row["relations"]:
        if item["type"] in NOTHING:
            continue
        ends = [_mention(text, item[end]) for end in ("head", "tail")]
        relations.append(Relation(item["type"], *ends))
        for end, mention in zip(("head", "tail"), ends, strict=True):
            if item[end].get("type", "NA") not in NOTHING:
                entities[Entity(item[end]["type"], mention)] = None
    return Extraction(tuple(entities), tuple(relations))


def _read_events(text: str, row: Json) -> Extraction:
    return Extraction(
        events=tuple(
            Event(
                event["type"],
                _mention(text, {**event, "name": event["trigger"]}),
                tuple(Argument(a["role"], _mention(text, a)) for a in event["arguments"]),
            )
            for event in row["events"]
            if event["type"] not in NOTHING
        )
    )


def _mention(text: str, item: Json) -> Mention:
    """The mention at `pos`, or without a place where there is no `pos`."""
    name, pos = item["name"], item.get("pos")
    if not pos:
        return Mention(name)
    start, end = pos
    if text[start:end] == name:
        return Mention.of(text, start, end)
    found = nearest(text, name.strip(), start)
    if found is None:
        raise ValueError(f"{name!r} is not in the sentence")
    return found


def _placed(record: Record) -> Record:
    result, issues = ground(record.gold, record.text)
    lost = [issue.message for issue in issues if issue.kind == "not-in-text"]
    if lost:
        raise DataError(f"not in the sentence: {lost[0]}", content=record.text)
    return Record(record.text, result.extraction)


_READERS: Mapping[str, Callable[[str, Json], Extraction]] = {
    "entities": _read_entities,
    "relations": _read_relations,
    "events": _read_events,
}
