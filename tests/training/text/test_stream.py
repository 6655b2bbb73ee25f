from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from instructuie.data.prepared import Prepared, read_prepared
from instructuie.errors import ConfigError
from instructuie.training.text.collate import causal_batch, packed_batch, seq2seq_batch
from instructuie.training.text.config import TextTraining
from instructuie.training.text.examples import Example, Layout, Writer
from instructuie.training.text.stream import Draws, Position, Steps, divide
from tests.tiny import data_set, prepared, record, small_sets, write_prepared

from .tiny import settings, t5_folder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("data") / "small.jsonl.gz", small_sets())


@pytest.fixture(scope="module")
def data(path: Path) -> Prepared:
    return read_prepared(path)


def steps(data: Prepared, config: TextTraining, position: Position | None = None) -> Steps:
    writer = Writer(
        AutoTokenizer.from_pretrained(t5_folder()),
        causal=False,
        max_source=config.model.max_source_tokens,
        max_target=config.model.max_target_tokens,
    )
    return Steps(Draws(data, config), writer, position or Position())


@pytest.mark.parametrize("changes", [{}, {"mixture": {}}, {"options": {"foreign": 0.0}}])
def test_a_stream_goes_on_from_any_place(data: Prepared, changes: dict[str, object]) -> None:
    config = settings(t5_folder(), **changes)
    whole = list(islice(steps(data, config), 12))
    for at in range(11):
        rest = islice(steps(data, config, whole[at].after), 2)
        for step, wanted in zip(rest, whole[at + 1 :], strict=False):
            assert step == wanted


def test_an_epoch_sees_each_question_once(data: Prepared) -> None:
    config = settings(t5_folder(), batch_size=27, bucket=1)
    first, second = islice(steps(data, config), 2)
    assert len({tuple(e.source) for e in first.examples}) == 27
    assert {tuple(e.source) for e in first.examples} == {tuple(e.source) for e in second.examples}
    assert [e.source for e in first.examples] != [e.source for e in second.examples]
    assert second.after.epoch == 1


def test_epochs_are_counted_in_instances_of_the_data(data: Prepared) -> None:
    config = settings(t5_folder(), steps=0, epochs=2.5, batch_size=9)
    assert Draws(data, config).steps() == round(2.5 * 27 / 9)


def test_a_bucket_holds_neighbours_in_length(data: Prepared) -> None:
    config = settings(t5_folder(), batch_size=3, bucket=9)
    drawn = [[e.tokens for e in step.examples] for step in islice(steps(data, config), 9)]
    spread = sum(max(tokens) - min(tokens) for tokens in drawn)
    config = settings(t5_folder(), batch_size=3, bucket=1)
    mixed = [[e.tokens for e in step.examples] for step in islice(steps(data, config), 9)]
    assert spread < sum(max(tokens) - min(tokens) for tokens in mixed) / 2


def test_data_that_cannot_be_used_are_an_error(
    data: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instructuie.training.text.stream._HOPELESS", 30)
    with pytest.raises(ConfigError, match=r"no instance .*passed over: target too long"):
        next(iter(steps(data, settings(t5_folder(), model={"max_target_tokens": 1}))))
    only_dev = prepared(tmp_path, {"a": data_set({"dev": [record("A.", entities=[("x", "A")])]})})
    with pytest.raises(ConfigError, match="no train split to learn from"):
        next(iter(steps(only_dev, settings(t5_folder()))))


lengths = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), min_size=1, max_size=40)


@given(lengths, st.integers(1, 400), st.integers(1, 5), st.sampled_from(Layout))
def test_parts_hold_each_example_once_within_their_size(
    sizes: list[tuple[int, int]], tokens: int, processes: int, layout: Layout
) -> None:
    examples = [Example([0] * s, [1] * t) for s, t in sizes]
    parts = divide(examples, tokens, layout, processes=processes)
    assert len(parts) % processes == 0
    assert sorted(map(id, examples)) == sorted(id(e) for part in parts for e in part)
    assert all(len(part) < 2 or layout.size(part) <= tokens for part in parts)


def test_sizes_are_those_of_the_tensors() -> None:
    examples = [Example([0] * 5, [1] * 2), Example([0] * 3, [1] * 7)]
    batch = seq2seq_batch(examples, pad=0, start=0)
    size = batch.inputs["input_ids"].numel() + batch.labels.numel()
    assert Layout.APART.size(examples) == size
    assert Layout.ROWS.size(examples) == causal_batch(examples, pad=0).inputs["input_ids"].numel()
    assert Layout.PACKED.size(examples) == packed_batch(examples).inputs["input_ids"].numel()


@pytest.mark.parametrize("changes", [{}, {"mixture": {}}])
def test_zero_shot_sets_are_never_learnt_from(tmp_path: Path, changes: dict[str, object]) -> None:
    sets = small_sets()
    held_out = {**sets["homes"], "header": {**sets["homes"]["header"], "use": "zero-shot"}}
    mixed = prepared(tmp_path, {"people": sets["people"], "homes": held_out})
    draws = Draws(mixed, settings(t5_folder(), **changes)).instances(0, 0)
    assert {name for name, _ in islice(draws, 9)} == {"people"}
