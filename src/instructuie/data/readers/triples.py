"""Texts with triples of strings: `(head, relation, tail)` without places.

The strings are looked for in the text, the longest first, so that a short one is not placed inside
a long one when it also stands elsewhere; the first whole-word occurrence is taken.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, map_rows, unique
from instructuie.data.record import Record
from instructuie.data.text import open_text
from instructuie.types import Entity, Extraction, Mention, Relation, Span


def find_mentions(text: str, wanted: Iterable[str]) -> dict[str, Mention]:
    """A place in `text` for each string that occurs in it as whole words, accents aside."""
    return {string: mentions[0] for string, mentions in find_all(text, wanted).items()}


def find_all(text: str, wanted: Iterable[str]) -> dict[str, list[Mention]]:
    """Every place of each string that is not inside a longer one; if all are, the first."""
    plain = _without_accents(text)
    found: dict[str, list[Mention]] = {}
    taken: list[Span] = []
    for string in sorted({string for string in wanted if string}, key=lambda s: (-len(s), s)):
        spans = list(_whole_words(plain, _without_accents(string)))
        free = [span for span in spans if not any(span.overlaps(other) for other in taken)]
        chosen = free or spans[:1]
        if chosen:
            found[string] = [Mention.of(text, span.start, span.end) for span in chosen]
            taken += chosen
    return found


def _without_accents(text: str) -> str:
    """The same number of characters, each without its accents (`Bogotá` is also `Bogota`)."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFD", character)[0] for character in text)


def _whole_words(text: str, string: str) -> Iterator[Span]:
    start = text.find(string)
    while start >= 0:
        end = start + len(string)
        if not (text[start - 1 : start].isalnum() and string[0].isalnum()) and not (
            text[end : end + 1].isalnum() and string[-1].isalnum()
        ):
            yield Span(start, end)
        start = text.find(string, start + 1)


def read_nyt(path: Path) -> Iterator[Record]:
    """`sentText` and `relationMentions` (`em1Text`, `label`, `em2Text`); tokens parted by spaces.

    `entityMentions`, where given, type the ends of relations; the others were tagged by machine
    and are left out. A triple whose ends are not in the sentence is left out.
    """
    return map_rows(path, _nyt)


def _nyt(row: Json) -> Record:
    text = _natural(row["sentText"])
    triples = unique(
        (_natural(r["em1Text"]), str(r["label"]), _natural(r["em2Text"]))
        for r in row["relationMentions"]
    )
    ends = unique(end for head, _, tail in triples for end in (head, tail))
    places = find_mentions(text, ends)
    types = {_natural(e["text"]): str(e["label"]) for e in row.get("entityMentions", ())}
    entities = (Entity(types[end], places[end]) for end in ends if end in types and end in places)
    relations = (
        Relation(label, places[head], places[tail])
        for head, label, tail in triples
        if head in places and tail in places
    )
    return Record(text, Extraction(tuple(entities), tuple(relations)))


def _natural(spaced: str) -> str:
    return TokenText.of(spaced.split()).text


_NAMED = re.compile(r"\(\([A-Z]+: ([^()]*)\)\)")
"""What a tagger left around a name: `((NAM: Bachelor of Arts))`."""


def read_gids(path: Path) -> Iterator[Record]:
    """GIDS: tab-separated `id id entity entity relation sentence`, `_` for blanks in entities.

    Some of the sentences are tokens parted by spaces; these are joined to natural text.
    """
    lines = enumerate(open_text(path).split("\n"), start=1)
    return map_rows(path, _gids, rows=((number, line) for number, line in lines if line.strip()))


def _gids(line: Json) -> Record | None:
    _, _, head, tail, label, sentence = line.split("\t")
    text = sentence.removesuffix("\r").replace("###END###", "").strip()
    text = _NAMED.sub(r"\1", text).replace("``", '"').replace("''", '"')
    for end in sorted((head, tail), key=len, reverse=True):
        text = text.replace(end, end.replace("_", " "))
    head, tail = (" ".join(end.replace("_", " ").split()) for end in (head, tail))
    text = " ".join(text.split())
    if re.search(r" [,.](?: |$)", text):
        text, head, tail = map(_natural, (text, head, tail))
    places = find_mentions(text, (head, tail))
    if len(places) < 2:
        return None
    return Record(text, Extraction(relations=(Relation(label, places[head], places[tail]),)))
