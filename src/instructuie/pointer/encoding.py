"""Prompt -> token ids, and the places that the decoder may point at.

    [CLS] instruction [SEP] [E] person [E] location [SEP] Steve Jobs ... [SEP]

Each option stands behind a marker token of its kind, and is pointed at by that marker. A word is
pointed at by its first token (as a start) or its last token (as an end). Token 0 stands for STOP.
Given items are not written into the tokens: the decoder is led over them (see `grammar`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from instructuie.errors import ModelError, TextError
from instructuie.pointer.grammar import STOP, Layout
from instructuie.pointer.wordpiece import Tokenizer, load_tokenizer
from instructuie.pointer.words import split_words
from instructuie.prompt import Prompt, instruction_pools
from instructuie.schema import Label
from instructuie.tasks import Slot, Task
from instructuie.types import Mention, Span

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SHAPES = ("none", "lower", "title", "upper", "mixed", "digit", "other")
"""Case shape of the word that a token belongs to; `none` outside the text."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One prompt as arrays. T tokens, W words, O options."""

    ids: IntArray
    """(T,) token ids."""
    shapes: IntArray
    """(T,) indices into SHAPES."""
    starts: IntArray
    """(W,) the first token of each word."""
    ends: IntArray
    """(W,) the last token of each word."""
    options: IntArray
    """(O,) the marker token of each option."""
    roles: tuple[IntArray, ...]
    """For each event option the marker tokens of its roles; empty for other tasks."""
    words: tuple[tuple[int, int], ...]
    """(start, end) characters of each word in the prompt's text."""

    @property
    def layout(self) -> Layout:
        return Layout(len(self.words), len(self.options), tuple(len(r) for r in self.roles))

    def targets(self, slot: Slot, open_option: int = 0) -> IntArray:
        """The token of each value of a slot: `targets(slot)[value]`."""
        if slot is Slot.OPTION:
            return self.options
        if slot is Slot.ROLE:
            return self.roles[open_option]
        if slot in (Slot.START, Slot.TAIL_START, Slot.ARGUMENT_START):
            return self.starts
        return self.ends

    def span(self, first: int, last: int) -> Span:
        """The characters from the first to the last word, inclusive."""
        return Span(self.words[first][0], self.words[last][1])

    def words_of(self, mention: Mention) -> tuple[int, int] | None:
        """The first and last word that a mention touches; None when it touches none."""
        span = mention.span
        if span is None:
            return None
        touched = [
            index
            for index, (start, end) in enumerate(self.words)
            if start < span.end and span.start < end
        ]
        return (touched[0], touched[-1]) if touched else None


@dataclass(frozen=True, slots=True)
class Markers:
    """Token ids with a meaning of their own; kept in the model's config."""

    cls: int
    sep: int
    pad: int
    entity: int
    relation: int
    event: int
    role: int


class Encoder:
    """Turns prompts into arrays; keeps the token ids of options and instructions that it has seen."""

    def __init__(self, tokenizer: Tokenizer, markers: Markers, *, max_tokens: int = 512) -> None:
        self.tokenizer, self.markers, self.max_tokens = tokenizer, markers, max_tokens
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def from_file(cls, path: Path, markers: Markers, *, max_tokens: int) -> Encoder:
        """The encoder of a model folder; `path` is its `tokenizer.json`. Raises ModelError."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"cannot read the tokenizer {path}: {error}") from error
        return cls(load_tokenizer(text, source=str(path)), markers, max_tokens=max_tokens)

    def encode(self, prompt: Prompt) -> Encoded:
        """Raises TextError when the prompt has more than `max_tokens` tokens."""
        head, options, roles = self._head(prompt)
        text = _replace_surrogates(prompt.text)
        words = split_words(text)
        pieces = self._word_pieces([text[start:end] for start, end in words])
        kept = [index for index, ids in enumerate(pieces) if ids]
        ids, shapes = list(head), [0] * len(head)
        starts, ends = [], []
        for index in kept:
            start, end = words[index]
            starts.append(len(ids))
            ids += pieces[index]
            shapes += [_shape(text[start:end])] * len(pieces[index])
            ends.append(len(ids) - 1)
        ids.append(self.markers.sep)
        shapes.append(0)
        if len(ids) > self.max_tokens:
            raise TextError(
                f"the prompt has {len(ids)} tokens ({len(head)} of them instruction and options), "
                f"the model reads {self.max_tokens}: shorten the text or ask for fewer labels at once"
            )
        return Encoded(
            np.asarray(ids, np.int64),
            np.asarray(shapes, np.int64),
            np.asarray(starts, np.int64),
            np.asarray(ends, np.int64),
            np.asarray(options, np.int64),
            tuple(np.asarray(row, np.int64) for row in roles),
            tuple(words[index] for index in kept),
        )

    def head_length(self, prompt: Prompt) -> int:
        """Tokens of everything but the text."""
        return len(self._head(prompt)[0]) + 1

    def frame_length(self, task: Task) -> int:
        """Tokens of a task's prompt without options and text."""
        return len(self._plain(instruction_pools()[task.name][0])) + 4

    def count(self, text: str) -> list[int]:
        """The number of tokens of each word of a text (see `split_words`)."""
        text = _replace_surrogates(text)
        return [
            len(ids)
            for ids in self._word_pieces([text[start:end] for start, end in split_words(text)])
        ]

    def _word_pieces(self, words: list[str]) -> list[list[int]]:
        """Token ids of each word. The cache makes common words cheap; it is bounded."""
        if len(self._cache) > 200_000:
            self._cache = {}  # a new one, as another thread may be reading the old
        cache = self._cache
        missing = [word for word in dict.fromkeys(words) if word not in cache]
        if missing:
            for word, encoding in zip(
                missing,
                self.tokenizer.encode_batch(missing, add_special_tokens=False),
                strict=True,
            ):
                cache[word] = encoding.ids
        return [cache[word] for word in words]

    def _plain(self, text: str) -> list[int]:
        text = _replace_surrogates(text)
        return [
            token
            for ids in self._word_pieces([text[start:end] for start, end in split_words(text)])
            for token in ids
        ]

    def _head(self, prompt: Prompt) -> tuple[list[int], list[int], list[list[int]]]:
        """Tokens before the text, the option markers among them, and the role markers per option."""
        markers = self.markers
        ids = [markers.cls, *self._plain(prompt.instruction), markers.sep]
        options: list[int] = []
        roles: list[list[int]] = []
        marker = getattr(markers, prompt.task.options)
        for index, label in enumerate(prompt.options):
            options.append(len(ids))
            ids += [marker, *self._label(label)]
            roles.append([])
            if prompt.task.arguments:
                for role in prompt.schema.events[index].roles:
                    roles[-1].append(len(ids))
                    ids += [markers.role, *self._label(role)]
        ids.append(markers.sep)
        return ids, options, roles if prompt.task.arguments else []

    def _label(self, label: Label) -> list[int]:
        # Underscores join words in many label sets; the model was taught plain words.
        ids = self._plain(label.name.replace("_", " "))
        if label.description:
            ids = [*ids, *self._plain(": " + label.description)]
        return ids


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Prompts side by side, padded to the longest: (B, T) arrays."""

    rows: tuple[Encoded, ...]
    ids: IntArray
    shapes: IntArray
    mask: BoolArray
    """True at tokens that are not padding."""


def pad(rows: Sequence[Encoded], *, pad_id: int) -> EncodedBatch:
    """Put encoded prompts into one batch."""
    length = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), length), pad_id, np.int64)
    shapes = np.zeros((len(rows), length), np.int64)
    mask = np.zeros((len(rows), length), np.bool_)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = row.ids
        shapes[index, : len(row.ids)] = row.shapes
        mask[index, : len(row.ids)] = True
    return EncodedBatch(tuple(rows), ids, shapes, mask)


def with_shape(encoded: Encoded, shape: str) -> Encoded:
    """The same prompt with every word of the text in one case shape (`lower`, `upper`).

    The vocabulary is uncased, so this is what the text would look like in that case.
    """
    shapes = np.where(
        (encoded.shapes > 0) & (encoded.shapes < SHAPES.index("digit")),
        SHAPES.index(shape),
        encoded.shapes,
    )
    return replace(encoded, shapes=shapes)


def given_values(prompt: Prompt, encoded: Encoded) -> list[tuple[int, ...]]:
    """The leading slot values of each given item; items that touch no word are left out."""
    rows: list[tuple[int, ...]] = []
    if prompt.task.name == "ET":
        for entity in prompt.given.entities:
            words = encoded.words_of(entity.mention)
            if words is not None:
                rows.append(words)
    elif prompt.task.name == "EPR":
        for relation in prompt.given.relations:
            head, tail = encoded.words_of(relation.head), encoded.words_of(relation.tail)
            if head is not None and tail is not None:
                rows.append((*head, *tail))
    elif prompt.task.name == "EEA":
        event = prompt.given.events[0]
        words = encoded.words_of(event.trigger)
        names = [option.name for option in prompt.schema.events]
        if words is not None and event.label in names:
            rows.append((*words, names.index(event.label)))
    return rows


def token_of(encoded: Encoded, slot: Slot, value: int, open_option: int = 0) -> int:
    """The token that a move points at; 0 for STOP."""
    return 0 if value == STOP else int(encoded.targets(slot, open_option)[value])


def _replace_surrogates(text: str) -> str:
    """Lone surrogates cannot be tokenised; a replacement of the same length keeps the offsets."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def _shape(word: str) -> int:
    if word.isdigit():
        return 5
    if word.lower() == word.upper():  # no letters, or letters of a script without case
        return 6
    if word.islower():
        return 1
    if word.isupper():
        return 2 if len(word) == 1 else 3
    if word[0].isupper() and word[1:].islower():
        return 2
    return 4
