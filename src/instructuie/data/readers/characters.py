"""Entities and slots named by their characters in the text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, load_json, map_rows, unique
from instructuie.data.record import Record
from instructuie.data.text import open_text
from instructuie.types import Entity, Extraction, Mention


def read_characters(
    path: Path,
    *,
    text: str = "text",
    entities: str = "entities",
    start: str | int = "start",
    end: str | int = "end",
    label: str | int = "label",
    under: Sequence[str] = (),
    tokenized: bool = False,
    glue: Collection[str] = (),
) -> Iterator[Record]:
    """JSON rows of a text and its entities, whose keys are named by the options; `end` is exclusive.

    An entity that is a list rather than an object has its parts by number (`label = 0`). `under`:
    the keys that lead to the list of rows. `tokenized`: the tokens stand apart and are joined to
    natural text, with the `glue` of `natural_spaces`.
    """

    def make(row: Json) -> Record:
        given = row[text]
        native = (
            TokenText.respaced(given, glue=glue) if tokenized else TokenText.of_characters(given)
        )
        found = (Entity(str(e[label]), native.mention(e[start], e[end])) for e in row[entities])
        return Record(native.text, Extraction(unique(found)))

    if not under:
        return map_rows(path, make)
    return map_rows(path, make, rows=_rows_under(path, under))


def _rows_under(path: Path, keys: Sequence[str]) -> Iterator[tuple[int, Json]]:
    value = load_json(path)
    for key in keys:
        value = value[key]
    yield from enumerate(value, start=1)


def read_sgd(path: Path) -> Iterator[Record]:
    """Schema-Guided Dialogue: every turn is a record, its slots are entities."""
    return map_rows(path, _sgd, rows=_sgd_rows(path))


def _sgd_rows(path: Path) -> Iterator[tuple[int, Json]]:
    for number, dialogue in enumerate(load_json(path), start=1):
        for place, turn in enumerate(dialogue["turns"], start=1):
            yield number, (f"{number}-{place}", turn)


def _sgd(row: Json) -> Record:
    name, turn = row
    text = turn["utterance"]
    slots = (
        Entity(slot["slot"], Mention.of(text, slot["start"], slot["exclusive_end"]))
        for frame in turn["frames"]
        for slot in frame["slots"]
    )
    return Record(text, Extraction(unique(slots)), name)


_PAIR = re.compile(r"\((\d+), (\d+)\)")


def read_tasteset(path: Path) -> Iterator[Record]:
    """TASTEset: CSV of `ingredients` with entities as JSON; an entity in pieces is left out."""
    rows = enumerate(csv.DictReader(io.StringIO(open_text(path))), start=2)
    return map_rows(path, _tasteset, rows=rows)


def _tasteset(row: Json) -> Record:
    text = row["ingredients"].rstrip()
    entities = []
    for entity in json.loads(row["ingredients_entities"]):
        pairs = _PAIR.findall(entity["span"])
        if len(pairs) == 1:
            start, end = map(int, pairs[0])
            entities.append(Entity(entity["type"], Mention.of(text, start, end)))
    return Record(text, Extraction(unique(entities)))
