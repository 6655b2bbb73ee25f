"""Unified information extraction: entities, relations and events, by labels given at call time.

    from instructuie import Extractor

    result = Extractor().extract("Steve Jobs founded Apple.", entities=["person", "organization"])
    result.entities[0].text, result.entities[0].start, result.entities[0].score

Importing the package is cheap: the model's runtime is imported when an `Extractor` is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instructuie.errors import InstructUIEError
from instructuie.schema import EventLabel, Label, Schema
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    Extraction,
    Issue,
    MentionItem,
    RelationItem,
    Result,
)

if TYPE_CHECKING:
    from instructuie.extractor import Extractor

__version__ = "0.1.0"

__all__ = [
    "ArgumentItem",
    "EntityItem",
    "EventItem",
    "EventLabel",
    "Extraction",
    "Extractor",
    "InstructUIEError",
    "Issue",
    "Label",
    "MentionItem",
    "RelationItem",
    "Result",
    "Schema",
]


def __getattr__(name: str) -> Any:
    if name == "Extractor":
        from instructuie.extractor import Extractor

        return Extractor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
