from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.pointer.words import split_words


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in split_words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Steve Jobs's i-Phone 4S.", ["Steve", "Jobs", "'", "s", "i", "-", "Phone", "4S", "."]),
        ("a_b", ["a", "_", "b"]),
        ("", []),
        (" \t\n\u00a0\u3000", []),
        ("北京 is Peking", ["北", "京", "is", "Peking"]),
        ("カタ", ["カ", "タ"]),
        ("naïve cafe\u0301s", ["naïve", "cafe\u0301s"]),
        ("שָׁלוֹם עולם", ["שָׁלוֹם", "עולם"]),
        ("हिन्दी", ["हिन्दी"]),
        ("ที่", ["ที่"]),
        ("👍🏽!", ["👍", "🏽", "!"]),
        ("x\x00y", ["x", "\x00", "y"]),
        ("\ud800a", ["\ud800", "a"]),
        ("𝔘𝔫i", ["𝔘𝔫i"]),
    ],
)
def test_words_of_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(), max_size=60))
def test_words_cover_every_visible_character_once(text: str) -> None:
    spans = split_words(text)
    covered = [place for start, end in spans for place in range(start, end)]
    assert covered == [place for place, char in enumerate(text) if not char.isspace()]
    assert all(start < end for start, end in spans)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_ascii_text_has_the_same_words_beside_other_text(text: str) -> None:
    """Plain ASCII takes a faster pattern; it must not matter what else stands in a document."""
    assert words(text) == words(f"{text} é")[:-1]


@given(st.text(st.characters(), max_size=60), st.data())
def test_a_window_of_whole_words_has_the_same_words(text: str, data: st.DataObject) -> None:
    spans = split_words(text)
    if not spans:
        return
    first = data.draw(st.integers(0, len(spans) - 1))
    last = data.draw(st.integers(first, len(spans) - 1))
    start, end = spans[first][0], spans[last][1]
    moved = [(a + start, b + start) for a, b in split_words(text[start:end])]
    assert moved == spans[first : last + 1]


@given(st.text(st.characters(categories=("L", "M", "N")), max_size=20))
def test_marks_stay_with_their_letter(text: str) -> None:
    for start, end in split_words(text):
        if unicodedata.category(text[start])[0] in "LN":
            following = text[end : end + 1]
            assert (
                not following
                or unicodedata.category(following) not in ("Mn",)
                or (ord(following) > 0xFFFF)
            )
