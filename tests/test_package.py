"""What is shipped: public names, version, configurations, dataset cards."""

from __future__ import annotations

import ast
from importlib import metadata, resources
from pathlib import Path

import pytest

import instructuie
from instructuie.data.card import card_names, load_card
from instructuie.data.readers import READERS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "configs").rglob("*.toml"))


def test_all_lists_the_public_names() -> None:
    """Every name that `__init__` imports from the package, also those imported only when used."""
    tree = ast.parse(Path(instructuie.__file__).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("instructuie")
        for alias in node.names
    }
    assert set(instructuie.__all__) == imported


def test_all_is_sorted_and_each_name_is_there() -> None:
    assert list(instructuie.__all__) == sorted(set(instructuie.__all__))
    for name in instructuie.__all__:
        assert getattr(instructuie, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'NoSuchName'"):
        _ = getattr(instructuie, "NoSuchName")  # noqa: B009


def test_the_version_is_that_of_the_installed_package() -> None:
    assert instructuie.__version__ == metadata.version("instructuie")


def test_the_changelog_and_the_citation_name_the_version() -> None:
    assert f"## {instructuie.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {instructuie.__version__}" in citation.splitlines()


def test_the_package_says_that_it_is_typed() -> None:
    assert (resources.files("instructuie") / "py.typed").is_file()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shipped_config_loads(path: Path) -> None:
    from instructuie.training.kinds import load_training

    kinds = {"train": load_training}
    kinds[path.relative_to(ROOT / "configs").parts[0]](path)


def test_there_are_configs_and_cards() -> None:
    assert CONFIGS
    assert card_names()


@pytest.mark.parametrize("name", card_names())
def test_every_card_is_complete(name: str) -> None:
    card = load_card(name)
    assert card.reader in READERS
    assert set(card.tasks) <= {"NER", "RE", "EE"}
    assert card.splits
    assert all(card.splits.values())
    assert set(card.splits) <= {"train", "dev", "test"}
    assert card.licence
    assert card.redistribution in ("yes", "no", "unclear")
    assert card.use in ("train", "zero-shot", "score")
    assert card.unit in ("sentence", "document")
    assert card.homepage.startswith(("https://", "http://"))


@pytest.mark.parametrize("name", card_names())
def test_the_labels_of_every_card_suit_its_tasks(name: str) -> None:
    card = load_card(name)
    kinds = {"NER": "entity", "RE": "relation", "EE": "event"}
    for task, kind in kinds.items():
        if task in card.tasks:
            assert card.labels.get(kind), f"{task} without [labels.{kind}]"  # type: ignore[call-overload]
    for kind, labels in card.labels.items():
        ignored = card.ignore.get(kind, ())
        assert not set(labels) & set(ignored), f"{kind} labels both renamed and ignored"
        assert all(label.strip() == label and label for label in labels.values())
