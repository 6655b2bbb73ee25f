"""Decoded walks -> scored items with character offsets."""

from __future__ import annotations

import math
from dataclasses import replace

from instructuie.pointer.decode import Decoded
from instructuie.pointer.encoding import Encoded
from instructuie.pointer.grammar import STOP, Item
from instructuie.prompt import Prompt
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    Issue,
    MentionItem,
    RelationItem,
    Result,
)


def answer(prompt: Prompt, encoded: Encoded, decoded: Decoded) -> Result:
    """The result of one prompt over one window; offsets are those of the prompt's text."""
    task = prompt.task
    issues = () if decoded.complete else (_STEP_LIMIT,)
    names = tuple(option.name for option in prompt.options)
    result = Result(prompt.text, issues=issues, asked={task.name: names})
    items = [item for item in decoded.items if item.values[-1] != STOP]
    if task.options == "entity":
        return replace(
            result, entities=tuple(_entity(prompt, encoded, decoded, item) for item in items)
        )
    if task.options == "relation":
        return replace(
            result, relations=tuple(_relation(prompt, encoded, decoded, item) for item in items)
        )
    return replace(result, events=tuple(_event(prompt, encoded, decoded, item) for item in items))


_STEP_LIMIT = Issue("step-limit", "the answer was longer than the step limit; its end is missing")


def _score(moves: tuple[float, ...]) -> float:
    return math.prod(moves, start=1.0)


def _place(prompt: Prompt, encoded: Encoded, first: int, last: int) -> tuple[int, int, str]:
    span = encoded.span(first, last)
    return span.start, span.end, prompt.text[span.start : span.end]


def _label(prompt: Prompt, option: int) -> str:
    return prompt.options[option].name


def _entity(prompt: Prompt, encoded: Encoded, decoded: Decoded, item: Item) -> EntityItem:
    moves = decoded.probabilities(item)
    label = _label(prompt, item.values[2]) if prompt.task.labelled else ""
    place = _place(prompt, encoded, *item.values[:2])
    return EntityItem(*place, label=label, score=_score(moves), moves=moves)


def _relation(prompt: Prompt, encoded: Encoded, decoded: Decoded, item: Item) -> RelationItem:
    moves = decoded.probabilities(item)
    head = MentionItem(*_place(prompt, encoded, *item.values[:2]))
    tail = MentionItem(*_place(prompt, encoded, *item.values[2:4]))
    label = _label(prompt, item.values[4]) if prompt.task.labelled else ""
    return RelationItem(label, head, tail, _score(moves), moves)


def _event(prompt: Prompt, encoded: Encoded, decoded: Decoded, item: Item) -> EventItem:
    moves = decoded.probabilities(item)
    trigger = MentionItem(*_place(prompt, encoded, *item.values[:2]))
    option = item.values[2]
    roles = prompt.schema.events[option].roles
    arguments = []
    for argument in item.arguments:
        own = decoded.probabilities(argument)
        place = _place(prompt, encoded, *argument.values[:2])
        role = roles[argument.values[2]].name
        arguments.append(ArgumentItem(role, *place, score=_score(own), moves=own))
    return EventItem(_label(prompt, option), trigger, tuple(arguments), _score(moves), moves)
