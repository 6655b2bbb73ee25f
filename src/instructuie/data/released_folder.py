"""Writing folders of the released layout: `TASK/DATASET/{train,dev,test}.json` and `labels.json` beside them.

`labels.json` is a list of labels; for EE a list of event labels and a list of roles; for EET and EEA an
object of event labels and their roles. A data set without one of the splits has an empty list there,
as the released code opens all three. A folder appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructuie.data.prepared import Inventory, Prepared
from instructuie.data.record import Record
from instructuie.data.released import OBSTACLES, SPLITS, labels_of, obstacles, to_rows
from instructuie.data.released_config import (
    InstructionEntry,
    TaskEntry,
    write_instructions,
    write_task_config,
)
from instructuie.errors import ConfigError, DataError
from instructuie.prompt import instruction_pools
from instructuie.tasks import TASKS, TaskName

Json = Any
Splits = Mapping[str, Sequence[Record]]


@dataclass(frozen=True, slots=True)
class Written:
    """What an export has written and what it has left out."""

    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Task -> split -> number of rows."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Name in `OBSTACLES` -> number of records that it concerned."""


def tasks_of(inventory: Inventory, *, auxiliary: bool = False) -> tuple[TaskName, ...]:
    """The tasks that have a folder: the main ones, and with `auxiliary` those that are part of them."""
    return tuple(
        name
        for name, task in TASKS.items()
        if task.main in inventory.tasks and (auxiliary or name == task.main)
    )


def write_data_set(
    root: Path,
    name: str,
    inventory: Inventory,
    splits: Splits,
    *,
    auxiliary: bool = False,
    leave_out: Collection[str] = (),
) -> Written:
    """Write one data set, a folder for each task.

    Records that the layout cannot express raise DataError, which names each obstacle; those named
    in `leave_out` are left out instead: the row of RE and EPR for `no-relation`, the items for
    `other-items`, else the record.
    """
    tasks = tasks_of(inventory, auxiliary=auxiliary)
    left_out = check_data_set(root, name, tasks, splits, leave_out)
    rows: dict[str, dict[str, int]] = {}
    for task in tasks:
        files: dict[str, Json] = {"labels": labels_of(task, inventory)}
        for split in SPLITS:
            files[split] = list(_task_rows(task, splits.get(split, ()), tasks, leave_out))
        _write_folder(root / task / name, files)
        rows[task] = {split: len(files[split]) for split in SPLITS}
    return Written(rows, left_out)


def check_data_set(
    root: Path, name: str, tasks: Sequence[str], splits: Splits, leave_out: Collection[str]
) -> dict[str, int]:
    """Raise what `write_data_set` would; returns how many records have which obstacle."""
    unknown = sorted(set(leave_out) - set(OBSTACLES))
    if unknown:
        raise ConfigError(
            f"cannot leave out {unknown[0]!r}: expected one of {', '.join(OBSTACLES)}"
        )
    strange = sorted(set(splits) - set(SPLITS))
    if strange:
        raise DataError(f"{name}: the layout has no split {strange[0]!r}, only {', '.join(SPLITS)}")
    if not tasks:
        raise DataError(f"{name}: the data set has no task, so there is nothing to write")
    for folder in (root / task / name for task in tasks):
        if folder.exists():
            raise ConfigError(f"{folder} is already there: remove it or choose another folder")
    return _obstacles(name, splits, tasks, leave_out)


def export_data_sets(
    prepared: Prepared,
    output: Path,
    *,
    names: Sequence[str] = (),
    auxiliary: bool = False,
    leave_out: Collection[str] = (),
) -> dict[str, Written]:
    """Write prepared data sets (all, if no names are given) and the configuration for them.

    Raises DataError that names everything which the layout cannot express, before it writes.
    """
    known = prepared.inventories
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"no data set {unknown[0]!r}; the prepared data have {', '.join(known)}")
    problems = []
    for name in names or known:
        tasks = tasks_of(known[name], auxiliary=auxiliary)
        try:
            check_data_set(output, name, tasks, prepared.records.get(name, {}), leave_out)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    written = {
        name: write_data_set(
            output,
            name,
            known[name],
            prepared.records.get(name, {}),
            auxiliary=auxiliary,
            leave_out=leave_out,
        )
        for name in names or known
    }
    _write_configs(output / "configs", written)
    return written


def _write_configs(folder: Path, written: Mapping[str, Written]) -> None:
    """Each data set in each task and split that it has rows of, all of them (`full`)."""
    for split in SPLITS:
        config: dict[str, list[TaskEntry]] = {}
        for task in TASKS:
            found = [name for name, one in written.items() if one.rows.get(task, {}).get(split)]
            if found:
                config[task] = [TaskEntry(name, "full") for name in found]
        write_task_config(folder / f"{split}_tasks.json", config)
    # The released code puts the options straight behind the instruction.
    pools: dict[str, tuple[InstructionEntry, ...]] = {
        task: tuple(InstructionEntry(f"{text} \n") for text in texts)
        for task, texts in instruction_pools().items()
    }
    write_instructions(folder / "instruction_config.json", pools)


def _obstacles(
    name: str, splits: Splits, tasks: Sequence[str], leave_out: Collection[str]
) -> dict[str, int]:
    met: Counter[str] = Counter()
    first: dict[str, Record] = {}
    for records in splits.values():
        for record in records:
            for obstacle in obstacles(record, tasks):
                met[obstacle] += 1
                first.setdefault(obstacle, record)
    refused = [obstacle for obstacle in OBSTACLES if met[obstacle] and obstacle not in leave_out]
    if refused:
        lines = [
            f"  {obstacle}: {met[obstacle]:,} records with {OBSTACLES[obstacle]}; the first is "
            f"{first[obstacle].id or '(no id)'}: {first[obstacle].text[:60]!r}"
            for obstacle in refused
        ]
        advice = f"to leave them out, name them: {','.join(refused)}"
        head = f"{name}: the released layout cannot express"
        raise DataError("\n".join([head, *lines, advice]))
    return {obstacle: met[obstacle] for obstacle in OBSTACLES if met[obstacle]}


def _task_rows(
    task: str, records: Sequence[Record], tasks: Sequence[str], leave_out: Collection[str]
) -> Iterator[Json]:
    for record in records:
        met = set(obstacles(record, tasks)) & set(leave_out)
        if met - {"no-relation", "other-items"}:
            continue
        if "no-relation" in met and task in ("RE", "EPR"):
            continue
        yield from to_rows(task, record)


def _write_folder(folder: Path, files: Mapping[str, Json]) -> None:
    """All files under another name first, then the folder at once."""
    partial = folder.with_name(folder.name + ".part")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for stem, value in files.items():
            (partial / f"{stem}.json").write_text(_dump(value), encoding="utf-8")
        os.replace(partial, folder)
    except (OSError, UnicodeError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(f"cannot be written: {error}", path=folder) from error


def _dump(value: Json) -> str:
    """JSON with an item a line, which version control can compare."""
    if not isinstance(value, list) or not value:
        return json.dumps(value, ensure_ascii=False) + "\n"
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]\n"
