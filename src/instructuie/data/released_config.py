"""The configuration files of the released code: which data sets are used, and the instructions.

    train_tasks.json, dev_tasks.json, test_tasks.json
        {"NER": [{"sampling strategy": "random", "dataset name": "CoNLL 2003"}], "RE": ...}
    instruction_config.json
        {"NER": [{"instruction_type": "zero-shot", "instruction": "..."}], ...}

What is read can be written again, key by key; a key or value that is not known is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from instructuie.data.readers.rows import load_json
from instructuie.errors import ConfigError
from instructuie.tasks import TASKS

Strategy = Literal["random", "full"]
"""full: every row. random: in the released code, the first rows up to its limit (10,000)."""
InstructionType = Literal["zero-shot", "few-shot"]
"""The released training uses the zero-shot ones."""

TASK_FILES = ("train", "dev", "test")

EntryT = TypeVar("EntryT")
Json = Any


@dataclass(frozen=True, slots=True)
class TaskEntry:
    """A data set of a task."""

    data_set: str
    strategy: Strategy = "random"


@dataclass(frozen=True, slots=True)
class InstructionEntry:
    """One wording; the released code appends options and text to it without a space."""

    text: str
    kind: InstructionType = "zero-shot"


TaskConfig = Mapping[str, Sequence[TaskEntry]]
Instructions = Mapping[str, Sequence[InstructionEntry]]


def read_task_config(path: Path) -> dict[str, tuple[TaskEntry, ...]]:
    """Task -> its data sets. Raises ConfigError for a task, key or strategy that is not known."""
    return _read(path, TASKS, _task_entry)


def write_task_config(path: Path, config: TaskConfig) -> None:
    _write(path, config, _task_row)


def read_instructions(path: Path) -> dict[str, tuple[InstructionEntry, ...]]:
    """Task -> its instructions; `RC` is a pool of the released file that no task uses."""
    return _read(path, (*TASKS, "RC"), _instruction_entry)


def first_instructions(path: Path) -> dict[str, str]:
    """Task -> its first zero-shot instruction, which the released code takes unless told otherwise."""
    pools = {
        task: [entry.text for entry in entries if entry.kind == "zero-shot"]
        for task, entries in read_instructions(path).items()
    }
    return {task: pool[0] for task, pool in pools.items() if pool}


def write_instructions(path: Path, instructions: Instructions) -> None:
    """Raises ConfigError for braces, which would make the released code leave out the text."""
    for task, entries in instructions.items():
        for entry in entries:
            if task != "RC" and ("{" in entry.text or "}" in entry.text):
                raise ConfigError(f"an instruction of {task} has a brace: {entry.text!r}")
    _write(path, instructions, _instruction_row)


def _task_entry(row: Mapping[str, Json]) -> TaskEntry:
    entry = {"sampling strategy": "random", **row}
    strategy, name = entry.pop("sampling strategy"), entry.pop("dataset name")
    return TaskEntry(_known(name, str), _choice(strategy, get_args(Strategy), entry))


def _instruction_entry(row: Mapping[str, Json]) -> InstructionEntry:
    entry = dict(row)
    kind, text = entry.pop("instruction_type"), entry.pop("instruction")
    return InstructionEntry(_known(text, str), _choice(kind, get_args(InstructionType), entry))


def _choice(value: Json, allowed: Sequence[str], left: Mapping[str, Json]) -> Any:
    if value not in allowed:
        raise ValueError(f"{value!r}, expected one of: {', '.join(allowed)}")
    if left:
        raise ValueError(f"unknown key {next(iter(left))!r}")
    return value


def _known(value: Json, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{value!r}, expected text")
    return value


def _task_row(entry: TaskEntry) -> Json:
    return {"sampling strategy": entry.strategy, "dataset name": entry.data_set}


def _instruction_row(entry: InstructionEntry) -> Json:
    return {"instruction_type": entry.kind, "instruction": entry.text}


def _read(
    path: Path, tasks: Sequence[str] | Mapping[Any, Any], make: Callable[[Json], EntryT]
) -> dict[str, tuple[EntryT, ...]]:
    rows = load_json(path)
    config: dict[str, tuple[EntryT, ...]] = {}
    try:
        for task, entries in rows.items():
            if task not in tasks:
                raise ValueError(f"unknown task {task!r}, expected one of: {', '.join(tasks)}")
            config[task] = tuple(make(entry) for entry in entries)
    except KeyError as error:
        raise ConfigError(f"{path}: {task}: an entry lacks the key {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a configuration of the released code: {error}") from error
    return config


def _write(
    path: Path, config: Mapping[str, Sequence[EntryT]], make: Callable[[EntryT], Json]
) -> None:
    rows = {task: [make(entry) for entry in entries] for task, entries in config.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(rows, ensure_ascii=False, indent=4) + "\n", encoding="utf-8")
    partial.replace(path)
