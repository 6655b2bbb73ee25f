"""A report as Markdown: the numbers of the HTML page, for a pull request or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from instructuie.evaluation.findings import PartAudit, UnitAudit
from instructuie.evaluation.items import unit_title
from instructuie.evaluation.paper import FilledTable
from instructuie.evaluation.report import CONFIDENCE, Report, rule_table
from instructuie.evaluation.scoring import Line
from instructuie.evaluation.significance import Comparison, Interval
from instructuie.evaluation.slices import telling
from instructuie.evaluation.versus import Row, Versus

MAX_LABELS = 20


def to_markdown(report: Report) -> str:
    """The whole report but for the texts."""
    blocks = [f"# {report.title}", *_scores(report), *_rules(report)]
    for part in report.audit.parts.values():
        blocks += _part(report, part)
    return "\n\n".join(blocks) + "\n"


def comparison_to_markdown(found: Versus, signatures: Sequence[str] = ()) -> str:
    """Systems side by side; differences are from the first."""
    head = ["data", "unit"]
    for at, name in enumerate(found.systems):
        head += [name, "interval", *(("difference", "p", "adjusted") if at else ())]
    blocks = [
        f"# {' · '.join(found.systems)}",
        f"Scores under the `{found.rule}` rule, in percent, with {CONFIDENCE} % intervals over texts; "
        f"differences are from {found.systems[0]}, p by approximate randomisation, adjusted for all "
        "data sets of the table (Benjamini and Hochberg).",
        table(head, [_versus_row(row) for row in (*found.rows, *found.means)], text=2),
        *("\n".join(f"- {line}" for line in lines) for lines in (found.notes, signatures) if lines),
    ]
    return "\n\n".join(blocks) + "\n"


def _versus_row(row: Row) -> list[str]:
    name = f"{row.name}, mean of {len(row.entries)}" if row.entries else row.name
    cells = [name, row.title if row.measure == "F1" else f"{row.title} ({row.measure})"]
    for at, cell in enumerate(row.cells):
        cells += ["-", "-"] if cell is None else _scored(cell.interval)
        if at:
            cells += _compared(cell.comparison if cell else None)
    return cells


def _compared(gap: Comparison | None) -> list[str]:
    if gap is None:
        return ["-"] * 3
    adjusted = "-" if gap.p_adjusted is None else f"{gap.p_adjusted:.3f}"
    return [f"{100 * gap.difference:+.2f}", f"{gap.p_randomisation:.3f}", adjusted]


def _scored(found: Interval) -> list[str]:
    return [_percent(found.score), _range(found.low, found.high)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1) -> str:
    """A Markdown table whose first `text` columns are text and whose others are numbers."""
    rule = ["---"] * text + ["---:"] * (len(head) - text)
    return "\n".join(
        "| " + " | ".join(_cell(cell) for cell in row) + " |" for row in (head, rule, *rows)
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _scores(report: Report) -> Iterator[str]:
    yield (
        f"Scores under the `{report.rule}` rule, in percent, with {CONFIDENCE} % intervals over "
        "texts. Errors are sorted under `strict`."
    )
    head = ("data", "unit", "measure", "texts", "gold", "P", "R", "micro", "interval", "macro")
    yield table(head, [_line(line) for line in report.main.lines], text=3)
    for group in report.main.groups:
        found = group.interval
        yield (
            f"Mean of {len(group.entries)} data sets, {group.group}, {group.title}: "
            f"**{_percent(found.score)}** ({_range(found.low, found.high)}): "
            f"{', '.join(group.entries)}"
        )
    yield "\n".join(
        f"- `{line.entry} {line.unit.unit}` {line.signature}" for line in report.main.lines
    )
    if report.main.notes:
        yield "\n".join(f"- {note}" for note in report.main.notes)


def _line(line: Line) -> tuple[str, ...]:
    total, found = line.unit.total, line.interval
    return (
        *(line.entry, line.unit.title, line.unit.measure.name),
        *(f"{len(line.found.ids):,}", f"{total.gold:,.0f}"),
        *(_percent(total.precision), _percent(total.recall), f"**{_percent(found.score)}**"),
        *(_range(found.low, found.high), _percent(line.unit.macro)),
    )


def _rules(report: Report) -> Iterator[str]:
    yield "## The same predictions under every rule"
    columns, rows = rule_table(report)
    yield table(
        ("data", "unit", *columns),
        [
            (*key, *(_percent(row[rule]) if rule in row else "-" for rule in columns))
            for key, row in rows.items()
        ],
        text=2,
    )


def _part(report: Report, part: PartAudit) -> Iterator[str]:
    yield f"## {part.name}"
    if part.issues:
        yield "Reported besides: " + ", ".join(f"{n:,} × {kind}" for kind, n in part.issues.items())
    for key, unit in part.units.items():
        yield f"### {unit_title(part.task, key)}"
        yield _classes(unit)
        yield from _labels(report, part.name, key, unit)
        yield from _slices(unit)


def _classes(unit: UnitAudit) -> str:
    counts = unit.counts
    rows: list[tuple[str, ...]] = []
    for kind, n in unit.classes.items():
        if n.errors:
            cost = 100 * (unit.without(kind).f1 - counts.f1)
            rows.append((kind, f"{n.errors:,}", f"{n.missed:,}", f"{n.wrong:,}", f"{cost:.1f}"))
    total = [sum(n.errors for n in unit.classes.values()), counts.gold - counts.right]
    rows.append(("all", *(f"{n:,.0f}" for n in (*total, counts.predicted - counts.right)), ""))
    return table(("class of error", "errors", "missed", "wrong", "costs F1"), rows)


def _labels(report: Report, part: str, key: str, unit: UnitAudit) -> Iterator[str]:
    shown = list(unit.labels.items())[:MAX_LABELS]
    bounds = {label: report.label_intervals[part, key, label] for label, _ in shown}
    yield table(
        ("label", "gold", "P", "R", "F1", "interval"),
        [
            (
                *(label or "(no label)", f"{c.gold:,.0f}", _percent(c.precision)),
                *(_percent(c.recall), _percent(c.f1)),
                _range(bounds[label].low, bounds[label].high),
            )
            for label, c in shown
        ],
    )
    if len(unit.labels) > MAX_LABELS:
        yield f"{len(unit.labels) - MAX_LABELS} more labels stand in the JSON file."


def _slices(unit: UnitAudit) -> Iterator[str]:
    rows = [
        (title, bucket, f"{counts.gold:,.0f}", _percent(counts.f1))
        for title, buckets in telling(unit.slices)
        for bucket, counts in buckets
    ]
    if rows:
        yield table(("slice", "", "gold", "F1"), rows, text=2)


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.1f}–{100 * high:.1f}"


def paper_to_markdown(tables: Iterable[FilledTable]) -> str:
    """The paper's tables, one after the other."""
    blocks: list[str] = []
    for filled in tables:
        blocks.append(f"## {filled.title}")
        for grid in (*filled.sections, *filled.averages):
            blocks += [f"### {grid.title}", table(grid.head, grid.rows, text=grid.names)]
        blocks.append("\n".join(f"- {note}" for note in filled.notes))
    return "\n\n".join(block for block in blocks if block) + "\n"
