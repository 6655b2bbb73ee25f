"""Words: the units that the pointer decoder points at, as characters of the original text.

A word is a run of letters, digits and combining marks, or one other visible character; every
character of a script written without spaces is a word of its own. Nothing is normalised here, so an
offset is an offset of the text as the user gave it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_ASCII = re.compile(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]")
# Han, Kana, Thai, Lao, Khmer, Myanmar: written without spaces between words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_UNSPACED += "\U00020000-\U0003fffd"


@cache
def _pattern() -> re.Pattern[str]:
    """The general pattern; built on first use, since it collects the combining marks of Unicode."""
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, 0x10000)
        if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me")
    )
    single = f"[{_UNSPACED}][{marks}]*"
    run = f"(?:(?![{_UNSPACED}])[^\\W_][{marks}]*)+"
    return re.compile(f"{single}|{run}|[^\\s]")


def split_words(text: str) -> list[tuple[int, int]]:
    """The words of `text` as (start, end) characters, in order."""
    pattern = _ASCII if text.isascii() else _pattern()
    return [match.span() for match in pattern.finditer(text)]
