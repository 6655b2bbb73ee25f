"""Instances -> token ids, exactly as an engine will later read the prompt.

Nothing is cut silently: each instance that was changed or passed over is counted under its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any

from instructuie.codec import verbalize
from instructuie.codec.demonstrations import with_demonstrations
from instructuie.data.instance import Instance
from instructuie.errors import ModelError
from instructuie.training.text.demonstrations import Demonstrations
from instructuie.training.text.shorten import fit, items

SHORTENED = "texts shortened"
DROPPED = "gold items beyond the shortened text"
NO_ROOM = "passed over: no room for the text"
LONG_TARGET = "passed over: target too long"
OMITTED = "demonstrations left out: no room"


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt and of its answer, end token included."""

    source: list[int]
    target: list[int]

    @property
    def tokens(self) -> int:
        return len(self.source) + len(self.target)


class Layout(Enum):
    """How examples stand in a batch, which says which of them go well together."""

    APART = "prompts and answers padded apart"
    ROWS = "prompt and answer in one row, padded"
    PACKED = "all in one row"

    def order(self, example: Example) -> tuple[int, int]:
        """Neighbours in this order leave little to pad: of answers, the power of two is enough."""
        if self is Layout.APART:
            return len(example.target).bit_length(), len(example.source)
        return 0, example.tokens

    def size(self, examples: Sequence[Example]) -> int:
        """Tokens of a batch, with padding."""
        if self is Layout.PACKED:
            return sum(example.tokens for example in examples)
        if self is Layout.ROWS:
            return len(examples) * max(example.tokens for example in examples)
        source = max(len(example.source) for example in examples)
        return len(examples) * (source + max(len(example.target) for example in examples))


class Writer:
    """Turns instances into examples for one model.

    `causal` models read prompt and answer as one row of tokens, so these are tokenized together.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        causal: bool,
        max_source: int,
        max_target: int,
        first: int | None = None,
        demonstrations: Demonstrations | None = None,
    ) -> None:
        if not tokenizer.is_fast:
            raise ModelError(
                f"{tokenizer.name_or_path}: its tokenizer does not say where tokens stand in the "
                "text; a folder with tokenizer.json is needed"
            )
        if tokenizer.eos_token_id is None and tokenizer.sep_token_id is None:
            raise ModelError(
                f"{tokenizer.name_or_path}: its tokenizer has no end token, so no answer could end"
            )
        self.tokenizer, self.causal = tokenizer, causal
        self.max_source, self.max_target = max_source, max_target
        self.first = first
        """A token that the model's generation always begins with (`forced_bos_token_id`)."""
        self.end: int = (
            tokenizer.sep_token_id if tokenizer.eos_token_id is None else tokenizer.eos_token_id
        )
        self.demonstrations = demonstrations

    def layout(self, *, pack: bool) -> Layout:
        if not self.causal:
            return Layout.APART
        return Layout.PACKED if pack else Layout.ROWS

    def write(
        self, dataset: str, instance: Instance, rng: Random, counts: Counter[str]
    ) -> Example | None:
        """None, and a count, for an instance that cannot be learnt from whole."""
        fitting = fit(instance, self.max_source, self.length, self.ends)
        if fitting is None:
            counts[NO_ROOM] += 1
            return None
        prompt = self.ask(dataset, fitting, rng, counts)
        target = verbalize(fitting.prompt.task.name, fitting.target)
        example = Example(*self._ids(prompt, target))
        if len(example.target) > self.max_target:
            counts[LONG_TARGET] += 1
            return None
        if fitting is not instance:
            counts[SHORTENED] += 1
            counts[DROPPED] += items(instance.target) - items(fitting.target)
        return example

    def ask(self, dataset: str, instance: Instance, rng: Random, counts: Counter[str]) -> str:
        """The prompt as the model reads it, behind its demonstrations."""
        prompt = instance.prompt.plain()
        if self.demonstrations is None:
            return prompt
        solved = self.demonstrations.draw(dataset, instance, rng)
        prompt, omitted = with_demonstrations(prompt, solved, self.max_source, self.length)
        counts[OMITTED] += omitted
        return prompt

    def length(self, prompt: str) -> int:
        return len(self.source(prompt))

    def ends(self, text: str) -> list[int]:
        row = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return [end for _, end in row["offset_mapping"]]

    def _ids(self, prompt: str, target: str) -> tuple[list[int], list[int]]:
        source = self.source(prompt)
        if not self.causal:
            first = [] if self.first is None else [self.first]
            return source, [*first, *self._plain(target), self.end]
        whole = self.source(f"{prompt} {target}")
        # Where the tokens of the prompt alone are those of the two together, as they are in practice.
        if whole[: len(source)] == source:
            return source, [*whole[len(source) :], self.end]
        return source, [*self._plain(f" {target}"), self.end]

    def source(self, prompt: str) -> list[int]:
        ids: list[int] = self.tokenizer(prompt, verbose=False).input_ids
        if self.causal and ids and ids[-1] == self.end:
            return ids[:-1]  # some tokenizers end every text; here the answer is still to come
        return ids

    def _plain(self, text: str) -> list[int]:
        ids: Sequence[int] = self.tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        return list(ids)
