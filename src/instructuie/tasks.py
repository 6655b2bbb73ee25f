"""The nine tasks of the paper (section 2.2 and its appendix), as one table.

| task | asked | given | an item is |
| --- | --- | --- | --- |
| NER | entities | - | mention, label |
| ES | entity spans | - | mention |
| ET | labels of given spans | mentions | mention, label |
| RE | relations | - | head, tail, label |
| EP | entity pairs | - | head, tail |
| EPR | relation of given pairs | pairs | head, tail, label |
| EE | events | - | trigger, label, arguments |
| EET | event triggers | - | trigger, label |
| EEA | arguments of a given event | trigger and label | trigger, label, arguments |

An item is a fixed row of slots; events have a second row, repeated once per argument. Both decoders
read this table: the pointer grammar walks the slots, the codecs write them down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from instructuie.errors import TaskError

TaskName = Literal["NER", "ES", "ET", "RE", "EP", "EPR", "EE", "EET", "EEA"]
OptionKind = Literal["entity", "relation", "event"]


class Slot(IntEnum):
    """What one move of the pointer decoder points at."""

    START = 0
    """First word of an entity, a head or a trigger."""
    END = 1
    TAIL_START = 2
    TAIL_END = 3
    OPTION = 4
    """The label's marker among the options."""
    ARGUMENT_START = 5
    ARGUMENT_END = 6
    ROLE = 7


MENTION = (Slot.START, Slot.END)
PAIR = (Slot.START, Slot.END, Slot.TAIL_START, Slot.TAIL_END)
ARGUMENT = (Slot.ARGUMENT_START, Slot.ARGUMENT_END, Slot.ROLE)


@dataclass(frozen=True, slots=True)
class Task:
    name: TaskName
    index: int
    title: str
    options: OptionKind
    """Which labels of the schema are its options."""
    item: tuple[Slot, ...]
    """The slots of one item, in decoding order."""
    given: int = 0
    """How many leading slots of each item are given with the prompt."""
    arguments: bool = False
    """True when each item is followed by arguments (`ARGUMENT` slots each)."""

    @property
    def labelled(self) -> bool:
        return Slot.OPTION in self.item

    @property
    def main(self) -> TaskName:
        """The main task that this one is a part of."""
        mains: dict[OptionKind, TaskName] = {"entity": "NER", "relation": "RE", "event": "EE"}
        return mains[self.options]


_LABELLED = (*MENTION, Slot.OPTION)
_LABELLED_PAIR = (*PAIR, Slot.OPTION)

TASKS: Mapping[TaskName, Task] = {
    task.name: task
    for task in (
        Task("NER", 0, "named entity recognition", "entity", _LABELLED),
        Task("ES", 1, "entity spans", "entity", MENTION),
        Task("ET", 2, "entity typing", "entity", _LABELLED, given=2),
        Task("RE", 3, "relation extraction", "relation", _LABELLED_PAIR),
        Task("EP", 4, "entity pairs", "relation", PAIR),
        Task("EPR", 5, "relations of entity pairs", "relation", _LABELLED_PAIR, given=4),
        Task("EE", 6, "event extraction", "event", _LABELLED, arguments=True),
        Task("EET", 7, "event triggers", "event", _LABELLED),
        Task("EEA", 8, "event arguments", "event", _LABELLED, given=3, arguments=True),
    )
}


def find_task(name: str) -> Task:
    """The task called `name`, in any case; raises TaskError."""
    task = TASKS.get(name.upper())  # type: ignore[call-overload]
    if task is None:
        raise TaskError(f"unknown task {name!r}: expected one of {', '.join(TASKS)}")
    return task  # type: ignore[no-any-return]
