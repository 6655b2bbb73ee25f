"""The rule `uie`: what UIE's scorer counts, with its way from strings to places.

A predicted mention that has a place keeps it. One that is a string alone takes a place as UIE's
records do: an entity or a trigger the first that is still free, the ends of a relation those closest
to each other, an argument the one closest to its trigger; what has no place is not counted.
Two faults of that code are kept, since they change scores: a relation with an end that is not in the
text ends the relations of the record, and an event whose trigger has no free place ends the events.

Units by offsets are what the UIE papers report; those called `-string` compare label and string.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

from instructuie.evaluation.items import (
    OFFSET_ITEMS,
    TASK_UNITS,
    Compared,
    Item,
    Maker,
    argument_label,
    end_labels,
    is_typed,
    place,
    sides,
)
from instructuie.evaluation.prediction import Prediction
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation, Span

Ends: TypeAlias = tuple[tuple[str, ...] | None, tuple[str, ...] | None]
"""The entity labels of head and tail."""


def items(prediction: Prediction) -> list[Compared]:
    """Each unit of the task by offsets and by strings."""
    gold, predicted = sides(prediction)
    placed, ends = place_strings(predicted, prediction.text)
    compared: list[Compared] = []
    for unit in TASK_UNITS[prediction.task]:
        said = OFFSET_ITEMS[unit](placed)
        if unit == "relation-strict":
            if not is_typed(gold):
                compared += [(unit, [], []), (f"{unit}-string", [], [])]
                continue
            said = [
                _typed(relation, row) for relation, row in zip(placed.relations, ends, strict=True)
            ]
        strings = STRING_ITEMS[unit]
        compared.append((unit, OFFSET_ITEMS[unit](gold), said))
        compared.append((f"{unit}-string", strings(gold), strings(predicted)))
    return compared


def place_strings(extraction: Extraction, text: str) -> tuple[Extraction, list[Ends]]:
    """The extraction with a place for each mention; items with a mention that has none are left out.

    With it come the labels of both ends of each relation (see `_Labels`).
    """
    if all([mention.span for mention in extraction.mentions()]):
        return extraction, _ends(extraction)
    tokens, labels = _Tokens(text), _Labels(extraction)
    relations = list(_place_relations(extraction.relations, tokens, labels))
    placed = Extraction(
        tuple(_place_entities(extraction.entities, tokens)),
        tuple(relation for relation, _ in relations),
        tuple(_place_events(extraction.events, tokens)),
    )
    return placed, [ends for _, ends in relations]


class _Labels:
    """The labels of the entities at a place; of a mention that is a string alone, the label of the
    last entity that reads so, and for a tail that no entity reads as, that of its head: UIE's way.
    """

    def __init__(self, extraction: Extraction) -> None:
        self.by_place = end_labels(extraction)
        self.by_string = {e.mention.text: (e.label,) for e in extraction.entities}

    def of(self, relation: Relation) -> Ends:
        head, tail = self._find(relation.head), self._find(relation.tail)
        return head, head if tail is None and relation.tail.span is None else tail

    def _find(self, mention: Mention) -> tuple[str, ...] | None:
        if mention.span:
            return self.by_place.get(place(mention))
        return self.by_string.get(mention.text)


def _ends(extraction: Extraction) -> list[Ends]:
    if not extraction.relations:
        return []
    labels = _Labels(extraction)
    return [labels.of(relation) for relation in extraction.relations]


def _typed(relation: Relation, ends: Ends) -> Item:
    return (relation.label, place(relation.head), ends[0], place(relation.tail), ends[1])


class _Place(NamedTuple):
    """Tokens `first` to `last`, as far as a distance goes; the characters are what counts."""

    first: int
    start: int
    end: int


class _Tokens:
    """A text in tokens, and where the tokens of a mention stand in it.

    UIE reads tokenised texts, where blanks are all there is between tokens. A text in which marks
    hang on words and none stands alone is not of that kind: its words and marks are the tokens. In
    scripts that are written without blanks, as Chinese is, UIE's tokens are the characters.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.pattern = _pattern(text)
        self.spans = [(m.start(), m.end()) for m in self.pattern.finditer(text)]
        self.words = [text[start:end] for start, end in self.spans]

    @cached_property
    def starts(self) -> list[int]:
        return [start for start, _ in self.spans]

    def places(self, mention: Mention) -> list[_Place]:
        """Where the mention may stand, from left to right: its own place if it has one."""
        if mention.span:
            first = bisect_left(self.starts, mention.span.start)
            return [_Place(first, mention.span.start, mention.span.end)]
        by_blanks = self.pattern is _BY_BLANKS
        wanted = mention.text.split(" ") if by_blanks else self.pattern.findall(mention.text)
        size = len(wanted)
        return [
            _Place(at, self.spans[at][0], self.spans[at + size - 1][1])
            for at in range(len(self.words) - size + 1)
            if size and self.words[at : at + size] == wanted
        ]


def _pattern(text: str) -> re.Pattern[str]:
    if not text.isascii() and _UNSPACED.search(text) and not _SPACED_OUT.search(text):
        return _BY_CHARACTERS
    natural = _HANGING_MARK.search(text) and not _LONE_MARK.search(text)
    return _BY_WORDS if natural else _BY_BLANKS


_BY_CHARACTERS = re.compile(r"(?s).")
_LETTER = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
"""Of a script without blanks: Thai to Lao, Myanmar, Khmer, Kana, Han."""
_UNSPACED = re.compile(_LETTER)
_SPACED_OUT = re.compile(rf"{_LETTER} +{_LETTER}")
_BY_BLANKS = re.compile(r"\S+")
_BY_WORDS = re.compile(r"\w+|[^\w\s]")
_LONE_MARK = re.compile(r"(?:^|\s)[.,;:!?)](?:\s|$)")
_HANGING_MARK = re.compile(r"\w['\"”’)]*[,;:!?)](?:\s|$)|\w['’]s\b|(?:^|\s)[^\s.]+\.['\"”’)]*\s*$")
"""A comma and the like behind a word, a possessive, or a full stop at the end of the text."""


def _mention(mention: Mention, at: _Place) -> Mention:
    return Mention(mention.text, Span(at.start, at.end))


def _place_entities(entities: Iterable[Entity], tokens: _Tokens) -> Iterator[Entity]:
    used: set[tuple[str, _Place]] = set()
    for entity in entities:
        for at in tokens.places(entity.mention):
            if entity.mention.span or (entity.label, at) not in used:
                used.add((entity.label, at))
                yield Entity(entity.label, _mention(entity.mention, at))
                break


def _place_relations(
    relations: Iterable[Relation], tokens: _Tokens, labels: _Labels
) -> Iterator[tuple[Relation, Ends]]:
    """A relation said again in the same place, between ends with the same labels, is left out."""
    used: set[tuple[object, ...]] = set()
    for relation in relations:
        head, tail = relation.head, relation.tail
        pairs = [
            (abs(one.first - other.first), one, other)
            for one in tokens.places(head)
            for other in tokens.places(tail)
        ]
        if not pairs:
            return
        _, one, other = min(pairs)
        ends = labels.of(relation)
        row = (relation.label, one, other, ends)
        if row not in used:
            used.add(row)
            yield Relation(relation.label, _mention(head, one), _mention(tail, other)), ends


def _place_events(events: Iterable[Event], tokens: _Tokens) -> Iterator[Event]:
    used: set[_Place] = set()
    for event in events:
        places = tokens.places(event.trigger)
        if not places:
            continue
        trigger = next((at for at in places if event.trigger.span or at not in used), None)
        if trigger is None:
            return
        used.add(trigger)
        arguments = (_place_argument(a, trigger, tokens) for a in event.arguments)
        placed = tuple(argument for argument in arguments if argument)
        yield Event(event.label, _mention(event.trigger, trigger), placed)


def _place_argument(argument: Argument, trigger: _Place, tokens: _Tokens) -> Argument | None:
    places = tokens.places(argument.mention)
    if not places:
        return None
    nearest = min(places, key=lambda at: abs(at.first - trigger.first))
    return Argument(argument.role, _mention(argument.mention, nearest))


def _typed_strings(extraction: Extraction) -> list[Item]:
    return [
        (r.label, r.head.text, head, r.tail.text, tail)
        for r, (head, tail) in zip(extraction.relations, _ends(extraction), strict=True)
    ]


STRING_ITEMS: Mapping[str, Maker] = {
    "entity": lambda x: [(e.label, e.mention.text) for e in x.entities if e.mention.text],
    "relation": lambda x: [(r.label, r.head.text, r.tail.text) for r in x.relations],
    "relation-strict": _typed_strings,
    "trigger": lambda x: [(e.label, e.trigger.text) for e in x.events],
    "argument": lambda x: [
        (argument_label(e, a), a.role, a.mention.text) for e in x.events for a in e.arguments
    ],
}
"""Items by label and string, letter for letter."""
