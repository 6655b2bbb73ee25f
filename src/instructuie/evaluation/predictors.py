"""Systems that answer questions: the one seam between a benchmark and whatever is measured by it.

A `Predictor` reads prompts, never gold. A question without an answer stays one: its gold counts as
missed, and the run says how many there were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from instructuie.evaluation.questions import Question
from instructuie.evaluation.suite import Entry
from instructuie.extractor import Extractor
from instructuie.merging import Overlap
from instructuie.prompt import Prompt
from instructuie.tasks import find_task
from instructuie.types import EntityItem, EventItem, Extraction, Issue, RelationItem, Result

Scores = Mapping[str, tuple[float, ...]]
ItemT = TypeVar("ItemT", EntityItem, RelationItem, EventItem)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system says to one question; the fields are those of `Prediction`."""

    predicted: Extraction | None
    completion: str | None = None
    scores: Scores | None = None
    issues: tuple[Issue, ...] = ()


class Predictor(Protocol):
    """A system that can be measured."""

    @property
    def name(self) -> str:
        """How reports call it."""

    def settings(self) -> Mapping[str, Any]:
        """All that its answers depend on, as JSON values: a run goes on only under the same ones."""

    def answer(self, questions: Sequence[Question], entry: Entry) -> Sequence[Answer]:
        """One answer for each question, in order. Only the prompts and ids are to be read."""


@dataclass(frozen=True, slots=True)
class ExtractorPredictor:
    """The built-in model or an exported folder, asked through the calls that users make."""

    extractor: Extractor
    name: str = "built-in model"
    model: str = ""
    """Fingerprint of the model's files."""
    threshold: float | None = None
    overlap: Overlap | None = None
    """In place of the entry's own."""
    beam_size: int = 1

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        *,
        threads: int | None = None,
        batch_size: int = 32,
        threshold: float | None = None,
        overlap: Overlap | None = None,
        beam_size: int = 1,
    ) -> ExtractorPredictor:
        """Raises ModelError."""
        extractor = Extractor(folder, threads=threads, batch_size=batch_size)
        name = folder.name if folder else "built-in model"
        model = _fingerprint(extractor.folder)
        return cls(extractor, name, model, threshold, overlap, beam_size)

    def settings(self) -> Mapping[str, Any]:
        return {
            "kind": "extractor",
            "model": self.model,
            "threshold": self.threshold,
            "overlap": self.overlap,
            "beam_size": self.beam_size,
        }

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        prompts = [question.prompt for question in questions]
        results = self._ask(prompts, entry, entry.task)
        if entry.typed and prompts and prompts[0].schema.entities:
            typing = [replace(p, task=find_task("NER"), instruction="") for p in prompts]
            entities = self._ask(typing, entry, "NER")
            results = [
                replace(result, entities=found.entities)
                for result, found in zip(results, entities, strict=True)
            ]
        return [to_answer(best_items(result, entry)) for result in results]

    def _ask(self, prompts: Sequence[Prompt], entry: Entry, task: str) -> list[Result]:
        """As `Extractor.extract` does for NER, `spans` for ES and so on: only NER settles overlaps."""
        return self.extractor.answer(
            prompts,
            threshold=0.0 if entry.best and task == entry.task else self.threshold,
            overlap=(self.overlap or entry.overlap) if task == "NER" else "all",
            beam_size=self.beam_size,
        )


def to_answer(result: Result) -> Answer:
    """A result with its scores, each kind that it has."""
    kinds = (
        ("entities", result.entities),
        ("relations", result.relations),
        ("events", result.events),
    )
    scores = {kind: tuple(round(i.score, 4) for i in items) for kind, items in kinds if items}
    return Answer(result.extraction, scores=scores, issues=result.issues)


def best_items(result: Result, entry: Entry) -> Result:
    """The entry's `best` items that the task asks for, by score; all without such a limit."""
    if not entry.best:
        return result
    options = find_task(entry.task).options
    if options == "entity":
        return replace(result, entities=_best(result.entities, entry.best))
    if options == "relation":
        return replace(result, relations=_best(result.relations, entry.best))
    return replace(result, events=_best(result.events, entry.best))


def _best(items: Sequence[ItemT], count: int) -> tuple[ItemT, ...]:
    """In their own order; between equals the first."""
    ranked = sorted(range(len(items)), key=lambda at: -items[at].score)[:count]
    return tuple(items[at] for at in sorted(ranked))


@dataclass(frozen=True, slots=True)
class GoldPredictor:
    """Says what gold says: the ceiling of a rule, and a check of data and scoring."""

    name: str = "gold"

    def settings(self) -> Mapping[str, Any]:
        return {"kind": "gold"}

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        return [Answer(question.gold) for question in questions]


def _fingerprint(folder: Path) -> str:
    """SHA-256 over the files of a model, shortened."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".onnx", ".json", ".safetensors"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
