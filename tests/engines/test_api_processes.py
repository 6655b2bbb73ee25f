"""The API engine across processes, threads and sudden ends: each request costs once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from instructuie.engines.api import ApiEngine
from instructuie.engines.base import Completion

from .calls import FAST, NAMES, requests
from .endpoint import RIGHT, Endpoint, Fault, answer_text, prompt_of

pytest.importorskip("httpx2")
pytest.importorskip("tenacity")


def test_several_processes_ask_once(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.pause = 0.02
    runs = [start(endpoint, tmp_path, NAMES) for _ in range(2)]
    for run in runs:
        assert texts_of(run) == [answer_text(t) for t in NAMES]
    assert sorted(endpoint.prompts()) == sorted(NAMES)


def test_a_killed_run_goes_on(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.pause = 0.01
    texts = [f"Text {n}" for n in range(150)]
    run = start(endpoint, tmp_path, texts)
    while endpoint.whole.total() < 40:
        assert run.poll() is None
        time.sleep(0.005)
    run.kill()
    run.communicate()
    sent = len(endpoint.received)
    assert sent < len(texts)
    assert texts_of(start(endpoint, tmp_path, texts)) == [answer_text(t) for t in texts]
    # Those under way at the kill are asked again, and by a key that lets the endpoint know them.
    assert len(endpoint.received) - len(texts) <= FAST.concurrency
    assert len(endpoint.made) == len(texts)


def test_ctrl_c_leaves_whole_rows(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.script = lambda body, times: Fault(hang=30) if prompt_of(body) == "Hang" else RIGHT
    texts = ["Hang", *NAMES]
    run = start(endpoint, tmp_path, texts)
    while endpoint.whole.total() < len(NAMES):
        assert run.poll() is None
        time.sleep(0.005)
    run.send_signal(signal.SIGINT)
    run.communicate()
    assert run.returncode != 0
    endpoint.script = lambda body, times: RIGHT
    assert texts_of(start(endpoint, tmp_path, texts)) == [answer_text(t) for t in texts]
    assert all(endpoint.prompts().count(t) == 1 for t in NAMES[: -FAST.concurrency])


WORKER = """
import json, sys
from pathlib import Path
from instructuie.engines.api import ApiEngine, ApiSettings
from tests.engines.calls import FAST, requests
from dataclasses import replace
address, cache, texts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
with ApiEngine(address, "tiny", replace(FAST, cache=Path(cache))) as engine:
    print(json.dumps([c.text for c in engine.complete(requests(texts))]))
"""


def start(endpoint: Endpoint, folder: Path, texts: Sequence[str]) -> subprocess.Popen[str]:
    args = [endpoint.address, str(folder / "cache.sqlite3"), json.dumps(texts)]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ,
    )


def texts_of(run: subprocess.Popen[str]) -> list[str]:
    out, err = run.communicate()
    assert run.returncode == 0, err
    return list(json.loads(out))


def test_threads_share_an_engine(endpoint: Endpoint) -> None:
    endpoint.pause = 0.01
    with ApiEngine(endpoint.address, "tiny", replace(FAST, concurrency=2)) as engine:
        found: list[list[Completion]] = []
        threads = [
            threading.Thread(target=lambda: found.append(engine.complete(requests(NAMES))))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [[c.text for c in each] for each in found] == [[answer_text(t) for t in NAMES]] * 3
    assert endpoint.most_open <= 2
    assert sorted(endpoint.prompts()) == sorted(NAMES)
