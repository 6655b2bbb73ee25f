from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch

from instructuie.data.mixture import Mixture, MixtureConfig
from instructuie.data.prepared import Prepared
from instructuie.errors import ConfigError
from instructuie.training.batch import Batch, Batches, Position
from instructuie.training.config import TrainConfig
from tests.tiny import prepared, small_sets, toy_encoder

CONFIG = TrainConfig(steps=1, pool=24, batch_tokens=160)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(tmp_path_factory.mktemp("data"), small_sets())


def some(
    data: Prepared, count: int, position: Position | None = None, **changes: Any
) -> list[Batch]:
    mixture = Mixture(data, MixtureConfig(), seed=3)
    batches = Batches(mixture, toy_encoder(), replace(CONFIG, **changes), position or Position())
    return list(islice(batches, count))


def same(first: Batch, second: Batch) -> bool:
    pairs = zip(
        (first.ids, first.mask, first.target, first.legal, first.moves.last, first.moves.slot),
        (
            second.ids,
            second.mask,
            second.target,
            second.legal,
            second.moves.last,
            second.moves.slot,
        ),
        strict=True,
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_worker_processes_change_neither_the_batches_nor_their_order(data: Prepared) -> None:
    alone, together = some(data, 12), some(data, 12, workers=2)
    assert len(alone) == len(together) == 12
    assert all(map(same, alone, together))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_goes_on_from_any_position(data: Prepared, workers: int) -> None:
    every = some(data, 12)
    for count in (1, 5, 9):
        position = Position()
        some(data, count, position)
        assert all(map(same, some(data, 12 - count, position, workers=workers), every[count:]))


def test_a_batch_keeps_to_its_tokens(data: Prepared) -> None:
    for batch in some(data, 12):
        assert batch.ids.numel() <= 160 or batch.examples == 1


def test_a_mixture_that_gives_nothing_is_an_error(data: Prepared) -> None:
    with pytest.raises(ConfigError, match=r"no instance could be used.*too many tokens"):
        some(data, 1, max_tokens=2)
