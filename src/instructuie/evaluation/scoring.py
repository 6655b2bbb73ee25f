"""From prediction files to scores that can be published: intervals, signatures, means of groups.

What is scored is a folder that `predict` wrote, or any prediction file. Nothing but the files is
needed, so that they can be scored again under another rule at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from instructuie.errors import DataError
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.predictions import read_predictions
from instructuie.evaluation.run import RUN_FILE, read_run
from instructuie.evaluation.scores import Key, Scores, SetScores, UnitScores, score
from instructuie.evaluation.signature import Signature, fingerprint
from instructuie.evaluation.significance import RESAMPLES, Interval, interval
from instructuie.evaluation.suite import Entry, read_entry
from instructuie.jsonl import without_cycle_collection

FORMAT = "instructuie-scores-1"


@dataclass(frozen=True, slots=True)
class System:
    """The predictions of one system: where they are, and what is known about them."""

    name: str
    path: Path
    run: Mapping[str, Any]
    """What `run.json` says; empty for a file on its own."""
    entries: Mapping[Key, Entry]
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """The suite's rule."""
        return str(self.run.get("rule", "strict"))

    def predictions(self) -> Iterator[Prediction]:
        """All of them, file by file. Raises DataError with line and reason."""
        for path in self.files:
            yield from read_predictions(path)


def open_system(path: Path, *, name: str = "", partial: bool = False) -> System:
    """The system of a run folder or of a prediction file.

    Raises DataError when a run is not complete, unless `partial` scores of what is there will do.
    """
    if not path.exists():
        raise DataError("no such file or folder of predictions", path=path)
    if not path.is_dir():
        return System(name or path.stem, path, {}, {}, (path,))
    run = read_run(path)
    notes = list(_missing(run["missing"]))
    unfinished = dict(_unfinished(run))
    if unfinished and not partial:
        listed = "; ".join(f"{entry}: {count}" for entry, count in unfinished.items())
        raise DataError(
            f"the run is not complete ({listed} questions answered): run the same `evaluate predict` "
            "again to finish it, or pass --partial to score what is there",
            path=path / RUN_FILE,
        )
    notes += [f"{entry} is not complete: {count} questions" for entry, count in unfinished.items()]
    rows = [row for row in run["entries"].values() if row["answered"]]
    entries = [read_entry(row["entry"], source=str(path / RUN_FILE)) for row in rows]
    return System(
        name or str(run["system"]),
        path,
        run,
        {(entry.task, entry.dataset, entry.part): entry for entry in entries},
        tuple(path / entry.file for entry in entries),
        tuple(notes),
    )


def _missing(reasons: Mapping[str, str]) -> Iterator[str]:
    for reason in dict.fromkeys(reasons.values()):
        names = [entry for entry, why in reasons.items() if why == reason]
        yield f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} missing: {reason}"


def _unfinished(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, row in run["entries"].items():
        if row["answered"] < row["questions"]:
            yield name, f"{row['answered']:,} of {row['questions']:,}"


@dataclass(frozen=True, slots=True)
class Line:
    """One unit of one data set."""

    entry: str
    group: str
    use: str
    found: SetScores
    unit: UnitScores
    interval: Interval
    signature: Signature


@dataclass(frozen=True, slots=True)
class GroupMean:
    """The unweighted mean over the data sets of a group."""

    group: str
    unit: str
    title: str
    measure: str
    entries: tuple[str, ...]
    interval: Interval


@dataclass(frozen=True, slots=True)
class Scored:
    """One system under one rule."""

    system: System
    scores: Scores
    lines: tuple[Line, ...]
    groups: tuple[GroupMean, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; scores are fractions."""
        row = self.scores.to_dict()
        known = {(line.found.key, line.unit.unit): line for line in self.lines}
        for found in row["sets"]:
            key = (found["task"], found["dataset"], found["split"])
            for name, unit in found["units"].items():
                line = known[key, name]
                found.update(entry=line.entry, group=line.group, use=line.use)
                unit.update(interval=line.interval.to_dict(), signature=line.signature.to_dict())
        row["groups"] = [_group_to_dict(group) for group in self.groups]
        return {**row, "notes": list(self.notes)}


def score_system(
    system: System, rules: Sequence[str] = (), *, seed: int = 0, resamples: int = RESAMPLES
) -> list[Scored]:
    """The scores under each rule; without rules, each entry under its own or the suite's.

    Reads the files once. Raises DataError and ConfigError.
    """
    scores: dict[str, Scores] = {}
    data: dict[Key, str] = {}
    for part in _parts(system):
        entry = system.entries.get(_key(part[0]))
        data[_key(part[0])] = fingerprint(part)
        for rule in rules or ((entry.rule if entry else "") or system.rule,):
            found = _only_units(score(part, rule), entry)
            scores[rule] = scores[rule] + found if rule in scores else found
    if not scores:
        raise DataError("holds no predictions to score", path=system.path)
    order = [rule for rule in rules if rule in scores] or list(scores)
    return [_scored(system, scores[rule], data, seed, resamples) for rule in order]


def _parts(system: System) -> Iterator[list[Prediction]]:
    """The predictions of one data set, task and split at a time; one file in memory at once."""
    for path in system.files:
        sets: dict[Key, list[Prediction]] = {}
        with without_cycle_collection():
            for prediction in read_predictions(path):
                sets.setdefault(_key(prediction), []).append(prediction)
        yield from sets.values()


def _key(prediction: Prediction) -> Key:
    return (prediction.task, prediction.dataset, prediction.split)


def _only_units(scores: Scores, entry: Entry | None) -> Scores:
    """Without the units that the suite does not ask for."""
    if entry is None or not entry.units:
        return scores
    sets = tuple(
        replace(s, units={name: unit for name, unit in s.units.items() if _asked(name, entry)})
        for s in scores.sets
    )
    return replace(scores, sets=sets)


def _asked(unit: str, entry: Entry) -> bool:
    """Rules may divide a unit, as `uie` counts `entity-string` beside `entity`."""
    return any(unit == asked or unit == f"{asked}-string" for asked in entry.units)


def _scored(
    system: System, scores: Scores, data: Mapping[Key, str], seed: int, resamples: int
) -> Scored:
    lines = []
    for found in scores.sets:
        entry = system.entries.get(found.key) or Entry(found.dataset, found.task, found.split)
        use = system.run["entries"][entry.name]["use"] if system.run else ""
        for unit in found.units.values():
            signature = Signature.of(
                scores.rule,
                found.task,
                unit.unit,
                data=data[found.key],
                predictor=system.name,
                seed=system.run.get("seed"),
            )
            drawn = interval(unit, seed=seed, resamples=resamples)
            lines.append(Line(entry.name, entry.group, use, found, unit, drawn, signature))
    groups = tuple(_groups(lines, seed, resamples))
    notes = (*system.notes, *scores.notes())
    return Scored(system, scores, tuple(lines), groups, notes)


def _groups(lines: Sequence[Line], seed: int, resamples: int) -> Iterator[GroupMean]:
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault((line.group, line.unit.unit, line.unit.title), []).append(line)
    for (group, unit, title), members in groups.items():
        if len(members) > 1:
            units = [line.unit for line in members]
            drawn = interval(units, seed=seed, resamples=resamples)
            names = tuple(line.entry for line in members)
            yield GroupMean(group, unit, title, units[0].measure.name, names, drawn)


def _group_to_dict(group: GroupMean) -> dict[str, Any]:
    return {
        "group": group.group,
        "unit": group.unit,
        "title": group.title,
        "measure": group.measure,
        "entries": list(group.entries),
        "score": group.interval.score,
        "interval": group.interval.to_dict(),
    }


def to_file(scored: Sequence[Scored]) -> dict[str, Any]:
    """The score file of one system: how it was run, and its scores under each rule."""
    system = scored[0].system
    about = ("title", "predictor", "limit", "seed", "versions", "missing")
    return {
        "format": FORMAT,
        "system": system.name,
        "run": {key: system.run[key] for key in about if key in system.run},
        "scores": [found.to_dict() for found in scored],
    }
