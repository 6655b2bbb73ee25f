"""Validation of prepared data, of native data sets, and of JSON Lines that a user wrote.

Each of them comes to the same verdict, one for each data set.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from instructuie.data.card import Card
from instructuie.data.lazy import MALFORMED
from instructuie.data.load import has_files, load_records
from instructuie.data.prepared import Inventory, read_prepared
from instructuie.data.quarantine import Quarantine
from instructuie.data.record import Record
from instructuie.data.rejects import rejects_to
from instructuie.data.split import split_names
from instructuie.data.validate import Finding, Validator
from instructuie.errors import DataError
from instructuie.jsonl import Row, scan_json, scan_rows

Labels = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one data set."""

    dataset: str
    records: Mapping[str, int]
    """Split -> records that could be read."""
    findings: Sequence[Finding]
    overlap: Mapping[str, tuple[int, int]]
    """Split -> its records with a text, and with a sentence of eight or more words, of train."""


def check_prepared(path: Path) -> Iterator[Verdict]:
    """Every data set of a prepared file or folder."""
    prepared = read_prepared(path)
    for dataset, splits in prepared.records.items():
        inventory = prepared.inventories.get(dataset, Inventory(()))
        validator = Validator(dataset, labels=_labels(inventory))
        findings: list[Finding] = []
        for split, records in splits.items():
            for position in range(len(records)):
                try:
                    findings += validator.add(split, records[position])
                except DataError as error:
                    findings.append(validator.reject(split, error))
        yield _verdict(validator, findings)


def check_card(card: Card, root: Path) -> Verdict:
    """A native data set, as far as its files are there. Raises DataError when none of them are."""
    there = [split for split in split_names(card) if has_files(card, split, root)]
    if not there:
        raise DataError(f"no split of {card.name} is there; expected its files", path=root)
    validator = Validator(card.name)
    findings: list[Finding] = []
    for split in there:
        quarantine = Quarantine(skip=True)
        with rejects_to(quarantine):
            for record in load_records(card, split, root):
                findings += validator.add(split, record)
        findings += [validator.reject(split, error) for error in quarantine.errors]
    return _verdict(validator, findings)


def check_rows(paths: Iterable[Path], *, labels: Labels | None = None) -> Iterator[Verdict]:
    """JSON Lines of our own form, with `text`, `entities`, `relations` and `events`.

    The split is the row's `split`, else the file's name without its ending; the data set is the row's
    `dataset`, else the name of the folder.
    """
    validators: dict[str, Validator] = {}
    findings: dict[str, list[Finding]] = {}
    for path in paths:
        scan = scan_json if path.suffix == ".json" else scan_rows
        for row in scan(path):
            value = {} if isinstance(row, DataError) else row.value
            dataset = str(value.get("dataset") or path.resolve().parent.name)
            split = str(value.get("split") or path.stem)
            validator = validators.setdefault(dataset, Validator(dataset, labels=labels))
            findings.setdefault(dataset, []).extend(_check_row(validator, split, row, path))
    for dataset, validator in validators.items():
        yield _verdict(validator, findings[dataset])


def _check_row(
    validator: Validator, split: str, row: Row | DataError, path: Path
) -> Iterator[Finding]:
    if isinstance(row, DataError):
        yield validator.reject(split, row)
        return
    try:
        record = Record.from_dict(row.value)
    except MALFORMED as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        yield validator.reject(split, DataError(reason, path=path, line=row.line))
        return
    place = f"{path.name}:{row.line}" + (f" ({record.id})" if record.id else "")
    yield from validator.add(split, record, place=place)


def _labels(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    return {
        "entity": inventory.entities,
        "relation": inventory.relations,
        "event": tuple(inventory.events),
        "role": tuple(role for roles in inventory.events.values() for role in roles),
    }


def _verdict(validator: Validator, findings: Sequence[Finding]) -> Verdict:
    records = {split: found.tally.records for split, found in validator.splits.items()}
    return Verdict(
        validator.dataset, records, [*findings, *validator.finish()], validator.overlap()
    )
