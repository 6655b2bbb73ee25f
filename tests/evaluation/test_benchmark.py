from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instructuie.errors import ConfigError, DataError
from instructuie.evaluation import benchmark
from instructuie.evaluation.plan import Plan, plan
from instructuie.evaluation.predictions import read_predictions
from instructuie.evaluation.run import read_run
from instructuie.evaluation.suite import suite_of

from . import runs


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(benchmark, "CHUNK", 1)
    return plan(suite_of("homes/NER,trips/EE,nix/NER"), runs.data(tmp_path))


def rows(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.jsonl")}


def test_a_run_keeps_questions_answers_and_how_they_came_about(
    planned: Plan, tmp_path: Path
) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "run")
    found = list(read_predictions(tmp_path / "run" / "homes.NER.jsonl"))
    assert [p.id for p in found] == [q.id for q in planned.jobs[0].questions]
    assert (
        found[0].predicted
        == found[0].gold
        == runs.HOMES[0].gold.__class__(runs.HOMES[0].gold.entities)
    )
    assert found[0].options == ("person", "town")
    run = read_run(tmp_path / "run")
    assert run["system"] == "scripted"
    assert run["predictor"] == {"kind": "scripted", "model": 1}
    assert run["missing"] == {"nix/NER": "the data set is not in the data"}
    assert run["entries"]["trips/EE"]["use"] == "zero-shot"
    assert [row["answered"] for row in run["entries"].values()] == [4, 2]


@pytest.mark.parametrize("stop", ["homes/Ann", "homes/Eve", "trips/1", "trips/2"])
@pytest.mark.parametrize("torn", [b"", b'{"dataset": "homes", "ta', b"\xff\xfe"])
def test_a_stopped_run_goes_on_and_ends_like_an_unbroken_one(
    stop: str, torn: bytes, planned: Plan, tmp_path: Path
) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        benchmark.predict(planned, runs.Scripted(dies_at=stop), tmp_path / "run")
    last = max((tmp_path / "run").glob("*.jsonl"), key=lambda path: path.name)
    with last.open("ab") as stream:
        stream.write(torn)
    again = runs.Scripted()
    benchmark.predict(planned, again, tmp_path / "run")
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")
    assert again.asked[0] == stop
    assert [r["answered"] for r in read_run(tmp_path / "run")["entries"].values()] == [4, 2]


def test_a_slow_system_is_asked_less_at_a_time() -> None:
    sizes = [benchmark.FIRST]
    for seconds in (0.1, 1, 1, 1, 30, 30, 30, 30, 30, 0.5):
        sizes.append(benchmark.next_size(sizes[-1], seconds))
    assert sizes == [32, 64, 128, 256, 256, 128, 64, 32, 32, 32, 64]


def test_a_finished_run_asks_nothing(planned: Plan, tmp_path: Path) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "run")
    before = rows(tmp_path / "run")
    again = runs.Scripted()
    benchmark.predict(planned, again, tmp_path / "run")
    assert again.asked == []
    assert rows(tmp_path / "run") == before


def test_kill_9_costs_at_most_a_chunk(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.evaluation import runs\n"
        "from instructuie.evaluation import benchmark\n"
        "from instructuie.evaluation.plan import plan\n"
        "from instructuie.evaluation.suite import suite_of\n"
        "class Slow(runs.Scripted):\n"
        "    def answer(self, questions, entry):\n"
        "        if self.asked: time.sleep(60)\n"
        "        return super().answer(questions, entry)\n"
        "benchmark.CHUNK = 2\n"
        "folder = Path(sys.argv[1])\n"
        "made = plan(suite_of('homes/NER'), runs.data(folder))\n"
        "benchmark.predict(made, Slow(), folder / 'run')\n"
    )
    path = tmp_path / "run" / "homes.NER.jsonl"
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}"},
    )
    while not (path.is_file() and path.read_bytes().count(b"\n") == 2) and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    again = runs.Scripted()
    benchmark.predict(plan(suite_of("homes/NER"), runs.data(tmp_path)), again, tmp_path / "run")
    assert again.asked == ["homes/Eve", "homes/pair"]
    assert len(list(read_predictions(path))) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 2}, "limit: None there, 2 now"),
        ({"seed": 5}, "seed: 0 there, 5 now"),
        ({"model": 2}, "model: 1 there, 2 now"),
        ({"sets": "homes/RE"}, ""),
    ],
)
def test_other_settings_are_refused_and_other_entries_are_added(
    change: dict[str, object], message: str, planned: Plan, tmp_path: Path
) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "run")
    before = rows(tmp_path / "run")
    model = int(str(change.pop("model", 1)))
    sets = str(change.pop("sets", "homes/NER"))
    other = plan(suite_of(sets), runs.data(tmp_path), **change)  # type: ignore[arg-type]
    predictor = runs.Scripted(version=model)
    if message:
        with pytest.raises(ConfigError, match=message):
            benchmark.predict(other, predictor, tmp_path / "run")
        assert rows(tmp_path / "run") == before
    else:
        benchmark.predict(other, predictor, tmp_path / "run")
        assert set(read_run(tmp_path / "run")["entries"]) == {"homes/NER", "trips/EE", "homes/RE"}


def test_other_data_under_the_same_name_are_refused(planned: Plan, tmp_path: Path) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    run = json.loads(path.read_text())
    run["entries"]["homes/NER"]["fingerprint"] = "0" * 64
    path.write_text(json.dumps(run))
    with pytest.raises(ConfigError, match="homes/NER data: '000000000000' there"):
        benchmark.predict(planned, runs.Scripted(), tmp_path / "run")


def test_a_changed_file_is_refused(planned: Plan, tmp_path: Path) -> None:
    benchmark.predict(planned, runs.Scripted(), tmp_path / "run")
    path = tmp_path / "run" / "homes.NER.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[1], lines[0], *lines[2:]]))
    with pytest.raises(
        DataError, match=r"homes.NER.jsonl:1: .*'homes/Bob'.*'homes/Ann' was expected"
    ):
        benchmark.predict(planned, runs.Scripted(), tmp_path / "run")


def test_predictions_without_their_run_are_left_alone(planned: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "homes.NER.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"no run.json"):
        benchmark.predict(planned, runs.Scripted(), folder)
    assert (folder / "homes.NER.jsonl").read_text() == "{}\n"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": "x"}')
    with pytest.raises(DataError, match="instructuie-run-1"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        read_run(tmp_path)
