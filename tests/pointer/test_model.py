from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from instructuie.errors import ModelError
from instructuie.pointer.encoding import pad
from instructuie.pointer.model import DecoderLayer, Moves, PointerModel, warm_start
from instructuie.pointer.stepwise import TorchBackend
from instructuie.pointer.targets import walk
from instructuie.prompt import Prompt
from instructuie.tasks import TASKS
from instructuie.types import Entity, Extraction, Mention
from tests.tiny import MARKERS, encoder_folder, model_folder

from .gold import ENCODER, SCHEMA


@pytest.fixture(scope="module")
def model() -> PointerModel:
    return PointerModel.load(model_folder()).eval()


def test_step_by_step_gives_the_scores_of_teacher_forcing(model: PointerModel) -> None:
    """The cached decoder and the training forward are two writings of the same arithmetic."""
    text = "Ann saw Bob in Oslo."
    prompt = Prompt(TASKS["NER"], text, SCHEMA)
    other = Prompt(TASKS["RE"], "Ann of Rome and Bob of Kyiv saw Eve.", SCHEMA)
    gold = Extraction(tuple(Entity("person", Mention.of(text, a, b)) for a, b in ((0, 3), (8, 11))))
    encoded = ENCODER.encode(prompt)
    steps = walk(prompt, encoded, gold)
    batch = pad([encoded, ENCODER.encode(other)], pad_id=0)
    inputs = [np.stack([x, x]) for x in (steps.last, steps.first, steps.slot)]
    tasks = np.asarray([0, 3], np.int64)
    with torch.no_grad():
        whole = model(
            torch.from_numpy(batch.ids),
            torch.from_numpy(batch.shapes),
            torch.from_numpy(batch.mask),
            Moves(*(torch.from_numpy(x) for x in inputs)),
            torch.from_numpy(tasks),
        ).numpy()
    backend = TorchBackend(model)
    memory = backend.start(batch, tasks)
    for move in range(len(steps.slot)):
        scores, memory = backend.step(memory, *(x[:, move].copy() for x in inputs))
        # They differ by a constant for each move, which no choice among tokens can see.
        difference = scores - whole[:, move]
        for row, mask in zip(difference, batch.mask, strict=True):
            assert np.ptp(row[mask]) < 1e-4


def test_padding_does_not_change_scores(model: PointerModel) -> None:
    rows = [ENCODER.encode(Prompt(TASKS["NER"], text, SCHEMA)) for text in ("Ann", "Ann " * 30)]
    backend = TorchBackend(model)
    zero = np.zeros(1, np.int64)
    scores = []
    for batch in (pad(rows[:1], pad_id=0), pad(rows, pad_id=0)):
        count = len(batch.rows)
        memory = backend.start(batch, np.zeros(count, np.int64))
        inputs = np.zeros(count, np.int64)
        found, _ = backend.step(memory, inputs, inputs, inputs + zero)
        scores.append(found[0, : len(rows[0].ids)])
    assert np.abs(scores[0] - scores[1]).max() < 1e-4


def test_a_saved_model_is_the_same_model(model: PointerModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = PointerModel.load(tmp_path)
    assert again.config == model.config
    assert all(
        torch.equal(one, other)
        for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_the_decoder_starts_from_the_last_layers_of_the_encoder() -> None:
    torch.manual_seed(0)
    warm = warm_start(encoder_folder(), asdict(MARKERS), decoder_layers=1)
    layer = warm.layers[0]
    assert isinstance(layer, DecoderLayer)
    encoder: Any = warm.encoder
    source = encoder.encoder.layer[-1]
    assert torch.equal(layer.cross_q.weight, source.attention.self.query.weight)
    assert torch.equal(layer.inner.weight, source.intermediate.dense.weight)
    states = torch.randn(1, 5, 32)
    key, value = (layer.split(x) for x in layer.cross_kv(states).chunk(2, dim=-1))
    assert key.shape == value.shape == (1, 2, 5, 16)
    assert torch.equal(layer.merge(key), source.attention.self.key(states))


def test_an_unknown_encoder_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load the encoder"):
        warm_start(tmp_path, {})


@pytest.mark.parametrize(
    "config", ["{", "[]", "{}", '{"encoder": {}, "markers": {}}', '{"unknown": 1}']
)
def test_a_damaged_model_is_a_model_error(tmp_path: Path, config: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder(), folder)
    (folder / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(ModelError, match="does not hold a pointer model"):
        PointerModel.load(folder)


def test_weights_of_another_shape_are_a_model_error(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder(), folder)
    row = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    row["decoder_layers"] = 1
    (folder / "config.json").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(ModelError, match="does not hold a pointer model"):
        PointerModel.load(folder)
