"""Gets one request answered: claims it, sends it until there is an answer, and keeps that.

Every amount that may have been charged is written down before anything else happens: an answer with
its price, and an answer that was lost on the way with the most that it can have cost.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from instructuie.engines.api_client import Client, UnreachableError
from instructuie.engines.api_cost import Usage, tokens_at_most
from instructuie.engines.api_settings import ApiSettings
from instructuie.engines.api_store import Claim, Store
from instructuie.engines.api_wire import (
    Answer,
    PassingError,
    RequestError,
    UnknownFieldError,
    fitted,
)
from instructuie.engines.base import Completion
from instructuie.errors import BudgetError, EngineError, MissingExtraError

if TYPE_CHECKING:
    from tenacity import AsyncRetrying, RetryCallState

logger = logging.getLogger(__name__)

_FRAME_TOKENS = 64
"""More than a chat template puts around the messages."""
_POLL = 0.1
"""Seconds between looks at a request that somebody else is sending."""


@dataclass(frozen=True, slots=True)
class Job:
    """One request on its way."""

    key: str
    body: Mapping[str, Any]
    owner: str
    """Who sends it; another owner of the same request waits for the answer."""


class Sender:
    """Shared by all requests of an engine, and used in its event loop alone."""

    def __init__(self, client: Client, store: Store, settings: ApiSettings) -> None:
        self._client, self._store, self._settings = client, store, settings
        self._unknown: set[str] = set()
        """Optional fields that the endpoint has refused."""
        self._places = asyncio.Semaphore(settings.concurrency)
        self._failed = 0
        """Requests in a row that failed for good."""
        self._resume = 0.0
        """When the endpoint wants to be asked again, by the monotonic clock."""

    def kept(self, key: str) -> Completion | None:
        """The answer that there is already."""
        found = self._store.answer(key)
        return None if found and found.error and self._settings.ask_again else found

    async def answer(self, job: Job) -> Completion:
        """Raises EngineError where other requests would fail too."""
        claim = self._claim_of(job)
        while True:
            kept = self.kept(job.key)
            if kept is not None:
                return kept
            if self._is_ours(claim):
                break
            await asyncio.sleep(_POLL)
        try:
            answer = await self._ask(job, claim)
            return self._keep(claim, answer, job.body)
        except (PassingError, RequestError) as error:
            return self._failure(error)
        except EngineError as error:
            raise type(error)(self._client.hidden(str(error))) from error
        finally:
            self._store.release(claim)

    async def _ask(self, job: Job, claim: Claim) -> Answer:
        async for attempt in self._retrying():
            with attempt:
                if not self._is_ours(claim):
                    raise RequestError("another process took the request over: ask again")
                return await self._send(job, claim)
        raise AssertionError("the last attempt raises")

    async def _send(self, job: Job, claim: Claim) -> Answer:
        """One attempt, without the fields that the endpoint does not know."""
        while True:
            await asyncio.sleep(max(0.0, self._resume - time.monotonic()))
            body = fitted(job.body, self._unknown)
            # An endpoint that knows a repeated request by its key would repeat the refusal too.
            name = f"{job.key}:{job.owner}" if self._settings.ask_again else job.key
            try:
                async with self._places:
                    return await self._client.send(body, name)
            except UnknownFieldError as error:
                self._leave_out(error.field, body)
            except asyncio.CancelledError:
                self._store.lose(claim)
                raise
            except PassingError as error:
                if error.lost:
                    self._store.lose(claim)
                self._heed(error)
                raise

    def _retrying(self) -> AsyncRetrying:
        tenacity, settings = load_tenacity(), self._settings
        grow = tenacity.wait_random_exponential(settings.wait, max=settings.longest_wait)

        def wait(state: RetryCallState) -> float:
            return float(grow(state))

        made: AsyncRetrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(PassingError),
            stop=tenacity.stop_after_attempt(settings.attempts),
            wait=wait,
            reraise=True,
        )
        return made

    def _heed(self, error: PassingError) -> None:
        """Nobody asks before the time that the endpoint has named."""
        if error.after is None:
            return
        if error.after > self._settings.longest_wait:
            raise RequestError(
                f"{error}; it asks to wait {error.after:.0f} s, and longest_wait is "
                f"{self._settings.longest_wait:g}"
            ) from error
        self._resume = max(self._resume, time.monotonic() + error.after)

    def _leave_out(self, field: str, body: Mapping[str, Any]) -> None:
        if field not in body:
            raise RequestError(f"the endpoint refuses the field {field}, which it was not sent")
        if field not in self._unknown:
            self._unknown.add(field)
            logger.warning("%s does not take %r: it is left out", self._client.address, field)

    def _claim_of(self, job: Job) -> Claim:
        settings = self._settings
        bound = 0.0
        if settings.prices is not None:
            limits = (job.body.get(name) or 0 for name in ("max_tokens", "max_completion_tokens"))
            bound = settings.prices.of(Usage(_input_at_most(job.body), max(limits)))
        seconds = settings.timeout + 2 * settings.longest_wait + 60
        return Claim(job.key, job.owner, seconds, bound)

    def _is_ours(self, claim: Claim) -> bool:
        """Claim the request or renew the claim; False while somebody else is at it."""
        settings = self._settings
        claimed = self._store.claim(claim, budget=settings.budget, again=settings.ask_again)
        if claimed == "over budget":
            spent = self._store.spent()
            raise BudgetError(
                f"the next request may cost {claim.bound:.4g}, and of the budget of "
                f"{settings.budget:g} {spent.cost:.4g} are spent ({spent.unclear:.4g} more may be); "
                "the answers so far are kept: raise the budget and run again"
            )
        return claimed == "ours"

    def _keep(self, claim: Claim, answer: Answer, body: Mapping[str, Any]) -> Completion:
        completion = answer.completion
        if completion.error:
            completion = replace(completion, error=self._client.hidden(completion.error))
        usage = answer.usage or Usage(_input_at_most(body), tokens_at_most(completion.text))
        prices = self._settings.prices
        self._store.keep(claim, completion, usage, prices.of(usage) if prices else 0.0)
        self._failed = 0
        return completion

    def _failure(self, error: PassingError | RequestError) -> Completion:
        reason = self._client.hidden(str(error))
        if isinstance(error, UnreachableError):
            raise EngineError(f"{self._client.address}: {reason}; is the server running?")
        if not (isinstance(error, RequestError) and error.alone):
            self._failed += 1
        if self._failed >= self._settings.give_up_after:
            raise EngineError(
                f"{self._client.address}: {self._failed} requests in a row failed for good, the last "
                f"with: {reason}; the answers so far are kept"
            )
        return Completion("", error=reason)


def _input_at_most(body: Mapping[str, Any]) -> int:
    return tokens_at_most(json.dumps(body, ensure_ascii=False)) + _FRAME_TOKENS


def load_tenacity() -> Any:
    """The library that repeats attempts. Raises MissingExtraError."""
    try:
        import tenacity

        return tenacity
    except ModuleNotFoundError as error:
        raise MissingExtraError("calling an endpoint", extra="api") from error
