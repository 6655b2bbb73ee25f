"""What a machine allows is right (sound), and all that is right is allowed (complete)."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie import codec
from instructuie.codec.formats import PlainFormat, PromptFormat
from instructuie.codec.released import ReleasedFormat
from instructuie.codec.sel import SelFormat
from instructuie.engines.base import Completion
from instructuie.engines.constraint import Machine
from instructuie.engines.replay import ReplayEngine
from instructuie.engines.vocabulary import Vocabulary
from instructuie.errors import ModelError, SchemaError
from instructuie.folding import within_word
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.text_decoder import TextDecoder
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.tiny_text import KINDS, text_folder

PLAIN = PlainFormat()
RELEASED = ReleasedFormat(dict.fromkeys(TASKS, "Do it. \n"))
TEXTS = st.text(
    st.one_of(
        st.sampled_from("abA 1.,:;-\"\\\n\t{}()'’…½éß\u00a0\u200b\u0301北京語אש👩🏽"),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
) | st.lists(
    st.sampled_from(["Ann", "Bob", "Oslo", '"', ";", ",", ": ", "; ", ", ", " ", "\n", "\\", "x:"]),
    max_size=14,
).map("".join)
LABELS = ["person", "place: town", 'a "b"; {c}, d', "None", "geo-political", "ein\\e"]
SCHEMA = Schema.of(
    entities=LABELS,
    relations=["lives in", "x, y; z", "None"],
    events={"attack": ["attacker", "a, b: c"], "peace": [], "None; x": ["who"]},
)


@cache
def tokenizer(kind: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(text_folder(kind))


@cache
def vocabulary(kind: str) -> Vocabulary:
    return Vocabulary.of(tokenizer(kind))


def spans(text: str) -> list[Mention]:
    """Every stretch of whole words, the short ones at least."""
    edges = [at for at in range(len(text) + 1) if not within_word(text, at)]
    return [
        Mention.of(text, start, end)
        for start in edges
        for end in edges
        if start < end <= start + 12 and text[start:end].strip() == text[start:end] != ""
    ]


def ask(task: str, text: str, schema: Schema = SCHEMA) -> Prompt | None:
    """A prompt with given items where the task has some, None where the text has no words."""
    found = spans(text)
    if not found:
        return None
    first, last = found[0], found[-1]
    things = Extraction(
        (Entity("", first), Entity("", last)),
        (Relation("", first, last),),
        (Event("attack", last),),
    )
    return Prompt(TASKS[task], text, schema, things)  # type: ignore[index]


def walk(
    machine: Machine, vocabulary: Vocabulary, rng: random.Random, limit: int = 60
) -> str | None:
    """An answer drawn by chance; None when it had no end yet. Fails where nothing may follow."""
    state, written = machine.start, b""
    for _ in range(limit):
        allowed = machine.next(state)
        if machine.done(state) and (not allowed or rng.random() < 0.3):
            return written.decode()
        assert allowed, f"a dead end after {written!r}"
        token = rng.choice(sorted(allowed))
        written += vocabulary.strings[token] or b""
        state = allowed[token]
    return None


@settings(max_examples=25)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
@given(text=TEXTS, seed=st.integers(0, 10**6))
def test_whatever_is_allowed_is_read_without_an_issue(
    kind: str, task: str, text: str, seed: int
) -> None:
    prompt = ask(task, text)
    if prompt is None:
        return
    answer = drawn(PLAIN, kind, prompt, seed)
    if answer is not None:
        # A given mention loses the letters that a vocabulary lacks, and may then be no one's.
        lossy = set() if vocabulary(kind).writes(text) else {"off-option"}
        found = told(PLAIN, prompt, answer, accents=kind != "bart")
        assert found <= {"repeat"} | (lossy if prompt.task.given else set())


@settings(max_examples=15)
@pytest.mark.parametrize("kind", ["t5", "gpt"])
@pytest.mark.parametrize("task", TASKS)
@given(text=TEXTS, seed=st.integers(0, 10**6))
def test_released_answers_hold_labels_and_words_of_the_prompt(
    kind: str, task: str, text: str, seed: int
) -> None:
    prompt = ask(task, text, Schema.of(entities=["a", "b c"], relations=["r"], events={"e": ["x"]}))
    if prompt is None:
        return
    if task == "EEA":
        prompt = Prompt(prompt.task, text, prompt.schema, event_of(prompt, "e"))
    answer = drawn(RELEASED, kind, prompt, seed)
    if answer is not None and task not in ("ET", "EPR"):  # given mentions may hold delimiters
        assert told(RELEASED, prompt, answer) <= {"repeat"}, answer


@settings(max_examples=15)
@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if not task.given])
@given(text=TEXTS, seed=st.integers(0, 10**6))
def test_sel_answers_hold_labels_and_words_of_the_prompt(task: str, text: str, seed: int) -> None:
    prompt = ask(
        task,
        text.replace('"', ""),
        Schema.of(relations=["r"], entities=["a", "b c"], events={"e": ["x"]}),
    )
    if prompt is None:
        return
    answer = drawn(SelFormat(), "t5", prompt, seed)
    if answer is not None:
        assert told(SelFormat(), prompt, answer) <= {"repeat"}, answer


def event_of(prompt: Prompt, label: str) -> Extraction:
    return Extraction(events=(Event(label, prompt.given.events[0].trigger),))


def drawn(form: PromptFormat, kind: str, prompt: Prompt, seed: int) -> str | None:
    rule = form.grammar(prompt)
    assert rule is not None
    machine = Machine(rule, prompt.text, vocabulary(kind))
    return walk(machine, vocabulary(kind), random.Random(seed))


def told(form: PromptFormat, prompt: Prompt, answer: str, *, accents: bool = True) -> set[str]:
    """The kinds of issues that an answer leads to."""
    engine = ReplayEngine((), name="none")
    engine.writes_accents = accents
    decoder = TextDecoder(engine, form)
    result = decoder.read(prompt, Completion(answer))
    for mention in result.extraction.mentions():
        assert mention.span is not None
        assert prompt.text[mention.span.start : mention.span.end] == mention.text
    return {issue.kind for issue in result.issues}


@st.composite
def answers(draw: st.DrawFn) -> tuple[Prompt, Extraction]:
    """A prompt and a right answer to it."""
    task = draw(st.sampled_from(list(TASKS)))
    text = draw(TEXTS.filter(lambda text: bool(spans(text))))
    prompt = ask(task, text)
    assert prompt is not None
    mention = st.sampled_from(spans(text))
    entity_label = st.sampled_from(SCHEMA.entity_names)
    relation_label = st.sampled_from(SCHEMA.relation_names)
    if task in ("NER", "ES", "ET"):
        choice = st.sampled_from([e.mention for e in prompt.given.entities])
        entity = st.builds(Entity, entity_label, choice if task == "ET" else mention)
        return prompt, Extraction(entities=tuple(draw(st.lists(entity, max_size=3))))
    if task in ("RE", "EP", "EPR"):
        pair = st.tuples(mention, mention)
        if task == "EPR":
            pair = st.sampled_from([(r.head, r.tail) for r in prompt.given.relations])
        rows = draw(st.lists(st.tuples(relation_label, pair), max_size=3))
        return prompt, Extraction(relations=tuple(Relation(x, h, t) for x, (h, t) in rows))
    events = []
    for label in draw(st.lists(st.sampled_from(SCHEMA.events), max_size=2)):
        roles = st.sampled_from(label.role_names) if label.roles else st.nothing()
        argument = st.builds(Argument, roles, mention)
        arguments = draw(st.lists(argument, max_size=2)) if label.roles else []
        events.append(Event(label.name, draw(mention), tuple(arguments)))
    if task == "EEA":
        told_of = [e for e in events if e.label == "attack"][:1]
        events = told_of or [Event("attack", prompt.given.events[0].trigger)]
    return prompt, Extraction(events=tuple(events))


@settings(max_examples=200)
@given(answers())
def test_every_right_answer_is_allowed(row: tuple[Prompt, Extraction]) -> None:
    """With byte-level BPE, whose vocabulary can write anything."""
    prompt, extraction = row
    machine = Machine(PLAIN.grammar(prompt), prompt.text, vocabulary("gpt"))
    answer = codec.verbalize(prompt.task.name, extraction)
    for written in (answer, " " + answer):
        state = machine.start
        for token in tokenizer("gpt")(written)["input_ids"]:
            assert token in machine.next(state), (written, tokenizer("gpt").decode(token))
            state = machine.next(state)[token]
        assert machine.done(state), written


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_right_answers_are_allowed_as_far_as_the_vocabulary_goes(kind: str) -> None:
    text = 'Ann saw "Bob; Eve" in Oslo, 1,000 times. Au Mali (Bamako): oui.'
    prompt = ask("NER", text, Schema.of(entities=["person", "place: town"]))
    assert prompt is not None
    machine = Machine(PLAIN.grammar(prompt), text, vocabulary(kind))
    for words in ("Ann", "Oslo", "Mali (Bamako)", "1,000 times", '"Bob; Eve"', "Bob; Eve"):
        said = Extraction(
            entities=(Entity("place: town", Mention(words)), Entity("person", Mention("Ann")))
        )
        if words == '"Bob; Eve"':
            continue  # it would take a backslash
        answer = codec.verbalize("NER", said)
        state = machine.start
        for token in tokenizer(kind)(answer, add_special_tokens=False)["input_ids"]:
            assert token in machine.next(state), (answer, tokenizer(kind).decode(token))
            state = machine.next(state)[token]
        assert machine.done(state), answer


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_not_cut(kind: str) -> None:
    prompt = ask("ES", "Annabel x", Schema.of(entities=["a"]))
    assert prompt is not None
    machine = Machine(PLAIN.grammar(prompt), prompt.text, vocabulary(kind))
    said = {walk(machine, vocabulary(kind), random.Random(seed)) for seed in range(200)}
    words = {
        word.strip().lower()
        for answer in said
        if answer
        for word in answer.replace('"', "").split(",")
    }
    assert words <= {"annabel", "x", "annabel x", "none"}
    assert {"annabel", "x"} <= words


@pytest.mark.parametrize("text", ["", " ", "\n"])
@pytest.mark.parametrize("kind", KINDS)
def test_of_a_text_without_words_only_none_can_be_said(kind: str, text: str) -> None:
    prompt = Prompt(TASKS["NER"], text, SCHEMA)
    machine = Machine(PLAIN.grammar(prompt), text, vocabulary(kind))
    for seed in range(10):
        answer = walk(machine, vocabulary(kind), random.Random(seed))
        assert answer is not None
        assert answer.strip().lower() == "none"


def test_labels_that_a_vocabulary_cannot_tell_apart_are_refused() -> None:
    prompt = Prompt(TASKS["NER"], "Ann", Schema.of(entities=["{a}", "a"]))
    with pytest.raises(SchemaError, match=r"the labels '\{a\}' and 'a' are written alike"):
        Machine(PLAIN.grammar(prompt), "Ann", vocabulary("t5"))
    Machine(PLAIN.grammar(prompt), "Ann", vocabulary("gpt"))


def test_a_label_that_a_vocabulary_cannot_write_is_refused() -> None:
    prompt = Prompt(TASKS["NER"], "Ann", Schema.of(entities=["{}"]))
    with pytest.raises(SchemaError, match=r"cannot write the label '\{\}'"):
        Machine(PLAIN.grammar(prompt), "Ann", vocabulary("t5"))


def test_a_vocabulary_without_the_marks_of_answers_is_refused() -> None:
    prompt = Prompt(TASKS["EE"], "Ann", Schema.of(events=["a"]))
    form = SelFormat()
    with pytest.raises(ModelError, match="cannot write '<extra_id_0> '"):
        Machine(form.grammar(prompt), "Ann", vocabulary("bart"))


def test_five_hundred_labels_and_a_long_text_take_bounded_work() -> None:
    """The allowed tokens of a state are found without looking at the whole vocabulary or text."""
    text = " ".join(f"word{n}" for n in range(2_000))
    schema = Schema.of(entities=[f"label {n}" for n in range(500)])
    prompt = Prompt(TASKS["NER"], text, schema)
    machine = Machine(PLAIN.grammar(prompt), text, vocabulary("gpt"))
    seen = Counting(vocabulary("gpt").prefixes)
    machine._vocabulary = type("V", (), {"prefixes": seen})()
    state = machine.start
    for token in tokenizer("gpt")("label 499: word1999")["input_ids"]:
        state = machine.next(state)[token]
        assert seen.reads < 60_000
        seen.reads = 0


class Counting(dict[bytes, int]):
    """Counts how often it is asked."""

    reads = 0

    def __contains__(self, key: object) -> bool:
        self.reads += 1
        return super().__contains__(key)
