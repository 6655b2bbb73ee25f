"""Annotated texts. Invariant: `text[span.start:span.end] == mention.text` for every gold mention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instructuie.errors import DataError
from instructuie.types import Extraction


@dataclass(frozen=True, slots=True)
class Record:
    """One text and what it says.

    `source` is where the text came from (`file:line`), for messages only. A relation's typed ends
    are the entities with the same spans.
    """

    text: str
    gold: Extraction
    id: str = ""
    source: str = ""

    def check(self) -> None:
        """Raise DataError when a mention is not the text at its span."""
        for mention in self.gold.mentions():
            span = mention.span
            if span is None or self.text[span.start : span.end] != mention.text:
                raise DataError(
                    f"the mention {mention.text!r} is not the text at {span}; "
                    "every gold mention needs the exact characters of its text",
                    path=self.source or self.id,
                )

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "text": self.text, **self.gold.to_dict()}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any], *, source: str = "") -> Record:
        return cls(str(row["text"]), Extraction.from_dict(row), str(row.get("id", "")), source)
