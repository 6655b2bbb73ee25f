"""Cutting annotated documents into passages of whole sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from instructuie.chunking import sentences
from instructuie.data.record import Record
from instructuie.pointer.words import split_words
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation, Span


def passages(record: Record, *, max_words: int) -> Iterator[Record]:
    """Cut a record into passages of up to `max_words` words (a longer sentence stays whole).

    No cut goes through a mention. A relation or argument that reaches into another passage is left
    out of both, as no reader of one passage could find it.
    """
    mentions = sorted(m.span for m in record.gold.mentions() if m.span is not None)
    blocks = _merge_cut_mentions(sentences(record.text), mentions)
    group: list[Span] = []
    size = 0
    for block in blocks:
        words = len(split_words(record.text[block.start : block.end]))
        if group and size + words > max_words:
            yield _cut(record, Span(group[0].start, group[-1].end))
            group, size = [], 0
        group.append(block)
        size += words
    if group:
        yield _cut(record, Span(group[0].start, group[-1].end))


def _merge_cut_mentions(blocks: list[Span], mentions: list[Span]) -> list[Span]:
    """Join neighbouring sentences that a mention reaches across."""
    merged: list[Span] = []
    for block in blocks:
        if merged and any(m.start < merged[-1].end and m.end > block.start for m in mentions):
            merged[-1] = Span(merged[-1].start, block.end)
        else:
            merged.append(block)
    return merged


def _cut(record: Record, window: Span) -> Record:
    def inside(mention: Mention) -> Mention | None:
        span = mention.span
        if span is None or not window.contains(span):
            return None
        return Mention(mention.text, Span(span.start - window.start, span.end - window.start))

    gold = record.gold
    entities = tuple(
        Entity(e.label, mention) for e in gold.entities if (mention := inside(e.mention))
    )
    relations = tuple(
        Relation(r.label, head, tail)
        for r in gold.relations
        if (head := inside(r.head)) and (tail := inside(r.tail))
    )
    events = tuple(
        Event(
            e.label,
            trigger,
            tuple(Argument(a.role, m) for a in e.arguments if (m := inside(a.mention))),
        )
        for e in gold.events
        if (trigger := inside(e.trigger))
    )
    return replace(
        record,
        text=record.text[window.start : window.end],
        gold=Extraction(entities, relations, events),
        id=f"{record.id}@{window.start}",
    )
