"""A report on one system: its scores with intervals and signatures, and the audit of its errors.

The same report is written as JSON, as Markdown and as an HTML page. Scores are under the rule that
is asked for, with all other rules beside them; the audit is always under `strict`.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructuie.data.record import Record
from instructuie.evaluation.audit import audit
from instructuie.evaluation.counts import F1
from instructuie.evaluation.findings import Audit, UnitAudit, part_name
from instructuie.evaluation.items import BY_STRING
from instructuie.evaluation.rules import RULES, find_rule
from instructuie.evaluation.scores import SetScores, UnitScores
from instructuie.evaluation.scoring import Scored, System, score_system
from instructuie.evaluation.significance import LEVEL, Interval, interval
from instructuie.evaluation.versus import versus

CONFIDENCE = f"{100 * LEVEL:g}"
"""The level of all intervals, in percent."""


@dataclass(frozen=True, slots=True)
class Report:
    title: str
    rule: str
    scored: Mapping[str, Scored]
    """The same predictions under every rule."""
    audit: Audit
    label_intervals: Mapping[tuple[str, str, str], Interval]
    """(part, unit, label) -> F1 under `strict`, and its range."""

    @property
    def main(self) -> Scored:
        """The scores under the rule that was asked for."""
        return self.scored[self.rule]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; scores are fractions."""
        return {
            "title": self.title,
            "rule": self.rule,
            "scores": [scored.to_dict() for scored in self.scored.values()],
            "audit": self.audit.to_dict(),
        }


def make_report(
    system: System,
    *,
    title: str = "",
    rule: str = "",
    training: Iterable[Record] | None = None,
    seed: int = 0,
) -> Report:
    """Score and audit the predictions of one system; the rule is that of its suite unless given.

    With the records that the system was trained on, the audit tells seen from unseen mentions.
    `seed` is for the resampling that intervals are made of. Raises DataError and ConfigError.
    """
    rule = find_rule(rule or system.rule).name
    scored = {found.scores.rule: found for found in score_system(system, tuple(RULES), seed=seed)}
    audited = audit(system.predictions(), training=training)
    return Report(
        title=title or system.name,
        rule=rule,
        scored=scored,
        audit=audited,
        label_intervals=dict(_label_intervals(audited, seed)),
    )


def set_name(found: SetScores) -> str:
    """The part of the audit that a scored set is."""
    return part_name(found.dataset, found.task, found.split)


def rule_table(report: Report) -> tuple[tuple[str, ...], dict[tuple[str, str], dict[str, float]]]:
    """Which number is which: the columns, and (part, unit in words) -> column -> score, part by part.

    A column is a rule; `uie` has a second one for its scores by string.
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    columns: dict[str, None] = {}
    for rule, scored in report.scored.items():
        for line in scored.lines:
            title = line.unit.title.removesuffix(BY_STRING)
            column = rule if title == line.unit.title else f"{rule}{BY_STRING}"
            columns[column] = None
            rows.setdefault((set_name(line.found), title), {})[column] = line.unit.micro
    parts = list(report.audit.parts)
    return tuple(columns), dict(sorted(rows.items(), key=lambda row: parts.index(row[0][0])))


def write_report(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write report.json, report.md and report.html into `folder`; returns their paths.

    Raises MissingExtraError, once the first two are written, where the page cannot be made.
    """
    from instructuie.evaluation.html import report_page
    from instructuie.evaluation.markdown import to_markdown

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"report.{kind}" for kind in ("json", "md", "html")]
    paths[0].write_text(_dump(report.to_dict()), encoding="utf-8")
    paths[1].write_text(to_markdown(report), encoding="utf-8")
    paths[2].write_text(report_page(report), encoding="utf-8")
    return tuple(paths)


def write_comparison(scored: Sequence[Scored], folder: Path, *, seed: int = 0) -> tuple[Path, ...]:
    """Write compare.json, compare.md and compare.html of systems scored under one rule.

    Raises ConfigError when they cannot be compared, and MissingExtraError without scipy, or, once the
    first two are written, where the page cannot be made.
    """
    from instructuie.evaluation.html import comparison_page
    from instructuie.evaluation.markdown import comparison_to_markdown

    found = versus(scored, seed=seed)
    signatures = [
        f"{name}: {line.entry} {line.signature}"
        for name, system in zip(found.systems, scored, strict=True)
        for line in system.lines
    ]
    row = {**found.to_dict(), "signatures": signatures}
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"compare.{kind}" for kind in ("json", "md", "html")]
    paths[0].write_text(_dump(row), encoding="utf-8")
    paths[1].write_text(comparison_to_markdown(found, signatures), encoding="utf-8")
    paths[2].write_text(comparison_page(found, signatures), encoding="utf-8")
    return tuple(paths)


def _dump(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, indent=1) + "\n"


def _label_intervals(audited: Audit, seed: int) -> Iterator[tuple[tuple[str, str, str], Interval]]:
    for name, part in audited.parts.items():
        for key, unit in part.units.items():
            for label in unit.labels:
                scores = _label_scores(unit, key, label, part.records)
                yield (name, key, label), interval(scores, seed=seed)


def _label_scores(unit: UnitAudit, key: str, label: str, records: int) -> UnitScores:
    """One label as a unit of its own, its records in any order and those without it among them."""
    rows = array("d")
    for row, times in unit.label_rows[label].items():
        rows.extend(row * times)
    rows.extend((0.0, 0.0, 0.0) * (records - len(rows) // 3))
    return UnitScores(key, label, F1, {label: unit.labels[label]}, rows)
