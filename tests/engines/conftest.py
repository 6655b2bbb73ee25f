from __future__ import annotations

from collections.abc import Iterator

import pytest

from .endpoint import Endpoint, serve


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serve() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSTRUCTUIE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
