from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.errors import DataError
from instructuie.jsonl import (
    Line,
    Row,
    RowWriter,
    dump,
    read_rows,
    read_text,
    scan_json,
    scan_lines,
    scan_rows,
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
rows = st.dictionaries(st.text(), values, max_size=4)


@given(st.lists(rows, max_size=5))
def test_what_is_written_is_read(rows: list[dict[str, Any]]) -> None:
    stream = io.BytesIO()
    writer = RowWriter(stream)
    for row in rows:
        writer.write(row)
    assert len(stream.getvalue().decode().splitlines()) == len(rows)
    stream.seek(0)
    assert list(read_rows(stream)) == list(enumerate(rows, start=1))


@given(st.binary(max_size=200))
def test_any_bytes_give_rows_or_errors_with_their_line(content: bytes) -> None:
    found = list(scan_rows(io.BytesIO(content), limit=20))
    lines = [item.line for item in found]
    assert lines == sorted(set(lines))  # type: ignore[type-var]
    assert all(isinstance(item, Row | DataError) for item in found)


def test_sizes_add_up_and_blank_lines_are_passed_over() -> None:
    content = "\ufeffone\r\n\n  \ntwo".encode()
    assert list(scan_lines(io.BytesIO(content))) == [Line(1, "one", 8), Line(4, "two", 3)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{bad", "not valid JSON: Expecting property name"),
        (b"[1]", "a row must be a JSON object"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b'{"a": "\xff"}', r"not valid UTF-8 at byte 7 of the line, byte 16 of the file \(0xff\)"),
        (b'{"a": "\0"}', "NUL byte at byte 7"),
        (b'{"a": "' + b"x" * 200_000 + b'"}', "200,010 bytes; at most 0.2 MB"),
    ],
)
def test_a_bad_line_is_named_and_the_next_is_read(bad: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 1}\n' + bad + b'\n{"n": 3}\n')
    limit = 200_000
    before, error, after = scan_rows(path, limit=limit)
    assert isinstance(error, DataError)
    assert (error.path, error.line) == (str(path), 2)
    assert f"{path}:2: " in str(error)
    assert isinstance(before, Row)
    assert isinstance(after, Row)
    assert after.value == {"n": 3}
    reader = read_rows(path, limit=limit)
    assert next(reader) == (1, {"n": 1})
    with pytest.raises(DataError, match=message):
        next(reader)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_limit_counts_the_line_without_its_end(end: bytes) -> None:
    assert isinstance(next(scan_lines(io.BytesIO(b"x" * 10 + end), limit=10)), Line)
    assert isinstance(next(scan_lines(io.BytesIO(b"x" * 11 + end), limit=10)), DataError)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: cannot be read: No such file"):
        list(scan_lines(tmp_path / "none"))
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_text(tmp_path)


def test_whole_texts(tmp_path: Path) -> None:
    assert read_text(io.BytesIO("\ufeffé\r\n".encode())) == "é\r\n"
    for content, message in [
        (b"a\0", "NUL byte at byte 1"),
        (b"a\xff", "not valid UTF-8 at byte 1"),
        (b"abcdef", "more than 5e-06 MB"),
    ]:
        with pytest.raises(DataError, match=message):
            read_text(io.BytesIO(content), limit=5)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"a": 1}, {"a": 2}]', [(1, {"a": 1}), (2, {"a": 2})]),
        (b'{\n  "a": 1\n}\n', [(1, {"a": 1})]),
        (b'{"a": 1}\n\n{"a": 2}\n', [(1, {"a": 1}), (3, {"a": 2})]),
        (b"[]", []),
    ],
)
def test_json_files(content: bytes, expected: list[Any]) -> None:
    found = [row for row in scan_json(io.BytesIO(content)) if isinstance(row, Row)]
    assert [(row.line, row.value) for row in found] == expected


def test_bad_json_files() -> None:
    with pytest.raises(DataError, match=r"<stream>:2: not valid JSON"):
        list(scan_json(io.BytesIO(b'[{"a": 1},\n{"b" 2}]')))
    first, second = scan_json(io.BytesIO(b'[{"a": 1}, 2]'))
    assert isinstance(first, Row)
    assert isinstance(second, DataError)
    assert second.line == 2


@pytest.mark.parametrize(
    ("left", "kept"),
    [
        (b'{"n": 1}\n{"n', [1, 9]),
        (b'{"n": 1}\n{"n": 2}', [1, 2, 9]),
        (b'{"n": 1}\n', [1, 9]),
        (b'{"n', [9]),
        (b"", [9]),
    ],
)
def test_appending_mends_a_line_cut_short(left: bytes, kept: list[int], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(left)
    with RowWriter.open(path, append=True) as writer:
        writer.write({"n": 9})
        assert [row["n"] for _, row in read_rows(path)] == kept  # flushed before it is closed


def test_a_new_file_replaces_the_old(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"old\n")
    with RowWriter.open(path) as writer:
        writer.write({"é": 1})
    assert path.read_bytes() == '{"é": 1}\n'.encode()
    with pytest.raises(DataError, match="cannot be written"):
        RowWriter.open(tmp_path / "no" / "folder")


def test_values_that_json_lacks() -> None:
    for value in (float("nan"), object()):
        with pytest.raises(DataError, match="cannot be written as JSON"):
            dump({"a": value})
    assert json.loads(dump({"a": "\ud83d"})) == {"a": "\ud83d"}
