from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.chunking import Window
from instructuie.merging import Overlap, merge, place
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    Issue,
    MentionItem,
    RelationItem,
    Result,
    Span,
)

TEXT = "0123456789" * 3


def entity(start: int, end: int, label: str = "a", score: float = 0.5) -> EntityItem:
    return EntityItem(start, end, TEXT[start:end], label, score)


def mention(start: int, end: int) -> MentionItem:
    return MentionItem(start, end, TEXT[start:end])


def relation(
    head: tuple[int, int], tail: tuple[int, int], label: str = "r", score: float = 0.5
) -> RelationItem:
    return RelationItem(label, mention(*head), mention(*tail), score)


def merged(*parts: Result, overlap: Overlap = "flat", threshold: float = 0.0) -> Result:
    return merge(TEXT, parts, windows=len(parts), threshold=threshold, overlap=overlap)


def found(*entities: EntityItem) -> Result:
    return Result(TEXT, entities)


places = st.tuples(st.integers(0, 11), st.integers(1, 4)).map(lambda p: (p[0], p[0] + p[1]))
entities = st.lists(
    st.builds(
        lambda where, label, score: entity(where[0], where[1], label, score),
        places,
        st.sampled_from("ab"),
        st.sampled_from([0.1, 0.4, 0.4, 0.9]),
    ),
    max_size=12,
)


def crosses(one: EntityItem, other: EntityItem) -> bool:
    first, second = Span(one.start, one.end), Span(other.start, other.end)
    inside = first.contains(second) or second.contains(first)
    return first.overlaps(second) and not inside


def allowed(one: EntityItem, other: EntityItem, overlap: Overlap) -> bool:
    """What may stand side by side, said in another way than in the source."""
    same = (one.start, one.end) == (other.start, other.end)
    if overlap == "flat":
        return not set(range(one.start, one.end)) & set(range(other.start, other.end))
    if overlap == "nested":
        return not same and not crosses(one, other)
    return not (same and one.label == other.label)


@pytest.mark.parametrize("overlap", ["flat", "nested", "all"])
@given(entities=entities)
def test_what_stays_may_stay_and_what_goes_had_to_go(
    overlap: Overlap, entities: list[EntityItem]
) -> None:
    kept = merged(found(*entities), overlap=overlap).entities
    assert list(kept) == sorted(kept, key=lambda e: (e.start, e.end, -e.score, e.label))
    for index, one in enumerate(kept):
        assert all(allowed(one, other, overlap) for other in kept[:index])
    for gone in [e for e in entities if e not in kept]:
        rivals = [e for e in kept if not allowed(gone, e, overlap)]
        assert rivals, f"{gone} had no rival"
        assert max(e.score for e in rivals) >= gone.score


@given(entities, st.sampled_from(["flat", "nested", "all"]), st.randoms(use_true_random=False))
def test_the_order_of_items_and_parts_does_not_matter(
    entities: list[EntityItem], overlap: Overlap, rng: object
) -> None:
    expected = merged(found(*entities), overlap=overlap).entities
    shuffled = list(entities)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    half = len(shuffled) // 2
    parts = (found(*shuffled[:half]), found(*shuffled[half:]))
    assert merged(*parts, overlap=overlap).entities == expected


def test_between_equals_the_longer_stays() -> None:
    assert merged(found(entity(0, 2), entity(0, 5), entity(4, 6))).entities == (entity(0, 5),)


def test_a_threshold_leaves_out_items_and_arguments() -> None:
    weak, strong = (ArgumentItem("role", 3, 4, "3", s) for s in (0.2, 0.8))
    result = merge(
        TEXT,
        [
            Result(
                TEXT,
                (entity(0, 1, score=0.5), entity(2, 3, score=0.49)),
                (relation((0, 1), (2, 3), score=0.4),),
                (
                    EventItem("e", mention(0, 1), (weak, strong), 0.6),
                    EventItem("f", mention(0, 1), (), 0.3),
                ),
            )
        ],
        windows=1,
        threshold=0.5,
        overlap="flat",
    )
    assert result.entities == (entity(0, 1),)
    assert result.relations == ()
    assert [(e.label, e.arguments) for e in result.events] == [("e", (strong,))]


def test_mentions_carry_the_entity_label_of_their_place() -> None:
    event = EventItem("e", mention(4, 6), (), 0.5)
    part = Result(TEXT, (entity(0, 2, "person"),), (relation((0, 2), (4, 6)),), (event,))
    result = merged(part)
    assert result.relations[0].head.label == "person"
    assert result.relations[0].tail.label == ""
    assert result.events[0].trigger.label == ""


def test_with_one_label_the_best_label_of_a_mention_and_of_a_pair_stays() -> None:
    part = Result(
        TEXT,
        (entity(0, 2, "a", 0.2), entity(0, 2, "b", 0.7), entity(1, 4, "a", 0.1)),
        (relation((0, 1), (2, 3), "r", 0.3), relation((0, 1), (2, 3), "s", 0.6)),
    )
    result = merge(TEXT, [part], windows=1, threshold=0.0, overlap="all", one_label=True)
    assert [(e.start, e.label) for e in result.entities] == [(0, "b"), (1, "a")]
    assert [r.label for r in result.relations] == ["s"]


def test_a_pair_found_in_two_groups_of_labels_comes_once() -> None:
    pairs = [Result(TEXT, relations=(relation((0, 1), (2, 3), "", s),)) for s in (0.3, 0.6)]
    assert [r.score for r in merged(*pairs).relations] == [0.6]
    two = [Result(TEXT, relations=(relation((0, 1), (2, 3), x),)) for x in "ab"]
    assert [r.label for r in merged(*two).relations] == ["a", "b"]


def test_issues_and_labels_asked_for_are_put_together_once() -> None:
    issue, other = Issue("step-limit", "long"), Issue("truncated", "cut")
    parts = [
        Result(TEXT, issues=(issue,), asked={"NER": ("a", "b")}),
        Result(TEXT, issues=(issue,), asked={"NER": ("b", "c"), "RE": ("r",)}),
    ]
    result = merge(TEXT, parts, windows=2, threshold=0.0, overlap="flat", issues=(other,))
    assert result.issues == (other, issue)
    assert result.asked == {"NER": ("a", "b", "c"), "RE": ("r",)}
    assert (result.text, result.windows, result.truncated) == (TEXT, 2, True)


def test_an_item_belongs_to_the_window_whose_core_holds_its_first_character() -> None:
    window = Window(Span(10, 20), Span(12, 18))
    local = Result(
        TEXT[10:20],
        tuple(replace(entity(n, n + 1), text=TEXT[10 + n]) for n in range(10)),
        (relation((3, 4), (0, 1)), relation((9, 10), (2, 3))),
        (
            EventItem("in", mention(2, 3), (ArgumentItem("r", 9, 10, "9", 0.5),), 0.5),
            EventItem("out", mention(8, 9), (), 0.5),
        ),
    )
    placed = place(local, window)
    assert [e.start for e in placed.entities] == list(range(12, 18))
    assert all(TEXT[e.start : e.end] == e.text for e in placed.entities)
    assert [(r.head.start, r.tail.start) for r in placed.relations] == [(19, 12)]
    assert [(e.label, e.arguments[0].start) for e in placed.events] == [("in", 19)]


def test_many_entities_of_a_long_text_are_settled_in_good_time() -> None:
    text = "x " * 40_000
    many = [EntityItem(n, n + 1, "x", "a", 0.5) for n in range(0, len(text), 2)]
    result = merge(text, [Result(text, tuple(many))], windows=1, threshold=0, overlap="flat")
    assert len(result.entities) == len(many)
