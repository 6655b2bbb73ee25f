"""Opening native files, and turning tokens into natural text with exact character offsets."""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Sequence
from html import unescape
from itertools import pairwise
from pathlib import Path

from instructuie.errors import DataError

_ENDINGS = frozenset(["s", "S", "t", "T", "re", "RE", "ve", "VE", "ll", "LL", "d", "D", "m", "M"])
"""What may follow an apostrophe, also one that was made a token of its own: `Parkinson ' s`."""

_CLITICS = frozenset(
    [f"{mark}{ending}" for mark in ("'", "\u2019") for ending in _ENDINGS]
    + [f"{n}{mark}{t}" for mark in ("'", "\u2019") for n, t in ("nt", "NT")]
)
_NO_SPACE_BEFORE = (
    _CLITICS
    | frozenset(
        [".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "...", "\u2026", "\u201d", "\u00bb"]
    )
    | frozenset(["-RRB-", "-RSB-", "-RCB-"])
)
_NO_SPACE_AFTER = frozenset(
    ["(", "[", "{", "``", "\u201c", "\u00ab", "$", "£", "€", "#", "-LRB-", "-LSB-", "-LCB-"]
)
_QUOTES = ('"', "'", "''", "`")
_SPEECH = frozenset(["added", "asked", "cried", "replied", "said", "say", "says", "told", "wrote"])
"""One of these soon after a comma and a lone quotation mark says that speech ends at the mark."""

_SUFFIX = re.compile(
    r"-(?:[a-z]+(?:ed|ing|ent|ant|ive|ic|al|ous|ible|able|ory|ary)|like|type|free|rich|wide|style)"
)
"""A token that was cut off the word before it: `CD40 -dependent`."""

_PARALLEL = frozenset(["and", "or", "to", "but", "nor", "than", "versus"])
_PAIRS = {
    ("`", "`"): "``",
    ("'", "'"): "''",
    ("&", "amp;"): "&",
    ("&", "lt;"): "<",
    ("&", "gt;"): ">",
    ("&", "quot;"): '"',
}
"""Two tokens that were one mark."""

_QUOTATION = re.compile(r"``|'{2,}")
_REFERENCE = re.compile(r"&(?:amp|lt|gt|quot|apos);")
_MISREAD = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
"""Control characters that are Windows' quotation marks and dashes, read as Latin-1."""

_TREEBANK = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}


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
    return place(tokens, natural_spaces(tokens))


def as_written(tokens: Sequence[str]) -> list[str]:
    """Tokens as they stood in the text, without the treebank's spellings of them.

    `-LRB-` was a bracket, `\\/` a slash, ` `` ` and `''` a quotation mark, and `&`, `amp;` one sign,
    of which the second token has nothing.
    """
    written = [_TREEBANK.get(token, token) for token in _whole_marks(tokens)]
    if any("\\" in token for token in written):
        written = [token.replace("\\/", "/").replace("\\*", "*") for token in written]
    if any("'" in token or "`" in token for token in written):
        written = ['"' if _QUOTATION.fullmatch(token) else token for token in written]
        written = ["'" if token == "`" else token for token in written]
    if any("&" in token for token in written):
        written = [_REFERENCE.sub(lambda found: unescape(found[0]), token) for token in written]
    if not all(token.isascii() for token in written):
        written = [token.translate(_MISREAD) for token in written]
    return written


def _whole_marks(tokens: Sequence[str]) -> list[str]:
    """The tokens with a mark that stands in two of them in the first, and nothing in the second."""
    whole = list(tokens)
    for index in range(len(whole) - 1):
        digit = index > 0 and whole[index - 1].isdigit()  # 5'' is no end of a quotation
        if (mark := _PAIRS.get((whole[index], whole[index + 1]))) and not digit:
            whole[index : index + 2] = [mark, ""]
    return whole


def place(tokens: Sequence[str], spaces: Sequence[bool]) -> tuple[str, list[tuple[int, int]]]:
    """The text with a space before each token that `spaces` marks, and each token's characters."""
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    position = 0
    for token, space in zip(tokens, spaces, strict=True):
        if space:
            pieces.append(" ")
            position += 1
        offsets.append((position, position + len(token)))
        pieces.append(token)
        position += len(token)
    return "".join(pieces), offsets


def natural_spaces(
    tokens: Sequence[str], *, glue: Collection[str] = (), prefixes: Collection[str] = ()
) -> list[bool]:
    """Whether a writer would put a space before each token.

    Tokens in `glue` lose the space on both sides, for corpora that split words at every hyphen and
    slash (and there `0 . 05` and `1 , 400` are one number, `-dependent` the end of a word); tokens in
    `prefixes` lose the space after them.
    """
    whole = _whole_marks(tokens)
    spaces = iter(_spaces([token for token in whole if token], glue, prefixes))
    return [bool(token) and next(spaces) for token in whole]


def _spaces(tokens: Sequence[str], glue: Collection[str], prefixes: Collection[str]) -> list[bool]:
    if not tokens:
        return []
    if not {"``", "''"}.issubset(tokens):  # one mark on both sides
        tokens = ['"' if _QUOTATION.fullmatch(token) else token for token in tokens]
    left, right = _quote_sides(tokens)
    spaces = [False]
    for index, (before, after) in enumerate(pairwise(tokens), 1):
        joined = after in _NO_SPACE_BEFORE or before in _NO_SPACE_AFTER or before in prefixes
        joined = (
            joined
            or index in left
            or index - 1 in right
            or (len(after) == 1 and _cut_off(tokens, index))
            or (len(after) > 1 and after[0] in ")]}")
        )
        spaces.append(not (joined or (glue and _glued(tokens, index, glue))))
    return spaces


def _glued(tokens: Sequence[str], index: int, glue: Collection[str]) -> bool:
    """Whether the token at `index` (not the first) was cut off the one before it."""
    earlier = tokens[index - 2] if index > 1 else ""
    before, after = tokens[index - 1], tokens[index]
    if after in glue:
        return True
    if before in glue:
        return not _dangling(earlier, before, after)
    if after[0] == "-" and before[-1].isalnum() and before not in _PARALLEL:
        return _SUFFIX.fullmatch(after) is not None
    if before == "," and not (index > 2 and tokens[index - 3] in (".", ",")):
        return _thousands(earlier, after)
    return before == "." and _one_word(earlier, after)


def _cut_off(tokens: Sequence[str], index: int) -> bool:
    """Whether a corpus that cuts at every mark cut this token off: `does n ' t`, `U . S .`."""
    before, after = tokens[index - 1], tokens[index]
    if after in ("n", "N"):
        return tuple(tokens[index + 1 : index + 3]) in (("'", "t"), ("'", "T"), ("\u2019", "t"))
    initials = index > 1 and len(tokens[index - 2]) == len(after) == 1 and before == "."
    return (
        initials
        and tokens[index - 2].isupper()
        and after.isupper()
        and tokens[index + 1 : index + 2] == ["."]
    )


def _thousands(before: str, after: str) -> bool:
    """Whether a comma between these is inside a number: `1 , 400`."""
    if not (before.isdigit() and after.isdigit()):
        return False
    return len(before) < 4 and before[0] != "0" and len(after) == 3


def _dangling(earlier: str, before: str, after: str) -> bool:
    """Whether a hyphen ends its word: `alpha- or beta-induced`, `-/- mice`."""
    return before == "-" and (after in ("and", "or") or (earlier == "/" and after.isalpha()))


def _one_word(before: str, after: str) -> bool:
    """Whether a full stop between these is inside a number (0.05) or an abbreviation (i.v.)."""
    if before.isdigit() and after.isdigit():
        return True
    return len(before) == len(after) == 1 and before.islower() and after.islower()


def _quote_sides(tokens: Sequence[str]) -> tuple[set[int], set[int]]:
    """Which tokens are quotation marks or apostrophes written close to the token before, after."""
    left: set[int] = set()
    right: set[int] = set()
    opening = _single_quotes(tokens, left, right)
    for mark in _QUOTES:
        found = [
            index for index, token in enumerate(tokens) if token == mark and index not in opening
        ]
        if mark == "'":
            found = [index for index in found if not _apostrophe(tokens, index, left, right)]
        if mark == "''" and "``" in tokens:
            left.update(found)
        else:
            if mark == '"' and len(found) == 2 and all(_ends_speech(tokens, i) for i in found):
                left.update(found)  # speech that began before, and goes on within
                found = []
            elif mark == '"' and len(found) % 2 and (lone := _lone_quote(tokens, found)):
                index, closes = lone
                (left if closes else right).add(index)
                found = [other for other in found if other != index]
            if len(found) % 2 == 0:  # an odd mark cannot be paired: it keeps its spaces
                right.update(found[::2])
                left.update(found[1::2])
    return left, right


def _single_quotes(tokens: Sequence[str], left: set[int], right: set[int]) -> set[int]:
    """Place `quoted words' with a backtick in front; returns the indices of both marks."""
    placed: set[int] = set()
    for start in (index for index, token in enumerate(tokens) if token == "`"):
        for end in range(start + 2, len(tokens)):
            if tokens[end] == "`":
                break
            if tokens[end] == "'" and (*tokens, "")[end + 1] not in _ENDINGS:
                right.add(start)
                left.add(end)
                placed |= {start, end}
                break
    return placed


def _lone_quote(tokens: Sequence[str], found: Sequence[int]) -> tuple[int, bool] | None:
    """Of an odd number of marks the one without partner, and whether it closes; None if unclear.

    Speech that began in an earlier sentence closes here at the first mark, speech that goes on in
    the next one opens at the last: `so it is , " he said`, `he said , " it is .`
    """
    first, last = found[0], found[-1]
    if _ends_speech(tokens, first):
        return first, True
    if last == 0 or tokens[last - 1] in (",", ":"):
        return last, False
    return None


def _ends_speech(tokens: Sequence[str], index: int) -> bool:
    """Whether a quotation mark follows the end of a sentence, or a comma before `he said`."""
    if index and tokens[index - 1] in (".", "!", "?"):
        return True
    soon = (token.lower() for token in tokens[index + 1 : index + 4])
    return index > 0 and tokens[index - 1] == "," and not _SPEECH.isdisjoint(soon)


def _apostrophe(tokens: Sequence[str], index: int, left: set[int], right: set[int]) -> bool:
    """Place a mark that belongs to the word before it: `John ' s`, `workers '`, `5 '`."""
    before = tokens[index - 1] if index else ""
    after = tokens[index + 1] if index + 1 < len(tokens) else ""
    inside = bool(before) and after in _ENDINGS
    if inside:
        right.add(index)
    opened = "'" in tokens[:index] and index - 1 not in left
    prime = before.isdigit() or (len(before) == 1 and before.isupper())  # 5 ', N '
    if inside or prime or (before[-1:] in ("s", "S") and not opened):
        left.add(index)
        return True
    return False
