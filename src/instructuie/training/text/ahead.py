"""An iterator that a thread runs ahead of, so that texts become tokens while the device computes."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")


class Ahead(Generic[ItemT]):
    """The items of `items` in their order, up to `depth` of them made beforehand.

    An exception of `items` is raised where its item would have come. To be closed when no more are
    wanted.
    """

    def __init__(self, items: Iterator[ItemT], *, depth: int = 4) -> None:
        self._queue: Queue[tuple[ItemT | None, BaseException | None]] = Queue(depth)
        self._closed = Event()
        self._thread = Thread(target=self._make, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[ItemT]:
        return self

    def __next__(self) -> ItemT:
        item, error = self._queue.get()
        if error is not None:
            self._queue.put((None, error))  # an ended iterator stays ended
            raise error
        return item  # type: ignore[return-value]

    def close(self) -> None:
        """Stop the thread, and wait until it has."""
        self._closed.set()
        self._thread.join()

    def _make(self, items: Iterator[ItemT]) -> None:
        try:
            for item in items:
                if not self._put(item, None):
                    return
            self._put(None, StopIteration())
        except BaseException as error:
            self._put(None, error)

    def _put(self, item: ItemT | None, error: BaseException | None) -> bool:
        """False when nobody wants it any more."""
        while not self._closed.is_set():
            try:
                self._queue.put((item, error), timeout=0.1)
                return True
            except Full:
                continue
        return False
