"""Rows of the released code's `predict_eval_predictions.jsonl`, from and to predictions.

Such a row holds sentences and no offsets: gold and predicted mentions are placed where their words
stand in the text. The sentences themselves are kept letter for letter, since that code's evaluator
compares nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from instructuie.codec import parse, verbalize
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.released import UNITS
from instructuie.evaluation.released_answer import APOSTROPHE, released_answer
from instructuie.evaluation.row_form import check_released
from instructuie.grounding import ground
from instructuie.prompt import instruction_pools
from instructuie.tasks import TaskName, find_task
from instructuie.types import Argument, Entity, Event, Extraction, Issue, Mention

RELEASED_NAME = "predict_eval_predictions.jsonl"
"""What the released code calls the file."""


def from_released(row: Mapping[str, Any], line: int) -> Prediction:
    """Raises KeyError or ValueError about a row that is no such row, and TaskError.

    `ground_truth` rather than `label` is the gold answer that its evaluator reads. `NA`, which it
    writes there for pairs without a relation, is no item here.
    """
    check_released(row, ("sentence", "ground_truth"))
    instance, said = row["Instance"], row["Prediction"]
    task, text, answer = (
        find_task(row["Task"]).name,
        instance["sentence"],
        instance["ground_truth"],
    )
    given = _given(task, instance.get("instruction", ""))
    gold, _ = read_answer(task, text, answer, given)
    predicted, issues = read_answer(task, text, said, given)
    return Prediction(
        dataset=row["Dataset"],
        task=task,
        # Numbers start anew with each data set and split of that code; without one, the line tells.
        id=str(line if instance.get("id") is None else instance["id"]),
        text=text,
        gold=_without_na(gold),
        predicted=predicted,
        completion=said,
        gold_completion=answer,
        issues=issues,
        split=row.get("subset", "test"),
    )


def to_released(prediction: Prediction) -> dict[str, Any]:
    """A row as the released code writes it; a missing answer is an empty one."""
    task, predicted = prediction.task, prediction.predicted
    gold = prediction.gold_completion or _sentence(task, prediction.gold)
    said = prediction.completion
    if said is None:
        said = "" if predicted is None else _sentence(task, predicted).strip()
    return {
        "Task": task,
        "Dataset": prediction.dataset,
        "subset": prediction.split,
        "Instance": {
            "id": prediction.id,
            "sentence": prediction.text,
            "label": gold,
            "ground_truth": gold,
            "instruction": _prompt(prediction),
        },
        "Prediction": said,
    }


def read_answer(
    task: TaskName, text: str, sentence: str, given: Extraction
) -> tuple[Extraction, tuple[Issue, ...]]:
    """What a sentence in the released form says, its mentions placed in the text; the rest are issues.

    EEA's prompt names no trigger, so its arguments cannot take the place that is closest to one.
    """
    sentence = sentence.replace(APOSTROPHE, "'")
    said, issues = parse(task, _PLAIN.get(task, str)(sentence), given=given)
    if task != "EEA":
        result, unplaced = ground(said, text)
        return result.extraction, (*issues, *unplaced)
    event = said.events[0]
    result, unplaced = ground(
        Extraction(tuple(Entity(a.role, a.mention) for a in event.arguments)), text
    )
    arguments = tuple(Argument(e.label, e.mention) for e in result.extraction.entities)
    return Extraction(events=(replace(event, arguments=arguments),)), (*issues, *unplaced)


def _unbracketed(sentence: str) -> str:
    """`( type: trigger,  span: role) , ( ... )` as the codec reads events."""
    events = []
    for part in sentence.split("("):
        head, *arguments = part.rpartition(")")[0].split(",") if ")" in part else part.split(",")
        if head.strip():
            events.append(", ".join([head.strip(), *(_role_first(a, ",") for a in arguments)]))
    return "; ".join(events)


def _role_first(sentence: str, end: str = ";") -> str:
    """`span: role; ...` as the codec reads arguments: the last colon of each divides."""
    rows = (part.rpartition(":") for part in sentence.split(end) if part.strip())
    return f"{end} ".join(
        f"{role.strip()}: {span.strip()}" if colon else role.strip() for span, colon, role in rows
    )


_PLAIN: Mapping[TaskName, Callable[[str], str]] = {"EE": _unbracketed, "EEA": _role_first}
"""Where the released form is not the paper's."""


def _given(task: TaskName, instruction: str) -> Extraction:
    """EEA's event: the prompt of the released code names its label, and no trigger."""
    if task != "EEA":
        return Extraction()
    label = instruction.partition("Event type:")[2].split("\n")[0].strip()
    return Extraction(events=(Event(label or "event", Mention("")),))


def _without_na(gold: Extraction) -> Extraction:
    relations = tuple(r for r in gold.relations if r.label.lower() != "na")
    return Extraction(gold.entities, relations, gold.events)


def _sentence(task: TaskName, extraction: Extraction) -> str:
    if task in UNITS:
        return released_answer(task, extraction)
    return f" {verbalize(task, extraction)}"


def _prompt(prediction: Prediction) -> str:
    event = ""
    if prediction.task == "EEA" and prediction.gold.events:
        event = f"Event type: {prediction.gold.events[0].label} \n "
    options = ", ".join(prediction.options)
    instruction = instruction_pools()[prediction.task][0]
    return f"{instruction} \n{event}Option: {options} \nText: {{0}} \nAnswer:"
