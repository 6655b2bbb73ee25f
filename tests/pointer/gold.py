"""Random prompts with random gold answers, for properties of the pointer decoder."""

from __future__ import annotations

from hypothesis import strategies as st

from instructuie.pointer.encoding import Encoded, Encoder
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel, Label, Schema
from instructuie.tasks import TASKS, Task
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.tiny import toy_encoder

ENCODER = toy_encoder()
SCHEMA = Schema(
    (Label("person"), Label("town"), Label("work of art")),
    (Label("lives in"), Label("born in")),
    (
        EventLabel("attack", (Label("attacker"), Label("target"))),
        EventLabel("storm"),
        EventLabel("trip", (Label("who"),)),
    ),
)

texts = st.one_of(
    st.lists(st.sampled_from(["Ann", "b", "北", "e\u0301x", ".", "👩\u200d👧", "\x00"])).map(
        " ".join
    ),
    st.text(st.characters(), max_size=25),
    st.text("aB. 7'", max_size=25),
)
tasks = st.sampled_from(list(TASKS.values()))


def _mentions(encoded: Encoded, text: str) -> st.SearchStrategy[Mention]:
    words = len(encoded.words) - 1
    return st.tuples(st.integers(0, words), st.integers(0, 2)).map(
        lambda p: _mention(encoded, text, p[0], min(p[0] + p[1], words))
    )


def _mention(encoded: Encoded, text: str, first: int, last: int) -> Mention:
    span = encoded.span(first, last)
    return Mention(text[span.start : span.end], span)


@st.composite
def examples(draw: st.DrawFn, encoder: Encoder = ENCODER) -> tuple[Prompt, Extraction]:
    """A prompt, and a gold answer to it whose mentions are whole words. Its items are unique and in
    the order in which the grammar says them."""
    task, text = draw(tasks), draw(texts)
    event = SCHEMA.events[draw(st.integers(0, len(SCHEMA.events) - 1))].name
    blank = Prompt(TASKS["NER"], text, SCHEMA)
    encoded = encoder.encode(blank)
    if not encoded.words:
        given = Extraction(events=(Event(event, Mention("")),)) if task.name == "EEA" else None
        return Prompt(task, text, SCHEMA, given or Extraction()), Extraction()
    mention = _mentions(encoded, text)
    gold = draw(_GOLD[task.options](task, mention, event))
    given = draw(_given(task, gold, mention))
    return Prompt(task, text, SCHEMA, given), gold


def _entities(
    task: Task, mention: st.SearchStrategy[Mention], _: str
) -> st.SearchStrategy[Extraction]:
    names = SCHEMA.entity_names if task.labelled else ("",)
    one_label = task.given > 0
    return st.lists(
        st.builds(Entity, st.sampled_from(names), mention),
        max_size=6,
        unique_by=lambda e: e.mention if one_label else e,
    ).map(lambda items: Extraction(entities=tuple(sorted(items, key=_entity_key))))


def _relations(
    task: Task, mention: st.SearchStrategy[Mention], _: str
) -> st.SearchStrategy[Extraction]:
    names = SCHEMA.relation_names if task.labelled else ("",)
    one_label = task.given > 0
    return st.lists(
        st.builds(Relation, st.sampled_from(names), mention, mention),
        max_size=4,
        unique_by=lambda r: (r.head, r.tail) if one_label else r,
    ).map(lambda items: Extraction(relations=tuple(sorted(items, key=_relation_key))))


def _events(
    task: Task, mention: st.SearchStrategy[Mention], event: str
) -> st.SearchStrategy[Extraction]:
    def arguments(label: str) -> st.SearchStrategy[tuple[Argument, ...]]:
        roles = SCHEMA.events[SCHEMA.event_names.index(label)].role_names
        if not (task.arguments and roles):
            return st.just(())
        made = st.builds(Argument, st.sampled_from(roles), mention)
        key = lambda a: (*_places(a.mention), roles.index(a.role))  # noqa: E731
        return st.lists(made, max_size=4, unique=True).map(lambda a: tuple(sorted(a, key=key)))

    labels = [event] if task.given else list(SCHEMA.event_names)
    one = st.sampled_from(labels).flatmap(
        lambda label: st.builds(Event, st.just(label), mention, arguments(label))
    )
    size = 1 if task.given else 3
    return st.lists(
        one,
        min_size=1 if task.given else 0,
        max_size=size,
        unique_by=lambda e: (e.label, e.trigger),
    ).map(lambda items: Extraction(events=tuple(sorted(items, key=_event_key))))


_GOLD = {"entity": _entities, "relation": _relations, "event": _events}


@st.composite
def _given(
    draw: st.DrawFn, task: Task, gold: Extraction, mention: st.SearchStrategy[Mention]
) -> Extraction:
    """The given items of a prompt: those of the answer and others, shuffled."""
    if task.name == "ET":
        others = draw(st.lists(mention, max_size=3))
        spans = [e.mention for e in gold.entities] + others
        return Extraction(tuple(Entity("", m) for m in draw(st.permutations(spans))))
    if task.name == "EPR":
        more = draw(st.lists(st.tuples(mention, mention), max_size=3))
        pairs = [(r.head, r.tail) for r in gold.relations] + more
        shuffled = draw(st.permutations(pairs))
        return Extraction(relations=tuple(Relation("", head, tail) for head, tail in shuffled))
    if task.name == "EEA":
        event = gold.events[0]
        return Extraction(events=(Event(event.label, event.trigger),))
    return Extraction()


def _places(mention: Mention) -> tuple[int, int]:
    assert mention.span is not None
    return mention.span.start, mention.span.end


def _entity_key(entity: Entity) -> tuple[int, ...]:
    labels = ("", *SCHEMA.entity_names)
    return (*_places(entity.mention), labels.index(entity.label))


def _relation_key(relation: Relation) -> tuple[int, ...]:
    labels = ("", *SCHEMA.relation_names)
    places = (*_places(relation.head), *_places(relation.tail))
    return (*places, labels.index(relation.label))


def _event_key(event: Event) -> tuple[int, ...]:
    return (*_places(event.trigger), SCHEMA.event_names.index(event.label))
