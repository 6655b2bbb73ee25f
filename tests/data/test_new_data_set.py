"""A data set in a format that a reader knows needs a card and no code, as the documentation shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instructuie.cli.app import app
from instructuie.data.card import load_card
from instructuie.data.load import load_records
from instructuie.data.prepared import read_prepared

DOCS = Path(__file__).parents[2] / "docs" / "data.md"

NATIVE = "Oslo\tB-STATION\nat\tO\nten\tB-TIME\no'clock\tI-TIME\n\nBergen\tB-STATION\nplease\tO\n"


@pytest.fixture(scope="module")
def example() -> str:
    """The card that the documentation shows."""
    section = DOCS.read_text(encoding="utf-8").partition("## Add a data set")[2]
    block = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert block, "docs/data.md shows no card under `Add a data set`"
    return block[1]


def test_the_documented_card_is_short(example: str) -> None:
    assert len(example.splitlines()) < 20


def test_the_documented_card_reads_a_new_data_set(example: str, tmp_path: Path) -> None:
    (tmp_path / "my_trains.toml").write_text(example, encoding="utf-8")
    for split in ("train", "test"):
        file = tmp_path / "trains" / f"{split}.bio"
        file.parent.mkdir(exist_ok=True)
        file.write_text(NATIVE, encoding="utf-8")
    card = load_card(str(tmp_path / "my_trains.toml"))
    first, second = load_records(card, "train", tmp_path)
    assert (first.text, second.text) == ("Oslo at ten o'clock", "Bergen please")
    assert [(e.label, e.mention.text) for e in first.gold.entities] == [
        ("railway station", "Oslo"),
        ("departure time", "ten o'clock"),
    ]
    assert len(list(load_records(card, "test", tmp_path))) == 2


def test_the_documented_command_prepares_it(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## Add a data set")[2]
    command = re.search(r"`instructuie (data prepare .*?)`", section)
    assert command, "docs/data.md shows no command under `Add a data set`"
    (tmp_path / "my_trains.toml").write_text(example, encoding="utf-8")
    (tmp_path / "FOLDER" / "trains").mkdir(parents=True)
    for split in ("train", "test"):
        file = tmp_path / "FOLDER" / "trains" / f"{split}.bio"
        file.write_text(NATIVE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*command[1].split(), "--workers", "1"])
    assert done.exit_code == 0, done.output
    prepared = read_prepared(tmp_path / "trains.jsonl.gz")
    assert [record.text for record in prepared.records["my_trains"]["train"]] == [
        "Oslo at ten o'clock",
        "Bergen please",
    ]


def test_a_card_alone_reads_other_formats_too(tmp_path: Path) -> None:
    """Relations in JSON rows, by a card whose labels are the only thing that is new."""
    row = {
        "tokens": ["Ada", "works", "for", "Acme"],
        "entities": [{"type": "P", "start": 0, "end": 1}, {"type": "O", "start": 3, "end": 4}],
        "relations": [{"type": "EMP", "head": 0, "tail": 1}],
    }
    (tmp_path / "x.json").write_text(json.dumps([row]), encoding="utf-8")
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\ntitle = "Mine"\ntasks = ["RE"]\ndomain = "news"\nlicence = "MIT"\n'
        'redistribution = "yes"\nhomepage = ""\nreader.name = "spert"\nsplits.train = ["x.json"]\n'
        'labels.relation = { EMP = "work for" }\nignore.entity = ["P", "O"]\n',
        encoding="utf-8",
    )
    (record,) = load_records(load_card(str(tmp_path / "mine.toml")), "train", tmp_path)
    (relation,) = record.gold.relations
    assert (relation.head.text, relation.label, relation.tail.text) == ("Ada", "work for", "Acme")
    assert record.gold.entities == ()


def test_rows_that_repeat_are_given_once_when_the_card_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.bio").write_text(NATIVE + "\n" + NATIVE, encoding="utf-8")
    text = (
        'name = "mine"\ntitle = "Mine"\ntasks = ["NER"]\ndomain = "news"\nlicence = "MIT"\n{}\n'
        'redistribution = "yes"\nhomepage = ""\nreader.name = "columns"\nsplits.train = ["a.bio"]\n'
        'labels.entity = {{ STATION = "station", TIME = "time" }}\n'
    )
    counts = []
    for line in ("", "once = true"):
        (tmp_path / "mine.toml").write_text(text.format(line), encoding="utf-8")
        card = load_card(str(tmp_path / "mine.toml"))
        counts.append(len(list(load_records(card, "train", tmp_path))))
    assert counts == [4, 2]
