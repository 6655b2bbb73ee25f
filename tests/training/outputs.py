"""What a training run leaves in its folder, as tests of both kinds of model look at it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"


def rows(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "log.jsonl").read_text("utf-8").splitlines()]


def weights(output: Path) -> bytes:
    return (output / "model" / WEIGHTS).read_bytes()
