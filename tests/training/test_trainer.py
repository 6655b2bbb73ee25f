from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from instructuie.errors import ConfigError, ModelError
from instructuie.extractor import Extractor
from instructuie.training.export import export
from instructuie.training.folders import find_checkpoint
from instructuie.training.probes import probe_prompts
from instructuie.training.trainer import train
from tests.tiny import encoder_folder, prepared, small_sets, write_prepared
from tests.training.outputs import WEIGHTS, rows, weights

from .runs import settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("data") / "small.jsonl.gz", small_sets())


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unbroken run."""
    output = tmp_path_factory.mktemp("whole")
    train(settings(encoder_folder()), data, output)
    return output


def losses(output: Path) -> list[tuple[int, float]]:
    return [(row["step"], row["loss"]) for row in rows(output) if "loss" in row]


def test_one_seed_gives_the_same_bytes(data: Path, whole: Path, tmp_path: Path) -> None:
    train(settings(encoder_folder()), data, tmp_path)
    assert weights(tmp_path) == weights(whole)
    for name in (WEIGHTS, "optimizer.safetensors"):
        assert (tmp_path / "checkpoint" / name).read_bytes() == (
            whole / "checkpoint" / name
        ).read_bytes()
    assert losses(tmp_path) == losses(whole)


def test_another_seed_gives_other_weights(data: Path, whole: Path, tmp_path: Path) -> None:
    train(settings(encoder_folder(), seed=6, steps=1), data, tmp_path)
    assert weights(tmp_path) != weights(whole)


def test_a_run_writes_its_log_manifest_and_model(whole: Path) -> None:
    assert [step for step, _ in losses(whole)] == list(range(1, 9))
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["train"]["seed"] == 5
    assert set(manifest["data"]["datasets"]) == {"people", "homes", "trips"}
    assert len(manifest["data"]["fingerprint"]) == 64
    trained = json.loads((whole / "model" / "training.json").read_text("utf-8"))
    assert trained["draws"] > 0
    assert {f.name for f in (whole / "model").iterdir()} == {
        *("config.json", WEIGHTS, "tokenizer.json", "training.json")
    }


def test_killed_and_resumed_is_not_killed(data: Path, whole: Path, tmp_path: Path) -> None:
    """SIGKILL between two checkpoints: the steps since the last one are run again."""
    command = [sys.executable, "-m", "tests.training.runs"]
    with subprocess.Popen(
        [*command, str(encoder_folder()), str(data), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "step 5\n":
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    kept = json.loads((tmp_path / "checkpoint" / "trainer.json").read_text("utf-8"))
    assert kept["step"] in (3, 6)  # 6 if the kill came late
    train(settings(encoder_folder()), data, tmp_path)
    assert weights(tmp_path) == weights(whole)
    assert losses(tmp_path) == losses(whole)


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_resuming_inside_a_pool_of_batches_goes_on_with_the_next_batch(
    data: Path, whole: Path, tmp_path: Path, stop: int
) -> None:
    class Stopped(Exception):
        pass

    def progress(row: dict[str, Any]) -> None:
        if row["step"] == stop + 1:
            raise Stopped

    config = settings(encoder_folder(), checkpoint_every=stop)
    with pytest.raises(Stopped):
        train(config, data, tmp_path, progress=progress)
    train(config, data, tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_a_finished_run_is_left_as_it_is(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "again"
    shutil.copytree(whole, output)
    train(settings(encoder_folder()), data, output)
    assert weights(output) == weights(whole)
    assert rows(output) == rows(whole)


def test_a_run_is_not_overwritten_against_ones_will(data: Path, whole: Path) -> None:
    with pytest.raises(ConfigError, match="holds a checkpoint: resume it, or choose another"):
        train(settings(encoder_folder()), data, whole, resume=False)


def test_other_settings_or_data_do_not_go_on_from_a_checkpoint(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError, match=r"another run: train\.dropout is 0\.2, was 0\.1\. Train as"
    ):
        train(settings(encoder_folder(), dropout=0.2), data, whole)
    other = write_prepared(tmp_path / "other.jsonl.gz", {"people": small_sets()["people"]})
    with pytest.raises(ConfigError, match="the data's fingerprint is"):
        train(settings(encoder_folder()), other, whole)


def test_a_run_may_go_on_with_other_workers(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "again"
    shutil.copytree(whole, output)
    train(settings(encoder_folder(), workers=1, log_every=2), data, output)
    assert weights(output) == weights(whole)


def test_the_previous_checkpoint_counts_when_a_kill_fell_between_two_moves(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    (output / "checkpoint").rename(output / "checkpoint.old")
    (output / "checkpoint.part").mkdir()
    found = find_checkpoint(output / "checkpoint")
    assert found == output / "checkpoint.old"
    train(settings(encoder_folder()), data, output)
    assert weights(output) == weights(whole)


def test_a_damaged_checkpoint_is_a_model_error(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    (output / "checkpoint" / "optimizer.safetensors").write_bytes(b"{}")
    with pytest.raises(ModelError, match="is not a checkpoint of this model"):
        train(settings(encoder_folder()), data, output)


def test_dev_scores_do_not_disturb_training(data: Path, whole: Path, tmp_path: Path) -> None:
    dev = ("people/NER", "homes/RE", "trips/EE")
    train(settings(encoder_folder(), dev=dev, dev_every=3), data, tmp_path)
    assert weights(tmp_path) == weights(whole)
    scored = [row for row in rows(tmp_path) if "dev" in row]
    assert [row["step"] for row in scored] == [3, 6, 8]
    assert {name: set(units) for name, units in scored[0]["dev"].items()} == {
        "people/NER": {"entity"},
        "homes/RE": {"relation"},
        "trips/EE": {"trigger", "argument"},
    }


def test_an_unknown_dev_set_is_an_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names 'typo/NER'"):
        train(settings(encoder_folder(), steps=1, dev=("typo/NER",)), data, tmp_path)


def test_data_that_hold_nothing_to_learn_are_an_error(tmp_path: Path, data: Path) -> None:
    with pytest.raises(ConfigError, match=r"no instance .*too many tokens"):
        train(settings(encoder_folder(), max_tokens=5), data, tmp_path)


@pytest.fixture(scope="module")
def fitted(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows its nine sentences of each task by heart."""
    output = tmp_path_factory.mktemp("fitted")
    mixture = {
        "auxiliary": 0.0,
        "join": 0.0,
        "options": {"drop": 0.0, "foreign": 0.0, "alias": 0.0},
    }
    config = settings(
        encoder_folder(),
        steps=260,
        batch_tokens=800,
        pool=24,
        learning_rate=4e-3,
        encoder_rate=1.0,
        warmup=20,
        dropout=0.0,
        shape_noise=0.0,
        log_every=20,
        checkpoint_every=1000,
        mixture=mixture,
    )
    train(config, data, output)
    return output


@pytest.mark.slow
def test_the_loss_goes_down(fitted: Path) -> None:
    found = [loss for _, loss in losses(fitted)]
    assert found[-1] < 0.1 < 0.5 < found[0]


@pytest.mark.slow
def test_what_was_learnt_comes_out_of_the_extractor(fitted: Path, tmp_path: Path) -> None:
    """End to end: train, export in int8, extract."""
    data = prepared(tmp_path, small_sets())
    probes = probe_prompts(data, per_set=3)
    assert len(probes) == 9
    agreement = export(fitted / "model", tmp_path / "model", probes, min_agreement=0.8)
    assert agreement is not None
    extractor = Extractor(tmp_path / "model", threads=1)
    right = total = 0
    for name, keywords in (
        ("people", {"entities": ["person", "town"]}),
        ("homes", {"relations": ["lives in"]}),
        ("trips", {"events": {"trip": ["who", "where"]}}),
    ):
        for record in data.records[name]["train"]:
            found = extractor.extract(record.text, **keywords).extraction
            gold = record.gold
            total += 1
            right += (
                (name != "people" or found.entities == gold.entities)
                and (name != "homes" or found.relations == gold.relations)
                and (name != "trips" or found.events == gold.events)
            )
    assert right >= 0.9 * total
