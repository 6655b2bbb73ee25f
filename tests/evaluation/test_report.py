from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from instructuie.errors import MissingExtraError
from instructuie.evaluation import plots
from instructuie.evaluation.audit import audit
from instructuie.evaluation.findings import UnitAudit
from instructuie.evaluation.markdown import table
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.report import (
    Report,
    make_report,
    rule_table,
    write_comparison,
    write_report,
)
from instructuie.evaluation.scoring import open_system, score_system
from instructuie.types import Entity, Extraction, Issue, Mention
from tests.evaluation.made import TEXT, ask, entity, relation

EVIL = "<script>document.title='broken'</script>"
GOLD = Extraction((entity("person", 0, 3), entity("place", 15, 19)))
RELATED = Extraction(relations=(relation("met", (0, 3), (8, 11)),))
PREDICTIONS = (
    ask(GOLD, GOLD, name="right", scores={"entities": (0.95, 0.9)}),
    ask(GOLD, Extraction((entity("place", 0, 3),)), name="label", scores={"entities": (0.4,)}),
    ask(
        GOLD,
        Extraction((entity("person", 0, 3), Entity("place", Mention(EVIL)))),
        name=EVIL,
        issues=(Issue("not-in-text", EVIL),),
    ),
    ask(GOLD, None, name="nothing"),
    ask(RELATED, Extraction(), "RE", name="relation"),
)


def write(predictions: Sequence[Prediction], path: Path) -> Path:
    lines = (json.dumps(p.to_dict(), ensure_ascii=False) + "\n" for p in predictions)
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files of one report."""
    path = tmp_path_factory.mktemp("report")
    system = open_system(write(PREDICTIONS, path / "tiny.jsonl"))
    names = [p.name for p in write_report(make_report(system, title="A <tiny> system"), path)]
    assert names == ["report.json", "report.md", "report.html"]
    return path


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_json_report_has_the_scores_of_every_rule_and_the_audit(folder: Path) -> None:
    row = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    by_rule = {scores["rule"]: scores for scores in row["scores"]}
    assert list(by_rule) == ["strict", "paper", "instructuie-released", "uie", "partial"]
    unit = by_rule["strict"]["sets"][0]["units"]["entity"]
    assert (unit["right"], unit["predicted"], unit["gold"]) == (3, 5, 8)
    assert unit["signature"]["rule"] == "strict"
    audited = row["audit"]["made up/NER"]
    assert (audited["records"], audited["unanswered"]) == (4, 1)
    assert audited["issues"] == {"not-in-text": 1}
    classes = {
        k: n["errors"] for k, n in audited["units"]["entity"]["classes"].items() if n["errors"]
    }
    assert classes == {"missing": 4, "label": 1, "not-in-text": 1}


def test_the_markdown_report_has_the_same_numbers(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| made up/NER | entity | F1 | 4 | 8 | 60.00 | 37.50 | **46.15** |" in text
    assert "| missing | 4 | 4 | 0 | 36.2 |" in text
    assert "| all | 6 | 5 | 2 |  |" in text
    assert "rule:strict|task:NER|unit:entity" in text
    assert "1 of 4 records have no prediction" in text


def test_a_markdown_cell_keeps_to_its_cell() -> None:
    assert table(("a", "b"), [("x|y\nz", "1")]) == "| a | b |\n| --- | ---: |\n| x\\|y z | 1 |"


def test_the_page_refers_to_nothing_outside_itself(page: str) -> None:
    for tag, attributes in Elements(page).found:
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert not {"src", "srcset", "action", "onclick"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page


def test_what_comes_from_data_is_text_on_the_page(page: str) -> None:
    elements = Elements(page)
    assert [tag for tag, _ in elements.found].count("script") == 1
    assert EVIL not in page
    assert EVIL in elements.text
    assert "A <tiny> system" in elements.text


def test_the_page_shows_numbers_with_their_signatures_and_errors_with_their_texts(
    page: str,
) -> None:
    text = " ".join(Elements(page).text.split())
    for shown in ("46.15", "37.50", "rule:strict|task:NER|unit:entity", "1 without an answer"):
        assert shown in text
    cards = [a for _, a in Elements(page).found if a.get("class") == "example"]
    assert {a["data-errors"] for a in cards} == {
        "missing|person\nmissing|place",
        "not-in-text|place\nmissing|place",
        "label|person\nmissing|place",
        "missing|met",
    }
    links = {a["href"] for tag, a in Elements(page).found if tag == "a"}
    anchors = {f"#{a['id']}" for _, a in Elements(page).found if a.get("id")}
    assert links <= anchors


def test_the_order_of_a_file_makes_no_difference_to_its_page(page: str, tmp_path: Path) -> None:
    shuffled = (*PREDICTIONS[3::-1], PREDICTIONS[4])
    system = open_system(write(shuffled, tmp_path / "tiny.jsonl"))
    write_report(make_report(system, title="A <tiny> system"), tmp_path / "out")
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == page


BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def opened(page: Path) -> str:
    """The page as a browser without network has it after its script ran."""
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--user-data-dir={page.parent / 'profile'}", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_the_filter_of_the_page_works_in_a_browser(page: str, tmp_path: Path) -> None:
    click = "<script>document.querySelector('button[data-kind=label]').click()</script></body>"
    (tmp_path / "page.html").write_text(page.replace("</body>", click), encoding="utf-8")
    shown = Elements(opened(tmp_path / "page.html"))
    texts = [a for _, a in shown.found if a.get("class") == "example"]
    assert {a["data-errors"] for a in texts if "hidden" not in a} == {
        "label|person\nmissing|place",
        "missing|met",
    }
    assert "1 of 1 texts" in shown.text
    assert "A <tiny> system" in shown.text


def test_without_the_template_engine_the_error_names_the_command(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = make_report(open_system(folder / "tiny.jsonl"))
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"instructuie\[eval\]"):
        write_report(report, tmp_path)
    assert (tmp_path / "report.md").exists()


def test_reports_load_no_template_engine_before_they_are_written() -> None:
    code = (
        "import sys, instructuie.evaluation.report, instructuie.evaluation.paper;"
        "print([n for n in ('jinja2', 'matplotlib', 'scipy', 'torch') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_comparison_marks_the_best_and_leaves_blank_what_was_not_measured(tmp_path: Path) -> None:
    better = [ask(p.gold, p.gold, p.task, name=p.id) for p in PREDICTIONS[:4]]
    files = [write(PREDICTIONS, tmp_path / "one.jsonl"), write(better, tmp_path / "two.jsonl")]
    scored = [score_system(open_system(path), ("strict",))[0] for path in files]
    paths = write_comparison(scored, tmp_path / "out")
    assert [path.name for path in paths] == ["compare.json", "compare.md", "compare.html"]
    rows = paths[1].read_text(encoding="utf-8").splitlines()
    (named,) = [row for row in rows if row.startswith("| made up/NER")]
    assert "| 46.15 |" in named
    assert "| 100.00 | 100.0–100.0 | +53.85 |" in named
    (related,) = [row for row in rows if row.startswith("| made up/RE")]
    assert related.endswith("| - | - | - | - |")
    page = Elements(paths[2].read_text(encoding="utf-8"))
    assert "+53.85" in page.text
    assert [tag for tag, _ in page.found].count("svg") == 3


def unit_of(report: Sequence[Prediction]) -> UnitAudit:
    return next(iter(next(iter(audit(report).parts.values())).units.values()))


def test_the_curve_ends_where_the_counts_are() -> None:
    unit = unit_of(PREDICTIONS[:2])
    curve = plots.precision_recall(unit)
    assert [p.threshold for p in curve] == [0.95, 0.9, 0.4]
    assert [p.recall for p in curve] == [0.25, 0.5, 0.5]
    assert (curve[-1].precision, curve[-1].recall) == (unit.counts.precision, unit.counts.recall)
    best = plots.best_threshold(curve)
    assert best is not None
    assert best.threshold == 0.9


def test_calibration_compares_the_mean_score_with_the_share_that_is_right() -> None:
    found = plots.calibration(unit_of(PREDICTIONS[:2]))
    assert found is not None
    assert [(b.items, round(b.score, 3), b.right) for b in found.bins] == [
        (1, 0.4, 0.0),
        (2, 0.925, 1.0),
    ]
    assert found.error == pytest.approx((0.4 + 2 * 0.075) / 3)


def test_a_system_without_scores_has_no_curve() -> None:
    unit = unit_of([ask(GOLD, GOLD)])
    assert plots.precision_recall(unit) == ()
    assert plots.best_threshold(()) is None
    assert plots.calibration(unit) is None


def test_rare_labels_share_a_row_of_the_matrix() -> None:
    gold = [
        Extraction(tuple(Entity(f"label {n:02}", Mention.of(TEXT, 0, 3)) for n in range(m)))
        for m in range(1, plots.MAX_LABELS + 3)
    ]
    matrix = plots.confusion(unit_of([ask(g, g, name=str(i)) for i, g in enumerate(gold)]))
    assert matrix.labels[-2:] == (plots.OTHER, plots.NONE)
    assert len(matrix.rows) == plots.MAX_LABELS + 2
    assert [cells[at].kind for at, (*_, cells) in enumerate(matrix.rows)][-3:] == [
        "right",
        "none",
        "none",
    ]
    assert [total for _, total, _ in matrix.rows][-3:] == [3, 3, 0]
    assert sum(cell.number for *_, cells in matrix.rows for cell in cells) == sum(
        len(g.entities) for g in gold
    )


def test_scores_by_string_stand_beside_those_by_place(folder: Path) -> None:
    found = make_report(open_system(folder / "tiny.jsonl"))
    columns, rows = rule_table(found)
    assert columns == (
        *("strict", "paper", "instructuie-released"),
        *("uie", "uie, by string", "partial"),
    )
    assert list(rows) == [("made up/NER", "entity"), ("made up/RE", "relation, boundary")]
    units = {u.unit: u.micro for u in found.scored["uie"].scores.sets[0].units.values()}
    row = rows["made up/NER", "entity"]
    assert (row["uie"], row["uie, by string"]) == (units["entity"], units["entity-string"])


def test_a_report_of_another_rule_keeps_its_audit_strict(folder: Path) -> None:
    found: Report = make_report(open_system(folder / "tiny.jsonl"), rule="partial")
    assert found.main.scores.rule == "partial"
    assert found.audit.parts["made up/NER"].units["entity"].counts.right == 3
