"""Texts with case, white space, quotes, dashes and Unicode forms made equal, and the way back.

A folded text remembers for each of its letters which characters of the original it came from, so a
match in it is a half-open range of the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category, combining, normalize

Range = tuple[int, int]

_APOSTROPHES = "`\u00b4\u02bb\u02bc\u2018\u2019\u201a\u201b\u2032\u2035\uff07"
_QUOTES = '"\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\uff02'
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
_SELECTORS = "".join(chr(code) for code in range(0xFE00, 0xFE10))
# A double quote becomes two single ones, so that it also equals the `` and '' of treebanks.
# Turkish dotless i is an i: which i "I" is the small letter of depends on the language.
_VARIANTS = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, "''")
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_SELECTORS, "")
    | {"\u0131": "i"}
)
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]"  # Han
)


class Folded:
    """`letters` is the folded text; letter i stands for characters `origins[i]` of the original.

    With `bare`, accents and control characters are left out too, as uncased wordpieces have it.
    """

    def __init__(self, text: str, *, bare: bool = False) -> None:
        letters: list[str] = []
        self.origins: list[Range] = []
        for start, end in _segments(text):
            folded = _bare(text[start:end]) if bare else _fold(text[start:end])
            letters += folded
            self.origins += [(start, end)] * len(folded)
        kept = [at for at in range(len(letters)) if not _is_idle_blank(letters, at)]
        self.letters = "".join(letters[at] for at in kept)
        self.origins = [self.origins[at] for at in kept]

    def find(self, letters: str) -> Iterator[Range]:
        """Ranges of the original whose folded form is `letters`; half a character is never one."""
        origins = self.origins
        for first in occurrences(letters, self.letters):
            last = first + len(letters) - 1
            opens = first == 0 or origins[first - 1] != origins[first]
            closes = last == len(origins) - 1 or origins[last] != origins[last + 1]
            if opens and closes:
                yield origins[first][0], origins[last][1]


def occurrences(part: str, text: str) -> Iterator[int]:
    """Where `part` begins in `text`, overlaps included; an empty part is nowhere."""
    at = text.find(part) if part else -1
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


def within_word(text: str, at: int) -> bool:
    """True where cutting `text` before character `at` cuts a word or a letter in two.

    Scripts without spaces between words have no such words, only letters.
    """
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if category(after)[0] == "M":
        return True
    if _UNSPACED.match(before) or _UNSPACED.match(after):
        return False
    return _in_word(before) and _in_word(after)


def _segments(text: str) -> Iterator[Range]:
    """Stretches that are folded together: a letter with its combining marks, a run of blanks."""
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or not _continues(text[at - 1], text[at]):
            yield start, at
            start = at


def _continues(before: str, letter: str) -> bool:
    return combining(letter) > 0 or (letter.isspace() and before.isspace())


@lru_cache(maxsize=8192)
def _fold(segment: str) -> str:
    """NFKD rather than NFKC: it equates the same strings, and each letter can be folded alone."""
    if segment.isspace():
        return " "
    folded = normalize("NFKD", normalize("NFKD", segment.translate(_VARIANTS)).casefold())
    # Formatting characters (zero-width, direction) are invisible; the small letter of dotted I is i.
    visible = "".join(letter for letter in folded if category(letter) != "Cf")
    return visible.replace("i\u0307", "i")


@lru_cache(maxsize=8192)
def _bare(segment: str) -> str:
    seen = "".join(c for c in segment if c in "\t\n\r" or category(c)[0] != "C")
    return "".join(c for c in _fold(seen) if category(c)[0] != "M") if seen else ""


def _is_idle_blank(letters: list[str], at: int) -> bool:
    """A blank that is not between two words: detokenizers add and remove those (`a , b`, `a, b`)."""
    if letters[at] != " ":
        return False
    return not (
        0 < at < len(letters) - 1 and all(map(_in_word, (letters[at - 1], letters[at + 1])))
    )


def _in_word(letter: str) -> bool:
    return letter.isalnum() or category(letter)[0] == "M"
