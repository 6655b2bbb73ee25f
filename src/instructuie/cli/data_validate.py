"""`instructuie data validate`: what is wrong or dubious in annotated data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instructuie.cli import console
from instructuie.cli.source import SourceOption, chosen, native_folder
from instructuie.errors import ConfigError

if TYPE_CHECKING:
    from instructuie.data.checked import Verdict
    from instructuie.data.validate import Finding


def validate(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA]...",
            help="Prepared data, JSON Lines with `text` and `entities`, or names of cards.",
            show_default="every card whose files are there",
        ),
    ] = None,
    *,
    source: SourceOption = None,
    labels: Annotated[
        str, typer.Option(help="The entity, relation, event and role labels that may occur.")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=0, help="How many findings of a kind to print for each split.")
    ] = 3,
    strict: Annotated[bool, typer.Option("--strict", help="Fail at warnings too.")] = False,
) -> None:
    """Look for offset errors, unknown labels, empty mentions, duplicates, overlap and imbalance.

    Overlap is what train shares with dev and test: whole texts, and sentences of eight or more words.
    Exits with 1 when there are errors, with --strict also when there are warnings.
    """
    errors = warnings = 0
    overlaps: list[tuple[str, ...]] = []
    for verdict in _verdicts(targets or [], source, labels):
        errors += sum(finding.severity == "error" for finding in verdict.findings)
        warnings += sum(finding.severity == "warning" for finding in verdict.findings)
        _tell(verdict, limit)
        overlaps += _overlap_rows(verdict)
    if overlaps:
        console.say("")
        console.table(
            ("data set", "split", "records", "text in train", "sentence in train"), overlaps
        )
    console.note(f"{errors:,} errors, {warnings:,} warnings")
    if errors or (strict and warnings):
        raise typer.Exit(1)


def _verdicts(targets: Sequence[str], source: Path | None, labels: str) -> Iterator[Verdict]:
    from instructuie.data.card import load_card
    from instructuie.data.checked import check_card, check_prepared, check_rows
    from instructuie.data.load import has_files
    from instructuie.data.split import split_names

    paths = [Path(target) for target in targets if not target.endswith(".toml")]
    there = [path for path in paths if path.exists()]
    rows = [path for path in there if path.suffix in (".jsonl", ".ndjson", ".json")]
    for path in there:
        if path not in rows:
            yield from check_prepared(path)
    if rows:
        names = [label.strip() for label in labels.split(",") if label.strip()]
        known = dict.fromkeys(("entity", "relation", "event", "role"), names)
        yield from check_rows(rows, labels=known if names else None)
    cards = [target for target in targets if Path(target) not in there]
    _refuse_absent_paths(cards)
    if cards or not targets:
        root = native_folder(source)
        for card in map(load_card, cards or chosen("")):
            if cards or any(has_files(card, split, root) for split in split_names(card)):
                yield check_card(card, root)


def _refuse_absent_paths(names: Sequence[str]) -> None:
    for name in names:
        path = name.endswith((".gz", ".jsonl", ".ndjson", ".json")) or "/" in name.rstrip("/")
        if path and not name.endswith(".toml"):
            raise ConfigError(f"{name}: no such file or folder, and not the name of a card")


def _tell(verdict: Verdict, limit: int) -> None:
    counts = ", ".join(f"{split} {count:,}" for split, count in verdict.records.items())
    kinds = Counter(finding.kind for finding in verdict.findings)
    found = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common())
    console.say(f"{verdict.dataset} ({counts}): {found or 'nothing amiss'}")
    for finding in _first(verdict.findings, limit):
        place = "/".join(filter(None, (finding.split, finding.place)))
        console.say(
            console.harmless(f"  {finding.severity}: {finding.kind}: {place}: {finding.message}")
        )


def _first(findings: Sequence[Finding], limit: int) -> Iterator[Finding]:
    """Of each kind in each split the first few, errors before warnings."""
    seen: Counter[tuple[str, str]] = Counter()
    for finding in sorted(findings, key=lambda found: found.severity != "error"):
        seen[finding.split, finding.kind] += 1
        if seen[finding.split, finding.kind] <= limit:
            yield finding


def _overlap_rows(verdict: Verdict) -> Iterator[tuple[str, ...]]:
    for split, shared in verdict.overlap.items():
        if "train" in verdict.records:
            total = verdict.records[split]
            cells = (f"{n:,} ({n / max(total, 1):.1%})" for n in shared)
            yield verdict.dataset, split, f"{total:,}", *cells
