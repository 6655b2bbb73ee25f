"""What gets loaded when: the package is light until it is used, and never needs torch to extract."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRAINING_ONLY = {"torch", "transformers", "safetensors", "onnx"}
HEAVY = TRAINING_ONLY | {"onnxruntime", "tokenizers", "numpy", "rich", "typer", "yaml", "pydantic"}


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running the code."""
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import instructuie") & HEAVY


def test_using_a_schema_loads_nothing_heavy() -> None:
    code = "from instructuie import Schema; Schema.of(entities=['person'])"
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize(
    "module",
    [
        "instructuie.cli.app",
        "instructuie.cli.data",
        "instructuie.cli.evaluate",
        "instructuie.cli.export",
        "instructuie.cli.extract",
        "instructuie.cli.train",
        "instructuie.data.load",
        "instructuie.engines.api",
        "instructuie.evaluation.counts",
        "instructuie.engines",
        "instructuie.engines.constraint",
        "instructuie.engines.ct2",
        "instructuie.engines.replay",
        "instructuie.extractor",
        "instructuie.pointer.runtime",
        "instructuie.text_decoder",
    ],
)
def test_only_training_loads_torch(module: str) -> None:
    assert not loaded_by(f"import {module}") & TRAINING_ONLY


def test_the_command_line_starts_without_the_model_runtime() -> None:
    assert not loaded_by("import instructuie.cli.app") & {"onnxruntime", "tokenizers", "numpy"}
