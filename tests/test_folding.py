from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.folding import Folded, occurrences, within_word

WORDS = st.text(st.characters(categories=["L", "Nd"]), max_size=8)


@settings(deadline=None)
@given(st.text())
def test_letters_stand_for_ranges_of_the_text_in_order(text: str) -> None:
    folded = Folded(text)
    assert len(folded.letters) == len(folded.origins)
    assert folded.origins == sorted(folded.origins)
    assert all(0 <= start < end <= len(text) for start, end in folded.origins)


@settings(deadline=None)
@given(WORDS)
def test_composed_and_decomposed_letters_are_equal(word: str) -> None:
    forms = {Folded(normalize(form, word)).letters for form in ("NFC", "NFD")}
    assert forms == {Folded(word).letters}


@settings(deadline=None)
@given(WORDS)
def test_a_text_is_found_in_itself_as_a_whole(word: str) -> None:
    folded = Folded(word)
    expected = [(0, len(word))] if folded.letters else []
    assert list(folded.find(folded.letters)) == expected


@settings(deadline=None)
@given(st.text(st.sampled_from("ab"), max_size=9), st.text(st.sampled_from("ab"), max_size=3))
def test_every_occurrence_is_listed(text: str, part: str) -> None:
    expected = [at for at in range(len(text)) if part and text.startswith(part, at)]
    assert list(occurrences(part, text)) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("ca", "t", True),
        ("a", "1", True),
        ("cat", " ", False),
        ("cat", "'s", False),
        ("", "cat", False),
        ("cat", "", False),
        ("\u6771", "\u4eac", False),
        ("iPhone", "\u624b", False),
        ("e", "\u0301", True),
        ("\u0e17", "\u0e35", True),  # a Thai letter and its vowel sign
        ("\ud55c", "\uad6d", True),
    ],
)
def test_words_are_cut(left: str, right: str, expected: bool) -> None:
    assert within_word(left + right, len(left)) is expected
