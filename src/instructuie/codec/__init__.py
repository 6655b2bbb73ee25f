"""Extraction ⇄ answer sentence, as the paper writes it for each of the nine tasks (section 2.2).

`parse` undoes `verbalize` for every extraction but for what a task does not say (spans; labels in ES
and EP; arguments in EET). `parse` takes any string: what it cannot read becomes an issue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from instructuie.codec import entity, event, relation
from instructuie.codec.escape import NOTHING, is_nothing, quote
from instructuie.codec.parsed import ItemPlace, Parsed
from instructuie.tasks import OptionKind, Task, find_task
from instructuie.types import Extraction, Issue

__all__ = ["ItemPlace", "Parsed", "parse", "read", "verbalize"]

_WRITERS: Mapping[OptionKind, Callable[[Task, Extraction], str]] = {
    "entity": entity.write,
    "relation": relation.write,
    "event": event.write,
}
_READERS: Mapping[OptionKind, Callable[[Task, str, Extraction], Parsed]] = {
    "entity": entity.read,
    "relation": relation.read,
    "event": event.read,
}


def verbalize(task: str, extraction: Extraction) -> str:
    """The answer sentence of `task` for `extraction`; `None` when there is nothing to say.

    EEA speaks of one event: more than one raises TaskError.
    """
    found = find_task(task)
    sentence = _WRITERS[found.options](found, extraction)
    if not sentence:
        return NOTHING
    # Only ES writes a mention on its own, so only there can one be mistaken for the answer `None`.
    return quote(sentence) if is_nothing(sentence) else sentence


def parse(
    task: str, sentence: str, *, given: Extraction | None = None
) -> tuple[Extraction, tuple[Issue, ...]]:
    """What `sentence` says, as mentions without spans, and an `unparsable` issue for the rest.

    `given` is the prompt's: EEA takes its event from there (TaskError if there is not exactly one),
    with the trigger as it is; the other tasks do not read it.
    """
    parsed = read(task, sentence, given=given)
    return parsed.extraction, parsed.issues


def read(task: str, sentence: str, *, given: Extraction | None = None) -> Parsed:
    """As `parse`, with the place of each item in `sentence`."""
    found = find_task(task)
    said = "" if is_nothing(sentence) else sentence
    parsed = _READERS[found.options](found, said, given or Extraction())
    if sentence.strip():
        return parsed
    empty = Issue("unparsable", f"the answer is empty: expected {NOTHING} or items")
    return replace(parsed, issues=(empty, *parsed.issues))
