"""Gold items -> the walk through the grammar that says them; the pointer decoder's training target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from instructuie.pointer.encoding import BoolArray, Encoded, IntArray, given_values, token_of
from instructuie.pointer.grammar import STOP, State
from instructuie.prompt import Prompt
from instructuie.tasks import Slot
from instructuie.types import Event, Extraction, Mention

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Walk:
    """M moves over T tokens: decoder inputs, targets, and what was legal."""

    last: IntArray
    """(M,) the token that the previous move pointed at, 0 at the beginning and after STOP."""
    first: IntArray
    """(M,) the token that opened the item under way, 0 when none is open."""
    slot: IntArray
    """(M,) the slot to fill."""
    target: IntArray
    """(M,) the token to point at; -100 where the move is forced (not trained)."""
    legal: BoolArray
    """(M, T) the tokens that the grammar allows."""


def walk(prompt: Prompt, encoded: Encoded, target: Extraction) -> Walk:
    """The walk that says `target`. Gold mentions that end inside a word are widened to the word."""
    state = State(prompt.task, encoded.layout, given_values(prompt, encoded))
    values = _values(prompt, encoded, target, state)
    last, first, slots, targets, legals = [], [], [], [], []
    previous = 0
    while not state.finished:
        move = state.legal()
        slot = move.slot
        option = state.open_option if slot is Slot.ROLE else 0
        value = move.low if move.forced else next(values)
        token = token_of(encoded, slot, value, option)
        legal = np.zeros(len(encoded.ids), np.bool_)
        legal[encoded.targets(slot, option)[move.low : move.high]] = True
        legal[0] = move.stop
        last.append(previous)
        first.append(0 if state.first == STOP else int(encoded.starts[state.first]))
        slots.append(int(slot))
        targets.append(-100 if move.forced else token)
        legals.append(legal)
        state.advance(value)
        previous = token
    if not slots:
        empty = np.zeros(0, np.int64)
        return Walk(empty, empty, empty, empty, np.zeros((0, len(encoded.ids)), np.bool_))
    return Walk(
        np.asarray(last, np.int64),
        np.asarray(first, np.int64),
        np.asarray(slots, np.int64),
        np.asarray(targets, np.int64),
        np.stack(legals),
    )


def _values(prompt: Prompt, encoded: Encoded, target: Extraction, state: State) -> Iterator[int]:
    """The free moves of the target, in the order in which the grammar asks for them."""
    rows = _rows(prompt, encoded, target)
    task = prompt.task
    if task.given and not task.arguments:
        labels = {row[: task.given]: row[task.given] for row, _ in rows}
        for given in sorted(set(given_values(prompt, encoded))):
            yield labels.get(given, STOP)
        return
    for row, arguments in rows:
        yield from row[task.given :]
        if task.arguments and state.layout.roles[row[-1]]:
            for argument in arguments:
                yield from argument
            yield STOP
    yield STOP  # the answer is complete, or the given event has no arguments at all


def _rows(prompt: Prompt, encoded: Encoded, target: Extraction) -> list[tuple[Row, list[Row]]]:
    """Item values in rising order, each with its arguments in rising order; no duplicates."""
    task = prompt.task
    index = {option.name: position for position, option in enumerate(prompt.options)}
    rows: dict[Row, list[Row]] = {}
    if task.options == "entity":
        for entity in target.entities:
            label = (index[entity.label],) if task.labelled else ()
            _add(rows, encoded, (entity.mention,), label)
    elif task.options == "relation":
        for relation in target.relations:
            label = (index[relation.label],) if task.labelled else ()
            _add(rows, encoded, (relation.head, relation.tail), label)
    else:
        for event in target.events:
            option = index[event.label]
            arguments = _argument_rows(prompt, encoded, event, option) if task.arguments else []
            _add(rows, encoded, (event.trigger,), (option,), arguments)
    return [(row, sorted(set(arguments))) for row, arguments in sorted(rows.items())]


def _add(
    rows: dict[Row, list[Row]],
    encoded: Encoded,
    mentions: Sequence[Mention],
    label: Row,
    arguments: Sequence[Row] = (),
) -> None:
    values: Row = ()
    for mention in mentions:
        words = encoded.words_of(mention)
        if words is None:
            return
        values += words
    rows.setdefault((*values, *label), []).extend(arguments)


def _argument_rows(prompt: Prompt, encoded: Encoded, event: Event, option: int) -> list[Row]:
    roles = {role.name: i for i, role in enumerate(prompt.schema.events[option].roles)}
    return [
        (*words, roles[argument.role])
        for argument in event.arguments
        if (words := encoded.words_of(argument.mention)) is not None
    ]
