"""One split of one data set, from its native files to a file of prepared records.

This is the work of one process: it needs nothing from other splits but the keys of the texts that
training must not see. Equal input gives equal bytes.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from instructuie.data.card import Card
from instructuie.data.load import load_records
from instructuie.data.overlap import pack_keys, sentence_keys, unpack_keys
from instructuie.data.parquet import pack_parquet
from instructuie.data.passages import passages
from instructuie.data.prepared import row_of
from instructuie.data.quarantine import Quarantine
from instructuie.data.record import Record
from instructuie.data.rejects import rejects_to
from instructuie.data.tally import Tally
from instructuie.jsonl import without_cycle_collection
from instructuie.types import Extraction

Form = Literal["parquet", "gzip"]
PASSAGE_WORDS = 64


@dataclass(frozen=True, slots=True)
class Job:
    """A split to prepare, and the file to write it to.

    `protected` is a file of sentence keys: records with one of them are left out.
    """

    card: Card
    split: str
    root: Path
    file: Path
    form: Form
    protected: Path | None = None
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What became of a split.

    `sha256` is that of its rows, `packed` and `size` are those of its file. `keys` are those of all
    its sentences, also of records left out; `protected` is the digest of the keys it was kept clear
    of, "" where it was not.
    """

    dataset: str
    split: str
    tally: Tally
    overlapping: int
    sha256: str
    packed: str
    size: int
    keys: bytes
    rejects: tuple[Mapping[str, Any], ...] = ()
    protected: str = ""


def write_part(job: Job) -> Part:
    """Prepare one split. Raises DataError, or OSError where the file cannot be written."""
    quarantine = Quarantine(skip=job.skip)
    with without_cycle_collection(), rejects_to(quarantine):
        kept: list[Record] = []
        keys: set[bytes] = set()
        tally = Tally()
        overlapping = 0
        avoided = _keys_in(job.protected) if job.protected else frozenset()
        for record in _prepared_records(job):
            own = set(sentence_keys(record.text))
            keys |= own
            if not avoided.isdisjoint(own):
                overlapping += 1
                continue
            kept.append(record)
            tally.add(record)
        rows = b"".join(row_of(job.card.name, job.split, record) for record in kept)
        content = _FORMS[job.form](kept, rows)
    job.file.parent.mkdir(parents=True, exist_ok=True)
    job.file.write_bytes(content)
    return Part(
        job.card.name,
        job.split,
        tally,
        overlapping,
        hashlib.sha256(rows).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        len(content),
        pack_keys(keys),
        tuple({"dataset": job.card.name, "split": job.split, **row} for row in quarantine.rows()),
        job.protected.stem if job.protected else "",
    )


def pack_rows(rows: bytes) -> bytes:
    """A gzip member of these rows, without a time stamp."""
    return gzip.compress(rows, compresslevel=6, mtime=0)


_FORMS: Mapping[Form, Callable[[list[Record], bytes], bytes]] = {
    "parquet": lambda records, _: pack_parquet(records),
    "gzip": lambda _, rows: pack_rows(rows),
}


def _prepared_records(job: Job) -> Iterator[Record]:
    for record in load_records(job.card, job.split, job.root):
        document = job.card.unit == "document"
        pieces = passages(record, max_words=PASSAGE_WORDS) if document else [record]
        for piece in pieces:
            if piece.text.strip():
                yield _deduplicate(piece)


def _deduplicate(record: Record) -> Record:
    gold = record.gold
    return Record(
        record.text,
        Extraction(
            tuple(dict.fromkeys(gold.entities)),
            tuple(dict.fromkeys(gold.relations)),
            tuple(dict.fromkeys(gold.events)),
        ),
        record.id,
        record.source,
    )


@lru_cache(maxsize=1)
def _keys_in(path: Path) -> frozenset[bytes]:
    """The jobs of a process share one file, named by its content, so that it is read once."""
    return unpack_keys(path.read_bytes())
