"""Answer sentences about events (paper, section 2.2 and Table 8).

EE: `type: trigger, role: argument, role: argument; type: trigger`. EET: `type: trigger; ...`.
EEA: `role: argument; role: argument` about the given event. The released code puts EE's events in
brackets and writes `argument: role`; this is the paper's order, which is that of the other tasks.
"""

from __future__ import annotations

from instructuie.codec.escape import (
    LABEL,
    LAST,
    LISTED,
    ROLE,
    PartReader,
    is_nothing,
    read_items,
    unparsable,
    write_fields,
)
from instructuie.errors import TaskError
from instructuie.tasks import Task
from instructuie.types import Argument, Event, Extraction, Issue, Mention

_TRIGGER = (LABEL, LAST)
_EVENT = (LABEL, LISTED)
_ARGUMENT = (ROLE, LISTED)
_GIVEN_ARGUMENT = (LABEL, LAST)


def write(task: Task, extraction: Extraction) -> str:
    if task.name == "EEA":
        arguments = only_event(extraction).arguments if extraction.events else ()
        rows = ((argument.role, argument.mention.text) for argument in arguments)
        return "; ".join(write_fields(row, _GIVEN_ARGUMENT) for row in rows)
    write_event = _write_event if task.arguments else _write_trigger
    return "; ".join(write_event(event) for event in extraction.events)


def read(task: Task, sentence: str, given: Extraction) -> tuple[Extraction, list[Issue]]:
    if task.name == "EEA":
        return _read_arguments(sentence, only_event(given))
    if not task.arguments:
        events, issues = read_items(sentence, _read_trigger, "type: trigger")
        return Extraction(events=tuple(events)), issues
    broken: list[Issue] = []
    events, issues = read_items(
        sentence, lambda reader: _read_event(reader, broken), "type: trigger, role: argument"
    )
    return Extraction(events=tuple(events)), issues + broken


def only_event(extraction: Extraction) -> Event:
    """The one event that EEA is about; raises TaskError."""
    if len(extraction.events) != 1:
        raise TaskError(
            f"EEA is about exactly one event, got {len(extraction.events)}: ask once for each event"
        )
    return extraction.events[0]


def _write_trigger(event: Event) -> str:
    return write_fields((event.label, event.trigger.text), _TRIGGER)


def _write_event(event: Event) -> str:
    parts = [write_fields((event.label, event.trigger.text), _EVENT)]
    parts += (write_fields((a.role, a.mention.text), _ARGUMENT) for a in event.arguments)
    return ", ".join(parts)


def _read_trigger(reader: PartReader) -> Event | None:
    parts = reader.read_fields(_TRIGGER)
    return None if parts is None else Event(parts[0], Mention(parts[1]))


def _read_event(reader: PartReader, broken: list[Issue]) -> Event | None:
    """One event; an argument that cannot be read goes to `broken`, and the event is kept."""
    parts = reader.read_fields(_EVENT)
    if parts is None:
        return None
    arguments = []
    while reader.stop == ",":
        start = reader.at
        row = reader.read_fields(_ARGUMENT)
        if row is not None:
            arguments.append(Argument(row[0], Mention(row[1])))
            continue
        if reader.stop == ":":  # a role stood before a second colon or nothing followed it
            reader.read(LISTED)
        raw = reader.sentence[start : reader.at].strip(" ,;")
        if raw and not is_nothing(raw):  # `type: trigger, None`: no arguments
            broken.append(unparsable(raw, "role: argument"))
    return Event(parts[0], Mention(parts[1]), tuple(arguments))


def _read_arguments(sentence: str, event: Event) -> tuple[Extraction, list[Issue]]:
    rows, issues = read_items(
        sentence, lambda reader: reader.read_fields(_GIVEN_ARGUMENT), "role: argument"
    )
    arguments = tuple(Argument(role, Mention(text)) for role, text in rows)
    return Extraction(events=(Event(event.label, event.trigger, arguments),)), issues
