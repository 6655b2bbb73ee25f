"""Relations marked with HTML in encyclopedic text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from instructuie.data.readers.rows import Json, map_rows, unique
from instructuie.data.readers.triples import find_mentions
from instructuie.data.record import Record
from instructuie.data.text import open_text
from instructuie.types import Extraction, Mention, Relation

_TAG = re.compile(r"<[^>]+>")
_CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)


def read_knowledgenet(path: Path) -> Iterator[Record]:
    """KnowledgeNet's table of facts: the facts of a passage are gathered into one record.

    A row with `-` says that the passage has no such fact and adds none.
    """
    passages: dict[tuple[str, ...], list[tuple[int, list[str]]]] = {}
    for number, line in enumerate(open_text(path).split("\n"), start=1):
        if line.startswith("<tr><td"):
            cells = _CELL.findall(line)
            passages.setdefault(tuple(cells[1:4]), []).append((number, cells))
    rows = ((facts[0][0], [cells for _, cells in facts]) for facts in passages.values())
    return map_rows(path, _knowledgenet, rows=rows)


def _knowledgenet(facts: Json) -> Record:
    document, start = facts[0][1], int(facts[0][2])
    text = html.unescape(_TAG.sub("", facts[0][9].removeprefix("<p> ").removesuffix("</p>")))
    relations = []
    for cells in facts:
        if cells[4] == "-":
            continue
        begin, end, tail_begin, tail_end = (int(cell) - start for cell in cells[4:8])
        relations.append(
            Relation(
                cells[8].strip(),
                Mention.of(text, begin, end),
                Mention.of(text, tail_begin, tail_end),
            )
        )
    return Record(text, Extraction(relations=unique(relations)), f"{document}:{start}")


_LINK = re.compile(r'<a [^>]*?relation="(?P<label>[^"]*)"[^>]*>(?P<text>.*?)</a>')


def read_culotta(path: Path) -> Iterator[Record]:
    """Wikipedia paragraphs whose links carry their relation to the person the article is about.

    The head is the person's full name, or the last word of it; a paragraph with neither is left
    out.
    """
    title = ""
    rows = []
    for number, line in enumerate(open_text(path).split("\n"), start=1):
        if line.startswith("url="):
            name = unquote(line.strip().rsplit("/", 1)[-1]).replace("_", " ")
            title = re.sub(r" \(.*\)$", "", name)
        elif line.strip():
            rows.append((number, (title, line)))
    return map_rows(path, _culotta, rows=rows)


def _culotta(row: Json) -> Record | None:
    title, line = row
    line = re.sub(r"<sup.*?</sup>", "", line)
    text, tails, position = "", [], 0
    for link in _LINK.finditer(line):
        text += _plain(line[position : link.start()])
        piece = _plain(link["text"])
        tails.append((link["label"], len(text), len(text) + len(piece)))
        text += piece
        position = link.end()
    text = (text + _plain(line[position:])).rstrip()
    names = find_mentions(text, (title, title.rsplit(" ", 1)[-1]))
    head = names.get(title) or names.get(title.rsplit(" ", 1)[-1])
    if head is None:
        return None
    relations = (Relation(label, head, Mention.of(text, *place)) for label, *place in tails)
    return Record(text, Extraction(relations=unique(relations)), title)


def _plain(marked: str) -> str:
    return html.unescape(_TAG.sub("", marked))
