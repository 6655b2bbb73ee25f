"""An engine that says what a function tells it to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instructuie.engines.base import Completion, Request


class Scripted:
    """Keeps the requests that it gets; a token is a word or a mark."""

    name = "scripted"

    def __init__(
        self, say: Callable[[Request], str | Completion], *, max_input_tokens: int = 4096
    ) -> None:
        self.say, self.max_input_tokens = say, max_input_tokens
        self.requests: list[Request] = []

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        said = map(self.say, requests)
        return [Completion(s) if isinstance(s, str) else s for s in said]
