"""Completions from a JSON Lines file: nothing is computed.

Each row is `{"prompt": ..., "completion": ...}`, with the prompt exactly as it was rendered; rows of
the same prompt answer it in turn, the last one from then on. `tokens` may hold
`[[text, log-probability], ...]`, and `truncated` may be true. Rows without a `prompt` answer the
requests that no row names, in order.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from instructuie.engines.base import Completion, Request, Token
from instructuie.errors import DataError
from instructuie.jsonl import read_rows

_NO_ROW = "no recorded completion is left for this prompt"


class ReplayEngine:
    """Says again what was recorded. A request without a recorded completion is one with an error."""

    max_input_tokens = 4096
    writes_accents = True

    def __init__(self, completions: Iterable[tuple[str | None, Completion]], *, name: str) -> None:
        """`completions` come with their prompts, or None where they answer whatever is asked next."""
        self.name = name
        self._named: dict[str, deque[Completion]] = defaultdict(deque)
        self._others: deque[Completion] = deque()
        for prompt, completion in completions:
            (self._others if prompt is None else self._named[prompt]).append(completion)

    @classmethod
    def load(cls, path: Path) -> ReplayEngine:
        """Raises DataError that names the line."""
        return cls((_recorded(row, path, line) for line, row in read_rows(path)), name=path.name)

    def count(self, texts: Sequence[str]) -> list[int]:
        """About four letters to a token, as no tokenizer is known."""
        return [-(-len(text) // 4) for text in texts]

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return [self._answer(request.text) for request in requests]

    def _answer(self, prompt: str) -> Completion:
        named = self._named.get(prompt)
        if named:
            return named.popleft() if len(named) > 1 else named[0]
        return self._others.popleft() if self._others else Completion("", error=_NO_ROW)


def _recorded(value: Mapping[str, Any], path: Path, line: int) -> tuple[str | None, Completion]:
    try:
        tokens = tuple(Token(str(text), float(p)) for text, p in value.get("tokens", ()))
        completion, prompt = value["completion"], value.get("prompt")
        said = not tokens or "".join(token.text for token in tokens) == completion
        if not (isinstance(completion, str) and isinstance(prompt, str | None) and said):
            raise ValueError("completion and prompt must be text, and tokens spell the completion")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"not a recorded completion ({error!r}); expected an object with completion and, to say "
            "what it answers, prompt",
            path=path,
            line=line,
        ) from error
    return prompt, Completion(completion, tokens, bool(value.get("truncated", False)))
