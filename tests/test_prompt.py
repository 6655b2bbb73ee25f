from __future__ import annotations

import pytest

from instructuie.errors import TaskError
from instructuie.prompt import Prompt, instruction_pools
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from instructuie.types import Entity, Event, Extraction, Mention, Relation

TEXT = "Ann hit Bob."
ANN, HIT, BOB = Mention.of(TEXT, 0, 3), Mention.of(TEXT, 4, 7), Mention.of(TEXT, 8, 11)
SCHEMA = Schema.of(
    entities=["person", {"name": "town", "description": "a place"}],
    relations=["knows"],
    events=[{"name": "attack", "roles": ["attacker", "target"], "description": "a fight"}, "peace"],
)
GIVEN = Extraction(
    (Entity("", ANN), Entity("", BOB)), (Relation("", ANN, BOB),), (Event("attack", HIT),)
)


@pytest.mark.parametrize("task", list(TASKS))
def test_every_task_has_instructions_of_its_own(task: str) -> None:
    pools = instruction_pools()
    pool = pools[task]  # type: ignore[index]
    assert len(pool) >= 4
    assert len(set(pool)) == len(pool)
    assert all(line == line.strip() and "\n" not in line and line for line in pool)
    first = [pools[name][0] for name in TASKS]
    assert len(set(first)) == 9, "two tasks would read the same at inference"


def test_the_first_instruction_is_the_default() -> None:
    prompt = Prompt(TASKS["NER"], TEXT, SCHEMA)
    assert prompt.instruction == instruction_pools()["NER"][0]
    assert Prompt(TASKS["NER"], TEXT, SCHEMA, instruction="Go.").instruction == "Go."


@pytest.mark.parametrize(
    ("task", "options"),
    [("ET", ["person", "town"]), ("EP", ["knows"]), ("EE", ["attack", "peace"])],
)
def test_options_are_the_labels_of_the_kind_of_the_task(task: str, options: list[str]) -> None:
    prompt = Prompt(TASKS[task], TEXT, SCHEMA)  # type: ignore[index]
    assert [option.name for option in prompt.options] == options


@pytest.mark.parametrize(
    ("task", "line", "given"),
    [
        ("NER", "Option: person, town (a place)", []),
        ("ET", "Option: person, town (a place)", ["Entities: Ann, Bob"]),
        ("EPR", "Option: knows", ["Entity pairs: Ann, Bob"]),
        ("EET", "Option: attack (a fight), peace", []),
        ("EE", "Option: attack (a fight) (attacker, target), peace ()", []),
        (
            "EEA",
            "Option: attack (a fight) (attacker, target), peace ()",
            ["Event: attack: hit"],
        ),
    ],
)
def test_plain_prompts(task: str, line: str, given: list[str]) -> None:
    prompt = Prompt(TASKS[task], TEXT, SCHEMA, GIVEN, "Do it.")  # type: ignore[index]
    assert prompt.plain().split("\n") == ["Do it.", line, f"Text: {TEXT}", *given, "Answer:"]


@pytest.mark.parametrize("count", [0, 2])
def test_eea_asks_about_one_event(count: int) -> None:
    given = Extraction(events=(Event("attack", HIT),) * count)
    with pytest.raises(TaskError, match=f"EEA needs exactly one given event, got {count}"):
        Prompt(TASKS["EEA"], TEXT, SCHEMA, given)


@pytest.mark.parametrize(
    ("task", "schema"),
    [
        ("NER", Schema.of(relations=["knows"])),
        ("EP", Schema.of(entities=["person"])),
        ("EE", Schema.of(entities=["person"])),
    ],
)
def test_a_task_without_options_is_an_error(task: str, schema: Schema) -> None:
    """With nothing to choose from the grammar would have no legal move."""
    with pytest.raises(TaskError, match=rf"{task} asks about \w+ labels and the schema has none"):
        Prompt(TASKS[task], TEXT, schema)  # type: ignore[index]
