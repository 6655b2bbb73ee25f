"""What is measured is what users get: predictions are the answers of the public calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from instructuie.evaluation.predictors import Answer, ExtractorPredictor, to_answer
from instructuie.evaluation.questions import Question
from instructuie.evaluation.suite import Entry
from instructuie.extractor import Extractor
from instructuie.tasks import TASKS, TaskName
from instructuie.types import EntityItem, Extraction, Issue, Mention, Result

from ..tiny import exported_folder
from .test_questions import ask

Call = Callable[[Extractor, Question], Result]


def place(mention: Mention) -> tuple[int, int]:
    assert mention.span is not None
    return mention.span.start, mention.span.end


def extract(extractor: Extractor, q: Question) -> Result:
    return extractor.extract(q.prompt.text, q.prompt.schema, threshold=0.0)


def classify_pairs(extractor: Extractor, q: Question) -> Result:
    pairs = [(place(r.head), place(r.tail)) for r in q.prompt.given.relations]
    labels = q.prompt.schema.relations
    return extractor.classify_pairs(q.prompt.text, pairs, labels, threshold=0.0)


def arguments(extractor: Extractor, q: Question) -> Result:
    (event,), (label,) = q.prompt.given.events, q.prompt.schema.events
    trigger = place(event.trigger)
    return extractor.arguments(q.prompt.text, event.label, trigger, label.roles, threshold=0.0)


CALLS: dict[TaskName, Call] = {
    "NER": extract,
    "ES": lambda x, q: x.spans(q.prompt.text, q.prompt.schema.entities, threshold=0.0),
    "ET": lambda x, q: x.classify(
        q.prompt.text,
        [place(e.mention) for e in q.prompt.given.entities],
        q.prompt.schema.entities,
        threshold=0.0,
    ),
    "RE": extract,
    "EP": lambda x, q: x.pairs(q.prompt.text, q.prompt.schema.relations, threshold=0.0),
    "EPR": classify_pairs,
    "EE": extract,
    "EET": lambda x, q: x.triggers(q.prompt.text, q.prompt.schema.events, threshold=0.0),
    "EEA": arguments,
}


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(exported_folder(), threads=1)


def without_rounding(answers: Sequence[Answer]) -> list[Answer]:
    """Batches of another size may move the last digits of a score."""
    return [Answer(a.predicted, a.completion, None, a.issues) for a in answers]


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_answered_as_its_public_call_does(
    task: TaskName, extractor: Extractor, tmp_path: Path
) -> None:
    entry = Entry("trips" if TASKS[task].options == "event" else "homes", task)
    questions = ask(tmp_path, entry)
    predictor = ExtractorPredictor(extractor, threshold=0.0)
    measured = predictor.answer(questions, entry)
    asked = [to_answer(CALLS[task](extractor, question)) for question in questions]
    assert without_rounding(measured) == without_rounding(asked)
    if task in ("NER", "ES", "EE"):  # an untrained model says nothing to some questions
        assert any(answer.scores for answer in measured)


def test_typed_relations_bring_the_entities_of_a_call_of_their_own(
    extractor: Extractor, tmp_path: Path
) -> None:
    entry = Entry("homes", "RE", units=("relation", "relation-strict"))
    questions = ask(tmp_path, entry)
    measured = ExtractorPredictor(extractor, threshold=0.0).answer(questions, entry)
    asked = [to_answer(extract(extractor, question)) for question in questions]
    assert without_rounding(measured) == without_rounding(asked)


def test_the_best_item_is_kept_whatever_it_scores(extractor: Extractor, tmp_path: Path) -> None:
    questions = ask(tmp_path, Entry("homes", "NER"))
    predictor = ExtractorPredictor(extractor, threshold=1.0)
    some = predictor.answer(questions, Entry("homes", "NER", best=1))
    every = ExtractorPredictor(extractor, threshold=0.0).answer(questions, Entry("homes", "NER"))
    for one, all_of_them in zip(some, every, strict=True):
        if all_of_them.scores:
            assert one.scores == {"entities": (max(all_of_them.scores["entities"]),)}


def test_a_failure_is_no_answer_and_an_empty_answer_is_one() -> None:
    failed = Issue("no-answer", "429 too many requests")
    assert to_answer(Result("Ann")) == Answer(Extraction(), scores={})
    assert to_answer(Result("Ann", issues=(failed,))) == Answer(None, issues=(failed,))
    part = (EntityItem(0, 3, "Ann", "person", 0.5),)
    kept = to_answer(Result("Ann", part, issues=(failed,)))
    assert kept.predicted is not None
    assert len(kept.predicted.entities) == 1


def test_arguments_have_scores_of_their_own(extractor: Extractor, tmp_path: Path) -> None:
    entry = Entry("trips", "EE")
    answers = ExtractorPredictor(extractor, threshold=0.0).answer(ask(tmp_path, entry), entry)
    for answer in answers:
        assert answer.predicted is not None
        count = sum(len(event.arguments) for event in answer.predicted.events)
        assert len((answer.scores or {}).get("arguments", ())) == count
