from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from transformers import AutoTokenizer

from instructuie.codec import verbalize
from instructuie.data.instance import Instance, plain_instances
from instructuie.data.prepared import Prepared
from instructuie.tasks import find_task
from instructuie.training.text.demonstrations import Demonstrations
from instructuie.training.text.examples import (
    DROPPED,
    LONG_TARGET,
    NO_ROOM,
    OMITTED,
    SHORTENED,
    Writer,
)
from tests.tiny import prepared, small_sets

from .tiny import causal_folder, t5_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("data"), small_sets())


def instance(data: Prepared, name: str = "people", task: str = "NER") -> Instance:
    record = data.records[name]["train"][0]
    return next(iter(plain_instances(record, find_task(task), data.inventories[name])))


def writer(folder: Path, **settings: object) -> Writer:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    causal = folder == causal_folder()
    limits = {"max_source": 400, "max_target": 100, **settings}
    return Writer(tokenizer, causal=causal, **limits)  # type: ignore[arg-type]


def test_an_encoder_decoder_reads_the_prompt_and_says_the_answer(data: Prepared) -> None:
    asked, counts = instance(data), Counter[str]()
    made = writer(t5_folder())
    example = made.write("people", asked, Random(0), counts)
    assert example is not None
    assert made.tokenizer.decode(example.source) == asked.prompt.plain() + "</s>"
    assert made.tokenizer.decode(example.target) == "person: Ann; town: Oslo</s>"
    assert not counts.total()


def test_a_decoder_goes_on_from_the_cue(data: Prepared) -> None:
    made = writer(causal_folder())
    example = made.write("people", instance(data), Random(0), Counter())
    assert example is not None
    assert made.tokenizer.decode(example.source).endswith("\nAnswer:")
    assert made.tokenizer.decode(example.target) == " person: Ann; town: Oslo</s>"
    assert example.source == made.source(instance(data).prompt.plain())


def test_models_that_always_begin_with_a_token_learn_it(data: Prepared) -> None:
    example = writer(t5_folder(), first=2).write("people", instance(data), Random(0), Counter())
    assert example is not None
    assert example.target[0] == 2


def test_what_is_shortened_is_counted(data: Prepared) -> None:
    asked, counts = instance(data), Counter[str]()
    whole = writer(t5_folder()).length(asked.prompt.plain())
    made = writer(t5_folder(), max_source=whole - 1)
    example = made.write("people", asked, Random(0), counts)
    assert example is not None
    assert made.tokenizer.decode(example.source).endswith("\nText: Ann saw Oslo\nAnswer:</s>")
    assert (counts[SHORTENED], counts[DROPPED]) == (1, 0)
    example = writer(t5_folder(), max_source=whole - 4).write("people", asked, Random(0), counts)
    assert example is not None
    assert made.tokenizer.decode(example.target) == "person: Ann</s>"
    assert (counts[SHORTENED], counts[DROPPED]) == (2, 1)


def test_a_prompt_without_room_for_text_and_a_long_target_are_passed_over(data: Prepared) -> None:
    counts = Counter[str]()
    assert (
        writer(t5_folder(), max_source=20).write("people", instance(data), Random(0), counts)
        is None
    )
    assert (
        writer(t5_folder(), max_target=5).write("people", instance(data), Random(0), counts) is None
    )
    assert counts == {NO_ROOM: 1, LONG_TARGET: 1}


def test_demonstrations_stand_before_the_prompt_with_their_answers(data: Prepared) -> None:
    asked, counts = instance(data), Counter[str]()
    made = writer(t5_folder(), max_source=2000, demonstrations=Demonstrations(data, 2))
    prompt = made.ask("people", asked, Random(3), counts)
    assert prompt.endswith(asked.prompt.plain())
    assert prompt.count("Answer:") == 3
    texts = {record.text: record for record in data.records["people"]["train"]}
    for solved in prompt.removesuffix(asked.prompt.plain()).strip().split("\n\n"):
        text = solved.partition("Text: ")[2].partition("\n")[0]
        assert text != asked.prompt.text
        assert solved.endswith(f"Answer: {verbalize('NER', texts[text].gold)}")
    assert not counts.total()


def test_demonstrations_give_way_to_the_text(data: Prepared) -> None:
    asked, counts = instance(data), Counter[str]()
    whole = writer(t5_folder()).length(asked.prompt.plain())
    made = writer(t5_folder(), max_source=2 * whole + 40, demonstrations=Demonstrations(data, 3))
    prompt = made.ask("people", asked, Random(3), counts)
    assert prompt.count("Answer:") == 2
    assert made.length(prompt) <= made.max_source
    assert counts == {OMITTED: 2}


@pytest.mark.parametrize("task", ["ET", "EPR", "EEA"])
def test_demonstrations_of_given_items_give_them_too(data: Prepared, task: str) -> None:
    name = {"ET": "people", "EPR": "homes", "EEA": "trips"}[task]
    found = Demonstrations(data, 1).draw(name, instance(data, name, task), Random(1))
    assert len(found) == 1
    assert instance(data, name, task).prompt.plain().split("\n")[0] == found[0].split("\n")[0]
