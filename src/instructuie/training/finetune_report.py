"""The before/after table of a fine-tuned model, as rows, as JSON and as a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from instructuie.evaluation.counts import Counts
from instructuie.training.probe import GENERAL, OWN, Group, ordered, total

HEAD = ("texts", "unit", "gold", "F1 before", "F1 after", "change")


def table_of(
    before: Mapping[Group, Counts], after: Mapping[Group, Counts]
) -> list[tuple[str, ...]]:
    """One row for each kind of item, and one for all of each side."""
    rows = [
        (f"{kind}: {name}", unit, *_cells(before.get(group), after.get(group)))
        for group in ordered({**before, **after})
        for kind, name, unit in [group]
    ]
    rows += [
        (f"{kind}: all", "all", *_cells(total(before, kind), total(after, kind)))
        for kind in (OWN, GENERAL)
    ]
    return rows


def report_of(
    before: Mapping[Group, Counts], after: Mapping[Group, Counts], agreement: float | None
) -> dict[str, Any]:
    """Plain JSON values; F1 in percent."""
    groups = ordered({**before, **after})
    return {
        "agreement": agreement,
        "before": _rows(before, groups),
        "after": _rows(after, groups),
        "table": [HEAD, *table_of(before, after)],
    }


def card(row: Mapping[str, Any]) -> str:
    """The model card as Markdown, from a report with the settings of its run."""
    head, *rows = row["table"]
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]
    settings = ", ".join(f"{name} {value}" for name, value in row["settings"].items())
    return "\n".join(
        [
            "# Fine-tuned model",
            "",
            f"Fine-tuned from: {row['start']}. Its licence and data are those of that model; the "
            "fine-tuning data are the user's own.",
            "",
            *lines,
            "",
            "Strict F1 in percent at the default thresholds: offsets and label both right. `own` is "
            "the user's dev texts; `general` is a small fixed suite of common labels that shows what "
            "was forgotten.",
            "",
            f"Replay: {row['replay']}. Settings: {settings}. Data fingerprint "
            f"{row['fingerprint'][:16]}.{_agreement(row['agreement'])}",
            "",
        ]
    )


def _agreement(share: float | None) -> str:
    if share is None:
        return ""
    return f" The int8 model agrees with fp32 on {100 * share:.1f}% of the items."


def _cells(before: Counts | None, after: Counts | None) -> tuple[str, ...]:
    old, new = before or Counts(), after or Counts()
    gold = f"{max(old.gold, new.gold):.0f}"
    change = f"{100 * (new.f1 - old.f1):+.1f}"
    return gold, f"{100 * old.f1:.1f}", f"{100 * new.f1:.1f}", change


def _rows(counts: Mapping[Group, Counts], groups: list[Group]) -> dict[str, dict[str, Any]]:
    return {
        "/".join(group): {**counts[group].to_dict(), "f1": 100 * counts[group].f1}
        for group in groups
        if group in counts
    }
