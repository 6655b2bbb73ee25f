"""The prepared file: every record of every chosen data set in one gzip-compressed JSON Lines file.

The first row is a header with the label inventory of each data set and the counts; each further row
is `{"dataset": ..., "split": ..., **record}`. It is all that training reads, so that it can travel to
another machine. Two runs over the same files write the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructuie.chunking import sentences
from instructuie.data.card import Card
from instructuie.data.load import has_files, load_records
from instructuie.data.passages import passages
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Extraction

FORMAT = "instructuie-prepared-1"
PASSAGE_WORDS = 64
_SPLIT = re.compile(r'\{"dataset": "[^"]*", "split": "([^"]*)"')
_BROKEN = (
    *(OSError, EOFError, zlib.error, StopIteration),
    *(ValueError, KeyError, TypeError, AttributeError),
)
MIN_OVERLAP_WORDS = 8
"""Sentences shorter than this are not held to be the same text when they are equal."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The labels of one data set, in the order of its card."""

    tasks: tuple[str, ...]
    entities: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    events: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared file in memory: `records[dataset][split]`."""

    inventories: Mapping[str, Inventory]
    records: Mapping[str, Mapping[str, Sequence[Record]]]
    fingerprint: str
    """SHA-256 of the uncompressed rows."""
    header: Mapping[str, Any]


def prepare(
    cards: Sequence[Card],
    root: Path,
    output: Path,
    *,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the prepared file of the given cards; returns its header.

    A training record is left out when one of its sentences also stands in a dev or test split of any
    of the cards, or anywhere in a zero-shot set: scores and zero-shot claims stay honest. Splits
    whose files are absent are named in `missing`.
    """
    records, missing = _load(cards, root, report)
    protected = _protected_sentences(cards, records)
    header: dict[str, Any] = {"format": FORMAT, "datasets": {}, "missing": missing}
    rows: list[str] = []
    for card in cards:
        splits = records.get(card.name, {})
        dropped = 0
        counts: dict[str, dict[str, int]] = {}
        kept: list[Record] = []
        for split, split_records in splits.items():
            for record in split_records:
                if (
                    card.use == "train"
                    and split == "train"
                    and not protected.isdisjoint(_sentence_keys(record.text))
                ):
                    dropped += 1
                    continue
                kept.append(record)
                row = {"dataset": card.name, "split": split, **record.to_dict()}
                rows.append(json.dumps(row, ensure_ascii=False))
                tally = counts.setdefault(split, Counter())
                tally["records"] += 1
                tally["entities"] += len(record.gold.entities)
                tally["relations"] += len(record.gold.relations)
                tally["events"] += len(record.gold.events)
        if kept:
            header["datasets"][card.name] = {
                **_inventory(card, kept),
                "use": card.use,
                "licence": card.licence,
                "redistribution": card.redistribution,
                "counts": counts,
                "overlapping": dropped,
            }
    _write(output, header, rows)
    return header


def read_prepared(path: Path, *, splits: Collection[str] | None = None) -> Prepared:
    """The whole file, or only some splits of it. Raises DataError when it is not a prepared file."""
    digest = hashlib.sha256()
    records: dict[str, dict[str, list[Record]]] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            header = json.loads(next(stream))
            if header.get("format") != FORMAT:
                raise DataError(f"expected format {FORMAT}", path=path, line=1)
            for line in stream:
                digest.update(line.encode())
                split = _SPLIT.match(line)
                if splits is not None and split is not None and split[1] not in splits:
                    continue
                row = json.loads(line)
                by_split = records.setdefault(row["dataset"], {})
                by_split.setdefault(row["split"], []).append(Record.from_dict(row))
        inventories = {
            name: Inventory(
                tuple(row["tasks"]),
                tuple(row["entities"]),
                tuple(row["relations"]),
                {label: tuple(roles) for label, roles in row["events"].items()},
            )
            for name, row in header["datasets"].items()
        }
    except _BROKEN as error:
        raise DataError(
            f"not a prepared file: {error}; write one with `instructuie data prepare`", path=path
        ) from error
    return Prepared(inventories, records, digest.hexdigest(), header)


def _load(
    cards: Sequence[Card], root: Path, report: Callable[[str], None]
) -> tuple[dict[str, dict[str, list[Record]]], list[str]]:
    records: dict[str, dict[str, list[Record]]] = {}
    missing: list[str] = []
    for card in cards:
        for split in card.splits:
            if not has_files(card, split, root):
                missing.append(f"{card.name}/{split}")
                continue
            loaded = list(load_records(card, split, root))
            if card.unit == "document":
                loaded = [p for r in loaded for p in passages(r, max_words=PASSAGE_WORDS)]
            loaded = [_deduplicate(record) for record in loaded if record.text.strip()]
            records.setdefault(card.name, {})[split] = loaded
            report(f"{card.name}/{split}: {len(loaded)} records")
    return records, missing


def _deduplicate(record: Record) -> Record:
    gold = record.gold
    return Record(
        record.text,
        Extraction(
            tuple(dict.fromkeys(gold.entities)),
            tuple(dict.fromkeys(gold.relations)),
            tuple(dict.fromkeys(gold.events)),
        ),
        record.id,
        record.source,
    )


def _protected_sentences(
    cards: Sequence[Card], records: Mapping[str, Mapping[str, Sequence[Record]]]
) -> frozenset[str]:
    protected: set[str] = set()
    for card in cards:
        for split, split_records in records.get(card.name, {}).items():
            if split != "train" or card.use == "zero-shot":
                for record in split_records:
                    protected.update(_sentence_keys(record.text))
    return frozenset(protected)


def _sentence_keys(text: str) -> Iterator[str]:
    """The sentences of a text, and the whole text, by their letters and digits alone."""
    pieces = [text[span.start : span.end] for span in sentences(text)]
    for piece in {text, *pieces}:
        words = re.findall(r"\w+", piece.lower())
        if len(words) >= MIN_OVERLAP_WORDS:
            yield "".join(words)


def _inventory(card: Card, records: Sequence[Record]) -> dict[str, Any]:
    """Labels in the card's order; the roles of each event type as the data have them."""
    seen: dict[str, Counter[str]] = {}
    for record in records:
        for event in record.gold.events:
            roles = seen.setdefault(event.label, Counter())
            roles.update(argument.role for argument in event.arguments)
    order = list(dict.fromkeys(card.labels.get("role", {}).values()))
    events = {
        label: [role for role in order if role in seen[label]]
        for label in dict.fromkeys(card.labels.get("event", {}).values())
        if label in seen
    }
    used = {e.label for r in records for e in r.gold.entities}
    related = {x.label for r in records for x in r.gold.relations}
    return {
        "tasks": list(card.tasks),
        "entities": [x for x in dict.fromkeys(card.labels.get("entity", {}).values()) if x in used],
        "relations": [
            x for x in dict.fromkeys(card.labels.get("relation", {}).values()) if x in related
        ],
        "events": events,
    }


def _write(output: Path, header: Mapping[str, Any], rows: Sequence[str]) -> None:
    """Atomically, and without a time stamp."""
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(output.name + ".part")
    with (
        partial.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=6, filename="") as packed,
        io.TextIOWrapper(packed, encoding="utf-8") as stream,
    ):
        stream.write(json.dumps(header, ensure_ascii=False) + "\n")
        stream.writelines(row + "\n" for row in rows)
    os.replace(partial, output)
