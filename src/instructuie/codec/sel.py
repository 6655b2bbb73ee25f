"""UIE's structured extraction language: what was found as nested brackets, whatever the task.

    <extra_id_0> <extra_id_0> person <extra_id_5> Steve Jobs
        <extra_id_0> founder of <extra_id_5> Apple <extra_id_1> <extra_id_1> <extra_id_1>

`<extra_id_0>` and `<extra_id_1>` are the brackets, `<extra_id_5>` stands between a label and its span,
`<extra_id_6>` is the span of a label that was rejected. A spot is an entity, the head of relations or
an event; what it holds are relations with their tails, or arguments. A head whose entity label is not
known has an empty one. Parts that could be misread are in quotes, as in `codec.escape`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from instructuie.codec.escape import quote, unparsable
from instructuie.codec.grammar import Either, Part, Repeat, Rule, TextSpan, perhaps, then
from instructuie.codec.parsed import ItemPlace, Parsed, Range
from instructuie.errors import TaskError
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel
from instructuie.tasks import Task
from instructuie.types import Argument, Entity, Event, Extraction, Issue, Mention, Relation

OPEN, CLOSE, SPAN, NULL = "<extra_id_0>", "<extra_id_1>", "<extra_id_5>", "<extra_id_6>"
TEXT = "<extra_id_2>"
"""Stands before the text in a prompt."""
_FORM = f"{OPEN} label {SPAN} span {CLOSE}"
_TOKEN = re.compile(
    r'<extra_id_(?P<mark>[0156])>|\s*"(?P<quoted>(?:[^"\\]|\\.)*)"\s*(?=<extra_id_|\Z)|'
    r"(?P<text>(?:(?!<extra_id_[0156]>).)+)",
    re.DOTALL,
)


class SelFormat:
    """UIE's prompts (a list of labels, no instruction) and answers, for the tasks without given items."""

    name = "sel"

    def render(self, prompt: Prompt) -> str:
        """Raises TaskError for tasks with given items, which this language has no words for."""
        if prompt.task.given:
            raise TaskError(
                f"{prompt.task.name} has given items and the format sel no words for them: use plain"
            )
        spots, associations = _labels(prompt)
        marked = [f"<spot> {label}" for label in spots]
        marked += [f"<asoc> {label}" for label in associations]
        return " ".join([*marked, TEXT, prompt.text])

    def write(self, prompt: Prompt, extraction: Extraction) -> str:
        return verbalize(prompt.task, extraction)

    def read(self, prompt: Prompt, completion: str) -> Parsed:
        return read(prompt.task, completion)

    def grammar(self, prompt: Prompt) -> Rule:
        return then(f"{OPEN} ", perhaps(then(Repeat(_spots(prompt), " "), " ")), CLOSE)


def verbalize(task: Task, extraction: Extraction) -> str:
    """The answer of a task: entities, relations (with the entities that are known), or events."""
    spots: list[_Spot]
    if task.options == "entity":
        spots = [(e.label if task.labelled else "", e.mention, []) for e in extraction.entities]
    elif task.options == "relation":
        spots = _heads(task, extraction)
    else:
        spots = [
            (e.label, e.trigger, [(a.role, a.mention) for a in e.arguments if task.arguments])
            for e in extraction.events
        ]
    written = (
        _bracket(label, mention, *(_bracket(*row) for row in rows))
        for label, mention, rows in spots
    )
    return " ".join([OPEN, *written, CLOSE])


_Spot = tuple[str, Mention, list[tuple[str, Mention]]]


def _heads(task: Task, extraction: Extraction) -> list[_Spot]:
    """A spot for each entity and each other head, with the relations that begin there."""
    spots: list[_Spot] = [(e.label, e.mention, []) for e in extraction.entities if task.labelled]
    first: dict[Mention, _Spot] = {}
    for spot in spots:
        first.setdefault(spot[1], spot)
    for relation in extraction.relations:
        if relation.head not in first:
            first[relation.head] = ("", relation.head, [])
            spots.append(first[relation.head])
        first[relation.head][2].append((relation.label if task.labelled else "", relation.tail))
    return spots


def _bracket(label: str, mention: Mention, *inner: str) -> str:
    parts = [OPEN, _part(label), SPAN, _part(mention.text) or '""', *inner, CLOSE]
    return " ".join(part for part in parts if part)


def _part(part: str) -> str:
    misread = part != part.strip() or part.startswith('"') or "<extra_id_" in part
    return quote(part) if misread else part


@dataclass(slots=True)
class _Node:
    start: int
    end: int = 0
    """Where its own label and span end."""
    label: str | None = None
    span: str | None = None
    rejected: bool = False
    inner: list[_Node] = field(default_factory=list)

    @property
    def place(self) -> Range:
        return self.start, self.end


def read(task: Task, answer: str) -> Parsed:
    """What any string says; brackets that are missing at the end are taken for closed."""
    root, issues = _tree(answer)
    spots = [node for node in root.inner if not node.rejected]
    for node in spots:
        if node.span is None:
            issues.append(unparsable(answer[node.start : node.end], _FORM))
    spots = [node for node in spots if node.span is not None]
    if task.options == "entity":
        entities = tuple(Entity(node.label or "", _mention(node)) for node in spots)
        places = tuple(ItemPlace(node.place) for node in spots)
        return Parsed(Extraction(entities=entities), tuple(issues), places)
    if task.options == "relation":
        rows = [(spot, tail) for spot in spots for tail in _told(spot, answer, issues)]
        relations = tuple(Relation(t.label or "", _mention(h), _mention(t)) for h, t in rows)
        places = tuple(ItemPlace((head.start, tail.end)) for head, tail in rows)
        return Parsed(Extraction(relations=relations), tuple(issues), places)
    events, places_ = [], []
    for spot in spots:
        told = list(_told(spot, answer, issues)) if task.arguments else []
        arguments = tuple(Argument(node.label or "", _mention(node)) for node in told)
        events.append(Event(spot.label or "", _mention(spot), arguments))
        places_.append(ItemPlace(spot.place, tuple(node.place for node in told)))
    return Parsed(Extraction(events=tuple(events)), tuple(issues), tuple(places_))


def _told(spot: _Node, answer: str, issues: list[Issue]) -> Iterator[_Node]:
    for node in spot.inner:
        if node.span is not None and not node.rejected:
            yield node
        elif not node.rejected:
            issues.append(unparsable(answer[node.start : node.end], _FORM))


def _mention(node: _Node) -> Mention:
    return Mention(node.span or "")


def _tree(answer: str) -> tuple[_Node, list[Issue]]:
    root = _Node(0)
    open_: list[_Node] = []
    begun = False
    issues: list[Issue] = []
    for found in _TOKEN.finditer(answer):
        mark = found["mark"]
        if mark == "0":
            node = _Node(found.start(), found.end()) if begun else root
            if begun:
                (open_[-1] if open_ else root).inner.append(node)
            begun = True
            open_.append(node)
        elif mark == "1":
            if open_:
                open_.pop()
        elif open_ and open_[-1] is not root:
            _fill(open_[-1], found)
        elif mark is None and found[0].strip():
            issues.append(unparsable(found[0].strip(), _FORM))
    if not begun and not issues:
        issues.append(unparsable(answer, f"{OPEN} ... {CLOSE}"))
    return root, issues


def _fill(node: _Node, found: re.Match[str]) -> None:
    if found["mark"] == "5":
        node.span = node.span or ""
    elif found["mark"] == "6":
        node.rejected = True
    elif found["quoted"] is not None:
        _say(node, re.sub(r"\\(.)", r"\1", found["quoted"], flags=re.DOTALL))
    else:
        _say(node, found["text"].strip())
    if not node.inner:
        node.end = found.end()


def _say(node: _Node, part: str) -> None:
    if node.span is None:
        node.label = (node.label or "") + part
    else:
        node.span += part


def _labels(prompt: Prompt) -> tuple[Sequence[str], Sequence[str]]:
    """What may stand at spots, and inside of them."""
    if prompt.task.options == "entity":
        return prompt.schema.entity_names, ()
    if prompt.task.options == "relation":
        return prompt.schema.entity_names, prompt.schema.relation_names
    roles = (role for event in prompt.schema.events for role in event.role_names)
    return prompt.schema.event_names, list(dict.fromkeys(roles if prompt.task.arguments else ()))


def _spots(prompt: Prompt) -> Rule:
    task, schema = prompt.task, prompt.schema
    if task.options == "entity":
        return _spot(schema.entity_names if task.labelled else ("",))
    if task.options == "relation":
        tails = _spot(schema.relation_names if task.labelled else ("",))
        return _spot((*schema.entity_names, ""), tails)
    return Either(tuple(_event_spot(event, task) for event in schema.events))


def _event_spot(event: EventLabel, task: Task) -> Rule:
    inner = _spot(event.role_names) if task.arguments and event.roles else None
    return _spot((event.name,), inner)


def _spot(labels: Iterable[str], inner: Rule | None = None) -> Rule:
    named = tuple(then(f"{OPEN} ", Part(_part(label), ""), " ") for label in labels if label)
    nameless = (then(f"{OPEN} "),) if "" in labels else ()
    span = then(f"{SPAN} ", TextSpan("", quoted=False), " ")
    rows = () if inner is None else (perhaps(then(Repeat(inner, " "), " ")),)
    return then(Either((*named, *nameless)), span, *rows, CLOSE)
