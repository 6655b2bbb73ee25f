"""A baseline without a model: what the training texts hold, found again letter for letter.

It knows how far memory alone goes on a data set, which is the floor under every other score. A string
is found where it is labelled in at least half of its places in the training texts, the longest first,
under the label that it has most often among the options. A data set without training texts, or kept
for zero-shot tests, is asked with the texts of all others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

from instructuie.data.prepared import Prepared
from instructuie.data.record import Record
from instructuie.evaluation.predictors import Answer
from instructuie.evaluation.questions import Question
from instructuie.evaluation.suite import Entry
from instructuie.pointer.words import split_words
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

Words: TypeAlias = tuple[str, ...]
Found: TypeAlias = tuple[Mention, str]
"""A place in a text and its label."""

LONGEST = 8
"""Words of a string that is looked up."""
OF_EACH = 2000
"""Texts of each data set, where those of all are asked."""


class LookupPredictor:
    """A predictor that remembers the training split of prepared data."""

    name = "lookup"

    def __init__(self, training: Prepared) -> None:
        self._fingerprint = training.fingerprint
        self._records = {
            name: parts["train"]
            for name, parts in training.records.items()
            if parts.get("train") and training.header["datasets"][name].get("use") != "zero-shot"
        }
        self._memories: dict[str, _Memory] = {}

    def settings(self) -> Mapping[str, Any]:
        return {"kind": "lookup", "training": self._fingerprint}

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        memory = self._memory(entry.dataset)
        return [Answer(_ANSWERS[entry.task](memory, question)) for question in questions]

    def _memory(self, dataset: str) -> _Memory:
        own = self._records.get(dataset)
        key = dataset if own else ""
        if key not in self._memories:
            every = (islice(records, OF_EACH) for records in self._records.values())
            self._memories[key] = _Memory(list(own or chain.from_iterable(every)))
        return self._memories[key]


class _Strings:
    """Strings with their labels, and how often each occurs at all."""

    def __init__(self, records: Sequence[Record], items: Callable[[Record], Iterable[Found]]):
        self.labels: dict[Words, Counter[str]] = defaultdict(Counter)
        for record in records:
            for mention, label in items(record):
                words = _words(mention.text)
                if len(words) <= LONGEST:
                    self.labels[words][label] += 1
        self.seen: Counter[Words] = Counter()
        self.longest = max(map(len, self.labels), default=0)
        for record in records:
            words = _words(record.text)
            for at in range(len(words)):
                for end in range(at + 1, min(at + self.longest, len(words)) + 1):
                    if (part := words[at:end]) in self.labels:
                        self.seen[part] += 1

    def find(self, text: str, options: Collection[str]) -> Iterator[Found]:
        """From left to right, the longest string first; none overlap."""
        places = split_words(text)
        words = tuple(text[start:end] for start, end in places)
        at = 0
        while at < len(words):
            for end in range(min(at + self.longest, len(words)), at, -1):
                label = self._label(words[at:end], options)
                if label is not None:
                    yield Mention.of(text, places[at][0], places[end - 1][1]), label
                    at = end - 1
                    break
            at += 1

    def _label(self, words: Words, options: Collection[str]) -> str | None:
        known = self.labels.get(words)
        if known is None or 2 * known.total() < self.seen[words]:
            return None
        return best(known, options)


class _Memory:
    """What training texts hold; each part is learned when it is asked for."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._strings: dict[str, _Strings] = {}
        self.pairs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.roles: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for record in records:
            for r in record.gold.relations:
                self.pairs[r.head.text, r.tail.text][r.label] += 1
            for event in record.gold.events:
                for a in event.arguments:
                    self.roles[event.label, a.mention.text][a.role] += 1

    def strings(self, kind: str) -> _Strings:
        """`entity`, `end` (of relations), `trigger` or `argument`."""
        if kind not in self._strings:
            self._strings[kind] = _Strings(self._records, _ITEMS[kind])
        return self._strings[kind]

    def label(self, text: str, options: Collection[str]) -> str | None:
        """The label of a given string, whatever else it may be elsewhere."""
        return best(self.strings("entity").labels.get(_words(text), Counter()), options)


def best(counts: Counter[str], options: Collection[str]) -> str | None:
    """The most frequent option; between equals the first in alphabetical order."""
    known = [(-count, label) for label, count in counts.items() if label in options]
    return min(known)[1] if known else None


def _words(text: str) -> Words:
    return tuple(text[start:end] for start, end in split_words(text))


_ITEMS: Mapping[str, Callable[[Record], Iterable[Found]]] = {
    "entity": lambda x: ((e.mention, e.label) for e in x.gold.entities),
    "end": lambda x: ((m, r.label) for r in x.gold.relations for m in (r.head, r.tail)),
    "trigger": lambda x: ((e.trigger, e.label) for e in x.gold.events),
    "argument": lambda x: ((a.mention, e.label) for e in x.gold.events for a in e.arguments),
}


def _entities(memory: _Memory, q: Question) -> Extraction:
    found = memory.strings("entity").find(q.prompt.text, q.prompt.schema.entity_names)
    return Extraction(tuple(Entity(label, mention) for mention, label in found))


def _spans(memory: _Memory, q: Question) -> Extraction:
    return Extraction(tuple(Entity("", e.mention) for e in _entities(memory, q).entities))


def _typing(memory: _Memory, q: Question) -> Extraction:
    given = ((e.mention, memory.label(e.mention.text, q.options)) for e in q.prompt.given.entities)
    return Extraction(tuple(Entity(label, mention) for mention, label in given if label))


def _relations(memory: _Memory, q: Question) -> Extraction:
    names = q.prompt.schema.relation_names
    ends = [mention for mention, _ in memory.strings("end").find(q.prompt.text, names)]
    entities = _entities(memory, q).entities if q.prompt.schema.entities else ()
    pairs = ((head, tail) for head in ends for tail in ends if head is not tail)
    return Extraction(entities, tuple(_related(memory, pairs, names)))


def _related(
    memory: _Memory, pairs: Iterable[tuple[Mention, Mention]], options: Collection[str]
) -> Iterator[Relation]:
    for head, tail in pairs:
        known = memory.pairs.get((head.text, tail.text))
        if known and (label := best(known, options)):
            yield Relation(label, head, tail)


def _pairs(memory: _Memory, q: Question) -> Extraction:
    found = _relations(memory, q).relations
    return Extraction(relations=tuple(Relation("", r.head, r.tail) for r in found))


def _pair_typing(memory: _Memory, q: Question) -> Extraction:
    given = ((r.head, r.tail) for r in q.prompt.given.relations)
    return Extraction(relations=tuple(_related(memory, given, q.options)))


def _triggers(memory: _Memory, q: Question) -> Extraction:
    found = memory.strings("trigger").find(q.prompt.text, q.prompt.schema.event_names)
    return Extraction(events=tuple(Event(label, mention) for mention, label in found))


def _events(memory: _Memory, q: Question) -> Extraction:
    events = _triggers(memory, q).events
    return Extraction(events=tuple(_with_arguments(memory, q, event) for event in events))


def _arguments(memory: _Memory, q: Question) -> Extraction:
    return Extraction(events=(_with_arguments(memory, q, q.prompt.given.events[0]),))


def _with_arguments(memory: _Memory, q: Question, event: Event) -> Event:
    roles = {e.name: e.role_names for e in q.prompt.schema.events}[event.label]
    found = memory.strings("argument").find(q.prompt.text, (event.label,))
    named = ((best(memory.roles.get((event.label, m.text), Counter()), roles), m) for m, _ in found)
    return Event(event.label, event.trigger, tuple(Argument(r, m) for r, m in named if r))


_ANSWERS: Mapping[str, Callable[[_Memory, Question], Extraction]] = {
    "NER": _entities,
    "ES": _spans,
    "ET": _typing,
    "RE": _relations,
    "EP": _pairs,
    "EPR": _pair_typing,
    "EE": _events,
    "EET": _triggers,
    "EEA": _arguments,
}
