"""Stand-off annotation: brat (`.txt` + `.ann`) and BioNLP shared tasks (`.txt` + `.a1` + `.a2`).

Each text has its annotation in files of the same name. A line is one annotation, and its first
letter says what it is:

    T1    Protein 0 4      IL-2                 text-bound: an entity, or the trigger of an event
    T2    Protein 0 4;9 12 IL-2 and             the same, in pieces
    R1    located in Arg1:T1 Arg2:E2            relation between text-bounds or events
    E1    Binding:T5 Theme:T1 Theme2:T3         event: type, trigger, arguments
    *     Equiv T1 T4                           equivalence
    A1, M1, N1, #1, AM...                       attributes, links and notes: passed over

Offsets are characters of the text, end exclusive. Invariant: every mention that comes out is the
text at its span; what cannot be placed is dropped and counted, what breaks the format is an error.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeVar

from instructuie.data.readers.documents import Document, documents
from instructuie.data.readers.places import cover
from instructuie.data.readers.rows import accepted, respace
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation

Triggers = Literal["event", "entity", "both"]
Item = TypeVar("Item")

_ID = r"[TE][0-9]+"
_TEXT_BOUND = re.compile(r"(T[0-9]+)\t(\S+) ([0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)\t(.*)", re.DOTALL)
_EVENT = re.compile(rf"(E[0-9]+)\t(\S+?):({_ID})((?: +\S+?:{_ID})*)\s*")
_RELATION = re.compile(rf"R[0-9]+\t(\S+) (\S+?):({_ID}) (\S+?):({_ID})\s*")
_EQUIVALENCE = re.compile(rf"\*\t(\S+)((?: {_ID})+)\s*")
_PASSED_OVER = ("A", "M", "N", "#")


def read_brat(
    path: Path,
    *,
    members: str = "*",
    annotations: Sequence[str] = ("ann",),
    triggers: Triggers = "event",
    trigger_labels: Sequence[str] = (),
    equivalences: Sequence[str] = (),
    numbered_roles: bool = True,
    roles: Mapping[str, str] | None = None,
    skip_lines: Sequence[str] = (),
    tokenized: bool = False,
    glue: Collection[str] = (),
    dropped: Counter[str] | None = None,
) -> Iterator[Record]:
    """One record for each document of `path`: a tar archive, a folder, or a single `.txt` file.

    Archives are read in memory. A mention in pieces becomes the span from its first to its last
    piece when that is at most 1.5 times as long as the pieces together; otherwise it is dropped,
    with the relations and arguments that need it. A mention whose offsets do not fit the text is
    looked for within 20 characters, else dropped. An event whose trigger is dropped is dropped.
    An argument or a relation's end that is an event becomes the trigger of that event; items that
    are then the same are given once. A document without text is passed over.

    :param members: which documents: a pattern for the names of the `.txt` files (`train/*`), or
        `@file` for the names listed in a file beside `path`, one a line, or `@file.json:key` for a
        list in a JSON object. A `#a-b/n` at the end keeps the documents whose place in the sorted
        list, modulo n, is a to b.
    :param annotations: suffixes of the annotation files; each text must have all of them.
    :param triggers: what the trigger and type of an `E` line become: an event ("event"), an entity
        ("entity", for sets that write entities as events), or an event and an entity ("both").
    :param trigger_labels: types of `T` lines that are events without an `E` line.
    :param equivalences: names of `*` lines to read as relations, one for each pair of members.
    :param numbered_roles: take the running number off roles (`Theme2` is `Theme`).
    :param roles: other role names to write in place of the native ones.
    :param skip_lines: how the few lines begin that are known to be broken in this data set.
    :param tokenized: the texts are tokens parted by white space, to be joined to natural text.
    :param glue: for tokenized texts, that of `natural_spaces`.
    :param dropped: counts what was dropped, by reason.
    """
    counts: Counter[str] = Counter() if dropped is None else dropped
    renamed = roles or {}

    def role(name: str) -> str:
        plain = name.rstrip("0123456789") or name if numbered_roles else name
        return renamed.get(plain, plain)

    def make(found: Document) -> Record | None:
        text = found.text.replace("\r", " ")  # line ends of two characters count as two
        if not text.strip():
            counts["documents without text"] += 1
            return None
        document = _Standoff(text, counts, tuple(equivalences), role, tuple(trigger_labels))
        for place, content in found.annotations:
            # Not splitlines: a mention may hold other characters that count as line ends there.
            for number, line in enumerate(content.split("\n"), 1):
                line = line.removesuffix("\r")
                if line.strip() and not line.startswith(tuple(skip_lines)):
                    document.add(line, place, number)
        record = Record(text, document.extraction(triggers), id=found.name, source=found.place)
        return respace(record, glue=glue) if tokenized else record

    return accepted(documents(path, members, annotations), make)


@dataclass(frozen=True, slots=True)
class _Link:
    """An `E`, `R` or `*` line: ids by role, and the place of the line for messages."""

    label: str
    ends: tuple[tuple[str, str], ...]
    trigger: str
    path: str
    line: int
    content: str

    def error(self, id_: str) -> DataError:
        return DataError(
            f"{id_} is not defined in this document",
            path=self.path,
            line=self.line,
            content=self.content,
        )


@dataclass(slots=True)
class _Standoff:
    """The annotation of one document, collected line by line; ids may be used before they are
    defined."""

    text: str
    dropped: Counter[str]
    equivalences: tuple[str, ...]
    role: Callable[[str], str]
    trigger_labels: tuple[str, ...] = ()
    bounds: dict[str, tuple[str, Mention | None]] = field(default_factory=dict)
    events: dict[str, _Link] = field(default_factory=dict)
    relations: list[_Link] = field(default_factory=list)

    def add(self, line: str, path: str, number: int) -> None:
        """Take in one line; raises DataError when it is not in the format."""

        def error(message: str) -> DataError:
            return DataError(message, path=path, line=number, content=line)

        if found := _TEXT_BOUND.fullmatch(line):
            id_, label, offsets, quoted = found.groups()
            if id_ in self.bounds:
                raise error(f"{id_} is defined twice")
            try:
                pieces = [(int(a), int(b)) for a, b in map(str.split, offsets.split(";"))]
            except ValueError as cause:
                raise error("an offset is not a number that can be read") from cause
            if any(start > end for start, end in pieces):
                raise error("a mention ends before it begins")
            self.bounds[id_] = label, cover(self.text, pieces, quoted, self.dropped)
            if label in self.trigger_labels:
                self.events[id_] = _Link(label, (), id_, path, number, line)
        elif found := _EVENT.fullmatch(line):
            id_, label, trigger, rest = found.groups()
            if id_ in self.events:
                raise error(f"{id_} is defined twice")
            if not trigger.startswith("T"):
                raise error("the trigger of an event must be a T line")
            ends = tuple(
                (self.role(name), target)
                for name, target in (argument.rsplit(":", 1) for argument in rest.split())
            )
            self.events[id_] = _Link(label, ends, trigger, path, number, line)
        elif found := _RELATION.fullmatch(line):
            label, *ends_ = found.groups()
            first, second = (ends_[0], ends_[1]), (ends_[2], ends_[3])
            pair = (second, first) if first[0] == "Arg2" else (first, second)
            self.relations.append(_Link(label, pair, "", path, number, line))
        elif found := _EQUIVALENCE.fullmatch(line):
            label, rest = found.groups()
            if label in self.equivalences:
                for one, other in combinations(rest.split(), 2):
                    link = _Link(label, (("", one), ("", other)), "", path, number, line)
                    self.relations.append(link)
        elif not line.startswith(_PASSED_OVER):
            raise error("not a line of stand-off annotation")

    def _resolve(self, id_: str, link: _Link) -> Mention | None:
        if id_.startswith("E"):
            if id_ not in self.events:
                raise link.error(id_)
            link = self.events[id_]
            id_ = link.trigger
        if id_ not in self.bounds:
            raise link.error(id_)
        return self.bounds[id_][1]

    def extraction(self, triggers: Triggers) -> Extraction:
        """What was collected; raises DataError when an id is used that no line defines."""
        events = self._events()
        used = {link.trigger for link in self.events.values()}
        entities = [
            Entity(label, mention)
            for id_, (label, mention) in self.bounds.items()
            if mention is not None and (triggers != "event" or id_ not in used)
        ]
        return Extraction(
            self._once(entities, "entities"),
            self._once(self._relations(), "relations"),
            () if triggers == "entity" else self._once(events, "events"),
        )

    def _once(self, items: Iterable[Item], kind: str) -> tuple[Item, ...]:
        given = list(items)
        unique = tuple(dict.fromkeys(given))
        if len(unique) < len(given):
            self.dropped[f"repeated {kind}"] += len(given) - len(unique)
        return unique

    def _events(self) -> list[Event]:
        events = []
        for link in self.events.values():
            trigger = self._resolve(link.trigger, link)
            arguments = []
            for name, target in link.ends:
                mention = self._resolve(target, link)
                if mention is not None:
                    arguments.append(Argument(name, mention))
                else:
                    self.dropped["arguments of dropped mentions"] += 1
            if trigger is not None:
                events.append(Event(link.label, trigger, tuple(arguments)))
            else:
                self.dropped["events of dropped triggers"] += 1
        return events

    def _relations(self) -> Iterator[Relation]:
        for link in self.relations:
            head, tail = (self._resolve(id_, link) for _, id_ in link.ends)
            if head is not None and tail is not None:
                yield Relation(link.label, head, tail)
            else:
                self.dropped["relations of dropped mentions"] += 1
