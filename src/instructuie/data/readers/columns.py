"""Column files: one token a line with its tag or tags, a blank line after each sentence.

Covers CoNLL (IOB1, `-DOCSTART-`), tab-separated BIO, CoNLL-U-like files with comments, several tag
columns (nested entities, HIPE) and tag-first files; `read_parallel` covers sentence-a-line files.
Invariant: an invalid tag sequence is read as `conlleval` reads it, a broken line is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from instructuie.data.record import Record
from instructuie.data.rejects import refuse
from instructuie.data.text import as_written, natural_spaces, open_text, place
from instructuie.errors import DataError
from instructuie.types import Entity, Extraction, Mention

Scheme = Literal["auto", "BIO", "IOB2", "IOB1", "IO", "BIOES", "BILOU", "BMES"]
Separator = Literal["tab", "space"]

# What a prefix says of its token: it Begins an entity, is Inside one, Ends one, or is all of it.
# IOB1 differs from BIO only in when `B-` is written, which does not matter to a reader: `I-` after
# another type or outside starts an entity in both.
_BIO = {"B": "B", "I": "I"}
_PREFIXES: dict[Scheme, dict[str, str]] = {
    "BIO": _BIO,
    "IOB2": _BIO,
    "IOB1": _BIO,
    "BIOES": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "BILOU": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "BMES": {"B": "B", "M": "I", "E": "E", "S": "S"},
    "auto": {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"},
}
_OUTSIDE = frozenset(["O", "_", ""])
_SPLIT: dict[Separator | None, Callable[[str], list[str]]] = {
    # Not `str.split()`: no-break spaces and the like are part of tokens.
    None: lambda line: re.split(r"[ \t]+", line.strip(" \t")),
    "tab": lambda line: line.split("\t"),
    "space": lambda line: line.split(" "),
}


class TagError(ValueError):
    """A tag that is not one of the scheme's."""


@dataclass(slots=True)
class _Row:
    """One token's line."""

    line: int
    token: str
    tags: list[tuple[str, str]]
    """What each layer says: (O, B, I, E or S; label)."""
    flags: frozenset[str]


def read_columns(
    path: Path,
    *,
    token_column: int = 0,
    tag_column: int | Sequence[int] = -1,
    separator: Separator | None = None,
    scheme: Scheme = "auto",
    label: str = "",
    tag_pattern: str = "",
    skip_lines: int = 0,
    comment: str = "",
    docstart: str = "-DOCSTART-",
    drop: Sequence[str] = (),
    token_prefix: str = "",
    flag_column: int | None = None,
    lenient: bool = False,
    glue: Collection[str] = (),
    prefixes: Collection[str] = (),
) -> Iterator[Record]:
    """One record a sentence.

    `tag_column` may be a list, one column for each layer of nesting. `label` is the label of bare
    `B` and `I` tags; a tag that does not match `tag_pattern` counts as outside. `skip_lines` leaves
    out a header; `comment` is how comment lines begin; sentences whose first token is in `drop` are
    left out. `token_prefix` is taken off every token (`en:`). `flag_column` has HIPE's
    `NoSpaceAfter` and `EndOfSentence`. With `lenient`, a line without a token is left out, and a
    tag that is missing or is no tag counts as outside. `glue` and `prefixes` are those of
    `natural_spaces`.
    """
    columns = [tag_column] if isinstance(tag_column, int) else list(tag_column)
    split = _SPLIT[separator]

    def parse(fields: list[str], column: int) -> tuple[str, str]:
        try:
            tag = _tag(fields, column, token_column)
            known = not tag_pattern or re.fullmatch(tag_pattern, tag)
            return parse_tag(tag, scheme, label) if known else ("O", "")
        except (IndexError, TagError):
            if lenient:
                return "O", ""
            raise

    def read_row(number: int, line: str) -> _Row | None:
        fields = split(line)
        if lenient and len(fields) > token_column and not fields[token_column].strip():
            return None
        try:
            token = _token(fields[token_column], token_prefix)
            tags = [parse(fields, column) for column in columns]
            flags = fields[flag_column].split("|") if flag_column is not None else ()
        except (IndexError, TagError) as error:
            reason = str(error) if isinstance(error, TagError) else _too_short(fields)
            raise DataError(reason, path=path, line=number, content=line) from None
        return _Row(number, token, tags, frozenset(flags))

    sentences = _sentences(
        path, read_row, skip_lines=skip_lines, comment=comment, docstart=docstart
    )
    for rows in sentences:
        if rows[0].token not in drop:
            yield _record(rows, path, glue=glue, prefixes=prefixes)


def read_parallel(
    path: Path,
    *,
    tag_file: str = "seq.out",
    scheme: Scheme = "auto",
    glue: Collection[str] = (),
    prefixes: Collection[str] = (),
) -> Iterator[Record]:
    """One record a line of `path`; its tags stand on the same line of `tag_file`, next to it."""
    texts, tags = _lines(path), _lines(path.with_name(tag_file))
    if len(texts) != len(tags):
        raise DataError(f"{len(texts)} lines, but {tag_file} has {len(tags)}", path=path)
    for number, (text, tag_line) in enumerate(zip(texts, tags, strict=True), 1):
        pair = list(zip(text.split(), tag_line.split(), strict=False))
        if len(text.split()) != len(tag_line.split()):
            reason = f"{len(text.split())} tokens, but {tag_file} has {len(tag_line.split())} tags"
            refuse(DataError(reason, path=path, line=number, content=text))
            continue
        try:
            rows = [_Row(number, w, [parse_tag(t, scheme)], frozenset()) for w, t in pair]
        except TagError as error:
            refuse(DataError(str(error), path=path, line=number, content=tag_line))
            continue
        if rows:
            yield _record(rows, path, glue=glue, prefixes=prefixes)


def spans_of(tags: Iterable[tuple[str, str]]) -> list[tuple[str, int, int]]:
    """The entities (label, first token, end token) of one layer of (kind, label) tags."""
    spans: list[tuple[str, int, int]] = []
    open_label: str | None = None
    for index, (kind, label) in enumerate(tags):
        if kind in "BS" or (kind != "O" and label != open_label):
            spans.append((label, index, index + 1))
        elif kind != "O":
            spans[-1] = (label, spans[-1][1], index + 1)
        open_label = label if kind in "BI" else None
    return spans


def _sentences(
    path: Path,
    read_row: Callable[[int, str], _Row | None],
    *,
    skip_lines: int,
    comment: str,
    docstart: str,
) -> Iterator[list[_Row]]:
    rows: list[_Row] = []
    broken = False
    for number, line in enumerate(_lines(path), 1):
        if number <= skip_lines or (comment and line.startswith(comment)):
            continue
        blank = not line.strip(" \t") or (docstart and line.startswith(docstart))
        try:
            row = None if blank or broken else read_row(number, line)
        except DataError as error:
            refuse(error)
            row, rows, broken = None, [], True  # the sentence is left out, up to the blank line
        broken = broken and not blank
        if rows and (blank or (row is not None and _ended(rows[-1], row))):
            yield rows
            rows = []
        if row is not None:
            rows.append(row)
    if rows:
        yield rows


def _ended(row: _Row, following: _Row) -> bool:
    """Whether the file ends a sentence here; never inside an entity ("The En. | field")."""
    inside = any(kind in "IE" for kind, _ in following.tags)
    return "EndOfSentence" in row.flags and not inside


def _spaced(row: _Row, following: _Row) -> bool:
    """Whether a space follows; always between letters, where a scan ran two words together."""
    letters = row.token[-1].isalnum() and following.token[0].isalnum()
    return letters or "NoSpaceAfter" not in row.flags


def _record(
    rows: Sequence[_Row],
    path: Path,
    *,
    glue: Collection[str],
    prefixes: Collection[str],
) -> Record:
    tokens = [row.token for row in rows]
    spaces = natural_spaces(tokens, glue=glue, prefixes=prefixes)
    if any(row.flags for row in rows):  # the file itself says where the spaces are
        spaces = [False, *(_spaced(row, following) for row, following in pairwise(rows))]
    text, offsets = place(as_written(tokens), spaces)
    found = {
        (offsets[first][0], offsets[end - 1][1], label)
        for layer in range(len(rows[0].tags))
        for label, first, end in spans_of(row.tags[layer] for row in rows)
    }
    entities = tuple(
        Entity(label, Mention.of(text, start, end)) for start, end, label in sorted(found)
    )
    source = f"{path.name}:{rows[0].line}"
    return Record(text, Extraction(entities), source=source)


def _tag(fields: Sequence[str], column: int, token_column: int) -> str:
    if column % len(fields) == token_column:
        raise IndexError  # the only field of a line is its token, not its tag
    return fields[column].strip()


def parse_tag(tag: str, scheme: Scheme, default: str = "") -> tuple[str, str]:
    """What a tag says of its token (O, B, I, E or S), and its label."""
    if tag in _OUTSIDE:
        return "O", ""
    if scheme == "IO":
        return "I", tag.removeprefix("I-")
    prefix, _, label = tag.partition("-")
    kind = _PREFIXES[scheme].get(prefix)
    if kind is None or not (label or default):
        known = ", ".join(f"{name}-LABEL" for name in _PREFIXES[scheme])
        raise TagError(f"the tag {tag!r} is not of scheme {scheme}: expected O, {known}")
    return kind, label or default


def _token(field: str, prefix: str) -> str:
    """The token as it stands in text; raises IndexError when there is none."""
    token = field.strip().removeprefix(prefix)
    if not token:
        raise IndexError
    return token


def _too_short(fields: Sequence[str]) -> str:
    return f"{len(fields)} columns, expected a token and its tags (columns count from 0)"


def _lines(path: Path) -> list[str]:
    """Lines end with LF or CRLF only: other line breaks occur inside tokens."""
    lines = open_text(path).replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines
