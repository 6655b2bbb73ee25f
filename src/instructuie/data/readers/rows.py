"""Rows of JSON, and the layouts that name mentions by their tokens or characters.

`map_rows` is shared by every reader of JSON rows: a file is one JSON list or one object per line,
told apart by its first character, and whatever is wrong with a row becomes a DataError that says
which.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from instructuie.data.record import Record
from instructuie.data.text import detokenize, open_text
from instructuie.errors import DataError
from instructuie.types import Entity, Extraction, Mention, Relation

Json = Any
Item = TypeVar("Item")
Maker = Callable[[Json], Record | None]


@dataclass(frozen=True, slots=True)
class TokenText:
    """Tokens as natural text; mentions are asked for by token range, end exclusive."""

    text: str
    offsets: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, tokens: Sequence[str]) -> TokenText:
        return cls(*detokenize(tokens))

    @classmethod
    def respaced(cls, text: str) -> TokenText:
        """A text of tokens parted by white space, made natural; every old character is a token.

        So mentions are asked for by their characters in the old text.
        """
        words = [(m.start(), m.group()) for m in re.finditer(r"\S+", text)]
        natural, places = detokenize([word for _, word in words])
        offsets = [(0, 0)] * len(text)
        for (start, word), (place, _) in zip(words, places, strict=True):
            for at in range(len(word)):
                offsets[start + at] = (place + at, place + at + 1)
        return cls(natural, offsets)

    @classmethod
    def of_characters(cls, text: str | Sequence[str]) -> TokenText:
        """A text of which every character is a token."""
        return cls("".join(text), [(at, at + 1) for at in range(len(text))])

    def mention(self, start: int, end: int) -> Mention:
        if not 0 <= start < end <= len(self.offsets):
            raise ValueError(f"tokens {start}:{end} of a text of {len(self.offsets)} tokens")
        return Mention.of(self.text, self.offsets[start][0], self.offsets[end - 1][1])


def unique(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items once each, in order of first appearance: native files repeat themselves."""
    return tuple(dict.fromkeys(items))


def load_json(path: Path) -> Json:
    """A whole file of JSON."""
    text = open_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = text[error.pos : error.pos + 60]
        raise DataError(
            f"not JSON: {error.msg}", path=path, line=error.lineno, content=place
        ) from error


def json_rows(path: Path) -> Iterator[tuple[int, Json]]:
    """Items of a JSON list, or lines of JSON, with their number (from 1)."""
    text = open_text(path)
    if text.lstrip()[:1] == "[":
        yield from enumerate(load_json(path), start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"not JSON: {error.msg}", path=path, line=number, content=line
            ) from error


_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, SyntaxError, csv.Error)
"""What reading a row of another shape than expected raises."""


def map_rows(
    path: Path, make: Maker, *, rows: Iterable[tuple[int, Json]] | None = None
) -> Iterator[Record]:
    """`make` of every row; a row it returns None for holds nothing to read."""
    number: int | None = None
    row: Json = None
    try:
        for number, row in json_rows(path) if rows is None else rows:
            record = make(row)
            if record is not None:
                name = record.id or str(number)
                yield Record(record.text, record.gold, name, f"{path.name}:{number}")
            number, row = None, None
    except _MALFORMED as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        content = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
        raise DataError(
            f"does not fit the format: {reason}", path=path, line=number, content=content
        ) from error


def read_spert(path: Path) -> Iterator[Record]:
    """SpERT: `tokens`, `entities` by token range, `relations` by position in `entities`."""
    return map_rows(path, _spert)


def _spert(row: Json) -> Record:
    tokens = TokenText.of(row["tokens"])
    entities = [
        Entity(entity["type"], tokens.mention(entity["start"], entity["end"]))
        for entity in row["entities"]
    ]
    relations = (
        Relation(
            relation["type"],
            entities[relation["head"]].mention,
            entities[relation["tail"]].mention,
        )
        for relation in row["relations"]
    )
    gold = Extraction(unique(entities), unique(relations))
    return Record(tokens.text, gold, str(row.get("orig_id", "")))


def read_instructuie(path: Path, *, tokenized: bool = False) -> Iterator[Record]:
    """InstructUIE: `sentence`, `entities` or `relations`, places as characters in `pos`.

    A `pos` that is not the place of its `name` is replaced by the nearest place that is.
    `tokenized`: the tokens stand apart and are joined to natural text.
    """
    join = TokenText.respaced if tokenized else TokenText.of_characters

    def make(row: Json) -> Record:
        text = join(row["sentence"])
        entities = [
            Entity(e["type"], _named(text, row["sentence"], e)) for e in row.get("entities", ())
        ]
        relations = []
        for relation in row.get("relations", ()):
            ends = [relation["head"], relation["tail"]]
            head, tail = (_named(text, row["sentence"], end) for end in ends)
            relations.append(Relation(relation["type"], head, tail))
            entities += [
                Entity(end["type"], mention)
                for end, mention in zip(ends, (head, tail), strict=True)
                if end.get("type", "NA") != "NA"
            ]
        return Record(text.text, Extraction(unique(entities), unique(relations)))

    return map_rows(path, make)


def _named(text: TokenText, sentence: str, item: Json) -> Mention:
    found = nearest(sentence, item["name"].strip(), item["pos"][0])
    if found is None or found.span is None:
        raise ValueError(f"{item['name']!r} is not in the sentence")
    return text.mention(found.span.start, found.span.end)


def nearest(text: str, wanted: str, start: int, *, reach: int | None = None) -> Mention | None:
    """The occurrence of `wanted` whose start is nearest to `start`, at most `reach` away."""
    if not wanted:
        return None
    if text.startswith(wanted, start) and start >= 0:
        return Mention.of(text, start, start + len(wanted))
    before = text.rfind(wanted, 0, max(start, 0) + len(wanted))
    after = text.find(wanted, max(start, 0))
    found = [place for place in (before, after) if place >= 0]
    if not found:
        return None
    best = min(found, key=lambda place: abs(place - start))
    if reach is not None and abs(best - start) > reach:
        return None
    return Mention.of(text, best, best + len(wanted))
