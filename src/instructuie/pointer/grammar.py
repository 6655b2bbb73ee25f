"""Legal moves of the pointer decoder, per task and state: pure Python, no model, no tokens.

A move names a word (by its index in the text), an option or role (by its index), or STOP. Items come
in strictly rising order of their slots, so nothing can be said twice and every walk ends. Whatever
the model's scores are, a walk over legal moves is a well-formed answer: invariant of this module.

STOP means, by slot: at START the answer is complete; at ARGUMENT_START the event is complete; at
OPTION of a given item no label fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from instructuie.tasks import ARGUMENT, Slot, Task

STOP: Final = -1
_ENDS = (Slot.END, Slot.TAIL_END, Slot.ARGUMENT_END)


@dataclass(frozen=True, slots=True)
class Layout:
    """What there is to point at: numbers of words, of options, and of roles per event option."""

    words: int
    options: int
    roles: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Legal:
    """The legal moves of a state: the values `low` to `high` (exclusive), and STOP if `stop`.

    `forced` moves are given with the prompt: they are taken without asking the model.
    """

    slot: Slot
    low: int
    high: int
    stop: bool = False
    forced: bool = False


@dataclass(slots=True)
class Item:
    """A decoded item: the value of each slot, the indices of its free moves, and its arguments."""

    values: tuple[int, ...]
    moves: tuple[int, ...]
    arguments: list[Item] = field(default_factory=list)


class State:
    """One walk through the grammar: `legal()` says what may come next, `advance(value)` takes it.

    `given` holds the leading slot values of each given item (ET, EPR, EEA), in any order.
    """

    __slots__ = (
        "_given",
        "_moves",
        "_open",
        "_values",
        "finished",
        "items",
        "layout",
        "steps",
        "task",
    )

    def __init__(self, task: Task, layout: Layout, given: Sequence[tuple[int, ...]] = ()) -> None:
        self.task, self.layout = task, layout
        self.items: list[Item] = []
        self.steps = 0
        self._given = sorted(set(given)) if task.given else []
        self._values: list[int] = []
        self._moves: list[int] = []
        self._open = False  # the last item is an event that still takes arguments
        self.finished = self._at_end()

    def copy(self) -> State:
        """An independent walk from the same point."""
        twin = object.__new__(State)
        twin.task, twin.layout, twin._given = self.task, self.layout, self._given
        twin.steps, twin.finished, twin._open = self.steps, self.finished, self._open
        twin._values, twin._moves = list(self._values), list(self._moves)
        twin.items = list(self.items)
        if self._open:
            last = self.items[-1]
            twin.items[-1] = Item(last.values, last.moves, list(last.arguments))
        return twin

    @property
    def slot(self) -> Slot:
        """The slot to fill next."""
        return self._row()[len(self._values)]

    @property
    def first(self) -> int:
        """The word that opened the item or argument under way, or STOP before its first move."""
        return self._values[0] if self._values else STOP

    @property
    def open_option(self) -> int:
        """The option of the event that takes arguments now; only meaningful at its slots."""
        return self.items[-1].values[2]

    def legal(self) -> Legal:
        """What may come next: at least one move, unless the walk is finished."""
        filled = len(self._values)
        slot = self.slot
        if not self._open and filled < self.task.given:
            value = self._given[len(self.items)][filled]
            return Legal(slot, value, value + 1, forced=True)
        low = self._values[-1] if slot in _ENDS else 0
        if self._open or not self.task.given:
            low = max(low, self._floor())
        stop = filled == 0 or (slot is Slot.OPTION and self.task.given > 0)
        return Legal(slot, low, self._size(slot), stop=stop)

    def advance(self, value: int) -> None:
        """Take one move; raises ValueError when it is not legal."""
        legal = self.legal()
        if not (legal.low <= value < legal.high or (value == STOP and legal.stop)):
            raise ValueError(f"illegal move {value} at {legal}")
        if not legal.forced:
            self._moves.append(self.steps)
        self.steps += 1
        if value == STOP and legal.slot is not Slot.OPTION:
            self._stop()
            return
        self._values.append(value)
        if len(self._values) == len(self._row()):
            self._complete()

    def _row(self) -> tuple[Slot, ...]:
        return ARGUMENT if self._open else self.task.item

    def _size(self, slot: Slot) -> int:
        if slot is Slot.OPTION:
            return self.layout.options
        if slot is Slot.ROLE:
            return self.layout.roles[self.open_option]
        return self.layout.words

    def _floor(self) -> int:
        """The lowest value of the open slot that still leads to a row above the previous one."""
        rows = self.items[-1].arguments if self._open else self.items
        if not rows:
            return 0
        previous, filled = rows[-1].values, len(self._values)
        if self._values != list(previous[:filled]):
            return 0  # already above it
        row = self._row()
        later = range(filled + 1, len(row))
        room = any(previous[index] < self._size(row[index]) - 1 for index in later)
        return previous[filled] if room else previous[filled] + 1

    def _complete(self) -> None:
        item = Item(tuple(self._values), tuple(self._moves))
        self._values, self._moves = [], []
        if self._open:
            self.items[-1].arguments.append(item)
            return
        self.items.append(item)
        self._open = (
            self.task.arguments
            and item.values[-1] != STOP
            and self.layout.roles[item.values[-1]] > 0
        )
        if not self._open:
            self.finished = self._at_end()

    def _stop(self) -> None:
        self._moves = []
        if self._open:
            self._open = False
            self.finished = self._at_end()
        else:
            self.finished = True

    def _at_end(self) -> bool:
        """True when nothing can follow: the given items are used up, or no word is left."""
        if self.task.given:
            return len(self.items) >= len(self._given)
        return False
