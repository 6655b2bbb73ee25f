"""What every engine is: rendered prompts in, completions out, in the same order.

An engine knows nothing of tasks or scores. It gets each prompt both as the words that the model reads
and as what these were rendered from, since constrained decoding needs the options and the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from instructuie.codec.grammar import Rule
from instructuie.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Request:
    """What one completion is asked for."""

    text: str
    """The rendered prompt, exactly as the model reads it."""
    prompt: Prompt
    """What it was rendered from."""
    grammar: Rule | None = None
    """What the completion may be, for engines that can hold a model to it; None: anything."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a completion and how sure the model was of it."""

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine wrote for one request."""

    text: str
    tokens: tuple[Token, ...] = ()
    """Joined, their texts are `text`; empty where the engine has no log-probabilities."""
    truncated: bool = False
    """True when a length limit, not the model, ended it."""
    error: str = ""
    """Why there is no completion, where this one request failed for good; `text` is empty then."""


class Engine(Protocol):
    """A language model that completes prompts.

    It may also have `card` (Markdown), `settings()` (what its answers depend on, as JSON values), and
    `writes_accents`, which is False where mentions come back without accents and control characters.
    """

    @property
    def name(self) -> str:
        """How reports call it."""

    @property
    def max_input_tokens(self) -> int:
        """The longest request that the model reads whole."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """The length of each text in tokens, an estimate where the tokenizer is not known."""

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """One completion for each request, in order. A request that fails for good is a completion
        with an `error`; an exception means that none can be had."""
