"""Every wrong item of a prediction in exactly one class, with the gold item that it was meant for.

Right items are those of the `strict` rule. What is left is set side by side: predicted items with
gold items over the same or overlapping characters, closest fit first. An error with a gold item is
a false negative, one with a predicted item a false positive, one with both is both; so the classes
add up to the strict counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from instructuie.evaluation.items import TASK_UNITS, argument_label, sides
from instructuie.evaluation.prediction import Prediction
from instructuie.tasks import TaskName
from instructuie.types import Extraction, Mention

ErrorClass = Literal[
    "missing",
    "spurious",
    "boundary",
    "label",
    "boundary+label",
    "off-option",
    "not-in-text",
    "repeat",
    "truncated",
    "unparsable",
]

CLASSES: Mapping[ErrorClass, str] = {
    "missing": "a gold item that nothing was predicted for",
    "spurious": "a predicted item where no gold item is",
    "boundary": "the right label on overlapping characters",
    "label": "the right characters under another label",
    "boundary+label": "overlapping characters under another label",
    "off-option": "a label that was not among the options",
    "not-in-text": "a mention that does not stand in the text",
    "repeat": "the same item once more than it is in the text",
    "truncated": "a gold item beyond the point where the text or the answer was cut",
    "unparsable": "a gold item missed where a part of the answer could not be read",
}
"""The classes, each with its meaning, in the order of every report."""

Unit = str
"""entity, relation (boundary), trigger or argument."""

UNITS: Mapping[TaskName, tuple[Unit, ...]] = {
    task: tuple(unit for unit in units if unit != "relation-strict")
    for task, units in TASK_UNITS.items()
}
"""What is audited in the answer to each task; given items are not."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is right or wrong as a whole."""

    label: str
    """What it is counted under; that of an argument names its event and its role."""
    mentions: tuple[Mention, ...]
    """One; head and tail of a relation."""
    event: str = ""
    """The label of the event that an argument belongs to."""
    score: float | None = None

    @property
    def places(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple((m.span.start, m.span.end) if m.span else None for m in self.mentions)

    @property
    def key(self) -> Hashable:
        """Equal for items that the strict rule takes for the same; without a place, equal to none."""
        places = self.places
        return (self.label, places if None not in places else id(self))


@dataclass(frozen=True, slots=True)
class ItemError:
    """One wrong item: a false negative where `gold` is set, a false positive where `predicted` is."""

    kind: ErrorClass
    gold: Item | None = None
    predicted: Item | None = None

    @property
    def label(self) -> str:
        """The label that it is listed under: the gold one where there is one."""
        item = self.gold or self.predicted
        return item.label if item else ""


@dataclass(frozen=True, slots=True)
class Alignment:
    """One unit of one prediction, item by item."""

    right: tuple[Item, ...]
    """The predicted items that are right."""
    errors: tuple[ItemError, ...]


def align(prediction: Prediction, unit: Unit) -> Alignment:
    """Match the items strictly, and give each that is left over its class."""
    gold = items(prediction, unit, of="gold")
    said = items(prediction, unit, of="predicted")
    right, missed, wrong, repeated = _match(gold, said)
    lost: list[Item] = []
    placed: list[Item] = []
    for item in wrong:
        (placed if _in_text(item, prediction.text) else lost).append(item)
    errors = [ItemError("not-in-text", None, item) for item in lost]
    errors += [ItemError("repeat", None, item) for item in repeated]
    pairs = _pair(missed, placed)
    paired = {id(item) for pair in pairs for item in pair[1:]}
    for kind, wanted, item in pairs:
        errors.append(ItemError(_unless_off_option(kind, item, prediction), wanted, item))
    for item in placed:
        if id(item) not in paired:
            kind = _unless_off_option("spurious", item, prediction)
            errors.append(ItemError(kind, None, item))
    cut = _cut(prediction, said)
    for item in missed:
        if id(item) not in paired:
            errors.append(ItemError(cut(item), item))
    return Alignment(tuple(right), tuple(errors))


def items(
    prediction: Prediction, unit: Unit, *, of: Literal["gold", "predicted"]
) -> tuple[Item, ...]:
    """The items of a unit, reduced to what the task asks for."""
    gold, predicted = sides(prediction)
    if of == "gold":
        return tuple(_ITEMS[unit](gold, {}))
    return tuple(_ITEMS[unit](predicted, prediction.scores or {}))


Scores = Mapping[str, Sequence[float]]
FoundT = TypeVar("FoundT")


def _entities(extraction: Extraction, scores: Scores) -> Iterator[Item]:
    for entity, score in _scored(extraction.entities, scores.get("entities")):
        yield Item(entity.label, (entity.mention,), score=score)


def _relations(extraction: Extraction, scores: Scores) -> Iterator[Item]:
    for relation, score in _scored(extraction.relations, scores.get("relations")):
        yield Item(relation.label, (relation.head, relation.tail), score=score)


def _triggers(extraction: Extraction, scores: Scores) -> Iterator[Item]:
    for event, score in _scored(extraction.events, scores.get("events")):
        yield Item(event.label, (event.trigger,), score=score)


def _arguments(extraction: Extraction, scores: Scores) -> Iterator[Item]:
    arguments = [(event, argument) for event in extraction.events for argument in event.arguments]
    for (event, argument), score in _scored(arguments, scores.get("arguments")):
        yield Item(argument_label(event, argument), (argument.mention,), event.label, score)


_ITEMS: Mapping[Unit, Callable[[Extraction, Scores], Iterator[Item]]] = {
    "entity": _entities,
    "relation": _relations,
    "trigger": _triggers,
    "argument": _arguments,
}


def _scored(
    found: Sequence[FoundT], scores: Sequence[float] | None
) -> Iterable[tuple[FoundT, float | None]]:
    """Each with its score; scores that do not fit the items are none at all."""
    if scores is None or len(scores) != len(found):
        return ((item, None) for item in found)
    return zip(found, scores, strict=True)


def _match(
    gold: Sequence[Item], said: Sequence[Item]
) -> tuple[list[Item], list[Item], list[Item], list[Item]]:
    """Right items; gold items left over; predicted items left over; those of them said before."""
    wanted = Counter(item.key for item in gold)
    right: list[Item] = []
    wrong: list[Item] = []
    repeated: list[Item] = []
    before: set[Hashable] = set()
    for item in said:
        if wanted[item.key] > 0:
            wanted[item.key] -= 1
            right.append(item)
        else:
            (repeated if item.key in before else wrong).append(item)
        before.add(item.key)
    missed = []
    for item in gold:
        if wanted[item.key] > 0:
            wanted[item.key] -= 1
            missed.append(item)
    return right, missed, wrong, repeated


_FIT: Mapping[tuple[bool, bool], tuple[int, ErrorClass]] = {
    (True, False): (0, "label"),
    (False, True): (1, "boundary"),
    (False, False): (2, "boundary+label"),
}
"""(same characters, same label) -> how well a wrong item fits a gold item, and its class."""


def _pair(missed: Sequence[Item], wrong: Sequence[Item]) -> list[tuple[ErrorClass, Item, Item]]:
    """Each gold item with at most one predicted item: best class first, then most in common."""
    fits = []
    for at, gold in enumerate(missed):
        for place, item in enumerate(wrong):
            common = _in_common(gold, item)
            if common:
                tier, kind = _FIT[gold.places == item.places, gold.label == item.label]
                fits.append((tier, -common, at, place, kind))
    pairs: list[tuple[ErrorClass, Item, Item]] = []
    used: set[tuple[str, int]] = set()
    for _, _, at, place, kind in sorted(fits):
        if used.isdisjoint({("gold", at), ("predicted", place)}):
            used |= {("gold", at), ("predicted", place)}
            pairs.append((kind, missed[at], wrong[place]))
    return pairs


def _in_common(one: Item, other: Item) -> int:
    """How many characters two items share; 0 where any of their mentions do not overlap."""
    shared = 0
    for mine, yours in zip(one.mentions, other.mentions, strict=True):
        if mine.span is None or yours.span is None or not mine.span.overlaps(yours.span):
            return 0
        shared += min(mine.span.end, yours.span.end) - max(mine.span.start, yours.span.start)
    return shared


def _in_text(item: Item, text: str) -> bool:
    return all(m.span and text[m.span.start : m.span.end] == m.text for m in item.mentions)


def _unless_off_option(kind: ErrorClass, item: Item, prediction: Prediction) -> ErrorClass:
    """That a label was made up counts before the way in which the item is wrong.

    Of an argument, the options hold the event's label; for EEA, which gives that, the role.
    """
    label = item.event or item.label
    if prediction.task == "EEA":
        label = item.label.removeprefix(f"{item.event}: ")
    known = not label or not prediction.options or label in prediction.options
    return kind if known else "off-option"


def _cut(prediction: Prediction, said: Sequence[Item]) -> Callable[[Item], ErrorClass]:
    """Why a gold item without a counterpart is missing."""
    kinds = {issue.kind for issue in prediction.issues}
    ends = [m.span.end for item in said for m in item.mentions if m.span]
    last = max(ends, default=0)

    def reason(item: Item) -> ErrorClass:
        start = min((m.span.start for m in item.mentions if m.span), default=0)
        if kinds & {"truncated", "step-limit"} and start >= last:
            return "truncated"
        return "unparsable" if "unparsable" in kinds else "missing"

    return reason
