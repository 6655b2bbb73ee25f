from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.data.readers.instructuie import from_row
from instructuie.data.record import Record
from instructuie.data.released import (
    OBSTACLES,
    join_parts,
    obstacles,
    part,
    read_rows,
    to_rows,
)
from instructuie.data.text import open_text
from instructuie.errors import DataError
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.tiny import record

FIXTURES = Path(__file__).parent / "fixtures" / "released"

alphabet = "ab; :,'\"{}()\n🙂é́"
labels = st.sampled_from(["person", "place of birth", "a, b", "x: y", "Ω"])


@st.composite
def records(draw: Any) -> Record:
    """Any text with nested, repeated and equal items over it."""
    text = draw(st.text(alphabet, min_size=1, max_size=20))

    def mention() -> Mention:
        start = draw(st.integers(0, len(text) - 1))
        return Mention.of(text, start, draw(st.integers(start + 1, len(text))))

    def some(make: Callable[[], Any]) -> tuple[Any, ...]:
        return tuple(make() for _ in range(draw(st.integers(0, 3))))

    return Record(
        text,
        Extraction(
            some(lambda: Entity(draw(labels), mention())),
            some(lambda: Relation(draw(labels), mention(), mention())),
            some(
                lambda: Event(
                    draw(labels), mention(), some(lambda: Argument(draw(labels), mention()))
                )
            ),
        ),
    )


@settings(max_examples=50)
@given(records(), st.sampled_from([task for task in TASKS if task != "EEA"]))
def test_what_is_written_is_read_again(given: Record, task: str) -> None:
    (row,) = json.loads(json.dumps(to_rows(task, given)))
    assert from_row(task, row) == Record(given.text, part(task, given.gold))


@settings(max_examples=50)
@given(records())
def test_eea_has_a_row_for_each_event(given: Record) -> None:
    rows = to_rows("EEA", given)
    read = [from_row("EEA", row) for row in rows]
    assert tuple(r.gold.events[0] for r in read) == given.gold.events
    assert all(len(r.gold.events) == 1 for r in read)


@settings(max_examples=20)
@given(st.lists(records(), max_size=3))
def test_files_of_three_tasks_are_one_data_set(given: list[Record]) -> None:
    texts = [Record(f"{n}{r.text}", Extraction()) for n, r in enumerate(given)]
    shifted = [Record(t.text, _shifted(r.gold, 1)) for t, r in zip(texts, given, strict=True)]
    parts = [[from_row(task, to_rows(task, r)[0]) for r in shifted] for task in ("NER", "RE", "EE")]
    assert join_parts(parts) == shifted


def _shifted(gold: Extraction, by: int) -> Extraction:
    def move(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value + by if key in ("start", "end") else value for key, value in row.items()}

    rows = json.loads(json.dumps(gold.to_dict()), object_hook=move)
    return Extraction.from_dict(rows)


def test_equal_texts_are_joined_in_their_order() -> None:
    ann, bob = (record("Hi you.", entities=[(label, "you")]) for label in ("ann", "bob"))
    home = record("Hi you.", relations=[("at", "Hi", "you")])
    joined = join_parts([[ann, bob], [home]])
    assert [r.gold.entities[0].label for r in joined] == ["ann", "bob"]
    assert [len(r.gold.relations) for r in joined] == [1, 0]


@pytest.mark.parametrize("task", ["NER", "RE", "EE", "EET", "EEA"])
def test_golden_files(task: str) -> None:
    for path in sorted((FIXTURES / task / "tiny").glob("t*.json")):
        rows = [row for r in read_rows(path, task) for row in to_rows(task, r)]
        assert rows == json.loads(path.read_text(encoding="utf-8")), path


def test_golden_values() -> None:
    first, second = read_rows(FIXTURES / "NER" / "tiny" / "train.json", "NER")
    assert [e.mention.text for e in first.gold.entities] == [
        "Ann",
        "Oslo",
        "Ann",
        "Bank of Oslo",
        "Oslo",
        "Oslo",
    ]
    assert second.gold == Extraction()
    (pairs,) = read_rows(FIXTURES / "RE" / "tiny" / "train.json", "RE")
    assert [e.label for e in pairs.gold.entities] == ["person", "company"]
    assert [(r.head.text, r.label, r.tail.text) for r in pairs.gold.relations] == [
        ("Ann", "lives in", "Oslo"),
        ("Ann", "works for", "Acme"),
    ]


def test_events_without_places_are_placed_by_their_words() -> None:
    """As in the archive, whose event files have empty `pos` lists."""
    row = {
        "sentence": "Bob hit Ann, then Eve hit Bob.",
        "events": [
            {
                "trigger": "hit",
                "type": "attack",
                "pos": [],
                "arguments": [{"name": "Bob", "role": "attacker", "pos": []}],
            },
            {
                "trigger": "hit",
                "type": "attack",
                "arguments": [{"name": "Bob", "role": "victim"}],
            },
        ],
    }
    one, two = from_row("EE", row).gold.events
    assert (one.trigger.span, two.trigger.span) == (
        Mention.of(row["sentence"], 4, 7).span,  # type: ignore[arg-type]
        Mention.of(row["sentence"], 22, 25).span,  # type: ignore[arg-type]
    )
    assert [
        e.arguments[0].mention.span.start for e in (one, two) if e.arguments[0].mention.span
    ] == [
        0,
        26,
    ]


def test_a_wrong_place_is_mended() -> None:
    entity = {"name": "Oslo", "type": "town", "pos": [3, 7]}
    gold = from_row("NER", {"sentence": "In Rome, in Oslo.", "entities": [entity]}).gold
    assert gold.entities[0].mention == Mention.of("In Rome, in Oslo.", 12, 16)


@pytest.mark.parametrize("label", ["NA", ""])
def test_na_is_no_label(label: str) -> None:
    entity = {"name": "Oslo", "type": label, "pos": [0, 4]}
    assert from_row("NER", {"sentence": "Oslo.", "entities": [entity]}).gold == Extraction()
    relation = {"head": entity, "type": label, "tail": entity}
    assert from_row("RE", {"sentence": "Oslo.", "relations": [relation]}).gold == Extraction()


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("NER", {"sentence": "Hi"}),
        ("NER", {"sentence": "Hi", "entities": [{"name": "Ho", "type": "x", "pos": [0, 2]}]}),
        ("NER", {"sentence": "Hi", "entities": [{"name": "Hi", "type": "x", "pos": [0]}]}),
        ("NER", {"sentence": "Hi", "entities": None}),
        ("RE", {"sentence": "Hi", "relations": [{"type": "x"}]}),
        ("EE", {"sentence": "Hi", "events": [{"trigger": "Ho", "type": "x", "arguments": []}]}),
        ("EE", {"sentence": 5, "events": []}),
        ("NER", "text"),
    ],
)
def test_a_malformed_row_is_named(task: str, row: object, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps([{"sentence": "Fine", "entities": []}, row]))
    with pytest.raises(DataError) as caught:
        list(read_rows(path, task))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("given", "tasks", "expected"),
    [
        (record("Ann.", entities=[("person", "Ann")]), ["NER"], []),
        (record("Ann.", entities=[("NA", "Ann")]), ["NER"], ["nothing-label"]),
        (record("Ann.", entities=[("{x}", "Ann")]), ["NER"], ["brace"]),
        (record("Ann."), ["NER", "RE"], ["no-relation"]),
        (record("Ann."), ["EP"], []),
        (record("Ann.", events=[("e", "Ann", {"a}": "Ann"})]), ["EE"], ["brace"]),
        (record("Ann.", events=[("e", "Ann", {})]), ["NER"], ["other-items"]),
        (Record("Ann.", Extraction((Entity("x", Mention("Ann")),))), ["NER"], ["no-place"]),
    ],
)
def test_obstacles_have_names(given: Record, tasks: list[str], expected: list[str]) -> None:
    assert list(obstacles(given, tasks)) == expected
    assert set(expected) <= set(OBSTACLES)


def test_an_entity_that_no_relation_has_needs_its_own_file() -> None:
    given = record(
        "Ann saw Bob.",
        entities=[("person", "Ann"), ("person", "Bob")],
        relations=[("self", "Ann", "Ann")],
    )
    assert list(obstacles(given, ["RE"])) == ["other-items"]
    assert list(obstacles(given, ["RE", "NER"])) == []


@settings(max_examples=50)
@given(records(), st.sampled_from(["NER", "RE", "EE"]))
def test_what_has_no_obstacle_loses_nothing(given: Record, task: str) -> None:
    if not list(obstacles(given, [task])):
        assert from_row(task, to_rows(task, given)[0]).gold == given.gold or task == "RE"
        read = from_row(task, to_rows(task, given)[0]).gold
        assert set(read.entities) == set(given.gold.entities)
        assert (read.relations, read.events) == (given.gold.relations, given.gold.events)


@pytest.mark.data
def test_real_files_come_back_unchanged(data_root: Path) -> None:
    folder = data_root / "instructuie_layout"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    for name in ("NER/CrossNER_AI/test.json", "RE/NYT/test.json"):
        rows = json.loads(open_text(folder / name))
        task = name.partition("/")[0]
        written = [row for r in read_rows(folder / name, task) for row in to_rows(task, r)]
        assert written == rows
