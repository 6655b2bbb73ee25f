"""What becomes of a native item that breaks its format: the error ends the reading, or is put aside.

A reader calls `refuse` for one bad row, sentence or document and goes on with the next. Unless a
quarantine was set up with `rejects_to`, that raises: no item is dropped without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from instructuie.data.quarantine import Quarantine
from instructuie.errors import DataError

_quarantine: ContextVar[Quarantine | None] = ContextVar("quarantine", default=None)


def refuse(error: DataError) -> None:
    """Raise the error, or put it into the quarantine: the caller then leaves the item out."""
    (_quarantine.get() or Quarantine()).reject(error)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Within this block, what is put aside is not noted: it is when the same file is read elsewhere."""
    noted = _quarantine.get()
    with rejects_to(Quarantine(skip=noted is not None and noted.skip)):
        yield


@contextmanager
def rejects_to(quarantine: Quarantine) -> Iterator[None]:
    """Within this block, errors that are refused go to `quarantine`."""
    token = _quarantine.set(quarantine)
    try:
        yield
    finally:
        _quarantine.reset(token)
