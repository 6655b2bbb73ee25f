"""Counts of native files: those of a card against the sources' own, and against what is read."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instructuie.data.card import Card, LabelKind, card_names, load_card, load_cards, read_card
from instructuie.data.counts import counts_of, counts_table, differences, native_tallies
from instructuie.data.tally import total

STATED: Mapping[str, Any] = tomllib.loads(
    (Path(__file__).with_name("source_counts.toml")).read_text(encoding="utf-8")
)

TOY = """
name = "toy"
title = "Toy"
tasks = ["NER"]
domain = "news"
licence = "MIT"
redistribution = "yes"
homepage = ""
split_rule = "half of dev"
reader = { name = "columns" }
splits = { train = ["train.txt"], dev = ["dev.txt"] }
labels.entity = { PER = "person", LOC = "location" }
"""


def test_what_is_read_is_counted_before_any_cut(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("Ann B-PER\n\nBob B-PER\nleft O\n\nrain O\n")
    toy = read_card(TOY, name="toy")
    tallies = native_tallies(toy, tmp_path)
    assert {split: counts_of(tally) for split, tally in tallies.items()} == {
        "dev": {"records": 3, "entities": 2}
    }
    table = counts_table({split: counts_of(tally) for split, tally in tallies.items()})
    toy = read_card(TOY + table, name="toy")
    assert list(differences(toy, tmp_path)) == []
    (tmp_path / "dev.txt").write_text("Ann B-PER\n")
    assert list(differences(toy, tmp_path)) == [
        ("dev", "read 1 records, 1 entities; the card says 3 records, 2 entities")
    ]


def items(counts: Mapping[str, Mapping[str, int]], split: str) -> Mapping[str, int]:
    """The counts of a split, or of `all`."""
    if split != "all":
        return counts[split]
    whole: Counter[str] = Counter()
    for row in counts.values():
        whole.update(row)
    return whole


def stated_items(name: str) -> Iterator[tuple[str, str, int]]:
    for split in ("train", "dev", "test", "all"):
        for kind, count in STATED[name].get(split, {}).items():
            yield split, kind, count


@pytest.mark.parametrize("name", STATED)
def test_a_card_counts_as_its_source_does_or_notes_the_difference(name: str) -> None:
    card = load_card(name)
    read = STATED[name].get("read", {})
    differing = {}
    for split, kind, count in stated_items(name):
        ours = items(card.counts, split).get(kind, 0)
        if ours != count:
            differing[f"{split}.{kind}"] = ours
    assert differing == {key: n for key, n in read.items() if key.split(".")[0] in SPLITS}
    if read:
        assert card.notes, f"{name}.toml does not say why its counts are others"


KINDS: Mapping[str, LabelKind] = {"NER": "entity", "RE": "relation", "EE": "event"}
SPLITS = ("train", "dev", "test", "all")


def test_every_set_that_the_paper_has_is_compared_with_it() -> None:
    """Where a split has not the size of Table 7, the card says why; where it has, it says nothing."""
    for card in load_cards():
        for task, row in card.paper.items():
            counted = {split: card.counts.get(split, {}).get("records") for split in SPLITS[:3]}
            paper = {"train": row.train, "dev": row.dev, "test": row.test}
            differs = any(
                counted[split] is not None and counted[split] != paper[split] for split in counted
            )
            kind: LabelKind = KINDS[task]
            if card.counts and row.labels != len(set(card.labels[kind].values())):
                differs = True
            if row.roles is not None and row.roles != len(set(card.labels["role"].values())):
                differs = True
            if differs:
                assert row.difference, f"{card.name}: {counted} differ from {paper} without a word"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", card_names())
def test_what_is_read_is_what_card_and_source_count(name: str, data_root: Path) -> None:
    card = load_card(name)
    tallies = native_tallies(_unnamed(card), data_root)
    assert {split: counts_of(tally) for split, tally in tallies.items()} == card.counts
    labels = total(tallies.values()).labels
    stated = STATED.get(name, {})
    for kind, counts in stated.get("labels", {}).items():
        for label, count in counts.items():
            expected = stated.get("read", {}).get(f"{kind}.{label}", count)
            assert labels[kind][label] == expected, (kind, label)


def _unnamed(card: Card) -> Card:
    """The card with native labels in place of their names."""
    labels = {kind: {native: native for native in names} for kind, names in card.labels.items()}
    return replace(card, labels=labels)
