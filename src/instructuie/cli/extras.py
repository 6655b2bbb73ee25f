"""Commands that need an extra say which, when it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from instructuie.errors import MissingExtraError


@contextmanager
def needs(feature: str, *, extra: str) -> Iterator[None]:
    """Around the imports of a command: a missing package becomes MissingExtraError."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("instructuie"):
            raise
        raise MissingExtraError(feature, extra=extra) from error
