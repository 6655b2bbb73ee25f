from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest

from instructuie.errors import ConfigError, DataError
from instructuie.evaluation import benchmark
from instructuie.evaluation.plan import plan
from instructuie.evaluation.predictors import GoldPredictor, Predictor
from instructuie.evaluation.rules import RULES
from instructuie.evaluation.scoring import open_system, score_system, to_file
from instructuie.evaluation.suite import Entry, Suite, suite_of
from instructuie.evaluation.versus import versus

from . import runs

SETS = "homes/NER,homes/ES,homes/ET,homes/RE,homes/EP,homes/EPR,trips/EE,trips/EET,trips/EEA"


def run(folder: Path, suite: Suite, predictor: Predictor, name: str = "run") -> Path:
    benchmark.predict(plan(suite, runs.data(folder)), predictor, folder / name)
    return folder / name


@pytest.mark.parametrize("rule", RULES)
def test_gold_scores_full_marks_under_every_rule(rule: str, tmp_path: Path) -> None:
    system = open_system(run(tmp_path, suite_of(SETS), GoldPredictor()))
    scored = score_system(system, (rule,), resamples=20)[0]
    assert scored.lines
    assert {line.unit.micro for line in scored.lines} == {1.0}
    assert {line.interval.high for line in scored.lines} == {1.0}


def test_predictions_are_scored_again_without_the_system(tmp_path: Path) -> None:
    folder = run(tmp_path, suite_of("homes/NER"), runs.Scripted(entities=1))
    system = open_system(folder)
    strict, partial = score_system(system, ("strict", "partial"), resamples=20)
    total = strict.lines[0].unit.total
    assert (total.right, total.predicted, total.gold) == (4, 4, 9)
    assert partial.lines[0].unit.micro >= strict.lines[0].unit.micro
    file = to_file([strict, partial])
    assert [row["rule"] for row in file["scores"]] == ["strict", "partial"]
    json.dumps(file)
    found = file["scores"][0]["sets"][0]
    assert found["entry"] == "homes/NER"
    assert found["units"]["entity"]["signature"]["rule"] == "strict"
    assert found["units"]["entity"]["interval"]["resamples"] == 20


def test_the_suites_rule_and_units_hold_unless_another_rule_is_named(tmp_path: Path) -> None:
    suite = Suite(
        (Entry("homes", "NER", rule="paper"), Entry("trips", "EE", units=("trigger",))),
        rule="partial",
    )
    system = open_system(run(tmp_path, suite, GoldPredictor()))
    found = score_system(system, resamples=20)
    assert {s.scores.rule: [line.entry for line in s.lines] for s in found} == {
        "paper": ["homes/NER"],
        "partial": ["trips/EE"],
    }
    assert [line.unit.unit for line in found[1].lines] == ["trigger"]
    assert len(score_system(system, ("strict",), resamples=20)) == 1


def test_strict_relations_are_scored_where_the_suite_asks(tmp_path: Path) -> None:
    suite = Suite((Entry("homes", "RE", units=("relation", "relation-strict")),))
    scored = score_system(open_system(run(tmp_path, suite, GoldPredictor())), resamples=20)[0]
    assert [line.unit.unit for line in scored.lines] == ["relation", "relation-strict"]
    assert scored.lines[1].unit.micro == 1.0


def test_views_of_one_data_set_stay_apart_and_groups_have_means(tmp_path: Path) -> None:
    entries = [Entry("homes", "RE", triplets=t, group="Homes") for t in ("one", "several")]
    scored = score_system(
        open_system(run(tmp_path, Suite(tuple(entries)), GoldPredictor())), resamples=20
    )[0]
    assert [line.entry for line in scored.lines] == [
        "homes/RE/test-one-triplet",
        "homes/RE/test-several-triplet",
    ]
    assert scored.groups[0].group == "Homes"
    assert len(scored.groups[0].entries) == 2


def test_an_unfinished_run_is_scored_only_on_demand(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, suite_of("homes/NER,trips/EE"), runs.Scripted(dies_at="trips/1"))
    with pytest.raises(DataError, match="trips/EE: 0 of 2"):
        open_system(tmp_path / "run")
    system = open_system(tmp_path / "run", partial=True)
    assert [line.entry for line in score_system(system, resamples=20)[0].lines] == ["homes/NER"]
    assert any("trips/EE is not complete" in note for note in system.notes)


def test_missing_entries_and_answers_are_said(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(
        '{"dataset": "homes", "task": "NER", "text": "Ann of Oslo.", "completion": "person: Ann"}\n'
    )
    from instructuie.evaluation.recorded import RecordedPredictor

    folder = run(tmp_path, suite_of("homes/NER,nix/NER"), RecordedPredictor(path))
    scored = score_system(open_system(folder), resamples=20)[0]
    assert "nix/NER is missing: the data set is not in the data" in scored.notes
    assert any("3 of 4 records have no prediction" in note for note in scored.notes)
    total = scored.lines[0].unit.total
    assert (total.right, total.predicted, total.gold) == (1, 1, 9)


def test_a_file_on_its_own_is_a_system(tmp_path: Path) -> None:
    folder = run(tmp_path, suite_of("homes/NER"), GoldPredictor())
    system = open_system(folder / "homes.NER.jsonl")
    line = score_system(system, resamples=20)[0].lines[0]
    assert (line.entry, line.unit.micro, system.rule) == ("homes/NER", 1.0, "strict")
    with pytest.raises(DataError, match="no such file"):
        open_system(tmp_path / "nix")


def test_systems_side_by_side(tmp_path: Path) -> None:
    suite = suite_of("homes/NER,homes/ES")
    one = run(tmp_path, suite, GoldPredictor(), "one")
    two = run(tmp_path, suite_of("homes/NER"), runs.Scripted(entities=1), "two")
    scored = [score_system(open_system(p), ("strict",), resamples=50)[0] for p in (one, two)]
    found = versus(scored, resamples=50)
    ner, spans = found.rows
    assert ner.cells[0] is not None
    assert ner.cells[0].comparison is None
    assert ner.cells[1] is not None
    assert ner.cells[1].comparison is not None
    assert ner.cells[1].comparison.difference < 0
    assert spans.cells[1] is None
    assert found.means == ()
    json.dumps(found.to_dict())


def test_the_same_system_does_not_differ_from_itself(tmp_path: Path) -> None:
    folder = run(tmp_path, suite_of("homes/NER,homes/ES"), runs.Scripted(entities=1))
    scored = score_system(open_system(folder), ("strict",), resamples=50)[0]
    found = versus([scored, scored], resamples=50)
    comparisons = [row.cells[1].comparison for row in found.rows if row.cells[1]]
    assert all(c is not None and c.p_randomisation == 1.0 for c in comparisons)
    assert len(set(found.systems)) == 1


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    folder = run(tmp_path, suite_of("homes/NER"), GoldPredictor())
    strict, paper = score_system(open_system(folder), ("strict", "paper"), resamples=20)
    with pytest.raises(ConfigError, match="at least two"):
        versus([strict])
    with pytest.raises(ConfigError, match="rule: strict and paper"):
        versus([strict, paper])


def test_the_collector_is_as_it_was_after_a_file_that_breaks(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"dataset": "d"}\n')
    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            with pytest.raises(DataError):
                score_system(open_system(path))
            assert gc.isenabled() == enabled
        finally:
            gc.enable()
