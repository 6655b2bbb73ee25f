from __future__ import annotations

from random import Random

import pytest

from instructuie.data.instance import Instance, OptionSampling, Sampler, plain_instance
from instructuie.data.prepared import Inventory
from instructuie.tasks import TASKS, find_task
from tests.tiny import record

INVENTORY = Inventory(
    ("NER", "RE", "EE"),
    tuple(f"kind {n}" for n in range(30)),
    ("lives in", "works for", "born in"),
    {"attack": ("attacker", "target"), "peace": (), "vote": tuple(f"role {n}" for n in range(14))},
)
RECORD = record(
    "Ann of Oslo hit Bob.",
    entities=[("kind 0", "Ann"), ("kind 29", "Bob"), ("kind 7", "Oslo"), ("kind 0", ".")],
    relations=[("lives in", "Ann", "Oslo")],
    events=[("attack", "hit", {"attacker": "Ann", "target": "Bob"})],
)
BLANK = record("Nothing here.")


def sample(
    task: str, count: int = 300, *, sampler: Sampler | None = None, blank: bool = False
) -> list[Instance]:
    sampler = sampler or Sampler()
    drawn = [
        sampler.instance(BLANK if blank else RECORD, find_task(task), INVENTORY, Random(f"{n}"))
        for n in range(count)
    ]
    return [instance for instance in drawn if instance is not None]


def names(instance: Instance) -> list[str]:
    return [option.name for option in instance.prompt.options]


@pytest.mark.parametrize("task", list(TASKS))
def test_sampling_depends_on_the_seed_alone(task: str) -> None:
    assert sample(task, 30) == sample(task, 30)


@pytest.mark.parametrize(("task", "limit"), [("NER", 16), ("EE", 6), ("RE", 16)])
def test_at_most_so_many_options(task: str, limit: int) -> None:
    sampling = OptionSampling(foreign=0)
    sizes = [len(names(i)) for i in sample(task, sampler=Sampler(sampling))]
    assert min(sizes) >= 1
    assert max(sizes) <= limit + 3  # gold labels stay in


def test_gold_goes_with_a_dropped_option_and_stays_otherwise() -> None:
    kept = dropped = 0
    for instance in sample("NER"):
        target = {e.label for e in instance.target.entities}
        offered = set(names(instance))
        gold = {"kind 0", "kind 29", "kind 7"}
        assert target == gold & offered
        kept += target == gold
        dropped += target != gold
    assert kept > 100
    assert dropped > 20


def test_a_mention_without_letter_or_digit_is_no_target() -> None:
    for instance in sample("NER", 50):
        assert "." not in {e.mention.text for e in instance.target.entities}


@pytest.mark.parametrize("alias", [0.0, 1.0])
def test_foreign_options_share_no_word_with_own_ones(alias: float) -> None:
    foreign = ("kind of thing", "animal", "Kind", "tall building", "river", "kind 5")
    sampler = Sampler(OptionSampling(foreign=1.0, alias=alias), {"entity": foreign})
    seen: set[str] = set()
    for instance in sample("NER", sampler=sampler):
        seen |= set(names(instance)) - set(INVENTORY.entities)
    assert seen == {"animal", "tall building", "river"}


def test_a_text_without_gold_still_gets_options() -> None:
    sampler = Sampler(OptionSampling(drop=1.0, foreign=0))
    for task in ("NER", "RE", "EE", "ES", "EP", "EET"):
        for instance in sample(task, 60, sampler=sampler, blank=True):
            assert names(instance)
            assert instance.target == type(instance.target)()


@pytest.mark.parametrize("task", ["ET", "EPR", "EEA"])
def test_nothing_to_give_is_no_instance(task: str) -> None:
    assert sample(task, 20, blank=True) == []


def test_aliases_reword_options_and_gold_alike() -> None:
    sampler = Sampler(
        OptionSampling(drop=0, foreign=0, alias=1.0),
        aliases={"lives in": ("resident of",), "works for": ("RESIDENT OF", "born in")},
    )
    for instance in sample("RE", 40, sampler=sampler):
        offered = names(instance)
        assert "resident of" in offered or "lives in" in offered
        assert len({name.casefold() for name in offered}) == 3
        assert {r.label for r in instance.target.relations} <= set(offered)


def test_given_entities_are_given_without_their_labels() -> None:
    for instance in sample("ET"):
        given = instance.prompt.given.entities
        assert given
        assert {e.label for e in given} == {""}
        assert {e.mention for e in instance.target.entities} <= {e.mention for e in given}


def test_given_pairs_are_gold_pairs_and_unrelated_ones() -> None:
    negatives = 0
    for instance in sample("EPR"):
        pairs = [(r.head.text, r.tail.text) for r in instance.prompt.given.relations]
        assert ("Ann", "Oslo") in pairs
        assert len(set(pairs)) == len(pairs)
        negatives += len(pairs) > 1
        assert all(head != tail for head, tail in pairs)
    assert negatives > 100


def test_a_given_event_is_asked_for_its_own_roles() -> None:
    for instance in sample("EEA"):
        (given,), (target,) = instance.prompt.given.events, instance.target.events
        assert (given.label, given.trigger, given.arguments) == ("attack", target.trigger, ())
        (option,) = instance.prompt.schema.events
        assert {a.role for a in target.arguments} == set(option.role_names)
        assert set(option.role_names) <= {"attacker", "target"}


def test_roles_are_offered_for_ee_alone_and_at_most_ten() -> None:
    for instance in sample("EET", 60):
        assert not any(event.roles for event in instance.prompt.schema.events)
        assert not any(event.arguments for event in instance.target.events)
    sizes = {len(e.roles) for i in sample("EE") for e in i.prompt.schema.events}
    assert max(sizes) == 10


def test_foreign_events_come_with_their_roles() -> None:
    sampler = Sampler(
        OptionSampling(foreign=1.0, alias=0), {"event": ("storm",)}, {}, {"storm": ("place",)}
    )
    storms = [
        event
        for instance in sample("EE", 60, sampler=sampler)
        for event in instance.prompt.schema.events
        if event.name == "storm"
    ]
    assert storms
    assert all(event.role_names == ("place",) for event in storms)


def test_the_plain_instance_asks_for_everything_in_order() -> None:
    instance = plain_instance(RECORD, find_task("NER"), INVENTORY)
    assert tuple(names(instance)) == INVENTORY.entities
    assert instance.target.entities == RECORD.gold.entities
    assert not instance.target.relations
    events = plain_instance(RECORD, find_task("EE"), INVENTORY).prompt.schema.events
    assert {e.name: e.role_names for e in events} == dict(INVENTORY.events)
    triggers = plain_instance(RECORD, find_task("EET"), INVENTORY).prompt.schema.events
    assert not any(e.roles for e in triggers)
