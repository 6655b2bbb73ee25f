from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .fakes import FakeExtractor

Run = Callable[..., Any]

TEXT = "Steve Jobs founded Apple."
LABELS = ("-e", "person", "-r", "founded by", "--events", "attack(attacker; target)")


def texts(stdout: str) -> list[str]:
    return [json.loads(line)["text"] for line in stdout.splitlines()]


# --- what is read


def test_a_text_gives_one_json_object_in_a_pipe(run: Run) -> None:
    done = run("extract", TEXT, *LABELS)
    assert done.exit_code == 0
    row = json.loads(done.stdout)
    assert [e["text"] for e in row["entities"]] == ["Steve", "Jobs", "Apple"]
    assert row["relations"][0]["label"] == "founded by"
    assert [a["role"] for a in row["events"][0]["arguments"]] == ["attacker", "target"]


def test_options_reach_the_extractor(run: Run, extractor: FakeExtractor) -> None:
    options = ("--threshold", 0.5, "--overlap", "nested", "--on-overflow", "truncate")
    assert run("extract", TEXT, *LABELS, *options).exit_code == 0
    assert extractor.keywords == {
        "threshold": 0.5,
        "overlap": "nested",
        "on_overflow": "truncate",
    }


def test_standard_input_is_one_text(run: Run) -> None:
    done = run("extract", "-e", "a", stdin="Two\nLines\n")
    assert json.loads(done.stdout)["text"] == "Two\nLines\n"
    assert json.loads(run("extract", "-", "-e", "a", stdin="Bob").stdout)["text"] == "Bob"


def test_standard_input_can_be_lines(run: Run) -> None:
    done = run("extract", "-e", "a", "--input-format", "lines", stdin="Two\n\nLines\n")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [
        "<stdin>:1",
        "<stdin>:3",
    ]
    assert texts(done.stdout) == ["Two", "Lines"]


def test_standard_input_can_be_rows(run: Run) -> None:
    rows = '{"id": 7, "text": "Bob", "entities": "gold", "lang": "en"}\n{"text": "Al"}\n'
    first, second = map(json.loads, run("extract", "-e", "a", stdin=rows).stdout.splitlines())
    assert (first["id"], first["lang"], first["entities"][0]["text"]) == (7, "en", "Bob")
    assert "id" not in second
    as_text = run("extract", "-e", "a", "--input-format", "text", stdin=rows)
    assert json.loads(as_text.stdout)["text"] == rows


def test_the_key_of_the_text(run: Run) -> None:
    done = run("extract", "-e", "a", "--text-key", "body", stdin='{"body": "Bob"}')
    assert texts(done.stdout) == ["Bob"]


def test_files_and_patterns(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("Bob\nAl")
    (tmp_path / "a.txt").write_text("Ann")
    (tmp_path / "c.jsonl").write_text('{"text": "Cy"}\n')
    (tmp_path / "d.json").write_text('[{"text": "Di"}, {"text": "Ed"}]')
    pattern = tmp_path / "*.txt"
    options = ("-f", pattern, "-f", tmp_path / "a.txt", "-f", tmp_path / "c.jsonl")
    done = run("extract", "-e", "a", *options, "-f", tmp_path / "d.json")
    assert texts(done.stdout) == ["Ann", "Bob\nAl", "Cy", "Di", "Ed"]
    assert json.loads(done.stdout.splitlines()[0])["id"] == str(tmp_path / "a.txt")
    alone = run("extract", "-e", "a", "-f", tmp_path / "a.txt")
    assert json.loads(alone.stdout)["text"] == "Ann"


def test_a_schema_file_and_more_labels(run: Run, tmp_path: Path) -> None:
    schema = tmp_path / "schema.toml"
    schema.write_text('entities = ["person"]')
    done = run("extract", TEXT, "--schema", schema, "-r", "founded by")
    row = json.loads(done.stdout)
    assert row["entities"][0]["label"] == "person"
    assert row["relations"]


# --- what goes wrong


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("x",), "give --entities, --relations, --events or --schema"),
        (("x", "-e", " , "), "give --entities, --relations, --events or --schema"),
        (("x", "-e", "a,A"), "'a' and 'A'"),
        (("x", "-e", "y" * 201), "201 characters"),
        (("x", "--events", "attack(attacker"), "cannot read the event 'attack(attacker'"),
        (("x", "--schema", "none.toml"), "none.toml: cannot be read: No such file"),
        (("-e", "a", "-f", "none.txt"), "none.txt: no such file"),
        (("-e", "a", "-f", "none*.txt"), "none*.txt: no file matches this pattern"),
        (("-e", "a", "-f", "."), "is a folder"),
        (("x", "-e", "a", "-f", "a.txt"), "choose one"),
        (("x", "-e", "a", "-o", "no/folder/out.json"), "no/folder/out.json: No such file"),
        (("a\udcff", "-e", "a"), "not valid Unicode at character 1"),
    ],
)
def test_bad_calls(args: tuple[str, ...], message: str, run: Run) -> None:
    done = run("extract", *args)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "args",
    [("--threshold", "2"), ("--format", "xml"), ("--overlap", "some"), ("--batch-size", "0")],
)
def test_bad_options(args: tuple[str, ...], run: Run) -> None:
    done = run("extract", "x", "-e", "a", *args)
    assert done.exit_code == 2
    assert args[0] in done.stderr
    assert "Traceback" not in done.stderr


BAD_ROWS = [
    (b"{bad", "not valid JSON"),
    (b'"text"', "must be a JSON object"),
    (b'{"t": "x"}', "no key 'text' (its keys: 't'); name the right one with --text-key"),
    (b'{"text": 3}', "must be a string, got int"),
    (b'{"text": "\xff"}', "not valid UTF-8"),
    (b'{"text": "\0"}', "NUL byte"),
    (b'{"text": "\\ud83d"}', "not valid Unicode"),
    (b'{"text": "' + b"x" * 10_000_000 + b'"}', "at most 10 MB"),
    (b'{"text": "TOO LONG"}', "does not fit the window"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_ROWS, ids=[message for _, message in BAD_ROWS])
def test_a_bad_row(bad: bytes, message: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "Ann"}\n{"text": "Bob"}\n' + bad + b'\n{"text": "Cy"}\n')
    stopped = run("extract", "-e", "a", "-f", path)
    assert stopped.exit_code == 1
    assert texts(stopped.stdout) == ["Ann", "Bob"]
    assert f"error: {path}:3: " in stopped.stderr
    assert message in stopped.stderr
    assert "Traceback" not in stopped.stderr

    went_on = run("extract", "-e", "a", "-f", path, "--on-error", "skip")
    assert went_on.exit_code == 0
    assert texts(went_on.stdout) == ["Ann", "Bob", "Cy"]
    assert f"error: {path}:3: " in went_on.stderr
    assert "texts done: 3; bad ones skipped: 1" in went_on.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a\0b", "NUL byte at byte 1"), (b"ab\xff", "not valid UTF-8 at byte 2"),
     (b"x" * 10_000_001, "more than 10 MB")],
)  # fmt: skip
def test_a_bad_text_file(content: bytes, message: str, run: Run, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.txt", tmp_path / "good.txt"
    bad.write_bytes(content)
    good.write_bytes(b"Ann")
    done = run("extract", "-e", "a", "-f", bad, "-f", good)
    assert done.exit_code == 1
    assert f"error: {bad}: " in done.stderr
    assert message in done.stderr
    skipping = run("extract", "-e", "a", "-f", bad, "-f", good, "--on-error", "skip")
    assert texts(skipping.stdout) == ["Ann"]
    piped = run("extract", "-e", "a", stdin=content)
    assert piped.exit_code == 1
    assert message in piped.stderr


def test_rows_are_written_before_the_last_is_read(run: Run, extractor: FakeExtractor) -> None:
    rows = "".join(f'{{"text": "T{n}"}}\n' for n in range(40)) + "{bad"
    done = run("extract", "-e", "a", "--batch-size", 2, stdin=rows)
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 40
    assert [len(batch) for batch in extractor.batches] == [32, 8]


def test_an_output_that_is_an_input_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "Ann"}\n')
    done = run("extract", "-e", "a", "-f", path, "-o", path)
    assert done.exit_code == 1
    assert "read and written at once" in done.stderr
    assert path.read_text() == '{"text": "Ann"}\n'


# --- what is written


def test_the_name_of_the_output_chooses_the_format(run: Run, tmp_path: Path) -> None:
    rows = '{"text": "Ann"}\n{"text": "Bob"}\n'
    written = {}
    for suffix in ("json", "jsonl", "tsv", "html", "out"):
        path = tmp_path / f"found.{suffix}"
        done = run("extract", "-e", "a", "-o", path, stdin=rows)
        assert (done.exit_code, done.stdout) == (0, "")
        written[suffix] = path.read_text()
    assert [row["text"] for row in json.loads(written["json"])] == ["Ann", "Bob"]
    assert texts(written["jsonl"]) == texts(written["out"]) == ["Ann", "Bob"]
    assert written["tsv"].splitlines()[1] == "<stdin>:1\tentity\ta\t0\t3\tAnn\t0.9000\t\t\t\t"
    assert written["html"].startswith("<!doctype html>")
    assert written["html"].endswith("</html>\n")


def test_formats_say_the_same(run: Run) -> None:
    stdin = '{"id": "x", "text": "Ann met Bob"}\n{"text": "nobody"}\n'
    as_json, as_jsonl, as_tsv = (
        run("extract", *LABELS, "--format", name, stdin=stdin).stdout
        for name in ("json", "jsonl", "tsv")
    )
    rows = json.loads(as_json)
    assert rows == [json.loads(line) for line in as_jsonl.splitlines()]
    cells = list(csv.DictReader(io.StringIO(as_tsv), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert {cell["id"] for cell in cells} == {"x"}
    kinds = {kind: [c for c in cells if c["kind"] == kind] for kind in ("entity", "relation")}
    assert [c["text"] for c in kinds["entity"]] == [e["text"] for e in rows[0]["entities"]]
    (relation,) = rows[0]["relations"]
    (cell,) = kinds["relation"]
    assert (cell["of_text"], cell["text"]) == (relation["head"]["text"], relation["tail"]["text"])
    arguments = [c for c in cells if c["kind"] == "argument"]
    assert [(c["label"], c["of_label"], c["of_text"]) for c in arguments] == [
        ("attacker", "attack", "Ann"),
        ("target", "attack", "Ann"),
    ]


def test_a_json_array_is_closed_when_a_row_is_bad(run: Run) -> None:
    done = run("extract", "-e", "a", "--format", "json", stdin='{"text": "Ann"}\n{bad')
    assert done.exit_code == 1
    assert [row["text"] for row in json.loads(done.stdout)] == ["Ann"]


def test_an_empty_collection(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.touch()
    assert run("extract", "-e", "a", "-f", path).stdout == ""
    assert json.loads(run("extract", "-e", "a", "-f", path, "--format", "json").stdout) == []


def test_tsv_cells_hold_no_tabs_or_line_ends(run: Run) -> None:
    row = json.dumps({"id": "a\tb\n\\c\u2028", "text": "Ann"})
    done = run("extract", "-e", "x", "--format", "tsv", stdin=row)
    assert done.stdout.splitlines()[1].split("\t")[0] == r"a\tb\n\\c\u2028"


def test_pretty(run: Run) -> None:
    done = run("extract", TEXT, *LABELS, "--format", "pretty")
    assert done.stdout.splitlines()[0] == TEXT
    assert "Steve → Jobs" in done.stdout
    assert "\x1b" not in done.stdout
    escaping = run("extract", "Ann \x1b[2J Bob", "-e", "a", "--format", "pretty")
    assert "\x1b" not in escaping.stdout
    assert "nothing found" in run("extract", "x", "-e", "a", "--format", "pretty").stdout


def test_pretty_has_colours_where_they_are_wanted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert "\x1b[" in run("extract", TEXT, *LABELS, "--format", "pretty").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("extract", TEXT, *LABELS, "--format", "pretty").stdout


# --- how it ends


def test_an_interrupt_keeps_what_is_done(run: Run) -> None:
    rows = '{"text": "Ann"}\n{"text": "INTERRUPT"}\n'
    done = run("extract", "-e", "a", "--batch-size", 1, stdin=rows)
    assert done.exit_code == 130
    assert texts(done.stdout) == ["Ann"]
    assert "Traceback" not in done.stderr


CHILD = (
    "import sys; from tests.cli.fakes import FakeExtractor; import instructuie.cli.extract as e; "
    "e.load_extractor = lambda *a, **k: FakeExtractor(); from instructuie.__main__ import main; "
    "sys.argv = ['instructuie', 'extract', '-e', 'a', '--batch-size', '1']; main()"
)


def child() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )


def test_control_c_in_a_process() -> None:
    with child() as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"text": "Ann"}\n')
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["text"] == "Ann"  # answered at once
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in stderr


def test_a_broken_pipe_is_quiet() -> None:
    with child() as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(b'{"text": "Ann"}\n')
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        time.sleep(0.05)
        process.stdin.write(b'{"text": "Bob"}\n')
        process.stdin.close()
        assert process.wait(timeout=20) == 141
        assert process.stderr.read() == b""
