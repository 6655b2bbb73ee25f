"""What prepared records are made from: native files, card and code, as one digest.

Invariant: as long as the digest of a data set is the same, reading it again gives the same records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from instructuie.data.card import Card
from instructuie.data.files import measure, native_files
from instructuie.errors import DataError

CODE = (
    *("data/card.py", "data/load.py", "data/overlap.py", "data/parquet.py", "data/part.py"),
    *("data/passages.py", "data/prepared.py", "data/readers", "data/record.py", "data/split.py"),
    *("data/tally.py", "data/text.py", "chunking.py", "folding.py", "grounding.py"),
    *("pointer/words.py", "tasks.py", "types.py"),
)
"""Below the package: what decides how a native file becomes records."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The native files of a data set, measured: size and SHA-256 by path."""

    dataset: str
    files: Mapping[str, Mapping[str, Any]]
    digest: str
    wrong: tuple[str, ...] = ()
    """What is not as the card says, one line for each file."""


def inspect(job: tuple[Card, Path]) -> Inputs:
    """Measure the native files that are there. Raises DataError for one that cannot be read."""
    card, root = job
    files: dict[str, Any] = {}
    wrong: list[str] = []
    for path in native_files(card):
        if not _is_there(root, path):
            continue
        found = measure(root, path)
        files[path] = {"size": found.size, "sha256": found.sha256}
        expected = card.files.get(path)
        if expected is not None and not expected.fits(found):
            wrong.append(
                f"{path} has {found.size:,} bytes and SHA-256 {found.sha256}, "
                f"the card says {expected.size:,} and {expected.sha256}"
            )
    return Inputs(card.name, files, _digest(card, files), tuple(wrong))


def refuse_wrong(inputs: Inputs) -> None:
    """Raise DataError where a native file is another than the card describes."""
    if inputs.wrong:
        raise DataError(
            f"not the files that the card describes: {'; '.join(inputs.wrong)}. Get them anew with "
            f"`instructuie data fetch {inputs.dataset}`, or take them as they are with --unchecked",
            path=inputs.dataset,
        )


def _is_there(root: Path, path: str) -> bool:
    if any(char in path for char in "*?["):
        return any(root.glob(path)) or any(root.glob(path + ".gz"))
    return (root / path).exists() or (root / (path + ".gz")).exists()


def _digest(card: Card, files: Mapping[str, Any]) -> str:
    made_of = [asdict(card), files, code_digest()]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 of the code that reads data, and of the version of the package."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256(version().encode())
    for name in CODE:
        place = package / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def version() -> str:
    """The version of the package, asked for at run time: data must not import what reads texts."""
    return str(import_module("instructuie").__version__)
