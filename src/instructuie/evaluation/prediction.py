"""What a system said about one record, beside the gold: the row that all scoring reads.

A row holds all that any rule needs, so that a prediction file can be scored again later, under
another rule, without the data or the system that it came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from instructuie.tasks import TaskName
from instructuie.types import Extraction, Issue


@dataclass(frozen=True, slots=True)
class Prediction:
    """One task asked of one text."""

    dataset: str
    task: TaskName
    id: str
    """The record's; unique within a data set and its split."""
    text: str
    gold: Extraction
    """What the task asks for, and what it gives: for ET, EPR and EEA also the given items."""
    predicted: Extraction | None
    """None when the system has no answer for this record: all of its gold counts as missed."""
    options: tuple[str, ...] = ()
    """The labels that were asked for, in the order of the prompt."""
    completion: str | None = None
    """What a text decoder wrote; None for systems that do not write."""
    scores: Mapping[str, tuple[float, ...]] | None = None
    """`entities`, `relations`, `events`, `arguments` (event by event): the score of each predicted
    item, in order; None when the system gives none."""
    issues: tuple[Issue, ...] = ()
    split: str = "test"
    gold_completion: str | None = None
    """The gold answer as the sentence that a system's own file held (`ground_truth` of the released
    code); None where gold never was a sentence."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        row: dict[str, Any] = {
            "dataset": self.dataset,
            "task": self.task,
            "split": self.split,
            "id": self.id,
            "text": self.text,
            "options": list(self.options),
            "gold": self.gold.to_dict(),
            "predicted": None if self.predicted is None else self.predicted.to_dict(),
        }
        if self.completion is not None:
            row["completion"] = self.completion
        if self.gold_completion is not None:
            row["gold_completion"] = self.gold_completion
        if self.scores is not None:
            row["scores"] = {kind: list(values) for kind, values in self.scores.items()}
        if self.issues:
            row["issues"] = [{"kind": i.kind, "message": i.message} for i in self.issues]
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Prediction:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError."""
        predicted, scores = row.get("predicted"), row.get("scores")
        return cls(
            dataset=str(row["dataset"]),
            task=row["task"],
            id=str(row["id"]),
            text=str(row["text"]),
            gold=Extraction.from_dict(row["gold"]),
            predicted=None if predicted is None else Extraction.from_dict(predicted),
            options=tuple(row.get("options", ())),
            completion=row.get("completion"),
            scores=None if scores is None else {k: tuple(v) for k, v in scores.items()},
            issues=tuple(Issue(i["kind"], i["message"]) for i in row.get("issues", ())),
            split=row.get("split", "test"),
            gold_completion=row.get("gold_completion"),
        )
