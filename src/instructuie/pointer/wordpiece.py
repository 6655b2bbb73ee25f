"""BERT's tokenizer for one word at a time, read from a `tokenizer.json`.

The `tokenizers` package does this too, but brings 40 MB of dependencies with it; a word at a time is
all that is needed here, and words are kept, so pure Python is fast enough. Other kinds of tokenizer
are left to that package, which the extra `train` installs. The tests compare the two.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from instructuie.errors import MissingExtraError, ModelError

_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)
_DROPPED = ("Cc", "Cf", "Co")


class Tokens(Protocol):
    """The tokens of one word."""

    @property
    def ids(self) -> list[int]: ...


class Tokenizer(Protocol):
    """The part of `tokenizers.Tokenizer` that prompts are encoded with."""

    def encode_batch(self, words: list[str], /, *, add_special_tokens: bool) -> Sequence[Tokens]:
        """The tokens of each word; none for a word of control characters."""

    def id_to_token(self, token: int, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class WordTokens:
    ids: list[int]


class WordPiece:
    """BERT's normalisation, its cuts at punctuation, and the longest match in its vocabulary."""

    def __init__(
        self, vocabulary: Mapping[str, int], *, unknown: str, lowercase: bool, longest_word: int
    ) -> None:
        self._ids, self._unknown = vocabulary, vocabulary[unknown]
        self._lowercase, self._longest_word = lowercase, longest_word
        self._longest_piece = max(map(len, vocabulary))
        self._names = {token: name for name, token in vocabulary.items()}

    def encode_batch(
        self, words: list[str], /, *, add_special_tokens: bool = False
    ) -> list[WordTokens]:
        del add_special_tokens  # there are none within a word
        return [WordTokens(self._encode(word)) for word in words]

    def id_to_token(self, token: int, /) -> str | None:
        return self._names.get(token)

    def _encode(self, word: str) -> list[int]:
        return [piece for part in self._parts(word) for piece in self._pieces(part)]

    def _parts(self, word: str) -> list[str]:
        if word.isascii() and word.isalnum():
            return [word.lower() if self._lowercase else word]
        word = "".join(map(_cleaned, word))
        if self._lowercase:
            plain = unicodedata.normalize("NFD", word)
            word = "".join(c.lower() for c in plain if unicodedata.category(c) != "Mn")
        return "".join(f" {c} " if _is_punctuation(c) else c for c in word).split()

    def _pieces(self, part: str) -> list[int]:
        if len(part) > self._longest_word:
            return [self._unknown]
        pieces: list[int] = []
        start, prefix = 0, ""
        while start < len(part):
            for end in range(min(len(part), start + self._longest_piece), start, -1):
                piece = self._ids.get(prefix + part[start:end])
                if piece is not None:
                    pieces.append(piece)
                    break
            else:
                return [self._unknown]
            start, prefix = end, "##"
        return pieces


def load_tokenizer(text: str, *, source: str) -> Tokenizer:
    """A tokenizer from the text of its `tokenizer.json`. Raises ModelError, MissingExtraError."""
    try:
        row: dict[str, Any] = json.loads(text)
        if _is_bert(row):
            return _wordpiece(row)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{source} is not a tokenizer: {error!r}") from error
    try:
        from tokenizers import Tokenizer as PackageTokenizer
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"the tokenizer {source}", extra="train") from error
    try:
        tokenizer = PackageTokenizer.from_str(text)
    except Exception as error:  # the package raises bare Exception
        raise ModelError(f"{source} is not a tokenizer: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    loaded: Tokenizer = tokenizer
    return loaded


def _is_bert(row: Mapping[str, Any]) -> bool:
    kinds = [(row.get(part) or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
    if kinds != ["BertNormalizer", "BertPreTokenizer", "WordPiece"]:
        return False
    normalizer, model = row["normalizer"], row["model"]
    return bool(
        normalizer["clean_text"]
        and normalizer["handle_chinese_chars"]
        and normalizer.get("strip_accents") in (None, normalizer["lowercase"])
        and model["continuing_subword_prefix"] == "##"
    )


def _wordpiece(row: Mapping[str, Any]) -> WordPiece:
    model = row["model"]
    return WordPiece(
        model["vocab"],
        unknown=model["unk_token"],
        lowercase=row["normalizer"]["lowercase"],
        longest_word=model["max_input_chars_per_word"],
    )


def _cleaned(char: str) -> str:
    if char.isspace():
        return " "
    if char == "\ufffd" or unicodedata.category(char) in _DROPPED:
        return ""
    code = ord(char)
    return f" {char} " if any(low <= code <= high for low, high in _CJK) else char


def _is_punctuation(char: str) -> bool:
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")
