"""An OpenAI-compatible endpoint on this machine, whose every fault is scripted.

It charges for each answer that it has made, whether or not it arrives, and charges a repeated
`Idempotency-Key` once.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """How an answer differs from a right one."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """What is sent in place of the answer."""
    cut: int | None = None
    """The connection ends after so many bytes of the body."""
    drip: float = 0.0
    """Seconds between single bytes."""
    hang: float = 0.0
    """Seconds without a byte."""
    reset: bool = False
    """The connection is reset."""


RIGHT = Fault()
Script = Callable[[dict[str, Any], int], Fault]
"""The fault for a request that comes for the n-th time, counted from 0."""


@dataclass(slots=True)
class Endpoint:
    address: str = ""
    script: Script = lambda body, times: RIGHT
    pause: float = 0.0
    """Seconds that an answer takes."""
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    """By idempotency key: answers that were charged."""
    whole: Counter[str] = field(default_factory=Counter)
    """By prompt: answers that were sent whole."""
    open: int = 0
    most_open: int = 0
    lock: Lock = field(default_factory=Lock)

    def prompts(self) -> list[str]:
        return [prompt_of(body) for body in self.received]


def prompt_of(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"] if "messages" in body else body["prompt"])


def answer_text(prompt: str) -> str:
    """What the endpoint answers to a prompt."""
    return f"person: {prompt}"


def answer_row(body: dict[str, Any]) -> dict[str, Any]:
    text = answer_text(prompt_of(body))
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    pieces = [text[:6], text[6:]]
    if "messages" not in body:
        row: dict[str, Any] = {"text": text, "finish_reason": "stop"}
        if "logprobs" in body:
            row["logprobs"] = {"tokens": pieces, "token_logprobs": [None, -0.5]}
        return {"choices": [row], "usage": usage}
    row = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if body.get("logprobs"):
        row["logprobs"] = {"content": [{"token": p, "logprob": -0.25} for p in pieces]}
    return {"choices": [row], "usage": usage}


@contextmanager
def serve() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(raw)
            with state.lock:
                times = state.prompts().count(prompt_of(body))
                state.received.append(body)
                state.headers.append(dict(self.headers))
                state.open += 1
                state.most_open = max(state.most_open, state.open)
            try:
                self._answer(body, state.script(body, times))
            except OSError:
                self.close_connection = True  # nobody is there any more
            finally:
                with state.lock:
                    state.open -= 1

        def _answer(self, body: dict[str, Any], fault: Fault) -> None:
            time.sleep(state.pause + fault.hang)
            if fault.status == 200:
                with state.lock:
                    state.made[self.headers["Idempotency-Key"]] += 1
            if fault.reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            content = json.dumps(answer_row(body)).encode() if fault.body is None else fault.body
            self.send_response(fault.status)
            headers = {"Content-Type": "application/json", **dict(fault.headers)}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault.drip:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(fault.drip)
            self.wfile.write(content[: fault.cut])
            if fault.cut is not None:
                self.close_connection = True
            elif fault.status == 200:
                with state.lock:
                    state.whole[prompt_of(body)] += 1

        def log_message(self, format: str, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: Any, client_address: Any) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_port}/v1"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
