from __future__ import annotations

import pytest

from instructuie.errors import TaskError
from instructuie.tasks import ARGUMENT, TASKS, Slot, find_task


def test_the_nine_tasks_of_the_paper() -> None:
    assert list(TASKS) == ["NER", "ES", "ET", "RE", "EP", "EPR", "EE", "EET", "EEA"]
    assert [task.index for task in TASKS.values()] == list(range(9))
    assert all(name == task.name for name, task in TASKS.items())


def test_each_task_belongs_to_a_main_task() -> None:
    mains = {name: task.main for name, task in TASKS.items()}
    assert {name for name, main in mains.items() if name == main} == {"NER", "RE", "EE"}
    for name, main in mains.items():
        assert TASKS[name].options == TASKS[main].options
        # A part of a task fills the same slots in the same order, or fewer.
        assert TASKS[main].item[: len(TASKS[name].item)] == TASKS[name].item


def test_slots_come_in_pairs_of_start_and_end() -> None:
    for task in TASKS.values():
        places = [slot for slot in task.item if slot is not Slot.OPTION]
        assert len(places) in (2, 4)
        assert all(b == a + 1 for a, b in zip(places[::2], places[1::2], strict=True))
        assert task.given < len(task.item) or task.arguments
    assert ARGUMENT[-1] is Slot.ROLE


@pytest.mark.parametrize("name", ["NER", "ner", "Epr", "eea"])
def test_tasks_are_found_in_any_case(name: str) -> None:
    assert find_task(name) is TASKS[name.upper()]  # type: ignore[index]


@pytest.mark.parametrize("name", ["", "NERD", "é", "N E R"])
def test_an_unknown_task_is_an_error(name: str) -> None:
    with pytest.raises(TaskError, match="expected one of NER, ES, ET, RE, EP, EPR, EE, EET, EEA"):
        find_task(name)
