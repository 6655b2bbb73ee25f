"""The language of OpenAI-compatible endpoints: request bodies, and what answers and errors mean.

Pure functions; nothing here sends anything. An answer is a `Completion` even when it holds no text (a
refusal): it was paid for. A failure that may pass raises `PassingError`, one of this request alone
`RequestError`, one that every request would meet EngineError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from instructuie.engines.api_cost import Usage
from instructuie.engines.api_settings import ApiSettings
from instructuie.engines.base import Completion, Token
from instructuie.errors import EngineError

_PASSING = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_EVERY = (401, 402, 403, 404, 405, 410)
OPTIONAL = ("logprobs", "response_format", "seed", "temperature", "stop")
"""What a request can do without, where an endpoint does not know it."""
_TOO_LONG = re.compile(
    r"context.?(length|window|size)|maximum context|too many tokens|prompt is too long", re.I
)


class PassingError(Exception):
    """It failed, and may go better the next time."""

    def __init__(self, reason: str, *, lost: bool = False, after: float | None = None) -> None:
        super().__init__(reason)
        self.lost = lost
        """Whether there may have been an answer, which then was charged."""
        self.after = after
        """Seconds that the endpoint asks to wait."""


class RequestError(Exception):
    """This request fails, however often it is sent; others may not."""

    def __init__(self, reason: str, *, alone: bool = False) -> None:
        super().__init__(reason)
        self.alone = alone
        """Whether the fault is this request's own: it says nothing about others."""


class UnknownFieldError(Exception):
    """The endpoint does not take an optional field."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion and the tokens that it took; `usage` None where the endpoint does not say."""

    completion: Completion
    usage: Usage | None


def make_body(
    model: str, text: str, settings: ApiSettings, schema: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The request as it is meant; see `fitted` for what an endpoint takes."""
    body: dict[str, Any] = {"model": model}
    if settings.kind == "chat":
        system = [{"role": "system", "content": settings.system}] if settings.system else []
        body["messages"] = [*system, {"role": "user", "content": text}]
    else:
        body["prompt"] = f"{settings.system}\n{text}" if settings.system else text
    body["max_tokens"] = settings.max_output_tokens
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.seed is not None:
        body["seed"] = settings.seed
    if settings.stop:
        body["stop"] = list(settings.stop)
    if settings.log_probs:
        body["logprobs"] = True if settings.kind == "chat" else 1
    if schema is not None:
        named = {"name": "answer", "strict": True, "schema": schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body | dict(settings.extra)


def fitted(body: Mapping[str, Any], unknown: set[str]) -> dict[str, Any]:
    """The body without the fields that an endpoint has refused."""
    row = {name: value for name, value in body.items() if name not in unknown}
    if "max_tokens" in unknown:  # newer models know it by another name only
        row["max_completion_tokens"] = body["max_tokens"]
    return row


def read_answer(content: bytes, content_type: str, kind: str) -> Answer:
    """What an endpoint answered with status 200."""
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        what = f"an answer that is cut off or no JSON ({content_type or 'without a type'})"
        raise PassingError(f"{what}: {_start(content)}", lost=True) from None
    if not isinstance(row, dict):
        raise PassingError(f"an answer that is no JSON object: {_start(content)}", lost=True)
    if row.get("error"):
        code = row["error"].get("code") if isinstance(row["error"], dict) else None
        raise_for(code if isinstance(code, int) else 502, content, {})
    choices = row.get("choices")
    usage = _usage(row.get("usage"))
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return Answer(Completion("", error="the endpoint answered without a choice"), usage)
    return Answer(_completion(choices[0], kind), usage)


def _completion(choice: Mapping[str, Any], kind: str) -> Completion:
    message = choice.get("message") if kind == "chat" else choice
    message = message if isinstance(message, dict) else {}
    text = _joined(message.get("content" if kind == "chat" else "text"))
    reason = choice.get("finish_reason")
    if message.get("refusal"):
        return Completion("", error=f"the model refused: {_short(str(message['refusal']))}")
    if reason == "content_filter":
        return Completion("", error="the endpoint's content filter held the answer back")
    if text is None:
        if reason == "length":
            return Completion("", truncated=True)
        return Completion("", error=f"the answer has no text (it ended with {reason!r})")
    tokens = _tokens(choice.get("logprobs"))
    if "".join(token.text for token in tokens) != text:
        tokens = ()
    return Completion(text, tokens, truncated=reason == "length")


def _joined(content: Any) -> str | None:
    """A text, or the parts that some endpoints cut it into."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _usage(row: Any) -> Usage | None:
    if not isinstance(row, dict):
        return None
    details = row.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts = (row.get("prompt_tokens"), row.get("completion_tokens") or 0, cached or 0)
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None
    read, written, before = counts
    assert isinstance(read, int)
    return Usage(read, written, min(before, read))


def _tokens(row: Any) -> tuple[Token, ...]:
    """The tokens of either kind of endpoint; () where they are not as expected."""
    try:
        if row and row.get("content"):
            return _whole_characters(row["content"])
        if row and row.get("tokens"):
            values = row["token_logprobs"]
            pairs = zip(row["tokens"], values, strict=True)
            return tuple(Token(text, float(value or 0.0)) for text, value in pairs)
    except (TypeError, KeyError, ValueError, AttributeError):
        return ()
    return ()


def _whole_characters(rows: Sequence[Mapping[str, Any]]) -> tuple[Token, ...]:
    """A character may be spread over tokens: those become one."""
    tokens: list[Token] = []
    held, log_prob = b"", 0.0
    for row in rows:
        raw = row.get("bytes")
        held += row["token"].encode() if raw is None else bytes(raw)
        log_prob += float(row["logprob"])
        try:
            tokens.append(Token(held.decode(), log_prob))
        except UnicodeDecodeError:
            continue
        held, log_prob = b"", 0.0
    return tuple(tokens)


def raise_for(status: int, content: bytes, headers: Mapping[str, str]) -> None:
    """The error that a status other than 200 stands for."""
    message, code, field = _error(content)
    shown = f"status {status}: {message}"
    if status == 429 and code in ("insufficient_quota", "billing_hard_limit_reached"):
        raise EngineError(f"the account has no credit left ({shown})")
    if status in _PASSING or status >= 500:
        raise PassingError(shown, after=retry_after(headers))
    if status in _EVERY or 300 <= status < 400:
        raise EngineError(
            f"the endpoint refuses every request ({shown}): check the address, the model's name and "
            "the key"
        )
    if status in (400, 413, 422):
        if code == "context_length_exceeded" or status == 413 or _TOO_LONG.search(message):
            raise RequestError(f"the prompt is too long for the model ({shown})", alone=True)
        for name in (*OPTIONAL, "max_tokens"):
            if field == name or (not field and re.search(rf"\b{name}\b", message)):
                raise UnknownFieldError(name)
    raise RequestError(shown)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a `Retry-After` header asks for, in any of its forms."""
    from email.utils import parsedate_to_datetime
    from time import time

    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) / unit
        if value:
            try:
                return max(0.0, parsedate_to_datetime(value).timestamp() - time())
            except ValueError:
                continue
    return None


def _error(content: bytes) -> tuple[str, str, str]:
    """Message, code and field of an error, in the forms that endpoints have for it."""
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return _start(content), "", ""
    error = row.get("error", row) if isinstance(row, dict) else row
    if not isinstance(error, dict):
        return _short(str(error)), "", ""
    message = error.get("message") or error.get("detail") or error
    field = str(error.get("param") or "")
    return _short(str(message)), str(error.get("code") or ""), field.partition(".")[0]


def _start(content: bytes) -> str:
    return _short(content[:400].decode(errors="replace")) or "nothing"


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= 300 else f"{line[:297]}..."
