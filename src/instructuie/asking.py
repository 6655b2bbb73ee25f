"""What is asked of a text: label groups that fit, windows of the text, and one prompt for each.

Knows a decoder only by the lengths that it reports, so it serves every kind of model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

from instructuie.chunking import Window, windows
from instructuie.errors import SchemaError, TaskError, TextError
from instructuie.merging import Overlap
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import Task
from instructuie.types import (
    Entity,
    Event,
    Extraction,
    Issue,
    Mention,
    Relation,
    Result,
    Span,
)

OnOverflow = Literal["chunk", "error", "truncate"]


class Decoder(Protocol):
    """A model that answers prompts, and says how long they are for it. Lengths are in its tokens."""

    card: str
    """The model card, in Markdown."""
    window_tokens: int
    """Prompts are made up to this length."""
    head_tokens: int
    """Instruction and options take at most so many tokens; more labels are asked in groups."""
    min_text_tokens: int
    max_tokens: int
    """The longest prompt that the model can read."""
    given_tokens: int
    """Given items of one prompt take at most so many tokens; more are asked about apart."""

    def words(self, text: str) -> list[tuple[int, int]]:
        """The pieces that a text may be cut between, as (start, end) characters."""

    def count(self, text: str) -> list[int]:
        """The length of each of them."""

    def head_length(self, prompt: Prompt) -> int:
        """Everything but the text and given items."""

    def frame_length(self, prompt: Prompt) -> int:
        """Everything but options, text and given items."""

    def given_length(self, given: Extraction) -> int:
        """What given items add to a prompt."""

    def answer(
        self, prompts: Sequence[Prompt], *, beam_size: int, batch_size: int
    ) -> Sequence[Result]:
        """One result for each prompt, in order; offsets are those of the prompt's text."""

    def confident(self, result: Result) -> Result:
        """The items that are worth keeping when the caller says no threshold."""

    def render(self, prompt: Prompt) -> str:
        """The exact input that the model reads."""

    def settings(self) -> Mapping[str, Any]:
        """All that the answers depend on, as JSON values."""


@dataclass(frozen=True, slots=True)
class Settings:
    threshold: float | None
    overlap: Overlap
    on_overflow: OnOverflow
    beam_size: int

    def __post_init__(self) -> None:
        for name, value, known in (
            ("overlap", self.overlap, get_args(Overlap)),
            ("on_overflow", self.on_overflow, get_args(OnOverflow)),
        ):
            if value not in known:
                raise TextError(f"{name} is {value!r}, expected one of {', '.join(known)}")
        if self.beam_size < 1:
            raise TextError(f"beam_size is {self.beam_size}, expected at least 1")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a whole text; given items have offsets of that text."""

    task: Task
    schema: Schema
    given: Extraction
    instruction: str = ""
    """"" for the task's own."""


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt: a window of the text in place `row`, and a group of labels."""

    row: int
    window: Window
    prompt: Prompt


class Asking:
    """Turns the questions of one run into jobs for a decoder."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._known: dict[tuple[str, int, str], list[tuple[Prompt, int]]] = {}
        """The prompts without texts of each question, which most texts share: by task, schema and
        instruction."""

    def jobs(
        self, row: int, text: str, questions: Sequence[Question], on_overflow: OnOverflow
    ) -> tuple[list[Job], tuple[Issue, ...]]:
        """The prompts of one text, and what the reader of the result should know about them."""
        if not isinstance(text, str):
            raise TextError(f"a text must be a str, got {type(text).__name__}")
        words, costs = self.decoder.words(text), self.decoder.count(text)
        jobs: list[Job] = []
        issues: list[Issue] = []
        for question in questions:
            reserved = min(self.decoder.given_length(question.given), self.decoder.given_tokens)
            for head, room in self._heads(question):
                budget = room - reserved
                cut = windows(text, words, costs, budget=budget)
                if len(cut) > 1 and on_overflow == "error":
                    raise TextError(
                        f"the text has {sum(costs)} tokens and would be read in {len(cut)} windows "
                        f"of {budget}: shorten it, or allow on_overflow='chunk'"
                    )
                if len(cut) > 1 and on_overflow == "truncate":
                    issues.append(_truncated(text, cut[0]))
                    cut = [Window(cut[0].span, cut[0].span)]
                prompt = replace(head, text=text, given=question.given)
                made, missed = self._ask_windows(row, prompt, cut)
                jobs += made
                issues += missed
        return jobs, tuple(issues)

    def _heads(self, question: Question) -> list[tuple[Prompt, int]]:
        """For each group of labels the prompt without its text, and the tokens left for one."""
        key = (question.task.name, id(question.schema), question.instruction)
        if key not in self._known:
            prompts = [
                Prompt(question.task, "", schema, question.given, question.instruction)
                for schema in self._groups(question)
            ]
            self._known[key] = [(prompt, self._text_budget(prompt)) for prompt in prompts]
        return self._known[key]

    def _groups(self, question: Question) -> list[Schema]:
        """The question's labels in groups that leave room for the text."""
        kind = _FIELD[question.task.options]
        labels = getattr(question.schema, kind)
        if not labels:
            raise TaskError(
                f"{question.task.name} asks about {kind} and the schema has none: give some, or "
                "ask for another task"
            )
        singles = [
            Prompt(question.task, "", Schema(**{kind: (label,)}), question.given)
            for label in labels
        ]
        costs = [self.decoder.head_length(prompt) for prompt in singles]
        longest = self.decoder.max_tokens - self.decoder.given_tokens - self.decoder.min_text_tokens
        for label, cost in zip(labels, costs, strict=True):
            if cost > longest:
                raise SchemaError(
                    f"the label {label.name!r} with its description and roles takes {cost} tokens, "
                    f"at most {longest} fit: shorten the description or ask for fewer roles"
                )
        frame = self.decoder.frame_length(singles[0])  # which every group repeats
        room = max(self.decoder.head_tokens - frame, 1)
        count = max(-(-sum(cost - frame for cost in costs) // room), 1)
        size = -(-len(labels) // count)
        groups = [Schema(**{kind: labels[at : at + size]}) for at in range(0, len(labels), size)]
        return [part for group in groups for part in self._fitting(question, group, longest)]

    def _fitting(self, question: Question, group: Schema, longest: int) -> list[Schema]:
        """The group, in halves as long as its labels together take more than `longest` tokens."""
        kind = _FIELD[question.task.options]
        labels = getattr(group, kind)
        prompt = Prompt(question.task, "", group, question.given)
        if len(labels) == 1 or self.decoder.head_length(prompt) <= longest:
            return [group]
        half = len(labels) // 2
        return [
            part
            for side in (labels[:half], labels[half:])
            for part in self._fitting(question, Schema(**{kind: side}), longest)
        ]

    def _text_budget(self, prompt: Prompt) -> int:
        """The tokens left for the text and given items."""
        decoder = self.decoder
        head, least = decoder.head_length(prompt), decoder.given_tokens + decoder.min_text_tokens
        return min(max(decoder.window_tokens - head, least), decoder.max_tokens - head)

    def _ask_windows(
        self, row: int, prompt: Prompt, cut: Sequence[Window]
    ) -> tuple[list[Job], list[Issue]]:
        """One job for each window; given items go to the first window that holds all of them."""
        if not prompt.task.given:
            return [Job(row, window, _windowed(prompt, window)) for window in cut], []
        jobs, missed = [], []
        rest = list(_single_items(prompt.given))
        for window in cut:
            held = [g for g in rest if all(_inside(m, window.span) for m in g.mentions())]
            rest = [g for g in rest if g not in held]
            # Everything asked about a window belongs to it, wherever its core may be.
            whole = Window(window.span, window.span)
            for given in self._joined(held, prompt.task):
                jobs.append(Job(row, whole, _windowed(replace(prompt, given=given), whole)))
        for given in rest:
            texts = " and ".join(repr(mention.text) for mention in given.mentions())
            missed.append(Issue("not-asked", f"{texts} do not stand in one window of the text"))
        return jobs, missed

    def _joined(self, items: Sequence[Extraction], task: Task) -> Iterator[Extraction]:
        """Given items asked about in one prompt: events one by one, others together as they fit."""
        if task.arguments:
            yield from items
            return
        group: list[Extraction] = []
        for item in items:
            wider = _union([*group, item])
            if group and self.decoder.given_length(wider) > self.decoder.given_tokens:
                yield _union(group)
                group = []
            group.append(item)
        if group:
            yield _union(group)


_FIELD = {"entity": "entities", "relation": "relations", "event": "events"}


def _truncated(text: str, window: Window) -> Issue:
    left = len(text) - window.span.end
    return Issue("truncated", f"the last {left} of {len(text)} characters were not read")


def _single_items(given: Extraction) -> Iterator[Extraction]:
    for entity in given.entities:
        yield Extraction(entities=(entity,))
    for relation in given.relations:
        yield Extraction(relations=(relation,))
    for event in given.events:
        yield Extraction(events=(event,))


def _union(items: Sequence[Extraction]) -> Extraction:
    return Extraction(
        tuple(e for item in items for e in item.entities),
        tuple(r for item in items for r in item.relations),
    )


def _inside(mention: Mention, span: Span) -> bool:
    return mention.span is not None and span.contains(mention.span)


def _windowed(prompt: Prompt, window: Window) -> Prompt:
    """The prompt about one window: text cut out, given items moved along."""
    offset = window.span.start

    def move(mention: Mention) -> Mention:
        assert mention.span is not None
        return Mention(mention.text, Span(mention.span.start - offset, mention.span.end - offset))

    given = prompt.given
    return replace(
        prompt,
        text=prompt.text[offset : window.span.end],
        given=Extraction(
            tuple(Entity(e.label, move(e.mention)) for e in given.entities),
            tuple(Relation(r.label, move(r.head), move(r.tail)) for r in given.relations),
            tuple(Event(e.label, move(e.trigger)) for e in given.events),
        ),
    )
