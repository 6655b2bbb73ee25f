from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from instructuie import __version__
from instructuie.cli import console
from instructuie.cli.app import COMMANDS
from instructuie.cli.labels import parse_events, parse_labels
from instructuie.schema import EventLabel, Label

Run = Callable[..., Any]


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"instructuie {__version__}\n"


def test_help_lists_every_command(run: Run) -> None:
    done = run("--help")
    assert done.exit_code == 0
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, run: Run) -> None:
    done = run(name, "--help")
    assert done.exit_code == 0
    assert "--help" in done.stdout


def test_an_unknown_command(run: Run) -> None:
    done = run("extracct")
    assert done.exit_code == 2
    assert "extracct" in done.stderr


def test_render(run: Run) -> None:
    assert run("render", "Hi", "-e", "person,place").stdout == "NER person, place Hi\n"
    assert run("render", "Hi", "-r", "x").stdout.startswith("RE")
    assert run("render", "Hi", "--events", "x").stdout.startswith("EE ")
    assert run("render", "Hi", "-e", "x", "--task", "es").stdout.startswith("ES x")


def test_render_of_an_unknown_task(run: Run) -> None:
    done = run("render", "Hi", "-e", "x", "--task", "POS")
    assert done.exit_code == 1
    assert "unknown task 'POS'" in done.stderr
    assert "NER, ES, ET" in done.stderr


def test_info(run: Run) -> None:
    assert run("info").stdout == "# A model\n\nIt finds capitalised words.\n"


def test_labels() -> None:
    assert parse_labels(["a, b c ,", "d"]) == (Label("a"), Label("b c"), Label("d"))
    assert parse_labels(None) == ()
    assert parse_events(["attack(attacker; target), meet", "die ( who, where )"]) == (
        EventLabel("attack", (Label("attacker"), Label("target"))),
        EventLabel("meet"),
        EventLabel("die", (Label("who"), Label("where"))),
    )


def test_labels_as_json() -> None:
    assert parse_labels(['["a, b", "c"]', "d"]) == (Label("a, b"), Label("c"), Label("d"))
    assert parse_labels([' {"a": "what it is"}']) == (Label("a", "what it is"),)
    assert parse_events(['{"attack": ["attacker", "target"], "meet": []}', "die(who)"]) == (
        EventLabel("attack", (Label("attacker"), Label("target"))),
        EventLabel("meet"),
        EventLabel("die", (Label("who"),)),
    )


@pytest.mark.parametrize("option", ['{"a": ["b"]', "{a: [b]}", "[1]", '{"a": 3}'])
def test_what_only_looks_like_json_is_refused(run: Run, option: str) -> None:
    done = run("render", "Hi", "--events", option)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""


def test_harmless_text_keeps_its_length() -> None:
    assert console.harmless("a\x1b[0m\r\n\tb\x9b") == "a\ufffd[0m \n\tb\ufffd"


def test_the_module_runs_and_help_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "instructuie", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"instructuie {__version__}\n"
    loaded = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"onnxruntime", "numpy", "tokenizers", "torch", "rich.console", "yaml"}
