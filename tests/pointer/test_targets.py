from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from instructuie.pointer.answer import answer
from instructuie.pointer.decode import Decoded
from instructuie.pointer.encoding import Encoded, given_values, token_of
from instructuie.pointer.grammar import STOP, State
from instructuie.pointer.targets import Walk, walk
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS, Slot
from instructuie.types import Argument, Entity, Event, Extraction, Mention

from .gold import ENCODER, examples


def replayed(prompt: Prompt, encoded: Encoded, steps: Walk) -> State:
    """The grammar led along a target walk; every row of the walk is checked on the way."""
    state = State(prompt.task, encoded.layout, given_values(prompt, encoded))
    previous = 0
    for move in range(len(steps.slot)):
        legal = state.legal()
        option = state.open_option if legal.slot is Slot.ROLE else 0
        tokens = encoded.targets(legal.slot, option)
        allowed = set(tokens[legal.low : legal.high].tolist()) | ({0} if legal.stop else set())
        target = int(steps.target[move])
        assert steps.slot[move] == legal.slot
        assert steps.last[move] == previous
        opener = 0 if state.first == STOP else encoded.starts[state.first]
        assert steps.first[move] == opener
        assert set(np.flatnonzero(steps.legal[move]).tolist()) == allowed
        assert (target == -100) == legal.forced
        assert legal.forced or target in allowed
        value = (
            legal.low if legal.forced else STOP if target == 0 else tokens.tolist().index(target)
        )
        state.advance(value)
        previous = token_of(encoded, legal.slot, value, option)
    assert state.finished
    return state


def said(prompt: Prompt, encoded: Encoded, steps: Walk) -> Extraction:
    state = replayed(prompt, encoded, steps)
    decoded = Decoded(tuple(state.items), (0.0,) * state.steps, True)
    return answer(prompt, encoded, decoded).extraction


@given(examples())
def test_the_walk_of_an_answer_says_that_answer(example: tuple[Prompt, Extraction]) -> None:
    prompt, gold = example
    encoded = ENCODER.encode(prompt)
    expected = gold
    if prompt.task.name == "EET":
        expected = Extraction(events=tuple(replace(e, arguments=()) for e in gold.events))
    assert said(prompt, encoded, walk(prompt, encoded, gold)) == expected


def ner(text: str) -> Prompt:
    return Prompt(TASKS["NER"], text, Schema.of(entities=["a", "b"]))


def test_the_walk_of_a_text_without_words_has_one_move_or_none() -> None:
    prompt = ner(" ")
    encoded = ENCODER.encode(prompt)
    steps = walk(prompt, encoded, Extraction())
    assert steps.target.tolist() == [0]
    nothing_given = Prompt(TASKS["ET"], " ", prompt.schema)
    steps = walk(nothing_given, encoded, Extraction())
    assert steps.legal.shape == (0, len(encoded.ids))


def test_a_mention_that_ends_inside_a_word_is_widened_to_it() -> None:
    prompt = ner("Anna Bell")
    encoded = ENCODER.encode(prompt)
    gold = Extraction((Entity("a", Mention.of(prompt.text, 2, 6)),))
    found = said(prompt, encoded, walk(prompt, encoded, gold))
    assert found.entities == (Entity("a", Mention.of(prompt.text, 0, 9)),)


def test_duplicates_and_mentions_without_words_are_left_out() -> None:
    prompt = ner("Ann \x00")
    encoded = ENCODER.encode(prompt)
    ann = Entity("b", Mention.of(prompt.text, 0, 3))
    gold = Extraction((ann, Entity("a", Mention.of(prompt.text, 4, 5)), ann))
    assert said(prompt, encoded, walk(prompt, encoded, gold)).entities == (ann,)


def test_two_records_of_one_event_are_told_as_one() -> None:
    text = "Ann hit Bob"
    ann, hit, bob = (Mention.of(text, a, b) for a, b in ((0, 3), (4, 7), (8, 11)))
    prompt = Prompt(TASKS["EE"], text, Schema.of(events={"attack": ["who", "whom"]}))
    one, other = Argument("who", ann), Argument("whom", bob)
    gold = Extraction(events=(Event("attack", hit, (other,)), Event("attack", hit, (one, other))))
    encoded = ENCODER.encode(prompt)
    found = said(prompt, encoded, walk(prompt, encoded, gold))
    assert found.events == (Event("attack", hit, (one, other)),)


def test_a_label_that_is_no_option_is_an_error() -> None:
    """A target that the prompt does not offer would teach the model to say what it cannot."""
    prompt = ner("Ann")
    gold = Extraction((Entity("zzz", Mention.of("Ann", 0, 3)),))
    with pytest.raises(KeyError, match="zzz"):
        walk(prompt, ENCODER.encode(prompt), gold)
