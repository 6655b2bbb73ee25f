"""Extractions as items to be compared: what each task is scored on, by offsets or by strings.

An item is a tuple that begins with the label that it is counted under. Items are equal exactly when
they are the same answer; one that has no place in the text is equal to no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from instructuie.evaluation.prediction import Prediction
from instructuie.tasks import TASKS, TaskName
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

Item: TypeAlias = tuple[Any, ...]
Maker: TypeAlias = Callable[[Extraction], list[Item]]
Compared: TypeAlias = tuple[str, Sequence[Item], Sequence[Item]]
"""Unit, gold items, predicted items."""

TASK_UNITS: Mapping[TaskName, tuple[str, ...]] = {
    "NER": ("entity",),
    "ES": ("entity",),
    "ET": ("entity",),
    "RE": ("relation", "relation-strict"),
    "EP": ("relation",),
    "EPR": ("relation",),
    "EE": ("trigger", "argument"),
    "EET": ("trigger",),
    "EEA": ("argument",),
}
"""What the answer to each task is scored on; the first unit is the one that stands for the task."""

UNIT_TITLES: Mapping[tuple[TaskName, str], str] = {
    ("NER", "entity"): "entity",
    ("ES", "entity"): "entity span",
    ("ET", "entity"): "entity label, span given",
    ("RE", "relation"): "relation, boundary",
    ("RE", "relation-strict"): "relation, strict (ends typed)",
    ("EP", "relation"): "entity pair",
    ("EPR", "relation"): "relation label, pair given",
    ("EE", "trigger"): "trigger",
    ("EE", "argument"): "argument, end to end",
    ("EE", "event"): "all events of the text",
    ("EET", "trigger"): "trigger",
    ("EEA", "argument"): "argument, gold event label given",
}
"""What a unit means for a task."""


BY_STRING = ", by string"
"""How the titles of units end that compare strings, where a rule has both."""


def unit_title(task: TaskName, unit: str) -> str:
    """What a unit means, in words to print beside its score; units may be those of any rule."""
    base = unit.removesuffix("-string")
    title = UNIT_TITLES.get((task, base), base)
    return title if base == unit else f"{title}{BY_STRING}"


GIVEN: Mapping[TaskName, str] = {
    task: {"ET": "spans", "EPR": "pairs", "EEA": "event label and trigger"}.get(task, "nothing")
    for task in TASKS
}
"""What a task gives of the gold answer beside text and options."""

EMPTY = Extraction()


def sides(prediction: Prediction) -> tuple[Extraction, Extraction]:
    """Gold and predicted, reduced to what the task asks; a missing answer says nothing.

    ES and EP ask for no labels, so there are none. ET and EPR may give a mention that has no label;
    it is no item. EET asks for no arguments.
    """
    gold, predicted = prediction.gold, prediction.predicted or EMPTY
    asked = _ASKED.get(prediction.task)
    return (asked(gold), asked(predicted)) if asked else (gold, predicted)


_ASKED: Mapping[TaskName, Callable[[Extraction], Extraction]] = {
    "ES": lambda x: Extraction(tuple(Entity("", e.mention) for e in x.entities)),
    "ET": lambda x: Extraction(tuple(e for e in x.entities if e.label)),
    "EP": lambda x: Extraction((), tuple(Relation("", r.head, r.tail) for r in x.relations)),
    "EPR": lambda x: Extraction((), tuple(r for r in x.relations if r.label)),
}


def argument_label(event: Event, argument: Argument) -> str:
    """What an argument is counted under: the event's label and its role."""
    return f"{event.label}: {argument.role}"


def _entities(extraction: Extraction) -> list[Item]:
    return [
        (e.label, span.start, span.end) if (span := e.mention.span) else (e.label, object())
        for e in extraction.entities
    ]


def place(mention: Mention) -> object:
    """Offsets; a mention without a place is equal to no other."""
    return (mention.span.start, mention.span.end) if mention.span else object()


def _relations(extraction: Extraction) -> list[Item]:
    return [(r.label, place(r.head), place(r.tail)) for r in extraction.relations]


def _typed_relations(extraction: Extraction) -> list[Item]:
    labels = end_labels(extraction)
    return [
        (r.label, head := place(r.head), labels.get(head), tail := place(r.tail), labels.get(tail))
        for r in extraction.relations
    ]


def _triggers(extraction: Extraction) -> list[Item]:
    return [(e.label, place(e.trigger)) for e in extraction.events]


def _arguments(extraction: Extraction) -> list[Item]:
    return [
        (argument_label(e, a), a.role, place(a.mention))
        for e in extraction.events
        for a in e.arguments
    ]


OFFSET_ITEMS: Mapping[str, Maker] = {
    "entity": _entities,
    "relation": _relations,
    "relation-strict": _typed_relations,
    "trigger": _triggers,
    "argument": _arguments,
}
"""Items by label and characters. A relation's ends have the labels of the entities at their place."""


def end_labels(extraction: Extraction) -> dict[object, tuple[str, ...]]:
    """Place -> the labels of the entities there, in alphabetical order."""
    labels: dict[object, tuple[str, ...]] = {}
    for entity in extraction.entities:
        at = place(entity.mention)
        labels[at] = tuple(sorted({*labels.get(at, ()), entity.label}))
    return labels


def is_typed(gold: Extraction) -> bool:
    """True when the gold entities name a label for both ends of each gold relation.

    Where they do not, `relation-strict` has no meaning, and the record is left out of it.
    """
    labels = end_labels(gold)
    return all(place(r.head) in labels and place(r.tail) in labels for r in gold.relations)
