from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.codec import parse, verbalize
from instructuie.errors import TaskError
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation, Span

# Every character that means something in a sentence, and a few that do not.
NASTY = st.text(st.sampled_from(list(':;,()"\\ \n\t.\u00a0\x1fNonea\u00e9\u4e1c')), max_size=8)
PARTS = (
    NASTY
    | st.text(max_size=6)
    | st.sampled_from(
        ["None", "none.", " None ", "", " ", '"', '""', '"a"', "a: b", "a; b", "a, b", "x;", "\\"]
    )
)
MENTIONS = st.builds(Mention, PARTS)
EXTRACTIONS = st.builds(
    Extraction,
    st.lists(st.builds(Entity, PARTS, MENTIONS), max_size=4).map(tuple),
    st.lists(st.builds(Relation, PARTS, MENTIONS, MENTIONS), max_size=4).map(tuple),
    st.lists(
        st.builds(
            Event,
            PARTS,
            MENTIONS,
            st.lists(st.builds(Argument, PARTS, MENTIONS), max_size=3).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
)


def said(task: str, extraction: Extraction) -> Extraction:
    """What of `extraction` the answer to `task` speaks of."""
    row = TASKS[task]  # type: ignore[index]
    if row.options == "entity":
        kept = (e if row.labelled else replace(e, label="") for e in extraction.entities)
        return Extraction(entities=tuple(kept))
    if row.options == "relation":
        pairs = (r if row.labelled else replace(r, label="") for r in extraction.relations)
        return Extraction(relations=tuple(pairs))
    events = (e if row.arguments else replace(e, arguments=()) for e in extraction.events)
    return Extraction(events=tuple(events))


@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("task", [name for name in TASKS if name != "EEA"])
@given(extraction=EXTRACTIONS)
def test_parse_undoes_verbalize(task: str, extraction: Extraction) -> None:
    assert parse(task, verbalize(task, extraction)) == (said(task, extraction), ())


@settings(max_examples=60, deadline=None)
@given(extraction=EXTRACTIONS.filter(lambda e: bool(e.events)))
def test_parse_undoes_verbalize_about_a_given_event(extraction: Extraction) -> None:
    one = Extraction(events=extraction.events[:1])
    asked = Extraction(events=(replace(one.events[0], arguments=()),))
    assert parse("EEA", verbalize("EEA", one), given=asked) == (one, ())


GIVEN = Extraction(events=(Event("attack", Mention.of("they bombed it", 5, 11)),))


@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("task", TASKS)
@given(sentence=NASTY | st.text() | st.text(st.sampled_from(list('ab:;," \\')), max_size=40))
def test_any_string_is_parsed(task: str, sentence: str) -> None:
    _, issues = parse(task, sentence, given=GIVEN)
    assert {issue.kind for issue in issues} <= {"unparsable"}


@pytest.mark.parametrize("task", TASKS)
def test_any_cut_answer_is_parsed_and_keeps_the_whole_items_before_the_cut(task: str) -> None:
    extraction = Extraction(
        tuple(Entity("a: b", Mention(text)) for text in ("x; y", 'q"', "z")),
        tuple(Relation("a: b", Mention("x, y"), Mention(text)) for text in ("x; y", "z")),
        (Event("t", Mention("x, y"), (Argument("r", Mention("1, 2")),)),),
    )
    sentence = verbalize(task, extraction)
    for end in range(len(sentence)):
        parse(task, sentence[:end], given=GIVEN)


STEVE = Entity("person", Mention("Steve Jobs"))
CITY = Entity("location", Mention("Cupertino, California"))
FOUNDED = Relation("founder of", Mention("Steve Jobs"), Mention("Apple, Inc."))
BOMBED = Event(
    "attack",
    Mention("bombed"),
    (Argument("target", Mention("the bridge")), Argument("place", Mention("Mosul, Iraq"))),
)
ALL = Extraction((STEVE, CITY), (FOUNDED,), (BOMBED,))


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("NER", "person: Steve Jobs; location: Cupertino, California"),
        ("ES", 'Steve Jobs, "Cupertino, California"'),
        ("ET", "person: Steve Jobs; location: Cupertino, California"),
        ("RE", "founder of: Steve Jobs, Apple, Inc."),
        ("EP", "Steve Jobs, Apple, Inc."),
        ("EPR", "founder of: Steve Jobs, Apple, Inc."),
        ("EE", 'attack: bombed, target: the bridge, place: "Mosul, Iraq"'),
        ("EET", "attack: bombed"),
        ("EEA", "target: the bridge; place: Mosul, Iraq"),
    ],
)
def test_sentences_are_those_of_the_paper_and_plain_where_they_can_be(
    task: str, sentence: str
) -> None:
    assert verbalize(task, ALL) == sentence
    assert verbalize(task.lower(), ALL) == sentence


@pytest.mark.parametrize(
    "span", ["10:30", "1,000", "AT&amp;T", '5" nail', "C:\\x", "a (b)", "None", "New\nYork", "a: b"]
)
def test_a_span_that_cannot_be_misread_is_plain(span: str) -> None:
    assert verbalize("NER", Extraction((Entity("x", Mention(span)),))) == f"x: {span}"


@pytest.mark.parametrize(
    ("span", "written"),
    [
        ("a; b", '"a; b"'),
        ("a;", '"a;"'),
        (" a", '" a"'),
        ("", '""'),
        ('"Hey"', '"\\"Hey\\""'),
        ('"\\', '"\\"\\\\"'),
    ],
)
def test_a_span_that_could_be_misread_is_quoted(span: str, written: str) -> None:
    assert verbalize("NER", Extraction((Entity("x", Mention(span)),))) == f"x: {written}"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("sentence", ["None", " none ", "None."])
def test_none_is_nothing(task: str, sentence: str) -> None:
    expected = GIVEN if task == "EEA" else Extraction()
    assert parse(task, sentence, given=GIVEN) == (expected, ())
    assert verbalize(task, Extraction()) == "None"


def test_a_span_called_none_is_not_the_answer_none() -> None:
    extraction = Extraction((Entity("", Mention("None")),))
    assert verbalize("ES", extraction) == '"None"'
    assert parse("ES", '"None"') == (extraction, ())


@pytest.mark.parametrize("task", TASKS)
def test_an_empty_answer_is_an_issue(task: str) -> None:
    _, issues = parse(task, " ", given=GIVEN)
    assert [issue.kind for issue in issues] == ["unparsable"]


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("NER", "person:Steve Jobs; location: Cupertino, California;"),
        ("NER", ";; person: Steve Jobs ; location: Cupertino, California"),
        ("ES", 'Steve Jobs; "Cupertino, California"'),
        ("ES", 'Steve Jobs, , "Cupertino, California",'),
        ("RE", 'founder of:Steve Jobs,"Apple, Inc."'),
        ("EE", 'attack:bombed,target:the bridge,place:"Mosul, Iraq"'),
        ("EET", "attack:bombed"),
    ],
)
def test_untidy_answers_are_read_without_an_issue(task: str, sentence: str) -> None:
    extraction, issues = parse(task, sentence)
    assert extraction == said(task, ALL)
    assert issues == ()


def test_what_can_be_read_is_kept_and_the_rest_is_reported() -> None:
    extraction, issues = parse("NER", "person: Steve Jobs; blah; location: ; : x; location: Rome")
    assert [e.mention.text for e in extraction.entities] == ["Steve Jobs", "Rome"]
    assert len(issues) == 3
    assert issues[0].message == "cannot read 'blah': expected `type: span`"


def test_a_relation_without_a_tail_does_not_swallow_the_next() -> None:
    extraction, issues = parse("RE", "r: a; s: b, c")
    assert extraction == Extraction(relations=(Relation("s", Mention("b"), Mention("c")),))
    assert len(issues) == 1


def test_an_event_outlives_its_broken_argument() -> None:
    extraction, issues = parse("EE", "meet: met, who, : x, place: Rome, None; die: died")
    assert extraction.events == (
        Event("meet", Mention("met"), (Argument("place", Mention("Rome")),)),
        Event("die", Mention("died")),
    )
    assert [issue.message[:17] for issue in issues] == ["cannot read 'who'", "cannot read ': x'"]


def test_long_rubbish_is_cut_in_the_message() -> None:
    _, issues = parse("NER", "x" * 5000)
    assert len(issues[0].message) < 130


def test_eea_takes_the_given_event_with_the_place_of_its_trigger() -> None:
    extraction, _ = parse("EEA", "target: bridge", given=GIVEN)
    assert extraction.events[0].trigger.span == Span(5, 11)


@pytest.mark.parametrize("events", [(), (BOMBED, BOMBED)])
def test_eea_needs_one_given_event(events: tuple[Event, ...]) -> None:
    with pytest.raises(TaskError, match="exactly one event"):
        parse("EEA", "None", given=Extraction(events=events))


def test_eea_speaks_of_one_event() -> None:
    with pytest.raises(TaskError, match="got 2"):
        verbalize("EEA", Extraction(events=(BOMBED, BOMBED)))


def test_an_unknown_task_is_an_error() -> None:
    with pytest.raises(TaskError, match="unknown task 'RC'"):
        parse("RC", "None")
