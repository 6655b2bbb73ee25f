"""Prompts: instruction + options + text + given items, the one input of both decoders.

Training, inference and API baselines all build their input here, so they cannot drift apart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from instructuie.errors import TaskError
from instructuie.schema import Label, Schema
from instructuie.tasks import TASKS, Task, TaskName
from instructuie.types import Extraction


@cache
def instruction_pools() -> Mapping[TaskName, tuple[str, ...]]:
    """The instructions that come with the package, by task; the first one is the default."""
    file = resources.files("instructuie") / "assets" / "instructions" / "default.toml"
    pools = tomllib.loads(file.read_text(encoding="utf-8"))
    return {name: tuple(pools[name]) for name in TASKS}


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question about one text.

    The options are the schema's labels of the task's kind, in the schema's order. `given` holds the
    given items of ET (entities), EPR (relations) and EEA (one event): their mentions count, and for
    EEA the event label; other labels in it are not read.
    """

    task: Task
    text: str
    schema: Schema
    given: Extraction = field(default_factory=Extraction)
    instruction: str = ""

    def __post_init__(self) -> None:
        if not self.instruction:
            object.__setattr__(self, "instruction", instruction_pools()[self.task.name][0])
        if not self.options:
            raise TaskError(
                f"{self.task.name} asks about {self.task.options} labels and the schema has none: "
                "give some, or ask for another task"
            )
        if self.task.name == "EEA" and len(self.given.events) != 1:
            raise TaskError(
                f"EEA needs exactly one given event, got {len(self.given.events)}: "
                "ask once for each event"
            )

    @property
    def options(self) -> tuple[Label, ...]:
        """The labels on offer; of events, the event labels without their roles."""
        if self.task.options == "entity":
            return self.schema.entities
        if self.task.options == "relation":
            return self.schema.relations
        return tuple(Label(event.name, event.description) for event in self.schema.events)

    def plain(self) -> str:
        """The prompt as plain text, as a text decoder reads it (paper, Figure 2).

        Where the released code writes Python lists of event types and roles, this writes
        `type (role, role)`, which names the roles that belong to each type.
        """
        lines = [self.instruction, f"Option: {self._option_line()}", f"Text: {self.text}"]
        lines += self._given_lines()
        return "\n".join([*lines, "Answer:"])

    def _option_line(self) -> str:
        if not self.task.arguments:
            return ", ".join(_described(label) for label in self.options)
        return ", ".join(
            f"{_described(Label(event.name, event.description))} "
            f"({', '.join(_described(role) for role in event.roles)})"
            for event in self.schema.events
        )

    def _given_lines(self) -> list[str]:
        if self.task.name == "ET":
            return ["Entities: " + ", ".join(e.mention.text for e in self.given.entities)]
        if self.task.name == "EPR":
            pairs = (f"{r.head.text}, {r.tail.text}" for r in self.given.relations)
            return ["Entity pairs: " + "; ".join(pairs)]
        if self.task.name == "EEA":
            event = self.given.events[0]
            return [f"Event: {event.label}: {event.trigger.text}"]
        return []


def _described(label: Label) -> str:
    return f"{label.name} ({label.description})" if label.description else label.name
