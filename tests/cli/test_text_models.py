"""Language models through the command line, with completions that were recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from instructuie.cli.app import app
from tests.engines.endpoint import serve
from tests.tiny import data_set, record, write_prepared

TEXT = "Ann met Bob in Rome."
PLAIN = "Find entities\nOption: person, town\nText: Ann met Bob in Rome.\nAnswer:"


def run(*args: object) -> Any:
    return CliRunner().invoke(app, [str(arg) for arg in args])


def recorded(folder: Path, *completions: str) -> Path:
    path = folder / "said.jsonl"
    path.write_text("".join(json.dumps({"completion": c}) + "\n" for c in completions))
    return path


@pytest.fixture
def instructions(tmp_path: Path) -> Path:
    path = tmp_path / "instructions.json"
    row = {"instruction_type": "zero-shot", "instruction": "List them. \n"}
    path.write_text(json.dumps({"NER": [row]}))
    return path


def test_extract_with_a_language_model(tmp_path: Path) -> None:
    model = recorded(tmp_path, "person: Ann; town: Rome; town: Oslo")
    done = run("extract", TEXT, "-e", "person,town", "-m", model, "--format", "json")
    assert done.exit_code == 0, done.output
    row = json.loads(done.output)
    assert [e["text"] for e in row["entities"]] == ["Ann", "Rome"]
    assert [issue["kind"] for issue in row["issues"]] == ["not-in-text"]


def test_extract_in_the_form_of_the_release(tmp_path: Path, instructions: Path) -> None:
    model = tmp_path / "said.jsonl"
    prompt = "List them. \nOption: person, town \nText: Ann met Bob in Rome. \nAnswer:"
    model.write_text(json.dumps({"prompt": prompt, "completion": "town: Rome"}))
    options = ("--prompt-format", "released", "--instruction-file", instructions)
    done = run("extract", TEXT, "-e", "person,town", "-m", model, *options, "--format", "tsv")
    assert done.exit_code == 0, done.output
    assert "\tRome\t" in done.output


def test_render_shows_the_prompt(tmp_path: Path, instructions: Path) -> None:
    model = recorded(tmp_path)
    assert run("render", TEXT, "-e", "person,town", "-m", model).output == PLAIN + "\n"
    options = ("--prompt-format", "released", "--instruction-file", instructions)
    released = run("render", TEXT, "-e", "person", "-m", model, *options).output
    assert released == "List them. \nOption: person \nText: Ann met Bob in Rome. \nAnswer:\n"
    named = run(
        *("render", TEXT, "-e", "person", "-m", model, *options),
        *("--task-name", "--data-set-name", "CoNLL 2003"),
    )
    assert named.output == "Task:NER\nDataset:CoNLL 2003\n" + released
    sel = run("render", TEXT, "-e", "person", "-m", model, "--prompt-format", "sel").output
    assert sel == "<spot> person <extra_id_2> Ann met Bob in Rome.\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prompt-format", "released"], "needs the instruction file"),
        (["--prompt-format", "plain", "--instruction-file", "{file}"], "is for the prompt format"),
        (["--prompt-format", "released", "--instruction-file", "missing.json"], "missing.json"),
        (["--prompt-format", "plain", "--task-name"], "are for --prompt-format released"),
    ],
)
def test_formats_that_cannot_be_had_are_explained(
    tmp_path: Path, instructions: Path, options: list[str], message: str
) -> None:
    named = [option.format(file=instructions) for option in options]
    done = run("extract", TEXT, "-e", "person", "-m", recorded(tmp_path), *named)
    assert done.exit_code != 0
    assert message in done.output


def test_info_names_the_model(tmp_path: Path) -> None:
    assert "said.jsonl" in run("info", "-m", recorded(tmp_path)).output


def test_a_language_model_is_exported_through_the_same_command(tmp_path: Path) -> None:
    pytest.importorskip("ctranslate2")
    from tests.tiny_text import text_folder

    sentence = record("Ann saw Oslo.", entities=[("person", "Ann"), ("town", "Oslo")])
    sets = {"people": data_set({"train": [sentence], "dev": [sentence]})}
    data = write_prepared(tmp_path / "data.jsonl.gz", sets)
    output = tmp_path / "exported"
    done = run(
        *("export", text_folder("t5"), "--output", output, "--data", data),
        *("--precision", "fp32", "--min-agreement", "0.99"),
    )
    assert done.exit_code == 0, done.output
    assert "agree on 100.00%" in done.output
    done = run("extract", "Ann saw Oslo.", "-e", "person", "-m", output, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["text"] == "Ann saw Oslo."


def test_solved_examples_stand_before_the_prompt(tmp_path: Path) -> None:
    solved = tmp_path / "solved.jsonl"
    solved.write_text(json.dumps(record("Eve left.", entities=[("person", "Eve")]).to_dict()))
    shown = run(
        *("render", TEXT, "-e", "person,town", "-m", recorded(tmp_path)),
        *("--demonstrations", solved),
    ).output
    assert shown.endswith("Text: Eve left.\nAnswer: person: Eve\n\n" + PLAIN + "\n")


def test_an_endpoint_is_called_as_its_settings_say(tmp_path: Path) -> None:
    settings = tmp_path / "api.toml"
    settings.write_text(
        'cache = ""\nkind = "completion"\nmax_output_tokens = 7\nbudget = 0.5\n'
        "[prices]\ninput = 100.0\noutput = 1000.0\n"
    )
    with serve() as endpoint:
        options = ("-e", "person", "--model", "m", "--api-settings", settings)
        done = run("extract", TEXT, "--api", endpoint.address, *options, "--format", "tsv")
        assert done.exit_code == 0, done.output
        (body,) = endpoint.received
        assert body["max_tokens"] == 7
        assert "messages" not in body
        assert "answers paid for: 1; tokens read: 100, written: 10, cost 0.02" in done.output
        settings.write_text(settings.read_text().replace("0.5", "0.0001"))
        refused = run("extract", TEXT, "--api", endpoint.address, *options)
        assert refused.exit_code != 0
        assert "0.0001" in refused.output
        assert len(endpoint.received) == 1
    settings.write_text("concurency = 3\n")
    assert "concurency" in run("extract", TEXT, "--api", "http://x/v1", *options).output
    alone = run("extract", TEXT, "-e", "person", "--api-settings", settings)
    assert alone.exit_code != 0
    assert "api_settings are for an endpoint" in alone.output
