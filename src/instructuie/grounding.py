"""Grounding: from the mentions that a text decoder wrote to characters of the text.

A mention is looked for letter for letter, then with case, white space, quotes, dashes and Unicode
forms made equal; what is not found is left out and reported. Whatever comes out,
`text[item.start:item.end] == item.text`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple, TypeVar

from instructuie.folding import Folded, occurrences, within_word
from instructuie.types import (
    Argument,
    ArgumentItem,
    Entity,
    EntityItem,
    Event,
    EventItem,
    Extraction,
    Issue,
    Mention,
    MentionItem,
    Relation,
    RelationItem,
    Result,
)
from instructuie.types import Grounding as Status

ItemT = TypeVar("ItemT", Entity, Relation, Event)


@dataclass(frozen=True, slots=True)
class ItemScore:
    """The score of an item, and of each argument of an event."""

    own: float = 1.0
    arguments: tuple[float, ...] = ()


def ground(
    extraction: Extraction,
    text: str,
    scores: Sequence[ItemScore] = (),
    *,
    accents: bool = True,
) -> tuple[Result, tuple[Issue, ...]]:
    """Place the mentions of `extraction` in `text`.

    `scores` are those of its entities, relations and events, in this order; without them each is 1.
    `accents` is False for mentions that were written without them, and without control characters.

    - The n-th equal mention of entities, and of triggers, takes the n-th place that is still free;
      longer mentions choose first, so that "York" leaves "New York" alone where it can.
    - The ends of a relation, and the arguments of an event, take the places closest to each other,
      at entities where there are any.
    - A mention that already has a span keeps it, if the text there is the mention.

    A `not-in-text` issue names each mention that was left out, with its relation or event if it is
    an end or a trigger; a `repeat` issue each item that was said more often than the text has room.
    Without offsets, a relation said twice cannot be told from one between other equal words.
    """
    return _Grounder(text, accents=accents).ground(extraction, scores)


class _Place(NamedTuple):
    start: int
    end: int
    status: Status

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


class _Grounder:
    def __init__(self, text: str, *, accents: bool) -> None:
        self.text, self.accents = text, accents
        self.issues: list[Issue] = []
        self.labels: dict[tuple[int, int], str] = {}
        """The entity label at each place that an entity has taken."""
        self.found: dict[str, list[_Place]] = {}

    def ground(
        self, extraction: Extraction, scores: Sequence[ItemScore]
    ) -> tuple[Result, tuple[Issue, ...]]:
        # Entities first: relations and events look for them.
        given = iter(scores)
        entities = list(self.entities(_scored(extraction.entities, given)))
        relations = list(self.relations(_scored(extraction.relations, given)))
        events = list(self.events(_scored(extraction.events, given)))
        result = Result(
            self.text,
            tuple(sorted(entities, key=lambda e: (e.start, e.end))),
            tuple(sorted(relations, key=lambda r: (r.head.start, r.tail.start))),
            tuple(sorted(events, key=lambda e: (e.trigger.start, e.trigger.end))),
        )
        return result, tuple(self.issues)

    def entities(self, entities: Sequence[tuple[Entity, ItemScore]]) -> Iterator[EntityItem]:
        taken = _Taken(len(self.text))
        for entity, score in sorted(entities, key=lambda row: -len(row[0].mention.text)):
            if place := self.free(entity.mention, entity.label, taken):
                start, end, status = place
                self.labels.setdefault((start, end), entity.label)
                yield EntityItem(start, end, self.text[start:end], entity.label, score.own, status)

    def relations(self, relations: Sequence[tuple[Relation, ItemScore]]) -> Iterator[RelationItem]:
        said = set()
        for relation, score in relations:
            heads, tails = self.candidates(relation.head), self.candidates(relation.tail)
            if not heads or not tails:
                continue
            pairs = ((head, _closest(tails, head)) for head in heads)
            head, tail = min(pairs, key=lambda pair: (_distance(*pair), pair[0].start))
            row = (relation.label, head.span, tail.span)
            if row in said:
                self.repeat(f"{relation.head.text}, {relation.tail.text}")
                continue
            said.add(row)
            yield RelationItem(relation.label, self.item(head), self.item(tail), score.own)

    def events(self, events: Sequence[tuple[Event, ItemScore]]) -> Iterator[EventItem]:
        taken = _Taken(len(self.text))
        for event, score in sorted(events, key=lambda row: -len(row[0].trigger.text)):
            # One trigger may start several events of one label that differ in their arguments.
            if place := self.free(event.trigger, (event.label, event.arguments), taken):
                arguments = self.arguments(event.arguments, score.arguments, place)
                items = tuple(sorted(arguments, key=lambda a: (a.start, a.end)))
                yield EventItem(event.label, self.item(place), items, score.own)

    def arguments(
        self, arguments: Sequence[Argument], scores: Sequence[float], trigger: _Place
    ) -> Iterator[ArgumentItem]:
        used: set[tuple[str, int, int]] = set()
        for argument, score in zip(arguments, chain(scores, repeat(1.0)), strict=False):
            places = self.candidates(argument.mention)
            free = [place for place in places if (argument.role, *place.span) not in used]
            if free:
                start, end, status = _closest(free, trigger)
                used.add((argument.role, start, end))
                yield ArgumentItem(argument.role, start, end, self.text[start:end], score, status)
            elif places:
                self.repeat(argument.mention.text)

    def item(self, place: _Place) -> MentionItem:
        start, end, status = place
        return MentionItem(
            start, end, self.text[start:end], self.labels.get(place.span, ""), status
        )

    def free(self, mention: Mention, key: Hashable, taken: _Taken) -> _Place | None:
        """The best place for one more `mention`, which is then taken for `key` (its label)."""
        places = self.places(mention)
        best = next((place for place in places if taken.leaves(place)), None)
        if best is None:
            free = [place for place in places if (place.span, key) not in taken.keys]
            if not free:
                if places:
                    self.repeat(mention.text)
                return None
            best = min(free, key=taken.preference)
        taken.add(best, key)
        return best

    def candidates(self, mention: Mention) -> list[_Place]:
        """Places to choose the closest from: at entities if there are any, and exact if any is."""
        places = self.places(mention)
        places = [place for place in places if place.span in self.labels] or places
        return [place for place in places if place.status == "exact"] or places

    def places(self, mention: Mention) -> list[_Place]:
        """Where `mention` stands, by place in the text; an issue if that is nowhere."""
        span = mention.span
        if span and self.text[span.start : span.end] == mention.text:
            return [_Place(span.start, span.end, "exact")]
        if mention.text not in self.found:
            self.found[mention.text] = self.find(mention.text)
        if not self.found[mention.text]:
            self.issues.append(Issue("not-in-text", f"{mention.text!r} is not in the text"))
        return self.found[mention.text]

    def find(self, mention: str) -> list[_Place]:
        """Whole words where there are any, else parts of words."""
        exact = {(at, at + len(mention)) for at in occurrences(mention, self.text)}
        wanted = Folded(mention, bare=not self.accents).letters
        normalized = set(self.folded.find(wanted)) - exact
        places = [_Place(*span, "exact") for span in exact]
        places += [_Place(*span, "normalized") for span in normalized]
        places.sort()
        return [place for place in places if self.is_whole(place)] or places

    def is_whole(self, place: _Place) -> bool:
        return not (within_word(self.text, place.start) or within_word(self.text, place.end))

    @cached_property
    def folded(self) -> Folded:
        return Folded(self.text, bare=not self.accents)

    def repeat(self, item: str) -> None:
        self.issues.append(Issue("repeat", f"{item!r} was said more often than it is in the text"))


def _scored(items: Sequence[ItemT], scores: Iterator[ItemScore]) -> list[tuple[ItemT, ItemScore]]:
    return [(item, next(scores, _SURE)) for item in items]


_SURE = ItemScore()


class _Taken:
    """The places that earlier mentions have taken."""

    def __init__(self, length: int) -> None:
        self.keys: set[tuple[tuple[int, int], Hashable]] = set()
        self.spans: set[tuple[int, int]] = set()
        self.covered = bytearray(length)

    def add(self, place: _Place, key: Hashable) -> None:
        self.keys.add((place.span, key))
        self.spans.add(place.span)
        self.covered[place.start : place.end] = b"\1" * (place.end - place.start)

    def leaves(self, place: _Place) -> bool:
        """True where nothing is better: the first such place in the text is the one to take."""
        return place.status == "exact" and not self.touches(place)

    def preference(self, place: _Place) -> tuple[bool, bool, bool, int]:
        return (
            place.span in self.spans,
            place.status != "exact",
            self.touches(place),
            place.start,
        )

    def touches(self, place: _Place) -> bool:
        return self.covered.find(1, place.start, place.end) >= 0


def _closest(places: Sequence[_Place], to: _Place) -> _Place:
    """Of places in text order, the one next to `to`, if possible not overlapping it."""
    after = bisect_left(places, to)
    return min(places[max(after - 1, 0) : after + 2], key=lambda place: _distance(place, to))


def _distance(one: _Place, other: _Place) -> tuple[bool, int]:
    gap = max(one.start, other.start) - min(one.end, other.end)
    return gap < 0, gap
