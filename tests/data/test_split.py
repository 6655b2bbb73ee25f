from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.data.card import Card, load_cards, read_card
from instructuie.data.load import has_files, load_records
from instructuie.data.quarantine import Quarantine
from instructuie.data.record import Record
from instructuie.data.rejects import rejects_to
from instructuie.data.split import cut, cut_of, native_split, split_names
from instructuie.errors import DataError
from instructuie.types import Extraction


def records(texts: Sequence[str]) -> list[Record]:
    return [Record(text, Extraction(), str(index)) for index, text in enumerate(texts)]


def numbered(count: int) -> list[Record]:
    return records([f"text {index}" for index in range(count)])


texts = st.lists(st.sampled_from("abcdefghij"), max_size=40)


@given(texts, st.integers(0, 12), st.integers(0, 12), st.integers())
def test_a_cut_is_complete_disjoint_and_keeps_equal_texts_together(
    texts: list[str], dev: int, test: int, seed: int
) -> None:
    given = records(texts)
    parts = cut(given, {"dev": dev, "test": test}, "train", Random(seed))
    assert Counter(r.id for part in parts.values() for r in part) == Counter(r.id for r in given)
    seen = [{r.text for r in part} for part in parts.values()]
    assert sum(map(len, seen)) == len(set(texts))
    assert len(parts["dev"]) <= dev
    assert len(parts["test"]) <= test
    for part in parts.values():
        assert [int(r.id) for r in part] == sorted(int(r.id) for r in part)


def card(rule: str, *splits: str) -> Card:
    listed = "".join(f'{split} = ["{split}.txt"]\n' for split in splits)
    text = f"""
name = "zoo"
title = "Zoo"
tasks = ["NER"]
domain = "animals"
licence = "MIT"
redistribution = "yes"
homepage = "https://example.org"
split_rule = "{rule}"
[reader]
name = "columns"
[splits]
{listed}[labels.entity]
ANIMAL = "animal"
"""
    return read_card(text, name="zoo")


def sizes(rule: str, splits: Sequence[str], count: int, *, seed: int = 0) -> dict[str, int]:
    made = cut_of(card(rule, *splits))
    assert made is not None
    return {split: len(part) for split, part in made.apply(numbered(count), seed=seed).items()}


@pytest.mark.parametrize(
    ("count", "wanted"), [(4272, (3417, 427, 428)), (10, (8, 1, 1)), (3, (2, 0, 1)), (0, (0, 0, 0))]
)
def test_eight_one_one_has_the_sizes_of_the_paper(count: int, wanted: tuple[int, int, int]) -> None:
    found = sizes("8:1:1", ["train"], count)
    assert tuple(found[split] for split in ("train", "dev", "test")) == wanted


@pytest.mark.parametrize(("count", "wanted"), [(10, (5, 5)), (7, (4, 3)), (1, (1, 0))])
def test_half_of_dev_becomes_test(count: int, wanted: tuple[int, int]) -> None:
    found = sizes("half of dev", ["train", "dev"], count)
    assert found == {"dev": wanted[0], "test": wanted[1]}


def test_a_seed_gives_one_cut() -> None:
    made = cut_of(card("8:1:1", "train"))
    assert made is not None
    given = numbered(50)
    assert made.apply(given) == made.apply(given, seed=0) != made.apply(given, seed=1)


@pytest.mark.parametrize(
    ("rule", "splits"),
    [
        ("official", ["train"]),
        ("official", ["train", "dev"]),
        ("crossner", ["train", "dev", "test"]),
        ("folds", ["test"]),
        ("8:1:1", ["train", "dev", "test"]),
        ("half of dev", ["train", "dev", "test"]),
    ],
)
def test_complete_splits_stay_as_they_are(rule: str, splits: list[str]) -> None:
    zoo = card(rule, *splits)
    assert cut_of(zoo) is None
    assert split_names(zoo) == tuple(splits)
    assert [native_split(zoo, split) for split in splits] == splits


@pytest.mark.parametrize(
    ("rule", "splits"), [("8:1:1", ["train", "dev"]), ("8:1:1", []), ("half of dev", ["train"])]
)
def test_a_rule_that_does_not_fit_the_splits_is_an_error(rule: str, splits: list[str]) -> None:
    with pytest.raises(DataError, match=r"split rule .* cuts train.*change `split_rule`") as caught:
        split_names(card(rule, *splits))
    assert "zoo.toml" in str(caught.value)


def test_every_card_has_a_rule_that_fits() -> None:
    for found in load_cards():
        names = split_names(found)
        assert set(names) <= {"train", "dev", "test"}
        if found.split_rule in ("8:1:1", "half of dev"):
            assert set(names) == {"train", "dev", "test"}, found.name


def test_the_records_of_a_card_follow_its_rule(tmp_path: Path) -> None:
    def write(split: str, count: int) -> set[str]:
        animals = [f"{split}{number}" for number in range(count)]
        rows = "".join(f"{animal} B-ANIMAL\nsat O\n\n" for animal in animals)
        (tmp_path / f"{split}.txt").write_text(rows)
        return {f"{animal} sat" for animal in animals}

    def texts(zoo: Card) -> dict[str, list[str]]:
        return {
            split: [record.text for record in load_records(zoo, split, tmp_path)]
            for split in split_names(zoo)
        }

    given = {"train": write("train", 20), "dev": write("dev", 5)}
    tenths = texts(card("8:1:1", "train"))
    assert {split: len(part) for split, part in tenths.items()} == {
        "train": 16,
        "dev": 2,
        "test": 2,
    }
    assert {text for part in tenths.values() for text in part} == given["train"]
    halves = texts(card("half of dev", "train", "dev"))
    assert set(halves["train"]) == given["train"]
    assert (len(halves["dev"]), len(halves["test"])) == (3, 2)
    assert {*halves["dev"], *halves["test"]} == given["dev"]
    assert list(texts(card("official", "train"))) == ["train"]


def test_what_is_put_aside_is_noted_once(tmp_path: Path) -> None:
    rows = "".join(f"cat{n} B-ANIMAL\n\n" for n in range(20)) + "alone\n"
    (tmp_path / "train.txt").write_text(rows)
    zoo = card("8:1:1", "train")
    quarantine = Quarantine(skip=True)
    with rejects_to(quarantine):
        counts = [len(list(load_records(zoo, split, tmp_path))) for split in split_names(zoo)]
    assert counts == [16, 2, 2]
    assert [error.content for error in quarantine.errors] == ["alone"]
    with pytest.raises(DataError, match="alone"):
        list(load_records(zoo, "test", tmp_path))


def test_a_split_is_there_when_what_it_is_cut_from_is(tmp_path: Path) -> None:
    (tmp_path / "dev.txt").write_text("cat B-ANIMAL\n")
    zoo = card("half of dev", "train", "dev")
    assert [has_files(zoo, split, tmp_path) for split in split_names(zoo)] == [False, True, True]
