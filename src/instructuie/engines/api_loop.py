"""An event loop in a thread of its own, so that concurrent requests can be awaited from plain code.

A program with a running loop (a notebook, a web server) can call an engine too. Ctrl-C cancels what
is under way, and returns only when it has ended.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")


class Loop:
    """Runs coroutines until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="instructuie-api", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, ValueT]) -> ValueT:
        """The coroutine's result; an exception here, such as KeyboardInterrupt, cancels it."""
        tasks: list[asyncio.Task[ValueT]] = []
        ended = threading.Event()

        def start() -> None:
            tasks.append(self._loop.create_task(work))
            tasks[0].add_done_callback(lambda task: ended.set())

        def cancel() -> None:
            tasks[0].cancel()

        self._loop.call_soon_threadsafe(start)
        try:
            ended.wait()
        except BaseException:
            self._loop.call_soon_threadsafe(cancel)
            ended.wait()
            raise
        return tasks[0].result()

    @property
    def closed(self) -> bool:
        return self._loop.is_closed()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
