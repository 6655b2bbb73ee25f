"""From a card to its records: find the files, read them, give the labels their natural names.

A path in `[splits]` may be a glob, and may end in `#a-b/n`: of the sorted files those whose position
modulo n lies in a..b. Behind `!` stands the same for the members of an archive:
`corpus.tar.gz!train/*.txt`, `corpus.tar.gz!*.txt#0-7/10`.

What breaks its format is an error, or goes to the quarantine that `rejects_to` has set up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from instructuie.data.card import Card, LabelKind
from instructuie.data.readers import READERS
from instructuie.data.record import Record
from instructuie.data.rejects import refuse, unrecorded
from instructuie.data.split import cut_of, native_split, split_names
from instructuie.errors import DataError
from instructuie.types import Argument, Entity, Event, Extraction, Relation

_FRAGMENT = re.compile(r"^(?P<glob>.*)#(?P<low>\d+)-(?P<high>\d+)/(?P<modulus>\d+)$")


def load_records(card: Card, split: str, root: Path) -> Iterator[Record]:
    """The records of one of `split_names(card)`, with natural-language labels; raises DataError."""
    if split not in split_names(card):
        known = ", ".join(split_names(card))
        raise DataError(f"{card.name} has no split {split!r}; it has {known}", path=card.name)
    rule, source = cut_of(card), native_split(card, split)
    if rule is None or source != rule.source:
        yield from _native_records(card, source, root)
        return
    with nullcontext() if split == source else unrecorded():
        records = list(_native_records(card, source, root))
    yield from rule.apply(records)[split]


def _native_records(card: Card, split: str, root: Path) -> Iterator[Record]:
    """The records of the files that the card lists for a split."""
    reader = READERS.get(card.reader)
    if reader is None:
        raise DataError(
            f"unknown reader {card.reader!r}; known: {', '.join(READERS)}", path=f"{card.name}.toml"
        )
    rename = _renamer(card)
    count = 0
    seen: set[tuple[str, Extraction]] = set()
    for path, members in _files(card, split, root):
        options = dict(card.reader_options)
        if members:
            options["members"] = members
        for record in _readable(reader(path, **options), path):
            try:
                named = replace(rename(record), id=record.id or f"{card.name}/{split}/{count}")
                _check(named)
            except DataError as error:
                refuse(_located(error, record, path))
                continue
            if card.once and (named.text, named.gold) in seen:
                continue
            seen.update([(named.text, named.gold)] if card.once else [])
            yield named
            count += 1


def _readable(records: Iterator[Record], path: Path) -> Iterator[Record]:
    """The records of a file up to an error that its reader cannot go on from."""
    try:
        yield from records
    except DataError as error:
        end = DataError(error.rule, path=error.path, line=error.line, content=error.content)
        end.rule += f"; what follows in {path.name} was left out"
        refuse(end)


def _located(error: DataError, record: Record, path: Path) -> DataError:
    """The error with the file, the line if there is one, and the text."""
    place, _, number = record.source.rpartition(":")
    if not (number.isascii() and number.isdigit()):
        place, number = record.source, ""
    shown = path if place in ("", path.name) else place
    line = int(number) if number else None
    return type(error)(error.rule, path=shown, line=line, content=record.text)


class UnknownLabelError(DataError):
    """A native label that its card neither names nor leaves out."""

    kind = "unknown label"


class OffsetError(DataError):
    """A mention that is not the text at its place."""

    kind = "offset"


def _check(record: Record) -> None:
    """Raise DataError for a mention out of place, and for half of a surrogate pair."""
    try:
        record.check()
    except DataError as error:
        raise OffsetError(error.rule, path=error.path) from error
    try:
        record.text.encode()
    except UnicodeEncodeError as error:
        code = f"\\u{ord(record.text[error.start]):04x}"
        raise DataError(
            f"character {error.start} of the text is {code}, half of a character; write the whole",
            path=record.source or record.id,
        ) from error


def has_files(card: Card, split: str, root: Path) -> bool:
    """True when every file that the split is read from is there."""
    try:
        return bool(_files(card, native_split(card, split), root))
    except DataError:
        return False


def _files(card: Card, split: str, root: Path) -> list[tuple[Path, str]]:
    """Each file of a split with its member pattern ("" for a plain file)."""
    found: list[tuple[Path, str]] = []
    for entry in card.splits[split]:
        name, _, members = entry.partition("!")
        found += [(path, members) for path in _expand(name, root)]
    return found


def _expand(name: str, root: Path) -> list[Path]:
    fragment = _FRAGMENT.match(name)
    pattern = fragment["glob"] if fragment else name
    if not any(char in pattern for char in "*?["):
        path = root / pattern
        if not path.exists() and not path.with_name(path.name + ".gz").exists():
            raise DataError("no such file (nor with .gz)", path=path)
        return [path]
    paths = sorted(root.glob(pattern)) or sorted(root.glob(pattern + ".gz"))
    if not paths:
        raise DataError("no file matches this pattern", path=root / pattern)
    if fragment:
        low, high, modulus = (int(fragment[key]) for key in ("low", "high", "modulus"))
        paths = [path for index, path in enumerate(paths) if low <= index % modulus <= high]
    return paths


def _renamer(card: Card) -> Callable[[Record], Record]:
    """A function that renames every label of a record, and leaves out the ignored ones."""
    kinds: tuple[LabelKind, ...] = ("entity", "relation", "event", "role")
    names: dict[LabelKind, Mapping[str, str]] = {kind: card.labels.get(kind, {}) for kind in kinds}
    ignored = {kind: frozenset(card.ignore.get(kind, ())) for kind in kinds}

    def name_of(kind: LabelKind, native: str, source: str) -> str | None:
        if native in ignored[kind]:
            return None
        name = names[kind].get(native)
        if name is None:
            raise UnknownLabelError(
                f"the {kind} label {native!r} stands neither under [labels.{kind}] nor under "
                f"[ignore] of the card {card.name}: add it there",
                path=source or card.name,
            )
        return name

    def rename(record: Record) -> Record:
        gold, source = record.gold, record.source
        entities = tuple(
            Entity(name, e.mention)
            for e in gold.entities
            if (name := name_of("entity", e.label, source)) is not None
        )
        relations = tuple(
            Relation(name, r.head, r.tail)
            for r in gold.relations
            if (name := name_of("relation", r.label, source)) is not None
        )
        events = tuple(
            Event(
                name,
                e.trigger,
                tuple(
                    Argument(role, a.mention)
                    for a in e.arguments
                    if (role := name_of("role", a.role, source)) is not None
                ),
            )
            for e in gold.events
            if (name := name_of("event", e.label, source)) is not None
        )
        return replace(record, gold=Extraction(entities, relations, events))

    return rename
