"""Sentences, and windows of whole sentences, as character ranges of a text.

Invariant: sentences and windows lie in order, and together cover every visible character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from instructuie.types import Span

# A sentence may end after . ! ? … (or their full-width forms), closing quotes or brackets, and white
# space; or at an empty line; full-width stops need no space.
_END = re.compile(
    # Lookbehind and possessive repeats: long runs of stops or empty lines take linear time.
    r"""(?<![.!?…])[.!?…]++["'”’)\]]*+(?=\s)|[。！？]+[”’」』）]*|(?=\n[^\S\n]*+\n)""",
)
_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "jr",
        "sr",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "al",
        "fig",
        "figs",
        "no",
        "nos",
        "vol",
        "dept",
        "inc",
        "ltd",
        "co",
        "corp",
        "gen",
        "gov",
        "sen",
        "rep",
        "col",
        "capt",
        "lt",
        "sgt",
        "rev",
        "hon",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sept",
        "sep",
        "oct",
        "nov",
        "dec",
        "approx",
        "ca",
        "cf",
        "eq",
        "eqs",
        "ref",
        "refs",
        "sect",
        "u.s",
        "u.k",
        "u.n",
        "a.m",
        "p.m",
        "ph.d",
    ]
)
_VISIBLE = re.compile(r"\S")
_LAST_WORD = re.compile(r"([\w.]+)\.$")


def sentences(text: str) -> list[Span]:
    """The sentences of a text, without the white space around them."""
    spans: list[Span] = []
    begin = 0
    for match in _END.finditer(text):
        if match.end() > begin and _is_boundary(text, begin, match.end()):
            _append(spans, text, begin, match.end())
            begin = match.end()
    _append(spans, text, begin, len(text))
    return spans


def _is_boundary(text: str, begin: int, end: int) -> bool:
    if text[end - 1] in "。！？”’」』）" or text[end : end + 1] == "\n":
        return True
    following = _VISIBLE.search(text, end)
    if following is None or following[0].islower():
        return False
    word = _LAST_WORD.search(text, max(begin, end - 24), end)
    if word is None:
        return True
    last = word.group(1)
    return last.lower() not in _ABBREVIATIONS and not (len(last) == 1 and last.isupper())


def _append(spans: list[Span], text: str, begin: int, end: int) -> None:
    piece = text[begin:end]
    left = begin + len(piece) - len(piece.lstrip())
    right = begin + len(piece.rstrip())
    if left < right:
        spans.append(Span(left, right))


@dataclass(frozen=True, slots=True)
class Window:
    """A range of a text that is read at once.

    Items are taken from the window in which they lie deepest: `core` are the characters for which
    this window speaks before its neighbours do; the rest is context that it shares with them.
    """

    span: Span
    core: Span


def windows(
    text: str,
    words: Sequence[tuple[int, int]],
    costs: Sequence[int],
    *,
    budget: int,
    overlap: int = 1,
) -> list[Window]:
    """Cut a text into windows of whole sentences of at most `budget` tokens each.

    `words` are character ranges and `costs` their numbers of tokens. A sentence over the budget is
    cut between words, with a quarter of the budget shared by neighbours. Consecutive windows share
    `overlap` sentences when these fit.
    """
    if not words:
        return [Window(Span(0, max(len(text), 1)), Span(0, max(len(text), 1)))]
    if sum(costs) <= budget:
        whole = Span(words[0][0], words[-1][1])
        return [Window(whole, whole)]
    pieces = _pieces(text, words, costs, budget)
    groups: list[tuple[int, int]] = []  # first and last piece of each window
    first = 0
    while first < len(pieces):
        last, total = first, pieces[first][1]
        while last + 1 < len(pieces) and total + pieces[last + 1][1] <= budget:
            last += 1
            total += pieces[last][1]
        groups.append((first, last))
        if last + 1 == len(pieces):
            break
        step = last + 1
        shared = sum(pieces[i][1] for i in range(max(first + 1, step - overlap), step))
        fits = shared + pieces[step][1] <= budget
        first = max(first + 1, step - overlap) if fits else step
    return _with_cores([Span(pieces[a][0].start, pieces[b][0].end) for a, b in groups])


def _with_cores(spans: Sequence[Span]) -> list[Window]:
    """Shared text is split in the middle between the two windows that read it."""
    borders = [spans[0].start]
    for left, right in pairwise(spans):
        borders.append(
            (max(left.start, right.start) + left.end) // 2
            if right.start < left.end
            else right.start
        )
    borders.append(spans[-1].end)
    return [
        Window(span, Span(low, max(high, low + 1)))
        for span, low, high in zip(spans, borders, borders[1:], strict=False)
    ]


def _pieces(
    text: str, words: Sequence[tuple[int, int]], costs: Sequence[int], budget: int
) -> list[tuple[Span, int]]:
    """Sentences with their cost; a sentence over the budget becomes several overlapping pieces."""
    pieces: list[tuple[Span, int]] = []
    cursor = 0
    for sentence in sentences(text):
        first = cursor
        while cursor < len(words) and words[cursor][0] < sentence.end:
            cursor += 1
        pieces += _cut(words, costs, first, cursor, budget)
    return pieces


def _cut(
    words: Sequence[tuple[int, int]], costs: Sequence[int], first: int, end: int, budget: int
) -> list[tuple[Span, int]]:
    pieces: list[tuple[Span, int]] = []
    while first < end:
        last, total = first, costs[first]
        while last + 1 < end and total + costs[last + 1] <= budget:
            last += 1
            total += costs[last]
        pieces.append((Span(words[first][0], words[last][1]), total))
        if last + 1 == end:
            break
        back, shared = last, 0
        while back > first + 1 and shared + costs[back] <= budget // 4:
            shared += costs[back]
            back -= 1
        first = back + 1
    return pieces
