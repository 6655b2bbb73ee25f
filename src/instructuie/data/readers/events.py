"""Events with triggers and arguments, in the layouts of their data sets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, compress
from pathlib import Path

from instructuie.data.readers.rows import Json, load_json, map_rows, nearest, unique
from instructuie.data.record import Record
from instructuie.types import Argument, Entity, Event, Extraction, Mention

_REACH = 300
"""How far from its stated place a CASIE mention is looked for, in characters."""


def read_casie(path: Path) -> Iterator[Record]:
    """CASIE: one article a file; the label is `type.subtype`.

    Some offsets do not fit the text: the nearest place of the same words is taken instead, and an
    argument without one, or an event whose trigger has none, is left out.
    """
    return map_rows(path, _casie, rows=[(1, load_json(path))])


def _casie(row: Json) -> Record:
    text = row["content"].removesuffix("</text>").rstrip()
    events = []
    for hopper in row.get("cyberevent", {}).get("hopper", ()):
        for event in hopper["events"]:
            trigger = _casie_mention(text, event["nugget"])
            if trigger is None:
                continue
            placed = (
                (argument["role"]["type"], _casie_mention(text, argument))
                for argument in event.get("argument") or ()
            )
            arguments = unique(
                Argument(role, mention) for role, mention in placed if mention is not None
            )
            events.append(Event(f"{event['type']}.{event['subtype']}", trigger, arguments))
    return Record(text, Extraction(events=unique(events)), row["sourcefile"].removesuffix(".txt"))


def _casie_mention(text: str, item: Json) -> Mention | None:
    return nearest(text, item["text"].strip(), item["startOffset"], reach=_REACH)


_PHEE_PLAIN = frozenset(["event_id", "event_type", "Trigger"])


def read_phee(path: Path) -> Iterator[Record]:
    """PHEE: main arguments with sub-arguments; the role of a sub-argument is `Main.Sub`.

    Each string of an argument becomes an argument of its own, also the pieces of a discontinuous
    one. Of a trigger in pieces the first is taken.
    """
    return map_rows(path, _phee)


def _phee(row: Json) -> Record:
    text = row["context"]
    events = []
    for annotation in row["annotations"]:
        for event in annotation["events"]:
            trigger = next(_phee_mentions(text, event["Trigger"]))
            arguments = unique(
                argument
                for role, item in event.items()
                if role not in _PHEE_PLAIN
                for argument in _phee_arguments(text, role, item)
            )
            events.append(Event(event["event_type"], trigger, arguments))
    return Record(text, Extraction(events=unique(events)), row["id"])


def _phee_arguments(text: str, role: str, item: Json) -> Iterator[Argument]:
    if not isinstance(item, dict):
        return
    if "start" in item:
        yield from (Argument(role, mention) for mention in _phee_mentions(text, item))
    for name, part in item.items():
        for piece in part if isinstance(part, list) else [part]:
            if isinstance(piece, dict) and name != "Trigger":
                yield from _phee_arguments(text, f"{role}.{name}", piece)


def _phee_mentions(text: str, item: Json) -> Iterator[Mention]:
    for strings, starts in zip(item["text"], item["start"], strict=True):
        for string, start in zip(strings, starts, strict=True):
            if text[start : start + len(string)] != string:
                raise ValueError(f"{string!r} is not at character {start}")
            if string:
                yield Mention.of(text, start, start + len(string))


def read_muc(path: Path) -> Iterator[Record]:
    """MUC-4 role fillers as entities: the label is the role, the mention the filler's first.

    Paragraphs are parted by several blanks, which become one.
    """
    return map_rows(path, _muc)


def _muc(row: Json) -> Record:
    text, places = _squeezed(row["doctext"])
    entities = []
    for role, fillers in row["extracts"].items():
        for filler in fillers:
            string, start = filler[0]
            mention = nearest(text, _squeezed(string)[0], places[start])
            if mention is None:
                raise ValueError(f"{string!r} is not in the text")
            entities.append(Entity(role, mention))
    return Record(text, Extraction(unique(entities)), row["docid"])


def _squeezed(text: str) -> tuple[str, list[int]]:
    """The text with single blanks, and where each old character is in it."""
    kept = [char != " " or text[at - 1 : at] != " " for at, char in enumerate(text)]
    return "".join(compress(text, kept)), list(accumulate(kept, initial=0))
