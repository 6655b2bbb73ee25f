"""The answers of an endpoint on disk: what was paid for is kept, and is not paid for again.

One SQLite file, shared by any number of processes. Before a request is sent, its sender claims it and
sets aside the most that it can cost; the answer, its price and the end of the claim are one
transaction. So a kill leaves either a whole answer or a claim that runs out.

Neither prompts nor keys are stored: a request is known by a hash.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from instructuie.engines.api_cost import Spending, Usage
from instructuie.engines.base import Completion, Token
from instructuie.errors import EngineError

_VERSION = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS answer (
    key TEXT PRIMARY KEY, text TEXT, tokens TEXT, truncated INTEGER, error TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claim (
    key TEXT PRIMARY KEY, owner TEXT, host TEXT, pid INTEGER, until REAL, job TEXT, bound REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (
    job TEXT PRIMARY KEY, answers INTEGER, input INTEGER, output INTEGER, cost REAL, unclear REAL
) WITHOUT ROWID;
"""

Claimed = Literal["ours", "taken", "answered", "over budget"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sender asks for before it sends."""

    key: str
    owner: str
    seconds: float
    """How long the claim holds, unless it is renewed."""
    bound: float
    """The most that the answer can cost."""


class Store:
    """Answers, claims and spending; `path` None keeps them in memory. Raises EngineError."""

    def __init__(self, path: Path | None, *, job: str) -> None:
        self._job, self._path = job, path
        self._lock = threading.Lock()
        with self._translated():
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # for its owner's eyes only
            self._base = sqlite3.connect(
                ":memory:" if path is None else path,
                timeout=60,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._prepare()
            except BaseException:
                self._base.close()
                raise

    def _prepare(self) -> None:
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise EngineError(
                f"{self._path}: a cache of version {version}, expected {_VERSION}: "
                "choose another file"
            )
        self._base.executescript(_TABLES)
        self._base.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        with self._lock:
            self._base.close()

    def answer(self, key: str) -> Completion | None:
        """What was answered, if it was."""
        with self._translated(), self._lock:
            row = self._base.execute(
                "SELECT text, tokens, truncated, error FROM answer WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        text, tokens, truncated, error = row
        pieces = tuple(Token(piece, value) for piece, value in json.loads(tokens))
        return Completion(text, pieces, truncated=bool(truncated), error=error)

    def claim(self, claim: Claim, *, budget: float | None, again: bool = False) -> Claimed:
        """Take a request for oneself, or renew that.

        Never more than `budget` is spent or set aside by the job; `taken` is also what is returned
        while others have set too much aside. With `again`, an answer that is an error does not count.
        """
        with self._transaction() as base:
            kept = base.execute("SELECT error FROM answer WHERE key = ?", (claim.key,)).fetchone()
            if kept is not None and not (again and kept[0]):
                return "answered"
            row = base.execute(
                "SELECT owner, host, pid, until, job, bound FROM claim WHERE key = ?", (claim.key,)
            ).fetchone()
            if row is not None and row[0] != claim.owner:
                if _is_held(*row[1:4]):
                    return "taken"
                self._drop(base, claim.key, row[4], unclear=row[5])
                row = None
            if budget is not None:
                spent, aside = self._committed(base, claim.key)
                if spent + claim.bound > budget:
                    return "over budget"
                if (
                    spent + aside + claim.bound > budget
                ):  # two that renew must not wait for each other
                    return "taken" if row is None else "over budget"
            who = (claim.owner, platform.node(), os.getpid(), time.time() + claim.seconds)
            base.execute(
                "INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)",
                (claim.key, *who, self._job, claim.bound),
            )
        return "ours"

    def keep(self, claim: Claim, completion: Completion, usage: Usage, cost: float) -> None:
        """Store an answer and what it cost, and end the claim."""
        tokens = json.dumps([(token.text, token.log_prob) for token in completion.tokens])
        with self._transaction() as base:
            base.execute(
                "INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?, ?)",
                (claim.key, completion.text, tokens, completion.truncated, completion.error),
            )
            self._drop(base, claim.key, self._job)
            _add(base, self._job, Spending(1, usage.input, usage.output, cost))

    def lose(self, claim: Claim) -> None:
        """Note that an answer was lost on the way: it may have been charged."""
        with self._transaction() as base:
            _add(base, self._job, Spending(unclear=claim.bound))

    def release(self, claim: Claim) -> None:
        """End a claim, if it still holds."""
        with self._transaction() as base:
            row = base.execute("SELECT owner FROM claim WHERE key = ?", (claim.key,)).fetchone()
            if row is not None and row[0] == claim.owner:
                self._drop(base, claim.key, self._job)

    def spent(self) -> Spending:
        """What the job has spent, over all runs and processes."""
        with self._translated(), self._lock:
            row = self._base.execute(
                "SELECT answers, input, output, cost, unclear FROM spending WHERE job = ?",
                (self._job,),
            ).fetchone()
        return Spending(*row) if row else Spending()

    def _committed(self, base: sqlite3.Connection, key: str) -> tuple[float, float]:
        """What the job has spent or may have, and what is set aside for its other requests."""
        claims = base.execute(
            "SELECT key, bound, host, pid, until FROM claim WHERE job = ? AND key != ?",
            (self._job, key),
        ).fetchall()
        aside = 0.0
        for other, bound, *holder in claims:
            if _is_held(*holder):
                aside += bound
            else:
                self._drop(base, other, self._job, unclear=bound)
        row = base.execute(
            "SELECT cost + unclear FROM spending WHERE job = ?", (self._job,)
        ).fetchone()
        return (row[0] if row else 0.0), aside

    @staticmethod
    def _drop(base: sqlite3.Connection, key: str, job: str, *, unclear: float = 0.0) -> None:
        base.execute("DELETE FROM claim WHERE key = ?", (key,))
        if unclear:
            _add(base, job, Spending(unclear=unclear))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._translated(), self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise EngineError(
                f"the cache {self._path} cannot be used: {error}; choose another file, or one on a "
                "disk of this machine that has room"
            ) from error


def _add(base: sqlite3.Connection, job: str, more: Spending) -> None:
    base.execute(
        "INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job) DO UPDATE SET "
        "answers = answers + excluded.answers, input = input + excluded.input, "
        "output = output + excluded.output, cost = cost + excluded.cost, "
        "unclear = unclear + excluded.unclear",
        (job, more.answers, more.input_tokens, more.output_tokens, more.cost, more.unclear),
    )


def _is_held(host: str, pid: int, until: float) -> bool:
    """Whether somebody may still be at work on a claim."""
    if until < time.time():
        return False
    if host != platform.node() or os.name == "nt":  # where signal 0 is not a mere question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
