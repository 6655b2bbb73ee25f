"""Events whose triggers and arguments are named by their tokens."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, map_rows, unique
from instructuie.data.record import Record
from instructuie.types import Argument, Entity, Event, Extraction, Relation


def read_oneie(path: Path, *, glue: Collection[str] = ()) -> Iterator[Record]:
    """OneIE: `entity_mentions` (typed or not); relations and events refer to them by id.

    A document with `sentences` of `[token, start, end]` (WikiEvents) keeps its own white space; `glue`
    is that of `natural_spaces` for the others.
    """
    return map_rows(path, partial(_oneie, glue=glue))


def _oneie(row: Json, *, glue: Collection[str]) -> Record:
    given = "sentences" in row
    tokens = _document(row["sentences"]) if given else TokenText.of(row["tokens"], glue=glue)
    mentions = {e["id"]: tokens.mention(e["start"], e["end"]) for e in row["entity_mentions"]}
    entities = (
        Entity(e["entity_type"], mentions[e["id"]])
        for e in row["entity_mentions"]
        if "entity_type" in e
    )
    events = (
        Event(
            event["event_type"],
            tokens.mention(event["trigger"]["start"], event["trigger"]["end"]),
            unique(Argument(a["role"], mentions[a["entity_id"]]) for a in event["arguments"]),
        )
        for event in row["event_mentions"]
    )
    relations = (
        Relation(
            r.get("relation_subtype", r["relation_type"]),
            *(mentions[end["entity_id"]] for end in _in_order(r["arguments"])),
        )
        for r in row.get("relation_mentions", ())
    )
    name = str(row.get("wnd_id", row["doc_id"]))
    gold = Extraction(unique(entities), unique(relations), unique(events))
    return Record(tokens.text, gold, name)


def _in_order(ends: Sequence[Json]) -> list[Json]:
    """Head and tail: `Arg-1` and `Arg-2`, or as they stand when the roles have other names."""
    head, tail = ends
    return [tail, head] if (head["role"], tail["role"]) == ("Arg-2", "Arg-1") else [head, tail]


def _document(sentences: Sequence[Json]) -> TokenText:
    text, offsets = "", []
    for tokens, _ in sentences:
        previous = None
        for token, start, end in tokens:
            if text and (previous is None or start > previous):
                text += " "
            offsets.append((len(text), len(text) + len(token)))
            text += token
            previous = end
    return TokenText(text, offsets)


def read_m2e2(path: Path) -> Iterator[Record]:
    """M2E2: `words`, `golden-entity-mentions`, `golden-event-mentions`; end exclusive."""
    return map_rows(path, _m2e2)


def _m2e2(row: Json) -> Record:
    tokens = TokenText.of(row["words"])
    entities = (
        Entity(e["entity-type"], tokens.mention(e["start"], e["end"]))
        for e in row["golden-entity-mentions"]
    )
    events = (
        Event(
            event["event_type"],
            tokens.mention(event["trigger"]["start"], event["trigger"]["end"]),
            unique(
                Argument(a["role"], tokens.mention(a["start"], a["end"]))
                for a in event["arguments"]
            ),
        )
        for event in row["golden-event-mentions"]
    )
    gold = Extraction(unique(entities), events=unique(events))
    return Record(tokens.text, gold, row["sentence_id"])


def read_triggers(path: Path) -> Iterator[Record]:
    """`tokens` and `events` of `start`, `end` (exclusive) and `event_type`: triggers alone."""
    return map_rows(path, _triggers)


def _triggers(row: Json) -> Record:
    tokens = TokenText.of(row["tokens"])
    events = (Event(e["event_type"], tokens.mention(e["start"], e["end"])) for e in row["events"])
    return Record(tokens.text, Extraction(events=unique(events)), str(row["id"]))


_ROLE = re.compile(r"evt\d+arg\d+(?P<role>.+)")


def read_rams(path: Path, *, glue: Collection[str] = ()) -> Iterator[Record]:
    """RAMS: one event in five sentences; token ranges over the document, end inclusive.

    `glue` is that of `natural_spaces`.
    """
    return map_rows(path, partial(_rams, glue=glue))


def _rams(row: Json, *, glue: Collection[str]) -> Record:
    words = [token for sentence in row["sentences"] for token in sentence]
    tokens = TokenText.of(words, glue=glue)
    events = []
    for start, end, labels in row["evt_triggers"]:
        arguments = (
            Argument(_ROLE.sub(r"\g<role>", role), tokens.mention(place[0], place[1] + 1))
            for trigger, place, role in row["gold_evt_links"]
            if trigger == [start, end]
        )
        events.append(Event(labels[0][0], tokens.mention(start, end + 1), unique(arguments)))
    return Record(tokens.text, Extraction(events=tuple(events)), row["doc_key"])
