from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.grounding import ground
from instructuie.types import (
    Argument,
    ArgumentItem,
    Entity,
    EntityItem,
    Event,
    Extraction,
    Mention,
    MentionItem,
    Relation,
    Result,
)

# Words of many scripts, whose folded forms are longer, shorter or ordered otherwise.
PIECES = st.sampled_from(
    [
        *"aAbé \t\n.,-\"'_1",
        "e\u0301",
        "q\u0323\u0307",
        "\u0307",
        "ß",
        "ẞ",
        "ﬁ",
        "İ",
        "ı",
        "I",
        "東京",
        "한",
        "\u1112\u1161\u11ab",
        "שלום",
        "مرحبا",
        "\u200f",
        "\u200d",
        "👨‍👩‍👧",
        "👍🏽",
        "🇩🇪",
        "❤️",
        "½",
        "…",
        "“",
        "``",
        "ใน",
        "\u0f73",
        "\u00a0",
    ]
)
TEXTS = st.lists(PIECES, max_size=15).map("".join) | st.text(max_size=15)
LABELS = st.sampled_from(["a", "b"])


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, Extraction]:
    """A text, and mentions of which some are from the text, some changed, some invented."""
    text = draw(TEXTS)
    places = st.integers(0, len(text))
    slices = st.tuples(places, places).map(lambda cut: text[min(cut) : max(cut)])
    words = slices | slices.map(str.upper) | slices.map(str.casefold) | TEXTS
    mentions = st.builds(Mention, words)
    arguments = st.lists(st.builds(Argument, LABELS, mentions), max_size=3).map(tuple)
    extraction = Extraction(
        tuple(draw(st.lists(st.builds(Entity, LABELS, mentions), max_size=5))),
        tuple(draw(st.lists(st.builds(Relation, LABELS, mentions, mentions), max_size=3))),
        tuple(draw(st.lists(st.builds(Event, LABELS, mentions, arguments), max_size=3))),
    )
    return text, extraction


def places(result: Result) -> Iterator[EntityItem | MentionItem | ArgumentItem]:
    yield from result.entities
    for relation in result.relations:
        yield relation.head
        yield relation.tail
    for event in result.events:
        yield event.trigger
        yield from event.arguments


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_text_at_every_item_is_its_text(case: tuple[str, Extraction]) -> None:
    text, extraction = case
    result, issues = ground(extraction, text)
    for item in places(result):
        assert 0 <= item.start < item.end <= len(text)
        assert text[item.start : item.end] == item.text
    assert {issue.kind for issue in issues} <= {"not-in-text", "repeat"}
    lost = len(extraction.entities) - len(result.entities)
    assert lost + len(extraction.relations) - len(result.relations) <= len(issues)


@settings(max_examples=100, deadline=None)
@given(TEXTS.filter(lambda text: bool(text)), st.data())
def test_what_is_in_the_text_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    result, issues = ground(Extraction((Entity("x", Mention(text[start:end])),)), text)
    assert issues == ()
    item = result.entities[0]
    # Another form of it may win: a whole word against a part of one.
    assert item.grounding == "normalized" or item.text == text[start:end]


@settings(max_examples=40, deadline=None)
@given(cases())
def test_what_is_grounded_stays_where_it_is(case: tuple[str, Extraction]) -> None:
    text, extraction = case
    once, _ = ground(extraction, text)
    again, issues = ground(once.extraction, text)
    assert again.extraction.entities == once.extraction.entities
    assert not [issue for issue in issues if issue.kind == "not-in-text"]


def spans(text: str, *mentions: str) -> list[str]:
    """Each found mention in brackets in its own copy of the text, exact in [] and other in ()."""
    result, _ = ground(Extraction(tuple(Entity("x", Mention(m)) for m in mentions)), text)
    marks = {"exact": "[]", "normalized": "()"}
    return [
        f"{text[: e.start]}{marks[e.grounding][0]}{e.text}{marks[e.grounding][1]}{text[e.end :]}"
        for e in result.entities
    ]


@pytest.mark.parametrize(
    ("text", "mention", "marked"),
    [
        ("Apple and apple", "apple", "Apple and [apple]"),
        ("APPLE pie", "apple", "(APPLE) pie"),
        ("in New\n  York now", "New York", "in (New\n  York) now"),
        ("a caf\u00e9 here", "cafe\u0301", "a (caf\u00e9) here"),
        ("a cafe\u0301 here", "CAF\u00c9", "a (cafe\u0301) here"),
        ("Gro\u00dfe Stra\u00dfe!", "STRASSE", "Gro\u00dfe (Stra\u00dfe)!"),
        ("Strasse 5", "Stra\u00dfe", "(Strasse) 5"),
        ("in \u0130stanbul", "istanbul", "in (\u0130stanbul)"),
        ("DIYARBAKIR ili", "diyarbak\u0131r", "(DIYARBAKIR) ili"),
        ("the \ufb01rst", "first", "the (\ufb01rst)"),
        ("\uff21\uff22\uff23 Inc", "ABC", "(\uff21\uff22\uff23) Inc"),
        ("the \u201cRose\u201d film", 'the "Rose"', "(the \u201cRose\u201d) film"),
        ("the \u201cRose\u201d film", "the `` Rose ''", "(the \u201cRose\u201d) film"),
        ("O\u2019Neil met", "O'Neil", "(O\u2019Neil) met"),
        ("1990\u20131995", "1990-1995", "(1990\u20131995)"),
        ("Apple , Inc .", "Apple, Inc.", "(Apple , Inc .)"),
        ("it is Jobs's", "Jobs 's", "it is (Jobs's)"),
        ("co\u00adoperate", "cooperate", "(co\u00adoperate)"),
        ("\u6771\u4eac\u90fd\u5e81", "\u90fd\u5e81", "\u6771\u4eac[\u90fd\u5e81]"),
        ("\ud55c\uad6d\uc5d0\uc11c", "\ud55c\uad6d", "[\ud55c\uad6d]\uc5d0\uc11c"),
        ("\u1112\u1161\u11ab now", "\ud55c", "(\u1112\u1161\u11ab) now"),
        (
            "\U0001f44d\U0001f3fd ok \u2764\ufe0f",
            "\u2764",
            "\U0001f44d\U0001f3fd ok [\u2764]\ufe0f",
        ),
        ("\u05d0\u05d1 \u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05d5\u05dd", None),
    ],
)
def test_mentions_are_found(text: str, mention: str, marked: str | None) -> None:
    assert spans(text, mention) == [marked or text.replace(mention, f"[{mention}]")]


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("Apple", "Google"),
        ("Apple", ""),
        ("Apple", " "),
        ("", "Apple"),
        ("caf\u00e9", "cafe"),  # half a letter
        ("wei\u00df", "WEIS"),  # half of what a letter folds to
    ],
)
def test_other_mentions_are_not(text: str, mention: str) -> None:
    result, issues = ground(Extraction((Entity("x", Mention(mention)),)), text)
    assert result.entities == ()
    assert issues[0].kind == "not-in-text"
    assert issues[0].message == f"{mention!r} is not in the text"


def test_whole_words_come_first() -> None:
    assert spans("category: a cat", "cat") == ["category: a [cat]"]
    assert spans("the USA and us", "US") == ["the USA and (us)"]
    assert spans("a category", "cat") == ["a [cat]egory"]
    assert spans("re\u0301 re", "re") == ["re\u0301 [re]"]


def test_the_nth_equal_mention_takes_the_nth_place() -> None:
    assert spans("a b a b a", "a", "a") == ["[a] b a b a", "a b [a] b a"]
    assert spans("Rome, ROME", "Rome", "Rome") == ["[Rome], ROME", "Rome, (ROME)"]


def test_a_mention_said_too_often_is_a_repeat() -> None:
    entities = tuple(Entity("x", Mention("Rome")) for _ in range(4))
    result, issues = ground(Extraction(entities), "Rome is not Rome")
    assert [e.start for e in result.entities] == [0, 12]
    assert [issue.kind for issue in issues] == ["repeat", "repeat"]


def test_two_labels_share_a_place_only_if_they_must() -> None:
    entities = (Entity("person", Mention("Paris")), Entity("city", Mention("Paris")))
    result, _ = ground(Extraction(entities), "Paris in Paris")
    assert [(e.start, e.label) for e in result.entities] == [(0, "person"), (9, "city")]
    result, issues = ground(Extraction(entities), "Paris")
    assert [(e.start, e.label) for e in result.entities] == [(0, "person"), (0, "city")]
    assert issues == ()


def test_longer_mentions_choose_first() -> None:
    assert spans("New York, York", "York", "New York") == ["[New York], York", "New York, [York]"]
    assert spans("New York", "York", "New York") == ["[New York]", "New [York]"]


ACME = "Ann left Acme. Last year Bob joined Acme in May."


def test_the_ends_of_a_relation_are_the_closest() -> None:
    relations = (
        Relation("works for", Mention("Bob"), Mention("Acme")),
        Relation("works for", Mention("Ann"), Mention("acme")),
    )
    result, issues = ground(Extraction(relations=relations), ACME)
    assert [(r.head.start, r.tail.start) for r in result.relations] == [(0, 9), (25, 36)]
    assert [r.tail.grounding for r in result.relations] == ["normalized", "exact"]
    assert issues == ()


def test_a_relation_prefers_places_of_entities() -> None:
    extraction = Extraction(
        (Entity("company", Mention("Acme")),), (Relation("r", Mention("Bob"), Mention("Acme")),)
    )
    result, _ = ground(extraction, ACME)
    assert result.relations[0].tail == MentionItem(9, 13, "Acme", "company")
    assert result.relations[0].head.label == ""


def test_a_relation_between_equal_words_takes_two_places() -> None:
    result, _ = ground(Extraction(relations=(Relation("r", Mention("x"), Mention("x")),)), "x y x")
    assert {result.relations[0].head.start, result.relations[0].tail.start} == {0, 4}


def test_a_relation_said_twice_is_kept_once() -> None:
    relation = Relation("r", Mention("Ann"), Mention("Acme"))
    result, issues = ground(Extraction(relations=(relation, relation)), ACME)
    assert len(result.relations) == 1
    assert [issue.kind for issue in issues] == ["repeat"]


def test_a_relation_without_an_end_is_left_out_and_reported() -> None:
    relations = (Relation("r", Mention("Ann"), Mention("Zed")),)
    result, issues = ground(Extraction(relations=relations), ACME)
    assert result.relations == ()
    assert [issue.message for issue in issues] == ["'Zed' is not in the text"]


def test_arguments_are_the_closest_to_their_trigger() -> None:
    joined = Event("start", Mention("joined"), (Argument("org", Mention("Acme")),))
    left = Event("end", Mention("left"), (Argument("org", Mention("Acme")),))
    result, _ = ground(Extraction(events=(joined, left)), ACME)
    assert [e.label for e in result.events] == ["end", "start"]
    assert [e.arguments[0].start for e in result.events] == [9, 36]


def test_an_argument_that_is_not_there_leaves_its_event() -> None:
    arguments = tuple(Argument("who", Mention(text)) for text in ("Zed", "Bob", "Bob"))
    result, issues = ground(Extraction(events=(Event("e", Mention("joined"), arguments),)), ACME)
    assert [a.text for a in result.events[0].arguments] == ["Bob"]
    assert [issue.kind for issue in issues] == ["not-in-text", "repeat"]


def test_an_event_without_its_trigger_is_left_out() -> None:
    event = Event("e", Mention("sued"), (Argument("who", Mention("Ann")),))
    result, issues = ground(Extraction(events=(event,)), ACME)
    assert result.events == ()
    assert len(issues) == 1


def test_one_trigger_starts_events_with_different_arguments() -> None:
    events = tuple(
        Event("e", Mention("joined"), (Argument("who", Mention(who)),)) for who in ("Ann", "Bob")
    )
    result, issues = ground(Extraction(events=events), ACME)
    assert [e.trigger.start for e in result.events] == [29, 29]
    assert issues == ()


def test_a_known_span_is_kept_and_a_wrong_one_is_mended() -> None:
    right, wrong = Mention.of(ACME, 36, 40), Mention.of("Bob joined Acme", 0, 3)
    result, _ = ground(Extraction((Entity("x", right), Entity("x", wrong))), ACME)
    assert [(e.start, e.text) for e in result.entities] == [(25, "Bob"), (36, "Acme")]


@pytest.mark.parametrize("text", ["the cat " * 10_000, "\u00e9" * 50_000])
def test_long_texts_are_grounded_in_seconds(text: str) -> None:
    entities = tuple(Entity("x", Mention(word)) for word in ("cat", "\u00e9", "The Cat") * 10)
    relation = Relation("r", Mention("cat"), Mention("the"))
    begin = time.process_time()
    ground(Extraction(entities, (relation,)), text)
    assert time.process_time() - begin < 20
