"""The parts of the API engine one by one: addresses and keys, prices, store, answers, exceptions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.engines.api_client import translated
from instructuie.engines.api_cost import Prices, Spending, Usage, tokens_about, tokens_at_most
from instructuie.engines.api_settings import ApiSettings, api_key, cache_file, endpoint
from instructuie.engines.api_store import Claim, Store
from instructuie.engines.api_wire import (
    PassingError,
    RequestError,
    UnknownFieldError,
    raise_for,
    read_answer,
    retry_after,
)
from instructuie.engines.base import Completion, Token
from instructuie.errors import ConfigError, EngineError

httpx = pytest.importorskip("httpx2")


@pytest.mark.parametrize(
    ("api", "address"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1/chat/completions"),
        ("https://host/v1/", "https://host/v1/chat/completions"),
        ("https://host/openai/deployments/x", "https://host/openai/deployments/x/chat/completions"),
        ("https://host/v1/chat/completions", "https://host/v1/chat/completions"),
    ],
)
def test_base_urls(api: str, address: str) -> None:
    assert endpoint(api, "chat") == address


@pytest.mark.parametrize(
    "api", ["", "host:80", "ftp://host", "https://", "https://u:secret@host/v1", "http://h:x/v1"]
)
def test_what_is_no_base_url(api: str) -> None:
    with pytest.raises(ConfigError, match="no base URL") as raised:
        endpoint(api, "chat")
    assert "secret" not in str(raised.value)


def test_a_key_goes_only_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INSTRUCTUIE_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", " a \n")
    monkeypatch.setenv("OTHER", "b")
    assert api_key("https://api.openai.com/v1", "") == "a"
    assert api_key("https://openai.com.example.org/v1", "") == ""
    assert api_key("https://example.org/v1", "OTHER") == "b"
    monkeypatch.setenv("INSTRUCTUIE_API_KEY", "c")
    assert api_key("https://example.org/v1", "") == "c"
    monkeypatch.delenv("OTHER")
    with pytest.raises(ConfigError, match="set the environment variable OTHER"):
        api_key("https://example.org/v1", "OTHER")
    monkeypatch.setenv("OTHER", "two words")
    with pytest.raises(ConfigError, match="characters that no key has") as raised:
        api_key("https://example.org/v1", "OTHER")
    assert "two words" not in str(raised.value)


def test_settings_are_checked() -> None:
    wrong: list[dict[str, Any]] = [
        {"concurrency": 0},
        {"timeout": 0.0},
        {"extra": {"messages": []}},
    ]
    for fields in wrong:
        with pytest.raises(ConfigError, match=next(iter(fields))):
            ApiSettings(**fields)


def test_the_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert cache_file(ApiSettings()) == tmp_path / "instructuie" / "api.sqlite3"
    assert cache_file(ApiSettings(cache=None)) is None


def test_prices() -> None:
    usage = Usage(input=1_000_000, output=2_000_000, cached_input=400_000)
    assert Prices(1.0, 10.0).of(usage) == pytest.approx(21.0)
    assert Prices(1.0, 10.0, cached_input=0.5).of(usage) == pytest.approx(20.8)
    with pytest.raises(ConfigError, match=r"prices.input is -1"):
        Prices(-1, 1)


@given(st.text())
def test_the_bound_is_above_the_estimate(text: str) -> None:
    assert tokens_about(text) <= max(1, tokens_at_most(text))


ANSWER = Completion("a: b", (Token("a", -0.5), Token(": b", -1.0)))
CLAIM = Claim("k", "me", 60, 2.0)


def test_an_answer_survives(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "a.sqlite3", job="j")
    assert store.claim(CLAIM, budget=None) == "ours"
    store.keep(CLAIM, ANSWER, Usage(3, 4), 0.5)
    store.close()
    if os.name == "posix":
        assert (tmp_path / "deep" / "a.sqlite3").stat().st_mode & 0o077 == 0
    store = Store(tmp_path / "deep" / "a.sqlite3", job="j")
    assert store.answer("k") == ANSWER
    assert store.claim(CLAIM, budget=None) == "answered"
    assert store.spent() == Spending(1, 3, 4, 0.5)
    store.close()


def test_a_claim_keeps_others_away_while_its_holder_lives(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite3", job="j")
    assert store.claim(CLAIM, budget=None) == "ours"
    assert store.claim(CLAIM, budget=None) == "ours"
    assert store.claim(replace(CLAIM, owner="you"), budget=None) == "taken"
    store.release(replace(CLAIM, owner="you"))
    assert store.claim(replace(CLAIM, owner="you"), budget=None) == "taken"
    store.release(CLAIM)
    assert store.claim(replace(CLAIM, owner="you"), budget=None) == "ours"
    store.close()


def test_the_claim_of_a_dead_process_is_taken_over_and_may_have_cost(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from instructuie.engines.api_store import Claim, Store\n"
        "Store(Path(sys.argv[1]), job='j').claim(Claim('k', 'me', 600, 2.0), budget=None)\n"
        "os._exit(9)"
    )
    path = tmp_path / "a.sqlite3"
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    store = Store(path, job="j")
    assert store.claim(replace(CLAIM, owner="you"), budget=None) == "ours"
    assert store.spent().unclear == 2.0
    store.close()


def test_an_old_claim_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "a.sqlite3", job="j")
    store.claim(CLAIM, budget=None)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    assert store.claim(replace(CLAIM, owner="you"), budget=None) == "ours"
    store.close()


def test_what_is_set_aside_counts(tmp_path: Path) -> None:
    store, other = (Store(tmp_path / "a.sqlite3", job=job) for job in ("j", "another job"))
    assert store.claim(CLAIM, budget=3) == "ours"
    second = replace(CLAIM, key="l")
    assert store.claim(second, budget=3) == "taken"  # it may cost less than was set aside
    assert other.claim(second, budget=3) == "ours"
    other.release(second)
    store.keep(CLAIM, ANSWER, Usage(), 1.0)
    assert store.claim(second, budget=3) == "ours"
    store.lose(second)
    assert store.claim(second, budget=3) == "over budget"
    store.close()
    other.close()


def test_what_is_no_cache(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(EngineError, match="cannot be used"):
        Store(path, job="j")
    with pytest.raises(EngineError, match="cannot be used"):
        Store(tmp_path, job="j")


def test_a_cache_of_another_version(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite3", job="j")
    store._base.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(EngineError, match="version 99"):
        Store(tmp_path / "a.sqlite3", job="j")


def chat(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1}}).encode()


def test_a_character_spread_over_tokens() -> None:
    pieces = [b"a", b"\xf0\x9f", b"\x98\x80"]
    rows = [{"token": "?", "bytes": list(piece), "logprob": -1.0} for piece in pieces]
    answer = read_answer(
        chat(message={"content": "a😀"}, logprobs={"content": rows}), "application/json", "chat"
    )
    assert answer.completion.tokens == (Token("a", -1.0), Token("😀", -2.0))
    assert answer.usage == Usage(1, 0)


@pytest.mark.parametrize(
    "rows", [{}, [], "x", {"content": [{"token": "b", "logprob": -1}]}, {"content": [{}]}, [1]]
)
def test_tokens_that_do_not_fit_are_left_out(rows: Any) -> None:
    answer = read_answer(chat(message={"content": "a"}, logprobs=rows), "", "chat")
    assert answer.completion == Completion("a")


def test_a_text_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "other"}, {"text": "b"}]
    assert read_answer(chat(message={"content": parts}), "", "chat").completion.text == "ab"


@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["choices", "message", "content", "usage", "error", "logprobs", "text"]
                    ),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=12,
        ).map(lambda row: json.dumps(row).encode()),
    ),
    st.sampled_from(["chat", "completion"]),
    st.sampled_from([200, 302, 400, 401, 422, 429, 500, 599]),
)
def test_any_answer_is_an_answer_or_one_of_our_errors(
    content: bytes, kind: str, status: int
) -> None:
    try:
        if status == 200:
            assert isinstance(read_answer(content, "x", kind).completion.text, str)
        else:
            raise_for(status, content, {})
    except (PassingError, RequestError, UnknownFieldError, EngineError):
        pass


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
    ],
)
def test_retry_after(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


EXCEPTIONS = [
    kind
    for name in dir(httpx)
    if isinstance(kind := getattr(httpx, name), type)
    and issubclass(kind, httpx.HTTPError | httpx.InvalidURL | httpx.StreamError)
]


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: str(kind.__name__))
def test_every_exception_of_the_client_is_translated(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, "boom")
    assert isinstance(translated(error, 1.0), PassingError | RequestError | EngineError)
