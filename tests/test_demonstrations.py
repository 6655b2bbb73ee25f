"""Solved examples before the prompt that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from instructuie.data.demonstrations import Demonstrations
from instructuie.data.record import Record
from instructuie.errors import DataError, ModelError
from instructuie.extractor import Extractor
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.engines.fakes import Scripted

TEXT = "Ann met Bob in Rome."


def solved_record() -> Record:
    text = "Eve left Oslo for Bonn."
    eve, left, oslo = (Mention.of(text, *place) for place in ((0, 3), (4, 8), (9, 13)))
    bonn = Mention.of(text, 18, 22)
    gold = Extraction(
        (Entity("person", eve), Entity("town", oslo), Entity("town", bonn)),
        (Relation("lives in", eve, bonn),),
        (Event("leave", left, (Argument("who", eve), Argument("where", oslo))),),
    )
    return Record(text, gold)


def asked(record: Record, task: str, schema: Schema, given: Extraction | None = None) -> list[str]:
    from instructuie.codec.demonstrations import demonstrated
    from instructuie.codec.formats import PlainFormat

    prompt = Prompt(TASKS[task], TEXT, schema, given or Extraction(), "Do it.")  # type: ignore[index]
    pairs = Demonstrations([record]).solve(prompt)
    return [demonstrated(PlainFormat(), *pair) for pair in pairs]


def test_an_example_is_a_prompt_of_the_same_kind_with_its_answer() -> None:
    schema = Schema.of(entities={"town": "a place"}, relations=["lives in"])
    assert asked(solved_record(), "NER", schema) == [
        "Do it.\nOption: town (a place)\nText: Eve left Oslo for Bonn.\n"
        "Answer: town: Oslo; town: Bonn"
    ]
    assert asked(solved_record(), "RE", schema)[0].endswith("Answer: lives in: Eve, Bonn")
    assert asked(solved_record(), "ES", schema)[0].endswith("Answer: Oslo, Bonn")
    other = Schema.of(entities=["river"])
    assert asked(solved_record(), "NER", other)[0].endswith("Answer: None")


def test_examples_of_events_keep_to_the_roles_that_are_asked_for() -> None:
    schema = Schema.of(events={"leave": ["who"], "meet": ["where"]})
    assert asked(solved_record(), "EE", schema)[0].endswith("Answer: leave: left, who: Eve")
    given = Extraction(events=(Event("leave", Mention.of(TEXT, 4, 7)),))
    told = asked(solved_record(), "EEA", Schema.of(events={"leave": ["who"]}), given)
    assert [row.rpartition("Answer: ")[2] for row in told] == ["who: Eve"]
    given = Extraction(events=(Event("meet", Mention.of(TEXT, 4, 7)),))
    assert asked(solved_record(), "EEA", Schema.of(events={"meet": ["where"]}), given) == []


@pytest.mark.parametrize("task", ["ET", "EPR"])
def test_examples_of_given_items_give_their_own(task: str) -> None:
    given = Extraction(
        (Entity("", Mention.of(TEXT, 0, 3)),),
        (Relation("", Mention.of(TEXT, 0, 3), Mention.of(TEXT, 15, 19)),),
    )
    schema = Schema.of(entities=["person", "town"], relations=["lives in"])
    (example,) = asked(solved_record(), task, schema, given)
    question, _, answer = example.partition("Answer: ")
    assert "Ann" not in question
    assert (
        answer
        == {
            "ET": "person: Eve; town: Oslo; town: Bonn",
            "EPR": "lives in: Eve, Bonn",
        }[task]
    )


def test_a_text_is_no_example_for_itself() -> None:
    record = Record(TEXT, Extraction())
    assert asked(record, "NER", Schema.of(entities=["town"])) == []


def test_as_many_examples_are_shown_as_there_is_room_for() -> None:
    records = [solved_record(), *(Record(f"{n} nothing " * 40, Extraction()) for n in range(3))]
    roomy, tight = (Scripted(lambda _: "town: Rome", max_input_tokens=n) for n in (4096, 80))
    results = [
        Extractor(engine=engine, demonstrations=records).extract(TEXT, entities=["town"])
        for engine in (roomy, tight)
    ]
    assert [r.text.count("Answer:") for r in (roomy.requests[0], tight.requests[0])] == [5, 2]
    plain = tight.requests[0].prompt.plain()
    assert roomy.requests[0].text.endswith("\n\n" + plain)
    assert tight.requests[0].text.endswith("Answer: town: Oslo; town: Bonn\n\n" + plain)
    assert [[e.start for e in result.entities] for result in results] == [[15], [15]]


def test_settings_tell_examples_apart() -> None:
    engine = Scripted(lambda _: "None")
    shown = [
        Extractor(engine=engine, demonstrations=records).settings.get("demonstrations")
        for records in (None, [solved_record()], [Record(TEXT, Extraction())])
    ]
    assert shown[0] is None
    assert len(set(shown)) == 3


def test_json_answers_stand_on_a_line_of_their_own() -> None:
    engine = Scripted(lambda _: "{}")
    extractor = Extractor(engine=engine, prompt_format="json", demonstrations=[solved_record()])
    extractor.extract(TEXT, entities=["person"])
    example = engine.requests[0].text.partition("\n\n")[0]
    answer = json.loads(example.rpartition("\n")[2])
    assert answer == {"entities": [{"label": "person", "text": "Eve"}]}


def test_examples_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "solved.jsonl"
    path.write_text(json.dumps(solved_record().to_dict()) + "\n", encoding="utf-8")
    engine = Scripted(lambda _: "None")
    Extractor(engine=engine, demonstrations=path).extract(TEXT, relations=["lives in"])
    assert "Answer: lives in: Eve, Bonn\n\n" in engine.requests[0].text
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(DataError, match=r"empty\.jsonl"):
        Extractor(engine=engine, demonstrations=empty)
    with pytest.raises(ModelError, match="is no language model"):
        Extractor(demonstrations=path)
