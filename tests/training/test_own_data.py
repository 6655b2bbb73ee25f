from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.training.own_data import PASSAGE_WORDS, OwnData, Reading, load_own
from tests.tiny import record

NAMES = [f"Ann{n}" for n in range(12)]


def people(names: Sequence[str] = NAMES) -> list[Record]:
    return [record(f"{name} saw Oslo.", entities=[("PER", name)]) for name in names]


def write(path: Path, records: Sequence[Record]) -> Path:
    path.write_text("".join(json.dumps(r.to_dict()) + "\n" for r in records), encoding="utf-8")
    return path


def load(
    paths: Sequence[Path],
    dev: Sequence[Path] = (),
    *,
    reading: Reading | None = None,
    share: float = 0.25,
    seed: int = 0,
) -> OwnData:
    return load_own(paths, dev, reading=reading or Reading(), share=share, seed=seed)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 30), min_size=8, max_size=60).filter(lambda x: len(set(x)) >= 8),
    st.floats(0.05, 0.8),
    st.integers(0, 9),
)
def test_no_text_is_on_both_sides(
    tmp_path: Path, numbers: list[int], share: float, seed: int
) -> None:
    path = write(tmp_path / "a.jsonl", people([f"Ann{n}" for n in numbers]))
    own = load([path], share=share, seed=seed)
    sides = [{r.text for r in side} for side in (own.train, own.dev)]
    assert not sides[0] & sides[1]
    assert all(sides)
    assert len(own.train) + len(own.dev) == len(numbers)
    assert own == load([path], share=share, seed=seed)


def test_dev_texts_are_taken_out_of_training(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "a.jsonl", people()), write(tmp_path / "b.jsonl", people()[:3])
    own = load([train], [dev])
    assert [r.text for r in own.dev] == [r.text for r in people()[:3]]
    assert (len(own.train), own.repeated) == (9, 3)


def test_labels_may_be_renamed(tmp_path: Path) -> None:
    trips = [
        record(f"{n} left.", events=[("Trip", "left", {"Who": n})], relations=[("at", n, "left")])
        for n in NAMES
    ]
    path = write(tmp_path / "a.jsonl", trips)
    names = {"Trip": "journey", "Who": "traveller", "at": "time of"}
    own = load([path], reading=Reading(rename=names))
    assert own.inventory.tasks == ("RE", "EE")
    assert own.inventory.relations == ("time of",)
    assert own.inventory.events == {"journey": ("traveller",)}


def test_long_texts_are_cut_for_training_only(tmp_path: Path) -> None:
    long = [
        record(f"{name} saw Oslo. " + "It rained all day long. " * 60, entities=[("PER", name)])
        for name in NAMES
    ]
    own = load([write(tmp_path / "a.jsonl", long)])
    assert max(len(r.text.split()) for r in own.train) <= PASSAGE_WORDS
    assert len({r.text for r in own.dev} & {r.text for r in long}) == len(own.dev)
    assert sum(len(r.gold.entities) for r in own.train) == len(NAMES) - len(own.dev)


def test_conll_and_brat_are_read_by_their_look(tmp_path: Path) -> None:
    conll = tmp_path / "a.conll"
    conll.write_text("".join(f"{n}\tB-PER\nsaw\tO\nOslo\tO\n\n" for n in NAMES), encoding="utf-8")
    brat = tmp_path / "brat"
    brat.mkdir()
    for name in NAMES:
        (brat / f"{name}.txt").write_text(f"{name} left Rome.\n", encoding="utf-8")
        ann = f"T1\tPER 0 {len(name)}\t{name}\n"
        (brat / f"{name}.ann").write_text(ann, encoding="utf-8")
    own = load([conll, brat])
    assert own.inventory.entities == ("PER",)
    assert len(own.train) + len(own.dev) == 24


BAD_ROW = '{"text": "Ann", "entities": [{"label": "PER", "start": 0, "end": 9}]}\n'


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.jsonl", '{"text": "Ann"}\n{"text": \n', 2),
        ("a.jsonl", '{"text": "Ann"}\n' + BAD_ROW, 2),
        ("a.conll", "Ann\tB-PER\nsaw\tQ-PER\n", 2),
        ("a.ann", "T1\tPER 0 99\tAnn\n", 1),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, name: str, content: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    path.with_suffix(".txt").write_text("Ann saw Oslo.", encoding="utf-8")
    with pytest.raises(DataError, match=rf"{name}:{line}: ") as raised:
        load([path])
    assert raised.value.line == line


def test_too_few_or_empty_texts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected at least 8 that differ"):
        load([write(tmp_path / "a.jsonl", people()[:3] * 9)])
    with pytest.raises(DataError, match="no entity, relation or event"):
        load([write(tmp_path / "b.jsonl", [record(name) for name in NAMES])])


def test_a_side_without_any_item_is_refused(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "a.jsonl", people()), tmp_path / "b.jsonl"
    write(dev, [record("Nobody came.")])
    with pytest.raises(DataError, match="to measure on has entities"):
        load([train], [dev])
