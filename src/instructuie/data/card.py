"""Dataset cards: one TOML file says all there is to know about a data set.

    name = "conll2003"                     # the file's name
    title = "CoNLL-2003"
    tasks = ["NER"]                        # main tasks with gold here: NER, RE, EE
    domain = "news"
    language = "en"
    licence = "not stated (Reuters text under a research agreement)"
    redistribution = "no"                  # yes | no | unclear, as stated at the source
    commercial = "no"                      # the same for commercial use
    homepage = "https://..."
    citation = "Tjong Kim Sang and De Meulder, 2003"
    use = "train"                          # train | zero-shot (never trained on) | score
    unit = "sentence"                      # sentence: as read; document: split into passages
    once = false                           # true: a text with the same items again is left out
    split_rule = "official"                # where the splits come from: see SplitRule
    hub = "owner/name"                     # the data set on the Hugging Face hub, if it is there
    address = "https://.../data/"          # the folder or archive that the files come from
    by_hand = "how to get and place the files, where nothing can fetch them"
    notes = "oddities, how counts differ from the paper and why"

    [reader]
    name = "columns"                       # a key of READERS
    tag_column = 3                         # further keys are the reader's keyword arguments

    [splits]                               # paths below the source folder; `.gz` is found by itself
    train = ["conll2003/eng.train"]
    test = ["conll2003/eng.testb"]

    [files]                                # what the native files are, see `data/files.py`
    "conll2003/eng.train" = { size = 3283420, sha256 = "...", address = "eng.train" }

    [counts]                               # what is read of each of these splits, before any cut
    train = { records = 14041, entities = 23499 }

    [paper.NER]                            # the row of the paper's Table 7, for each task there
    name = "CoNLL2003"
    labels = 4
    train = 14041
    test = 3453
    difference = "why our counts are not these"

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
from typing import Any, Literal, get_args
from urllib.parse import urljoin

from instructuie.errors import DataError

LabelKind = Literal["entity", "relation", "event", "role"]
Terms = Literal["yes", "no", "unclear"]

SplitRule = Literal["official", "8:1:1", "half of dev", "crossner", "folds"]
"""Where train, dev and test come from (section 2.3 and Table 7 of the paper).

official: as the source gives them. 8:1:1: the source has one set, cut by us. half of dev: the source
has train and dev, and half of dev serves as test. crossner: a small train and dev, scored on test
without training on any of it. folds: each fold holds out some labels, which only its test has.
"""


@dataclass(frozen=True, slots=True)
class NativeFile:
    """One native file, or all that a pattern or archive stands for; `size` is in bytes.

    Without `sha256` only the address of the file is known: it was not at hand for this card.
    """

    size: int = 0
    sha256: str = ""
    files: int = 1
    address: str = ""

    def fits(self, found: NativeFile) -> bool:
        """Whether a measured file is this one, as far as is known."""
        return self.sha256 in ("", found.sha256)


@dataclass(frozen=True, slots=True)
class PaperRow:
    """What the paper's Table 7 says of a data set in one task; None where it says nothing."""

    name: str
    labels: int | None = None
    roles: int | None = None
    train: int | None = None
    dev: int | None = None
    test: int | None = None
    difference: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One data set; the fields are explained at the top of this module."""

    name: str
    title: str
    tasks: tuple[str, ...]
    domain: str
    licence: str
    redistribution: Terms
    homepage: str
    reader: str
    splits: Mapping[str, tuple[str, ...]]
    labels: Mapping[LabelKind, Mapping[str, str]]
    reader_options: Mapping[str, Any] = field(default_factory=dict)
    ignore: Mapping[LabelKind, tuple[str, ...]] = field(default_factory=dict)
    language: str = "en"
    citation: str = ""
    commercial: Terms = "unclear"
    use: Literal["train", "zero-shot", "score"] = "train"
    unit: Literal["sentence", "document"] = "sentence"
    notes: str = ""
    once: bool = False
    split_rule: SplitRule = "official"
    hub: str = ""
    address: str = ""
    by_hand: str = ""
    files: Mapping[str, NativeFile] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    paper: Mapping[str, PaperRow] = field(default_factory=dict)

    def address_of(self, path: str) -> str:
        """Where the native file `path` can be fetched; "" when only a person can get it."""
        file = self.files.get(path)
        return urljoin(self.address, file.address) if file and file.address else ""


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
            files={path: NativeFile(**file) for path, file in row.pop("files", {}).items()},
            paper={task: PaperRow(**counts) for task, counts in row.pop("paper", {}).items()},
            **row,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"not a dataset card: {error}", path=f"{name}.toml") from error
    _check(card, name)
    return card


def _check(card: Card, name: str) -> None:
    """What the types alone do not say."""
    for kind, names in card.labels.items():
        for native, label in names.items():
            if not isinstance(label, str):
                raise DataError(
                    f"[labels.{kind}] gives {native!r} the name {label!r}, expected text",
                    path=f"{name}.toml",
                )
    for key, allowed in _CHOICES.items():
        value = getattr(card, key)
        if value not in allowed:
            raise DataError(
                f"`{key}` is {value!r}, expected one of: {', '.join(allowed)}", path=f"{name}.toml"
            )
    if card.name != name:
        raise DataError(f"`name` is {card.name!r}, expected the file's name", path=f"{name}.toml")


_CHOICES = {
    "redistribution": get_args(Terms),
    "commercial": get_args(Terms),
    "use": ("train", "zero-shot", "score"),
    "unit": ("sentence", "document"),
    "split_rule": get_args(SplitRule),
}


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
