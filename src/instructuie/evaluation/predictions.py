"""Prediction files: JSON Lines, one row per question, in our own form or in the released code's.

A file that breaks its form raises DataError with the line and the reason; nothing is passed over in
silence. A mention with offsets is the text at them, so that files of systems that count otherwise
(bytes, UTF-16) are found out rather than scored as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from instructuie.errors import DataError, InstructUIEError
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.released_file import from_released, to_released
from instructuie.evaluation.row_form import check_own
from instructuie.jsonl import RowWriter, read_rows
from instructuie.tasks import find_task
from instructuie.types import Extraction

Parse = Callable[[Mapping[str, Any], int], Prediction]
"""A row and its line -> the prediction; raises whatever it likes about a row that is not one."""


def read_predictions(path: Path) -> Iterator[Prediction]:
    """The predictions of a file, in its order; its form is seen from its first row.

    Raises DataError, also when an id comes twice for a data set, split and task. In the released
    code's file it may, since that code counts every row; the second one is then called by its line.
    """
    released = is_released(path)
    seen: dict[tuple[str, ...], int] = {}
    for line, prediction in _numbered(path, from_released if released else _from_row):
        key = (prediction.dataset, prediction.split, prediction.task, prediction.id)
        if key in seen and released:
            prediction = replace(prediction, id=f"{prediction.id} (line {line})")
        elif key in seen:
            raise DataError(
                f"the id {prediction.id!r} of {prediction.dataset}/{prediction.task} stands on line "
                f"{seen[key]} already; expected each record once",
                path=path,
                line=line,
            )
        seen[key] = line
        yield prediction


def is_released(path: Path) -> bool:
    """True when the first row has the keys of the released code's file. Raises DataError."""
    first = next(islice(read_rows(path), 1), None)
    if first is None:
        raise DataError("is empty: expected one prediction on each line", path=path)
    return {"Task", "Instance", "Prediction"} <= first[1].keys()


def write_predictions(predictions: Iterable[Prediction], path: Path, *, released: bool) -> int:
    """Writes a file, whole or not at all, in our own or the released code's form; returns its rows.

    The released form holds sentences only: offsets and scores are lost. Raises DataError.
    """
    write = to_released if released else Prediction.to_dict
    partial = path.with_name(path.name + ".part")
    count = 0
    with RowWriter.open(partial) as writer:
        for prediction in predictions:
            writer.write(write(prediction))
            count += 1
    partial.replace(path)
    return count


def check_places(text: str, extraction: Extraction, side: str) -> None:
    """Raises ValueError when a mention is not the text at its offsets; `side` is gold or predicted."""
    for mention in extraction.mentions():
        span = mention.span
        if span is not None and text[span.start : span.end] != mention.text:
            raise ValueError(
                f"the {side} mention {mention.text!r} is not the text at {span.start} to {span.end}, "
                f"which is {text[span.start : span.end]!r}; expected offsets in characters, the end "
                "exclusive"
            )


def _numbered(path: Path, parse: Parse) -> Iterator[tuple[int, Prediction]]:
    for line, row in read_rows(path):
        try:
            prediction = parse(row, line)
            check_places(prediction.text, prediction.gold, "gold")
            if prediction.predicted is not None:
                check_places(prediction.text, prediction.predicted, "predicted")
        except (KeyError, TypeError, ValueError, AttributeError, InstructUIEError) as error:
            raise DataError(f"not a prediction: {reason(error)}", path=path, line=line) from error
        yield line, prediction


def _from_row(row: Mapping[str, Any], line: int) -> Prediction:
    check_own(row, ("dataset", "task", "id", "text", "gold"))
    find_task(row["task"])
    return Prediction.from_dict(row)


def reason(error: Exception) -> str:
    """What was wrong with a row, in words."""
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
