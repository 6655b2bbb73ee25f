from __future__ import annotations

from pathlib import Path

import pytest

from instructuie.errors import ConfigError
from instructuie.training.config import PointerTraining
from instructuie.training.kinds import load_training
from instructuie.training.shapes import find_shape
from instructuie.training.text.config import TextTraining

CONFIGS = Path(__file__).parents[2] / "configs"
EVERY = sorted((CONFIGS / "train").glob("*.toml"))


@pytest.mark.parametrize("path", EVERY, ids=[path.stem for path in EVERY])
def test_every_shipped_config_loads(path: Path) -> None:
    config = load_training(path)
    if isinstance(config, TextTraining):
        find_shape(config.model.base or config.model.warm_start)
        assert f"configs/train/{path.name}" in path.read_text("utf-8"), "its command names it"


def test_the_model_table_says_what_is_trained() -> None:
    found = {path.stem: type(load_training(path)) for path in EVERY}
    assert found["builtin"] is PointerTraining
    assert found["flan_t5_small"] is TextTraining
    assert found["minilm_bart"] is TextTraining


def test_the_papers_recipes_are_the_papers() -> None:
    for name in ("paper_supervised", "paper_zero_shot"):
        config = load_training(CONFIGS / "train" / f"{name}.toml")
        assert isinstance(config, TextTraining)
        train = config.train
        assert config.model.base == "google/flan-t5-xxl"
        assert (train.epochs, train.batch_size, train.learning_rate) == (5, 256, 1e-5)
        assert (train.schedule, train.warmup, config.lora) == ("constant", 0, None)
        assert config.model.max_source_tokens == 512


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[model]\nbase='a'\nwarm_start='b'\n[train]\nsteps=1",
            r"one of model\.base and model\.warm",
        ),
        (
            "[model]\nbase='a'\n[train]\nsteps=1\nepochs=1",
            r"one of train\.epochs .* and train\.steps",
        ),
        (
            "[model]\nbase='a'\n[train]\nsteps=1\nschedule='up'",
            "expected one of constant, linear, cos",
        ),
        ("[model]\nbase='a'\n[train]\nsteps=1\npatience=2", r"train\.patience needs train\.dev"),
        (
            "[model]\nbase='a'\n[train]\nepochs=1\n[mixture]",
            r"give train\.steps, not train\.epochs",
        ),
        ("[model]\nbase='a'\n[train]\nsteps=1\n[lora]\nbits=3", r"lora\.bits is 3, expected 4"),
        ("[model]\nbase='a'\n[train]\nsteps=1\nbatch=3", "can not match .*batch|unexpected keys"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_training(path)


@pytest.mark.parametrize("name", ["fsdp2", "fsdp2_offload", "zero2", "zero3", "zero3_offload"])
def test_launcher_files_name_files_that_are_there(name: str) -> None:
    import json

    import yaml  # type: ignore[import-untyped, unused-ignore]

    path = CONFIGS / "accelerate" / f"{name}.yaml"
    row = yaml.safe_load(path.read_text("utf-8"))
    read = pytest.importorskip("accelerate.commands.config.config_args").load_config_from_file
    assert read(str(path)).num_processes == 8  # it refuses keys that it does not know
    assert row["num_processes"] == 8
    if row["distributed_type"] == "FSDP":
        assert row["fsdp_config"]["fsdp_version"] == 2
    else:
        file = CONFIGS.parent / row["deepspeed_config"]["deepspeed_config_file"]
        stage = json.loads(file.read_text("utf-8"))["zero_optimization"]["stage"]
        assert str(stage) in name
