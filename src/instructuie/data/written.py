"""Annotated texts that people write by hand, one file for each schema.

    entities: person, organization, product
    relations: works for, founder of
    events: product launch(company; product; date)

    [Ada Brook](person) left [Norvane](organization) in May to start [Tallow Labs](organization).
    relation: Ada Brook | founder of | Tallow Labs
    event: product launch | unveiled | company=Tallow Labs | product=the Wick 2

A blank line ends the schema and each text. Every mention of every label of the schema is marked, so
that what is not marked is known not to be there. The words of a relation, trigger or argument are
those of a marked mention or stand anywhere else in the text; `Norvane#2` means its second place.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from instructuie.data.prepared import Inventory
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

_MARKED = re.compile(r"\[([^\[\]]+)\]\(([^()]+)\)")
_PLACE = re.compile(r"(.+)#([1-9][0-9]*)")
_EVENT = re.compile(r"\s*([^(),;]+?)\s*(?:\(([^()]*)\))?\s*(?:,|$)")
_KINDS = ("entities", "relations", "events")


@dataclass(frozen=True, slots=True)
class Written:
    """One file: a schema, and texts that are annotated with all of it."""

    name: str
    """The file and its folder, without the ending."""
    inventory: Inventory
    records: tuple[Record, ...]

    @property
    def held_out(self) -> bool:
        """True for a file called `dev-...`, which is never trained on."""
        return _held_out(self.name.split("/")[-1])


def read_written(path: Path) -> Written:
    """Read one file. Raises DataError, with the line, for what breaks the format."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", path=path) from error
    blocks = list(_blocks(lines))
    if not blocks:
        raise DataError("is empty: expected a schema and texts", path=path)
    inventory = _schema(blocks[0], path)
    name = f"{path.parent.name}/{path.stem}"
    records = tuple(
        _record(block, inventory, path, f"{name}/{index}") for index, block in enumerate(blocks[1:])
    )
    return Written(name, inventory, records)


def read_all_written(folder: Path) -> tuple[Written, ...]:
    """Every `.txt` file below `folder`, in the order of their paths. Raises DataError."""
    paths = sorted(folder.rglob("*.txt"))
    if not paths:
        raise DataError("holds no .txt file with annotated texts", path=folder)
    return tuple(read_written(path) for path in paths)


def written_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and contents of the files in `folder` that may be trained on."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.txt")):
        if not _held_out(path.stem):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _held_out(stem: str) -> bool:
    return stem.startswith("dev-")


Block = list[tuple[int, str]]
"""Numbered lines."""


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    block: Block = []
    for number, line in enumerate([*lines, ""], start=1):
        if line.strip() and not line.startswith("# "):
            block.append((number, line.strip()))
        elif not line.strip() and block:
            yield block
            block = []


def _schema(block: Block, path: Path) -> Inventory:
    found: dict[str, str] = {}
    for number, line in block:
        kind, _, rest = line.partition(":")
        if kind not in _KINDS or kind in found or not rest.strip():
            raise DataError(
                f"expected one line each of {', '.join(_KINDS)}, as `entities: person, date`",
                path=path,
                line=number,
                content=line,
            )
        found[kind] = rest
    events = {
        match[1]: tuple(_names(match[2] or "", ";"))
        for match in _EVENT.finditer(found.get("events", ""))
    }
    tasks = {"entities": "NER", "relations": "RE", "events": "EE"}
    return Inventory(
        tuple(task for kind, task in tasks.items() if kind in found),
        tuple(_names(found.get("entities", ""), ",")),
        tuple(_names(found.get("relations", ""), ",")),
        events,
    )


def _names(line: str, separator: str) -> list[str]:
    return [name.strip() for name in line.split(separator) if name.strip()]


def _record(block: Block, inventory: Inventory, path: Path, identity: str) -> Record:
    number, marked = block[0]
    reader = _Reader(marked, path, number)
    for entity in reader.entities:
        reader.known(entity.label, inventory.entities, "entity")
    relations, events = [], []
    for number, line in block[1:]:
        reader.number = number
        kind, _, rest = line.partition(":")
        fields = [part.strip() for part in rest.split("|")]
        if kind == "relation" and len(fields) == 3:
            head, label, tail = fields
            reader.known(label, inventory.relations, "relation")
            relations.append(Relation(label, reader.mention(head), reader.mention(tail)))
        elif kind == "event" and len(fields) >= 2:
            events.append(reader.event(fields, inventory.events))
        else:
            raise reader.error(
                "expected `relation: head | label | tail` or `event: label | trigger | role=words`",
                line,
            )
    gold = Extraction(tuple(reader.entities), tuple(relations), tuple(events))
    return Record(reader.text, gold, identity, f"{path}:{block[0][0]}")


class _Reader:
    """One text: the markup taken out, and words looked up in it."""

    def __init__(self, marked: str, path: Path, number: int) -> None:
        self.path, self.number = path, number
        self.text = ""
        places: list[tuple[int, int, str]] = []
        end = 0
        for match in _MARKED.finditer(marked):
            self.text += marked[end : match.start()]
            places.append((len(self.text), len(self.text) + len(match[1]), match[2].strip()))
            self.text += match[1]
            end = match.end()
        self.text += marked[end:]
        if "[" in self.text or "](" in self.text:
            raise self.error("a bracket is left over: write `[words](label)`, not nested", marked)
        self.entities = [Entity(label, Mention.of(self.text, a, b)) for a, b, label in places]

    def error(self, rule: str, content: str) -> DataError:
        return DataError(rule, path=self.path, line=self.number, content=content)

    def known(self, label: str, labels: Sequence[str] | Mapping[str, object], kind: str) -> None:
        if label not in labels:
            raise self.error(
                f"{label!r} is no {kind} label of the schema: {', '.join(labels)}", label
            )

    def mention(self, words: str) -> Mention:
        """The n-th place of `words#n`; without a number the first marked one, or else the first."""
        place = _PLACE.fullmatch(words)
        wanted, index = (place[1], int(place[2])) if place else (words, 0)
        starts = [m.start() for m in re.finditer(rf"(?<!\w){re.escape(wanted)}(?!\w)", self.text)]
        if not wanted or len(starts) < max(index, 1):
            raise self.error(f"the words {words!r} do not stand in the text", self.text)
        if index:
            start = starts[index - 1]
        else:
            marked = [
                e.mention.span.start
                for e in self.entities
                if e.mention.text == wanted and e.mention.span
            ]
            start = marked[0] if marked else starts[0]
        return Mention.of(self.text, start, start + len(wanted))

    def event(self, fields: Sequence[str], events: Mapping[str, Sequence[str]]) -> Event:
        label, trigger, *rest = fields
        self.known(label, events, "event")
        arguments = []
        for field in rest:
            role, _, words = field.partition("=")
            self.known(role.strip(), events[label], "role")
            arguments.append(Argument(role.strip(), self.mention(words.strip())))
        return Event(label, self.mention(trigger), tuple(arguments))
