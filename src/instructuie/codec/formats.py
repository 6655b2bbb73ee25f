"""How prompts and answers are written down: one class for each form that models were trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from instructuie import codec
from instructuie.codec.grammar import Rule, answer_grammar
from instructuie.codec.json_answer import json_form, read_json, write_json
from instructuie.codec.parsed import Parsed
from instructuie.errors import ConfigError
from instructuie.prompt import Prompt
from instructuie.types import Extraction


class PromptFormat(Protocol):
    """A way to ask, and the way of answering that goes with it."""

    @property
    def name(self) -> str:
        """How settings and reports call it."""

    def render(self, prompt: Prompt) -> str:
        """The prompt as the model reads it."""

    def write(self, prompt: Prompt, extraction: Extraction) -> str:
        """The answer that says `extraction`, as far as the prompt's task asks for it."""

    def read(self, prompt: Prompt, completion: str) -> Parsed:
        """What any string says."""

    def grammar(self, prompt: Prompt) -> Rule | None:
        """All answers that the prompt allows; None where there are no rules for them."""


class PlainFormat:
    """`Prompt.plain`, answered by the paper's sentences."""

    name = "plain"

    def render(self, prompt: Prompt) -> str:
        return prompt.plain()

    def write(self, prompt: Prompt, extraction: Extraction) -> str:
        return codec.verbalize(prompt.task.name, extraction)

    def read(self, prompt: Prompt, completion: str) -> Parsed:
        return codec.read(prompt.task.name, completion, given=told_event(prompt))

    def grammar(self, prompt: Prompt) -> Rule:
        return answer_grammar(prompt)


class JsonFormat:
    """`Prompt.plain` with the form of the answer spelled out, answered by a JSON object; for models
    that were not trained on these tasks."""

    name = "json"

    def render(self, prompt: Prompt) -> str:
        asked = prompt.plain().removesuffix("Answer:")
        return (
            f"{asked}Copy words from the text exactly, use only labels among the options, and leave "
            f"the list empty when there is nothing to find. Answer with one JSON object of this form: "
            f"{json_form(prompt)}"
        )

    def write(self, prompt: Prompt, extraction: Extraction) -> str:
        return write_json(prompt, extraction)

    def read(self, prompt: Prompt, completion: str) -> Parsed:
        return read_json(prompt, completion)

    def grammar(self, prompt: Prompt) -> None:
        return None


def find_format(form: str | PromptFormat, instructions: Mapping[str, str] | None) -> PromptFormat:
    """The format of that name, or the object itself. Raises ConfigError."""
    if not isinstance(form, str):
        return form
    if form == "released":
        from instructuie.codec.released import ReleasedFormat

        if not instructions:
            raise ConfigError(
                "the prompt format released needs the instruction file that the model was trained with"
            )
        return ReleasedFormat(instructions)
    if instructions:
        raise ConfigError(
            f"an instruction file is for the prompt format released, not for {form!r}"
        )
    if form not in _FORMATS:
        known = ", ".join((*_FORMATS, "released"))
        raise ConfigError(f"the prompt format is {form!r}, expected one of {known}")
    return _FORMATS[form]()


def _sel() -> PromptFormat:
    from instructuie.codec.sel import SelFormat

    return SelFormat()


_FORMATS: Mapping[str, Callable[[], PromptFormat]] = {
    "plain": PlainFormat,
    "json": JsonFormat,
    "sel": _sel,
}


def told_event(prompt: Prompt) -> Extraction:
    """The given event of EEA, without arguments that someone may have left in it."""
    return Extraction(events=tuple(replace(e, arguments=()) for e in prompt.given.events))
