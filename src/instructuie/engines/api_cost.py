"""What an endpoint's answers cost, at prices that the user gives."""

from __future__ import annotations

from dataclasses import dataclass

from instructuie.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Prices:
    """Money for a million tokens, in any currency."""

    input: float
    output: float
    cached_input: float | None = None
    """Of input tokens that the endpoint had read before; as `input` where it is not given."""

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"the price prices.{name} is {value}, expected 0 or more")

    def of(self, usage: Usage) -> float:
        """What so many tokens cost."""
        cached = self.input if self.cached_input is None else self.cached_input
        read = (usage.input - usage.cached_input) * self.input + usage.cached_input * cached
        return (read + usage.output * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as the endpoint counts them."""

    input: int = 0
    output: int = 0
    cached_input: int = 0
    """Those of `input` that the endpoint had read before."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What was paid so far."""

    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    """At the given prices; 0 without."""
    unclear: float = 0.0
    """The most that requests may have cost whose answer was lost on the way; not part of `cost`."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch of requests would cost; nothing was sent for it."""

    requests: int
    to_send: int
    """Of these, those that differ and have no answer yet; the others cost nothing."""
    input_tokens: int
    """Of those to be sent, about."""
    output_tokens: int
    """At most."""
    cost: float | None
    """About what the input costs, and at most what the output does; None without prices."""


def tokens_about(text: str) -> int:
    """An estimate for a tokenizer that is not known: four bytes a token, as in English."""
    return -(-len(text.encode(errors="replace")) // 4)


def tokens_at_most(text: str) -> int:
    """No byte-level tokenizer makes more tokens than there are bytes."""
    return len(text.encode(errors="replace"))
