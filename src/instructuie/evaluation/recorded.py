"""Answers of another system, read from its prediction file and joined with our questions.

A row says which question it answers by `dataset`, `task` and `id`, or by its text; and it answers
with `predicted` (items with offsets, as in our own files) or `completion` (the sentence of a text
decoder, which is then placed in the text). The released code's files are read as they are.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructuie.codec import parse
from instructuie.errors import DataError, InstructUIEError
from instructuie.evaluation.predictions import check_places, is_released, reason
from instructuie.evaluation.predictors import Answer
from instructuie.evaluation.questions import Question
from instructuie.evaluation.released_file import read_answer
from instructuie.evaluation.row_form import check_own, check_released
from instructuie.evaluation.suite import Entry
from instructuie.grounding import ground
from instructuie.jsonl import read_rows
from instructuie.tasks import TaskName, find_task
from instructuie.types import Extraction, Issue


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded answer, not yet read: what is wrong with it is said when it is needed."""

    line: int
    dataset: str
    task: TaskName
    id: str | None
    text: str | None
    predicted: Mapping[str, Any] | None
    completion: str | None
    scores: Mapping[str, Sequence[float]] | None = None
    issues: tuple[Issue, ...] = ()


class RecordedPredictor:
    """A system that has spoken already: `predictor.unused` counts rows that answered no question."""

    def __init__(self, path: Path) -> None:
        """Raises DataError with line and reason."""
        self._path, self._released = path, is_released(path)
        self.name = path.parent.name if path.stem.startswith("predict") else path.stem
        self._by_id: dict[tuple[str, ...], Row] = {}
        self._by_text: dict[tuple[str, str], list[Row]] = defaultdict(list)
        self._used: set[int] = set()
        self._count = 0
        for line, value in read_rows(path):
            self._add(self._read(value, line))

    @property
    def unused(self) -> int:
        """Rows that no question asked for so far."""
        return self._count - len(self._used)

    def settings(self) -> Mapping[str, Any]:
        digest = hashlib.sha256(self._path.read_bytes()).hexdigest()[:16]
        return {"kind": "recorded", "file": self._path.name, "sha256": digest}

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        """No answer where the file has no row for a question. Raises DataError."""
        return [self._answer(question, entry) for question in questions]

    def _answer(self, question: Question, entry: Entry) -> Answer:
        row = self._find(question, entry)
        if row is None:
            return Answer(None)
        self._used.add(row.line)
        try:
            return self._said(row, question)
        except (KeyError, TypeError, ValueError, AttributeError, InstructUIEError) as error:
            raise self._error(f"not an answer: {reason(error)}", row.line) from error

    def _said(self, row: Row, question: Question) -> Answer:
        prompt = question.prompt
        if row.predicted is None and row.completion is None:
            return Answer(None, issues=row.issues)
        scores = {k: tuple(v) for k, v in row.scores.items()} if row.scores else None
        if row.predicted is not None:
            predicted = Extraction.from_dict(row.predicted)
            check_places(prompt.text, predicted, "predicted")
            return Answer(predicted, row.completion, scores, row.issues)
        said = row.completion or ""
        if self._released:
            extraction, issues = read_answer(prompt.task.name, prompt.text, said, prompt.given)
        else:
            parsed, broken = parse(prompt.task.name, said, given=prompt.given)
            result, unplaced = ground(parsed, prompt.text)
            extraction, issues = result.extraction, (*broken, *unplaced)
        return Answer(extraction, said, scores, (*row.issues, *issues))

    def _find(self, question: Question, entry: Entry) -> Row | None:
        """By id if that row is about the same text, else by text, the same data set first."""
        text = _squeezed(question.prompt.text)
        row = self._by_id.get((_plain(entry.dataset), entry.task, question.id))
        if row is not None and (row.text is None or _squeezed(row.text) == text):
            return row
        if entry.task == "EEA":  # of the events of a text, only the id says which
            return None
        rows = self._by_text.get((entry.task, text), [])
        same = [r for r in rows if _plain(r.dataset) == _plain(entry.dataset)]
        return next(iter(same or rows), None)

    def _read(self, value: Mapping[str, Any], line: int) -> Row:
        try:
            return _from_released(value, line) if self._released else _from_own(value, line)
        except (KeyError, TypeError, ValueError, AttributeError, InstructUIEError) as error:
            raise self._error(f"not an answer: {reason(error)}", line) from error

    def _add(self, row: Row) -> None:
        self._count += 1
        if row.id is not None:
            key = (_plain(row.dataset), row.task, row.id)
            if key in self._by_id and not self._released:
                first = self._by_id[key].line
                raise self._error(f"the id {row.id!r} stands on line {first} already", row.line)
            self._by_id[key] = row
        if row.text is not None:
            self._by_text[row.task, _squeezed(row.text)].append(row)

    def _error(self, message: str, line: int) -> DataError:
        return DataError(message, path=self._path, line=line)


def _from_released(value: Mapping[str, Any], line: int) -> Row:
    check_released(value, ("sentence",))
    instance = value["Instance"]
    task, id = find_task(value["Task"]).name, instance.get("id")
    return Row(
        line,
        value["Dataset"],
        task,
        None if id is None else str(id),
        instance["sentence"],
        None,
        value["Prediction"],
    )


def _from_own(value: Mapping[str, Any], line: int) -> Row:
    check_own(value, ("dataset", "task"))
    if "id" not in value and "text" not in value:
        raise ValueError("the row has neither `id` nor `text` to say which question it answers")
    if "predicted" not in value and "completion" not in value:
        raise ValueError("the row has neither `predicted` nor `completion`")
    return Row(
        line,
        value["dataset"],
        find_task(value["task"]).name,
        str(value["id"]) if "id" in value else None,
        value.get("text"),
        value.get("predicted"),
        value.get("completion"),
        value.get("scores"),
        tuple(Issue(i["kind"], i["message"]) for i in value.get("issues", ())),
    )


def _squeezed(text: str) -> str:
    """Texts are the same when they differ in blanks only: tokens are joined in several ways."""
    return "".join(text.split())


def _plain(name: str) -> str:
    """`MIT-Movie`, `mit movie` and `mit_movie` are one data set."""
    return "".join(filter(str.isalnum, name.lower()))
