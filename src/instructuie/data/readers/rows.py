"""Rows of JSON, and the layouts that name mentions by their tokens.

`map_rows` is shared by every reader of JSON rows: a file is one JSON list or one object per line,
told apart by its first character, and whatever is wrong with a row becomes a DataError that says
which.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from instructuie.data.record import Record
from instructuie.data.rejects import refuse
from instructuie.data.text import as_written, natural_spaces, open_text, place
from instructuie.errors import DataError
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

Json = Any
Item = TypeVar("Item")
Maker = Callable[[Json], Record | None]


@dataclass(frozen=True, slots=True)
class TokenText:
    """Tokens as natural text; mentions are asked for by token range, end exclusive."""

    text: str
    offsets: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, tokens: Sequence[str], *, glue: Collection[str] = ()) -> TokenText:
        """Tokens as natural text; `glue` is that of `natural_spaces`."""
        return cls(*place(as_written(tokens), natural_spaces(tokens, glue=glue)))

    @classmethod
    def respaced(cls, text: str, *, glue: Collection[str] = ()) -> TokenText:
        """A text of tokens parted by white space, made natural; every old character is a token.

        So mentions are asked for by their characters in the old text. Lines stay lines. `glue` is that
        of `natural_spaces`.
        """
        if "\n" not in text:
            return cls(*_respaced_line(text, glue))
        natural = ""
        offsets: list[tuple[int, int]] = []
        for number, line in enumerate(text.split("\n")):
            if number:
                offsets.append((len(natural) + 1, len(natural)))
                natural += "\n"
            piece, places = _respaced_line(line, glue)
            offsets += [(len(natural) + start, len(natural) + end) for start, end in places]
            natural += piece
        return cls(natural, offsets)

    @classmethod
    def of_characters(cls, text: str | Sequence[str]) -> TokenText:
        """A text of which every character is a token."""
        return cls("".join(text), [(at, at + 1) for at in range(len(text))])

    def mention(self, start: int, end: int) -> Mention:
        if not 0 <= start < end <= len(self.offsets):
            raise ValueError(f"tokens {start}:{end} of a text of {len(self.offsets)} tokens")
        return Mention.of(self.text, self.offsets[start][0], self.offsets[end - 1][1])


def _respaced_line(line: str, glue: Collection[str]) -> tuple[str, list[tuple[int, int]]]:
    """Natural text, and where each old character is in it; a blank is (next start, last end)."""
    words = list(re.finditer(r"\S+", line))
    tokens = [word.group() for word in words]
    text, places = place(as_written(tokens), natural_spaces(tokens, glue=glue))
    offsets: list[tuple[int, int]] = []
    last, filled = 0, 0
    for word, token, (start, end) in zip(words, tokens, places, strict=True):
        begin = word.start()
        if begin == filled + 1:
            offsets.append((start, last))
        elif begin > filled:
            offsets.extend([(start, last)] * (begin - filled))
        filled = begin + len(token)
        if end - start == len(token):
            offsets.extend(zip(range(start, end), range(start + 1, end + 1), strict=True))
        else:  # the token is written otherwise: each old character is the whole of it
            offsets += [(start, end)] * len(token)
        last = end
    return text, offsets + [(len(text), last)] * (len(line) - len(offsets))


def respace(record: Record, *, glue: Collection[str] = ()) -> Record:
    """A record whose text is tokens parted by white space, made natural."""
    text = TokenText.respaced(record.text, glue=glue)

    def move(mention: Mention) -> Mention:
        if mention.span is None:
            return mention
        return text.mention(mention.span.start, mention.span.end)

    gold = Extraction(
        tuple(Entity(e.label, move(e.mention)) for e in record.gold.entities),
        tuple(Relation(r.label, move(r.head), move(r.tail)) for r in record.gold.relations),
        tuple(
            Event(
                e.label,
                move(e.trigger),
                tuple(Argument(a.role, move(a.mention)) for a in e.arguments),
            )
            for e in record.gold.events
        ),
    )
    return replace(record, text=text.text, gold=gold)


def unique(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items once each, in order of first appearance: native files repeat themselves."""
    return tuple(dict.fromkeys(items))


_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, SyntaxError, csv.Error)
"""What reading a row of another shape than expected raises."""


def load_json(path: Path) -> Json:
    """A whole file of JSON."""
    return _parse(open_text(path), path)


def json_rows(path: Path) -> Iterator[tuple[int, Json]]:
    """Items of a JSON list, or lines of JSON, with their number (from 1); a bad line is refused."""
    text = open_text(path)
    if text.lstrip()[:1] == "[":
        yield from enumerate(_parse(text, path), start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _parse(line, path, number)
        except DataError as error:
            refuse(error)
            continue
        yield number, row


def _parse(text: str, path: Path, line: int = 0) -> Json:
    """The value of a whole file, or of its line `line`."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        content = text if line else text[error.pos : error.pos + 60]
        raise DataError(
            f"not JSON: {error.msg}", path=path, line=line or error.lineno, content=content
        ) from error
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep
        raise DataError(f"not JSON: {error}", path=path, line=line or 1, content=text) from error


def map_rows(
    path: Path, make: Maker, *, rows: Iterable[tuple[int, Json]] | None = None
) -> Iterator[Record]:
    """`make` of every row; a row it returns None for holds nothing to read, a bad one is refused."""
    source = iter(json_rows(path) if rows is None else rows)
    while True:
        try:
            number, row = next(source)
        except StopIteration:
            return
        except _MALFORMED as error:
            raise _misfit(path, None, None, error) from error
        try:
            record = make(row)
        except _MALFORMED as error:
            misfit = _misfit(path, number, row, error)
            misfit.__cause__ = error
            refuse(misfit)
            continue
        if record is not None:
            name = record.id or str(number)
            yield Record(record.text, record.gold, name, f"{path.name}:{number}")


def by_text(records: Iterable[Record]) -> Iterator[Record]:
    """One record for each text, with all that the records of it say, in order of first appearance."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.text, []).append(record)
    for first, *others in found.values():
        golds = [record.gold for record in (first, *others)]
        gold = Extraction(
            unique(entity for gold in golds for entity in gold.entities),
            unique(relation for gold in golds for relation in gold.relations),
            unique(event for gold in golds for event in gold.events),
        )
        yield replace(first, gold=gold)


def accepted(items: Iterable[Item], make: Callable[[Item], Record | None]) -> Iterator[Record]:
    """`make` of every item; one it returns None for holds nothing, one with a DataError is refused."""
    for item in items:
        try:
            record = make(item)
        except DataError as error:
            refuse(error)
            continue
        if record is not None:
            yield record


def _misfit(path: Path, number: int | None, row: Json, error: Exception) -> DataError:
    reason = f"no {error}" if isinstance(error, KeyError) else str(error)
    content = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str)
    return DataError(f"does not fit the format: {reason}", path=path, line=number, content=content)


def read_spert(path: Path, *, glue: Collection[str] = ()) -> Iterator[Record]:
    """SpERT: `tokens`, `entities` by token range, `relations` by position in `entities`.

    `glue` is that of `natural_spaces`."""
    return map_rows(path, partial(_spert, glue=glue))


def _spert(row: Json, *, glue: Collection[str]) -> Record:
    tokens = TokenText.of(row["tokens"], glue=glue)
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
