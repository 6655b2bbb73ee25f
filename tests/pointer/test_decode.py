from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.pointer.answer import answer
from instructuie.pointer.decode import Decoded, beam, greedy, step_limit
from instructuie.pointer.encoding import Encoded, given_values, pad, token_of
from instructuie.pointer.grammar import STOP, State
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS, Slot
from instructuie.types import EntityItem, EventItem, Extraction, RelationItem, Result

from .gold import ENCODER, examples
from .scripted import History, Scorer, ScriptedBackend, flat_scores, random_scores

SCHEMA = Schema.of(entities=["a", "b"], relations=["r"], events={"e": ["x", "y"], "f": []})
prompts = examples().map(lambda example: example[0])
scorers = st.builds(random_scores, st.integers(0, 999), stop=st.sampled_from([-2.0, 0.0, 2.0]))


def run(scorer: Scorer, asked: list[Prompt], size: int = 0) -> list[Decoded]:
    """Greedy decoding, or beam search of a size."""
    batch = pad([ENCODER.encode(prompt) for prompt in asked], pad_id=0)
    backend = ScriptedBackend(scorer)
    return beam(backend, asked, batch, size=size) if size else greedy(backend, asked, batch)


def same(one: Decoded, other: Decoded) -> bool:
    close = one.log_probs == pytest.approx(other.log_probs, abs=1e-4)
    return repr(one.items) == repr(other.items) and one.complete == other.complete and close


def reference_greedy(scorer: Scorer, prompt: Prompt) -> Decoded:
    """One prompt, one move after another, as plainly as can be."""
    encoded = ENCODER.encode(prompt)
    state = State(prompt.task, encoded.layout, given_values(prompt, encoded))
    history: History = ()
    log_probs: list[float] = []
    last = 0
    while not state.finished and state.steps < step_limit(encoded):
        legal = state.legal()
        first = 0 if state.first == STOP else int(encoded.starts[state.first])
        history = (*history, (last, first, int(legal.slot)))
        scores = scorer(encoded.ids.tobytes(), history, len(encoded.ids)).tolist()
        option = state.open_option if legal.slot is Slot.ROLE else 0
        values = [STOP] if legal.stop else []
        values += range(legal.low, legal.high)
        tokens = [token_of(encoded, legal.slot, value, option) for value in values]
        best = max(range(len(values)), key=lambda i: scores[tokens[i]])
        total = math.log(sum(math.exp(scores[token]) for token in tokens))
        log_probs.append(0.0 if legal.forced else scores[tokens[best]] - total)
        last = tokens[best]
        state.advance(values[best])
    return Decoded(tuple(state.items), tuple(log_probs), state.finished)


def check_items(result: Result, encoded: Encoded) -> None:
    """Offsets hold; mentions are whole words; labels and roles are those that were asked for."""
    text, (task,) = result.text, result.asked
    starts, ends = {a for a, _ in encoded.words}, {b for _, b in encoded.words}
    places = [(e.start, e.end, e.text) for e in result.entities]
    places += [(m.start, m.end, m.text) for r in result.relations for m in (r.head, r.tail)]
    places += [(e.trigger.start, e.trigger.end, e.trigger.text) for e in result.events]
    places += [(a.start, a.end, a.text) for e in result.events for a in e.arguments]
    for start, end, words in places:
        assert words
        assert text[start:end] == words
        assert start in starts
        assert end in ends
    labels = result.asked[task] if TASKS[task].labelled else ("",)  # type: ignore[index]
    items: list[EntityItem | RelationItem | EventItem]
    items = [*result.entities, *result.relations, *result.events]
    assert all(item.label in labels for item in items)
    scores = [item.score for item in items] + [a.score for e in result.events for a in e.arguments]
    assert all(0 <= score <= 1.0000001 for score in scores)


@given(prompts, scorers)
def test_greedy_takes_the_best_legal_move_each_time(prompt: Prompt, scorer: Scorer) -> None:
    (decoded,) = run(scorer, [prompt])
    assert same(decoded, reference_greedy(scorer, prompt))


@settings(max_examples=50)
@given(st.lists(prompts, min_size=2, max_size=6), scorers)
def test_the_company_of_a_prompt_does_not_matter(asked: list[Prompt], scorer: Scorer) -> None:
    for prompt, decoded in zip(asked, run(scorer, asked), strict=True):
        assert same(decoded, run(scorer, [prompt])[0])


@settings(max_examples=30)
@given(st.lists(prompts, min_size=2, max_size=4), scorers, st.integers(2, 4))
def test_the_company_does_not_matter_to_beam_search(
    asked: list[Prompt], scorer: Scorer, size: int
) -> None:
    for prompt, decoded in zip(asked, run(scorer, asked, size), strict=True):
        assert same(decoded, run(scorer, [prompt], size)[0])


@settings(max_examples=50)
@given(st.lists(prompts, min_size=1, max_size=3), scorers)
def test_a_beam_of_one_is_greedy(asked: list[Prompt], scorer: Scorer) -> None:
    for one, other in zip(run(scorer, asked, 1), run(scorer, asked), strict=True):
        assert same(one, other)


@given(prompts, scorers, st.sampled_from([0, 1, 3]))
def test_whatever_the_scores_the_answer_is_well_formed(
    prompt: Prompt, scorer: Scorer, size: int
) -> None:
    (decoded,) = run(scorer, [prompt], size)
    encoded = ENCODER.encode(prompt)
    result = answer(prompt, encoded, decoded)
    check_items(result, encoded)
    assert decoded.complete == (not result.issues)
    for item in decoded.items:
        assert len(decoded.probabilities(item)) == len(item.moves)


def every_log_prob(scorer: Scorer, prompt: Prompt) -> list[float]:
    """The total log-probability of every possible answer."""
    encoded = ENCODER.encode(prompt)
    totals: list[float] = []

    def visit(state: State, last: int, history: History, total: float) -> None:
        if state.finished:
            totals.append(total)
            return
        legal = state.legal()
        first = 0 if state.first == STOP else int(encoded.starts[state.first])
        history = (*history, (last, first, int(legal.slot)))
        scores = scorer(encoded.ids.tobytes(), history, len(encoded.ids)).tolist()
        option = state.open_option if legal.slot is Slot.ROLE else 0
        values = [*range(legal.low, legal.high), *([STOP] if legal.stop else [])]
        tokens = [token_of(encoded, legal.slot, value, option) for value in values]
        norm = math.log(sum(math.exp(scores[token]) for token in tokens))
        for value, token in zip(values, tokens, strict=True):
            twin = state.copy()
            twin.advance(value)
            visit(twin, token, history, total + scores[token] - norm)

    visit(State(prompt.task, encoded.layout), 0, (), 0.0)
    return totals


@pytest.mark.parametrize(
    ("task", "text"), [("NER", "x y"), ("ES", "x y z"), ("EE", "x"), ("EET", "x"), ("EP", "x")]
)
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_the_most_probable_answer(task: str, text: str, seed: int) -> None:
    prompt = Prompt(TASKS[task], text, SCHEMA)  # type: ignore[index]
    scorer = random_scores(seed, stop=-0.5)
    totals = every_log_prob(scorer, prompt)
    assert math.fsum(map(math.exp, totals)) == pytest.approx(1.0, abs=1e-4)
    (widest,) = run(scorer, [prompt], 512)
    assert widest.log_prob == pytest.approx(max(totals), abs=1e-4)
    (single,) = run(scorer, [prompt])
    assert widest.log_prob >= single.log_prob - 1e-6


def test_the_step_limit_is_reported() -> None:
    prompt = Prompt(TASKS["RE"], "a b c d e f g", SCHEMA)
    (decoded,) = run(flat_scores(stop=-50), [prompt])
    encoded = ENCODER.encode(prompt)
    assert not decoded.complete
    assert len(decoded.log_probs) == step_limit(encoded)
    result = answer(prompt, encoded, decoded)
    assert [issue.kind for issue in result.issues] == ["step-limit"]
    assert len(result.relations) == step_limit(encoded) // 5
    check_items(result, encoded)


def test_a_prompt_at_the_limit_holds_up_no_other() -> None:
    endless = Prompt(TASKS["RE"], "a b c d e f g", SCHEMA)
    short = Prompt(TASKS["ES"], "a", SCHEMA)
    first, second = run(flat_scores(stop=-50), [endless, short])
    assert (first.complete, second.complete) == (False, True)
    assert [item.values for item in second.items] == [(0, 0)]


def test_finished_walks_leave_the_batch() -> None:
    asked = [Prompt(TASKS["NER"], "a b", SCHEMA)] * 4
    backend = ScriptedBackend(flat_scores(stop=50))
    batch = pad([ENCODER.encode(prompt) for prompt in asked], pad_id=0)
    assert all(d.complete and not d.items for d in greedy(backend, asked, batch))
    assert backend.steps == 1


@pytest.mark.parametrize("size", [0, 2])
def test_nothing_given_asks_the_model_nothing(size: int) -> None:
    prompt = Prompt(TASKS["ET"], "a b", SCHEMA, Extraction())
    (decoded,) = run(flat_scores(), [prompt], size)
    assert (decoded.items, decoded.log_probs, decoded.complete) == ((), (), True)


def test_scores_of_an_item_are_its_free_moves() -> None:
    prompt = Prompt(TASKS["NER"], "a", SCHEMA)
    encoded = ENCODER.encode(prompt)
    (decoded,) = run(flat_scores(stop=-1), [prompt])
    result = answer(prompt, encoded, decoded)
    start = 1 / (1 + math.exp(-1))
    assert [e.moves for e in result.entities] == [
        pytest.approx((start, 1.0, 0.5)),
        pytest.approx((start, 1.0, 1.0)),  # the second label is all that is left to say
    ]
    assert result.entities[0].score == pytest.approx(start / 2)
    assert decoded.log_prob == pytest.approx(math.fsum(decoded.log_probs))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("task", ["NER", "RE", "EE"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_broken_weights_cannot_break_the_grammar(bad: float, task: str) -> None:
    prompt = Prompt(TASKS[task], "Ann saw Bob.", SCHEMA)  # type: ignore[index]

    def scorer(prompt: bytes, history: History, length: int) -> np.ndarray:
        return np.full(length, bad, np.float32)

    (decoded,) = run(scorer, [prompt])
    result = answer(prompt, ENCODER.encode(prompt), decoded)
    places = result.extraction.mentions()
    assert all(m.span and result.text[m.span.start : m.span.end] == m.text for m in places)
