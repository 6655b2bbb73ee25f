"""One HTTP request to an endpoint, and its failures in our words: the only file that knows httpx2."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any

from instructuie.engines.api_settings import ApiSettings, is_here
from instructuie.engines.api_wire import Answer, PassingError, RequestError, raise_for, read_answer
from instructuie.errors import ConfigError, EngineError, MissingExtraError


class UnreachableError(PassingError):
    """No connection: nothing was sent."""


class Client:
    """Sends requests to one address; `transport` stands in for the network in tests."""

    def __init__(
        self, address: str, key: str, settings: ApiSettings, transport: Any = None
    ) -> None:
        self._httpx = _httpx()
        self.address, self._key, self._settings = address, key, settings
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._client = self._httpx.AsyncClient(
                headers=headers,
                timeout=self._httpx.Timeout(settings.timeout, connect=min(10, settings.timeout)),
                limits=self._httpx.Limits(max_connections=None),  # the sender counts
                follow_redirects=False,  # a key goes nowhere but where the user sent it
                verify=address.startswith("https:"),  # certificates take a while to load
                trust_env=not is_here(address),  # a proxy cannot reach this machine's own servers
                transport=transport,
            )
        except (ssl.SSLError, OSError, ValueError, ImportError) as error:
            raise ConfigError(f"no HTTP client can be made: {self.hidden(str(error))}") from error

    async def send(self, body: Mapping[str, Any], key: str) -> Answer:
        """One attempt. `key` names the request, for endpoints that charge a repeated one once.

        Raises what `api_wire` raises.
        """
        try:
            async with asyncio.timeout(self._settings.timeout):
                answer = await self._client.post(
                    self.address,
                    content=json.dumps(body).encode(),
                    headers={"Content-Type": "application/json", "Idempotency-Key": key},
                )
        except Exception as error:
            raise translated(error, self._settings.timeout) from error
        if answer.status_code != 200:
            raise_for(answer.status_code, answer.content, answer.headers)
        kind = answer.headers.get("Content-Type", "")
        return read_answer(answer.content, kind, self._settings.kind)

    def hidden(self, message: str) -> str:
        """The message without the key, which some endpoints repeat."""
        return message.replace(self._key, "***") if self._key else message

    async def close(self) -> None:
        await self._client.aclose()


def translated(error: Exception, timeout: float) -> Exception:
    """Our exception for one of sending."""
    httpx = _httpx()
    shown = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnreachableError(f"no connection: {shown}")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.ProxyError):
        return EngineError(f"the endpoint cannot be reached: {shown}")
    if isinstance(error, httpx.LocalProtocolError | httpx.TooManyRedirects):
        return RequestError(shown)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return PassingError(f"no whole answer in {timeout:g} s", lost=True)
    if isinstance(error, httpx.HTTPError | httpx.StreamError | OSError):
        return PassingError(f"the connection failed: {shown}", lost=True)
    return error


def _httpx() -> Any:
    try:
        import httpx2

        return httpx2
    except ModuleNotFoundError as error:
        raise MissingExtraError("calling an endpoint", extra="api") from error
