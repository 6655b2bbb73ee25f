from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.codec.json_answer import answer_schema, looks_like_json, read_json, write_json
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

TEXT = 'Ann hit "Bob; Eve"\nin {Rome}.'
SCHEMA = Schema.of(
    entities=["person", 'a "b"; {c}: d'],
    relations=["knows"],
    events={"attack": ["attacker", "target"], "peace": []},
)
ANN, BOB, HIT = Mention("Ann"), Mention('"Bob; Eve"\nin'), Mention("hit")
GIVEN = Extraction(
    (Entity("", ANN), Entity("", BOB)), (Relation("", ANN, BOB),), (Event("attack", HIT),)
)


def ask(task: str) -> Prompt:
    return Prompt(TASKS[task], TEXT, SCHEMA, GIVEN)  # type: ignore[index]


def said(task: str) -> Extraction:
    """One answer to each task, with everything in it that a sentence would have to quote."""
    if task in ("NER", "ES", "ET"):
        labels = ("", "") if task == "ES" else ("person", 'a "b"; {c}: d')
        return Extraction(entities=(Entity(labels[0], ANN), Entity(labels[1], BOB)))
    if task in ("RE", "EP", "EPR"):
        return Extraction(relations=(Relation("" if task == "EP" else "knows", ANN, BOB),))
    arguments = () if task == "EET" else (Argument("target", BOB), Argument("attacker", ANN))
    events = (Event("attack", HIT, arguments), Event("peace", ANN))
    return Extraction(events=events[:1] if task == "EEA" else events)


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """A validator of the few keywords that the schemas use."""
    if "anyOf" in schema:
        return any(valid(value, kind) for kind in schema["anyOf"])
    if schema["type"] == "string":
        return isinstance(value, str) and value in schema.get("enum", [value])
    if schema["type"] == "array":
        return isinstance(value, list) and all(valid(item, schema["items"]) for item in value)
    known = schema["properties"]
    return (
        isinstance(value, dict)
        and set(value) == set(schema["required"]) == set(known)
        and all(valid(item, known[key]) for key, item in value.items())
    )


@pytest.mark.parametrize("task", TASKS)
def test_what_is_written_is_read_again_and_keeps_to_the_schema(task: str) -> None:
    prompt, extraction = ask(task), said(task)
    answer = write_json(prompt, extraction)
    parsed = read_json(prompt, answer)
    assert (parsed.extraction, parsed.issues) == (extraction, ())
    assert looks_like_json(answer)
    if task != "EE":  # `peace` has no roles, so its schema has no arguments
        assert valid(json.loads(answer), answer_schema(prompt))


@pytest.mark.parametrize("task", TASKS)
def test_places_are_those_of_the_items(task: str) -> None:
    answer = write_json(ask(task), said(task))
    parsed = read_json(ask(task), answer)
    places = parsed.places[0].arguments if task == "EEA" else [p.own for p in parsed.places]
    rows = next(iter(json.loads(answer).values()))
    assert [json.loads(answer[start:end]) for start, end in places] == rows


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("NER", {"entities": [{"label": "town", "text": "Ann"}]}),
        ("ET", {"entities": [{"label": "person", "text": "hit"}]}),
        ("EPR", {"relations": [{"label": "knows", "head": "hit", "tail": "Ann"}]}),
        ("EE", {"events": [{"label": "peace", "trigger": "hit", "arguments": []}]}),
        ("EEA", {"arguments": [{"role": "place", "text": "Ann"}]}),
        ("NER", {"entities": [{"text": "Ann"}]}),
    ],
)
def test_the_schema_refuses_what_was_not_asked(task: str, answer: Any) -> None:
    assert not valid(answer, answer_schema(ask(task)))


@pytest.mark.parametrize("task", TASKS)
def test_a_cut_answer_keeps_its_whole_items(task: str) -> None:
    answer = write_json(ask(task), said(task))
    whole = read_json(ask(task), answer)
    for end in range(1, len(answer)):
        parsed = read_json(ask(task), answer[:end])
        assert {issue.kind for issue in parsed.issues} <= {"unparsable"}
        if task != "EEA":
            done = [place for place in whole.places if place.own[1] <= end]
            assert list(parsed.places) == done
        if end < len(answer) - 1:
            assert parsed.issues


@settings(max_examples=60)
@pytest.mark.parametrize("task", TASKS)
@given(st.text(st.sampled_from(list('{}[]":, \\nlabetxhdr1')), max_size=60) | st.text())
def test_any_string_is_read(task: str, answer: str) -> None:
    for written in (answer, '{"entities": [' + answer, '{"events": [{"label": "x", ' + answer):
        parsed = read_json(ask(task), written)
        assert {issue.kind for issue in parsed.issues} <= {"unparsable"}


@pytest.mark.parametrize(
    "rows",
    ["[1]", '["x"]', '[{"label": 1, "text": "x"}]', '[{"label": "x"}]', "[null]", '[{"text": ""}]'],
)
def test_items_of_another_form_are_issues(rows: str) -> None:
    parsed = read_json(ask("NER"), f'{{"entities": {rows}}}')
    assert parsed.extraction == Extraction()
    assert len(parsed.issues) == 1
    assert "an object with label, text" in parsed.issues[0].message


@pytest.mark.parametrize(
    "answer", ['```json\n{"entities": []}\n```', "{}", ' {"entities" : [ ] }', '{\n"entities": []}']
)
def test_fences_and_blanks_make_no_difference(answer: str) -> None:
    assert looks_like_json(answer)
    assert read_json(ask("NER"), answer) == read_json(ask("NER"), '{"entities": []}')


@pytest.mark.parametrize("answer", ["None", "person: Ann", "{x}: y", '"{": Ann'])
def test_sentences_do_not_look_like_json(answer: str) -> None:
    assert not looks_like_json(answer)


def test_lists_nested_without_end_are_an_issue() -> None:
    assert read_json(ask("NER"), '{"entities": ' + "[" * 200_000).issues
