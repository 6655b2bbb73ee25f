"""Entities as a chat model is asked for them: the text in the question, strings in the answer.

The strings have no places: every occurrence is taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, by_text, json_rows, map_rows, unique
from instructuie.data.readers.triples import find_all
from instructuie.data.record import Record
from instructuie.types import Entity, Extraction

_QUESTION = re.compile(r"[Tt]ext: '(?P<text>.*?) ?'(?=[\"\n.,]|Please|$)", re.DOTALL)
_ITEM = re.compile(r"(?P<text>.+?): (?P<label>[a-z]+_[^\s;]+)(?:; ?|$)", re.DOTALL)
_NOTHING_LEFT = ("", "NA", "No entities", "No entities present", "No entities found")


def read_chat_entities(path: Path) -> Iterator[Record]:
    """Turns of `Text: '...'` and `[Answer]: entity: label; ...`; every occurrence is taken.

    An answer that does not follow its form is left out.
    """
    turns = (
        (number, (f"{number}-{place}", question["content"], answer["content"]))
        for number, row in json_rows(path)
        for place, (question, answer) in enumerate(
            zip(row["messages"][::2], row["messages"][1::2], strict=False), start=1
        )
    )
    return map_rows(path, _chat, rows=turns)


def _chat(turn: Json) -> Record | None:
    name, question, answer = turn
    asked = _QUESTION.search(question)
    answer = answer.strip().removeprefix("[Answer]:").strip()
    if asked is None or _ITEM.sub("", answer).strip() not in _NOTHING_LEFT:
        return None
    text = TokenText.of(asked["text"].split()).text
    items = _ITEM.finditer(answer)
    labels = {TokenText.of(item["text"].split()).text: item["label"] for item in items}
    found = find_all(text, labels)
    if set(found) != set(labels):
        return None
    entities = (Entity(labels[string], mention) for string in found for mention in found[string])
    return Record(text, Extraction(unique(entities)), name)


def read_asked_entities(path: Path) -> Iterator[Record]:
    """JSON rows of a text (`input`), one label asked for (`tagName`) and a list of strings (`output`).

    Rows of one text become one record. It says nothing of labels that no row asked for.
    """
    return by_text(map_rows(path, _asked))


def _asked(row: Json) -> Record:
    text, label, strings = row["input"], row["tagName"], json.loads(row["output"])
    found = find_all(text, strings)
    if missing := [string for string in strings if string not in found]:
        raise ValueError(f"{missing[0]!r} is not in the text")
    entities = (Entity(label, mention) for string in strings for mention in found[string])
    return Record(text, Extraction(unique(entities)))
