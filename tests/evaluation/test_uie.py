"""The rule `uie` against a second implementation that works on token numbers, as UIE's does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.evaluation.counts import Counts
from instructuie.evaluation.rules import count_prediction
from instructuie.evaluation.scores import score
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.evaluation.made import ask, extractions, said

Span = tuple[int, int]
"""First and last token."""


def matches(tokens: Sequence[str], words: str) -> list[Span]:
    wanted = words.split(" ")
    return [
        (at, at + len(wanted) - 1)
        for at in range(len(tokens))
        if list(tokens[at : at + len(wanted)]) == wanted
    ]


def placed_entities(tokens: Sequence[str], rows: Sequence[tuple[str, str]]) -> list[Any]:
    found: list[Any] = []
    for label, words in rows:
        free = [(label, span) for span in matches(tokens, words) if (label, span) not in found]
        found += free[:1]
    return found


def placed_relations(
    tokens: Sequence[str], rows: Sequence[tuple[str, str, str]], labels: dict[str, str]
) -> list[Any]:
    found: list[Any] = []
    for label, head, tail in rows:
        heads, tails = matches(tokens, head), matches(tokens, tail)
        if not heads or not tails:
            break
        _, one, other = sorted((abs(h[0] - t[0]), h, t) for h in heads for t in tails)[0]
        row = (label, labels.get(head), one, labels.get(tail, labels.get(head)), other)
        if row not in found:
            found.append(row)
    return found


def placed_events(tokens: Sequence[str], rows: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    used: set[Span] = set()
    for label, trigger, arguments in rows:
        places = matches(tokens, trigger)
        if not places:
            continue
        free = [place for place in places if place not in used]
        if not free:
            break
        used.add(free[0])
        roles = []
        for role, words in arguments:
            spans = matches(tokens, words)
            if spans:
                gaps = [abs(span[0] - free[0][0]) for span in spans]
                roles.append((role, spans[gaps.index(min(gaps))]))
        found.append((label, free[0], roles))
    return found


def crossed_off(gold: Sequence[Any], predicted: Sequence[Any]) -> Counts:
    left, right = list(gold), 0
    for item in predicted:
        if item in left:
            left.remove(item)
            right += 1
    return Counts(right, len(predicted), len(gold))


TOKENS = ["ann", "met", "ann", "in", "new", "york", ",", "bob", "met", "bob", "."]
TEXT = " ".join(TOKENS)
phrases = st.sampled_from(
    ["ann", "bob", "met", "new york", "york", ".", "paris", "an", "new york city"]
)
labels = st.sampled_from("xy")
token_spans = st.sampled_from([(0, 0), (2, 2), (7, 7), (9, 9), (1, 1), (4, 5)])
entity_rows = st.lists(st.tuples(labels, phrases), max_size=5)
relation_rows = st.lists(st.tuples(labels, phrases, phrases), max_size=4)
event_rows = st.lists(
    st.tuples(labels, phrases, st.lists(st.tuples(labels, phrases), max_size=2)), max_size=4
)
gold_entities = st.lists(st.tuples(labels, token_spans), max_size=4)
gold_relations = st.lists(st.tuples(labels, token_spans, token_spans), max_size=3)
gold_events = st.lists(
    st.tuples(labels, token_spans, st.lists(st.tuples(labels, token_spans), max_size=2)), max_size=3
)


def at(span: Span) -> Mention:
    """The mention of some tokens of the text."""
    start = len(" ".join(TOKENS[: span[0]])) + (span[0] > 0)
    return Mention.of(TEXT, start, start + len(" ".join(TOKENS[span[0] : span[1] + 1])))


def words(span: Span) -> str:
    return " ".join(TOKENS[span[0] : span[1] + 1])


@given(gold_entities, entity_rows)
def test_entities_take_the_first_free_place(gold: list[Any], rows: list[Any]) -> None:
    wanted = Extraction(tuple(Entity(label, at(span)) for label, span in gold))
    found = score([ask(wanted, said(*rows), text=TEXT)], "uie").sets[0].units
    assert found["entity"].total == crossed_off(gold, placed_entities(TOKENS, rows))
    strings = [(label, words(span)) for label, span in gold]
    assert found["entity-string"].total == crossed_off(strings, rows)


@given(gold_relations, relation_rows, entity_rows)
def test_relations_take_the_closest_places(
    gold: list[Any], rows: list[Any], typed: list[Any]
) -> None:
    types = {phrase: label for label, phrase in typed}
    ends = {span: "x" for _, *spans in gold for span in spans}
    wanted = Extraction(
        tuple(Entity(label, at(span)) for span, label in ends.items()),
        tuple(Relation(label, at(head), at(tail)) for label, head, tail in gold),
    )
    answer = Extraction(
        said(*typed).entities,
        tuple(Relation(label, Mention(head), Mention(tail)) for label, head, tail in rows),
    )
    placed = placed_relations(TOKENS, rows, types)
    found = count_prediction(ask(wanted, answer, "RE", text=TEXT), "uie")
    totals = {unit: sum(table.values(), Counts()) for unit, table in found.items()}
    strict = [(label, "x", head, "x", tail) for label, head, tail in gold]
    assert totals["relation-strict"] == crossed_off(strict, placed)
    boundary = [(row[0], row[2], row[4]) for row in placed]
    assert totals["relation"] == crossed_off(gold, boundary)
    strings = [(label, words(head), words(tail)) for label, head, tail in gold]
    assert totals["relation-string"] == crossed_off(strings, rows)


@settings(max_examples=60)
@given(gold_events, event_rows)
def test_arguments_take_the_place_closest_to_their_trigger(
    gold: list[Any], rows: list[Any]
) -> None:
    wanted = Extraction(
        events=tuple(
            Event(label, at(span), tuple(Argument(role, at(place)) for role, place in arguments))
            for label, span, arguments in gold
        )
    )
    answer = Extraction(
        events=tuple(
            Event(label, Mention(trigger), tuple(Argument(r, Mention(w)) for r, w in arguments))
            for label, trigger, arguments in rows
        )
    )
    found = count_prediction(ask(wanted, answer, "EE", text=TEXT), "uie")
    totals = {unit: sum(table.values(), Counts()) for unit, table in found.items()}

    def pairs(events: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        triggers = [(label, span) for label, span, _ in events]
        return triggers, [(label, *argument) for label, _, roles in events for argument in roles]

    placed = pairs(placed_events(TOKENS, rows))
    for unit, mine, other in zip(("trigger", "argument"), pairs(gold), placed, strict=True):
        assert totals[unit] == crossed_off(mine, other)
    strings = [
        (label, words(span), [(role, words(place)) for role, place in arguments])
        for label, span, arguments in gold
    ]
    for unit, mine, other in zip(("trigger", "argument"), pairs(strings), pairs(rows), strict=True):
        assert totals[f"{unit}-string"] == crossed_off(mine, other)


def test_the_ends_of_a_relation_stand_as_close_as_they_can() -> None:
    answer = Extraction((), (Relation("x", Mention("ann"), Mention("bob")),))
    for span, right in (((2, 2), 1), ((0, 0), 0)):
        gold = Extraction((), (Relation("x", at(span), at((7, 7))),))
        found = count_prediction(ask(gold, answer, "RE", text=TEXT), "uie")
        assert found["relation"] == {"x": Counts(right, 1, 1)}


def test_an_event_without_a_free_trigger_ends_the_events() -> None:
    gold = Extraction(
        events=(Event("x", at((1, 1))), Event("x", at((8, 8))), Event("y", at((7, 7))))
    )
    triggers = [("x", "met"), ("x", "paris"), ("x", "met"), ("y", "bob")]

    def found(rows: list[tuple[str, str]]) -> dict[str, Counts]:
        answer = Extraction(events=tuple(Event(label, Mention(word)) for label, word in rows))
        return count_prediction(ask(gold, answer, "EE", text=TEXT), "uie")["trigger"]

    assert found(triggers) == {"x": Counts(2, 2, 2), "y": Counts(1, 1, 1)}
    assert found([("x", "met"), *triggers]) == {"x": Counts(2, 2, 2), "y": Counts(0, 0, 1)}


def test_a_relation_with_an_end_outside_the_text_ends_the_relations() -> None:
    gold = Extraction((), (Relation("x", at((2, 2)), at((7, 7))),))
    right = Relation("x", Mention("ann"), Mention("bob"))
    wrong = Relation("x", Mention("ann"), Mention("paris"))
    for rows, counts in (((right, wrong), Counts(1, 1, 1)), ((wrong, right), Counts(0, 0, 1))):
        found = count_prediction(ask(gold, Extraction((), rows), "RE", text=TEXT), "uie")
        assert found["relation"] == {"x": counts}


@settings(max_examples=60)
@given(extractions, extractions, st.sampled_from(["NER", "RE", "EE"]))
def test_places_that_a_system_gives_are_kept(
    gold: Extraction, answer: Extraction, task: Any
) -> None:
    prediction = ask(gold, answer, task)
    strict, uie = count_prediction(prediction), count_prediction(prediction, "uie")
    assert {unit: uie[unit] for unit in strict} == strict


@pytest.mark.parametrize("answer", ["Cupertino", "U.S.", "Apple", "Cupertino, U.S."])
def test_natural_text_is_read_word_by_word(answer: str) -> None:
    text = "Apple, of Cupertino, U.S., grew."
    start = text.index(answer)
    gold = Extraction((Entity("name", Mention.of(text, start, start + len(answer))),))
    found = count_prediction(ask(gold, said(("name", answer)), text=text), "uie")
    assert found["entity"] == {"name": Counts(1, 1, 1)}


def test_tokenised_text_is_read_token_by_token() -> None:
    text = "a U.S.-led force left U.S. soil ."
    gold = Extraction((Entity("name", Mention.of(text, 22, 26)),))
    found = count_prediction(ask(gold, said(("name", "U.S.")), text=text), "uie")
    assert found["entity"] == {"name": Counts(1, 1, 1)}


@pytest.mark.parametrize(
    ("text", "start"),
    [("我在复旦大学上学，想去墨脱。", 2), ("我 在 复旦大学 上学 ， 想 去 墨脱 。", 4)],
)
def test_characters_are_the_tokens_of_scripts_without_blanks(text: str, start: int) -> None:
    gold = Extraction((Entity("school", Mention.of(text, start, start + 4)),))
    found = count_prediction(ask(gold, said(("school", "复旦大学")), text=text), "uie")
    assert found["entity"] == {"school": Counts(1, 1, 1)}
    found = count_prediction(ask(gold, said(("school", "大学")), text=text), "uie")
    predicted = 1 if start == 2 else 0  # where blanks divide tokens, a part of one is none
    assert found["entity"] == {"school": Counts(0, predicted, 1)}


def test_tokens_are_told_from_words_without_a_lone_mark_too() -> None:
    text = "German-led force in U.S. soil"
    gold = Extraction((Entity("name", Mention.of(text, 0, 6)),))
    found = count_prediction(ask(gold, said(("name", "German"), ("x", "a  b")), text=text), "uie")
    assert found["entity"] == {"name": Counts(0, 0, 1)}


def test_the_labels_of_both_ends_are_found_as_uie_does() -> None:
    """The last entity that reads so; a tail that is no entity has the label of its head."""
    gold = Extraction(
        (Entity("x", at((2, 2))), Entity("y", at((7, 7)))), (Relation("r", at((2, 2)), at((7, 7))),)
    )
    relation = Relation("r", Mention("ann"), Mention("bob"))
    for rows, right in (
        ((("x", "ann"), ("y", "bob")), 1),
        ((("y", "ann"), ("x", "ann"), ("y", "bob")), 1),
        ((("x", "ann"), ("y", "bob"), ("x", "bob")), 0),
        ((("x", "ann"),), 0),
    ):
        answer = Extraction(said(*rows).entities, (relation,))
        found = count_prediction(ask(gold, answer, "RE", text=TEXT), "uie")
        assert found["relation-strict"] == {"r": Counts(right, 1, 1)}
        assert found["relation-strict-string"] == {"r": Counts(right, 1, 1)}
    same = Extraction((Entity("x", at((2, 2))), Entity("x", at((7, 7)))), gold.relations)
    answer = Extraction(said(("x", "ann")).entities, (relation,))
    found = count_prediction(ask(same, answer, "RE", text=TEXT), "uie")
    assert found["relation-strict"] == {"r": Counts(1, 1, 1)}


def test_nothing_scores_zero_as_with_uie() -> None:
    found = score([ask(Extraction(), Extraction())], "uie")
    assert found.sets[0].units["entity"].micro == 0
