from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instructuie.errors import ModelError, TextError
from instructuie.pointer.encoding import (
    SHAPES,
    Encoder,
    given_values,
    pad,
    token_of,
    with_shape,
)
from instructuie.pointer.grammar import STOP
from instructuie.pointer.words import split_words
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS, Slot
from instructuie.types import Entity, Event, Extraction, Mention, Relation, Span
from tests.tiny import MARKERS, toy_encoder

UNICODE = st.text(
    st.one_of(
        st.characters(),
        st.characters(max_codepoint=127),
        st.sampled_from("ab. \x00\u200d\u0301\ufe0f👩🏽北京ا\u0651ש\u05b8\ud800\udfff\ufffd\u00ad"),
    ),
    max_size=50,
)
SCHEMA = Schema.of(
    entities=["person", {"name": "work_of_art", "description": "a title"}],
    relations=["lives in"],
    events={"attack": ["attacker", "target"], "peace": []},
)
ENCODER = toy_encoder()


def prompt(text: str, task: str = "NER", given: Extraction | None = None) -> Prompt:
    return Prompt(TASKS[task], text, SCHEMA, given or Extraction())  # type: ignore[index]


def tokens(ids: list[int]) -> list[str]:
    return [str(ENCODER.tokenizer.id_to_token(i)) for i in ids]


def spelled(pieces: list[str]) -> str:
    return " ".join(pieces).replace(" ##", "")


@given(UNICODE)
@example("e\u0301 x\u0301")
@example("\ud800\ud800 a")
@example("👩\u200d👩\u200d👧 x")
def test_every_word_is_a_piece_of_the_text_and_points_at_its_own_tokens(text: str) -> None:
    encoded = ENCODER.encode(prompt(text))
    every = split_words(text)
    assert [word for word in every if word in set(encoded.words)] == list(encoded.words)
    dropped = set(every) - set(encoded.words)
    assert all(text[start:end].strip() for start, end in encoded.words)
    # Only what the tokenizer does not see at all may be passed over.
    assert not any(char.isascii() and char.isalnum() for s, e in dropped for char in text[s:e])
    starts, ends = encoded.starts.tolist(), encoded.ends.tolist()
    assert all(a <= b for a, b in zip(starts, ends, strict=True))
    assert all(b + 1 == a for b, a in zip(ends, starts[1:], strict=False))
    if starts:
        assert ends[-1] == len(encoded.ids) - 2
    assert encoded.ids[-1] == MARKERS.sep
    assert (encoded.shapes[: encoded.options[-1] + 1] == 0).all()
    for index, (start, end) in enumerate(encoded.words):
        assert encoded.span(index, index) == Span(start, end)


@given(st.text("aA1. -", max_size=30))
def test_the_tokens_of_a_word_spell_it(text: str) -> None:
    encoded = ENCODER.encode(prompt(text))
    pieces = tokens(encoded.ids.tolist())
    for (start, end), first, last in zip(
        encoded.words, encoded.starts.tolist(), encoded.ends.tolist(), strict=True
    ):
        assert spelled(pieces[first : last + 1]) == text[start:end].lower()


def test_the_prompt_reads_instruction_options_text() -> None:
    pieces = tokens(ENCODER.encode(prompt("Ann.")).ids.tolist())
    shown = spelled(pieces).replace("[unused1]", "[E]")
    assert shown == (
        "[CLS] find entities [SEP] [E] person [E] work of art : a title [SEP] ann . [SEP]"
    )


@pytest.mark.parametrize(
    ("task", "marker", "options", "roles"),
    [
        ("NER", MARKERS.entity, 2, ()),
        ("ET", MARKERS.entity, 2, ()),
        ("EP", MARKERS.relation, 1, ()),
        ("EET", MARKERS.event, 2, ()),
        ("EE", MARKERS.event, 2, (2, 0)),
    ],
)
def test_options_are_pointed_at_by_their_markers(
    task: str, marker: int, options: int, roles: tuple[int, ...]
) -> None:
    encoded = ENCODER.encode(prompt("Ann", task))
    assert encoded.layout.options == options
    assert encoded.layout.roles == roles
    assert (encoded.ids == marker).sum() == options
    assert (encoded.ids[encoded.options] == marker).all()
    assert (encoded.ids == MARKERS.role).sum() == sum(roles)
    for row in encoded.roles:
        assert (encoded.ids[row] == MARKERS.role).all()
    assert encoded.targets(Slot.OPTION).tolist() == encoded.options.tolist()


def test_words_of_the_text_that_look_like_markers_are_plain_words() -> None:
    encoded = ENCODER.encode(prompt("[SEP] [unused1] x"))
    assert (encoded.ids == MARKERS.sep).sum() == 3
    assert (encoded.ids == MARKERS.entity).sum() == 2


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("ann", "lower"),
        ("Ann", "title"),
        ("A", "title"),
        ("IBM", "upper"),
        ("iPhone", "mixed"),
        ("McDonald", "mixed"),
        ("B2B", "upper"),
        ("42", "digit"),
        ("4th", "lower"),
        (".", "other"),
        ("北", "other"),
        ("Ωmega", "title"),
    ],
)
def test_case_shapes(word: str, shape: str) -> None:
    encoded = ENCODER.encode(prompt(word))
    shapes = {SHAPES[shape] for shape in encoded.shapes[encoded.starts[0] : -1].tolist()}
    assert shapes == {shape}


@pytest.mark.parametrize("shape", ["lower", "upper"])
def test_a_text_can_be_shown_in_one_case(shape: str) -> None:
    encoded = ENCODER.encode(prompt("Ann sold IBM 42 iPads."))
    changed = with_shape(encoded, shape)
    plain = ENCODER.encode(prompt(getattr("Annx sold IBM 42 iPads.", shape)()))
    seen = [SHAPES[changed.shapes[start]] for start in changed.starts]
    assert seen == [SHAPES[plain.shapes[start]] for start in plain.starts]
    assert (changed.ids == encoded.ids).all()
    assert (changed.shapes[: changed.starts[0]] == 0).all()


def test_a_prompt_over_the_limit_is_refused_with_the_numbers() -> None:
    length = len(ENCODER.encode(prompt("a b c d")).ids)
    assert len(toy_encoder(max_tokens=length).encode(prompt("a b c d")).ids) == length
    with pytest.raises(TextError, match=rf"has {length} tokens .* reads {length - 1}: shorten"):
        toy_encoder(max_tokens=length - 1).encode(prompt("a b c d"))


@given(UNICODE)
def test_counts_add_up_to_the_prompt(text: str) -> None:
    asked = prompt(text)
    counts = ENCODER.count(text)
    assert len(counts) == len(split_words(text))
    assert ENCODER.head_length(asked) + sum(counts) == len(ENCODER.encode(asked).ids)


@given(UNICODE, st.data())
def test_the_words_of_a_mention_are_the_words_that_it_touches(
    text: str, data: st.DataObject
) -> None:
    encoded = ENCODER.encode(prompt(text))
    if not text:
        return
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    touched = [
        i for i, (a, b) in enumerate(encoded.words) if set(range(a, b)) & set(range(start, end))
    ]
    expected = (touched[0], touched[-1]) if touched else None
    assert encoded.words_of(Mention.of(text, start, end)) == expected


def test_a_mention_without_a_place_touches_no_word() -> None:
    assert ENCODER.encode(prompt("Ann")).words_of(Mention("Ann")) is None


def test_given_items_become_words_and_options() -> None:
    text = "Ann hit Bob . "
    ann, hit, bob = Mention.of(text, 0, 3), Mention.of(text, 4, 7), Mention.of(text, 8, 11)
    blank = Mention.of(text, 13, 14)
    for task, given_items, expected in (
        ("ET", Extraction((Entity("", bob), Entity("", blank), Entity("", ann))), [(2, 2), (0, 0)]),
        (
            "EPR",
            Extraction(relations=(Relation("", ann, bob), Relation("", ann, blank))),
            [(0, 0, 2, 2)],
        ),
        ("EEA", Extraction(events=(Event("peace", hit),)), [(1, 1, 1)]),
        ("EEA", Extraction(events=(Event("unknown", hit),)), []),
        ("EEA", Extraction(events=(Event("peace", blank),)), []),
        ("NER", Extraction((Entity("", ann),)), []),
    ):
        asked = prompt(text, task, given_items)
        assert given_values(asked, ENCODER.encode(asked)) == expected


def test_token_zero_stands_for_stop() -> None:
    encoded = ENCODER.encode(prompt("Ann hit Bob", "EE"))
    assert token_of(encoded, Slot.START, STOP) == 0
    assert token_of(encoded, Slot.TAIL_END, 2) == encoded.ends[2]
    assert token_of(encoded, Slot.ROLE, 1, 0) == encoded.roles[0][1]
    assert all(0 not in encoded.targets(slot) for slot in Slot)


@given(st.lists(UNICODE, min_size=1, max_size=4))
def test_padding_adds_nothing_but_padding(texts: list[str]) -> None:
    rows = [ENCODER.encode(prompt(text)) for text in texts]
    batch = pad(rows, pad_id=MARKERS.pad)
    assert batch.rows == tuple(rows)
    for row, encoded in enumerate(rows):
        size = len(encoded.ids)
        assert (batch.ids[row, :size] == encoded.ids).all()
        assert (batch.shapes[row, :size] == encoded.shapes).all()
        assert (batch.ids[row, size:] == MARKERS.pad).all()
        assert batch.mask[row].tolist() == [i < size for i in range(batch.ids.shape[1])]
    assert batch.mask.sum(axis=1).max() == batch.ids.shape[1]


def test_the_cache_of_words_changes_nothing() -> None:
    encoder = toy_encoder()
    first = encoder.encode(prompt("Ann and ann"))
    assert (encoder.encode(prompt("Ann and ann")).ids == first.ids).all()
    encoder._cache.update({f"filler{i}": [1] for i in range(200_001)})
    again = encoder.encode(prompt("Bob and ann"))
    assert len(encoder._cache) < 100
    assert np.array_equal(again.ids, toy_encoder().encode(prompt("Bob and ann")).ids)


def test_a_damaged_tokenizer_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        Encoder.from_file(path, MARKERS, max_tokens=99)
