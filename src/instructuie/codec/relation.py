"""Answer sentences about relations (paper, section 2.2 and Table 8).

RE and EPR: `relation: head, tail; relation: head, tail`. EP: `head, tail; head, tail`.
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
from instructuie.types import Extraction, Mention, Relation

_PAIR = (LISTED, LAST)
_TYPED = (LABEL, *_PAIR)


def write(task: Task, extraction: Extraction) -> str:
    return "; ".join(_write_relation(task, relation) for relation in extraction.relations)


def read(task: Task, sentence: str, given: Extraction) -> Parsed:
    fields, form = (_TYPED, "relation: head, tail") if task.labelled else (_PAIR, "head, tail")

    def read_relation(reader: PartReader) -> Read[Relation] | None:
        start = reader.at
        parts = reader.read_fields(fields)
        if parts is None:
            return None
        label = parts[0] if task.labelled else ""
        relation = Relation(label, Mention(parts[-2]), Mention(parts[-1]))
        return Read(relation, ItemPlace(reader.range(start)))

    relations, places, issues = read_items(sentence, read_relation, form)
    return Parsed(Extraction(relations=tuple(relations)), tuple(issues), tuple(places))


def _write_relation(task: Task, relation: Relation) -> str:
    pair = (relation.head.text, relation.tail.text)
    return (
        write_fields((relation.label, *pair), _TYPED)
        if task.labelled
        else write_fields(pair, _PAIR)
    )
