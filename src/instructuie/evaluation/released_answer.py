"""Answers as the released code writes them as gold: other brackets and orders than the paper's.

They differ from `codec` in EE (events in brackets, `argument: role`), in EEA (`argument: role`) and
in that nothing is quoted: a mention with a delimiter in it cannot be told from two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from instructuie.errors import TaskError
from instructuie.tasks import TaskName
from instructuie.types import Event, Extraction, Relation

APOSTROPHE = "#$%#"
"""What the released code puts for `'` in triggers and event labels, and never turns back."""
NOT_ANY = ("NA", "")
"""Labels of items that the released code leaves out."""


def released_answer(task: TaskName, extraction: Extraction) -> str:
    """The `ground_truth` that the released code has for these items, blank for blank.

    RE keeps pairs without a relation as `NA: head, tail`, as that code does in gold (but not in what
    it trains on). Raises TaskError for ES, ET, EP and EPR.
    """
    if task not in _WRITERS:
        raise TaskError(
            f"the released evaluator has no score for {task}: expected one of {', '.join(_WRITERS)}"
        )
    return _WRITERS[task](extraction) or " None"


def _entities(extraction: Extraction) -> str:
    return _joined(
        [f"{e.label}: {e.mention.text}" for e in extraction.entities if e.label not in NOT_ANY]
    )


def _relations(extraction: Extraction) -> str:
    return _joined(map(_relation, extraction.relations))


def _relation(relation: Relation) -> str:
    label = "NA" if relation.label in NOT_ANY else relation.label
    return f"{label}: {relation.head.text}, {relation.tail.text}"


def _triggers(extraction: Extraction) -> str:
    return _joined(map(_trigger, (e for e in extraction.events if e.label not in NOT_ANY)))


def _trigger(event: Event) -> str:
    return f"{_quoteless(event.label)}: {_quoteless(event.trigger.text)}"


def _events(extraction: Extraction) -> str:
    events = [_event(event) for event in extraction.events if event.label not in NOT_ANY]
    return ",".join(f" ( {event}) " for event in events)


def _event(event: Event) -> str:
    rows = ", ".join(f"{a.mention.text}: {a.role}" for a in event.arguments)
    return f"{_trigger(event)},  {rows or 'None'}"


def _arguments(extraction: Extraction) -> str:
    return _joined(
        f"{a.mention.text}: {a.role}" for event in extraction.events for a in event.arguments
    )


def _quoteless(text: str) -> str:
    return text.replace("'", APOSTROPHE)


def _joined(items: Iterable[str]) -> str:
    sentence = "; ".join(items)
    return f" {sentence}" if sentence else ""


_WRITERS: Mapping[TaskName, Callable[[Extraction], str]] = {
    "NER": _entities,
    "RE": _relations,
    "EE": _events,
    "EET": _triggers,
    "EEA": _arguments,
}
