from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from instructuie.data.card import Card
from instructuie.data.prepared import FORMAT, prepare, read_prepared
from instructuie.errors import DataError
from tests.tiny import write_rows

LONG = "Officials said that Ann of Oslo met Bob near the old harbour ."
OTHER = "Nobody knew that Eve of Rome left Kyiv before the early morning train ."


def columns(*sentences: str) -> str:
    """Capitalised words but the first of a sentence are names."""
    lines = []
    for sentence in sentences:
        for index, word in enumerate(sentence.split()):
            lines.append(f"{word} {'B-PER' if index and word[0].isupper() else 'O'}")
        lines.append("")
    return "\n".join(lines) + "\n"


def card(name: str, *, use: Any = "train", **splits: str) -> Card:
    return Card(
        name=name,
        title=name,
        tasks=("NER",),
        domain="news",
        licence="MIT",
        redistribution="yes",
        homepage="",
        reader="columns",
        splits={split: (file,) for split, file in splits.items()},
        labels={"entity": {"PER": "person", "LOC": "never seen"}},
        use=use,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "a.train": columns(LONG, "A b Cem .", OTHER),
        "a.dev": columns("A short Dev ."),
        "b.train": columns("A b Cem ."),
        "b.test": columns(LONG.upper()),
        "z.train": columns(OTHER),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


A = card("a", train="a.train", dev="a.dev")
B = card("b", train="b.train", test="b.test")
ZERO = card("z", use="zero-shot", train="z.train", test="absent")


def texts(path: Path, name: str, split: str) -> list[str]:
    return [record.text for record in read_prepared(path).records[name].get(split, ())]


def test_what_is_prepared_is_read_back(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "sub" / "out.jsonl.gz"
    header = prepare([A], root, output)
    found = read_prepared(output)
    assert found.header == json.loads(json.dumps(header))
    (inventory,) = found.inventories.values()
    assert inventory.entities == ("person",)  # labels that no record has are not offered
    assert header["datasets"]["a"]["counts"]["train"] == {
        "records": 3,
        "entities": 7,
        "relations": 0,
        "events": 0,
    }
    records = found.records["a"]["train"]
    assert [e.mention.text for e in records[0].gold.entities] == ["Ann", "Oslo", "Bob"]
    for record in records:
        record.check()
    assert not output.with_name(output.name + ".part").exists()


def test_the_same_files_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "one.gz", tmp_path / "two.gz"]
    for output in outputs:
        prepare([A, B, ZERO], root, output)
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert read_prepared(outputs[0]).fingerprint == read_prepared(outputs[1]).fingerprint


def test_another_record_is_another_fingerprint(root: Path, tmp_path: Path) -> None:
    prepare([A], root, tmp_path / "one.gz")
    (root / "a.dev").write_text(columns("A other Dev ."), encoding="utf-8")
    prepare([A], root, tmp_path / "two.gz")
    prints = {read_prepared(tmp_path / name).fingerprint for name in ("one.gz", "two.gz")}
    assert len(prints) == 2


def test_training_texts_that_stand_in_a_test_set_are_left_out(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.gz"
    header = prepare([A, B, ZERO], root, output)
    # LONG is in the test set of b, in capitals; OTHER in the zero-shot set; the short one is kept.
    assert texts(output, "a", "train") == ["A b Cem."]
    assert texts(output, "b", "train") == ["A b Cem."]
    assert header["datasets"]["a"]["overlapping"] == 2
    assert texts(output, "b", "test") == [texts(output, "b", "test")[0]]
    assert len(texts(output, "z", "train")) == 1


def test_a_test_sentence_inside_a_training_text_is_found(root: Path, tmp_path: Path) -> None:
    (root / "a.train").write_text(columns(f"Hello there . {LONG}", "A b Cem ."), encoding="utf-8")
    prepare([A, B], root, tmp_path / "out.gz")
    assert texts(tmp_path / "out.gz", "a", "train") == ["A b Cem."]


def test_dev_and_test_texts_are_never_left_out(root: Path, tmp_path: Path) -> None:
    (root / "a.dev").write_text(columns(LONG), encoding="utf-8")
    prepare([A, B], root, tmp_path / "out.gz")
    assert len(texts(tmp_path / "out.gz", "a", "dev")) == 1
    assert len(texts(tmp_path / "out.gz", "b", "test")) == 1


def test_absent_files_are_named(root: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    header = prepare([A, ZERO], root, tmp_path / "out.gz", report=lines.append)
    assert header["missing"] == ["z/test"]
    assert lines == ["a/train: 3 records", "a/dev: 1 records", "z/train: 1 records"]


def test_some_splits_can_be_read_alone(root: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.gz"
    prepare([A, B], root, output)
    some = read_prepared(output, splits=("dev",))
    assert {name: list(splits) for name, splits in some.records.items()} == {"a": ["dev"]}
    assert some.fingerprint == read_prepared(output).fingerprint


def test_documents_are_cut_into_passages(root: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    (root / "a.train").write_text(
        columns(" ".join(f"Then number {n} saw Xyz ." for n in range(40))), encoding="utf-8"
    )
    prepare([replace(A, unit="document")], root, tmp_path / "out.gz")
    found = texts(tmp_path / "out.gz", "a", "train")
    assert len(found) > 2
    assert sum(text.count("Xyz") for text in found) == 40


HEADER = {"format": FORMAT, "datasets": {}}


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"format": "other"}],
        [[1, 2]],
        [{"format": FORMAT}],
        [{"format": FORMAT, "datasets": {"a": {}}}],
        [{"format": FORMAT, "datasets": []}],
        [HEADER, {"dataset": "a"}],
        [HEADER, {"dataset": "a", "split": "train", "text": "x", "entities": 5}],
        [HEADER, {"dataset": "a", "split": "train", "text": "x", "entities": [{"label": "x"}]}],
        [HEADER, "text"],
    ],
)
def test_what_is_not_a_prepared_file_is_a_data_error(tmp_path: Path, rows: list[object]) -> None:
    path = tmp_path / "broken.gz"
    write_rows(path, rows)
    with pytest.raises(DataError, match=r"broken\.gz"):
        read_prepared(path)


@pytest.mark.parametrize("damage", ["plain", "short", "flipped", "absent"])
def test_a_damaged_file_is_a_data_error(root: Path, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "out.gz"
    prepare([A, B], root, path)
    raw = path.read_bytes()
    middle = len(raw) // 2
    changed = {
        "plain": gzip.decompress(raw),
        "short": raw[:middle],
        "flipped": raw[:20] + bytes(255 - byte for byte in raw[20:60]) + raw[60:],
    }
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(DataError, match=r"not a prepared file: .*data prepare"):
        read_prepared(path)
