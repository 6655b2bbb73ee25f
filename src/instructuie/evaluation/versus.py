"""Systems side by side: each score with its interval, and whether it really differs from the first's.

Means stand over the data sets that all systems have; what one of them lacks is left blank, never
filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from instructuie.errors import ConfigError
from instructuie.evaluation.scoring import Line, Scored
from instructuie.evaluation.significance import (
    RESAMPLES,
    Comparison,
    Interval,
    adjusted,
    compare,
    interval,
)

Place: TypeAlias = tuple[str, str]
"""Entry and unit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One system's score, and how it compares with the first system's."""

    interval: Interval
    comparison: Comparison | None
    """None for the first system, and where the first has no score."""

    def to_dict(self) -> dict[str, Any]:
        row = {"score": self.interval.score, "interval": self.interval.to_dict()}
        return row if self.comparison is None else {**row, "comparison": self.comparison.to_dict()}


@dataclass(frozen=True, slots=True)
class Row:
    """One unit of one data set, or the mean of a group of them."""

    name: str
    title: str
    measure: str
    cells: tuple[Cell | None, ...]
    """One for each system; None where it has no score."""
    entries: tuple[str, ...] = ()
    """Of a mean: the data sets that it is over."""

    def to_dict(self, systems: Sequence[str]) -> dict[str, Any]:
        cells = {
            name: None if cell is None else cell.to_dict()
            for name, cell in zip(systems, self.cells, strict=True)
        }
        row = {"name": self.name, "title": self.title, "measure": self.measure, "systems": cells}
        return {**row, "entries": list(self.entries)} if self.entries else row


@dataclass(frozen=True, slots=True)
class Versus:
    """The whole comparison under one rule."""

    rule: str
    systems: tuple[str, ...]
    rows: tuple[Row, ...]
    means: tuple[Row, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; scores are fractions."""
        return {
            "rule": self.rule,
            "systems": list(self.systems),
            "rows": [row.to_dict(self.systems) for row in self.rows],
            "means": [row.to_dict(self.systems) for row in self.means],
            "notes": list(self.notes),
        }


def versus(scored: Sequence[Scored], *, seed: int = 0, resamples: int = RESAMPLES) -> Versus:
    """Compare systems that were scored under the same rule.

    Raises ConfigError when there are fewer than two, or when they were not asked the same.
    """
    if len(scored) < 2:
        raise ConfigError("one system cannot be compared: give at least two runs or files")
    lines = [{(line.entry, line.unit.unit): line for line in found.lines} for found in scored]
    places = list(dict.fromkeys(place for found in lines for place in found))
    _refuse_other_data(lines, places)
    rows = _adjusted([_row(place, lines, seed, resamples) for place in places])
    names = _names(scored)
    notes = [f"{names[at]}: {note}" for at, found in enumerate(scored) for note in found.notes]
    means = tuple(_means(places, lines, seed, resamples))
    return Versus(scored[0].scores.rule, names, rows, means, tuple(notes))


def _adjusted(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with p-values that know of each other: all those of one page are looked at together."""
    compared = [c.comparison for row in rows for c in row.cells if c and c.comparison]
    found = iter(adjusted(compared))
    return tuple(
        replace(
            row,
            cells=tuple(
                replace(c, comparison=next(found)) if c and c.comparison else c for c in row.cells
            ),
        )
        for row in rows
    )


def _names(scored: Sequence[Scored]) -> tuple[str, ...]:
    """The systems' names; those that are called the same get the name of their folder as well."""
    names = [found.system.name for found in scored]
    return tuple(
        f"{name} ({found.system.path.name})" if names.count(name) > 1 else name
        for name, found in zip(names, scored, strict=True)
    )


def _refuse_other_data(lines: Sequence[Mapping[Place, Line]], places: Sequence[Place]) -> None:
    for place in places:
        first, *others = [found[place].signature for found in lines if place in found]
        for other in others:
            if differences := first.differences(other):
                raise ConfigError(
                    f"{place[0]}: the systems cannot be compared, as they differ in "
                    f"{'; '.join(differences)}: score both on the same data by the same rule"
                )


def _row(place: Place, lines: Sequence[Mapping[Place, Line]], seed: int, resamples: int) -> Row:
    known = next(found[place] for found in lines if place in found)
    base = lines[0].get(place)
    cells: list[Cell | None] = []
    for at, found in enumerate(lines):
        line = found.get(place)
        if line is None:
            cells.append(None)
            continue
        compared = None
        if at and base is not None:
            pair = (base.found, line.found)
            compared = compare([pair], place[1], seed=seed, resamples=resamples)
        cells.append(Cell(line.interval, compared))
    return Row(place[0], known.unit.title, known.unit.measure.name, tuple(cells))


def _means(
    places: Sequence[Place], lines: Sequence[Mapping[Place, Line]], seed: int, resamples: int
) -> Iterator[Row]:
    groups: dict[tuple[str, str], list[Place]] = {}
    for place in places:
        if all(place in found for found in lines):
            groups.setdefault((lines[0][place].group, place[1]), []).append(place)
    for (group, unit), members in groups.items():
        if len(members) < 2:
            continue
        base = [lines[0][place] for place in members]
        cells = []
        for at, found in enumerate(lines):
            mine = [found[place] for place in members]
            drawn = interval([line.unit for line in mine], seed=seed, resamples=resamples)
            pairs = [(a.found, b.found) for a, b in zip(base, mine, strict=True)]
            compared = compare(pairs, unit, seed=seed, resamples=resamples) if at else None
            cells.append(Cell(drawn, compared))
        entries = tuple(place[0] for place in members)
        yield Row(group, base[0].unit.title, base[0].unit.measure.name, tuple(cells), entries)
