"""IE INSTRUCTIONS, the layout of InstructUIE's data: `TASK/dataset/{train,dev,test}.json + labels.json`.

The rows are those of `instructuie.data.released`; here single files and folders of one data set are
read, with a note of each item whose `pos` was not its place. A file has one task: the items of the
others go to the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from instructuie.data.convert.fitting import keep_kinds, keep_named
from instructuie.data.convert.options import Options, Task
from instructuie.data.convert.report import Kind, Report, items_of
from instructuie.data.convert.rows import (
    Json,
    Note,
    identity,
    integer,
    objects,
    read_records,
    string,
    write_rows,
)
from instructuie.data.prepared import Inventory
from instructuie.data.readers.instructuie import NOTHING, from_whole_row
from instructuie.data.record import Record
from instructuie.data.released import SPLITS, labels_of, part, to_rows
from instructuie.errors import DataError
from instructuie.types import Extraction

_KEYS = frozenset(["entities", "relations", "events"])
_KINDS: Mapping[Task, tuple[Kind, ...]] = {
    "NER": ("entity",),
    "RE": ("relation", "entity"),
    "EE": ("event",),
}


def read_ie_instructions(path: Path, options: Options, report: Report) -> Iterator[Record]:
    """One record a row of a file, or of the splits of a data set's folder."""
    for file in _files(path, options):
        yield from read_records(file, report, _make)


def _files(path: Path, options: Options) -> list[Path]:
    if not path.is_dir():
        return [path]
    wanted = [options.split] if options.split else SPLITS
    places = (path / f"{split}{suffix}" for split in wanted for suffix in (".json", ".json.gz"))
    files = [file for file in places if file.exists()]
    if not files:
        names = " or ".join(f"{split}.json" for split in wanted)
        raise DataError(f"no file {names} in this folder", path=path)
    return files


def _make(row: Json, source: str, notes: list[Note]) -> Record:
    if _KEYS.isdisjoint(row):
        raise ValueError(f"expected one of the keys {', '.join(sorted(_KEYS))}")
    text = string(row["sentence"], "the sentence")
    for kind, label, item in _items(row):
        _check(text, kind, label, item, notes)
    return replace(from_whole_row(row), id=identity(row), source=source)


def _items(row: Json) -> Iterator[tuple[Kind, str, Mapping[str, Json]]]:
    """Every named thing of a row: its kind, the key of its label, and itself."""
    for entity in objects(row.get("entities"), "entities"):
        yield "entity", "type", entity
    for relation in objects(row.get("relations"), "relations"):
        for end in (relation["head"], relation["tail"]):
            yield "relation", "", {**end, "type": relation["type"], "of": end.get("type", "NA")}
    for event in objects(row.get("events"), "events"):
        yield "event", "type", {**event, "name": event["trigger"]}
        for argument in objects(event["arguments"], "arguments"):
            yield "argument", "role", argument


def _check(text: str, kind: Kind, label: str, item: Mapping[str, Json], notes: list[Note]) -> None:
    """Raise ValueError for an item of wrong types; note one that is moved, or has no label."""
    name = string(item["name"], "a name")
    for key in (label or "type", *(("of",) if "of" in item else ())):
        string(item[key], f"the {key}")
    pos = [integer(number) for number in item.get("pos") or ()]
    if len(pos) not in (0, 2) or any(number < 0 for number in pos):
        raise ValueError(f"expected pos to be [start, end], got {pos}")
    if not pos or text[pos[0] : pos[1]] != name:
        reason = "it was not at its `pos`: the nearest place of its name is taken"
        notes.append(Note(kind, f"{name!r} {pos}", reason, "altered"))
    if label == "type" and item["type"] in NOTHING:
        notes.append(Note(kind, repr(name), f"its label is {item['type']!r}, which says none"))


def fit_ie_instructions(record: Record, options: Options, report: Report) -> Record | None:
    """The record with the items of one task; relations keep a label of each end."""
    layout = f"its {options.task} layout"
    record = keep_named(record, report, format="IE INSTRUCTIONS")
    record = keep_kinds(record, _KINDS[options.task], report, format=layout)
    for item in items_of(record.gold):
        roles = [argument.role for argument in getattr(item, "arguments", ())]
        if not {item.label, *roles}.isdisjoint(NOTHING):
            report.drop(record, item, f"{layout} reads a label NA as none")
    record = replace(record, gold=_without_nothing(record.gold))
    gold = part(options.task, record.gold)
    left = list(gold.entities)
    for entity in record.gold.entities:
        if entity in left:
            left.remove(entity)
        else:
            reason = f"{layout} has one label for each end of a relation, and no other entity"
            report.drop(record, entity, reason)
    return replace(record, gold=gold)


def _without_nothing(gold: Extraction) -> Extraction:
    return Extraction(
        tuple(e for e in gold.entities if e.label not in NOTHING),
        tuple(r for r in gold.relations if r.label not in NOTHING),
        tuple(
            e for e in gold.events if {e.label, *(a.role for a in e.arguments)}.isdisjoint(NOTHING)
        ),
    )


def write_ie_instructions(records: Iterable[Record], path: Path, options: Options) -> None:
    """A split's file, or (no suffix) a data set's folder with that split and `labels.json`."""
    if path.suffix == ".json":
        write_rows((_row(record, options) for record in records), path, array=True)
        return
    path.mkdir(parents=True)
    known = list(records)
    split = path / f"{options.split or 'train'}.json"
    write_rows((_row(record, options) for record in known), split, array=True)
    inventory = _inventory(options.task, known)
    labels = json.dumps(labels_of(options.task, inventory), ensure_ascii=False, indent=4)
    (path / "labels.json").write_text(labels + "\n", encoding="utf-8", newline="")


def _row(record: Record, options: Options) -> dict[str, Any]:
    (row,) = to_rows(options.task, record)
    return dict(row)


def _inventory(task: Task, records: Iterable[Record]) -> Inventory:
    """The labels that occur, in order of appearance."""
    entities: dict[str, None] = {}
    relations: dict[str, None] = {}
    events: dict[str, dict[str, None]] = {}
    for gold in (record.gold for record in records):
        entities.update((entity.label, None) for entity in gold.entities)
        relations.update((relation.label, None) for relation in gold.relations)
        for event in gold.events:
            roles = ((argument.role, None) for argument in event.arguments)
            events.setdefault(event.label, {}).update(roles)
    return Inventory(
        (task,), tuple(entities), tuple(relations), {e: tuple(r) for e, r in events.items()}
    )
