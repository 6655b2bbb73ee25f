from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from instructuie.errors import ConfigError, ModelError
from instructuie.training.text.trainer import train
from tests.tiny import small_sets, write_prepared
from tests.training.outputs import WEIGHTS, rows, weights

from .tiny import causal_folder, settings, t5_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("data") / "small.jsonl.gz", small_sets())


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unbroken run, with dropout."""
    output = tmp_path_factory.mktemp("whole")
    train(settings(t5_folder(0.1)), data, output)
    return output


def losses(output: Path) -> list[float]:
    return [row["loss"] for row in rows(output) if "loss" in row]


def test_one_seed_gives_the_same_bytes(data: Path, whole: Path, tmp_path: Path) -> None:
    train(settings(t5_folder(0.1)), data, tmp_path)
    assert weights(tmp_path) == weights(whole)
    assert losses(tmp_path) == losses(whole)


def test_a_run_writes_its_logs_manifest_and_a_model_that_loads(whole: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    assert [row["step"] for row in rows(whole)] == list(range(1, 9))
    manifest = json.loads((whole / "manifest.json").read_text("utf-8"))
    assert manifest["config"]["train"]["seed"] == 5
    assert set(manifest["versions"]) >= {"instructuie", "torch", "transformers", "python"}
    trained = json.loads((whole / "model" / "training.json").read_text("utf-8"))
    assert trained["steps"] == 8
    assert AutoTokenizer.from_pretrained(whole / "model").eos_token == "</s>"
    model = AutoModelForSeq2SeqLM.from_pretrained(whole / "model")
    assert model.config.use_cache
    assert model.lm_head.weight.data_ptr() != model.shared.weight.data_ptr()
    assert not model.config.scale_decoder_outputs


def test_tensorboard_shows_what_the_log_says(whole: Path) -> None:
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = loading.EventAccumulator(str(whole / "tensorboard"))
    board.Reload()
    shown = [(event.step, round(event.value, 4)) for event in board.Scalars("loss")]
    assert shown == [(row["step"], row["loss"]) for row in rows(whole)]


def test_killed_and_resumed_is_not_killed(data: Path, whole: Path, tmp_path: Path) -> None:
    """SIGKILL after a random step: those since the last checkpoint are run again."""
    stop = Random().randint(1, 7)
    command = [sys.executable, "-m", "tests.training.text.runs"]
    with subprocess.Popen(
        [*command, str(t5_folder(0.1)), str(data), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == f"step {stop}\n":
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    train(settings(t5_folder(0.1)), data, tmp_path)
    assert weights(tmp_path) == weights(whole), f"killed after step {stop}"
    assert losses(tmp_path) == losses(whole)


class Stopped(Exception):
    pass


def train_until(step: int, config: Any, data: Path, output: Path) -> None:
    def progress(row: dict[str, Any]) -> None:
        if row["step"] == step:
            raise Stopped

    with pytest.raises(Stopped):
        train(config, data, output, progress=progress)


@pytest.mark.parametrize("every", [1, 2, 5])
def test_a_run_goes_on_inside_a_pool_of_steps(
    data: Path, whole: Path, tmp_path: Path, every: int
) -> None:
    config = settings(t5_folder(0.1), checkpoint_every=every)
    train_until(every + 1, config, data, tmp_path)
    train(config, data, tmp_path)
    assert weights(tmp_path) == weights(whole)


def test_adapters_and_draws_from_a_mixture_go_on_too(data: Path, tmp_path: Path) -> None:
    config = settings(
        causal_folder(),
        steps=4,
        checkpoint_every=2,
        lora={"rank": 2, "dropout": 0.1},
        mixture={"auxiliary": 0.5},
    )
    train(config, data, tmp_path / "whole")
    train_until(3, config, data, tmp_path / "broken")
    train(config, data, tmp_path / "broken")
    assert weights(tmp_path / "broken") == weights(tmp_path / "whole")
    adapter = "adapter/adapter_model.safetensors"
    assert (tmp_path / "broken" / adapter).read_bytes() == (
        tmp_path / "whole" / adapter
    ).read_bytes()


def test_a_finished_run_is_left_as_it_is(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "again"
    shutil.copytree(whole, output)
    train(settings(t5_folder(0.1)), data, output)
    assert weights(output) == weights(whole)
    assert rows(output) == rows(whole)


def test_other_settings_or_data_do_not_go_on_from_a_checkpoint(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"another run: train\.seed is 6, was 5\. Train as"):
        train(settings(t5_folder(0.1), seed=6), data, whole)
    with pytest.raises(ConfigError, match=r"mixture\.cap is 10000, was absent"):
        train(settings(t5_folder(0.1), mixture={}), data, whole)
    sets = small_sets()
    other = write_prepared(tmp_path / "other.jsonl.gz", {"people": sets["people"]})
    with pytest.raises(ConfigError, match="the data's fingerprint is"):
        train(settings(t5_folder(0.1)), other, whole)
    with pytest.raises(ConfigError, match="holds a checkpoint: resume it"):
        train(settings(t5_folder(0.1)), data, whole, resume=False)


def test_a_run_may_go_on_with_other_log_settings(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "again"
    shutil.copytree(whole, output)
    train(settings(t5_folder(0.1), log_every=2, checkpoint_every=7, threads=2), data, output)
    torch.set_num_threads(1)


def test_a_damaged_checkpoint_is_a_model_error(data: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    (output / "checkpoint" / "shards-0-of-1.safetensors").write_bytes(b"{}")
    with pytest.raises(ModelError, match="is not a checkpoint of this model"):
        train(settings(t5_folder(0.1)), data, output)


@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_parts_of_a_step_add_up_to_the_step(data: Path, tmp_path: Path, kind: str) -> None:
    base = t5_folder() if kind == "t5" else causal_folder()
    train(settings(base, steps=3), data, tmp_path / "few")
    train(settings(base, steps=3, micro_tokens=1), data, tmp_path / "many")
    assert losses(tmp_path / "many") == pytest.approx(losses(tmp_path / "few"), abs=2e-4)


@pytest.mark.parametrize("kind", ["llama", "qwen"])
def test_packed_is_as_good_as_padded(data: Path, tmp_path: Path, kind: str) -> None:
    base = causal_folder(kind)
    train(settings(base, steps=3), data, tmp_path / "padded")
    train(settings(base, steps=3, pack=True), data, tmp_path / "packed")
    assert losses(tmp_path / "packed") == pytest.approx(losses(tmp_path / "padded"), abs=2e-4)


def test_encoder_decoders_cannot_be_packed(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="only decoder-only models can keep apart"):
        train(settings(t5_folder(), pack=True), data, tmp_path)


def test_recomputing_states_changes_nothing(data: Path, tmp_path: Path) -> None:
    lora = {"rank": 2}
    train(settings(causal_folder(), steps=2, lora=lora), data, tmp_path / "plain")
    config = settings(causal_folder(), steps=2, lora=lora, gradient_checkpointing=True)
    train(config, data, tmp_path / "again")
    assert losses(tmp_path / "again") == losses(tmp_path / "plain")


def test_four_bits_need_a_gpu(data: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match=r"QLoRA.* needs a CUDA GPU, and there is none"):
        train(settings(causal_folder(), lora={"bits": 4}), data, tmp_path)


def test_dev_scores_do_not_disturb_training(data: Path, whole: Path, tmp_path: Path) -> None:
    dev = ("people/NER", "homes/RE", "trips/EE")
    config = settings(t5_folder(0.1), dev=dev, dev_every=4, model={"max_target_tokens": 20})
    short = settings(t5_folder(0.1), model={"max_target_tokens": 20})
    train(config, data, tmp_path / "scored")
    train(short, data, tmp_path / "plain")
    assert weights(tmp_path / "scored") == weights(tmp_path / "plain")
    scored = [row for row in rows(tmp_path / "scored") if "dev" in row]
    assert [row["step"] for row in scored] == [4, 8]
    assert {name: set(units) for name, units in scored[0]["dev"].items()} == {
        "people/NER": {"entity"},
        "homes/RE": {"relation"},
        "trips/EE": {"trigger", "argument"},
    }


def test_an_unknown_dev_set_is_an_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names 'typo/NER'"):
        train(settings(t5_folder(), dev=("typo/NER",)), data, tmp_path)


def test_zero_shot_sets_do_not_choose_models(tmp_path: Path) -> None:
    homes = small_sets()["homes"]
    held_out = {**homes, "header": {**homes["header"], "use": "zero-shot"}}
    sets = {"people": small_sets()["people"], "homes": held_out}
    data = write_prepared(tmp_path / "sets.jsonl.gz", sets)
    with pytest.raises(ConfigError, match="'homes/RE', which is kept for zero-shot tests"):
        train(settings(t5_folder(), dev=("homes/RE",)), data, tmp_path / "run")


def test_encoder_decoders_take_adapters_too(data: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM

    config = settings(t5_folder(), steps=3, lora={"rank": 2, "targets": ["q", "v"]})
    folder = train(config, data, tmp_path)
    before, after = map(AutoModelForSeq2SeqLM.from_pretrained, (t5_folder(), folder))
    changed = {
        name.rsplit(".", 2)[-2]
        for name, weight in after.named_parameters()
        if not torch.equal(weight, before.get_parameter(name))
    }
    assert changed == {"q", "v"}


def start(
    count: int, base: Path, data: Path, output: Path, changes: dict[str, Any], **extra: str
) -> list[subprocess.Popen[str]]:
    """`count` processes that find one another as `torchrun` lets them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.training.text.runs"]
    command += [str(base), str(data), str(output), json.dumps(changes)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": str(count)}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **extra}
    return [
        subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(count)
    ]


def launch(
    count: int, base: Path, data: Path, output: Path, changes: dict[str, Any], **extra: str
) -> None:
    """Run in `count` processes to the end."""
    running = start(count, base, data, output, changes, **extra)
    errors = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0] * count, errors[0][-3000:]


def load(output: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(output / "model" / WEIGHTS)


def check_two_are_as_one(
    base: Path, data: Path, folder: Path, changes: dict[str, Any], **extra: str
) -> None:
    launch(2, base, data, folder / "two", changes, **extra)
    train(settings(base, **changes), data, folder / "one")
    assert losses(folder / "two") == pytest.approx(losses(folder / "one"), abs=2e-4)
    one, two = load(folder / "one"), load(folder / "two")
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-4, rtol=1e-3)
    scores = [[row["dev"] for row in rows(folder / n) if "dev" in row] for n in ("one", "two")]
    assert scores[0] == scores[1]


def test_two_processes_do_two_steps_as_one_does(data: Path, tmp_path: Path) -> None:
    """FSDP2 over gloo. One example is left over, so that one process has an empty part.

    The environment is that of `accelerate launch`, with a setting that leaves weights empty.
    """
    changes = {"steps": 2, "batch_size": 5, "micro_tokens": 1, "bucket": 1}
    launcher = {
        "ACCELERATE_USE_FSDP": "true",
        "FSDP_VERSION": "2",
        "FSDP_RESHARD_AFTER_FORWARD": "true",
        "FSDP_CPU_RAM_EFFICIENT_LOADING": "true",
    }
    check_two_are_as_one(t5_folder(), data, tmp_path, changes, **launcher)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["t5", "llama", "lora"])
def test_two_processes_train_as_one_does(data: Path, tmp_path: Path, kind: str) -> None:
    base = t5_folder() if kind == "t5" else causal_folder()
    changes: dict[str, Any] = {"steps": 30, "batch_size": 8, "dev_every": 15}
    changes |= {"dev": ["people/NER", "homes/RE"], "model": {"max_target_tokens": 40}}
    if kind == "lora":
        changes["lora"] = {"rank": 4, "dropout": 0.0}
    check_two_are_as_one(base, data, tmp_path, changes)


@pytest.mark.slow
def test_two_killed_processes_go_on_as_if_they_had_not_been(data: Path, tmp_path: Path) -> None:
    launch(2, t5_folder(0.1), data, tmp_path / "whole", {})
    broken = tmp_path / "broken"
    running = start(2, t5_folder(0.1), data, broken, {})
    assert running[0].stdout is not None
    for line in running[0].stdout:
        if line == "step 5\n":
            break
    for process in running:
        process.kill()
    for process in running:
        process.communicate()
    assert not (broken / "model").exists()
    manifest = json.loads((broken / "checkpoint" / "trainer.json").read_text("utf-8"))
    assert manifest["processes"] == 2
    with pytest.raises(ConfigError, match="processes are 1, were 2"):
        train(settings(t5_folder(0.1)), data, broken)
    launch(2, t5_folder(0.1), data, broken, {})
    assert weights(broken) == weights(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["zero2", "zero3"])
def test_deepspeed_trains_as_torch_does(data: Path, tmp_path: Path, stage: str) -> None:
    pytest.importorskip("deepspeed")
    extra = {
        "ACCELERATE_USE_DEEPSPEED": "true",
        "ACCELERATE_DEEPSPEED_CONFIG_FILE": str(ROOT / "configs" / "deepspeed" / f"{stage}.json"),
        "DS_ACCELERATOR": "cpu",
    }
    changes: dict[str, Any] = {
        "steps": 10,
        "dev": ["people/NER"],
        "model": {"max_target_tokens": 20},
    }
    check_two_are_as_one(t5_folder(), data, tmp_path, changes, **extra)
    shutil.rmtree(tmp_path / "two" / "model")  # a finished run is loaded and written again
    before = losses(tmp_path / "two")
    launch(2, t5_folder(), data, tmp_path / "two", changes, **extra)
    assert losses(tmp_path / "two") == before
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-4, rtol=1e-3)
