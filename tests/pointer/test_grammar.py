from __future__ import annotations

from itertools import chain, combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.pointer.grammar import STOP, Item, Layout, State
from instructuie.tasks import TASKS, Slot, Task

Row = tuple[int, ...]
Tree = tuple[tuple[Row, tuple[Row, ...]], ...]
"""Items with their arguments, as plain tuples."""


def moves(state: State) -> list[int]:
    legal = state.legal()
    return [*range(legal.low, legal.high), *([STOP] if legal.stop else [])]


def tree(items: list[Item]) -> Tree:
    return tuple((item.values, tuple(a.values for a in item.arguments)) for item in items)


def every_answer(state: State) -> list[Tree]:
    """The answer of every walk from here on, one for each walk."""
    if state.finished:
        return [tree(state.items)]
    found: list[Tree] = []
    legal = moves(state)
    assert legal, f"no legal move at {state.slot.name} after {tree(state.items)}"
    for value in legal:
        twin = state.copy()
        twin.advance(value)
        found += every_answer(twin)
    return found


def subsets(rows: list[Row]) -> list[tuple[Row, ...]]:
    return list(chain.from_iterable(combinations(rows, n) for n in range(len(rows) + 1)))


def spans(words: int) -> list[Row]:
    return [(first, last) for first in range(words) for last in range(first, words)]


@pytest.mark.parametrize(
    ("task", "words", "options"),
    [("NER", 1, 1), ("NER", 2, 2), ("NER", 3, 1), ("NER", 0, 3), ("ES", 3, 2), ("EET", 2, 2)],
)
def test_the_answers_are_all_sets_of_labelled_spans(task: str, words: int, options: int) -> None:
    labels = [(label,) for label in range(options)] if TASKS[task].labelled else [()]  # type: ignore[index]
    rows = [span + label for span in spans(words) for label in labels]
    expected = {tuple((row, ()) for row in rows) for rows in subsets(sorted(rows))}
    roles = (0,) * options
    found = every_answer(State(TASKS[task], Layout(words, options, roles)))  # type: ignore[index]
    assert len(found) == len(set(found)), "two walks say the same"
    assert set(found) == expected


@pytest.mark.parametrize(("task", "words", "options"), [("RE", 1, 2), ("RE", 2, 1), ("EP", 2, 1)])
def test_the_answers_are_all_sets_of_pairs(task: str, words: int, options: int) -> None:
    labels = [(label,) for label in range(options)] if TASKS[task].labelled else [()]  # type: ignore[index]
    rows = [h + t + o for h, t, o in product(spans(words), spans(words), labels)]
    found = every_answer(State(TASKS[task], Layout(words, options)))  # type: ignore[index]
    assert len(found) == len(set(found)) == 2 ** len(rows)
    assert set(found) == {tuple((row, ()) for row in rows) for rows in subsets(sorted(rows))}


@pytest.mark.parametrize("roles", [(0,), (1,), (2,), (1, 0), (0, 1), (1, 1)])
def test_the_answers_of_ee_are_all_sets_of_events_with_sets_of_arguments(
    roles: tuple[int, ...],
) -> None:
    expected = 1
    for count in roles:
        expected *= 1 + 2**count  # one word: an event is absent, or has a set of arguments
    found = every_answer(State(TASKS["EE"], Layout(1, len(roles), roles)))
    assert len(found) == len(set(found)) == expected
    for answer in found:
        for (_, _, option), arguments in answer:
            assert all(argument[:2] == (0, 0) for argument in arguments)
            assert all(argument[2] < roles[option] for argument in arguments)


def test_the_answers_of_eea_are_all_sets_of_arguments_of_the_given_event() -> None:
    state = State(TASKS["EEA"], Layout(2, 2, (1, 2)), [(1, 1, 1)])
    arguments = sorted((*span, role) for span in spans(2) for role in range(2))
    expected = {(((1, 1, 1), chosen),) for chosen in subsets(arguments)}
    found = every_answer(state)
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_given_items_are_answered_one_by_one_with_a_label_or_none() -> None:
    state = State(TASKS["ET"], Layout(3, 2), [(1, 2), (0, 0), (1, 2)])
    labels = (0, 1, STOP)
    expected = {(((0, 0, a), ()), ((1, 2, b), ())) for a in labels for b in labels}
    assert set(every_answer(state)) == expected


@st.composite
def walks(draw: st.DrawFn) -> State:
    """A finished random walk of any task over a random layout."""
    task: Task = draw(st.sampled_from(list(TASKS.values())))
    words = draw(st.integers(0, 6))
    options = draw(st.integers(1, 4))
    roles = tuple(draw(st.lists(st.integers(0, 3), min_size=options, max_size=options)))
    given_items: list[Row] = []
    if task.given and words:
        span = st.tuples(*[st.integers(0, words - 1)] * 2).map(lambda s: (min(s), max(s)))
        if task.name == "ET":
            given_items = draw(st.lists(span, max_size=4))
        elif task.name == "EPR":
            given_items = draw(st.lists(st.tuples(span, span).map(lambda p: p[0] + p[1])))
        else:
            option = draw(st.integers(0, options - 1))
            given_items = [(*draw(span), option)]
    state = State(task, Layout(words, options, roles if task.arguments else ()), given_items)
    assert state.finished == (bool(task.given) and not given_items)
    steps = 0
    while not state.finished:
        legal = state.legal()
        choices = moves(state)
        assert choices, f"{task.name}: no legal move at {legal} after {tree(state.items)}"
        assert not legal.forced or choices == [legal.low]
        # Mostly low values: they leave the most to say, so these walks are long.
        index = draw(st.integers(0, len(choices) - 1)) if draw(st.booleans()) else 0
        state.advance(choices[index])
        steps += 1
        assert steps == state.steps < 20_000
    check(state, given_items)
    return state


def check(state: State, given_items: list[Row]) -> None:
    task, layout = state.task, state.layout
    rows = [item.values for item in state.items]
    assert rows == sorted(set(rows)), "items do not rise"
    if task.given:
        assert [row[: task.given] for row in rows] == sorted(set(given_items))
    for item in state.items:
        assert len(item.values) == len(task.item)
        assert len(item.moves) == len(task.item) - task.given
        places = item.values[: 4 if Slot.TAIL_END in task.item else 2]
        for first, last in zip(places[::2], places[1::2], strict=True):
            assert 0 <= first <= last < layout.words
        if task.labelled:
            assert item.values[-1] in range(layout.options) or (
                task.given and not task.arguments and item.values[-1] == STOP
            )
        arguments = [argument.values for argument in item.arguments]
        assert arguments == sorted(set(arguments)), "arguments do not rise"
        assert not arguments or task.arguments
        for first, last, role in arguments:
            assert 0 <= first <= last < layout.words
            assert 0 <= role < layout.roles[item.values[-1]]


@given(walks())
def test_a_random_walk_ends_in_a_well_formed_answer(state: State) -> None:
    """`walks` checks every state on the way, and the answer."""
    free = [m for item in state.items for row in (item, *item.arguments) for m in row.moves]
    assert free == sorted(set(free)), "two slots claim the same move"
    assert all(0 <= move < state.steps for move in free)


def test_the_longest_walk_ends_too() -> None:
    """Always the lowest move says everything there is to say."""
    state = State(TASKS["EE"], Layout(3, 2, (2, 1)))
    while not state.finished:
        state.advance(moves(state)[0])
    assert len(state.items) == len(spans(3)) * 2
    assert [len(item.arguments) for item in state.items] == [12, 6] * 6


@settings(max_examples=30)
@given(st.data())
def test_a_copy_walks_alone(data: st.DataObject) -> None:
    state = State(TASKS["EE"], Layout(3, 2, (2, 1)))
    for _ in range(data.draw(st.integers(0, 30))):
        if state.finished:
            return
        state.advance(data.draw(st.sampled_from(moves(state))))
    if state.finished:
        return
    before = (tree(state.items), state.steps, state.legal(), state.finished)
    twin = state.copy()
    assert (tree(twin.items), twin.steps, twin.legal(), twin.finished) == before
    while not twin.finished:
        twin.advance(data.draw(st.sampled_from(moves(twin)[:2])))
    assert (tree(state.items), state.steps, state.legal(), state.finished) == before
    after = tree(twin.items)
    original = state.copy()
    while not original.finished:
        original.advance(moves(original)[-1])
    assert tree(twin.items) == after


@pytest.mark.parametrize("value", [-2, 2, 3, 100])
def test_an_illegal_move_is_refused(value: int) -> None:
    state = State(TASKS["NER"], Layout(2, 1))
    with pytest.raises(ValueError, match="illegal move"):
        state.advance(value)
    assert state.legal().slot is Slot.START


def test_a_span_cannot_stop_half_way_or_end_before_it_starts() -> None:
    state = State(TASKS["NER"], Layout(3, 1))
    state.advance(1)
    assert moves(state) == [1, 2]
    with pytest.raises(ValueError, match="illegal"):
        state.advance(STOP)


def test_roles_are_those_of_the_event_at_hand() -> None:
    state = State(TASKS["EE"], Layout(2, 3, (1, 0, 3)))
    for value in (0, 0, 2, 1, 1):
        state.advance(value)
    assert (state.open_option, moves(state)) == (2, [0, 1, 2])
    for value in (2, STOP, 0, 1, 1):  # an event without roles takes no arguments
        state.advance(value)
    assert state.slot is Slot.START
    assert not state.finished


def test_given_moves_are_forced_and_not_counted_as_free() -> None:
    state = State(TASKS["EPR"], Layout(4, 2), [(2, 3, 0, 0)])
    for value in (2, 3, 0, 0):
        legal = state.legal()
        assert (legal.forced, legal.low, legal.high) == (True, value, value + 1)
        state.advance(value)
    assert not state.legal().forced
    state.advance(STOP)
    assert state.finished
    assert [(item.values, item.moves) for item in state.items] == [((2, 3, 0, 0, STOP), (4,))]


@pytest.mark.parametrize("name", ["ET", "EPR", "EEA"])
def test_nothing_given_is_nothing_to_say(name: str) -> None:
    assert State(TASKS[name], Layout(5, 2, (1, 1))).finished  # type: ignore[index]


def test_given_items_of_tasks_without_them_are_not_read() -> None:
    assert State(TASKS["NER"], Layout(2, 1), [(0, 0)]).legal().forced is False
