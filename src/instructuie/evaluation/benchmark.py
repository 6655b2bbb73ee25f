"""Running a suite: data and suite → a plan, a plan and a predictor → a folder of predictions.

The folder holds one JSON Lines file for each entry, a row per question in the order of the data, and
`run.json`, which says how they came about. Each row is on disk before the next one is written, so a
run that ends in any way goes on where it was; under other settings it refuses to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from instructuie.errors import DataError
from instructuie.evaluation.plan import Job, Plan
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.predictors import Answer, Predictor
from instructuie.evaluation.questions import Question
from instructuie.evaluation.run import open_run, write_run
from instructuie.evaluation.suite import Entry
from instructuie.jsonl import RowWriter, read_rows
from instructuie.progress import Progress, Silent

CHUNK = 256
"""The most questions that a predictor is asked side by side, and that a kill can cost."""
FIRST = 32
"""How many they are at first, and for a slow system always."""
SECONDS = 10.0
"""As long as answers come sooner, twice as many are asked next; later, half."""


def predict(
    plan: Plan, predictor: Predictor, folder: Path, *, progress: Progress | None = None
) -> None:
    """Ask every question that is not answered yet in `folder`.

    Raises ConfigError when the folder holds a run under other settings, and DataError when its files
    are damaged by more than a torn end.
    """
    progress = progress or Silent()
    run = open_run(plan, predictor, folder)
    progress.start(plan.size, "texts")
    try:
        for job in plan.jobs:
            row = run["entries"][job.entry.name]
            for count, seconds in _answers(job, predictor, folder / job.entry.file):
                # The first count is what was there before, and takes no time.
                row["answered"] = row["answered"] + count if seconds else count
                row["seconds"] = round(row["seconds"] + seconds, 3)
                write_run(run, folder)
                progress.advance(count)
    finally:
        progress.finish()


def _answers(job: Job, predictor: Predictor, path: Path) -> Iterator[tuple[int, float]]:
    """How many questions were answered before; then, part by part, how many more in what time."""
    with RowWriter.open(path, append=True) as writer:
        done = _answered(job, path)
        yield done, 0.0
        size = min(FIRST, CHUNK)
        while asked := job.questions[done : done + size]:
            began = time.perf_counter()
            answers = predictor.answer(asked, job.entry)
            seconds = time.perf_counter() - began
            for question, answer in zip(asked, answers, strict=True):
                writer.write(to_prediction(job.entry, question, answer).to_dict())
            yield len(asked), seconds
            done += len(asked)
            size = next_size(size, seconds)


def next_size(size: int, seconds: float) -> int:
    """How many questions to ask after so many took so long."""
    return min(2 * size, CHUNK) if seconds < SECONDS else min(max(size // 2, FIRST), CHUNK)


def _answered(job: Job, path: Path) -> int:
    """How many rows the file has; they are the first questions, in order."""
    done = 0
    for line, row in read_rows(path):
        expected = job.questions[done].id if done < len(job.questions) else None
        if row.get("id") != expected:
            raise DataError(
                f"holds the answer to {row.get('id')!r} where {expected!r} was expected: the file was "
                "changed or belongs to another run; delete it to predict it anew",
                path=path,
                line=line,
            )
        done += 1
    return done


def to_prediction(entry: Entry, question: Question, answer: Answer) -> Prediction:
    """Question and answer as one row."""
    return Prediction(
        dataset=entry.dataset,
        task=entry.task,
        id=question.id,
        text=question.prompt.text,
        gold=question.gold,
        predicted=answer.predicted,
        options=question.options,
        completion=answer.completion,
        scores=answer.scores,
        issues=answer.issues,
        split=entry.part,
    )
