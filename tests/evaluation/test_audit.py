from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.data.record import Record
from instructuie.evaluation.alignment import CLASSES, UNITS, ItemError, align
from instructuie.evaluation.audit import audit
from instructuie.evaluation.counts import Counts
from instructuie.evaluation.findings import Audit, UnitAudit
from instructuie.evaluation.marking import rows, segments
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.rules import count_prediction
from instructuie.tasks import TaskName
from instructuie.types import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from tests.evaluation import made
from tests.evaluation.made import TEXT, ask, entity, relation

places = made.mentions | st.sampled_from([Mention("Ann"), Mention("nowhere")])
labels = st.sampled_from(["person", "place", "made up"])
extractions = st.builds(
    Extraction,
    st.lists(st.builds(Entity, labels, places), max_size=5).map(tuple),
    st.lists(st.builds(Relation, labels, places, places), max_size=4).map(tuple),
    st.lists(
        st.builds(
            Event,
            labels,
            places,
            st.lists(st.builds(Argument, labels, places), max_size=3).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
issues = st.lists(
    st.sampled_from(["truncated", "step-limit", "unparsable", "repeat"]).map(
        lambda kind: Issue(kind, "")
    ),
    max_size=2,
).map(tuple)
predictions = st.builds(
    lambda gold, predicted, task, dataset, name, issues, options: ask(
        gold, predicted, task, dataset=dataset, name=name, issues=issues, options=options
    ),
    made.extractions,
    st.none() | extractions,
    made.tasks,
    st.sampled_from(["one", "two"]),
    st.integers(0, 10**6).map(str),
    issues,
    st.sampled_from([(), ("person", "place")]),
)


def units(audited: Audit) -> list[tuple[str, str, UnitAudit]]:
    return [(n, key, u) for n, part in audited.parts.items() for key, u in part.units.items()]


def audit_one(prediction: Prediction) -> UnitAudit:
    (_, _, unit) = units(audit([prediction]))[0]
    return unit


@settings(max_examples=25)
@given(st.lists(predictions, max_size=5))
def test_classes_and_labels_add_up_to_the_strict_counts(rows: list[Prediction]) -> None:
    wanted: dict[tuple[str, str], dict[str, Counts]] = {}
    for row in rows:
        for key, by_label in count_prediction(row).items():
            if key in UNITS[row.task]:
                found = wanted.setdefault((f"{row.dataset}/{row.task}", key), {})
                for label, counts in by_label.items():
                    found[label] = found.get(label, Counts()) + counts
    found_units = units(audit(rows))
    assert {(name, key) for name, key, _ in found_units} == wanted.keys()
    for name, key, unit in found_units:
        assert unit.labels == wanted[name, key]
        total = sum(wanted[name, key].values(), Counts())
        assert unit.counts == total
        assert sum(n.missed for n in unit.classes.values()) == total.gold - total.right
        assert sum(n.wrong for n in unit.classes.values()) == total.predicted - total.right
        assert list(unit.classes) == list(CLASSES)


@settings(max_examples=25)
@given(st.lists(predictions, max_size=5))
def test_every_view_of_the_items_adds_up_to_the_same_counts(rows: list[Prediction]) -> None:
    seen = [Record(TEXT, row.gold) for row in rows]
    for _, _, unit in units(audit(rows, training=seen)):
        gold, predicted = Counter[str](), Counter[str]()
        for (wanted, said), number in unit.confusion.items():
            gold.update({} if wanted is None else {wanted: number})
            predicted.update({} if said is None else {said: number})
        for label, counts in unit.labels.items():
            assert (gold[label], predicted[label]) == (counts.gold, counts.predicted)
            drawn = [
                Counts(*row) for row, times in unit.label_rows[label].items() for _ in range(times)
            ]
            assert sum(drawn, Counts()) == counts
        for buckets in unit.slices.values():
            assert sum(buckets.values(), Counts()) == unit.counts
        assert sum(n.errors for n in unit.classes.values()) == sum(
            sum(kinds.values()) for kinds in unit.label_classes.values()
        )


@settings(max_examples=25)
@given(
    st.lists(predictions, max_size=6, unique_by=lambda p: (p.dataset, p.task, p.id)), st.integers()
)
def test_the_order_of_the_predictions_makes_no_difference(
    rows: list[Prediction], seed: int
) -> None:
    shuffled = Random(seed).sample(rows, len(rows))
    one, other = audit(rows, examples=1), audit(shuffled, examples=1)
    assert one.to_dict() == other.to_dict()
    assert list(one.parts) == list(other.parts)
    for name, part in one.parts.items():
        assert [e.prediction for e in part.examples] == [
            e.prediction for e in other.parts[name].examples
        ]


@settings(max_examples=40)
@given(predictions)
def test_each_item_is_right_or_in_one_error(prediction: Prediction) -> None:
    for unit in UNITS[prediction.task]:
        found = align(prediction, unit)
        sides = (
            [e.gold for e in found.errors if e.gold],
            [e.predicted for e in found.errors if e.predicted],
        )
        for side in sides:
            assert len({id(item) for item in side}) == len(side)
        assert all(error.gold or error.predicted for error in found.errors)


@settings(max_examples=40)
@given(predictions)
def test_mending_all_of_a_class_never_lowers_f1(prediction: Prediction) -> None:
    for _, _, unit in units(audit([prediction])):
        for kind in CLASSES:
            assert unit.without(kind).f1 >= unit.counts.f1


GOLD = Extraction((entity("person", 0, 3), entity("place", 15, 19)))


def classes_of(predicted: Extraction | None, **more: object) -> list[tuple[str, bool, bool]]:
    errors: tuple[ItemError, ...] = align(ask(GOLD, predicted, **more), "entity").errors  # type: ignore[arg-type]
    return sorted((e.kind, e.gold is not None, e.predicted is not None) for e in errors)


ROME = GOLD.entities[1]
LEFT_OUT = ("missing", True, False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((), [LEFT_OUT]),
        ((entity("person", 26, 29),), [LEFT_OUT, ("spurious", False, True)]),
        ((entity("person", 0, 11),), [("boundary", True, True)]),
        ((entity("place", 0, 3),), [("label", True, True)]),
        ((entity("place", 0, 11),), [("boundary+label", True, True)]),
        ((entity("dog", 0, 3),), [("off-option", True, True)]),
        ((entity("dog", 26, 29),), [LEFT_OUT, ("off-option", False, True)]),
        ((Entity("person", Mention("Zoe")),), [LEFT_OUT, ("not-in-text", False, True)]),
        ((Entity("person", Mention("Zoe", GOLD.entities[0].mention.span)),), []),
        ((entity("person", 0, 3), entity("person", 0, 3)), [("repeat", False, True)]),
        (
            (entity("person", 26, 29), entity("person", 26, 29)),
            [LEFT_OUT, ("repeat", False, True), ("spurious", False, True)],
        ),
        # The same characters under another label fit better than others under the same label.
        (
            (entity("person", 0, 11), entity("place", 0, 3)),
            [("label", True, True), ("spurious", False, True)],
        ),
    ],
)
def test_each_class(said: tuple[Entity, ...], expected: list[tuple[str, bool, bool]]) -> None:
    found = classes_of(Extraction((*said, ROME)), options=("person", "place"))
    assert found == expected


@pytest.mark.parametrize("kind", ["truncated", "step-limit"])
def test_what_lies_behind_a_cut_is_truncated_and_what_lies_before_is_missing(kind: str) -> None:
    gold = Extraction((*GOLD.entities, entity("person", 26, 29)))
    prediction = ask(gold, Extraction((ROME,)), issues=(Issue(kind, ""),))
    found = {
        e.gold.label + str(e.gold.places): e.kind
        for e in align(prediction, "entity").errors
        if e.gold
    }
    assert found == {"person((0, 3),)": "missing", "person((26, 29),)": "truncated"}


def test_a_miss_beside_an_unreadable_answer_is_unparsable() -> None:
    found = classes_of(Extraction((ROME,)), issues=(Issue("unparsable", ""),))
    assert found == [("unparsable", True, False)]


def test_without_an_answer_all_is_missing_and_counted_as_unanswered() -> None:
    assert classes_of(None) == [LEFT_OUT, LEFT_OUT]
    assert audit([ask(GOLD, None)]).parts["made up/NER"].unanswered == 1


def test_both_ends_of_a_relation_must_overlap_to_be_its_boundary_error() -> None:
    gold = Extraction(relations=(relation("works for", (0, 3), (15, 19)),))
    near = Extraction(relations=(relation("works for", (0, 11), (15, 25)),))
    far = Extraction(relations=(relation("works for", (26, 29), (15, 19)),))
    assert [e.kind for e in align(ask(gold, near, "RE"), "relation").errors] == ["boundary"]
    kinds = {e.kind for e in align(ask(gold, far, "RE"), "relation").errors}
    assert kinds == {"missing", "spurious"}


@pytest.mark.parametrize(
    ("task", "options", "kind"),
    [
        ("EE", ("meet",), "label"),
        ("EE", ("travel",), "off-option"),
        ("EEA", ("who", "where"), "label"),
        ("EEA", ("where",), "off-option"),
    ],
)
def test_an_argument_is_off_option_by_its_event_or_when_that_is_given_by_its_role(
    task: TaskName, options: tuple[str, ...], kind: str
) -> None:
    trigger, filler = Mention.of(TEXT, 4, 7), Mention.of(TEXT, 0, 3)
    gold, said = (
        Extraction(events=(Event("meet", trigger, (Argument(role, filler),)),))
        for role in ("where", "who")
    )
    prediction = ask(gold, said, task, options=options)
    (error,) = align(prediction, "argument").errors
    assert (error.kind, error.label) == (kind, "meet: where")


def test_the_confusion_matrix_puts_errors_of_boundary_on_its_diagonal() -> None:
    said = Extraction((entity("person", 0, 11), entity("person", 15, 19), entity("place", 26, 29)))
    assert audit_one(ask(GOLD, said)).confusion == {
        ("person", "person"): 1,
        ("place", "person"): 1,
        (None, "place"): 1,
    }


def test_mentions_are_sliced_by_how_often_training_has_them_with_the_label() -> None:
    seen = [Record(TEXT, Extraction((entity("place", 0, 3), entity("place", 15, 19))))]
    found = audit_one_with(ask(GOLD, GOLD), seen * 10)
    assert {bucket: n.right for bucket, n in found.slices["training"].items()} == {
        "never": 0,
        "as another": 1,
        "1–9 times": 0,
        "10+ times": 1,
    }
    assert "training" not in audit_one(ask(GOLD, GOLD)).slices


def audit_one_with(prediction: Prediction, training: list[Record]) -> UnitAudit:
    (_, _, unit) = units(audit([prediction], training=training))[0]
    return unit


def test_scores_are_kept_for_right_and_wrong_items() -> None:
    said = Extraction((ROME, entity("person", 26, 29)))
    unit = audit_one(ask(GOLD, said, scores={"entities": (0.9, 0.25)}))
    assert unit.scores == {250: (0, 1), 900: (1, 0)}
    assert audit_one(ask(GOLD, said, scores={"entities": (0.9,)})).scores == {}


def test_arguments_have_the_scores_of_their_events_in_order() -> None:
    ann, rome = Mention.of(TEXT, 0, 3), Mention.of(TEXT, 15, 19)
    met = Mention.of(TEXT, 4, 7)
    gold = (Event("meet", met, (Argument("who", ann),)), Event("trip", met, ()))
    said = (gold[0], Event("trip", met, (Argument("where", rome), Argument("who", rome))))
    prediction = ask(
        Extraction(events=gold),
        Extraction(events=said),
        "EE",
        scores={"events": (0.9, 0.8), "arguments": (0.7, 0.6, 0.5)},
    )
    found = align(prediction, "argument")
    assert [item.score for item in found.right] == [0.7]
    wrong = [error.predicted for error in found.errors if error.predicted]
    assert [item.score for item in wrong] == [0.6, 0.5]
    assert [item.score for item in align(prediction, "trigger").right] == [0.9, 0.8]


def test_examples_hold_every_class_and_label_that_occurs() -> None:
    said = [
        Extraction((entity("person", 0, 3),)),
        Extraction((entity("person", 15, 19),)),
        Extraction((entity("place", 0, 3), ROME)),
        GOLD,
    ]
    asked = [ask(GOLD, s, name=str(i), text=TEXT) for i, s in enumerate(said * 20)]
    found = audit(asked, examples=1).parts["made up/NER"].examples
    errors = {(e.kind, e.label) for x in found for e in x.units["entity"].errors}
    assert errors == {
        ("missing", "place"),
        ("missing", "person"),
        ("label", "place"),
        ("label", "person"),
    }
    assert len(found) <= 6


@settings(max_examples=40)
@given(predictions)
def test_the_segments_of_a_text_are_the_text_and_no_error_is_left_untold(
    prediction: Prediction,
) -> None:
    for example in next(iter(audit([prediction]).parts.values())).examples:
        drawn = segments(example)
        assert "".join(segment.text for segment in drawn) == TEXT
        told = {(row.kind, row.unit) for row in rows(example)}
        tags = {tag.kind for segment in drawn for tag in segment.tags}
        for unit, alignment in example.units.items():
            for error in alignment.errors:
                assert (error.kind, unit) in told or error.kind in tags


def test_nested_and_crossing_items_are_drawn_side_by_side() -> None:
    gold = Extraction((entity("place", 0, 11), entity("person", 8, 11)))
    said = Extraction((entity("person", 8, 11), entity("place", 4, 7)))
    (example,) = audit([ask(gold, said)]).parts["made up/NER"].examples
    drawn = [(s.text, s.gold, s.predicted) for s in segments(example)][:4]
    assert drawn == [
        ("Ann ", "boundary", ""),
        ("met", "boundary", "boundary"),
        (" ", "boundary", ""),
        ("Ann", "right", "right"),
    ]
