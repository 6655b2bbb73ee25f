"""What to read: a text on the command line, files, or standard input, as a stream of documents."""

from __future__ import annotations

import glob
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

from instructuie.errors import DataError, TextError
from instructuie.jsonl import Row, read_text, scan_json, scan_lines, scan_rows

STDIN = "<stdin>"
ROW_SUFFIXES = (".jsonl", ".ndjson", ".json")


class InputFormat(StrEnum):
    """What a file holds: one text, a text on each line, or a JSON object for each text."""

    auto = "auto"
    text = "text"
    lines = "lines"
    jsonl = "jsonl"


@dataclass(frozen=True, slots=True)
class Document:
    """One text to read, where it came from, and what its row carries along to the output."""

    text: str
    place: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    """Bytes of input that it took."""

    @property
    def id(self) -> str:
        """The row's own `id`, else its place."""
        return str(self.fields.get("id", self.place))


@dataclass(frozen=True, slots=True)
class Inputs:
    """The documents in order, a bad one as the DataError that says why."""

    documents: Iterator[Document | DataError]
    single: bool
    """True when one text was given, not a collection of texts that may happen to hold one."""
    total: int | None
    """Bytes to be read, where that is known."""
    paths: tuple[Path, ...] = ()


def open_inputs(
    text: str | None, patterns: Sequence[str], format: InputFormat, text_key: str
) -> Inputs:
    """The documents that the command line asks for. Raises TextError or DataError."""
    if text is not None and text != "-":
        if patterns:
            raise TextError("both a text and --file are given: choose one")
        return Inputs(iter([_document(text, "", {}, len(text))]), single=True, total=None)
    if patterns and patterns != ["-"]:
        paths = find_files(patterns)
        return Inputs(
            _read_files(paths, format, text_key),
            single=len(paths) == 1 and _kind(paths[0], format) is InputFormat.text,
            total=sum(path.stat().st_size for path in paths),
            paths=tuple(paths),
        )
    if sys.stdin is None or sys.stdin.isatty():
        raise TextError(
            "nothing to read: give a text in quotes, or --file, or pipe text into the command"
        )
    stream = _peekable(sys.stdin.buffer)
    kind = _sniff(stream) if format is InputFormat.auto else format
    documents = _read(stream, STDIN, kind, text_key)
    return Inputs(documents, single=kind is InputFormat.text, total=None)


def find_files(patterns: Iterable[str]) -> list[Path]:
    """The files that paths and patterns name, each once. Raises DataError where there is none."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            raise DataError("is a folder; name its files, such as 'folder/*.txt'", path=path)
        if path.exists():
            found[path] = None
            continue
        if not glob.has_magic(pattern):
            raise DataError("no such file", path=path)
        matches = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]
        files = [match for match in matches if match.is_file()]
        if not files:
            raise DataError("no file matches this pattern", path=pattern)
        found.update(dict.fromkeys(files))
    return list(found)


def _kind(path: Path, format: InputFormat) -> InputFormat:
    if format is not InputFormat.auto:
        return format
    return InputFormat.jsonl if path.suffix.lower() in ROW_SUFFIXES else InputFormat.text


def _peekable(stream: Any) -> io.BufferedReader:
    return stream if hasattr(stream, "peek") else io.BufferedReader(stream)


def _sniff(stream: io.BufferedReader) -> InputFormat:
    """JSON Lines when the input begins like a JSON object, else one text."""
    beginning = stream.peek(4096)[:4096]
    rows = re.match(rb'(?:\xef\xbb\xbf)?\s*\{\s*["}]', beginning) is not None
    return InputFormat.jsonl if rows else InputFormat.text


def _read_files(
    paths: Sequence[Path], format: InputFormat, text_key: str
) -> Iterator[Document | DataError]:
    for path in paths:
        yield from _read(path, str(path), _kind(path, format), text_key)


def _read(
    source: Path | IO[bytes], name: str, kind: InputFormat, text_key: str
) -> Iterator[Document | DataError]:
    """The documents of one source; a source that cannot be read is itself a bad document."""
    try:
        if kind is InputFormat.text:
            text = read_text(source, name=name)
            fields = {} if name == STDIN else {"id": name}
            yield _document(text, name, fields, len(text.encode()))
        elif kind is InputFormat.lines:
            for line in scan_lines(source, name=name):
                if isinstance(line, DataError):
                    yield line
                else:
                    place = f"{name}:{line.number}"
                    yield _document(line.text, place, {"id": place}, line.size)
        else:
            whole = isinstance(source, Path) and source.suffix.lower() == ".json"
            rows = scan_json(source, name=name) if whole else scan_rows(source, name=name)
            for row in rows:
                yield row if isinstance(row, DataError) else _from_row(row, name, text_key)
    except DataError as error:
        yield error


def _from_row(row: Row, name: str, text_key: str) -> Document | DataError:
    fields = dict(row.value)
    text = fields.pop(text_key, None)
    if isinstance(text, str):
        return _document(text, f"{name}:{row.line}", fields, row.size)
    keys = ", ".join(map(repr, list(row.value)[:10])) or "none"
    problem = (
        f"the row has no key {text_key!r} (its keys: {keys}); name the right one with --text-key"
        if text_key not in row.value
        else f"the value of {text_key!r} must be a string, got {type(text).__name__}"
    )
    return DataError(problem, path=name, line=row.line)


def _document(text: str, place: str, fields: dict[str, Any], size: int) -> Document | DataError:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return DataError(
            f"the text is not valid Unicode at character {error.start} "
            f"({text[error.start]!r}): half of a pair, or a byte that is not UTF-8",
            path=place or "text",
        )
    return Document(text, place, fields, size)
