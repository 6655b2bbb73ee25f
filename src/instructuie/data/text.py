"""Opening native files, and turning tokens into natural text with exact character offsets."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from instructuie.errors import DataError

_NO_SPACE_BEFORE = frozenset(
    [".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "'s", "'S", "n't", "N'T", "'re", "'ve"]
    + ["'ll", "'d", "'m", "’s", "n’t", "’re", "’ve", "’ll", "’d", "’m", "''", "...", "”"]
)
_NO_SPACE_AFTER = frozenset(["(", "[", "{", "``", "“", "$", "£", "€", "#"])


def open_text(path: Path) -> str:
    """The whole file as text; `path` with `.gz` added is tried too. Raises DataError."""
    found = path if path.exists() else path.with_name(path.name + ".gz")
    try:
        raw = found.read_bytes()
        if found.suffix == ".gz":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except FileNotFoundError:
        raise DataError("no such file (nor with .gz)", path=path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}", path=found) from error
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read: {error}", path=found) from error


def detokenize(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Natural text for `tokens`, and the characters (start, end) of each token in it.

    Every token appears unchanged; only the white space between tokens is chosen, so the offsets
    lead back to the tokens.
    """
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    position = 0
    for index, token in enumerate(tokens):
        if index and token not in _NO_SPACE_BEFORE and tokens[index - 1] not in _NO_SPACE_AFTER:
            pieces.append(" ")
            position += 1
        offsets.append((position, position + len(token)))
        pieces.append(token)
        position += len(token)
    return "".join(pieces), offsets
