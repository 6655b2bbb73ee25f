"""MeasEval: paragraphs with their counts and measurements, as rows of tab-separated values.

An archive has the texts (`text/NAME.txt`) and, for those with a measurement, `tsv/NAME.tsv`:

    docId  annotSet  annotType  startOffset  endOffset  annotId  text  other

`other` is JSON: under `HasQuantity`, `HasProperty` or `Qualifies` the `annotId` of the relation's
other end, and properties of the quantity (`unit`, `mods`), which are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from instructuie.data.readers.documents import decode, unpack
from instructuie.data.readers.rows import accepted, unique
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Entity, Extraction, Mention, Relation

_HEAD = ["docId", "annotSet", "annotType", "startOffset", "endOffset", "annotId", "text", "other"]
_RELATIONS = ("HasQuantity", "HasProperty", "Qualifies")


def read_measeval(path: Path) -> Iterator[Record]:
    """One record a text; a text without rows has nothing to find."""
    files = unpack(path, lambda name: name.endswith((".txt", ".tsv")))
    rows = {PurePosixPath(name).stem: name for name in sorted(files) if name.endswith(".tsv")}
    texts = {PurePosixPath(name).stem: name for name in sorted(files) if name.endswith(".txt")}
    if alone := rows.keys() - texts.keys():
        raise DataError("no text for these rows", path=f"{path}:{rows[min(alone)]}")

    def opened(name: str) -> tuple[str, str]:
        place = f"{path}:{name}"
        return place, decode(files[name], place)

    def make(stem: str) -> Record:
        place, text = opened(texts[stem])
        gold = _gold(text, *opened(rows[stem])) if stem in rows else Extraction()
        return Record(text, gold, id=stem, source=place)

    return accepted(texts, make)


def _gold(text: str, place: str, content: str) -> Extraction:
    entities: dict[str, Entity] = {}
    links: list[tuple[int, str, str, dict[str, object]]] = []
    for number, line in enumerate(content.split("\n"), start=1):
        cells = line.removesuffix("\r").split("\t")
        if number == 1 or not line.strip():
            if number == 1 and cells != _HEAD:
                raise _misfit(f"expected the columns {', '.join(_HEAD)}", place, number, line)
            continue
        try:
            _, _, label, start, end, name, quoted, other = cells
            mention = Mention.of(text, int(start), int(end))
            targets: dict[str, object] = dict(json.loads(other)) if other else {}
        except (ValueError, TypeError, RecursionError) as error:
            raise _misfit(f"does not fit the format: {error}", place, number, line) from error
        if mention.text != quoted:
            raise _misfit(f"the text there is {mention.text!r}", place, number, line)
        entities[name] = Entity(label, mention)
        links.append((number, line, name, targets))
    relations = []
    for number, line, name, targets in links:
        for label in _RELATIONS:
            if (target := targets.get(label)) is None:
                continue
            if not isinstance(target, str) or target not in entities:
                raise _misfit(f"{target!r} is no annotId of this file", place, number, line)
            relations.append(Relation(label, entities[name].mention, entities[target].mention))
    return Extraction(unique(entities.values()), unique(relations))


def _misfit(rule: str, place: str, number: int, line: str) -> DataError:
    return DataError(rule, path=place, line=number, content=line)
