from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from instructuie.errors import SchemaError
from instructuie.schema import MAX_LABEL, EventLabel, Label, Schema

LABELS = {
    "entities": ["person", "place"],
    "relations": {"founded by": "who made it"},
    "events": {"attack": ["attacker", "target"], "meeting": []},
}

words = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf")),
    min_size=1,
    max_size=30,
).filter(str.strip)


def folded(label: Label | EventLabel) -> str:
    return " ".join(label.name.casefold().split())


labels = st.lists(st.builds(Label, words, words), max_size=5, unique_by=folded).map(tuple)
events = st.lists(st.builds(EventLabel, words, labels, words), max_size=4, unique_by=folded)
schemas = st.tuples(labels, labels, events.map(tuple)).filter(any).map(lambda g: Schema(*g))


@given(schemas)
def test_a_schema_survives_its_json_form(schema: Schema) -> None:
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@given(st.lists(words, min_size=1, unique_by=lambda w: " ".join(w.casefold().split())))
def test_names_keep_their_text_and_order(names: list[str]) -> None:
    assert Schema.of(entities=names).entity_names == tuple(name.strip() for name in names)


@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_list_of_strings_is_a_schema_or_a_schema_error(names: list[str]) -> None:
    try:
        schema = Schema.of(entities=names)
    except SchemaError:
        return
    assert all(name == name.strip() and "\n" not in name for name in schema.entity_names)


def test_every_way_to_write_labels_means_the_same() -> None:
    schema = Schema(
        (Label("person"), Label("place")),
        (Label("founded by", "who made it"),),
        (EventLabel("attack", (Label("attacker"), Label("target"))), EventLabel("meeting")),
    )
    assert Schema.from_dict(LABELS) == schema
    assert Schema.of(**LABELS) == schema  # type: ignore[arg-type]
    assert (
        Schema.of(
            entities=(Label(" person "), {"name": "place"}),
            relations=[{"name": "founded by", "description": "who  made it"}],
            events=[{"name": "attack", "roles": ["attacker", "target"]}, "meeting"],
        )
        == schema
    )
    assert schema.relation_names == ("founded by",)
    assert schema.event_names == ("attack", "meeting")
    assert schema.events[0].role_names == ("attacker", "target")


FILES = {
    "toml": 'entities = ["person", "place"]\n[relations]\n"founded by" = "who made it"\n'
    '[events]\nattack = ["attacker", "target"]\nmeeting = []\n',
    "json": json.dumps(LABELS),
    "yaml": "entities: [person, place]\nrelations: {founded by: who made it}\n"
    "events:\n  attack: [attacker, target]\n  meeting:\n",
}


@pytest.mark.parametrize("kind", FILES)
def test_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"schema.{kind}"
    path.write_text(FILES[kind], encoding="utf-8")
    assert Schema.from_file(path) == Schema.from_dict(LABELS)
    assert Schema.from_file(str(path)) == Schema.from_file(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "must end in"),
        ("a.json", b"{", "not valid JSON"),
        ("a.json", b"[" * 100_000, "not valid JSON"),
        ("a.json", b"[]", "must be a table"),
        ("a.json", b'{"events": {"a": ["x"], "a": ["y"]}}', "'a' is there twice"),
        ("a.toml", b"entities = [", "not valid TOML"),
        ("a.yaml", b"entities: [a", "not valid YAML"),
        ("a.yaml", b"entities: [a]\nentities: [b]", "'entities' is there twice"),
        ("a.yaml", b"a: &a [*a]", "unknown keys"),
        ("a.yml", b"entities: [no]", "put it in quotes"),
        ("a.yml", b"", "must be a table"),
        ("a.json", b'{"entities": ["\xff"]}', "not UTF-8"),
        ("a.json", b'{"people": ["x"], "entities": ["y"]}', "'people'; the keys are entities"),
    ],
)
def test_bad_files_are_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SchemaError, match=message) as caught:
        Schema.from_file(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"none\.toml: cannot be read: No such file"):
        Schema.from_file(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "the schema is empty"),
        ({"entities": []}, "the schema is empty"),
        ({"entities": [""]}, "blank"),
        ({"entities": [" \t"]}, "blank"),
        ({"entities": ["\u200b"]}, "blank"),
        ({"entities": ["a\nb"]}, "control character"),
        ({"entities": ["a\x00"]}, "control character"),
        ({"entities": ["\ud800"]}, "control character"),
        ({"entities": ["x" * (MAX_LABEL + 1)]}, "201 characters, at most 200"),
        ({"entities": ["Place", "place"]}, "'Place' and 'place'"),
        ({"relations": ["born  in", "Born in "]}, "relations are the same"),
        ({"entities": {"a": "", "A": ""}}, "the same label"),
        ({"events": {"a": ["x", "X"]}}, "roles of the event 'a' are the same"),
        ({"events": {"a": "x"}}, "roles of the event 'a' must be a list"),
        ({"entities": "person,place"}, "must be a list"),
        ({"entities": {"a", "b"}}, "must be a list"),
        ({"entities": 3}, "must be a list"),
        ({"entities": [3]}, "must be text"),
        ({"entities": {"a": 3}}, "description of the label 'a' must be text"),
        ({"entities": [{"label": "a"}]}, "the keys are name, description"),
        ({"events": [{"name": "a", "role": []}]}, "the keys are name, description, roles"),
    ],
)
def test_bad_labels(labels: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema.of(**labels)


def test_a_label_of_the_greatest_length_is_fine() -> None:
    assert Schema.of(entities=["x" * MAX_LABEL])


class Founding(BaseModel):
    head: str
    tail: str


class Attack(BaseModel):
    trigger: str
    attacker: list[str] = Field(description="who did it")
    hit_target: str | None = None


class News(BaseModel):
    person_name: list[str] = Field(description="a human being")
    city: str | None = None
    places: tuple[str, ...] = Field(title="place")
    founded_by: list[Founding]
    attack: list[Attack] = Field(description="violence")
    raid: Attack | None = None


def test_a_pydantic_model() -> None:
    schema = Schema.from_pydantic(News)
    assert schema.entities == (
        Label("person name", "a human being"),
        Label("city"),
        Label("place"),
    )
    assert schema.relations == (Label("founded by"),)
    roles = (Label("attacker", "who did it"), Label("hit target"))
    assert schema.events == (EventLabel("attack", roles, "violence"), EventLabel("raid", roles))
    assert Schema.from_dict(schema.to_dict()) == schema


class Wrong(BaseModel):
    age: int


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Wrong, "field 'age' of Wrong"),
        (dict, "model class"),
        (News.model_construct(), "model class"),
    ],
)
def test_a_class_that_is_no_schema(model: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        Schema.from_pydantic(model)


def test_importing_it_loads_neither_pydantic_nor_yaml() -> None:
    code = (
        "import sys, instructuie.schema; "
        "sys.exit(any(module in sys.modules for module in ('pydantic', 'yaml')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
