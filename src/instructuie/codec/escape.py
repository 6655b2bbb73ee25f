"""Reading and writing the parts of an answer sentence: labels, mentions, roles.

The delimiters `:` `,` `;` count only before white space or at the end, so `10:30`, `1,000` and
`AT&amp;T` are plain. A part is written as it is, unless it could be read otherwise in its place: it
holds a delimiter that may end it there, starts with a double quote, has blanks at an end or is
empty. Such a part is written in double quotes, with a backslash before `"` and `\\`. Hence
`location: Paris, France` costs nothing, and `born in: Ann, "Paris; France"` says what it means.

White space inside a part is left alone, newlines too: a causal model can write them, while T5, whose
vocabulary has no newline and whose tokenizer folds white space, sees a blank. Grounding finds both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from instructuie.codec.parsed import ItemPlace, Range
from instructuie.types import Issue

Item = TypeVar("Item", covariant=True)
Stops = str
"""The delimiters that may end a part; the first of them is the one that is written."""

LABEL: Stops = ":;"
"""A label comes before `:`. Where `;` is met first, the item is broken and the next one begins."""
LAST: Stops = ";"
"""The last part of an item, in which colons and commas are plain."""
LISTED: Stops = ",;"
"""A part that a comma may follow."""
ROLE: Stops = ":,;"

NOTHING = "None"
"""The answer when nothing was found (paper, section 2.2)."""

_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"\s*', re.DOTALL)
_BLANKS = re.compile(r"\s*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
"""Never written here, but language models do write `\\n` between quotes."""


def is_nothing(sentence: str) -> bool:
    """True for `None`, in any case and with or without a full stop."""
    return sentence.strip().removesuffix(".").casefold() == NOTHING.casefold()


def quote(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_part(part: str, stops: Stops) -> str:
    """`part` as it is written where one of `stops` may end it."""
    plain = part and part == part.strip() and part[0] != '"' and not _ending(stops).search(part)
    return part if plain else quote(part)


def write_fields(parts: Sequence[str], fields: Sequence[Stops]) -> str:
    """The parts of one item, each followed by its delimiter but for the last."""
    written = [write_part(part, stops) for part, stops in zip(parts, fields, strict=True)]
    return "".join(f"{text}{stops[0]} " for text, stops in zip(written, fields, strict=True))[:-2]


class PartReader:
    """Reads a sentence part by part, from left to right. Never fails: any string has parts.

    A loose reader reads one item that the strict one could not, such as `person:Ann`: delimiters
    need no white space after them, and nothing ends the item but the end.
    """

    def __init__(self, sentence: str, *, loose: bool = False, offset: int = 0) -> None:
        self.sentence, self.loose, self.offset = sentence, loose, offset
        self.at = 0
        self.end = 0
        """Where the last part ended, before its delimiter."""
        self.stop = ""
        """The delimiter that ended the last part; "" at the end of the sentence."""

    @property
    def done(self) -> bool:
        return self.at >= len(self.sentence)

    def read(self, stops: Stops) -> str | None:
        """The next part, or None where nothing is written (`""` in quotes is an empty part)."""
        ending = _ending(stops.replace(";", ""), loose=True) if self.loose else _ending(stops)
        start = _end(_BLANKS.match(self.sentence, self.at))
        if quoted := _QUOTED.match(self.sentence, start):
            after = ending.match(self.sentence, quoted.end())
            if after or quoted.end() == len(self.sentence):
                self._stop_at(after)
                return _ESCAPED.sub(_unescape, quoted[1])
        found = ending.search(self.sentence, start)
        self._stop_at(found)
        return self.sentence[start : found.start() if found else None].strip() or None

    def read_fields(self, fields: Sequence[Stops]) -> tuple[str, ...] | None:
        """One part for each field, or None when one is missing."""
        parts = []
        for number, stops in enumerate(fields, start=1):
            part = self.read(stops)
            if part is None or (number < len(fields) and self.stop != stops[0]):
                return None
            parts.append(part)
        return tuple(parts)

    def skip_item(self, ends: Stops) -> None:
        if self.stop and self.stop not in ends:
            self.read(ends)

    def range(self, start: int) -> Range:
        """From `start` to the end of the last part, as characters of the whole answer."""
        return self.offset + start, self.offset + self.end

    def _stop_at(self, found: re.Match[str] | None) -> None:
        self.stop = found[0] if found else ""
        self.end = found.start() if found else len(self.sentence)
        self.at = found.end() if found else len(self.sentence)


@dataclass(frozen=True, slots=True)
class Read(Generic[Item]):
    """An item that was read, and where."""

    item: Item
    place: ItemPlace


def read_items(
    sentence: str,
    read_item: Callable[[PartReader], Read[Item] | None],
    form: str,
    *,
    ends: Stops = LAST,
) -> tuple[list[Item], list[ItemPlace], list[Issue]]:
    """Every item that `read_item` can read, its place, and an issue for each stretch that it cannot.

    `form` says in the message what was expected; `ends` are the delimiters between items.
    """
    found: list[Read[Item]] = []
    issues: list[Issue] = []
    reader = PartReader(sentence)
    while not reader.done:
        start = reader.at
        read = read_item(reader)
        if read is None:
            reader.skip_item(ends)
            whole = sentence[start : reader.at]
            raw = whole.strip().removesuffix(";")
            if not raw.strip(" ,;"):
                continue
            offset = start + len(whole) - len(whole.lstrip())
            read = read_item(PartReader(raw, loose=True, offset=offset))
            if read is None:
                issues.append(unparsable(raw, form))
                continue
        found.append(read)
    return [read.item for read in found], [read.place for read in found], issues


def unparsable(raw: str, form: str) -> Issue:
    shown = raw if len(raw) <= 80 else raw[:77] + "..."
    return Issue("unparsable", f"cannot read {shown!r}: expected `{form}`")


@cache
def _ending(stops: Stops, *, loose: bool = False) -> re.Pattern[str]:
    if not stops:
        return re.compile(r"(?!)")
    return re.compile(f"[{stops}]" if loose else rf"[{stops}](?=\s|\Z)")


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _unescape(match: re.Match[str]) -> str:
    return _CONTROLS.get(match[1], match[1])
