from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.data.instance import Instance
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import find_task
from instructuie.training.text.shorten import fit, items, shortened, within
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.tiny import mention

TEXT = "Ann met Bob in Oslo before Eve left Rome for Kyiv."
WORDS = TEXT.split()


def ner(text: str = TEXT) -> Instance:
    names = [word for word in ("Ann", "Bob", "Oslo", "Eve", "Rome", "Kyiv") if word in text]
    target = Extraction(tuple(Entity("name", mention(text, name)) for name in names))
    return Instance(Prompt(find_task("NER"), text, Schema.of(entities=["name"])), target)


def length(prompt: str) -> int:
    """A token is a word; so is a full stop."""
    return len(prompt.replace(".", " .").split())


def ends(text: str) -> list[int]:
    found, at = [], 0
    for word in text.replace(".", " .").split():
        at = text.index(word, at) + len(word)
        found.append(at)
    return found


FRAME = length(ner("").prompt.plain())


def test_a_prompt_that_fits_is_left_alone() -> None:
    instance = ner()
    whole = length(instance.prompt.plain())
    assert fit(instance, whole, length, ends) is instance


@given(st.integers(1, 12))
def test_the_text_is_cut_at_a_word_and_no_more_than_needed(room: int) -> None:
    found = fit(ner(), FRAME + room, length, ends)
    assert found is not None
    assert found.prompt.text == TEXT[: ends(TEXT)[room - 1]] if room < 12 else TEXT
    assert length(found.prompt.plain()) == FRAME + min(room, 12)


@given(st.integers(1, 11))
def test_the_frame_and_the_cue_stay_and_gold_stands_in_the_text(room: int) -> None:
    whole, found = ner(), fit(ner(), FRAME + room, length, ends)
    assert found is not None
    prompt = found.prompt.plain()
    assert prompt.startswith(whole.prompt.plain().partition("Text: ")[0])
    assert prompt.endswith("\nAnswer:")
    kept = [e.mention.text for e in found.target.entities]
    assert kept == [
        n for n in ("Ann", "Bob", "Oslo", "Eve", "Rome", "Kyiv") if n in found.prompt.text
    ]
    for entity in found.target.entities:
        span = entity.mention.span
        assert span is not None
        assert found.prompt.text[span.start : span.end] == entity.mention.text


def test_there_must_be_room_for_a_word() -> None:
    assert fit(ner(), FRAME, length, ends) is None
    assert fit(ner(), 3, length, ends) is None


def test_given_items_go_with_their_text() -> None:
    text = "Ann met Bob in Oslo"
    everyone = Extraction((Entity("", mention(text, "Ann")), Entity("", mention(text, "Oslo"))))
    prompt = Prompt(find_task("ET"), text, Schema.of(entities=["name"]), everyone)
    target = Extraction(tuple(Entity("name", e.mention) for e in everyone.entities))
    found = shortened(Instance(prompt, target), 12)
    assert found is not None
    assert [e.mention.text for e in found.prompt.given.entities] == ["Ann"]
    assert [e.mention.text for e in found.target.entities] == ["Ann"]
    late = Extraction((Entity("", mention(text, "Oslo")),))
    nothing = Prompt(find_task("ET"), text, Schema.of(entities=["name"]), late)
    assert shortened(Instance(nothing, late), 12) is None


def test_relations_need_both_ends_and_events_their_trigger() -> None:
    def at(start: int, end: int) -> Mention:
        return Mention.of(TEXT, start, end)

    ann, bob, oslo = at(0, 3), at(8, 11), at(15, 19)
    extraction = Extraction(
        relations=(Relation("knows", ann, bob), Relation("in", ann, oslo)),
        events=(
            Event("meet", at(4, 7), (Argument("who", ann), Argument("where", oslo))),
            Event("leave", at(31, 35), (Argument("who", ann),)),
        ),
    )
    found = within(extraction, 12)
    assert [r.label for r in found.relations] == ["knows"]
    assert [(e.label, [a.role for a in e.arguments]) for e in found.events] == [("meet", ["who"])]
    assert items(extraction) - items(found) == 4


@pytest.mark.parametrize("text", ["語" * 40, "x" * 40])
def test_a_text_without_blanks_is_cut_between_letters(text: str) -> None:
    instance = Instance(Prompt(find_task("NER"), text, Schema.of(entities=["name"])), Extraction())
    found = fit(instance, len(instance.prompt.plain()) - 25, len, lambda t: [*range(1, len(t) + 1)])
    assert found is not None
    assert found.prompt.text == text[:15]


def test_seams_that_take_more_tokens_are_looked_at_again() -> None:
    """A tokenizer that needs two more tokens for a text than for its parts."""
    found = fit(ner(), FRAME + 4, lambda prompt: length(prompt) + 2, ends)
    assert found is not None
    assert found.prompt.text == " ".join(WORDS[:2])
