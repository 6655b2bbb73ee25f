from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.chunking import Window, sentences, windows
from instructuie.pointer.words import split_words
from instructuie.types import Span


def cut(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Dr. Smith met Mr. Jones. They left.", ["Dr. Smith met Mr. Jones.", "They left."]),
        ("J. R. Smith wrote it. Yes.", ["J. R. Smith wrote it.", "Yes."]),
        ("It rose 3.5 percent. and fell", ["It rose 3.5 percent. and fell"]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("Title\n\nBody text", ["Title", "Body text"]),
        ("Title\n \t\nBody\ntext", ["Title", "Body\ntext"]),
        ("北京。上海！", ["北京。", "上海！"]),
        ("  Blanks.   Around.  ", ["Blanks.", "Around."]),
        ("Wait... What?! Oh", ["Wait...", "What?!", "Oh"]),
        ("", []),
        (" \n\n ", []),
        ("...", ["..."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


TEXTS = st.text(st.one_of(st.sampled_from('ab .!?"\n。”)A'), st.characters()), max_size=80)


@given(TEXTS)
def test_sentences_lie_in_order_and_cover_every_visible_character(text: str) -> None:
    spans = sentences(text)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    covered = {place for span in spans for place in range(span.start, span.end)}
    assert all(text[place].isspace() for place in range(len(text)) if place not in covered)
    for piece in cut(text):
        assert piece == piece.strip() != ""


@pytest.mark.parametrize(
    "text", ["." * 100_000, "\n" * 100_000, "\n " * 100_000, "A b. " * 40_000, "x" * 200_000 + "."]
)
def test_long_runs_take_linear_time(text: str) -> None:
    """Quadratic patterns needed minutes here."""
    assert len(sentences(text)) in (0, 1, 40_000)


LAYOUTS = st.tuples(TEXTS, st.lists(st.integers(0, 5), min_size=80, max_size=80))


def windowed(text: str, costs: list[int], budget: int, overlap: int = 1) -> list[Window]:
    words = split_words(text)
    return windows(text, words, costs[: len(words)], budget=budget, overlap=overlap)


@given(LAYOUTS, st.integers(1, 30), st.integers(0, 2))
def test_windows_cover_all_words_within_the_budget(
    layout: tuple[str, list[int]], budget: int, overlap: int
) -> None:
    text, costs = layout
    words = split_words(text)
    found = windowed(text, costs, budget, overlap)
    read: set[int] = set()
    for window in found:
        inside = [i for i, (a, b) in enumerate(words) if window.span.contains(Span(a, b))]
        touched = [i for i, (a, b) in enumerate(words) if window.span.overlaps(Span(a, b))]
        assert inside == touched, "a window cuts a word"
        assert (
            sum(costs[i] for i in inside) <= budget
            or len(inside) == 1
            or not any(costs[i] for i in inside[1:])
        )
        read.update(inside)
    assert read == set(range(len(words)))
    starts, ends = [w.span.start for w in found], [w.span.end for w in found]
    assert starts == sorted(set(starts))
    assert ends == sorted(set(ends))


@given(LAYOUTS, st.integers(1, 30), st.integers(0, 2))
def test_cores_share_out_the_text_between_the_windows(
    layout: tuple[str, list[int]], budget: int, overlap: int
) -> None:
    text, costs = layout
    found = windowed(text, costs, budget, overlap)
    for one, other in pairwise(found):
        assert one.core.end == other.core.start
    assert found[0].core.start == found[0].span.start
    assert found[-1].core.end == found[-1].span.end
    for window in found:
        inside = range(window.core.start, window.core.end)
        outside = [p for p in inside if not window.span.start <= p < window.span.end]
        assert not "".join(text[p] for p in outside).strip()


@given(TEXTS)
def test_a_text_that_fits_is_read_at_once(text: str) -> None:
    words = split_words(text)
    (window,) = windows(text, words, [2] * len(words), budget=2 * len(words))
    assert window.span == window.core
    assert text[window.span.start : window.span.end] == (text.strip() or text)


def test_windows_are_whole_sentences_that_share_one() -> None:
    text = "A b c. D e f. G h i. J k l."
    found = windowed(text, [1] * 99, 12)
    assert [text[w.span.start : w.span.end] for w in found] == [
        "A b c. D e f. G h i.",
        "G h i. J k l.",
    ]


def test_a_long_sentence_is_cut_between_words_with_shared_context() -> None:
    text = " ".join("abcdefghijklmnopqrst")
    found = windowed(text, [1] * 99, 8)
    pieces = [text[w.span.start : w.span.end].split() for w in found]
    assert all(len(piece) <= 8 for piece in pieces)
    assert all(set(one) & set(other) for one, other in pairwise(pieces))
