"""How much a score leans on what should not matter: the order and case of the options, the wording of
the instruction, and how many options there are.

A variant asks the same questions in another guise, and what the system says is turned back into the
labels of gold, so all variants are scored on the same answers. Options are only ever added: labels of
other data sets which share no word with the own ones, of the same kind first. Where these run out,
labels of the other kinds are borrowed, and counted. Orders and added labels are drawn once for each
data set, from the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal, get_args

from instructuie.data.card import load_cards
from instructuie.data.prepared import Inventory
from instructuie.errors import ConfigError
from instructuie.evaluation.predictors import Answer, Predictor
from instructuie.evaluation.questions import Question
from instructuie.evaluation.suite import Entry
from instructuie.prompt import Prompt, instruction_pools
from instructuie.schema import EventLabel, Label, Schema
from instructuie.tasks import OptionKind
from instructuie.types import Event, Extraction

Kind = Literal["order", "case", "instruction", "options"]
KINDS: tuple[Kind, ...] = get_args(Kind)
COUNTS = (4, 20, 100, 500)
"""Numbers of options that are tried."""
CASES: Mapping[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """Labels of many data sets, to add as options that have no gold item."""

    entity: tuple[str, ...] = ()
    relation: tuple[str, ...] = ()
    event: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """With the roles of each: an option without roles would give itself away."""

    @classmethod
    def known(cls, inventories: Iterable[Inventory]) -> Foreign:
        """The labels of all cards, and the events of the data at hand with their roles.

        Cards do not say which roles an event has; one that is not at hand gets the first of its card.
        """
        cards = list(load_cards())
        events = {
            label: tuple(roles)
            for inventory in inventories
            for label, roles in inventory.events.items()
        }
        for card in cards:
            roles = tuple(dict.fromkeys(card.labels.get("role", {}).values()))[:_ROLES]
            for label in card.labels.get("event", {}).values():
                events.setdefault(label, roles)
        return cls(
            tuple(dict.fromkeys(x for c in cards for x in c.labels.get("entity", {}).values())),
            tuple(dict.fromkeys(x for c in cards for x in c.labels.get("relation", {}).values())),
            tuple(events.items()),
        )

    def of(self, kind: OptionKind) -> tuple[Label | EventLabel, ...]:
        """The labels of a kind."""
        if kind == "event":
            return tuple(EventLabel(name, tuple(map(Label, roles))) for name, roles in self.event)
        return tuple(Label(name) for name in getattr(self, kind))

    def others(self, kind: OptionKind) -> tuple[Label | EventLabel, ...]:
        """The labels of the other kinds in the guise of this one; events with the roles of others."""
        names: dict[OptionKind, tuple[str, ...]] = {
            "entity": self.entity,
            "relation": self.relation,
            "event": tuple(name for name, _ in self.event),
        }
        found = tuple(name for other in names if other != kind for name in names[other])
        if kind != "event":
            return tuple(map(Label, found))
        roles = [tuple(map(Label, roles)) for _, roles in self.event] or [()]
        return tuple(EventLabel(name, roles[at % len(roles)]) for at, name in enumerate(found))


_ROLES = 4


@dataclass(frozen=True, slots=True)
class Names:
    """From the labels of a variant back to those of gold."""

    labels: Mapping[str, str]
    roles: Mapping[tuple[str, str], str]
    """(label, role), both of the variant -> role of gold."""

    def back(self, said: Extraction) -> Extraction:
        labels, roles = self.labels, self.roles
        return Extraction(
            tuple(replace(e, label=labels.get(e.label, e.label)) for e in said.entities),
            tuple(replace(r, label=labels.get(r.label, r.label)) for r in said.relations),
            tuple(
                Event(
                    labels.get(e.label, e.label),
                    e.trigger,
                    tuple(
                        replace(a, role=roles.get((e.label, a.role), a.role)) for a in e.arguments
                    ),
                )
                for e in said.events
            ),
        )


@dataclass(frozen=True, slots=True)
class Variant:
    """One guise of the questions; with nothing set, they are asked as they are."""

    name: str = "as-is"
    kind: Kind | None = None
    order: int = 0
    """The number of a random order of the options; 0 for the card's."""
    case: str = ""
    instruction: int = 0
    """Place in the pool of instructions; 0 is the one that is used otherwise."""
    options: int = 0
    """So many options; 0 for those of the data set."""
    seed: int = 0

    def applies(self, question: Question) -> bool:
        """False when the data set has more options already, or the pool no such instruction."""
        prompt = question.prompt
        if self.options and prompt.task.name == "EEA":
            return False
        if self.instruction >= len(instruction_pools()[prompt.task.name]):
            return False
        return not self.options or len(prompt.options) <= self.options


def variants(
    kinds: Sequence[str] = KINDS,
    *,
    counts: Sequence[int] = COUNTS,
    orders: int = 3,
    seed: int = 0,
) -> list[Variant]:
    """All guises of the kinds, the plain one first. Raises ConfigError for an unknown kind."""
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise ConfigError(f"unknown kind {unknown[0]!r}: expected some of {', '.join(KINDS)}")
    most = max(len(pool) for pool in instruction_pools().values())
    made = {
        "order": [Variant(f"order-{n}", "order", order=n) for n in range(1, orders + 1)],
        "case": [Variant(f"case-{name}", "case", case=name) for name in CASES],
        "instruction": [
            Variant(f"instruction-{n + 1}", "instruction", instruction=n) for n in range(1, most)
        ],
        "options": [Variant(f"options-{n}", "options", options=n) for n in counts],
    }
    chosen = [variant for kind in dict.fromkeys(kinds) for variant in made[kind]]
    return [replace(variant, seed=seed) for variant in (Variant(), *chosen)]


class VariantPredictor:
    """A predictor that is asked in another guise."""

    def __init__(self, base: Predictor, variant: Variant, foreign: Foreign) -> None:
        self._base, self._variant, self._foreign = base, variant, foreign
        self._schemas: dict[int, tuple[Schema, Schema, Names]] = {}
        self.name = base.name

    def settings(self) -> Mapping[str, Any]:
        return {**self._base.settings(), "variant": self._variant.name}

    def answer(self, questions: Sequence[Question], entry: Entry) -> list[Answer]:
        changed = [self._change(question, entry) for question in questions]
        answers = self._base.answer([question for question, _ in changed], entry)
        return [
            answer
            if answer.predicted is None
            else replace(answer, predicted=names.back(answer.predicted))
            for answer, (_, names) in zip(answers, changed, strict=True)
        ]

    def _change(self, question: Question, entry: Entry) -> tuple[Question, Names]:
        prompt = question.prompt
        schema, names = self._schema(prompt.schema, prompt.task.options, entry)
        pool = instruction_pools()[prompt.task.name]
        changed = Prompt(
            prompt.task,
            prompt.text,
            schema,
            self._given(prompt.given),
            pool[self._variant.instruction],
        )
        return replace(question, prompt=changed), names

    def _schema(self, schema: Schema, kind: OptionKind, entry: Entry) -> tuple[Schema, Names]:
        """Kept by identity, as the questions of a data set share one schema, which is kept too."""
        if id(schema) not in self._schemas:
            made = change_schema(schema, kind, self._variant, self._foreign, entry.dataset)
            self._schemas[id(schema)] = (schema, *made)
        return self._schemas[id(schema)][1:]

    def _given(self, given: Extraction) -> Extraction:
        """The given event by its name in the variant; other given items have no labels."""
        rename = CASES.get(self._variant.case, str)
        events = tuple(replace(e, label=rename(e.label)) for e in given.events)
        return replace(given, events=events)


def change_schema(
    schema: Schema, kind: OptionKind, variant: Variant, foreign: Foreign, dataset: str
) -> tuple[Schema, Names]:
    """The schema of a variant, and the way back from its labels."""
    rename = CASES.get(variant.case, str)
    changed = Schema(
        tuple(_renamed(label, rename) for label in schema.entities),
        tuple(_renamed(label, rename) for label in schema.relations),
        tuple(
            EventLabel(rename(e.name), tuple(_renamed(r, rename) for r in e.roles), e.description)
            for e in schema.events
        ),
    )
    names = Names(
        {
            rename(name): name
            for name in (*schema.entity_names, *schema.relation_names, *schema.event_names)
        },
        {(rename(e.name), rename(role)): role for e in schema.events for role in e.role_names},
    )
    rng = Random(f"{variant.seed}/{variant.name}/{dataset}")
    field = _FIELDS[kind]
    labels = list(getattr(changed, field))
    if variant.options:
        labels += _padding(labels, kind, foreign, variant)
    if variant.order or variant.options:
        rng.shuffle(labels)
    return replace(changed, **{field: tuple(labels)}), names


_FIELDS = {"entity": "entities", "relation": "relations", "event": "events"}


def _renamed(label: Label, rename: Callable[[str], str]) -> Label:
    return Label(rename(label.name), label.description)


def _padding(
    own: Sequence[Any], kind: OptionKind, foreign: Foreign, variant: Variant
) -> list[Label | EventLabel]:
    """Foreign labels to reach the number of options; more options keep the fewer ones."""
    words = {word for label in own for word in label.name.lower().split()}
    made: dict[str, Label | EventLabel] = {}
    for pool in (foreign.of(kind), foreign.others(kind)):
        free = {
            label.name.casefold(): label
            for label in pool
            if words.isdisjoint(label.name.lower().split()) and label.name.casefold() not in made
        }
        shuffled = list(free.items())
        Random(variant.seed).shuffle(shuffled)
        made.update(shuffled[: max(0, variant.options - len(own) - len(made))])
    return list(made.values())


def option_count(variant: Variant, question: Question, foreign: Foreign) -> tuple[int, int]:
    """How many options a question has under the variant, and how many are borrowed of other kinds."""
    prompt = question.prompt
    kind = prompt.task.options
    schema, _ = change_schema(prompt.schema, kind, variant, foreign, "")
    labels = getattr(schema, _FIELDS[kind])
    if not variant.options:
        return len(labels), 0
    known = {label.name for label in (*getattr(prompt.schema, _FIELDS[kind]), *foreign.of(kind))}
    return len(labels), sum(label.name not in known for label in labels)
