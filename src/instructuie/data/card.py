"""Dataset cards: one TOML file says all there is to know about a data set.

    name = "conll2003"                     # the file's name
    title = "CoNLL-2003"
    tasks = ["NER"]                        # main tasks with gold here: NER, RE, EE
    domain = "news"
    language = "en"
    licence = "not stated (Reuters text under a research agreement)"
    redistribution = "no"                  # yes | no | unclear, as stated at the source
    homepage = "https://..."
    citation = "Tjong Kim Sang and De Meulder, 2003"
    use = "train"                          # train | zero-shot (never trained on) | score
    unit = "sentence"                      # sentence: as read; document: split into passages
    notes = "oddities, how counts differ from the paper and why"

    [reader]
    name = "columns"                       # a key of READERS
    tag_column = 3                         # further keys are the reader's keyword arguments

    [splits]                               # paths below the source folder; `.gz` is found by itself
    train = ["conll2003/eng.train"]
    test = ["conll2003/eng.testb"]

    [labels.entity]                        # native label = natural-language label
    PER = "person"
    [labels.relation]
    [labels.event]
    [labels.role]

    [ignore]                               # native labels left out on purpose
    entity = ["O-junk"]

Every native label must be listed under `labels` or `ignore`; an unknown one is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from instructuie.errors import DataError

LabelKind = Literal["entity", "relation", "event", "role"]


@dataclass(frozen=True, slots=True)
class Card:
    """One data set; the fields are explained at the top of this module."""

    name: str
    title: str
    tasks: tuple[str, ...]
    domain: str
    licence: str
    redistribution: Literal["yes", "no", "unclear"]
    homepage: str
    reader: str
    splits: Mapping[str, tuple[str, ...]]
    labels: Mapping[LabelKind, Mapping[str, str]]
    reader_options: Mapping[str, Any] = field(default_factory=dict)
    ignore: Mapping[LabelKind, tuple[str, ...]] = field(default_factory=dict)
    language: str = "en"
    citation: str = ""
    use: Literal["train", "zero-shot", "score"] = "train"
    unit: Literal["sentence", "document"] = "sentence"
    notes: str = ""


def read_card(text: str, *, name: str) -> Card:
    """Parse a card; raises DataError that names the card and the key."""
    try:
        row = tomllib.loads(text)
        reader = dict(row.pop("reader"))
        card = Card(
            reader=reader.pop("name"),
            reader_options=reader,
            tasks=tuple(row.pop("tasks")),
            splits={key: tuple(paths) for key, paths in row.pop("splits").items()},
            labels=row.pop("labels", {}),
            ignore={key: tuple(labels) for key, labels in row.pop("ignore", {}).items()},
            **row,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not a dataset card: {error}", path=f"{name}.toml") from error
    for kind, names in card.labels.items():
        for native, label in names.items():
            if not isinstance(label, str):
                raise DataError(
                    f"[labels.{kind}] gives {native!r} the name {label!r}, expected text",
                    path=f"{name}.toml",
                )
    if card.name != name:
        raise DataError(f"`name` is {card.name!r}, expected the file's name", path=f"{name}.toml")
    return card


def load_card(name: str) -> Card:
    """The card of a data set that comes with the package, by name; or a TOML file, by path."""
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read this dataset card: {error}", path=path) from error
        return read_card(text, name=path.stem)
    file = resources.files("instructuie") / "assets" / "cards" / f"{name}.toml"
    if not file.is_file():
        raise DataError(f"no dataset card named {name!r}; known: {', '.join(card_names())}")
    return read_card(file.read_text(encoding="utf-8"), name=name)


def card_names() -> tuple[str, ...]:
    folder = resources.files("instructuie") / "assets" / "cards"
    return tuple(
        sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_cards() -> Iterator[Card]:
    for name in card_names():
        yield load_card(name)
