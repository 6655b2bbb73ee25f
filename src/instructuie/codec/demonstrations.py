"""Few-shot demonstrations: solved examples before the prompt that is asked.

Each is a whole prompt with its own options and its answer behind the cue, so that it is right whatever
options it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from instructuie.codec.formats import PromptFormat
from instructuie.prompt import Prompt
from instructuie.types import Extraction


class Solver(Protocol):
    """Knows solved examples."""

    @property
    def fingerprint(self) -> str:
        """Changes with what it knows."""

    def solve(self, prompt: Prompt) -> Iterable[tuple[Prompt, Extraction]]:
        """Other texts asked as this prompt asks its own, and what is right."""


def demonstrated(form: PromptFormat, prompt: Prompt, target: Extraction) -> str:
    """A prompt with its answer."""
    asked, answer = form.render(prompt), form.write(prompt, target).strip()
    return f"{asked} {answer}" if asked.endswith("Answer:") else f"{asked}\n{answer}"


def with_demonstrations(
    prompt: str, solved: Sequence[str], limit: int, length: Callable[[str], int]
) -> tuple[str, int]:
    """The prompt behind as many demonstrations as `limit` tokens have room for, and how many have
    none."""
    omitted = 0
    whole = prompt
    for demonstration in solved:
        longer = f"{demonstration}\n\n{whole}"
        if length(longer) <= limit:
            whole = longer
        else:
            omitted += 1
    return whole, omitted
