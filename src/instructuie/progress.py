"""How long-running work tells what it has done: the library takes a `Progress` and prints nothing.

A command line shows a bar, a service counts, a test keeps a list; `Silent` ignores it all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """Told of a piece of work: how much of it there is, and each part when it is done."""

    def start(self, total: int | None, unit: str) -> None:
        """Work begins: `total` units of it, None when nobody knows."""

    def advance(self, count: int = 1) -> None:
        """`count` more units are done."""

    def finish(self) -> None:
        """Work ended, well or not."""


class Silent:
    """Progress that nobody watches."""

    def start(self, total: int | None, unit: str) -> None: ...

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None: ...


class Meter:
    """Counts units and says how fast they come and how long the rest will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.start(None, "units")

    def start(self, total: int | None, unit: str) -> None:
        self.total, self.unit, self.done = total, unit, 0
        self._began = self._clock()

    def advance(self, count: int = 1) -> None:
        self.done += count

    def finish(self) -> None: ...

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    @property
    def rate(self) -> float:
        """Units per second so far."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At this rate, the seconds until all is done; None when that cannot be said."""
        if self.total is None or self.rate == 0:
            return None
        return max(0.0, (self.total - self.done) / self.rate)

    def __str__(self) -> str:
        of_total = "" if self.total is None else f" of {self.total:,}"
        left = self.seconds_left
        rest = "" if left is None else f", {duration(left)} left"
        return f"{self.done:,}{of_total} {self.unit}, {self.rate:,.1f}/s{rest}"


class LogProgress(Meter):
    """Progress in the log: one line every `every` seconds, and one at the end."""

    def __init__(self, every: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        super().__init__(clock)

    def start(self, total: int | None, unit: str) -> None:
        super().start(total, unit)
        self._logged = self._began

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if self._clock() - self._logged >= self._every:
            self._logged = self._clock()
            logger.info("%s", self)

    def finish(self) -> None:
        logger.info("%s in %s", self, duration(self.elapsed))


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3:07 min`, `2:05 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"
