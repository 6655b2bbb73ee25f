"""What was learnt comes out: train, then answer by the codec and grounding, for both kinds of model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from instructuie.training.text.trainer import train
from tests.tiny import small_sets, write_prepared

from .tiny import causal_folder, settings, t5_folder

DEV = ("people/NER", "homes/RE", "trips/EE")
FIT: dict[str, Any] = {
    "dev": DEV,
    "batch_size": 27,
    "micro_tokens": 8000,
    "learning_rate": 1e-2,
    "warmup": 20,
    "log_every": 50,
    "checkpoint_every": 1000,
    "model": {"max_target_tokens": 60},
}


def scores(output: Path) -> dict[str, float]:
    rows = [json.loads(line) for line in (output / "log.jsonl").read_text("utf-8").splitlines()]
    dev = [row["dev"] for row in rows if "dev" in row][-1]
    return {name: min(units.values()) for name, units in dev.items()}


@pytest.mark.slow
def test_an_encoder_decoder_learns_its_sentences(tmp_path: Path) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    train(settings(t5_folder(), **{**FIT, "steps": 400}), data, tmp_path / "run")
    assert min(scores(tmp_path / "run").values()) > 90


@pytest.mark.slow
def test_adapters_teach_a_decoder_what_it_did_not_know(tmp_path: Path) -> None:
    """A decoder that knows people alone learns homes with its own weights left as they are."""
    sets = small_sets()
    people = write_prepared(tmp_path / "people.jsonl.gz", {"people": sets["people"]})
    homes = write_prepared(tmp_path / "homes.jsonl.gz", {"homes": sets["homes"]})
    whole = {**FIT, "steps": 200, "batch_size": 9, "dev": DEV[:1]}
    train(settings(causal_folder(), **whole), people, tmp_path / "base")
    assert scores(tmp_path / "base") == {"people/NER": 100.0}
    base = tmp_path / "base" / "model"
    lora = {"rank": 16, "alpha": 32, "dropout": 0.0}
    adapted = {**whole, "steps": 300, "pack": True, "dev": DEV[1:2], "lora": lora}
    train(settings(base, **adapted), homes, tmp_path / "run")
    assert scores(tmp_path / "run")["homes/RE"] > 90
    assert {file.name for file in (tmp_path / "run" / "adapter").iterdir()} == {
        *("adapter_config.json", "adapter_model.safetensors")
    }


def test_early_stop_leaves_the_best_model(tmp_path: Path) -> None:
    """Nothing is learnt at a rate of 0, so the first scoring stays the best one."""
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    short = {"model": {"max_target_tokens": 60}, "dev": DEV[:1], "dev_every": 1, "steps": 9}
    config = settings(t5_folder(), learning_rate=0.0, patience=2, **short)
    folder = train(config, data, tmp_path / "run")
    trained = json.loads((folder / "training.json").read_text("utf-8"))
    assert (trained["steps"], trained["best"]["step"]) == (3, 1)
    assert not (tmp_path / "run" / "best").exists()
    before = (folder / "model.safetensors").read_bytes()
    train(config, data, tmp_path / "run")
    assert (folder / "model.safetensors").read_bytes() == before
