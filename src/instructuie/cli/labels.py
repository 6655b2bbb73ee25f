"""Labels on the command line: `--entities`, `--relations`, `--events` and `--schema`.

Labels are separated by commas: `--entities "person, organization"`. An event may list its roles
in parentheses, separated by semicolons: `--events "attack(attacker; target), meeting"`. Each option
may be repeated, and adds to the labels of `--schema`. A value that begins with a bracket or a brace
is JSON, as the library takes labels: `--events '{"attack": ["attacker", "target"]}'`. A label that
holds such a sign itself can stand there, or in a schema file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from instructuie.errors import SchemaError
from instructuie.schema import EventLabel, Label, Schema

_PANEL = "What to look for"

EntitiesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--entities",
        "-e",
        metavar="A,B",
        help="Entity labels, separated by commas.",
        rich_help_panel=_PANEL,
    ),
]
RelationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--relations",
        "-r",
        metavar="A,B",
        help="Relation labels, separated by commas.",
        rich_help_panel=_PANEL,
    ),
]
EventsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--events",
        metavar="A(X;Y),B",
        help="Event labels, separated by commas; roles in parentheses, separated by semicolons: "
        '"attack(attacker; target), meeting"; or JSON.',
        rich_help_panel=_PANEL,
    ),
]
SchemaOption = Annotated[
    Path | None,
    typer.Option(
        "--schema",
        "-s",
        metavar="FILE",
        help="A .toml, .json or .yaml file with entities, relations and events.",
        rich_help_panel=_PANEL,
    ),
]


def build_schema(
    entities: Sequence[str] | None,
    relations: Sequence[str] | None,
    events: Sequence[str] | None,
    file: Path | None,
) -> Schema:
    """The schema of the four options together. Raises SchemaError, also when they name no label."""
    base = Schema.from_file(file) if file else None
    groups = (parse_labels(entities), parse_labels(relations), parse_events(events))
    if base is None and not any(groups):
        raise SchemaError(
            "nothing to look for: give --entities, --relations, --events or --schema, such as "
            "--entities person,organization"
        )
    if base is None:
        return Schema(*groups)
    return Schema(base.entities + groups[0], base.relations + groups[1], base.events + groups[2])


def parse_labels(options: Sequence[str] | None) -> tuple[Label, ...]:
    """The labels in `["person, place", "date"]`. Raises SchemaError."""
    labels: list[Label] = []
    for option in options or ():
        if _is_json(option):
            labels += Schema.of(entities=_from_json(option)).entities
        else:
            labels += (Label(name) for name in _split(option, ","))
    return tuple(labels)


def parse_events(options: Sequence[str] | None) -> tuple[EventLabel, ...]:
    """The events in `["attack(attacker; target), meeting"]`. Raises SchemaError."""
    events: list[EventLabel] = []
    for option in options or ():
        if _is_json(option):
            events += Schema.of(events=_from_json(option)).events
        else:  # a comma inside parentheses does not count
            events += (_event(part) for part in _split(option, r",(?![^()]*\))"))
    return tuple(events)


def _is_json(option: str) -> bool:
    return option.lstrip()[:1] in ("{", "[")


def _from_json(option: str) -> Any:
    try:
        return json.loads(option)
    except ValueError as error:
        raise SchemaError(
            f"{option!r} begins as JSON does and cannot be read as such: {error}; write labels "
            "separated by commas, JSON in quotes that the shell leaves alone, or use --schema"
        ) from error


def _event(part: str) -> EventLabel:
    match = re.fullmatch(r"([^()]+)(?:\(([^()]*)\))?", part)
    if match is None:
        raise SchemaError(
            f"cannot read the event {part!r}: write a label, then its roles in parentheses, "
            'separated by semicolons, such as "attack(attacker; target)"; labels that hold '
            "parentheses themselves need --schema"
        )
    return EventLabel(match[1], tuple(Label(role) for role in _split(match[2] or "", "[;,]")))


def _split(option: str, separator: str) -> list[str]:
    return [part.strip() for part in re.split(separator, option) if part.strip()]
