"""Prompts that are too long get a shorter text; instruction, options and the answer's cue stay whole.

Gold items and given items that no longer stand in the text go with it, since nothing could be learnt
from an answer that the prompt does not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from instructuie.data.instance import Instance
from instructuie.folding import within_word
from instructuie.types import Event, Extraction, Mention

Lengths = Callable[[str], int]
"""The length of a prompt in tokens."""
Ends = Callable[[str], list[int]]
"""Where each token of a text ends, in characters."""


def fit(instance: Instance, limit: int, length: Lengths, ends: Ends) -> Instance | None:
    """The instance itself if its prompt has at most `limit` tokens, else with the text cut at a word.

    None when nothing of the text, or nothing that is asked about, would be left.
    """
    over = length(instance.prompt.plain()) - limit
    places = ends(instance.prompt.text) if over > 0 else []
    keep, shorter = len(places), instance
    while over > 0:
        # Tokens at the seams may differ from those of the text alone, so this may take a second look.
        keep = min(keep, len(places)) - over
        if keep < 1:
            return None
        cut = shortened(instance, _word_end(instance.prompt.text, places[keep - 1]))
        if cut is None:
            return None
        shorter = cut
        over = length(shorter.prompt.plain()) - limit
    return shorter


def shortened(instance: Instance, end: int) -> Instance | None:
    """The instance about the first `end` characters; None when nothing to ask about is left."""
    prompt = instance.prompt
    text = prompt.text[:end].rstrip()
    given, target = within(prompt.given, len(text)), within(instance.target, len(text))
    had, has = _count(prompt.given), _count(given)
    if not text or (had and not has):
        return None
    return Instance(replace(prompt, text=text, given=given), target)


def within(extraction: Extraction, end: int) -> Extraction:
    """The items that stand in the first `end` characters; an event loses only the arguments beyond."""

    def inside(mention: Mention) -> bool:
        return mention.span is None or mention.span.end <= end

    return Extraction(
        tuple(e for e in extraction.entities if inside(e.mention)),
        tuple(r for r in extraction.relations if inside(r.head) and inside(r.tail)),
        tuple(
            Event(e.label, e.trigger, tuple(a for a in e.arguments if inside(a.mention)))
            for e in extraction.events
            if inside(e.trigger)
        ),
    )


def items(extraction: Extraction) -> int:
    """How many items there are, arguments counted too."""
    return _count(extraction) + sum(len(event.arguments) for event in extraction.events)


def _count(extraction: Extraction) -> int:
    return len(extraction.entities) + len(extraction.relations) + len(extraction.events)


def _word_end(text: str, end: int) -> int:
    """`end`, or the end of the word before it where a cut would split a word."""
    at = end
    while within_word(text, at):
        at -= 1
    return at or end  # a single long word is cut where it has to be
