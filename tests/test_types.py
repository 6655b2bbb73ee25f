from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.types import (
    Argument,
    ArgumentItem,
    Entity,
    EntityItem,
    Event,
    EventItem,
    Extraction,
    Issue,
    Mention,
    MentionItem,
    Relation,
    RelationItem,
    Result,
    Span,
)

spans = st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda p: Span(p[0], p[0] + p[1]))
mentions = st.builds(Mention, st.text(max_size=4), st.none() | spans)
names = st.text(min_size=1, max_size=4)
extractions = st.builds(
    Extraction,
    st.lists(st.builds(Entity, names, mentions), max_size=3).map(tuple),
    st.lists(st.builds(Relation, names, mentions, mentions), max_size=3).map(tuple),
    st.lists(
        st.builds(
            Event,
            names,
            mentions,
            st.lists(st.builds(Argument, names, mentions), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)


@given(extractions)
def test_an_extraction_survives_its_json_form(extraction: Extraction) -> None:
    assert Extraction.from_dict(json.loads(json.dumps(extraction.to_dict()))) == extraction


def test_absent_keys_mean_none() -> None:
    assert Extraction.from_dict({}) == Extraction()


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (4, 2)])
def test_a_span_is_not_empty(start: int, end: int) -> None:
    with pytest.raises(ValueError, match=f"got start={start}, end={end}"):
        Span(start, end)


@given(spans, spans)
def test_overlap_and_containment_are_those_of_sets(one: Span, other: Span) -> None:
    first, second = set(range(one.start, one.end)), set(range(other.start, other.end))
    assert one.overlaps(other) == bool(first & second) == other.overlaps(one)
    assert one.contains(other) == (second <= first)


@given(st.text(st.characters(), min_size=1), st.data())
def test_a_mention_is_the_text_at_its_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    mention = Mention.of(text, start, end)
    assert mention.span is not None
    assert text[mention.span.start : mention.span.end] == mention.text


@given(extractions)
def test_mentions_are_all_there(extraction: Extraction) -> None:
    count = len(extraction.entities) + 2 * len(extraction.relations)
    count += sum(1 + len(event.arguments) for event in extraction.events)
    assert len(list(extraction.mentions())) == count


RESULT = Result(
    "Ann hit Bob",
    (EntityItem(0, 3, "Ann", "person", 0.98765),),
    (RelationItem("knows", MentionItem(0, 3, "Ann", "person"), MentionItem(8, 11, "Bob"), 0.5),),
    (
        EventItem(
            "attack",
            MentionItem(4, 7, "hit"),
            (ArgumentItem("target", 8, 11, "Bob", 1 / 3, "normalized"),),
            0.25,
        ),
    ),
    windows=2,
    issues=(Issue("truncated", "cut"),),
)


def test_the_items_of_a_result_as_an_extraction() -> None:
    ann, hit, bob = (Mention.of(RESULT.text, a, b) for a, b in ((0, 3), (4, 7), (8, 11)))
    assert RESULT.extraction == Extraction(
        (Entity("person", ann),),
        (Relation("knows", ann, bob),),
        (Event("attack", hit, (Argument("target", bob),)),),
    )


def test_a_result_as_json() -> None:
    row = RESULT.to_dict()
    assert json.loads(json.dumps(row)) == row
    assert row["entities"] == [
        {"start": 0, "end": 3, "text": "Ann", "label": "person", "score": 0.9877}
    ]
    assert row["relations"][0]["tail"] == {"start": 8, "end": 11, "text": "Bob"}
    assert row["events"][0]["arguments"] == [
        {
            "role": "target",
            "start": 8,
            "end": 11,
            "text": "Bob",
            "score": 0.3333,
            "grounding": "normalized",
        }
    ]
    assert (row["windows"], row["truncated"]) == (2, True)
    assert row["issues"] == [{"kind": "truncated", "message": "cut"}]


def test_the_answer_sentence() -> None:
    assert RESULT.sentence("NER") == "person: Ann"


def test_a_result_without_issues_was_read_to_the_end() -> None:
    assert not Result("x").truncated
    assert not Result("x", issues=(Issue("step-limit", ""),)).truncated
