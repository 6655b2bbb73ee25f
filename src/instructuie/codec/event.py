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
    Read,
    is_nothing,
    read_items,
    unparsable,
    write_fields,
)
from instructuie.codec.parsed import ItemPlace, Parsed
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


def read(task: Task, sentence: str, given: Extraction) -> Parsed:
    if task.name == "EEA":
        return _read_arguments(sentence, only_event(given))
    broken: list[Issue] = []
    if task.arguments:
        events, places, issues = read_items(
            sentence, lambda reader: _read_event(reader, broken), "type: trigger, role: argument"
        )
    else:
        events, places, issues = read_items(sentence, _read_trigger, "type: trigger")
    return Parsed(Extraction(events=tuple(events)), (*issues, *broken), tuple(places))


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


def _read_trigger(reader: PartReader) -> Read[Event] | None:
    start = reader.at
    parts = reader.read_fields(_TRIGGER)
    if parts is None:
        return None
    return Read(Event(parts[0], Mention(parts[1])), ItemPlace(reader.range(start)))


def _read_event(reader: PartReader, broken: list[Issue]) -> Read[Event] | None:
    """One event; an argument that cannot be read goes to `broken`, and the event is kept."""
    start = reader.at
    parts = reader.read_fields(_EVENT)
    if parts is None:
        return None
    own = reader.range(start)
    arguments, places = [], []
    while reader.stop == ",":
        start = reader.at
        row = reader.read_fields(_ARGUMENT)
        if row is not None:
            arguments.append(Argument(row[0], Mention(row[1])))
            places.append(reader.range(start))
            continue
        if reader.stop == ":":  # a role stood before a second colon or nothing followed it
            reader.read(LISTED)
        raw = reader.sentence[start : reader.at].strip(" ,;")
        if raw and not is_nothing(raw):  # `type: trigger, None`: no arguments
            broken.append(unparsable(raw, "role: argument"))
    event = Event(parts[0], Mention(parts[1]), tuple(arguments))
    return Read(event, ItemPlace(own, tuple(places)))


def _read_arguments(sentence: str, event: Event) -> Parsed:
    def read_argument(reader: PartReader) -> Read[Argument] | None:
        start = reader.at
        row = reader.read_fields(_GIVEN_ARGUMENT)
        if row is None:
            return None
        return Read(Argument(row[0], Mention(row[1])), ItemPlace(reader.range(start)))

    arguments, places, issues = read_items(sentence, read_argument, "role: argument")
    told = Event(event.label, event.trigger, tuple(arguments))
    place = ItemPlace((0, len(sentence)), tuple(place.own for place in places))
    return Parsed(Extraction(events=(told,)), tuple(issues), (place,))
