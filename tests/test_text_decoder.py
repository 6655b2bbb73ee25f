"""The calls of `Extractor` over language models: from prompts to placed, scored items."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.engines.base import Completion, Request, Token
from instructuie.errors import ConfigError, ModelError, SchemaError, TextError
from instructuie.extractor import Extractor
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Event, Extraction, Mention, Result
from tests.engines.fakes import Scripted

TEXT = "Ann met Bob in Rome. Ann left Rome."
SCHEMA = Schema.of(
    entities=["person", "town"],
    relations=["lives in"],
    events={"meet": ["who", "where"], "leave": ["who"]},
)


def extractor(*answers: str | Completion, **keywords: Any) -> Extractor:
    """One that gives these answers, one after the other."""
    left = list(answers)
    return Extractor(engine=Scripted(lambda _: left.pop(0)), **keywords)


def kinds(result: Result) -> list[str]:
    return [issue.kind for issue in result.issues]


def test_all_three_tasks_are_asked_and_put_together() -> None:
    result = extractor(
        "person: Ann; person: Bob; town: Rome; person: Ann",
        "lives in: Bob, Rome",
        "meet: met, who: Ann, who: Bob, where: Rome; leave: left, who: Ann",
    ).extract(TEXT, SCHEMA)
    assert [(e.start, e.text, e.label) for e in result.entities] == [
        (0, "Ann", "person"),
        (8, "Bob", "person"),
        (15, "Rome", "town"),
        (21, "Ann", "person"),
    ]
    (relation,) = result.relations
    assert (relation.head.start, relation.tail.start) == (8, 15)
    assert (relation.head.label, relation.tail.label) == ("person", "town")
    meet, leave = result.events
    assert [(a.role, a.start) for a in meet.arguments] == [("who", 0), ("who", 8), ("where", 15)]
    assert [(a.role, a.start) for a in leave.arguments] == [("who", 21)]
    assert result.issues == ()
    assert result.asked == {
        "NER": ("person", "town"),
        "RE": ("lives in",),
        "EE": ("meet", "leave"),
    }


def test_prompts_are_plain_and_carry_their_grammar() -> None:
    engine = Scripted(lambda _: "None")
    Extractor(engine=engine).extract(TEXT, entities=["person", "town"])
    (request,) = engine.requests
    assert request.text == request.prompt.plain()
    assert request.grammar is not None


def test_what_was_not_asked_and_what_is_not_there_is_left_out_and_said() -> None:
    result = extractor("person: Ann; planet: Rome; town: Paris; town; Person : BOB").extract(
        TEXT, entities=["person", "town"]
    )
    found = [(e.text, e.label, e.grounding) for e in result.entities]
    assert found == [("Ann", "person", "exact"), ("Bob", "person", "normalized")]
    assert sorted(kinds(result)) == ["not-in-text", "off-option", "unparsable"]
    assert "'planet' is not one of the options" in {issue.message for issue in result.issues}


def test_roles_of_other_events_are_left_out() -> None:
    result = extractor("leave: left, where: Rome, who: Ann").extract(TEXT, events=SCHEMA.events)
    assert [a.role for a in result.events[0].arguments] == ["who"]
    assert kinds(result) == ["off-option"]


def test_a_label_is_known_by_its_letters_where_only_one_has_them() -> None:
    labels = ['a "b"; {c}', "x", "X-"]
    result = extractor("a b c: Ann; x: Bob; x : Rome").extract(TEXT, entities=labels)
    assert [(e.text, e.label) for e in result.entities] == [
        ("Ann", labels[0]),
        ("Bob", "x"),
        ("Rome", "x"),
    ]
    assert kinds(extractor("?: Ann").extract(TEXT, entities=labels)) == ["off-option"]


def test_scores_are_the_products_of_the_items_tokens() -> None:
    tokens = [("person", 0.5), (":", 0.9), (" An", 0.8), ("n", 1.0), (";", 0.25), (" town", 0.5)]
    tokens += [(":", 1.0), (" Rome", 0.5), ("", 0.125)]
    said = tuple(Token(text, math.log(p)) for text, p in tokens)
    completion = Completion("".join(token.text for token in said), said)
    ann, rome = extractor(completion).extract(TEXT, entities=["person", "town"]).entities
    assert ann.score == pytest.approx(0.5 * 0.9 * 0.8)
    assert rome.score == pytest.approx(0.5 * 0.5)


def test_arguments_have_scores_of_their_own() -> None:
    tokens = [("leave: left", 0.5), (",", 1.0), (" who", 0.5), (": Ann", 0.5)]
    said = tuple(Token(text, math.log(p)) for text, p in tokens)
    completion = Completion("".join(token.text for token in said), said)
    (event,) = extractor(completion).extract(TEXT, events=SCHEMA.events).events
    assert event.score == pytest.approx(0.5)
    assert event.arguments[0].score == pytest.approx(0.25)


def test_a_threshold_leaves_out_what_scores_less() -> None:
    said = (Token("person: Ann;", math.log(0.9)), Token(" town: Rome", math.log(0.2)))
    completion = Completion("person: Ann; town: Rome", said)
    every = extractor(completion).extract(TEXT, entities=["person", "town"])
    some = extractor(completion).extract(TEXT, entities=["person", "town"], threshold=0.5)
    assert [e.text for e in every.entities] == ["Ann", "Rome"]
    assert [e.text for e in some.entities] == ["Ann"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("person: Ann; person: Bo", ["Ann"]),
        ("person: Ann; person: Bob;", ["Ann", "Bob"]),
        ("person: Ann", []),
        ('person: Ann; person: "Bob; Ev', ["Ann"]),
        ('"person": Ann; person: "', ["Ann"]),
        ("", []),
    ],
)
def test_an_answer_that_was_cut_loses_its_last_item(answer: str, found: list[str]) -> None:
    result = extractor(Completion(answer, truncated=True)).extract(TEXT, entities=["person"])
    assert [e.text for e in result.entities] == found
    assert "step-limit" in kinds(result)


def test_a_quote_that_was_cut_is_not_taken_for_words() -> None:
    completion = Completion('meet: met, who: Ann, who: "Bob, the ot', truncated=True)
    result = extractor(completion).extract(TEXT, events=SCHEMA.events)
    assert [a.text for a in result.events[0].arguments] == ["Ann"]
    assert "not-in-text" not in kinds(result)


def test_an_event_that_was_cut_loses_its_last_argument() -> None:
    completion = Completion("meet: met, who: Ann, who: B", truncated=True)
    (event,) = extractor(completion).extract(TEXT, events=SCHEMA.events).events
    assert [a.text for a in event.arguments] == ["Ann"]


def test_a_request_that_failed_is_an_issue() -> None:
    result = extractor(Completion("", error="the endpoint said no")).extract(TEXT, entities=["a"])
    assert [(i.kind, i.message) for i in result.issues] == [("no-answer", "the endpoint said no")]


def test_json_answers_are_read_in_any_format() -> None:
    answer = '{"entities": [{"label": "person", "text": "Ann"}]}'
    result = extractor(answer).extract(TEXT, entities=["person"])
    assert [e.text for e in result.entities] == ["Ann"]
    assert result.issues == ()


def test_a_text_without_words_is_not_asked_about() -> None:
    engine = Scripted(lambda _: "person: x")
    results = Extractor(engine=engine).extract_batch(["", " \n"], entities=["person"])
    assert [r.entities for r in results] == [(), ()]
    assert engine.requests == []


def copying(request: Request) -> str:
    """Every capitalised word is of the first label."""
    label = request.prompt.options[0].name
    return "; ".join(f"{label}: {word}" for word in re.findall("[A-Z]\\w+", request.prompt.text))


def test_a_long_text_is_read_in_windows_and_nothing_is_lost() -> None:
    text = " ".join(f"Ann{n} saw Bob{n} in the town." for n in range(5_500))  # 33,000 words
    engine = Scripted(copying)
    result = Extractor(engine=engine).extract(text, entities=["person"])
    assert len(result.entities) == 11_000
    assert result.windows == len(engine.requests) > 30
    assert result.issues == ()
    assert max(engine.count([r.text for r in engine.requests])) <= 512


def test_a_long_text_can_be_refused_or_cut() -> None:
    text = " ".join(f"Ann{n} saw Bob." for n in range(400))
    with pytest.raises(TextError, match=r"would be read in \d+ windows"):
        Extractor(engine=Scripted(copying)).extract(text, entities=["a"], on_overflow="error")
    cut = Extractor(engine=Scripted(copying)).extract(text, entities=["a"], on_overflow="truncate")
    assert cut.truncated


def test_five_hundred_labels_are_asked_in_groups() -> None:
    labels = [f"label {n}" for n in range(500)]
    engine = Scripted(copying)
    result = Extractor(engine=engine).extract(TEXT, entities=labels, overlap="all")
    asked = [option.name for r in engine.requests for option in r.prompt.options]
    assert asked == labels
    assert len(engine.requests) > 2
    assert max(engine.count([r.text for r in engine.requests])) <= 512
    assert {e.label for e in result.entities} <= set(labels)
    assert result.asked["NER"] == tuple(labels)


def test_a_label_that_no_prompt_can_hold_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"takes .* tokens, at most"):
        Extractor(engine=Scripted(copying, max_input_tokens=128)).extract(
            TEXT, entities={"x": "word " * 300}
        )


def test_blanks_count_as_tokens_where_an_engine_says_so() -> None:
    class Blank(Scripted):
        def count(self, texts: Any) -> list[int]:
            return [len(text) for text in texts]

    engine = Blank(lambda _: "None", max_input_tokens=600)
    Extractor(engine=engine).extract("\n" * 4_000 + "x", entities=["a"])
    Extractor(engine=engine).extract("x" + " \n" * 300 + "x", entities=["a"])
    assert max(len(r.text) for r in engine.requests) <= 700


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_batch_and_a_stream_are_single_calls(batch_size: int) -> None:
    texts = [TEXT, "", "Eve of Oslo", "x " * 700 + "Ann"]
    many = Extractor(engine=Scripted(copying), batch_size=batch_size)
    together = many.extract_batch(texts, entities=["person"])
    assert list(many.stream(iter(texts), entities=["person"])) == together
    assert [many.extract(text, entities=["person"]) for text in texts] == together


# The calls about a part of a task.


def test_spans() -> None:
    result = extractor('Ann, Bob, "Rome"').spans(TEXT, ["person", "town"])
    assert [(e.text, e.label) for e in result.entities] == [("Ann", ""), ("Bob", ""), ("Rome", "")]


def test_classify_keeps_to_the_given_places() -> None:
    second = TEXT.rindex("Ann")
    result = extractor("person: Ann; town: Rome; person: Bob").classify(
        TEXT, [(second, second + 3), (15, 19)], ["person", "town"]
    )
    assert [(e.start, e.text, e.label) for e in result.entities] == [
        (15, "Rome", "town"),
        (second, "Ann", "person"),
    ]
    assert kinds(result) == ["off-option"]


def test_equal_given_mentions_are_taken_one_after_the_other() -> None:
    second = TEXT.rindex("Ann")
    result = extractor("person: Ann; person: ann; person: Ann").classify(
        TEXT, [(0, 3), (second, second + 3)], ["person"]
    )
    assert [e.start for e in result.entities] == [0, second]
    assert kinds(result) == ["repeat"]


def test_pairs() -> None:
    (pair,) = extractor("Bob, Rome").pairs(TEXT, ["lives in"]).relations
    assert (pair.label, pair.head.text, pair.tail.text) == ("", "Bob", "Rome")


def test_classify_pairs_keeps_to_the_given_places() -> None:
    last = TEXT.rindex("Rome")
    result = extractor("lives in: Bob, Rome; lives in: Rome, Bob").classify_pairs(
        TEXT, [((8, 11), (last, last + 4))], ["lives in"]
    )
    (relation,) = result.relations
    assert (relation.head.start, relation.tail.start) == (8, last)
    assert kinds(result) == ["off-option"]


def test_triggers() -> None:
    result = extractor("meet: met; leave: left").triggers(TEXT, SCHEMA.events)
    assert [(e.label, e.trigger.text, e.arguments) for e in result.events] == [
        ("meet", "met", ()),
        ("leave", "left", ()),
    ]


def test_arguments_keep_to_the_given_event() -> None:
    result = extractor("who: Ann; what: Bob").arguments(TEXT, "leave", (25, 29), ["who"])
    (event,) = result.events
    assert (event.label, event.trigger.start) == ("leave", 25)
    assert [(a.role, a.start) for a in event.arguments] == [("who", 21)]
    assert kinds(result) == ["off-option"]


def test_many_given_items_are_asked_about_in_several_prompts() -> None:
    text = " ".join(f"Name{n}" for n in range(150))
    places = [match.span() for match in re.finditer(r"\w+", text)]

    def typed(request: Request) -> str:
        return "; ".join(f"a: {e.mention.text}" for e in request.prompt.given.entities)

    engine = Scripted(typed)
    result = Extractor(engine=engine).classify(text, places, ["a", "b"])
    assert [(e.start, e.end) for e in result.entities] == places
    assert len(engine.requests) > 1
    assert max(engine.count([r.text for r in engine.requests])) <= 512


def test_prompts_of_any_kind_are_answered_side_by_side() -> None:
    given = Extraction(events=(Event("meet", Mention.of(TEXT, 4, 7)),))
    prompts = [
        Prompt(TASKS["NER"], TEXT, SCHEMA),
        Prompt(TASKS["EEA"], TEXT, SCHEMA, given),
        Prompt(TASKS["NER"], TEXT, SCHEMA, instruction="Do it."),
    ]
    engine = Scripted(lambda r: "who: Bob" if r.prompt.task.name == "EEA" else "town: Rome")
    results = Extractor(engine=engine).answer(prompts)
    assert [len(r.entities) for r in results] == [1, 0, 1]
    assert results[1].events[0].arguments[0].text == "Bob"
    assert engine.requests[2].text.startswith("Do it.\n")


def test_render_shows_what_the_model_reads() -> None:
    rendered = extractor().render(TEXT, SCHEMA, task="RE")
    assert rendered == Prompt(TASKS["RE"], TEXT, SCHEMA).plain()
    assert "\n\n" in extractor().render(TEXT, entities=[f"label {n}" for n in range(500)])


@given(st.text(), st.text(st.sampled_from(list('AnBob metRome:;,"\\()\n')), max_size=40))
def test_whatever_a_model_writes_becomes_items_or_issues(text: str, answer: str) -> None:
    for written in (answer, f"person: {answer}", f"meet: {answer}, who: Ann"):
        completion = Completion(written)
        result = Extractor(engine=Scripted(lambda _: completion)).extract(text, SCHEMA)  # noqa: B023
        for mention in result.extraction.mentions():
            assert mention.span is not None
            assert text[mention.span.start : mention.span.end] == mention.text


def test_settings_say_what_answers_depend_on() -> None:
    settings = extractor(prompt_format="sel").settings
    assert settings == {"engine": "scripted", "prompt_format": "sel"}


def test_formats_are_for_language_models(tmp_path: Any) -> None:
    with pytest.raises(ModelError, match="is no language model"):
        Extractor(tmp_path, prompt_format="plain")
    with pytest.raises(ConfigError, match="the prompt format is 'xml'"):
        extractor(prompt_format="xml")
    with pytest.raises(ConfigError, match="needs the instruction file"):
        extractor(prompt_format="released")


@pytest.mark.parametrize("form", ["json", "sel"])
def test_other_formats_are_read_as_they_are_written(form: str) -> None:
    engine = Scripted(lambda _: "")
    told = Extraction(
        tuple(Extractor(engine=Scripted(copying)).extract(TEXT, entities=["a"]).extraction.entities)
    )
    asking = Extractor(engine=engine, prompt_format=form)
    writer = asking._decoder.format  # type: ignore[attr-defined]
    engine.say = lambda request: writer.write(request.prompt, told)
    assert asking.extract(TEXT, entities=["a"]).extraction == told
