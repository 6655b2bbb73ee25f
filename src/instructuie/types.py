"""The values that every part of the package passes around.

All are frozen; every sequence is a tuple; every span is a half-open range of characters of the
original text, so `text[span.start:span.end]` is the mention, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Grounding = Literal["exact", "normalized", "none"]
"""How a mention was placed in its text: letter for letter, after normalising case, space or Unicode
form, or not at all. The pointer decoder points at the text itself, so its items are always `exact`."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) of a text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(
                f"a span needs 0 <= start < end, got start={self.start}, end={self.end}"
            )

    def overlaps(self, other: Span) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, other: Span) -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Mention:
    """A piece of text, and where it stands; `span` is None when its place is not known."""

    text: str
    span: Span | None = None

    @classmethod
    def of(cls, text: str, start: int, end: int) -> Mention:
        """The mention at characters `start` to `end` of `text`."""
        return cls(text[start:end], Span(start, end))


@dataclass(frozen=True, slots=True)
class Entity:
    label: str
    mention: Mention


@dataclass(frozen=True, slots=True)
class Relation:
    label: str
    head: Mention
    tail: Mention


@dataclass(frozen=True, slots=True)
class Argument:
    role: str
    mention: Mention


@dataclass(frozen=True, slots=True)
class Event:
    label: str
    trigger: Mention
    arguments: tuple[Argument, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a text says: gold data, model output, baselines and viewers all speak this type."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    events: tuple[Event, ...] = ()

    def mentions(self) -> Iterable[Mention]:
        """Every mention, in the order entities, relations (head, tail), events (trigger, arguments)."""
        for entity in self.entities:
            yield entity.mention
        for relation in self.relations:
            yield relation.head
            yield relation.tail
        for event in self.events:
            yield event.trigger
            for argument in event.arguments:
                yield argument.mention

    def to_dict(self) -> dict[str, Any]:
        return {
            "entities": [{"label": e.label, **_mention_to_dict(e.mention)} for e in self.entities],
            "relations": [
                {
                    "label": r.label,
                    "head": _mention_to_dict(r.head),
                    "tail": _mention_to_dict(r.tail),
                }
                for r in self.relations
            ],
            "events": [
                {
                    "label": e.label,
                    "trigger": _mention_to_dict(e.trigger),
                    "arguments": [
                        {"role": a.role, **_mention_to_dict(a.mention)} for a in e.arguments
                    ],
                }
                for e in self.events
            ],
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Extraction:
        """The inverse of `to_dict`; absent keys mean none. Raises KeyError, TypeError or ValueError."""
        return cls(
            tuple(Entity(e["label"], _mention(e)) for e in row.get("entities", ())),
            tuple(
                Relation(r["label"], _mention(r["head"]), _mention(r["tail"]))
                for r in row.get("relations", ())
            ),
            tuple(
                Event(
                    e["label"],
                    _mention(e["trigger"]),
                    tuple(Argument(a["role"], _mention(a)) for a in e.get("arguments", ())),
                )
                for e in row.get("events", ())
            ),
        )


def _mention_to_dict(mention: Mention) -> dict[str, Any]:
    if mention.span is None:
        return {"text": mention.text}
    return {"start": mention.span.start, "end": mention.span.end, "text": mention.text}


def _mention(row: Mapping[str, Any]) -> Mention:
    span = Span(int(row["start"]), int(row["end"])) if "start" in row else None
    return Mention(str(row["text"]), span)


@dataclass(frozen=True, slots=True)
class EntityItem:
    """An extracted entity. `label` is "" for tasks that ask for spans only (ES).

    `score` is the product of `moves`, the probability of each decoding move that made the item
    (pointer decoder: start, end, label), between 0 and 1. Of a text decoder it is the product of the
    probabilities of the tokens that wrote the item, 1 where these are not known, without `moves`.
    """

    start: int
    end: int
    text: str
    label: str
    score: float
    grounding: Grounding = "exact"
    moves: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MentionItem:
    """A place in the text that a relation or an event refers to.

    `label` is the entity label found at the same place in the same call, "" where there is none.
    """

    start: int
    end: int
    text: str
    label: str = ""
    grounding: Grounding = "exact"


@dataclass(frozen=True, slots=True)
class RelationItem:
    """An extracted relation; `label` is "" for tasks that ask for pairs only (EP)."""

    label: str
    head: MentionItem
    tail: MentionItem
    score: float
    moves: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ArgumentItem:
    role: str
    start: int
    end: int
    text: str
    score: float
    grounding: Grounding = "exact"
    moves: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class EventItem:
    """An extracted event; `score` is that of its trigger and label, each argument has its own."""

    label: str
    trigger: MentionItem
    arguments: tuple[ArgumentItem, ...]
    score: float
    moves: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that the reader of a result should know.

    `kind` is one of `truncated` (part of the text was not read), `step-limit` (the answer was cut),
    `not-asked` (a given item that no window holds), and for text decoders `unparsable`,
    `off-option`, `not-in-text`, `repeat`, `no-answer` (the request failed).
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What was extracted from one text. Items are ordered by their place in the text."""

    text: str
    entities: tuple[EntityItem, ...] = ()
    relations: tuple[RelationItem, ...] = ()
    events: tuple[EventItem, ...] = ()
    windows: int = 1
    """Into how many windows the text was split."""
    issues: tuple[Issue, ...] = ()
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The labels that were asked for, by task name (`{"NER": ("person", ...)}`)."""

    @property
    def truncated(self) -> bool:
        """True when some of the text was not read."""
        return any(issue.kind == "truncated" for issue in self.issues)

    @property
    def extraction(self) -> Extraction:
        """The items without scores, as gold data are written."""
        return Extraction(
            tuple(Entity(e.label, _place(e)) for e in self.entities),
            tuple(Relation(r.label, _place(r.head), _place(r.tail)) for r in self.relations),
            tuple(
                Event(
                    e.label,
                    _place(e.trigger),
                    tuple(Argument(a.role, _place(a)) for a in e.arguments),
                )
                for e in self.events
            ),
        )

    def sentence(self, task: str) -> str:
        """The answer sentence of the paper (section 2.2) for one task: `person: Steve Jobs; ...`."""
        from instructuie.codec import verbalize

        return verbalize(task, self.extraction)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; scores are rounded to four digits."""
        return {
            "text": self.text,
            "entities": [_item_to_dict(e) for e in self.entities],
            "relations": [
                {
                    "label": r.label,
                    "head": _item_to_dict(r.head),
                    "tail": _item_to_dict(r.tail),
                    "score": round(r.score, 4),
                }
                for r in self.relations
            ],
            "events": [
                {
                    "label": e.label,
                    "trigger": _item_to_dict(e.trigger),
                    "arguments": [_item_to_dict(a) for a in e.arguments],
                    "score": round(e.score, 4),
                }
                for e in self.events
            ],
            "windows": self.windows,
            "truncated": self.truncated,
            "issues": [{"kind": i.kind, "message": i.message} for i in self.issues],
        }


def _place(item: EntityItem | MentionItem | ArgumentItem) -> Mention:
    return Mention(item.text, Span(item.start, item.end))


def _item_to_dict(item: EntityItem | MentionItem | ArgumentItem) -> dict[str, Any]:
    row: dict[str, Any] = {"start": item.start, "end": item.end, "text": item.text}
    if isinstance(item, ArgumentItem):
        row = {"role": item.role, **row}
    elif item.label:
        row["label"] = item.label
    if not isinstance(item, MentionItem):
        row["score"] = round(item.score, 4)
    if item.grounding != "exact":
        row["grounding"] = item.grounding
    return row
