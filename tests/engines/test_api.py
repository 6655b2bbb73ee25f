from __future__ import annotations

import json
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from instructuie.engines.api import ApiEngine, ApiSettings
from instructuie.engines.base import Completion
from instructuie.errors import BudgetError, ConfigError, EngineError, MissingExtraError

from .calls import FAST, NAMES, PAID, PRICES, complete, requests
from .endpoint import RIGHT, Endpoint, Fault, answer_text, prompt_of, serve

pytest.importorskip("httpx2")
pytest.importorskip("tenacity")


def script(*faults: Fault) -> Callable[[dict[str, Any], int], Fault]:
    """These faults for the first attempts of every request, none for later ones."""
    return lambda body, times: faults[times] if times < len(faults) else RIGHT


def error(status: int, headers: dict[str, str] | None = None, **fields: str) -> Fault:
    body = json.dumps({"error": {"message": "no", **fields}}).encode()
    return Fault(status, tuple((headers or {}).items()), body)


def test_answers_come_in_order_and_duplicates_are_sent_once(endpoint: Endpoint) -> None:
    texts = [*NAMES, *NAMES[::-1]]
    completions = complete(endpoint, texts)
    assert [c.text for c in completions] == [answer_text(t) for t in texts]
    assert sorted(endpoint.prompts()) == sorted(NAMES)


def test_no_more_requests_are_under_way_than_allowed(endpoint: Endpoint) -> None:
    endpoint.pause = 0.02
    complete(endpoint, NAMES, replace(FAST, concurrency=3))
    assert 1 < endpoint.most_open <= 3


def test_what_is_sent(endpoint: Endpoint) -> None:
    settings = replace(FAST, system="Be short.", stop=("\n",), log_probs=True, extra={"top_k": 1})
    schema = {"type": "object"}
    (completion,) = complete(endpoint, ["Ann"], settings, schema_of=lambda prompt: schema)
    assert endpoint.received == [
        {
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": "Ann"},
            ],
            "max_tokens": 1024,
            "temperature": 0.0,
            "seed": 0,
            "stop": ["\n"],
            "logprobs": True,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
            "top_k": 1,
        }
    ]
    assert [(t.text, t.log_prob) for t in completion.tokens] == [
        ("person", -0.25),
        (": Ann", -0.25),
    ]


def test_the_completion_kind(endpoint: Endpoint) -> None:
    settings = replace(FAST, kind="completion", log_probs=True)
    (completion,) = complete(endpoint, ["Ann"], settings)
    assert completion.text == answer_text("Ann")
    assert [t.log_prob for t in completion.tokens] == [0.0, -0.5]
    assert endpoint.received[0]["prompt"] == "Ann"
    assert endpoint.received[0]["logprobs"] == 1


PASSING = {
    "429": error(429),
    "429 with seconds": error(429, {"Retry-After": "0"}),
    "429 with a date": error(429, {"Retry-After": formatdate(time.time() - 5, usegmt=True)}),
    "429 with nonsense": error(429, {"Retry-After": "soon"}),
    "500": error(500),
    "503 with a page": Fault(503, body=b"<html>busy</html>"),
    "cut JSON": Fault(body=b'{"choices": [{"mess'),
    "cut connection": Fault(cut=20),
    "reset": Fault(reset=True),
    "a page": Fault(headers=(("Content-Type", "text/html"),), body=b"<html>sign in</html>"),
    "an array": Fault(body=b"[]"),
    "nothing": Fault(body=b""),
    "an error in an answer": Fault(body=b'{"error": {"message": "upstream", "code": 502}}'),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_loses_nothing(endpoint: Endpoint, name: str) -> None:
    endpoint.script = script(PASSING[name], PASSING[name])
    names = NAMES[:4]
    completions = complete(endpoint, names)
    assert completions == [Completion(answer_text(t)) for t in names]
    assert len(endpoint.received) == 3 * len(names)
    keys: dict[str, set[str]] = {t: set() for t in names}
    for body, headers in zip(endpoint.received, endpoint.headers, strict=True):
        keys[prompt_of(body)].add(headers["Idempotency-Key"])
    assert all(len(found) == 1 for found in keys.values())


@pytest.mark.parametrize("fault", [Fault(drip=0.3), Fault(hang=3)], ids=["slow bytes", "silence"])
def test_a_time_out_bounds_the_whole_request(endpoint: Endpoint, fault: Fault) -> None:
    endpoint.script = script(fault)
    (completion,) = complete(endpoint, ["Ann"], replace(FAST, timeout=1.0))
    assert completion.text == answer_text("Ann")
    assert endpoint.prompts().count("Ann") >= 2


def test_the_endpoint_is_left_alone_for_as_long_as_it_asks(endpoint: Endpoint) -> None:
    times: list[float] = []

    def slow_down(body: dict[str, Any], count: int) -> Fault:
        times.append(time.monotonic())
        return error(429, {"Retry-After": "1"}) if len(times) == 1 else RIGHT

    endpoint.script = slow_down
    complete(endpoint, NAMES[:3], replace(FAST, concurrency=1))
    assert times[1] - times[0] >= 0.95


def test_a_wait_that_is_too_long_is_said(endpoint: Endpoint) -> None:
    endpoint.script = script(error(429, {"Retry-After": "3600"}))
    (completion,) = complete(endpoint, ["Ann"])
    assert "3600 s" in completion.error
    assert len(endpoint.received) == 1


def test_random_faults_lose_and_repeat_nothing(endpoint: Endpoint, tmp_path: Path) -> None:
    rng = random.Random(7)
    faults = [f for name, f in PASSING.items() if name not in ("a page", "an array", "nothing")]
    plan = {f"Text {n}": [rng.choice(faults) for _ in range(rng.randrange(4))] for n in range(80)}
    endpoint.script = lambda body, times: script(*plan[prompt_of(body)])(body, times)
    settings = replace(FAST, cache=tmp_path / "a.sqlite3", prices=PRICES, job="all")
    completions = complete(endpoint, list(plan), settings)
    assert [c.text for c in completions] == [answer_text(t) for t in plan]
    assert all(endpoint.prompts().count(t) == len(f) + 1 for t, f in plan.items())
    before = len(endpoint.received)
    with ApiEngine(endpoint.address, "tiny", settings) as again:
        assert again.complete(requests(list(plan))) == completions
        assert again.spent.answers == len(plan)
        assert again.spent.cost == pytest.approx(len(plan) * PAID)
    assert len(endpoint.received) == before


FINAL = {
    "no choices": (Fault(body=b'{"choices": []}'), "without a choice"),
    "refusal": (
        Fault(body=b'{"choices": [{"message": {"content": null, "refusal": "I may not."}}]}'),
        "the model refused: I may not.",
    ),
    "filter": (
        Fault(
            body=b'{"choices": [{"message": {"content": "x"}, "finish_reason": "content_filter"}]}'
        ),
        "content filter",
    ),
    "no text": (Fault(body=b'{"choices": [{"message": {}}]}'), "no text"),
    "too long": (
        error(400, code="context_length_exceeded", param="messages"),
        "too long for the model",
    ),
    "too long in other words": (
        error(400, message="This model's maximum context length is 9 tokens, max_tokens too"),
        "too long for the model",
    ),
    "bad request": (error(400, message="bad emoji"), "status 400: bad emoji"),
}


@pytest.mark.parametrize("name", FINAL)
def test_a_request_that_fails_for_good_is_one_error(endpoint: Endpoint, name: str) -> None:
    fault, message = FINAL[name]
    endpoint.script = lambda body, times: fault if prompt_of(body) == "Bob" else RIGHT
    completions = complete(endpoint, ["Ann", "Bob", "Cem"])
    assert [c.text for c in completions] == [answer_text("Ann"), "", answer_text("Cem")]
    assert message in completions[1].error
    assert endpoint.prompts().count("Bob") == 1


def test_an_answer_that_is_an_error_is_asked_again_on_request(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    settings = replace(FAST, cache=tmp_path / "a.sqlite3")
    endpoint.script = script(FINAL["refusal"][0])
    assert complete(endpoint, ["Ann"], settings)[0].error
    assert complete(endpoint, ["Ann"], settings)[0].error
    assert len(endpoint.received) == 1
    assert not complete(endpoint, ["Ann"], replace(settings, ask_again=True))[0].error
    assert len({h["Idempotency-Key"] for h in endpoint.headers}) == 2


def test_attempts_end(endpoint: Endpoint) -> None:
    endpoint.script = lambda body, times: error(500)
    (completion,) = complete(endpoint, ["Ann"], replace(FAST, attempts=3))
    assert "status 500" in completion.error
    assert len(endpoint.received) == 3


def test_an_endpoint_that_only_fails_ends_the_run(endpoint: Endpoint) -> None:
    endpoint.script = lambda body, times: error(500)
    with pytest.raises(EngineError, match="5 requests in a row"):
        complete(endpoint, NAMES, replace(FAST, attempts=1, give_up_after=5, concurrency=1))
    assert len(endpoint.received) == 5


@pytest.mark.parametrize(
    "fault",
    [error(401), error(404), error(429, code="insufficient_quota"), Fault(302, body=b"")],
    ids=["key", "model", "credit", "redirect"],
)
def test_what_every_request_would_meet_ends_the_run(endpoint: Endpoint, fault: Fault) -> None:
    endpoint.script = lambda body, times: fault
    with pytest.raises(EngineError, match=f"status {fault.status}"):
        complete(endpoint, NAMES, replace(FAST, concurrency=2))
    assert len(endpoint.received) <= 2


def test_nobody_there() -> None:
    with serve() as gone:
        address = gone.address
    settings = replace(FAST, attempts=2)
    with (
        ApiEngine(address, "tiny", settings) as engine,
        pytest.raises(EngineError, match="running"),
    ):
        engine.complete(requests(["Ann"]))


@pytest.mark.parametrize("field", ["logprobs", "seed", "temperature", "response_format"])
def test_a_field_that_the_endpoint_refuses_is_left_out(
    endpoint: Endpoint, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = error(400, message=f"Unsupported parameter: '{field}'")
    endpoint.script = lambda body, times: refusal if field in body else RIGHT
    settings = replace(FAST, log_probs=True, attempts=1)
    completions = complete(endpoint, NAMES, settings, schema_of=lambda prompt: {})
    assert not any(c.error for c in completions)
    assert caplog.text.count("is left out") == 1


def test_the_newer_name_of_the_length_limit(endpoint: Endpoint) -> None:
    refusal = error(400, param="max_tokens", code="unsupported_parameter")
    endpoint.script = lambda body, times: refusal if "max_tokens" in body else RIGHT
    assert complete(endpoint, ["Ann"])[0].text == answer_text("Ann")
    assert endpoint.received[-1]["max_completion_tokens"] == 1024


def test_a_length_limit_is_said(endpoint: Endpoint) -> None:
    choice = {"message": {"content": "person: A"}, "finish_reason": "length"}
    endpoint.script = script(Fault(body=json.dumps({"choices": [choice]}).encode()))
    assert complete(endpoint, ["Ann"]) == [Completion("person: A", truncated=True)]


def test_a_budget_stops_before_it_is_passed(endpoint: Endpoint, tmp_path: Path) -> None:
    settings = replace(
        FAST,
        prices=PRICES,
        budget=10.5 * PAID,
        job="j",
        cache=tmp_path / "a.sqlite3",
        max_output_tokens=10,
    )
    with pytest.raises(BudgetError, match="raise the budget"):
        complete(endpoint, NAMES, settings)
    paid = len(endpoint.received)
    assert paid in (9, 10)  # an answer might cost more than it does
    with ApiEngine(endpoint.address, "tiny", settings) as engine:  # after a restart too
        assert engine.spent.cost == pytest.approx(paid * PAID)
        with pytest.raises(BudgetError):
            engine.complete(requests(NAMES))
    assert len(endpoint.received) <= 10
    more = replace(settings, budget=1.0)
    assert all(c.text for c in complete(endpoint, NAMES, more))
    assert len(endpoint.received) == len(NAMES)


def test_a_lost_answer_counts_against_the_budget(endpoint: Endpoint) -> None:
    endpoint.script = lambda body, times: Fault(cut=5)
    settings = replace(
        FAST, prices=PRICES, budget=4 * 1e-3, max_output_tokens=100, concurrency=1, attempts=50
    )
    with pytest.raises(BudgetError):
        complete(endpoint, NAMES, settings)
    assert 1 <= len(endpoint.received) <= 3  # each may have cost more than 1e-3


def test_the_estimate_sends_nothing(endpoint: Endpoint) -> None:
    settings = replace(FAST, prices=PRICES, max_output_tokens=10)
    with ApiEngine(endpoint.address, "tiny", settings) as engine:
        engine.complete(requests(NAMES[:5]))
        estimate = engine.estimate(requests(NAMES))
        assert (estimate.requests, estimate.to_send) == (20, 15)
        assert estimate.output_tokens == 150
        assert estimate.cost is not None
        assert estimate.cost >= 150 * 1e-5
    assert len(endpoint.received) == 5


def test_the_key_is_sent_and_stands_nowhere_else(
    endpoint: Endpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    key = "sk-very-secret-123"
    monkeypatch.setenv("INSTRUCTUIE_API_KEY", key)
    echo = Fault(body=json.dumps({"choices": [{"message": {"refusal": f"bad {key}"}}]}).encode())
    endpoint.script = lambda body, times: echo if prompt_of(body) == "Bob" else RIGHT
    with ApiEngine(endpoint.address, "tiny", replace(FAST, cache=tmp_path / "a.sqlite3")) as engine:
        completions = engine.complete(requests(["Ann", "Bob"]))
        assert key not in repr(vars(engine))
        endpoint.script = lambda body, times: error(401, message=f"wrong key {key}")
        with pytest.raises(EngineError) as raised:
            engine.complete(requests(["Cem"]))
    assert all(h["Authorization"] == f"Bearer {key}" for h in endpoint.headers)
    assert "bad ***" in completions[1].error
    assert key not in str(raised.value)
    assert key not in caplog.text
    assert not any(key.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_settings_are_what_answers_depend_on(endpoint: Endpoint) -> None:
    with (
        ApiEngine(endpoint.address, "tiny", FAST) as one,
        ApiEngine(endpoint.address, "tiny", replace(FAST, attempts=2, prices=PRICES)) as same,
        ApiEngine(endpoint.address, "tiny", replace(FAST, extra={"top_k": 1})) as other,
    ):
        assert json.loads(json.dumps(one.settings())) == same.settings()
        assert one.settings() != other.settings()


def test_a_closed_engine_says_so(endpoint: Endpoint) -> None:
    engine = ApiEngine(endpoint.address, "tiny", FAST)
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.complete(requests(["Ann"]))


def test_an_engine_does_not_outlive_a_fork(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ApiEngine(endpoint.address, "tiny", FAST) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: 1)
            with pytest.raises(EngineError, match="another process"):
                engine.complete(requests(["Ann"]))
        assert engine.complete(requests(["Ann"]))[0].text


@pytest.mark.parametrize("package", ["httpx2", "tenacity"])
def test_a_missing_package_is_said_at_once(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"instructuie\[api\]"):
        ApiEngine("http://localhost:1", "tiny", FAST)


def test_a_budget_needs_prices() -> None:
    with pytest.raises(ConfigError, match="give prices"):
        ApiSettings(budget=1.0)
