"""Results of windows and label groups -> one result for the whole text.

An item belongs to the window whose core holds its first character, so an item in the shared context
of two windows is taken once. Offsets move from the window to the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from instructuie.chunking import Window
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    Issue,
    MentionItem,
    RelationItem,
    Result,
)

Overlap = Literal["flat", "nested", "all"]
ItemT = TypeVar("ItemT", EntityItem, MentionItem, ArgumentItem)


def place(result: Result, window: Window) -> Result:
    """The items that belong to a window, with offsets of the whole text (`text` is left alone)."""
    offset = window.span.start

    def ours(start: int) -> bool:
        return window.core.start <= start + offset < window.core.end

    return replace(
        result,
        entities=tuple(_move(e, offset) for e in result.entities if ours(e.start)),
        relations=tuple(
            replace(r, head=_move(r.head, offset), tail=_move(r.tail, offset))
            for r in result.relations
            if ours(min(r.head.start, r.tail.start))
        ),
        events=tuple(
            replace(
                e,
                trigger=_move(e.trigger, offset),
                arguments=tuple(_move(a, offset) for a in e.arguments),
            )
            for e in result.events
            if ours(e.trigger.start)
        ),
    )


def _move(item: ItemT, offset: int) -> ItemT:
    return replace(item, start=item.start + offset, end=item.end + offset)


CONFIDENT = {"entity": 0.3, "relation": 0.4, "event": 0.2, "argument": 0.1}
"""What an item must score to be kept when the caller gives no threshold. A relation is a product of
five moves and an entity of three, so one number does not fit all; chosen on the dev splits of
CoNLL-2003, BC5CDR, CoNLL04 and PHEE."""


def confident(result: Result) -> Result:
    """The items that reach the default threshold of their kind."""
    return replace(
        result,
        entities=tuple(e for e in result.entities if e.score >= CONFIDENT["entity"]),
        relations=tuple(r for r in result.relations if r.score >= CONFIDENT["relation"]),
        events=tuple(
            replace(e, arguments=tuple(a for a in e.arguments if a.score >= CONFIDENT["argument"]))
            for e in result.events
            if e.score >= CONFIDENT["event"]
        ),
    )


def merge(
    text: str,
    parts: Sequence[Result],
    *,
    windows: int,
    threshold: float,
    overlap: Overlap,
    one_label: bool = False,
    issues: Iterable[Issue] = (),
) -> Result:
    """One result from placed parts: below-threshold items out, overlaps settled, types linked.

    With `one_label` each mention and each pair keeps its best label only, as when labels of given
    items were asked for in several groups.
    """
    entities = [e for part in parts for e in part.entities if e.score >= threshold]
    kept = _settle(entities, overlap)
    labels = {(e.start, e.end): e.label for e in reversed(kept)}
    relations = sorted(
        (r for part in parts for r in part.relations if r.score >= threshold),
        key=lambda r: (r.head.start, r.head.end, r.tail.start, r.tail.end, -r.score),
    )
    # Pairs without relation (EP) may be found in several groups of labels.
    relations = list({(r.label, _pair(r)): r for r in reversed(relations)}.values())[::-1]
    if one_label:
        kept = list({(e.start, e.end): e for e in reversed(kept)}.values())[::-1]
        relations = list({_pair(r): r for r in reversed(relations)}.values())[::-1]
    events = sorted(
        (e for part in parts for e in part.events if e.score >= threshold),
        key=lambda e: (e.trigger.start, e.trigger.end, -e.score),
    )
    asked: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for task, names in part.asked.items():
            asked[task] = tuple(dict.fromkeys((*asked.get(task, ()), *names)))
    every = (*issues, *(issue for part in parts for issue in part.issues))
    return Result(
        text,
        tuple(kept),
        tuple(
            replace(r, head=_labelled(r.head, labels), tail=_labelled(r.tail, labels))
            for r in relations
        ),
        tuple(_with_arguments(e, threshold, labels) for e in events),
        windows=windows,
        issues=tuple(dict.fromkeys(every)),
        asked=asked,
    )


def _settle(entities: Sequence[EntityItem], overlap: Overlap) -> list[EntityItem]:
    """The entities that may stand side by side, in the order of the text.

    flat: no two overlap. nested: one may lie within another, but none cross, and one label for each
    span. Where two cannot both stay, the higher score does; between equals the longer.
    """
    settled: list[EntityItem] = []
    for cluster in _clusters(entities):
        kept: list[EntityItem] = []
        for entity in sorted(cluster, key=lambda e: (-e.score, e.start - e.end, e.start, e.label)):
            if all(_compatible(entity, other, overlap) for other in kept):
                kept.append(entity)
        settled += sorted(kept, key=lambda e: (e.start, e.end, -e.score, e.label))
    return settled


def _clusters(entities: Sequence[EntityItem]) -> Iterator[list[EntityItem]]:
    """Entities that overlap, directly or by way of others: a long text has many small clusters."""
    cluster: list[EntityItem] = []
    end = 0
    for entity in sorted(entities, key=lambda e: e.start):
        if cluster and entity.start >= end:
            yield cluster
            cluster = []
        cluster.append(entity)
        end = max(end, entity.end)
    if cluster:
        yield cluster


def _compatible(one: EntityItem, other: EntityItem, overlap: Overlap) -> bool:
    if one.end <= other.start or other.end <= one.start:
        return True
    if overlap == "flat":
        return False
    if (one.start, one.end) == (other.start, other.end):
        return overlap == "all" and one.label != other.label
    if overlap == "all":
        return True
    inside = one.start >= other.start and one.end <= other.end
    return inside or (one.start <= other.start and one.end >= other.end)


def _pair(relation: RelationItem) -> tuple[int, int, int, int]:
    head, tail = relation.head, relation.tail
    return head.start, head.end, tail.start, tail.end


def _labelled(mention: MentionItem, labels: dict[tuple[int, int], str]) -> MentionItem:
    return replace(mention, label=labels.get((mention.start, mention.end), ""))


def _with_arguments(
    event: EventItem, threshold: float, labels: dict[tuple[int, int], str]
) -> EventItem:
    arguments = tuple(a for a in event.arguments if a.score >= threshold)
    return replace(event, trigger=_labelled(event.trigger, labels), arguments=arguments)
