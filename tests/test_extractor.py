from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.errors import ModelError, SchemaError, TaskError, TextError
from instructuie.extractor import Extractor
from instructuie.pointer.decoder import HEAD_TOKENS, WINDOW_TOKENS
from instructuie.schema import Schema
from instructuie.types import Result
from tests.tiny import exported_folder

SCHEMA = Schema.of(
    entities=["person", "town"],
    relations=["lives in"],
    events={"attack": ["attacker", "target"], "storm": []},
)
LONG = " ".join(f"Ann {n} saw Bob {n} in Oslo." for n in range(60))


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(exported_folder(), threads=1, batch_size=4)


def check(result: Result, schema: Schema = SCHEMA) -> None:
    """Offsets hold and labels are those of the schema."""
    text = result.text
    for mention in result.extraction.mentions():
        assert mention.span is not None
        assert text[mention.span.start : mention.span.end] == mention.text != ""
    assert {e.label for e in result.entities} <= {*schema.entity_names}
    assert {r.label for r in result.relations} <= {*schema.relation_names}
    roles = {e.name: e.role_names for e in schema.events}
    for event in result.events:
        assert all(a.role in roles[event.label] for a in event.arguments)
    assert list(result.entities) == sorted(result.entities, key=lambda e: (e.start, e.end))
    assert result.to_dict()["text"] == text


@settings(max_examples=25)
@given(
    st.text(
        st.one_of(st.characters(), st.sampled_from("ab. \x00\u200d\u0301👩🏽北京اש\ud800\n")),
        max_size=60,
    )
)
def test_any_text_is_answered_with_exact_offsets(text: str) -> None:
    result = Extractor(exported_folder(), threads=1).extract(text, SCHEMA)
    assert result.text == text
    check(result)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\x00", "\u0301", "\ud800", "\u200b"])
def test_a_text_without_a_readable_word_is_answered_with_nothing(
    extractor: Extractor, text: str
) -> None:
    result = extractor.extract(text, SCHEMA)
    assert (result.entities, result.relations, result.events) == ((), (), ())
    assert (result.windows, result.truncated) == (1, False)


def test_a_long_text_is_read_in_windows(extractor: Extractor) -> None:
    result = extractor.extract(LONG, SCHEMA, overlap="all")
    check(result)
    assert result.windows > 3
    assert not result.truncated
    starts = [e.start for e in result.entities]
    assert starts
    assert max(starts) > len(LONG) * 0.7
    keys = [(e.start, e.end, e.label) for e in result.entities]
    assert len(set(keys)) == len(keys), "an item of two windows is told twice"


def test_no_prompt_is_longer_than_a_window(extractor: Extractor) -> None:
    for task in ("NER", "RE", "EE"):
        for prompt in extractor.render(LONG, SCHEMA, task=task).split("\n"):
            assert len(prompt.split(" ")) <= WINDOW_TOKENS


def test_an_overflowing_text_can_be_refused_or_cut(extractor: Extractor) -> None:
    with pytest.raises(TextError, match=r"tokens and would be read in \d+ windows of \d+"):
        extractor.extract(LONG, entities=["person"], on_overflow="error")
    cut = extractor.extract(LONG, entities=["person"], on_overflow="truncate")
    assert cut.truncated
    assert cut.windows == 1
    (issue,) = [issue for issue in cut.issues if issue.kind == "truncated"]
    unread = int(issue.message.split()[2])
    assert all(e.end <= len(LONG) - unread for e in cut.entities)
    short = extractor.extract("Ann.", entities=["person"], on_overflow="error")
    assert not short.truncated


def test_many_labels_are_asked_in_groups(extractor: Extractor) -> None:
    labels = ["a", *(f"label {n}" for n in range(49))]
    prompts = extractor.render("Ann saw Bob.", entities=labels).split("\n")
    asked = [prompt.count("[unused1]") for prompt in prompts]
    assert len(prompts) > 2
    assert sum(asked) == 50
    assert max(asked) - min(asked) <= max(asked) // 2
    for prompt in prompts:
        assert len(prompt[: prompt.rindex("[SEP] a ##n ##n")].split()) <= HEAD_TOKENS + 10
    result = extractor.extract("Ann saw Bob.", entities=labels, overlap="all")
    check(result, Schema.of(entities=labels))
    assert result.asked["NER"] == tuple(labels)
    assert result.windows == 1


def test_long_descriptions_are_asked_apart(extractor: Extractor) -> None:
    """Two long ones among many short ones once fell into one prompt that no model could read."""
    labels: dict[str, str] = {f"l{n}": "" for n in range(10)}
    labels |= {f"long {n}": "x" * 90 + " " + "y" * 90 + " " + "z" * 90 for n in range(2)}
    prompts = extractor.render("Ann saw Bob.", entities=labels).split("\n")
    assert all(len(prompt.split(" ")) <= 512 for prompt in prompts)
    assert sum(prompt.count("[unused1]") for prompt in prompts) == 12
    check(extractor.extract("Ann saw Bob.", entities=labels), Schema.of(entities=labels))


def test_a_label_that_no_prompt_can_hold_is_refused(extractor: Extractor) -> None:
    with pytest.raises(SchemaError, match=r"the label 'x' with its description .* takes \d+ tok"):
        extractor.extract("Ann", entities={"x": "word " * 300})


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64])
def test_a_batch_of_any_size_is_many_single_calls(batch_size: int) -> None:
    texts = ["Ann saw Bob in Oslo.", "", "北京 is Peking", LONG[:400], "x", "Eve of Rome. " * 4]
    batched = Extractor(exported_folder(), threads=1, batch_size=batch_size)
    together = batched.extract_batch(texts, SCHEMA)
    assert list(batched.stream(iter(texts), SCHEMA)) == together
    for text, found in zip(texts, together, strict=True):
        alone = batched.extract(text, SCHEMA)
        assert found.extraction == alone.extraction
        assert (found.text, found.windows, found.issues) == (text, alone.windows, alone.issues)
        for one, other in zip(found.entities, alone.entities, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_stream_is_lazy(extractor: Extractor) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "Ann"

    stream = extractor.stream(texts(), entities=["person"])
    next(stream)
    assert taken == 8 * 4


def test_no_texts_no_results(extractor: Extractor) -> None:
    assert extractor.extract_batch([], SCHEMA) == []


def test_progress_counts_texts(extractor: Extractor) -> None:
    class Watch:
        def __init__(self) -> None:
            self.calls: list[object] = []

        def start(self, total: int | None, unit: str) -> None:
            self.calls.append((total, unit))

        def advance(self, count: int = 1) -> None:
            self.calls.append(count)

        def finish(self) -> None:
            self.calls.append("end")

    watch = Watch()
    extractor.extract_batch(["a"] * 40, entities=["person"], progress=watch)
    assert watch.calls == [(40, "texts"), 32, 8, "end"]


def test_a_threshold_leaves_out_the_unsure(extractor: Extractor) -> None:
    every = extractor.extract(LONG[:300], SCHEMA, overlap="all", threshold=0)
    some = extractor.extract(LONG[:300], SCHEMA, overlap="all", threshold=0.3)
    assert [e for e in every.entities if e.score >= 0.3] == list(some.entities)
    assert len(some.entities) < len(every.entities)
    assert all(relation.score >= 0.3 for relation in some.relations)
    assert all(event.score >= 0.3 for event in some.events)
    assert not extractor.extract(LONG, SCHEMA, threshold=1.1).entities


def test_flat_entities_do_not_overlap(extractor: Extractor) -> None:
    found = extractor.extract(LONG, entities=["person", "town"]).entities
    assert found
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_the_answer_sentence_comes_with_the_result(extractor: Extractor) -> None:
    result = extractor.extract("Ann saw Bob.", entities=["person"])
    assert all(e.text in result.sentence("NER") for e in result.entities)


TEXT = "Ann lives in Oslo with Bob."
ANN, OSLO, BOB = (0, 3), (13, 17), (23, 26)


def test_spans_have_no_labels(extractor: Extractor) -> None:
    result = extractor.spans(TEXT, ["person", "town"])
    assert {e.label for e in result.entities} <= {""}
    assert set(result.asked) == {"ES"}


def test_given_spans_are_classified_and_nothing_else(extractor: Extractor) -> None:
    result = extractor.classify(TEXT, [BOB, ANN], ["person", "town"])
    assert {(e.start, e.end) for e in result.entities} <= {ANN, BOB}
    assert len({(e.start, e.end) for e in result.entities}) == len(result.entities)
    assert {e.label for e in result.entities} <= {"person", "town"}


def test_many_labels_for_given_items_leave_one_each(extractor: Extractor) -> None:
    labels = [f"label {n}" for n in range(60)]
    result = extractor.classify(TEXT, [ANN, OSLO], labels)
    assert len({(e.start, e.end) for e in result.entities}) == len(result.entities)
    pairs = extractor.classify_pairs(TEXT, [(ANN, OSLO)], labels).relations
    assert len(pairs) <= 1
    found = extractor.pairs(TEXT, labels).relations
    places = [(r.head, r.tail) for r in found]
    assert len(set(places)) == len(places)


def test_given_pairs_are_classified_and_nothing_else(extractor: Extractor) -> None:
    result = extractor.classify_pairs(TEXT, [(ANN, OSLO), (BOB, ANN)], ["lives in", "knows"])
    found = {((r.head.start, r.head.end), (r.tail.start, r.tail.end)) for r in result.relations}
    assert found <= {(ANN, OSLO), (BOB, ANN)}


def test_triggers_have_no_arguments(extractor: Extractor) -> None:
    result = extractor.triggers(TEXT, {"stay": ["who"]})
    assert not any(event.arguments for event in result.events)


def test_arguments_are_those_of_the_given_event(extractor: Extractor) -> None:
    result = extractor.arguments(TEXT, "stay", (4, 9), ["who", "where"])
    (event,) = result.events
    assert (event.label, event.trigger.text) == ("stay", "lives")
    assert {a.role for a in event.arguments} <= {"who", "where"}


def test_given_items_in_a_long_text_are_asked_about_where_they_stand(extractor: Extractor) -> None:
    places = [(i, i + 3) for i in range(len(LONG)) if LONG.startswith("Bob", i)]
    result = extractor.classify(LONG, places, ["person", "town"])
    check(result)
    assert {(e.start, e.end) for e in result.entities} <= set(places)
    assert result.windows > 2
    apart = extractor.classify_pairs(LONG, [(places[0], places[-1])], ["knows"])
    assert apart.relations == ()
    assert [issue.kind for issue in apart.issues] == ["not-asked"]


@pytest.mark.parametrize("span", [(-1, 3), (3, 3), (5, 2), (0, 28), (27, 28)])
def test_a_given_span_outside_the_text_is_an_error(
    extractor: Extractor, span: tuple[int, int]
) -> None:
    calls: list[Callable[[], Result]] = [
        lambda: extractor.classify(TEXT, [ANN, span], ["person"]),
        lambda: extractor.classify_pairs(TEXT, [(ANN, span)], ["knows"]),
        lambda: extractor.arguments(TEXT, "stay", span, ["who"]),
    ]
    for call in calls:
        with pytest.raises(TaskError, match="does not lie within the text of 27 characters"):
            call()


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({}, SchemaError, "schema is empty"),
        ({"schema": SCHEMA, "entities": ["x"]}, SchemaError, "were both given"),
        ({"schema": SCHEMA, "overlap": "some"}, TextError, "overlap is 'some', expected one of fl"),
        ({"schema": SCHEMA, "on_overflow": "x"}, TextError, "on_overflow is 'x'"),
        ({"schema": SCHEMA, "beam_size": 0}, TextError, "beam_size is 0"),
    ],
)
def test_wrong_arguments_are_named(
    extractor: Extractor, keywords: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        extractor.extract("Ann", **keywords)


def test_what_is_not_text_is_refused(extractor: Extractor) -> None:
    with pytest.raises(TextError, match="a text must be a str, got bytes"):
        extractor.extract(b"Ann", SCHEMA)  # type: ignore[arg-type]


def test_rendering_a_task_without_labels_or_with_given_items_is_refused(
    extractor: Extractor,
) -> None:
    with pytest.raises(TaskError, match="RE asks about relations and the schema has none"):
        extractor.render("Ann", entities=["person"], task="RE")
    with pytest.raises(TaskError, match="render that"):
        extractor.render("Ann", entities=["person"], task="ET")


def test_a_model_that_is_not_there_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="lacks config"):
        Extractor(tmp_path)
    with pytest.raises(ModelError, match="batch_size is 0"):
        Extractor(exported_folder(), batch_size=0)


def test_beam_search_gives_well_formed_results(extractor: Extractor) -> None:
    check(extractor.extract(LONG[:200], SCHEMA, beam_size=3))


def test_one_extractor_serves_several_threads(extractor: Extractor) -> None:
    texts = [LONG[n * 20 : n * 20 + 60] for n in range(12)]
    expected = [extractor.extract(text, SCHEMA) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: extractor.extract(text, SCHEMA), texts))
    assert found == expected


def test_the_card_is_that_of_the_model(extractor: Extractor) -> None:
    assert extractor.card == "# Tiny\n"
