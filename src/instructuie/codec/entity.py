"""Answer sentences about entities (paper, section 2.2 and Table 8).

NER and ET: `type: span; type: span`. ES: `span, span`, where a semicolon is taken for a comma.
"""

from __future__ import annotations

from instructuie.codec.escape import (
    LABEL,
    LAST,
    LISTED,
    PartReader,
    Read,
    read_items,
    write_fields,
)
from instructuie.codec.parsed import ItemPlace, Parsed
from instructuie.tasks import Task
from instructuie.types import Entity, Extraction, Mention

_TYPED = (LABEL, LAST)
_SPANS = (LISTED,)


def write(task: Task, extraction: Extraction) -> str:
    if task.labelled:
        rows = ((entity.label, entity.mention.text) for entity in extraction.entities)
        return "; ".join(write_fields(row, _TYPED) for row in rows)
    return ", ".join(write_fields((e.mention.text,), _SPANS) for e in extraction.entities)


def read(task: Task, sentence: str, given: Extraction) -> Parsed:
    fields, form = (_TYPED, "type: span") if task.labelled else (_SPANS, "span, span")

    def read_entity(reader: PartReader) -> Read[Entity] | None:
        start = reader.at
        parts = reader.read_fields(fields)
        if parts is None:
            return None
        entity = Entity(parts[0] if task.labelled else "", Mention(parts[-1]))
        return Read(entity, ItemPlace(reader.range(start)))

    entities, places, issues = read_items(sentence, read_entity, form, ends=fields[-1])
    return Parsed(Extraction(entities=tuple(entities)), tuple(issues), tuple(places))
