"""The forms in which results are written: one writer class each, all with the same three steps."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from instructuie.cli.console import Output
from instructuie.cli.inputs import Document
from instructuie.jsonl import dump
from instructuie.schema import Schema
from instructuie.types import Result


class OutputFormat(StrEnum):
    """How results are written."""

    pretty = "pretty"
    json = "json"
    jsonl = "jsonl"
    tsv = "tsv"
    html = "html"


class Writer(Protocol):
    """Writes results as they come: `begin` once, `write` for each text, `end` always."""

    def begin(self) -> None: ...

    def write(self, document: Document, result: Result) -> None: ...

    def end(self) -> None: ...


_SUFFIXES = {
    ".json": OutputFormat.json,
    ".jsonl": OutputFormat.jsonl,
    ".ndjson": OutputFormat.jsonl,
    ".tsv": OutputFormat.tsv,
    ".html": OutputFormat.html,
    ".htm": OutputFormat.html,
}


def choose_format(
    asked: OutputFormat | None, path: Path | None, *, single: bool, terminal: bool
) -> OutputFormat:
    """What was asked for; else by the file's name; else pretty on a terminal and JSON in a pipe."""
    if asked is not None:
        return asked
    if path is not None and path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    if path is None and terminal:
        return OutputFormat.pretty
    return OutputFormat.json if single else OutputFormat.jsonl


def make_writer(
    format: OutputFormat, output: Output, schema: Schema, *, single: bool, colour: bool
) -> Writer:
    """The writer of a format to an output."""
    if format is OutputFormat.pretty:
        from instructuie.cli.pretty import PrettyWriter

        return PrettyWriter(output, schema, colour=colour)
    if format is OutputFormat.html:
        return HtmlWriter(output, schema)
    if format is OutputFormat.tsv:
        return TsvWriter(output)
    return JsonWriter(output, single=single) if format is OutputFormat.json else JsonlWriter(output)


def to_row(document: Document, result: Result) -> dict[str, Any]:
    """The result as plain values, after the fields that its row carried along.

    Fields with the name of a part of the result (`entities`, ...) are replaced by it.
    """
    found = result.to_dict()
    return {**{k: v for k, v in document.fields.items() if k not in found}, **found}


class JsonlWriter:
    """JSON Lines: one object for each text."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begin(self) -> None: ...

    def write(self, document: Document, result: Result) -> None:
        self._output.write(dump(to_row(document, result)) + "\n")

    def end(self) -> None: ...


class JsonWriter:
    """One JSON value: an object for a single text, an array of objects for a collection."""

    def __init__(self, output: Output, *, single: bool) -> None:
        self._output, self._single, self._count = output, single, 0

    def begin(self) -> None:
        if not self._single:
            self._output.write("[")

    def write(self, document: Document, result: Result) -> None:
        before = "" if self._single else ",\n" if self._count else "\n"
        self._output.write(before + dump(to_row(document, result), indent=2))
        self._count += 1

    def end(self) -> None:
        if not self._single:
            self._output.write("\n]\n" if self._count else "]\n")
        elif self._count:
            self._output.write("\n")


TSV_COLUMNS = (
    "id",
    "kind",
    "label",
    "start",
    "end",
    "text",
    "score",
    "of_label",
    "of_start",
    "of_end",
    "of_text",
)
"""`kind` is entity, relation, event or argument. The `of_...` columns hold what an item belongs to:
for a relation its head (the other columns hold the tail), for an argument the event's trigger."""


class TsvWriter:
    """Tab-separated values: one line for each item; tabs and line ends in texts are escaped."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begin(self) -> None:
        self._output.write("\t".join(TSV_COLUMNS) + "\n")

    def write(self, document: Document, result: Result) -> None:
        for cells in _tsv_items(result):
            line = [document.id, *cells]
            self._output.write("\t".join(escape_cell(str(cell)) for cell in line) + "\n")

    def end(self) -> None: ...


_NOTHING = ("", "", "", "")


def _tsv_items(result: Result) -> Iterator[tuple[object, ...]]:
    for entity in result.entities:
        place = (entity.start, entity.end, entity.text)
        yield "entity", entity.label, *place, f"{entity.score:.4f}", *_NOTHING
    for relation in result.relations:
        head, tail = relation.head, relation.tail
        place = (tail.start, tail.end, tail.text)
        of = (head.label, head.start, head.end, head.text)
        yield "relation", relation.label, *place, f"{relation.score:.4f}", *of
    for event in result.events:
        trigger = (event.trigger.start, event.trigger.end, event.trigger.text)
        yield "event", event.label, *trigger, f"{event.score:.4f}", *_NOTHING
        for argument in event.arguments:
            place = (argument.start, argument.end, argument.text)
            score = f"{argument.score:.4f}"
            yield "argument", argument.role, *place, score, event.label, *trigger


_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def escape_cell(text: str) -> str:
    r"""The text on one line: `\t`, `\n`, `\r`, `\\`, and `\uXXXX` for rarer control characters."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_ESCAPES.get(c) or (_code(c) if _breaks(c) else c) for c in text)


def _breaks(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp")


def _code(character: str) -> str:
    return f"\\u{ord(character):04x}"


class HtmlWriter:
    """One HTML page that needs nothing else."""

    def __init__(self, output: Output, schema: Schema) -> None:
        from instructuie.render_html import Page

        self._output = output
        self._page = Page(labels=(*schema.entity_names, *schema.event_names))

    def begin(self) -> None:
        self._output.write(self._page.begin())

    def write(self, document: Document, result: Result) -> None:
        self._output.write(self._page.article(result, title=document.id))

    def end(self) -> None:
        self._output.write(self._page.end())
