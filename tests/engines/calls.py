"""What the tests of the API engine call it with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from instructuie.engines.api import ApiEngine, ApiSettings, Prices
from instructuie.engines.base import Completion, Request
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import find_task

from .endpoint import Endpoint

FAST = ApiSettings(wait=0.01, longest_wait=2, timeout=20, cache=None)
PRICES = Prices(input=1.0, output=10.0)
PAID = 100 * 1e-6 + 10 * 1e-5
"""What one answer of the endpoint costs at these prices."""


NAMES = [f"Ann{n}" for n in range(20)]


def requests(texts: Sequence[str]) -> list[Request]:
    schema = Schema.of(entities=["person"])
    return [Request(text, Prompt(find_task("NER"), text, schema)) for text in texts]


def complete(
    endpoint: Endpoint, texts: Sequence[str], settings: ApiSettings = FAST, **more: Any
) -> list[Completion]:
    with ApiEngine(endpoint.address, "tiny", settings, **more) as engine:
        return engine.complete(requests(texts))
