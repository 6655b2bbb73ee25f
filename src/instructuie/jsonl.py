"""Lines of text and JSON Lines, read and written one by one.

The `scan_...` functions yield a bad line as a DataError in its place instead of raising it, so that
the caller can report it and go on; `read_rows` raises it. Both name the file and the line.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

from instructuie.errors import DataError

MAX_LINE = 10_000_000
"""The most bytes that one line may have, unless the caller says otherwise."""

Source = str | Path | IO[bytes]
"""Where lines come from: a path, or a binary stream."""


@contextmanager
def without_cycle_collection() -> Iterator[None]:
    """For reading many rows: they hold no cycles, and looking for some in millions of objects again and
    again takes a third to a half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; `size` counts the bytes that it took in the file."""

    number: int
    text: str
    size: int


@dataclass(frozen=True, slots=True)
class Row:
    """One JSON object and the line that it stands on (in a JSON array: its place there, from 1)."""

    line: int
    value: dict[str, Any]
    size: int


def scan_lines(
    source: Source, *, name: str | None = None, limit: int = MAX_LINE
) -> Iterator[Line | DataError]:
    """The lines that are not blank, in order.

    `name` is how messages call the source, its path unless given. A line that is not UTF-8, holds a
    NUL byte or has more than `limit` bytes is yielded as a DataError. Raises DataError where the
    source cannot be read at all.
    """
    label = name or _name(source)
    with _opened(source, label) as stream:
        offset = 0
        for number, raw, size in _raw_lines(stream, limit):
            line = _decode(raw, number, size, offset, label, limit)
            offset += size
            if isinstance(line, DataError) or line.text.strip():
                yield line


def scan_rows(
    source: Source, *, name: str | None = None, limit: int = MAX_LINE
) -> Iterator[Row | DataError]:
    """The JSON object on each line; a line that is bad or no object is yielded as a DataError."""
    label = name or _name(source)
    for line in scan_lines(source, name=label, limit=limit):
        yield line if isinstance(line, DataError) else _parse(line, label)


def read_rows(
    source: Source, *, name: str | None = None, limit: int = MAX_LINE
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each line's number and JSON object. Raises DataError at the first bad line."""
    for row in scan_rows(source, name=name, limit=limit):
        if isinstance(row, DataError):
            raise row
        yield row.line, row.value


def scan_json(source: Source, *, name: str | None = None) -> Iterator[Row | DataError]:
    """The rows of a .json file: an array of objects, one object, or JSON Lines after all."""
    label = name or _name(source)
    text = read_text(source, name=label, limit=None)
    try:
        values = load(text)
    except ValueError as error:
        first, _, rest = text.lstrip().partition("\n")
        if not (rest.strip() and _is_object(first)):
            raise _bad_json(error, label, getattr(error, "lineno", None), None) from error
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield _parse(Line(number, line, len(line.encode()) + 1), label)
        return
    values = values if isinstance(values, list) else [values]
    size = len(text.encode()) // max(1, len(values))
    for number, value in enumerate(values, start=1):
        yield _row(value, Line(number, str(value), size), label)


def read_text(source: Source, *, name: str | None = None, limit: int | None = MAX_LINE) -> str:
    """The whole source as one text, line ends as they are.

    Raises DataError when it cannot be read, is not UTF-8, holds NUL bytes or exceeds `limit` bytes.
    """
    label = name or _name(source)
    with _opened(source, label) as stream:
        raw = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(raw) > limit:
        raise DataError(
            f"the text has more than {_megabytes(limit)}, the most that is read as one text; "
            "split it, or give one text per line",
            path=label,
        )
    if b"\0" in raw:
        raise DataError(
            f"NUL byte at byte {raw.index(0)}: this is not a text file; expected UTF-8 text",
            path=label,
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"not valid UTF-8 at byte {error.start} (0x{raw[error.start]:02x}); save it as UTF-8",
            path=label,
        ) from error


class RowWriter:
    """Writes one JSON object per line and flushes each, so that finished rows survive any end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    @classmethod
    def open(cls, path: str | Path, *, append: bool = False) -> RowWriter:
        """A writer to a file. Raises DataError when it cannot be opened.

        With `append`, a last line that a sudden end cut short is removed first.
        """
        path = Path(path)
        try:
            if append and path.exists():
                _mend_end(path)
            return cls(path.open("ab" if append else "wb"))
        except OSError as error:
            raise DataError(f"cannot be written: {error.strerror or error}", path=path) from error

    def write(self, row: Mapping[str, Any]) -> None:
        """Writes one row. Raises DataError when JSON has no form for a value in it (NaN)."""
        self._stream.write(dump(row).encode() + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def load(text: str) -> Any:
    """The JSON value of a text. Raises ValueError, also for NaN and for bottomless nesting."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dump(row: Mapping[str, Any], *, indent: int | None = None) -> str:
    """A row as JSON, UTF-8 readable, without characters that some readers take for line ends.

    Raises DataError when JSON has no form for a value in it (NaN, objects).
    """
    try:
        text = json.dumps(row, ensure_ascii=False, allow_nan=False, indent=indent)
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(row, ensure_ascii=True, allow_nan=False, indent=indent)
    except (TypeError, ValueError) as error:
        raise DataError(f"a row cannot be written as JSON: {error}") from error
    return text.translate(_LINE_ENDS)


_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x7F, 0x85, 0x2028, 0x2029)}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_object(line: str) -> bool:
    try:
        return isinstance(load(line), dict)
    except ValueError:
        return False


def _name(source: Source) -> str:
    if isinstance(source, str | Path):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "<stream>"


@contextmanager
def _opened(source: Source, name: str) -> Iterator[IO[bytes]]:
    if not isinstance(source, str | Path):
        yield source
        return
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(Path(source).open("rb"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"cannot be read: {reason}", path=name) from error
        yield stream


def _raw_lines(stream: IO[bytes], limit: int) -> Iterator[tuple[int, bytes, int]]:
    """Number, content and size of each line; of a line over the limit, only its first bytes."""
    number = 0
    while raw := stream.readline(limit + 2):
        number += 1
        size, part = len(raw), raw
        while not part.endswith(b"\n") and (part := stream.readline(1 << 20)):
            size += len(part)
            if len(raw) <= limit:
                raw += part
        yield number, raw.rstrip(b"\r\n"), size


def _decode(
    raw: bytes, number: int, size: int, offset: int, name: str, limit: int
) -> Line | DataError:
    if len(raw) > limit:
        return DataError(
            f"the line has {size:,} bytes; at most {_megabytes(limit)} are read: split the text",
            path=name,
            line=number,
        )
    if b"\0" in raw:
        return DataError(
            f"NUL byte at byte {raw.index(0)} of the line: not a text file, or a damaged one",
            path=name,
            line=number,
        )
    try:
        return Line(number, raw.decode("utf-8-sig" if number == 1 else "utf-8"), size)
    except UnicodeDecodeError as error:
        return DataError(
            f"not valid UTF-8 at byte {error.start} of the line, byte {offset + error.start} of "
            f"the file (0x{raw[error.start]:02x}); save it as UTF-8",
            path=name,
            line=number,
        )


def _parse(line: Line, name: str) -> Row | DataError:
    try:
        return _row(load(line.text), line, name)
    except ValueError as error:
        return _bad_json(error, name, line.number, line.text)


def _row(value: Any, line: Line, name: str) -> Row | DataError:
    if isinstance(value, dict):
        return Row(line.number, value, line.size)
    return DataError(
        'a row must be a JSON object such as {"text": "..."}',
        path=name,
        line=line.number,
        content=line.text,
    )


def _bad_json(error: ValueError, name: str, line: int | None, content: str | None) -> DataError:
    what = (
        f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else error
    )
    return DataError(f"not valid JSON: {what}", path=name, line=line, content=content)


def _megabytes(limit: int) -> str:
    return f"{limit / 1e6:g} MB ({limit:,} bytes)"


def _mend_end(path: Path) -> None:
    """Completes a last line without its end if it is JSON, else cuts it off."""
    with path.open("r+b") as stream:
        content = stream.read()
        if not content or content.endswith(b"\n"):
            return
        start = content.rfind(b"\n") + 1
        try:
            whole = isinstance(json.loads(content[start:]), dict)
        except ValueError:
            whole = False
        if whole:
            stream.write(b"\n")
        else:
            stream.truncate(start)
