"""Completions from any OpenAI-compatible endpoint, each paid for once.

    with ApiEngine("https://host/v1", "some-model", ApiSettings(concurrency=4)) as engine:
        completions = engine.complete(requests)

Answers are kept in a file (`api_store`): a request that was answered is not sent again, by this process
or another, now or later. A request that fails for good is a completion with an `error`. What would
fail for every request ends the run with EngineError; what had been answered by then is kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from instructuie.engines.api_client import Client
from instructuie.engines.api_cost import Estimate, Prices, Spending, Usage, tokens_about
from instructuie.engines.api_loop import Loop
from instructuie.engines.api_sender import Job, Sender, load_tenacity
from instructuie.engines.api_settings import ApiSettings, api_key, cache_file, endpoint
from instructuie.engines.api_store import Store
from instructuie.engines.api_wire import make_body
from instructuie.engines.base import Completion, Request
from instructuie.errors import EngineError
from instructuie.prompt import Prompt

__all__ = ["ApiEngine", "ApiSettings", "Estimate", "Prices", "Spending"]

Body = Mapping[str, Any]
SchemaOf = Callable[[Prompt], Mapping[str, Any] | None]
"""The JSON schema that the answer to a prompt must have; None for plain text."""

_DEFAULTS = ApiSettings()
_ANSWER_SETTINGS = ("kind", "system", "max_output_tokens", "temperature", "seed")


class ApiEngine:
    """An `engines.base.Engine`. `schema_of` has endpoints that can do so write JSON of that schema.

    Raises ConfigError for an address, key or setting that cannot be used, MissingExtraError without
    the extra `api`. May be used by several threads.
    """

    def __init__(
        self,
        api: str,
        model: str,
        settings: ApiSettings = _DEFAULTS,
        *,
        schema_of: SchemaOf | None = None,
        transport: Any = None,
    ) -> None:
        load_tenacity()  # before anything is opened
        self.model, self._settings = model, settings
        self.address = endpoint(api, settings.kind)
        self._schema_of = schema_of
        key = api_key(self.address, settings.key_variable)
        client = Client(self.address, key, settings, transport)
        self._owner, self._calls = uuid4().hex, itertools.count()
        self._store = Store(cache_file(settings), job=settings.job or self._owner)
        self._sender = Sender(client, self._store, settings)
        self._loop, self._process = Loop(), os.getpid()
        # Also at the end of the program, where nobody closed it.
        self._end = weakref.finalize(self, _close, self._process, self._loop, client, self._store)

    @property
    def name(self) -> str:
        return self.model

    @property
    def max_input_tokens(self) -> int:
        return self._settings.max_input_tokens

    @property
    def spent(self) -> Spending:
        """What this engine has spent, or, where the settings name a job, all of that job."""
        return self._store.spent()

    def settings(self) -> Mapping[str, Any]:
        """All that its answers depend on, as JSON values."""
        chosen = self._settings
        return {
            "address": self.address,
            **{name: getattr(chosen, name) for name in _ANSWER_SETTINGS},
            "stop": list(chosen.stop),
            "extra": dict(chosen.extra),
            "json_schema": self._schema_of is not None,
        }

    def count(self, texts: Sequence[str]) -> list[int]:
        return [tokens_about(text) for text in texts]

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Raises EngineError; BudgetError when the rest could cost more than is left.

        What was answered before an exception, or before Ctrl-C, is in the cache.
        """
        if self._loop.closed or self._process != os.getpid():
            raise EngineError("the engine is closed, or of another process; make another")
        bodies = [self._body(request) for request in requests]
        keys = [self._key(body) for body in bodies]
        done = self._loop.run(self._answer_all(dict(zip(keys, bodies, strict=True))))
        return [done[key] for key in keys]

    def estimate(self, requests: Sequence[Request]) -> Estimate:
        """What `complete` would send and cost; sends nothing."""
        bodies = {self._key(body): body for body in map(self._body, requests)}
        new = [body for key, body in bodies.items() if self._sender.kept(key) is None]
        read = sum(tokens_about(json.dumps(body, ensure_ascii=False)) for body in new)
        written = len(new) * self._settings.max_output_tokens
        prices = self._settings.prices
        cost = None if prices is None else prices.of(Usage(read, written))
        return Estimate(len(requests), len(new), read, written, cost)

    def close(self) -> None:
        """End the connections; the engine cannot be used any more."""
        self._end()

    def __enter__(self) -> ApiEngine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _body(self, request: Request) -> Body:
        schema = self._schema_of(request.prompt) if self._schema_of else None
        return make_body(self.model, request.text, self._settings, schema)

    def _key(self, body: Body) -> str:
        row = json.dumps([self.address, body], sort_keys=True)
        return hashlib.sha256(row.encode()).hexdigest()

    async def _answer_all(self, asked: Mapping[str, Body]) -> dict[str, Completion]:
        """Each request once, some at a time. After an error that all would meet, none is begun any
        more, and those under way are waited for: they cost money."""
        done: dict[str, Completion] = {}
        problems: list[EngineError] = []
        waiting = iter(asked.items())
        owner = f"{self._owner}:{next(self._calls)}"

        async def work() -> None:
            for key, body in waiting:
                try:
                    done[key] = await self._sender.answer(Job(key, body, owner))
                except EngineError as error:
                    problems.append(error)
                if problems:
                    return

        await asyncio.gather(*(work() for _ in range(self._settings.concurrency)))
        if problems:
            raise problems[0]
        return done


def _close(process: int, loop: Loop, client: Client, store: Store) -> None:
    if process != os.getpid():  # a fork has no thread that would answer
        return
    loop.run(client.close())
    loop.close()
    store.close()
