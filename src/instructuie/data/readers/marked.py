"""Sentences with marks around the two mentions of a relation."""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, accepted, by_text, map_rows, unique
from instructuie.data.record import Record
from instructuie.data.text import open_text
from instructuie.errors import DataError
from instructuie.types import Entity, Extraction, Mention, Relation

_MARK = re.compile(r"(</?(?:e|ARG|SIG)[0-9]>)")
_SENTENCE = re.compile(r'(?P<id>\S+)\t"(?P<text>.*)"')
_LABEL = re.compile(r"(?P<label>.+?)(?P<order>\(e1,e2\)|\(e2,e1\))?")


def read_semeval(path: Path, *, tokenized: bool = False) -> Iterator[Record]:
    """SemEval-2010 Task 8: `id<TAB>"sentence"` with `<e1>` and `<e2>`, the relation a line below.

    The direction leaves the label: `Cause-Effect(e2,e1)` is `Cause-Effect` with `e2` as head.
    `tokenized`: the tokens stand apart and are joined to natural text (KBP37).
    """
    lines = open_text(path).split("\n")
    marked = (
        (number, line, lines[number] if number < len(lines) else "")
        for number, line in enumerate(lines, start=1)
        if "<e1>" in line and not line.startswith("Comment")
    )
    return accepted(marked, lambda item: _semeval(path, *item, tokenized=tokenized))


def _semeval(path: Path, number: int, line: str, below: str, *, tokenized: bool) -> Record | None:
    def error(rule: str, content: str) -> DataError:
        return DataError(rule, path=path, line=number, content=content)

    sentence = _SENTENCE.fullmatch(line.strip())
    matched = _LABEL.fullmatch(below.strip())
    if sentence is None or matched is None:
        content = line if sentence is None else below.strip()
        raise error('expected `id<TAB>"sentence"` and the relation on the next line', content)
    marks = _MARK.findall(line)
    if sorted(marks) != ["</e1>", "</e2>", "<e1>", "<e2>"] or any(
        marks.index(f"</{end}>") < marks.index(f"<{end}>") for end in ("e1", "e2")
    ):
        raise error("expected one <e1>..</e1> and one <e2>..</e2>", line)
    text, mentions = _unmark(sentence["text"].strip(), tokenized=tokenized)
    if len(mentions) < 2:  # a mention of no characters, as in a few rows of KBP37
        return None
    head, tail = ("e2", "e1") if matched["order"] == "(e2,e1)" else ("e1", "e2")
    relation = Relation(matched["label"], mentions[head], mentions[tail])
    gold = Extraction(relations=(relation,))
    return Record(text, gold, sentence["id"], f"{path.name}:{number}")


def _unmark(marked: str, *, tokenized: bool) -> tuple[str, dict[str, Mention]]:
    """The text without marks, and the marked mentions by name, empty ones left out."""
    plain = ""
    ranges: dict[str, tuple[int, int]] = {}
    for piece in _MARK.split(marked):
        if not _MARK.fullmatch(piece):
            plain += piece
        elif piece.startswith("</"):
            ranges[piece[2:-1]] = (ranges[piece[2:-1]][0], len(plain))
        else:
            ranges[piece[1:-1]] = (len(plain), len(plain))
    text = TokenText.respaced(plain) if tokenized else TokenText.of_characters(plain)
    mentions = {}
    for name, (start, end) in ranges.items():
        inside = plain[start:end]
        if inside.strip():
            start += len(inside) - len(inside.lstrip())
            mentions[name] = text.mention(start, start + len(inside.strip()))
    return text.text, mentions


def read_marked_pairs(path: Path) -> Iterator[Record]:
    """JSON rows of a `text` with `<< one >>` and `[[ another ]]` mention, and the `label` of the pair.

    Rows of one text become one record. Which end is which is not given: the head is the one that comes
    first in the text.
    """
    return by_text(map_rows(path, _marked_pair))


def _marked_pair(row: Json) -> Record:
    text = row["text"]
    marks = []
    for name, (left, right) in enumerate((("<< ", " >>"), ("[[ ", " ]]"))):
        start = text.index(left)
        marks += [(start, len(left), name), (text.index(right, start), len(right), name)]
    plain, last = "", 0
    places: tuple[list[int], list[int]] = ([], [])
    for at, length, name in sorted(marks):
        plain += text[last:at]
        places[name].append(len(plain))
        last = at + length
    plain += text[last:]
    head, tail = (Mention.of(plain, *pair) for pair in sorted(places))
    return Record(plain, Extraction(relations=(Relation(str(row["label"]), head, tail),)))


def read_causal_news(path: Path) -> Iterator[Record]:
    """Causal News Corpus: CSV whose `causal_text_w_pairs` lists copies of the sentence.

    Each copy marks one cause (`ARG0`) and one effect (`ARG1`), which become a relation
    `Cause-Effect` between entities of these labels; signals are left out.
    """
    rows = enumerate(csv.DictReader(io.StringIO(open_text(path))), start=2)
    return map_rows(path, _causal_news, rows=rows)


def _causal_news(row: Json) -> Record:
    text = TokenText.of(row["text"].split()).text
    entities, relations = [], []
    for pair in ast.literal_eval(row["causal_text_w_pairs"] or "[]"):
        copy, marked = _unmark(pair, tokenized=True)
        if copy != text:
            raise ValueError(f"the marked copy reads {copy!r}")
        cause, effect = marked["ARG0"], marked["ARG1"]
        entities += [Entity("ARG0", cause), Entity("ARG1", effect)]
        relations.append(Relation("Cause-Effect", cause, effect))
    return Record(text, Extraction(unique(entities), unique(relations)), row["index"])
