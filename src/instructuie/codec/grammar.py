"""What may be written: the answers to a prompt, as rules over characters.

Each prompt has its own rules, made from its options, given items and text. They say nothing of tokens;
an engine that holds its model to them walks them with the strings of its vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from instructuie.codec.escape import LABEL, LAST, LISTED, NOTHING, ROLE, Stops
from instructuie.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Words:
    """These characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A label or a given mention, in quotes where one of `stops` would end it.

    A vocabulary that lacks some of its characters writes it without them.
    """

    text: str
    stops: Stops
    given: bool = False
    """A mention. Labels must remain different from each other however they are written."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of the prompt's text that cuts no word, in quotes where one of `stops` would end it.

    Without `quoted`, stretches that would need quotes cannot be written.
    """

    stops: Stops
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class Then:
    parts: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """One or more items with a separator between them."""

    item: Rule
    separator: str = ""


Rule: TypeAlias = Words | Part | TextSpan | Then | Either | Repeat


def then(*parts: Rule | str) -> Then:
    return Then(tuple(Words(part) if isinstance(part, str) else part for part in parts))


def one_of(texts: Iterable[str], stops: Stops, *, given: bool = False) -> Either:
    return Either(tuple(Part(text, stops, given) for text in dict.fromkeys(texts)))


def perhaps(rule: Rule) -> Either:
    return Either((rule, Words("")))


def answer_grammar(prompt: Prompt) -> Rule:
    """The answer sentences of `codec.verbalize` that a prompt allows.

    A blank may come first, as tokenizers put one before words and after `Answer:`.
    """
    return then(perhaps(Words(" ")), Either((Words(NOTHING), _items(prompt))))


def _items(prompt: Prompt) -> Rule:
    """One or more items."""
    label = then(one_of((option.name for option in prompt.options), LABEL), ": ")
    pair = then(TextSpan(LISTED), ", ", TextSpan(LAST))
    match prompt.task.name:
        case "NER" | "EET":
            return Repeat(then(label, TextSpan(LAST)), "; ")
        case "ES":
            return Repeat(TextSpan(LISTED), ", ")
        case "ET":
            given = one_of((e.mention.text for e in prompt.given.entities), LAST, given=True)
            return Repeat(then(label, given), "; ")
        case "RE":
            return Repeat(then(label, pair), "; ")
        case "EP":
            return Repeat(pair, "; ")
        case "EPR":
            return Repeat(then(label, given_pairs(prompt, LISTED, LAST)), "; ")
        case "EE":
            return Repeat(Either(tuple(_events(prompt))), "; ")
        case "EEA":
            roles = given_roles(prompt)
            return Repeat(then(one_of(roles, LABEL), ": ", TextSpan(LAST)), "; ")


def _events(prompt: Prompt) -> Iterable[Rule]:
    for event in prompt.schema.events:
        head = then(Part(event.name, LABEL), ": ", TextSpan(LISTED))
        roles = one_of(event.role_names, ROLE)
        argument = then(", ", roles, ": ", TextSpan(LISTED))
        yield then(head, perhaps(Repeat(argument)))


def given_pairs(prompt: Prompt, head: Stops, tail: Stops) -> Either:
    """Each given pair as `head, tail`."""
    ends = dict.fromkeys((r.head.text, r.tail.text) for r in prompt.given.relations)
    pairs = (then(Part(h, head, given=True), ", ", Part(t, tail, given=True)) for h, t in ends)
    return Either(tuple(pairs))


def given_roles(prompt: Prompt) -> Sequence[str]:
    """The roles of the event that EEA is about."""
    label = prompt.given.events[0].label
    return next((e.role_names for e in prompt.schema.events if e.name == label), ())
