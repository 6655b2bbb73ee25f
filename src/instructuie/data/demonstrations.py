"""Solved examples for prompts, out of annotated texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from instructuie.data.convert import Options, guess_source, read
from instructuie.data.convert.source import sound
from instructuie.data.instance import plain_instances
from instructuie.data.prepared import Inventory
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel
from instructuie.types import Extraction


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """A `codec.demonstrations.Solver`: every text is asked with the options of the prompt, and its
    items with other labels are left out. The prompt's own text is no example for it."""

    records: Sequence[Record]

    @classmethod
    def load(cls, path: Path) -> Demonstrations:
        """Annotated texts in any format that `instructuie data convert` reads. Raises DataError."""
        records = [sound(record) for record in read(guess_source(path), path, options=Options())]
        if not records:
            raise DataError("holds no annotated text to demonstrate with", path=path)
        return cls(records)

    @property
    def fingerprint(self) -> str:
        """Of all texts and what is annotated in them."""
        return sha256(repr([(r.text, r.gold) for r in self.records]).encode()).hexdigest()[:16]

    def solve(self, prompt: Prompt) -> Iterator[tuple[Prompt, Extraction]]:
        inventory = _inventory(prompt)
        for record in self.records:
            if record.text == prompt.text:
                continue
            asked = replace(record, gold=_asked_for(record.gold, prompt))
            for instance in plain_instances(asked, prompt.task, inventory):
                # Its own options, but for descriptions of labels.
                wanted = replace(instance.prompt, instruction=prompt.instruction)
                yield replace(wanted, schema=prompt.schema), instance.target


def _inventory(prompt: Prompt) -> Inventory:
    schema = prompt.schema
    return Inventory(
        (prompt.task.main,),
        tuple(label.name for label in schema.entities),
        tuple(label.name for label in schema.relations),
        {event.name: event.role_names for event in schema.events},
    )


def _asked_for(gold: Extraction, prompt: Prompt) -> Extraction:
    """The items whose labels are options."""
    names = {option.name for option in prompt.options}
    roles: dict[str, EventLabel] = {event.name: event for event in prompt.schema.events}
    return Extraction(
        tuple(e for e in gold.entities if e.label in names),
        tuple(r for r in gold.relations if r.label in names),
        tuple(
            replace(
                e, arguments=tuple(a for a in e.arguments if a.role in roles[e.label].role_names)
            )
            for e in gold.events
            if e.label in names
        ),
    )
