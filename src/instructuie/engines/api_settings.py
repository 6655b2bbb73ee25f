"""How an endpoint is called, and the key that opens it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from instructuie.config import make_config, read_values
from instructuie.engines.api_cost import Prices
from instructuie.errors import ConfigError

logger = logging.getLogger(__name__)

Kind = Literal["chat", "completion"]
_HERE = ("localhost", "127.0.0.1", "::1")
_KEY = "INSTRUCTUIE_API_KEY"
_ENDINGS = ("/chat/completions", "/completions")


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The defaults suit extraction: no randomness, and nothing is paid for twice."""

    kind: Kind = "chat"
    """`chat` (messages) or `completion` (the prompt as it is)."""
    system: str = ""
    """The system message, before the prompt; "" for none."""
    max_output_tokens: int = 1024
    max_input_tokens: int = 8192
    """The longest prompt that the model reads; longer texts are read in windows."""
    temperature: float | None = 0.0
    """None leaves it to the endpoint."""
    seed: int | None = 0
    """None leaves it to the endpoint."""
    stop: tuple[str, ...] = ()
    """What ends a completion."""
    log_probs: bool = False
    """Ask for the log-probability of each token; where an endpoint refuses, there are none."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request, as the endpoint knows them."""
    concurrency: int = 8
    """Requests under way at once."""
    timeout: float = 120.0
    """Seconds for one request, from the first byte sent to the last one read."""
    attempts: int = 6
    """How often a request is sent while its failure may pass."""
    wait: float = 1.0
    """Seconds before the second attempt at most; doubled for each further one, and drawn by chance."""
    longest_wait: float = 60.0
    """The most seconds that are waited at once, also where the endpoint asks for more."""
    give_up_after: int = 20
    """So many requests in a row that fail for good end the run."""
    prices: Prices | None = None
    budget: float | None = None
    """The most that may be spent, in the currency of the prices; needs these."""
    job: str = ""
    """Runs and processes of one job share its budget, through the cache; "" for this engine alone."""
    cache: Path | Literal["default"] | None = "default"
    """The file that keeps the answers; `default` is one in the user's cache folder, None is memory."""
    ask_again: bool = False
    """Send a request again whose kept answer is an error, such as a refusal."""
    key_variable: str = ""
    """The environment variable that holds the key; "" looks where `api_key` says."""

    def __post_init__(self) -> None:
        for name in ("max_output_tokens", "max_input_tokens", "concurrency", "attempts"):
            if getattr(self, name) < 1:
                raise ConfigError(f"api.{name} is {getattr(self, name)}, expected at least 1")
        for name in ("timeout", "give_up_after"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"api.{name} is {getattr(self, name)}, expected more than 0")
        if self.kind not in ("chat", "completion"):
            raise ConfigError(f"api.kind is {self.kind!r}, expected chat or completion")
        if self.budget is not None and (self.prices is None or not self.budget >= 0):
            raise ConfigError(
                f"a budget of {self.budget} without what tokens cost, or below 0: give prices too, "
                "such as Prices(input=0.15, output=0.60) for a million tokens"
            )
        taken = {"model", "messages", "prompt", "stream", "n"} & set(self.extra)
        if taken:
            raise ConfigError(f"api.extra holds {', '.join(sorted(taken))}, which is set already")


def load_settings(path: Path) -> ApiSettings:
    """Settings from a TOML file: fields of `ApiSettings` at the top, prices in a table `[prices]`.

    `cache` is a path, `default`, or "" for none. Raises ConfigError that names the file.
    """
    row = read_values(path)
    if isinstance(cache := row.get("cache"), str) and cache != "default":
        row["cache"] = Path(cache).expanduser() if cache else None
    return make_config(ApiSettings, row, source=str(path))


def cache_file(settings: ApiSettings) -> Path | None:
    """Where answers are kept."""
    if settings.cache != "default":
        return settings.cache
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "instructuie" / "api.sqlite3"


def endpoint(api: str, kind: Kind) -> str:
    """The address that requests go to, from the base URL as people write it."""
    base = api.strip().rstrip("/")
    for ending in _ENDINGS:
        base = base.removesuffix(ending)
    try:
        parts = urlsplit(base)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError(
            f"{_without_secrets(api)!r} is no base URL of an endpoint; expected one such as "
            "https://host/v1, without a key in it"
        )
    if not parts.path:
        base += "/v1"
    return base + (_ENDINGS[0] if kind == "chat" else _ENDINGS[1])


def is_here(address: str) -> bool:
    """Whether an address is on this machine."""
    return urlsplit(address).hostname in _HERE


def api_key(address: str, variable: str) -> str:
    """The key from the environment; "" where an endpoint of one's own may do without.

    Without `variable` it is INSTRUCTUIE_API_KEY, or OPENAI_API_KEY for that company's own address: a
    key never goes to a host that it was not made for. Raises ConfigError.
    """
    host = urlsplit(address).hostname or ""
    theirs = host == "openai.com" or host.endswith(".openai.com")
    names = [variable] if variable else [_KEY, *(["OPENAI_API_KEY"] if theirs else [])]
    key = next((os.environ[name].strip() for name in names if os.environ.get(name)), "")
    if not key:
        if variable or theirs:
            raise ConfigError(f"no key for {host}: set the environment variable {names[-1]}")
        return ""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"the key in {' or '.join(names)} holds characters that no key has")
    if address.startswith("http:") and not is_here(address):
        logger.warning("the key goes to %s unencrypted: use https where you can", host)
    return key


def _without_secrets(api: str) -> str:
    return api.partition("?")[0].rpartition("@")[2]
