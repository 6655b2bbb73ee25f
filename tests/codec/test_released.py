"""The release's prompts and answers, blank for blank, on an instruction file of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.codec.formats import find_format
from instructuie.codec.released import ReleasedFormat
from instructuie.data.released_config import first_instructions
from instructuie.errors import ConfigError
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

TEXT = "Ann's plane hit {Rome} , again ."
SCHEMA = Schema.of(
    entities=["person", "place's"],
    relations=["lives in", "born in"],
    events={"attack": ["attacker", "target"], "peace's": ["target", "place"]},
)
ANN, ROME, HIT = Mention("Ann"), Mention("{Rome}"), Mention("hit")
GIVEN = Extraction(
    (Entity("", ANN), Entity("", ROME)),
    (Relation("", ANN, ROME), Relation("", ROME, ANN)),
    (Event("attack", HIT),),
)
INSTRUCTIONS: dict[str, str] = {task: f"Do {task}. \n" for task in TASKS}
INSTRUCTIONS["EET"] = "Do EET. "

PROMPTS = {
    "NER": "Do NER. \nOption: person, place's \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "ES": "Do ES. \nOption: person, place's \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "ET": "Do ET. \nOption: person, place's \nText: Ann's plane hit {Rome} , again . \n"
    " Entities: Ann, {Rome} \nAnswer:",
    "RE": "Do RE. \nOption: lives in, born in \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "EP": "Do EP. \nOption: lives in, born in \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "EPR": "Do EPR. \nOption: lives in, born in \nText: Ann's plane hit {Rome} , again . \n"
    " Entity Pairs:  Ann, {Rome}; {Rome}, Ann \nAnswer:",
    "EE": "Do EE. \n Option: Event type: ['attack', \"peace's\"], Arguments type: ['attacker', "
    "'target', 'place']. \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "EET": "Do EET.  Option: attack, peace's \nText: Ann's plane hit {Rome} , again . \nAnswer:",
    "EEA": "Do EEA. \nEvent type: attack \n  Option: attacker, target \n"
    "Text: Ann's plane hit {Rome} , again . \nAnswer:",
}
EVENT = Event("attack", Mention("Ann's"), (Argument("target", ROME), Argument("attacker", ANN)))
SAID = Extraction(
    (Entity("person", ANN), Entity("place's", ROME)),
    (Relation("lives in", ANN, ROME), Relation("born in", ROME, ANN)),
    (EVENT, Event("peace's", HIT)),
)
ANSWERS = {
    "NER": " person: Ann; place's: {Rome}",
    "ES": " Ann, {Rome}",
    "ET": " person: Ann; place's: {Rome}",
    "RE": " lives in: Ann, {Rome}; born in: {Rome}, Ann",
    "EP": " Ann, {Rome}; {Rome}, Ann",
    "EPR": " lives in: Ann, {Rome}; born in: {Rome}, Ann",
    "EE": " ( attack: Ann#$%#s,  {Rome}: target, Ann: attacker) , ( peace#$%#s: hit,  None) ",
    "EET": " attack: Ann#$%#s; peace#$%#s: hit",
    "EEA": " {Rome}: target; Ann: attacker",
}
FORM = ReleasedFormat(INSTRUCTIONS)


def ask(task: str) -> Prompt:
    return Prompt(TASKS[task], TEXT, SCHEMA, GIVEN)  # type: ignore[index]


def told(task: str) -> Extraction:
    """What of SAID the answer to a task says."""
    if task in ("ES", "EP"):
        return Extraction(
            tuple(Entity("", e.mention) for e in SAID.entities) if task == "ES" else (),
            tuple(Relation("", r.head, r.tail) for r in SAID.relations) if task == "EP" else (),
        )
    kind = TASKS[task].options  # type: ignore[index]
    if kind == "entity":
        return Extraction(SAID.entities)
    if kind == "relation":
        return Extraction(relations=SAID.relations)
    if task == "EET":
        return Extraction(events=tuple(Event(e.label, e.trigger) for e in SAID.events))
    if task == "EEA":
        return Extraction(events=(Event("attack", HIT, EVENT.arguments),))
    return Extraction(events=SAID.events)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An instruction file in the release's form: the first zero-shot instruction is the one to use."""
    pools = {
        task: [
            {"instruction_type": "few-shot", "instruction": "Look at these. \n"},
            {"instruction_type": "zero-shot", "instruction": text},
            {"instruction_type": "zero-shot", "instruction": "Another. \n"},
        ]
        for task, text in INSTRUCTIONS.items()
    }
    path = tmp_path / "instruction_config.json"
    path.write_text(json.dumps(pools), encoding="utf-8")
    return path


@pytest.mark.parametrize("task", TASKS)
def test_prompts_are_those_of_the_release(task: str, file: Path) -> None:
    form = find_format("released", first_instructions(file))
    assert form.render(ask(task)) == PROMPTS[task]


def test_prefix_lines_name_task_and_data_set() -> None:
    form = ReleasedFormat(INSTRUCTIONS, task_name=True, data_set="CoNLL 2003")
    assert form.render(ask("NER")) == "Task:NER\nDataset:CoNLL 2003\n" + PROMPTS["NER"]


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_those_of_the_release(task: str) -> None:
    one = Extraction(events=(EVENT,)) if task == "EEA" else SAID
    assert FORM.write(ask(task), one) == ANSWERS[task]
    assert FORM.write(ask(task), Extraction()) == " None"


@pytest.mark.parametrize("task", TASKS)
def test_answers_are_read_back(task: str) -> None:
    parsed = FORM.read(ask(task), ANSWERS[task])
    assert (parsed.extraction, parsed.issues) == (told(task), ())
    nothing = Extraction(events=GIVEN.events) if task == "EEA" else Extraction()
    for answer in (" None", "None", "none."):
        parsed = FORM.read(ask(task), answer)
        assert (parsed.extraction, parsed.issues) == (nothing, ())


@pytest.mark.parametrize("task", TASKS)
def test_places_point_at_the_items(task: str) -> None:
    answer = ANSWERS[task]
    parsed = FORM.read(ask(task), answer)
    for place in parsed.places:
        if task != "EEA":
            assert ":" in answer[slice(*place.own)] or task in ("ES", "EP")
        for argument in place.arguments:
            assert answer[slice(*argument)].strip() in ("{Rome}: target", "Ann: attacker")


@settings(max_examples=60)
@pytest.mark.parametrize("task", TASKS)
@given(answer=st.text(st.sampled_from(list("(),;: ab'#$%None")), max_size=40) | st.text())
def test_any_string_is_read(task: str, answer: str) -> None:
    parsed = FORM.read(ask(task), answer)
    assert {issue.kind for issue in parsed.issues} <= {"unparsable"}
    assert all(0 <= p.own[0] <= p.own[1] <= len(answer) for p in parsed.places)


def test_what_cannot_be_read_of_an_event_leaves_the_rest() -> None:
    answer = "( attack: hit,  x, Rome: target) , ( nothing ) , ( peace: (a) b,  10:30: time"
    parsed = FORM.read(ask("EE"), answer)
    assert parsed.extraction.events == (
        Event("attack", HIT, (Argument("target", Mention("Rome")),)),
        Event("peace", Mention("(a) b"), (Argument("time", Mention("10:30")),)),
    )
    assert len(parsed.issues) == 2


def test_a_task_without_an_instruction_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no instruction for RE, only for NER"):
        ReleasedFormat({"NER": "x"}).render(ask("RE"))


@pytest.mark.parametrize(
    ("form", "instructions", "message"),
    [
        ("released", None, "needs the instruction file"),
        ("plain", {"NER": "x"}, "an instruction file is for the prompt format released"),
        ("xml", None, "'xml', expected one of plain, json, sel, released"),
    ],
)
def test_formats_that_cannot_be_had(
    form: str, instructions: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        find_format(form, instructions)
