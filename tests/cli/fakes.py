"""A stand-in for the model: it finds every listed word in a text, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from instructuie.errors import TextError
from instructuie.schema import Schema
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    MentionItem,
    RelationItem,
    Result,
)


class FakeExtractor:
    """Calls every capitalised word an entity, and relates and fills with the first two of them.

    A text that holds `TOO LONG` is refused; `INTERRUPT` stands for Ctrl-C.
    """

    spent = None
    card = "# A model\n\nIt finds capitalised words."

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.keywords: dict[str, Any] = {}

    def extract_batch(self, texts: Sequence[str], schema: Schema, **keywords: Any) -> list[Result]:
        self.batches.append(list(texts))
        self.keywords = keywords
        return [self._extract(text, schema) for text in texts]

    def render(self, text: str, schema: Schema, *, task: str) -> str:
        return f"{task} {', '.join(schema.entity_names)} {text}"

    def _extract(self, text: str, schema: Schema) -> Result:
        if "TOO LONG" in text:
            raise TextError("the text does not fit the window")
        if "INTERRUPT" in text:
            raise KeyboardInterrupt
        label = schema.entity_names[0] if schema.entities else "thing"
        found = [
            EntityItem(match.start(), match.end(), match[0], label, 0.9)
            for match in re.finditer(r"[A-Z]\w+", text)
        ]
        if len(found) < 2:
            return Result(text, tuple(found))
        head, tail = (MentionItem(e.start, e.end, e.text, e.label) for e in found[:2])
        relations = tuple(RelationItem(r, head, tail, 0.8) for r in schema.relation_names)
        events = tuple(
            EventItem(
                event.name,
                head,
                tuple(
                    ArgumentItem(role, tail.start, tail.end, tail.text, 0.5)
                    for role in event.role_names
                ),
                0.7,
            )
            for event in schema.events
        )
        return Result(text, tuple(found), relations, events)
