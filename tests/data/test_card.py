from __future__ import annotations

from pathlib import Path

import pytest

from instructuie.data.card import card_names, load_card, load_cards, read_card
from instructuie.data.readers import READERS
from instructuie.errors import DataError
from instructuie.schema import Label
from instructuie.tasks import TASKS

CARD = """
name = "toy"
title = "Toy"
tasks = ["NER"]
domain = "news"
licence = "MIT"
redistribution = "yes"
homepage = ""

[reader]
name = "columns"
tag_column = 3

[splits]
train = ["a.txt", "b.txt"]

[labels.entity]
PER = "person"

[ignore]
entity = ["JUNK"]
"""


def test_a_card_is_read() -> None:
    card = read_card(CARD, name="toy")
    assert (card.reader, card.reader_options) == ("columns", {"tag_column": 3})
    assert card.splits == {"train": ("a.txt", "b.txt")}
    assert card.labels["entity"] == {"PER": "person"}
    assert card.ignore == {"entity": ("JUNK",)}
    assert (card.use, card.unit, card.language) == ("train", "sentence", "en")


@pytest.mark.parametrize("card", list(load_cards()), ids=lambda card: card.name)
def test_every_card_of_the_package_is_sound(card: object) -> None:
    from instructuie.data.card import Card

    assert isinstance(card, Card)
    assert card.reader in READERS
    assert set(card.tasks) <= {"NER", "RE", "EE"} <= set(TASKS)
    assert card.tasks
    assert card.splits
    assert set(card.splits) <= {"train", "dev", "test"}
    assert card.use in ("train", "zero-shot", "score")
    assert card.unit in ("sentence", "document")
    assert card.redistribution in ("yes", "no", "unclear")
    assert card.licence
    assert set(card.labels) <= {"entity", "relation", "event", "role"}
    kinds = {"NER": "entity", "RE": "relation", "EE": "event"}
    for task in card.tasks:
        assert card.labels.get(kinds[task])  # type: ignore[call-overload]
    for kind, names in card.labels.items():
        for name in names.values():
            assert Label(name).name == name
        assert not set(names) & set(card.ignore.get(kind, ()))


@pytest.mark.parametrize(
    "name",
    [n for n in card_names() if n.startswith(("mit_", "crossner_"))],
)
def test_the_zero_shot_test_sets_are_never_trained_on(name: str) -> None:
    assert load_card(name).use == "zero-shot"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "toy"', 'name = "other"', "`name` is 'other', expected the file's name"),
        ('title = "Toy"\n', "", "title"),
        ('title = "Toy"', 'titel = "Toy"', "titel"),
        ('[reader]\nname = "columns"\n', "[reader]\n", "name"),
        ("[splits]", "[split]", "splits"),
        ('title = "Toy"', "title = Toy", "not a dataset card"),
        ('[reader]\nname = "columns"\ntag_column = 3', 'x = "columns"', "reader"),
        ("[ignore]\n", "", r"\[labels.entity\] gives 'entity' the name \['JUNK'\], expected text"),
    ],
)
def test_a_broken_card_names_itself_and_the_key(old: str, new: str, message: str) -> None:
    assert old in CARD
    with pytest.raises(DataError, match=message) as caught:
        read_card(CARD.replace(old, new), name="toy")
    assert "toy.toml" in str(caught.value)


def test_a_card_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(CARD, encoding="utf-8")
    assert load_card(str(path)) == read_card(CARD, name="toy")


def test_an_unknown_card_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset card named 'typo'; known: ade_corpus_v2, "):
        load_card("typo")
    with pytest.raises(DataError, match="cannot read this dataset card"):
        load_card(str(tmp_path / "absent.toml"))
