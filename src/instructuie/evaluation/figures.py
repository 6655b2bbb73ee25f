"""Figures for a paper or a slide, drawn by matplotlib: scores, errors, curves, systems side by side.

The HTML pages draw their own plots instead, since those follow the page: its colours by day and night,
its width, and the pointer. The numbers are the same (`plots.py`). One report, one picture: an SVG
holds no date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from instructuie.errors import ConfigError, MissingExtraError
from instructuie.evaluation import plots
from instructuie.evaluation.alignment import CLASSES
from instructuie.evaluation.findings import PartAudit, UnitAudit
from instructuie.evaluation.items import unit_title
from instructuie.evaluation.report import Report
from instructuie.evaluation.scoring import Line
from instructuie.evaluation.significance import Interval
from instructuie.evaluation.versus import Row, Versus

FORMATS = ("svg", "pdf", "png")
_INK, _GRID, _BLUE = "#1d2026", "#e2e0da", "#2563c9"
_CLASS_COLOURS = (
    *("#2f7fd6", "#e2711d", "#c29b00", "#c2549d", "#7e5bc0"),
    *("#0f9fa8", "#d1383d", "#8a8f99", "#6aa9e9", "#94795c"),
)
"""In the order of `alignment.CLASSES`."""
_SYSTEM_COLOURS = (
    *("#0083d0", "#e69f00", "#009e73", "#cc79a7"),
    *("#d55e00", "#56b4e9", "#b8a800", "#8a8f99"),
)
_RC = {
    **{"svg.hashsalt": "instructuie", "svg.fonttype": "none", "pdf.fonttype": 42},
    **{"font.size": 8, "text.color": _INK, "axes.edgecolor": _GRID, "axes.labelcolor": _INK},
    **{"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True},
}


def write_figures(report: Report, folder: Path, form: str) -> tuple[Path, ...]:
    """scores, errors, and `certainty-...` for each unit with scores, as svg, pdf or png.

    Raises ConfigError for another format, and MissingExtraError without matplotlib.
    """
    drawings: list[tuple[str, Callable[[], Any]]] = [
        ("scores", lambda: _scores(report.main.lines)),
        ("errors", lambda: _errors(list(_units(report)))),
    ]
    for part, name, unit in _units(report):
        if unit.scores:
            slug = f"certainty-{part.name}-{name}".replace("/", "-")
            title = f"{part.name}, {unit_title(part.task, name)}"
            drawings.append((slug, lambda u=unit, t=title: _certainty(u, t)))  # type: ignore[misc]
    return _save(drawings, folder, form)


def write_comparison_figure(found: Versus, folder: Path, form: str) -> tuple[Path, ...]:
    """Each system's score with its interval, data set by data set. Raises as `write_figures` does."""
    return _save([("compare", lambda: _versus((*found.rows, *found.means), found))], folder, form)


def _units(report: Report) -> Iterator[tuple[PartAudit, str, UnitAudit]]:
    for part in report.audit.parts.values():
        for name, unit in part.units.items():
            yield part, name, unit


def _save(
    drawings: Sequence[tuple[str, Callable[[], Any]]], folder: Path, form: str
) -> tuple[Path, ...]:
    if form not in FORMATS:
        raise ConfigError(f"figures as {form!r}: expected one of {', '.join(FORMATS)}")
    matplotlib = _matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with matplotlib.rc_context(_RC):
        for name, draw in drawings:
            path = folder / f"{name}.{form}"
            dateless = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
            draw().savefig(path, metadata=dateless, dpi=200)
            paths.append(path)
    return tuple(paths)


def _matplotlib() -> Any:
    try:
        import matplotlib
        import matplotlib.figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing figures", extra="eval") from error
    return matplotlib


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    figure = _matplotlib().figure.Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _bars(axis: Any, names: Sequence[str]) -> None:
    """A row for each name, the first on top; percent along the bottom."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x", color=_GRID, linewidth=0.6)


def _whiskers(found: Interval) -> list[list[float]]:
    """A bootstrap interval need not hold the score itself, and no whisker has a negative length."""
    low, high = max(0.0, found.score - found.low), max(0.0, found.high - found.score)
    return [[100 * low], [100 * high]]


def _scores(lines: Sequence[Line]) -> Any:
    figure, (axis,) = _figure(6.0, 0.8 + 0.24 * len(lines))
    for at, line in enumerate(lines):
        found = line.interval
        axis.barh(at, 100 * found.score, height=0.62, color=_BLUE, alpha=0.85)
        axis.errorbar(
            100 * found.score, at, xerr=_whiskers(found), color=_INK, capsize=2, linewidth=0.9
        )
        axis.text(101, at, f"{100 * found.score:.1f}", va="center")
    _bars(axis, [f"{line.entry}  {line.unit.title}" for line in lines])
    axis.set_xlim(0, 100)
    axis.set_xlabel("score in percent, with its 95 % interval over texts")
    return figure


def _errors(units: Sequence[tuple[PartAudit, str, UnitAudit]]) -> Any:
    figure, (axis,) = _figure(6.0, 1.1 + 0.24 * len(units))
    begin = [0.0] * len(units)
    for kind, colour in zip(CLASSES, _CLASS_COLOURS, strict=True):
        counts = [unit.classes[kind].errors for *_, unit in units]
        if any(counts):
            axis.barh(range(len(units)), counts, left=begin, height=0.62, color=colour, label=kind)
            begin = [a + b for a, b in zip(begin, counts, strict=True)]
    _bars(axis, [f"{part.name}  {unit_title(part.task, name)}" for part, name, _ in units])
    axis.set_xlabel("errors under the strict rule")
    if any(begin):
        figure.legend(loc="outside lower center", ncols=5, frameon=False)
    return figure


def _certainty(unit: UnitAudit, title: str) -> Any:
    """Precision against recall, and the share of right items against their score."""
    figure, (left, right) = _figure(6.4, 3.2, columns=2)
    figure.suptitle(title)
    points = plots.precision_recall(unit)
    left.plot([100 * p.recall for p in points], [100 * p.precision for p in points], color=_BLUE)
    if best := plots.best_threshold(points):
        left.plot(100 * best.recall, 100 * best.precision, "o", color=_BLUE)
        left.set_title(f"best F1 {100 * best.f1:.1f} at {best.threshold:g}", fontsize=8)
    left.set(xlabel="recall %", ylabel="precision %")
    if found := plots.calibration(unit):
        most = max(b.items for b in found.bins)
        sizes = [12 + 140 * b.items / most for b in found.bins]
        shares = [100 * b.right for b in found.bins]
        right.scatter([100 * b.score for b in found.bins], shares, sizes, color=_BLUE, alpha=0.6)
        right.set_title(f"off by {100 * found.error:.1f} points on average", fontsize=8)
    right.plot([0, 100], [0, 100], "--", color="#667080", linewidth=0.8)
    right.set(xlabel="score × 100", ylabel="right %")
    for axis in (left, right):
        axis.set(xlim=(0, 102), ylim=(0, 102), aspect="equal")
        axis.grid(color=_GRID, linewidth=0.6)
    return figure


def _versus(rows: Sequence[Row], found: Versus) -> Any:
    count = len(found.systems)
    figure, (axis,) = _figure(6.0, 1.1 + (0.16 + 0.1 * count) * len(rows))
    for system, name in enumerate(found.systems):
        colour, label = _SYSTEM_COLOURS[system % len(_SYSTEM_COLOURS)], name
        shift = 0.6 * ((system + 0.5) / count - 0.5)
        for at, row in enumerate(rows):
            if cell := row.cells[system]:
                axis.errorbar(
                    100 * cell.interval.score,
                    at + shift,
                    xerr=_whiskers(cell.interval),
                    **{"fmt": "o", "markersize": 3.5, "linewidth": 1, "capsize": 2},
                    color=colour,
                    label=label,
                )
                label = "_"
    ends = [f", mean of {len(row.entries)}" if row.entries else "" for row in rows]
    _bars(axis, [f"{row.name}  {row.title}{end}" for row, end in zip(rows, ends, strict=True)])
    axis.set_xlim(0, 100)
    axis.set_xlabel(f"score in percent under the rule {found.rule}, with its 95 % interval")
    figure.legend(loc="outside lower center", ncols=min(4, count), frameon=False)
    return figure
