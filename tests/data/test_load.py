from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instructuie.data.card import Card
from instructuie.data.load import UnknownLabelError, has_files, load_records
from instructuie.data.quarantine import Quarantine
from instructuie.data.rejects import rejects_to
from instructuie.errors import DataError

CARD = Card(
    name="toy",
    title="Toy",
    tasks=("NER",),
    domain="news",
    licence="MIT",
    redistribution="yes",
    homepage="",
    reader="columns",
    splits={"train": ("toy/*.txt",)},
    labels={"entity": {"PER": "person"}},
    ignore={"entity": ("JUNK",)},
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_text(f"Ann{number} B-PER\n", encoding="utf-8")
    return tmp_path


def read(root: Path, *paths: str, **changes: Any) -> list[str]:
    card = replace(CARD, splits={"train": paths}, **changes)
    return [record.text for record in load_records(card, "train", root)]


@pytest.mark.parametrize(
    ("path", "numbers"),
    [
        ("toy/3.txt", "3"),
        ("toy/*.txt", "0123456789"),
        ("toy/[24].txt", "24"),
        ("toy/*.txt#0-0/2", "02468"),
        ("toy/*.txt#0-7/10", "01234567"),
        ("toy/*.txt#8-9/10", "89"),
        ("toy/*.txt#1-2/5", "1267"),
        ("t*/?.txt#4-4/5", "49"),
    ],
)
def test_paths_globs_and_fragments(root: Path, path: str, numbers: str) -> None:
    assert read(root, path) == [f"Ann{number}" for number in numbers]


def test_fragments_share_out_the_files(root: Path) -> None:
    parts = [read(root, f"toy/*.txt#{a}/10") for a in ("0-7", "8-8", "9-9")]
    assert sorted(text for part in parts for text in part) == read(root, "toy/*.txt")


def test_paths_are_read_in_the_order_of_the_card(root: Path) -> None:
    assert read(root, "toy/5.txt", "toy/1.txt") == ["Ann5", "Ann1"]


def test_compressed_files_are_found(root: Path) -> None:
    for file in (root / "toy").iterdir():
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert read(root, "toy/4.txt") == ["Ann4"]
    assert read(root, "toy/*.txt#9-9/10") == ["Ann9"]


def test_records_have_names_of_their_own(root: Path) -> None:
    found = list(load_records(CARD, "train", root))
    assert [record.id for record in found][:2] == ["toy/train/0", "toy/train/1"]
    assert len({record.id for record in found}) == 10
    assert {e.label for record in found for e in record.gold.entities} == {"person"}


def test_ignored_labels_are_left_out(root: Path) -> None:
    (root / "toy" / "0.txt").write_text("Ann B-PER\nbin B-JUNK\n", encoding="utf-8")
    card = replace(CARD, splits={"train": ("toy/0.txt",)})
    (record,) = load_records(card, "train", root)
    assert [e.mention.text for e in record.gold.entities] == ["Ann"]


def test_an_unknown_label_names_the_card_and_the_file(root: Path) -> None:
    (root / "toy" / "0.txt").write_text("Oslo B-LOC\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"entity label 'LOC' .*of the card toy: add it") as caught:
        read(root, "toy/0.txt")
    assert "0.txt" in str(caught.value)


@pytest.mark.parametrize("path", ["toy/absent.txt", "toy/*.csv", "toy/x*.txt#0-1/2"])
def test_absent_files_are_an_error(root: Path, path: str) -> None:
    card = replace(CARD, splits={"train": (path,), "test": ("toy/1.txt",)})
    assert not has_files(card, "train", root)
    assert has_files(card, "test", root)
    with pytest.raises(DataError, match=r"no such file|no file matches"):
        list(load_records(card, "train", root))


def test_an_unknown_split_or_reader_is_an_error(root: Path) -> None:
    with pytest.raises(DataError, match="toy has no split 'dev'; it has train"):
        list(load_records(CARD, "dev", root))
    with pytest.raises(DataError, match=r"unknown reader 'magic'; known: ace"):
        read(root, "toy/1.txt", reader="magic")


def test_errors_end_the_reading_or_are_put_aside(root: Path) -> None:
    (root / "toy" / "0.txt").write_text("Ann B-PER\n\nOslo B-LOC\n\nBob B-PER\n", encoding="utf-8")
    (root / "toy" / "1.txt").write_bytes(b"\xff\xfe")
    quarantine = Quarantine(skip=True)
    with rejects_to(quarantine):
        card = replace(CARD, splits={"train": ("toy/[012].txt",)})
        found = [record.text for record in load_records(card, "train", root)]
    assert found == ["Ann", "Bob", "Ann2"]
    unknown, unread = quarantine.errors
    assert isinstance(unknown, UnknownLabelError)
    assert (unknown.path, unknown.line, unknown.content) == (root / "toy" / "0.txt", 3, "Oslo")
    assert "not UTF-8" in unread.rule
    assert "what follows in 1.txt was left out" in unread.rule
    with pytest.raises(UnknownLabelError):
        read(root, "toy/0.txt")


def test_half_a_character_is_refused(root: Path) -> None:
    row = {"text": "a \ud83d b", "entities": []}
    (root / "half.json").write_text(json.dumps([row]), encoding="utf-8")
    with pytest.raises(DataError, match=r"character 2 of the text is .ud83d, half"):
        read(root, "half.json", reader="characters")
