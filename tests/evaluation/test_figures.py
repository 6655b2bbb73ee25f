from __future__ import annotations

import sys
from pathlib import Path

import pytest

from instructuie.errors import ConfigError, MissingExtraError
from instructuie.evaluation.figures import write_comparison_figure, write_figures
from instructuie.evaluation.report import Report, make_report
from instructuie.evaluation.scoring import open_system, score_system
from instructuie.evaluation.versus import versus

from .made import ask
from .test_report import GOLD, PREDICTIONS, write

HEADS = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    path = tmp_path_factory.mktemp("figures") / "tiny.jsonl"
    return make_report(open_system(write(PREDICTIONS, path)))


@pytest.mark.parametrize("form", list(HEADS))
def test_figures_of_a_report(report: Report, form: str, tmp_path: Path) -> None:
    paths = write_figures(report, tmp_path / "one", form)
    assert [path.name for path in paths] == [
        *(f"scores.{form}", f"errors.{form}"),
        f"certainty-made up-NER-entity.{form}",
    ]
    assert all(path.read_bytes().startswith(HEADS[form]) for path in paths)
    again = write_figures(report, tmp_path / "two", form)
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def test_what_figures_say(report: Report, tmp_path: Path) -> None:
    scores, errors, certainty = (
        path.read_text(encoding="utf-8") for path in write_figures(report, tmp_path, "svg")
    )
    for line in report.main.lines:
        assert f"{line.entry}  {line.unit.title}" in scores
        assert f">{100 * line.unit.micro:.1f}<" in scores
    assert ">missing<" in errors
    assert ">truncated<" not in errors
    assert "best F1" in certainty
    assert "recall %" in certainty


def test_a_system_that_is_right_and_gives_no_scores(tmp_path: Path) -> None:
    right = make_report(open_system(write([ask(GOLD, GOLD)], tmp_path / "right.jsonl")))
    paths = write_figures(right, tmp_path, "svg")
    assert [path.name for path in paths] == ["scores.svg", "errors.svg"]


def test_systems_side_by_side(tmp_path: Path) -> None:
    better = [ask(p.gold, p.gold, p.task, name=p.id) for p in PREDICTIONS]
    files = [write(PREDICTIONS, tmp_path / "one.jsonl"), write(better, tmp_path / "two.jsonl")]
    scored = [score_system(open_system(path), ("strict",), resamples=50)[0] for path in files]
    found = versus(scored, resamples=50)
    (path,) = write_comparison_figure(found, tmp_path, "svg")
    text = path.read_text(encoding="utf-8")
    assert all(f">{name}<" in text for name in found.systems)


def test_an_unknown_format_and_a_missing_library(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="svg, pdf, png"):
        write_figures(report, tmp_path, "gif")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"instructuie\[eval\]"):
        write_figures(report, tmp_path, "svg")
