"""The pointer model as a decoder of prompts (see `asking.Decoder`)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from instructuie.merging import confident
from instructuie.pointer.runtime import PointerRuntime
from instructuie.pointer.words import split_words
from instructuie.prompt import Prompt
from instructuie.types import Extraction, Result

WINDOW_TOKENS = 224
"""The built-in model was trained on prompts up to this length."""
HEAD_TOKENS = 120
MIN_TEXT_TOKENS = 64


class PointerDecoder:
    """Given items take no tokens: the decoder is led over them."""

    window_tokens = WINDOW_TOKENS
    head_tokens = HEAD_TOKENS
    min_text_tokens = MIN_TEXT_TOKENS
    given_tokens = 0

    def __init__(self, runtime: PointerRuntime) -> None:
        self.runtime, self.encoder = runtime, runtime.encoder
        self.card, self.max_tokens = runtime.card, runtime.encoder.max_tokens
        self._lock = threading.Lock()

    def words(self, text: str) -> list[tuple[int, int]]:
        return split_words(text)

    def count(self, text: str) -> list[int]:
        return self.encoder.count(text)

    def head_length(self, prompt: Prompt) -> int:
        return self.encoder.head_length(prompt)

    def frame_length(self, prompt: Prompt) -> int:
        return self.encoder.frame_length(prompt.task)

    def given_length(self, given: Extraction) -> int:
        return 0

    def answer(
        self, prompts: Sequence[Prompt], *, beam_size: int, batch_size: int
    ) -> Sequence[Result]:
        with self._lock:  # the token cache and the model's buffers are shared
            return self.runtime.answer(prompts, beam_size=beam_size, batch_size=batch_size)

    def confident(self, result: Result) -> Result:
        return confident(result)

    def render(self, prompt: Prompt) -> str:
        tokens = self.encoder.encode(prompt).ids.tolist()
        return " ".join(str(self.encoder.tokenizer.id_to_token(token)) for token in tokens)

    def settings(self) -> Mapping[str, Any]:
        return {}
