from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from instructuie.cli.app import app

from .fakes import FakeExtractor


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> FakeExtractor:
    fake = FakeExtractor()
    for command in ("extract", "render", "info"):
        monkeypatch.setattr(f"instructuie.cli.{command}.load_extractor", lambda *_args, **_kw: fake)
    return fake


@pytest.fixture
def run(extractor: FakeExtractor) -> Callable[..., Any]:
    """Runs the command line with these arguments; `stdin` is text or bytes."""

    def call(*args: object, stdin: str | bytes = "") -> Any:
        return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)

    return call
