from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instructuie.cli.app import app
from tests.tiny import small_sets, write_prepared

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="needs the extra `train`")
CONFIGS = Path(__file__).parents[2] / "configs" / "train"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_prepared(tmp_path_factory.mktemp("data") / "small.jsonl.gz", small_sets())


def test_a_text_model_is_trained_by_the_same_command(data: Path, tmp_path: Path) -> None:
    from tests.training.text.tiny import t5_folder

    config = tmp_path / "config.toml"
    config.write_text(
        f"[model]\nbase = '{t5_folder()}'\nmax_target_tokens = 30\n"
        "[train]\nepochs = 1\nbatch_size = 9\nprecision = 'fp32'\ndev = ['people/NER']\n",
        encoding="utf-8",
    )
    code, output = run("--config", config, "--data", data, "-o", tmp_path / "run")
    assert code == 0, output
    assert output.strip().endswith(str(tmp_path / "run" / "model"))
    assert "people/NER entity" in output
    trained = json.loads((tmp_path / "run" / "model" / "training.json").read_text("utf-8"))
    assert trained["steps"] == 3
    code, output = run(
        *("--config", config, "--data", data, "-o", tmp_path / "run", "--set", "train.seed=3")
    )
    assert code != 0
    assert "train.seed is 3, was 0" in output


def test_a_plan_says_what_the_11b_needs_and_loads_nothing() -> None:
    code, output = run("--plan", "--config", CONFIGS / "paper_supervised.toml", "--gpus", 8)
    assert code == 0, output
    assert "11,135,332,352, of which 11,135,332,352 learn" in output
    assert "8 x a100-80gb" in output
    assert "fits in 78 GB" in output
    assert "does not fit" not in output
    code, output = run("--plan", "--config", CONFIGS / "paper_supervised.toml", "--gpu", "l4")
    assert "does not fit in 23 GB" in output


def test_a_plan_measures_the_data(data: Path) -> None:
    code, output = run("--plan", "--config", CONFIGS / "flan_t5_small.toml", "--data", data)
    assert code == 0, output
    assert "(measured)" in output
    assert "steps            1: about 0.0 hours" in output


def test_plans_are_for_text_models() -> None:
    code, output = run("--plan", "--config", CONFIGS / "builtin.toml")
    assert code != 0
    assert "--plan is for text models" in output


def test_training_needs_data_and_a_folder() -> None:
    code, output = run("--config", CONFIGS / "flan_t5_small.toml")
    assert code != 0
    assert "training needs --data and --output" in output
