from __future__ import annotations

import inspect
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from instructuie.prompt import Prompt
from instructuie.types import Result

from ..evaluation import runs
from .fakes import FakeExtractor

Run = Callable[..., Any]
SETS = "homes/NER,homes/RE,trips/EE,nix/NER"


class FakePredicting(FakeExtractor):
    """The fake, asked by prompts, and with a folder of files to take the fingerprint of."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def answer(self, prompts: Sequence[Prompt], **keywords: Any) -> list[Result]:
        self.batches.append([prompt.text for prompt in prompts])
        self.keywords = keywords
        return [self._extract(prompt.text, prompt.schema) for prompt in prompts]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepared data; the model is a fake that calls capitalised words by the first label."""
    runs.data(tmp_path)
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    fake = FakePredicting(model)
    monkeypatch.setattr("instructuie.evaluation.predictors.Extractor", lambda *_args, **_kw: fake)
    return tmp_path / "prepared.jsonl.gz"


def table(done: Any) -> list[list[str]]:
    assert done.exit_code == 0, done.stderr
    return [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]


@pytest.fixture
def folder(run: Run, data: Path, tmp_path: Path) -> Path:
    """A finished run."""
    done = run("evaluate", "predict", "--sets", SETS, "--data", data, "-o", tmp_path / "run")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "run")
    assert "3 of 4 entries are there" in done.stderr
    assert "the data set is not in the data: nix/NER" in done.stderr
    return tmp_path / "run"


def test_predict_writes_a_file_for_each_entry(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "homes.NER.jsonl",
        "homes.RE.jsonl",
        "run.json",
        "trips.EE.jsonl",
    ]
    row = json.loads((folder / "homes.NER.jsonl").read_text().splitlines()[0])
    assert row["predicted"]["entities"][0]["text"] == "Ann"
    assert row["scores"]["entities"] == [0.9, 0.9]


def test_score(run: Run, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores.json"
    done = run("evaluate", "score", folder, "--resamples", 20, "-o", output)
    head, *rows = table(done)
    assert head[:4] == ["data", "unit", "texts", "precision"]
    scores = {(row[0], row[1]): row[5] for row in rows}
    assert scores["homes/NER", "entity"] == "55.56"
    assert scores["homes/RE", "relation, boundary"] == "66.67"
    assert ("trips/EE (zero-shot)", "trigger") in scores
    assert "nix/NER is missing" in done.stderr
    file = json.loads(output.read_text())
    assert file["scores"][0]["sets"][0]["units"]["entity"]["score"] == pytest.approx(5 / 9)


def test_score_under_all_rules_with_labels_and_signatures(run: Run, folder: Path) -> None:
    done = run(
        *("evaluate", "score", folder, "--rule", "all", "--labels", "--signatures"),
        *("--resamples", 20),
    )
    head, *rows = table(done)
    assert head[0] == "rule"
    assert {row[0] for row in rows} == {"strict", "paper", "instructuie-released", "uie", "partial"}
    assert ["strict", "", "town", "4 gold", "0.00", "0.00", "0.00", ""] in rows
    assert "rule:strict|task:NER|unit:entity" in done.stdout


def test_an_unknown_rule_names_the_known_ones(run: Run, folder: Path) -> None:
    done = run("evaluate", "score", folder, "--rule", "nix")
    assert done.exit_code == 1
    assert "instructuie-released" in done.stderr


def test_run_writes_what_the_model_card_reads(run: Run, data: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores.json"
    done = run(
        *("evaluate", "run", "--data", data, "--sets", "homes/NER,trips/EE"),
        *("--threshold", 0.5, "-o", output),
    )
    assert {row[0] for row in table(done)[1:]} >= {"homes/NER", "trips/EE (zero-shot)"}
    row = json.loads(output.read_text())
    assert (row["rule"], row["split"], row["threshold"], row["overlap"]) == (
        *("strict", "test"),
        *(0.5, "flat"),
    )
    assert re.fullmatch("[0-9a-f]{64}", row["data"])
    assert row["scores"]["homes/NER"]["entity"] == {
        "texts": 4,
        "right": 5,
        "predicted": 9,
        "gold": 9,
        "f1": 55.56,
        "use": "train",
    }
    from instructuie.training.card import _results

    assert "| trips/EE (zero-shot) | test | trigger | 2 |" in _results([row])


def test_another_systems_file(run: Run, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    rows = [
        {"dataset": "homes", "task": "NER", "text": "Ann of Oslo.", "completion": "town: Oslo"},
        {"dataset": "homes", "task": "NER", "text": "Elsewhere.", "completion": "None"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(
        *("evaluate", "predict", "--sets", "homes/NER", "--data", data),
        *("--predictions", path, "-o", tmp_path / "other"),
    )
    assert done.exit_code == 0, done.stderr
    assert "1 rows of other answer no question" in done.stderr
    scored = run("evaluate", "score", tmp_path / "other", "--resamples", 20)
    assert table(scored)[1][3:6] == ["100.00", "11.11", "20.00"]
    assert "3 of 4 records have no prediction" in scored.stderr


def test_a_malformed_prediction_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"dataset": "d", "task": "NER"}\n')
    done = run("evaluate", "score", path)
    assert done.exit_code == 1
    assert "bad.jsonl:1: not a prediction: the key 'id' is missing" in done.stderr


def test_compare_and_convert(run: Run, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "released.jsonl"
    done = run("evaluate", "convert", folder, other)
    assert done.exit_code == 0, done.stderr
    assert len(other.read_text().splitlines()) == 10
    assert (
        json.loads(other.read_text().splitlines()[0])["Prediction"] == "person: Ann; person: Oslo"
    )
    done = run("evaluate", "compare", folder, folder, "--resamples", 20)
    rows = table(done)
    assert rows[0][3:] == ["built-in model (run)", "difference", "p", "adjusted"]
    assert {row[-1] for row in rows[1:]} == {"1.000"}
    done = run("evaluate", "compare", folder, other, "--resamples", 20)
    assert done.exit_code == 1
    assert "cannot be compared" in done.stderr


def test_compare_needs_two(run: Run, folder: Path) -> None:
    done = run("evaluate", "compare", folder, "--resamples", 20)
    assert done.exit_code == 1
    assert "at least two" in done.stderr


def test_reports_of_several_runs_with_one_name_and_their_figures(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    shutil.copytree(folder, tmp_path / "other" / folder.name)
    output = tmp_path / "report"
    runs = (folder, tmp_path / "other" / folder.name)
    done = run("evaluate", "report", *runs, "-o", output, "--figures", "svg")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.split() == [
        str(output / part) for part in ("run-1/report.html", "run-2/report.html", "compare.html")
    ]
    assert (output / "compare.svg").exists()
    assert (output / "run-1" / "scores.svg").read_text().count("homes/NER") == 1


def test_report(run: Run, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    done = run("evaluate", "report", folder, "-o", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    made = {path.name for path in (tmp_path / "report").iterdir()}
    assert made == {"report.html", "report.json", "report.md"}


def test_the_papers_tables(run: Run, folder: Path, tmp_path: Path) -> None:
    plain = run("evaluate", "report", "--paper")
    assert plain.exit_code == 0
    assert "Table 1." in plain.stdout
    assert "85.19" in plain.stdout
    beside = run("evaluate", "report", folder, "--paper", "-o", tmp_path / "paper")
    assert beside.exit_code == 0, beside.stderr
    written = (tmp_path / "paper" / "paper.md").read_text()
    assert [line for line in written.splitlines() if line.startswith("## Table ")] == [
        f"## {line}" for line in plain.stdout.splitlines() if re.match(r"Table \d\.", line)
    ]


def test_a_report_of_nothing(run: Run) -> None:
    done = run("evaluate", "report")
    assert done.exit_code == 1
    assert "--paper" in done.stderr


def test_sensitivity(run: Run, data: Path, tmp_path: Path) -> None:
    done = run(
        *("evaluate", "sensitivity", "--sets", "homes/NER", "--data", data),
        *("--kinds", "order,options", "--orders", 1, "--counts", "1,20", "-o", tmp_path / "s"),
    )
    rows = table(done)
    assert [row[2] for row in rows[1:4]] == ["as-is", "order-1", "options-20"]
    assert [row[3] for row in rows[1:4]] == ["2", "2", "20"]
    assert [row[2:4] for row in rows[5:]] == [["order", "1"], ["options", "1"]]
    lowest, highest = (float(value) for value in rows[5][4:])
    assert lowest <= float(rows[1][4]) <= highest
    written = (tmp_path / "s" / "sensitivity.md").read_text()
    assert "| homes/NER | entity | order | 1 |" in written
    assert "| homes/NER | entity | options-20 | 20 |" in written
    assert rows[1][5] == "+0.00"
    assert "options-1: no data set has so few options" in done.stderr
    assert len(json.loads((tmp_path / "s" / "sensitivity.json").read_text())["rows"]) == 3


def test_suites(run: Run) -> None:
    assert ["zero-shot-ner", "Zero-shot NER", "NER", "7"] in table(run("evaluate", "suites"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "say what to ask"),
        (("--sets", "homes/NER", "--suite", "zero-shot-ner"), "choose one"),
        (("--sets", "homes"), "homes/NER"),
        (("--suite", "nix"), "zero-shot-ner"),
        (("--sets", "homes/NER", "--source", "."), "choose one"),
        (("--sets", "homes/NER", "--model", "m", "--predictions", "p"), "choose one"),
        (("--sets", "nix/NER"), "the data set is not in the data"),
    ],
)
def test_what_predict_cannot_do(
    args: tuple[str, ...], message: str, run: Run, data: Path, tmp_path: Path
) -> None:
    done = run("evaluate", "predict", *args, "--data", data, "-o", tmp_path / "run")
    assert done.exit_code == 1
    assert message in done.stderr


def test_other_settings_are_refused(run: Run, folder: Path, data: Path) -> None:
    done = run(
        *("evaluate", "predict", "--sets", SETS, "--data", data, "-o", folder),
        *("--threshold", 0.9),
    )
    assert done.exit_code == 1
    assert "threshold: None there, 0.9 now" in done.stderr
    assert "choose another output folder" in done.stderr


def test_every_command_explains_itself_in_lines_that_fit_a_terminal() -> None:
    from instructuie.cli.evaluate import app

    for command in app.registered_commands:
        text = inspect.getdoc(command.callback) or ""
        name = getattr(command.callback, "__name__", "")
        assert name == "suites" or f"instructuie evaluate {name} " in text
        assert max(map(len, text.splitlines())) <= 78
