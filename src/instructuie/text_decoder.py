"""Language models as decoders of prompts: render, complete, read, match options, ground.

Whatever a model writes becomes items of the prompt's text with labels of the prompt, or issues.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Any

from instructuie.codec.demonstrations import Solver, demonstrated, with_demonstrations
from instructuie.codec.formats import PromptFormat
from instructuie.codec.grammar import given_roles
from instructuie.codec.json_answer import looks_like_json, read_json
from instructuie.codec.parsed import ItemPlace, Parsed, Range
from instructuie.engines.base import Completion, Engine, Request
from instructuie.errors import ModelError
from instructuie.folding import Folded
from instructuie.grounding import ItemScore, ground
from instructuie.pointer.words import split_words
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel, Schema
from instructuie.types import (
    Argument,
    Entity,
    Event,
    Extraction,
    Issue,
    Mention,
    Relation,
    Result,
)

WINDOW_TOKENS = 512
"""Prompts are made up to this length, also where a model could read more: answers to longer ones get
long themselves, and T5 models were trained on prompts up to it."""
MARGIN = 8
"""Tokens kept free: lengths are added up from pieces of a prompt, and tokenizers add tokens of their own."""
_COUNTS_KEPT = 200_000
_OPENED = re.compile(r'(?:\A|[:;,])\s*(?P<quote>"(?:[^"\\]|\\.)*\Z)', re.DOTALL)
"""A quoted part that a cut answer has left open: read as it is, it would be taken for a plain one."""


class TextDecoder:
    """An engine behind the face that `asking` knows (`asking.Decoder`).

    With a `solver`, each prompt stands behind as many solved examples as the model has room for.
    """

    def __init__(
        self,
        engine: Engine,
        form: PromptFormat,
        *,
        card: str = "",
        solver: Solver | None = None,
    ) -> None:
        self.engine, self.format, self.solver = engine, form, solver
        self.card = card or getattr(engine, "card", "") or f"# {engine.name}\n"
        self.max_tokens = engine.max_input_tokens - MARGIN
        self.window_tokens = min(self.max_tokens, WINDOW_TOKENS)
        self.head_tokens = self.window_tokens // 2
        self.min_text_tokens = self.given_tokens = self.window_tokens // 8
        self._counts: dict[str, int] = {}

    def words(self, text: str) -> list[tuple[int, int]]:
        return split_words(text)

    def count(self, text: str) -> list[int]:
        """Each word with the blanks before it, since these may be tokens too."""
        ends = [0, *(end for _, end in split_words(text))]
        return self._lengths([text[start:end] for start, end in pairwise(ends)])

    def head_length(self, prompt: Prompt) -> int:
        given = prompt.given if prompt.task.name == "EEA" else Extraction()
        return self._length(self.format.render(replace(prompt, text="", given=given)))

    def frame_length(self, prompt: Prompt) -> int:
        return self.head_length(replace(prompt, schema=_SHORTEST)) - 1

    def given_length(self, given: Extraction) -> int:
        """An estimate from above: each mention with a delimiter."""
        return sum(length + 2 for length in self._lengths([m.text for m in given.mentions()]))

    def answer(
        self, prompts: Sequence[Prompt], *, beam_size: int, batch_size: int
    ) -> Sequence[Result]:
        if beam_size > 1:
            raise ModelError(
                f"beam_size is {beam_size}: language models decode greedily here, leave it at 1"
            )
        asked = [row for row, prompt in enumerate(prompts) if prompt.text.strip()]
        completions = self.engine.complete([self.request(prompts[row]) for row in asked])
        results = [self._nothing(prompt) for prompt in prompts]
        for row, completion in zip(asked, completions, strict=True):
            results[row] = self.read(prompts[row], completion)
        return results

    def confident(self, result: Result) -> Result:
        """Everything that was said: how sure a model is of its words differs too much from model to
        model for one default threshold."""
        return result

    def render(self, prompt: Prompt) -> str:
        asked = self.format.render(prompt)
        if self.solver is None:
            return asked
        solved = [demonstrated(self.format, *example) for example in self.solver.solve(prompt)]
        return with_demonstrations(asked, solved, self.max_tokens, self._exact_length)[0]

    def request(self, prompt: Prompt) -> Request:
        return Request(self.render(prompt), prompt, self.format.grammar(prompt))

    def settings(self) -> Mapping[str, Any]:
        own = getattr(self.engine, "settings", None)
        return {
            "engine": self.engine.name,
            "prompt_format": self.format.name,
            **({"demonstrations": self.solver.fingerprint} if self.solver else {}),
            **(own() if own else {}),
        }

    def read(self, prompt: Prompt, completion: Completion) -> Result:
        """The result of one completion. Raises nothing: what cannot be used is an issue."""
        nothing = self._nothing(prompt)
        if completion.error:
            return replace(nothing, issues=(Issue("no-answer", completion.error),))
        written = completion.text
        if completion.truncated and (opened := _OPENED.search(written)):
            written = written[: opened.start("quote")]
        json = looks_like_json(written)
        parsed = read_json(prompt, written) if json else self.format.read(prompt, written)
        if completion.truncated:
            parsed = _without_cut(parsed, len(written.rstrip()))
        kept, scores, off = _Matcher(prompt, _Scorer(completion)).match(parsed)
        accents = getattr(self.engine, "writes_accents", True)
        result, unplaced = ground(kept, prompt.text, scores, accents=accents)
        issues = [*parsed.issues, *off, *unplaced]
        if completion.truncated:
            issues.append(_CUT)
        return replace(result, issues=tuple(issues), asked=nothing.asked)

    def _nothing(self, prompt: Prompt) -> Result:
        names = tuple(option.name for option in prompt.options)
        return Result(prompt.text, asked={prompt.task.name: names})

    def _length(self, text: str) -> int:
        return self._lengths([text])[0]

    def _exact_length(self, text: str) -> int:
        return self.engine.count([text])[0]

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        if len(self._counts) > _COUNTS_KEPT:
            self._counts = {}
        counts = self._counts
        missing = [text for text in dict.fromkeys(texts) if text not in counts]
        if missing:
            counts.update(zip(missing, self.engine.count(missing), strict=True))
        return [counts[text] for text in texts]


_SHORTEST = Schema.of(entities=["x"], relations=["x"], events=["x"])
_CUT = Issue("step-limit", "the answer was longer than the length limit; its end is missing")


def _without_cut(parsed: Parsed, length: int) -> Parsed:
    """Without the item or argument that the end of a cut answer may have left unfinished."""
    extraction = parsed.extraction
    items = [*extraction.entities, *extraction.relations, *extraction.events]
    if not items:
        return parsed
    *whole, last = items
    place = parsed.places[-1]
    if isinstance(last, Event) and last.arguments:
        if place.arguments[-1][1] < length:
            return parsed
        place = replace(place, arguments=place.arguments[:-1])
        whole.append(replace(last, arguments=last.arguments[:-1]))
        places = (*parsed.places[:-1], place)
    elif place.own[1] >= length and not (isinstance(last, Event) and last.trigger.span):
        places = parsed.places[:-1]
    else:
        return parsed
    kinds: dict[str, tuple[Any, ...]] = {
        "entities": tuple(item for item in whole if isinstance(item, Entity)),
        "relations": tuple(item for item in whole if isinstance(item, Relation)),
        "events": tuple(item for item in whole if isinstance(item, Event)),
    }
    return replace(parsed, extraction=Extraction(**kinds), places=places)


class _Scorer:
    """Scores of stretches of a completion: the product of the probabilities of its tokens there.

    So a score is the probability that the model writes just these words after what it wrote before;
    1 where the engine has no probabilities.
    """

    def __init__(self, completion: Completion) -> None:
        self.log_probs = [token.log_prob for token in completion.tokens]
        self.ends = list(accumulate(len(token.text) for token in completion.tokens))
        self.starts = [0, *self.ends][: len(self.ends)]

    def score(self, place: Range) -> float:
        first = bisect_right(self.ends, place[0])
        after = bisect_left(self.starts, place[1])
        return min(math.exp(sum(self.log_probs[first:after])), 1.0)

    def of(self, place: ItemPlace) -> ItemScore:
        return ItemScore(self.score(place.own), tuple(map(self.score, place.arguments)))


class _Matcher:
    """Keeps what the prompt allows: its options, its roles and its given items, as it spells them."""

    def __init__(self, prompt: Prompt, scorer: _Scorer) -> None:
        self.prompt, self.scorer = prompt, scorer
        self.issues: list[Issue] = []

    def match(self, parsed: Parsed) -> tuple[Extraction, list[ItemScore], list[Issue]]:
        said, task = parsed.extraction, self.prompt.task
        places = parsed.places
        kept: list[tuple[Any, ItemScore]]
        if task.options == "entity":
            kept = list(self.entities(zip(said.entities, places, strict=True)))
            extraction = Extraction(entities=tuple(item for item, _ in kept))
        elif task.options == "relation":
            kept = list(self.relations(zip(said.relations, places, strict=True)))
            extraction = Extraction(relations=tuple(item for item, _ in kept))
        else:
            kept = list(self.events(zip(said.events, places, strict=True)))
            extraction = Extraction(events=tuple(item for item, _ in kept))
        return extraction, [score for _, score in kept], self.issues

    def entities(
        self, rows: Iterable[tuple[Entity, ItemPlace]]
    ) -> Iterator[tuple[Entity, ItemScore]]:
        given = _Given((m.mention,) for m in self.prompt.given.entities)
        for entity, place in rows:
            label = self.label(entity.label)
            if label is None:
                continue
            mention = entity.mention
            if self.prompt.task.given:
                found = given.take(mention)
                if found is None:
                    self.not_given(given, mention)
                    continue
                (mention,) = found
            yield Entity(label, mention), self.scorer.of(place)

    def relations(
        self, rows: Iterable[tuple[Relation, ItemPlace]]
    ) -> Iterator[tuple[Relation, ItemScore]]:
        given = _Given((r.head, r.tail) for r in self.prompt.given.relations)
        for relation, place in rows:
            label = self.label(relation.label)
            if label is None:
                continue
            head, tail = relation.head, relation.tail
            if self.prompt.task.given:
                found = given.take(head, tail)
                if found is None:
                    self.not_given(given, head, tail)
                    continue
                head, tail = found
            yield Relation(label, head, tail), self.scorer.of(place)

    def events(self, rows: Iterable[tuple[Event, ItemPlace]]) -> Iterator[tuple[Event, ItemScore]]:
        for event, place in rows:
            told = self.prompt.task.name == "EEA"
            label = event.label if told else self.label(event.label)
            if label is None:
                continue
            roles = given_roles(self.prompt) if told else self.roles[label].role_names
            score = self.scorer.of(place)
            own = 1.0 if told else score.own
            arguments: list[Argument] = []
            scores: list[float] = []
            for argument, value in zip(event.arguments, score.arguments, strict=True):
                role = _choice(argument.role, roles)
                if role is None:
                    self.off_option(f"the role {argument.role!r} is not one of {label!r}")
                    continue
                arguments.append(Argument(role, argument.mention))
                scores.append(value)
            event = Event(label, event.trigger, tuple(arguments))
            yield event, ItemScore(own, tuple(scores))

    def label(self, said: str) -> str | None:
        """The option that was meant; None, and an issue, when it is none of them."""
        if not self.prompt.task.labelled:
            return ""
        label = _choice(said, self.options)
        if label is None:
            self.off_option(f"{said!r} is not one of the options")
        return label

    @cached_property
    def options(self) -> tuple[str, ...]:
        return tuple(option.name for option in self.prompt.options)

    @cached_property
    def roles(self) -> Mapping[str, EventLabel]:
        return {event.name: event for event in self.prompt.schema.events}

    def off_option(self, message: str) -> None:
        self.issues.append(Issue("off-option", message))

    def not_given(self, given: _Given, *said: Mention) -> None:
        words = ", ".join(mention.text for mention in said)
        if given.knows(*said):
            self.issues.append(Issue("repeat", f"{words!r} was said more often than it is given"))
        else:
            self.off_option(f"{words!r} is not one of the given items")


class _Given:
    """Given items by their words: equal ones are taken one after the other."""

    def __init__(self, items: Iterable[tuple[Mention, ...]]) -> None:
        self.items = list(items)
        self.left = list(self.items)

    def knows(self, *said: Mention) -> bool:
        return any(_same(self.items, said, form) for form in _FORMS)

    def take(self, *said: Mention) -> tuple[Mention, ...] | None:
        for form in _FORMS:
            if same := _same(self.left, said, form):
                self.left.remove(same[0])
                return same[0]
        return None


def _same(
    items: Iterable[tuple[Mention, ...]], said: Sequence[Mention], form: Callable[[str], str]
) -> list[tuple[Mention, ...]]:
    wanted = [form(mention.text) for mention in said]
    return [item for item in items if [form(m.text) for m in item] == wanted and all(wanted)]


def _choice(said: str, names: Sequence[str]) -> str | None:
    """The name that was meant: written so, or else the only one that looks the same in some form."""
    for form in _FORMS:
        wanted = form(said)
        same = [name for name in names if form(name) == wanted] if wanted else []
        if len(same) == 1:
            return same[0]
    return None


@lru_cache(maxsize=65_536)
def _folded(text: str) -> str:
    return Folded(text).letters


@lru_cache(maxsize=65_536)
def _bare(text: str) -> str:
    return "".join(letter for letter in Folded(text, bare=True).letters if letter.isalnum())


def _ascii(text: str) -> str:
    return _bare(text).encode("ascii", "ignore").decode()


_FORMS = (str, _folded, _bare, _ascii)
"""What a label or given mention looks like as it is, when case does not count, when only letters and
digits do, and when only those do that every vocabulary has."""
