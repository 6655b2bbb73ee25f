"""The strings that a model's tokens stand for, as bytes: what constrained decoding spells answers with.

Three families of tokenizers are known by the decoder that they carry: byte-level BPE (GPT-2, Llama 3,
Qwen, BART), sentencepiece with `▁` for a blank (T5, mT5, Gemma, Llama 2), and wordpieces (BERT).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from unicodedata import normalize

from instructuie.errors import ModelError
from instructuie.folding import within_word

Style = Literal["bytes", "metaspace", "wordpiece"]

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_SENTINEL = re.compile(r"<extra_id_\d+>")
"""The only added tokens that answers are written with (UIE's language)."""


@dataclass(frozen=True, slots=True)
class View:
    """A text as a model would write it. `letters` are bytes; a span is a stretch of them."""

    letters: bytes
    starts: tuple[int, ...]
    """Where a span may begin."""
    ends: frozenset[int]
    """Where one may end (the position after its last byte)."""
    blanks: frozenset[int]
    """Where white space is."""
    lost: frozenset[int]
    """Bytes that stand for a character which the vocabulary lacks: no span holds one."""


class Vocabulary:
    """Tokens by their bytes.

    `prefixes` holds every beginning of every token: the token's id where the beginning is a whole
    token, else -1. Its size is that of the vocabulary, not of any text.
    """

    def __init__(self, strings: Sequence[bytes | None], style: Style, tokenizer: Any) -> None:
        self.strings, self.style = strings, style
        self._tokenizer = tokenizer
        self._pieces: dict[str, bytes | None] = {}
        self.prefixes: dict[bytes, int] = {}
        for token, string in enumerate(strings):
            if not string:
                continue
            for end in range(1, len(string)):
                self.prefixes.setdefault(string[:end], -1)
            if self.prefixes.get(string, -1) < 0:  # of equal ones the first: pieces before bytes
                self.prefixes[string] = token

    @classmethod
    def of(cls, tokenizer: Any) -> Vocabulary:
        """The vocabulary of a fast tokenizer of transformers. Raises ModelError for other families."""
        style = _style(tokenizer)
        added = set(tokenizer.added_tokens_decoder) | set(tokenizer.all_special_ids)
        table: Mapping[str, int] = tokenizer.get_vocab()
        strings: list[bytes | None] = [None] * (max(table.values()) + 1)
        for token, index in table.items():
            if index not in added:
                strings[index] = _bytes_of(token, style)
            elif _SENTINEL.fullmatch(token):
                strings[index] = token.encode()
        return cls(strings, style, tokenizer)

    def spell(self, text: str) -> bytes:
        """`text` as the model writes it, without the characters that it cannot write."""
        if found := _SENTINEL.search(text):
            before, after = self.spell(text[: found.start()]), self.spell(text[found.end() :])
            return before + found[0].encode() + after
        if self.style == "wordpiece":
            return b"".join(piece for piece in map(self._wordpiece, self._words(text)) if piece)
        pieces = (self.piece(char) for char in self._blanks.sub(" ", text))
        return b"".join(piece for piece in pieces if piece)

    def writes(self, text: str) -> bool:
        """True when nothing of `text` is lost in spelling it."""
        if found := _SENTINEL.search(text):
            known = self.prefixes.get(found[0].encode(), -1) >= 0
            return known and self.writes(text[: found.start()] + text[found.end() :])
        if self.style == "wordpiece":
            return self._tokenizer.unk_token not in self._words(text)
        return all(self.piece(char) is not None for char in text)

    @property
    def escapes(self) -> bool:
        """Whether a quote can be written behind a backslash; wordpieces would put a blank between."""
        return self.style != "wordpiece" and self.piece("\\") is not None

    def piece(self, char: str) -> bytes | None:
        """One character: as it is, in a form that means the same, or None."""
        if char not in self._pieces:
            self._pieces[char] = self._find(char)
        return self._pieces[char]

    def view(self, text: str) -> View:
        return self._word_view(text) if self.style == "wordpiece" else self._letter_view(text)

    @cached_property
    def _blanks(self) -> re.Pattern[str]:
        """What becomes one blank: runs of white space, if the tokenizer folds them."""
        ids = self._tokenizer("a  a", add_special_tokens=False)["input_ids"]
        written = b"".join(self.strings[index] or b"" for index in ids)
        return re.compile(r"\s+" if b"  " not in written else r"(?!)")

    def _find(self, char: str) -> bytes | None:
        blank: tuple[str, ...] = (" ",) if char.isspace() else ()
        for form in (char, normalize("NFKC", char), char.lower(), *blank):
            if form and all(map(self._has, form)):
                return form.encode()
        return None

    def _has(self, char: str) -> bool:
        try:
            letters = char.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return False
        single = (letters[at : at + 1] for at in range(len(letters)))
        has = self.prefixes.get
        return has(letters, -1) >= 0 or all(has(letter, -1) >= 0 for letter in single)

    def _letter_view(self, text: str) -> View:
        letters = bytearray()
        starts, ends, blanks, lost = [], set(), set(), set()
        folds = self._blanks.match("  ") is not None
        for at, char in enumerate(text):
            if char.isspace():
                if not (folds and letters.endswith(b" ")):
                    blanks.add(len(letters))
                    letters += self.piece(char) or b" "
                continue
            if not within_word(text, at):
                starts.append(len(letters))
            piece = self.piece(char)
            if piece is None:
                lost.add(len(letters))
            letters += piece or b"\0"
            if not within_word(text, at + 1):
                ends.add(len(letters))
        sets = (frozenset(ends), frozenset(blanks), frozenset(lost))
        return View(bytes(letters), tuple(starts), *sets)

    def _words(self, text: str) -> list[str]:
        pieces: list[str] = self._tokenizer.tokenize(text)
        return pieces

    def _wordpiece(self, token: str) -> bytes | None:
        unknown: bool = token == self._tokenizer.unk_token
        return None if unknown else _bytes_of(token, "wordpiece")

    def _word_view(self, text: str) -> View:
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        tokens = self._tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        letters = bytearray()
        starts, ends, lost = [], set(), set()
        # A word of the tokenizer's may span one of ours, where it drops control characters.
        begins = [not token.startswith("##") for token in tokens] + [True]
        rows = zip(tokens, encoded["offset_mapping"], begins, begins[1:], strict=False)
        for token, (start, end), first, last in rows:
            if first and not within_word(text, start):
                starts.append(len(letters))
            piece = self._wordpiece(token)
            if piece is None or not self._spelt(piece):
                lost.add(len(letters))
            letters += piece or b"\0"
            if last and not within_word(text, end):
                ends.add(len(letters))
        blanks = frozenset(at for at, letter in enumerate(letters) if letter == 0x20)
        return View(bytes(letters), tuple(starts), frozenset(ends), blanks, frozenset(lost))

    def _spelt(self, piece: bytes) -> bool:
        """Whether every way to begin a word can be gone on with, character by character."""
        word = piece.decode().removeprefix(" ")
        return all(
            self.prefixes.get(char.encode(), -1) >= 0
            and self.prefixes.get(f" {char}".encode(), -1) >= 0
            for char in word
        )


def _style(tokenizer: Any) -> Style:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = json.loads(backend.to_str())["decoder"] if backend is not None else None
    kinds = list(_decoders(decoder))
    if any(kind.get("type") == "ByteLevel" for kind in kinds):
        return "bytes"
    if any(kind.get("type") == "WordPiece" for kind in kinds):
        return "wordpiece"
    if any(kind.get("type") == "Metaspace" or "▁" in str(kind.get("pattern")) for kind in kinds):
        return "metaspace"
    raise ModelError(
        "the tokens of this model cannot be spelled (its tokenizer is neither byte-level BPE, "
        "sentencepiece nor wordpiece): turn constrained decoding off"
    )


def _decoders(decoder: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(decoder, dict):
        yield decoder
        for part in decoder.get("decoders", ()):
            yield from _decoders(part)


def _bytes_of(token: str, style: Style) -> bytes | None:
    if style == "bytes":
        try:
            return bytes(_BYTES[char] for char in token)
        except KeyError:
            return None
    if style == "wordpiece":
        return token[2:].encode() if token.startswith("##") else f" {token}".encode()
    if byte := _BYTE.fullmatch(token):
        return bytes([int(byte[1], 16)])
    return token.replace("▁", " ").encode()


def _byte_letters() -> dict[str, int]:
    """Byte-level BPE writes each byte as a visible letter: its own where it has one, else one of those
    from U+0100 on, in order."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = [byte for byte in range(256) if byte not in visible]
    letters = {chr(byte): byte for byte in visible}
    return letters | {chr(0x100 + at): byte for at, byte in enumerate(hidden)}


_BYTES = _byte_letters()
