"""What to look for: entity, relation and event labels, as the caller chooses them at call time.

A schema can be written down in five ways, all of which end up in `Schema`:

    Schema.of(entities=["person", "place"], events={"attack": ["attacker", "target"]})
    Schema.of(entities={"gene": "a gene or its product"})    with descriptions
    Schema.from_dict({"entities": [...], "relations": [...], "events": {...}})
    Schema.from_file("schema.toml")                          also .json, .yaml, .yml
    Schema.from_pydantic(News)                               a pydantic model class

A label is one line of text of at most `MAX_LABEL` characters; surrounding blanks are dropped.
Within one group no two labels may be the same when case and white space are ignored. Whatever
breaks these rules raises SchemaError.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from instructuie.errors import SchemaError

MAX_LABEL = 200
"""The most characters that a label may have."""


@dataclass(frozen=True, slots=True)
class Label:
    """One option: the words that the model reads, and what they mean when that needs saying."""

    name: str
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_name(self.name))
        object.__setattr__(self, "description", _checked_description(self.name, self.description))


@dataclass(frozen=True, slots=True)
class EventLabel:
    """An event label with the roles that its arguments can play."""

    name: str
    roles: tuple[Label, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_name(self.name))
        object.__setattr__(self, "description", _checked_description(self.name, self.description))
        object.__setattr__(self, "roles", tuple(self.roles))
        _refuse_duplicates(f"roles of the event {self.name!r}", self.roles)

    @property
    def role_names(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.roles)


LabelsLike: TypeAlias = Sequence[str | Label | Mapping[str, Any]] | Mapping[str, str]
"""Labels as callers write them: name -> description, or a list of names, `Label`s or tables with
the keys name and description."""

EventsLike: TypeAlias = (
    Sequence[str | EventLabel | Mapping[str, Any]] | Mapping[str, LabelsLike | None]
)
"""Events as callers write them: name -> roles, or a list of names, `EventLabel`s or tables with the
keys name, description and roles."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The labels to look for; at least one in all."""

    entities: tuple[Label, ...] = ()
    relations: tuple[Label, ...] = ()
    events: tuple[EventLabel, ...] = ()

    def __post_init__(self) -> None:
        for kind in _KINDS:
            object.__setattr__(self, kind, tuple(getattr(self, kind)))
            _refuse_duplicates(kind, getattr(self, kind))
        if not (self.entities or self.relations or self.events):
            raise SchemaError(
                "the schema is empty: it names nothing to look for; give at least one label in "
                "entities, relations or events, such as entities=['person']"
            )

    @classmethod
    def of(
        cls,
        *,
        entities: LabelsLike | None = None,
        relations: LabelsLike | None = None,
        events: EventsLike | None = None,
    ) -> Schema:
        """The schema of labels as they are written in a call. Raises SchemaError."""
        return cls(_labels("entities", entities), _labels("relations", relations), _events(events))

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Schema:
        """The schema of `{"entities": ..., "relations": ..., "events": ...}`, any of them absent.

        The inverse of `to_dict`. Raises SchemaError, also for any other key.
        """
        if not isinstance(row, Mapping):
            raise SchemaError(f"a schema must be a table with {_KNOWN}, got {_shown(row)}")
        if unknown := [str(key) for key in row if key not in _KINDS]:
            raise SchemaError(
                f"unknown keys in the schema: {', '.join(map(repr, unknown))}; "
                f"the keys are {_KNOWN}"
            )
        return cls.of(**dict(row))

    @classmethod
    def from_file(cls, path: str | Path) -> Schema:
        """The schema in a .toml, .json, .yaml or .yml file. Raises SchemaError, naming the file."""
        from instructuie.schema_source import read_schema_file

        try:
            return cls.from_dict(read_schema_file(Path(path)))
        except SchemaError as error:
            raise SchemaError(f"schema file {path}: {error}") from error

    @classmethod
    def from_pydantic(cls, model: type[Any]) -> Schema:
        """The schema that a pydantic (version 2) model class describes.

        Every field is one label, named by the field's title, or else by its name with underscores
        as spaces; the field's description is the label's. What a field asks for follows its type
        (`list`, `tuple`, `set` and `| None` around it make no difference):

        - `str`: an entity
        - a model with exactly the fields `head` and `tail`: a relation
        - a model with a field `trigger`: an event, the other fields are its roles

        Raises SchemaError for any other class or field type.
        """
        from instructuie.schema_source import read_model_class

        return cls.from_dict(read_model_class(model))

    @property
    def entity_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.entities)

    @property
    def relation_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.relations)

    @property
    def event_names(self) -> tuple[str, ...]:
        return tuple(label.name for label in self.events)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; groups without labels are left out."""
        row: dict[str, Any] = {}
        if self.entities:
            row["entities"] = _plain(self.entities)
        if self.relations:
            row["relations"] = _plain(self.relations)
        if any(event.description for event in self.events):
            row["events"] = [
                {"name": e.name, "description": e.description, "roles": _plain(e.roles)}
                for e in self.events
            ]
        elif self.events:
            row["events"] = {e.name: _plain(e.roles) for e in self.events}
        return row


_KINDS = ("entities", "relations", "events")
_KNOWN = "entities, relations and events"


def _plain(labels: tuple[Label, ...]) -> list[str] | dict[str, str]:
    if any(label.description for label in labels):
        return {label.name: label.description for label in labels}
    return [label.name for label in labels]


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text[:60]}... ({type(value).__name__})" if len(text) > 60 else text


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise SchemaError(
            f"a label must be text, got {_shown(name)} ({type(name).__name__}): put it in quotes"
        )
    stripped = name.strip()
    if not stripped or not stripped.isprintable():
        _check_characters(name, stripped)
    if len(stripped) > MAX_LABEL:
        raise SchemaError(
            f"the label {_shown(stripped)} has {len(stripped)} characters, at most {MAX_LABEL} are "
            "read: use a short name, and put the rest in its description"
        )
    return stripped


def _check_characters(name: str, stripped: str) -> None:
    categories = [unicodedata.category(character) for character in stripped]
    if all(category in _UNSEEN for category in categories):
        raise SchemaError(f"a label is blank: {name!r}; expected words such as 'person'")
    for character, category in zip(stripped, categories, strict=True):
        if category in _FORBIDDEN:
            raise SchemaError(
                f"the label {_shown(stripped)} holds the control character {character!r}; a label "
                "is one line of plain text: take it out"
            )


_FORBIDDEN = ("Cc", "Cs", "Zl", "Zp")
_UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")


def _checked_description(name: str, description: object) -> str:
    if not isinstance(description, str):
        raise SchemaError(
            f"the description of the label {name!r} must be text, got {_shown(description)}"
        )
    return " ".join(description.split())


def _refuse_duplicates(group: str, labels: Iterable[Label | EventLabel]) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        folded = " ".join(label.name.casefold().split())
        if folded in seen:
            raise SchemaError(
                f"two of the {group} are the same label: {seen[folded]!r} and {label.name!r} "
                "(case and spaces do not count); keep one"
            )
        seen[folded] = label.name


def _labels(group: str, given: LabelsLike | None) -> tuple[Label, ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(Label(name, description or "") for name, description in given.items())
    return tuple(_label(group, item) for item in _listed(group, given))


def _label(group: str, item: object) -> Label:
    if isinstance(item, Label):
        return item
    if isinstance(item, Mapping):
        _check_keys(group, item, ("name", "description"))
        return Label(item["name"], item.get("description") or "")
    return Label(item)  # type: ignore[arg-type]  # Label says what is wrong with any other type


def _events(given: EventsLike | None) -> tuple[EventLabel, ...]:
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(EventLabel(name, _roles(name, roles)) for name, roles in given.items())
    return tuple(_event(item) for item in _listed("events", given))


def _event(item: object) -> EventLabel:
    if isinstance(item, EventLabel):
        return item
    if isinstance(item, Mapping):
        _check_keys("events", item, ("name", "description", "roles"))
        name = item["name"]
        return EventLabel(name, _roles(name, item.get("roles")), item.get("description") or "")
    return EventLabel(item)  # type: ignore[arg-type]  # EventLabel says what is wrong


def _roles(event: object, given: LabelsLike | None) -> tuple[Label, ...]:
    return _labels(f"roles of the event {event!r}", given)


def _listed(group: str, given: object) -> Iterable[object]:
    """The items of a list; a set is refused because its order changes from run to run."""
    if isinstance(given, str | bytes | AbstractSet) or not isinstance(given, Iterable):
        raise SchemaError(
            f"{group} must be a list of labels such as ['person', 'place'], got {_shown(given)}"
        )
    return given


def _check_keys(group: str, item: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if "name" not in item or any(key not in known for key in item):
        raise SchemaError(
            f"one of the {group} is {_shown(dict(item))}; the keys are {', '.join(known)}, "
            "and name must be there"
        )
