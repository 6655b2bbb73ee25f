from __future__ import annotations

import pytest

from instructuie.evaluation.counts import Counts
from instructuie.extractor import Extractor
from instructuie.training.finetune_report import HEAD, table_of
from instructuie.training.probe import (
    GENERAL,
    OWN,
    general_inventory,
    general_records,
    measure,
    questions,
    total,
)
from tests.tiny import record

RECORDS = general_records()


def test_the_suite_is_large_enough_and_of_every_kind() -> None:
    records = [r for group in RECORDS.values() for r in group]
    assert len(records) >= 60
    assert len({r.text for r in records}) == len(records)
    assert all(len(group) >= 12 for group in RECORDS.values())
    for kind in ("entities", "relations", "events"):
        assert sum(len(getattr(r.gold, kind)) for r in records) >= 15


@pytest.mark.parametrize("name", RECORDS)
def test_gold_is_text_and_labels_are_asked_for(name: str) -> None:
    inventory = general_inventory(name)
    for found in RECORDS[name]:
        found.check()
        gold = found.gold
        assert {e.label for e in gold.entities} <= set(inventory.entities)
        assert {r.label for r in gold.relations} <= set(inventory.relations)
        for event in gold.events:
            assert {a.role for a in event.arguments} <= set(inventory.events[event.label])
    used = [e.label for r in RECORDS[name] for e in r.gold.entities]
    used += [x.label for r in RECORDS[name] for x in r.gold.relations]
    used += [e.label for r in RECORDS[name] for e in r.gold.events]
    assert set(used) == {*inventory.entities, *inventory.relations, *inventory.events}


def test_the_built_in_model_knows_most_of_the_suite() -> None:
    inventory = general_inventory("news")
    counts = measure(Extractor(threads=1), questions(RECORDS["news"][:4], inventory))
    assert total(counts, OWN).f1 > 0.7
    assert total(counts, GENERAL).f1 > 0.7  # else a fall could not be seen


def test_entities_within_others_are_asked_for_as_such() -> None:
    flat = record("Ann of Oslo.", entities=[("person", "Ann"), ("place", "Oslo")])
    nested = record("Ann of Oslo.", entities=[("person", "Ann of Oslo"), ("place", "Oslo")])
    inventory = general_inventory("news")
    assert questions([flat], inventory).overlap == "flat"
    assert questions([flat, nested], inventory).overlap == "nested"


def test_the_table_has_a_row_for_each_group_and_side() -> None:
    before = {(OWN, "NER", "entity"): Counts(1, 2, 4), (GENERAL, "news", "entity"): Counts(4, 4, 4)}
    after = {(OWN, "NER", "entity"): Counts(3, 4, 4), (GENERAL, "news", "entity"): Counts(3, 4, 4)}
    rows = table_of(before, after)
    assert {len(row) for row in rows} == {len(HEAD)}
    assert rows[0] == ("own: NER", "entity", "4", "33.3", "75.0", "+41.7")
    assert rows[-1] == ("general: all", "all", "4", "100.0", "75.0", "-25.0")
