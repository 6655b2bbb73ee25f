from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.codec.sel import SelFormat, read, verbalize
from instructuie.errors import TaskError
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.codec.test_codec import EXTRACTIONS, said

SCHEMA = Schema.of(entities=["person", "town"], relations=["lives in"], events={"hit": ["who"]})
ANN, OSLO = Mention("Ann"), Mention("Oslo")
E0, E1, E5, E6 = "<extra_id_0>", "<extra_id_1>", "<extra_id_5>", "<extra_id_6>"


@settings(max_examples=80)
@pytest.mark.parametrize("task", [name for name, task in TASKS.items() if not task.given])
@given(extraction=EXTRACTIONS)
def test_read_undoes_verbalize(task: str, extraction: Extraction) -> None:
    found = TASKS[task]  # type: ignore[index]
    parsed = read(found, verbalize(found, extraction))
    expected = said(task, extraction)
    assert parsed.issues == ()
    assert parsed.extraction.entities == expected.entities
    # Relations stand at their heads, so those of one head come together.
    assert Counter(parsed.extraction.relations) == Counter(expected.relations)
    assert parsed.extraction.events == expected.events
    items = max(len(expected.entities), len(expected.relations), len(expected.events))
    assert len(parsed.places) == items


def test_the_language_is_that_of_uie() -> None:
    extraction = Extraction(
        (Entity("person", ANN), Entity("town", OSLO)), (Relation("lives in", ANN, OSLO),)
    )
    assert verbalize(TASKS["RE"], extraction) == (
        f"{E0} {E0} person {E5} Ann {E0} lives in {E5} Oslo {E1} {E1} {E0} town {E5} Oslo {E1} {E1}"
    )
    assert verbalize(TASKS["NER"], Extraction()) == f"{E0} {E1}"
    events = Extraction(events=(Event("hit", OSLO, (Argument("who", ANN),)),))
    answer = f"{E0} {E0} hit {E5} Oslo {E0} who {E5} Ann {E1} {E1} {E1}"
    assert verbalize(TASKS["EE"], events) == answer


def test_prompts_are_a_list_of_labels() -> None:
    form = SelFormat()
    assert form.render(Prompt(TASKS["RE"], "Ann.", SCHEMA)) == (
        "<spot> person <spot> town <asoc> lives in <extra_id_2> Ann."
    )
    assert form.render(Prompt(TASKS["EE"], "Ann.", SCHEMA)) == (
        "<spot> hit <asoc> who <extra_id_2> Ann."
    )
    given = Extraction((Entity("", Mention.of("Ann.", 0, 3)),))
    with pytest.raises(TaskError, match="ET has given items"):
        form.render(Prompt(TASKS["ET"], "Ann.", SCHEMA, given))


def test_rejected_labels_are_left_out() -> None:
    answer = f"{E0} {E0} town {E5} {E6} {E1} {E0} person {E5} Ann {E0} who {E5} {E6} {E1} {E1} {E1}"
    parsed = read(TASKS["NER"], answer)
    assert (parsed.extraction.entities, parsed.issues) == ((Entity("person", ANN),), ())
    assert read(TASKS["RE"], answer).extraction == Extraction()


def test_brackets_that_are_missing_at_the_end_are_taken_for_closed() -> None:
    parsed = read(TASKS["RE"], f"{E0} {E0} person {E5} Ann {E0} lives in {E5} Oslo")
    assert parsed.extraction.relations == (Relation("lives in", ANN, OSLO),)


@settings(max_examples=100)
@pytest.mark.parametrize("task", ["NER", "RE", "EE"])
@given(
    st.lists(
        st.sampled_from([E0, E1, E5, E6, " ", '"', "\\", "a", "<extra_id_2>", "\n"]), max_size=30
    ).map("".join)
    | st.text()
)
def test_any_string_is_read(task: str, answer: str) -> None:
    parsed = read(TASKS[task], answer)  # type: ignore[index]
    assert {issue.kind for issue in parsed.issues} <= {"unparsable"}
    assert all(0 <= p.own[0] <= p.own[1] <= len(answer) for p in parsed.places)
