from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import instructuie.training.finetune as tuning
from instructuie.data.prepared import read_prepared
from instructuie.data.record import Record
from instructuie.engines.agreement import Agreement
from instructuie.errors import ConfigError, DataError, ModelError
from instructuie.evaluation.counts import Counts
from instructuie.extractor import Extractor
from instructuie.training.finetune import (
    FineTuning,
    Inputs,
    Outcome,
    Watcher,
    drop_of,
    finetune,
    training_of,
)
from instructuie.training.probe import GENERAL, OWN
from instructuie.training.replay import COMMON, SELF, distilled, header_of, replayed
from instructuie.training.restore import restore
from tests.tiny import small_sets, write_prepared

from .exported import int8_folder

SETS = small_sets()
QUICK = FineTuning(
    steps=4,
    batch_tokens=300,
    learning_rate=1e-3,
    replay_share=0.0,
    dev_share=0.3,
    max_drop=100.0,
    threads=1,
)


@pytest.fixture(autouse=True)
def short_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two texts of each part of the suite: the tiny model spells every word out."""
    from instructuie.training import probe

    whole = probe.general_records()
    short = {name: records[:2] for name, records in whole.items()}
    monkeypatch.setattr(probe, "general_records", lambda: short)


def write(path: Path, records: Sequence[Record]) -> Path:
    path.write_text("".join(json.dumps(r.to_dict()) + "\n" for r in records), encoding="utf-8")
    return path


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Homes have entities and relations."""
    data = write(tmp_path / "own.jsonl", SETS["homes"]["splits"]["train"])
    return Inputs([data], start=int8_folder())


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stands in for the export, which takes a while; the weights that it was given."""
    weights: list[bytes] = []

    def export(trained: Path, made: Path, asked: Any) -> Agreement:
        weights.append((trained / "model.safetensors").read_bytes())
        shutil.copytree(int8_folder(), made, dirs_exist_ok=True)
        return Agreement(1, 1)

    monkeypatch.setattr(tuning, "_export", export)
    return weights


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_the_result_is_a_model_with_its_report(inputs: Inputs, tmp_path: Path) -> None:
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    output = tmp_path / "deep" / "model"
    outcome = finetune(inputs, output, QUICK, watcher=Watcher(notes.append, rows.append))
    assert {f.name for f in output.iterdir()} == {
        *("config.json", "tokenizer.json", "encoder.onnx", "decoder.onnx"),
        *("README.md", "finetune.json"),
    }
    result = Extractor(output, threads=1).extract("Ann of Oslo.", entities=["person"])
    assert result.text == "Ann of Oslo."
    report = json.loads((output / "finetune.json").read_text("utf-8"))
    assert report["settings"]["steps"] == 4
    assert (report["data"], report["replay"]) == (["own.jsonl"], "nothing")
    texts = [f.read_text("utf-8") for f in (output / "finetune.json", output / "README.md")]
    assert not any(str(tmp_path) in text for text in texts)
    assert outcome.agreement is not None
    assert report["agreement"] == outcome.agreement.share
    assert "own: NER" in (output / "README.md").read_text("utf-8")
    assert {group[:2] for group in outcome.before} >= {(OWN, "NER"), (OWN, "RE")}
    assert rows[-1]["step"] == 4
    assert "labels: person, town, lives in" in notes[0]
    assert [f.name for f in output.parent.iterdir()] == ["model"]  # nothing is left beside it
    learned = restore(output).state_dict()
    started = restore(int8_folder()).state_dict()
    assert not torch.equal(learned["slot_embedding.weight"], started["slot_embedding.weight"])
    assert not torch.equal(
        learned["encoder.embeddings.LayerNorm.weight"],
        started["encoder.embeddings.LayerNorm.weight"],
    )


def test_a_frozen_encoder_stays_as_it_is(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    weights: list[dict[str, torch.Tensor]] = []

    def caught(trained: Path, *rest: Any) -> Any:
        weights.extend(
            load_file(folder / "model.safetensors")
            for folder in (trained, trained.parent / "start")
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "_export", caught)
    with pytest.raises(KeyboardInterrupt):
        finetune(inputs, tmp_path / "model", replace(QUICK, freeze="encoder"))
    learned, started = weights
    for name, weight in learned.items():
        same = torch.equal(weight, started[name])
        if name.startswith("encoder."):
            assert same, name
    assert not torch.equal(learned["query.weight"], started["query.weight"])


def test_the_result_lies_between_start_and_training(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    def caught(mixed: Path, *rest: Any) -> Any:
        folders = (mixed, mixed.parent / "start", mixed.parent / "run" / "model")
        learned, started, trained = (load_file(f / "model.safetensors") for f in folders)
        for name, weight in learned.items():
            expected = 0.75 * trained[name] + 0.25 * started[name]
            assert torch.allclose(weight, expected, atol=1e-6), name
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "_export", caught)
    with pytest.raises(KeyboardInterrupt):
        finetune(inputs, tmp_path / "model", replace(QUICK, keep=0.25))


def test_a_stopped_run_goes_on_to_the_same_model(
    inputs: Inputs, tmp_path: Path, exports: list[bytes]
) -> None:
    finetune(inputs, tmp_path / "whole", QUICK)

    def stop(row: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(inputs, tmp_path / "model", QUICK, watcher=Watcher(row=stop))
    assert not (tmp_path / "model").exists()
    with pytest.raises(ConfigError, match="other data or settings"):
        finetune(inputs, tmp_path / "model", replace(QUICK, steps=5))
    finetune(inputs, tmp_path / "model", QUICK)
    assert exports[0] == exports[1]
    assert bytes_of(tmp_path / "model") == bytes_of(tmp_path / "whole")


def test_more_is_allowed_without_a_second_training(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exports: list[bytes]
) -> None:
    monkeypatch.setattr(tuning, "drop_of", lambda outcome: 7.0)
    with pytest.raises(ModelError, match=r"fell by 7\.0 points.*at most 5"):
        finetune(inputs, tmp_path / "model", replace(QUICK, max_drop=5.0))
    assert not (tmp_path / "model").exists()
    rows: list[dict[str, Any]] = []
    finetune(
        inputs, tmp_path / "model", replace(QUICK, max_drop=8.0), watcher=Watcher(row=rows.append)
    )
    assert not rows
    assert exports[0] == exports[1]
    assert (tmp_path / "model" / "encoder.onnx").exists()


def test_a_loss_that_is_no_number_stops_the_run(inputs: Inputs, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="training has collapsed: the loss is"):
        finetune(inputs, tmp_path / "model", replace(QUICK, learning_rate=1e30))
    assert [f.name for f in tmp_path.iterdir()] == ["own.jsonl"]


def test_a_model_that_finds_nothing_any_more_stops_the_run() -> None:
    rows: list[dict[str, Any]] = []
    nothing = {"step": 50, "dev": {"own/NER": {"entity": 0.0}}}
    tuning._Guard(Counts(0, 4, 4), rows.append)(nothing)  # it found nothing before either
    with pytest.raises(ModelError, match="at step 50 nothing is found"):
        tuning._Guard(Counts(1, 4, 4), rows.append)(nothing)
    assert rows == [nothing, nothing]


GROUPS = {(OWN, "NER", "entity"): Counts(2, 4, 4), (GENERAL, "news", "entity"): Counts(3, 4, 4)}


@pytest.mark.parametrize(
    ("own", "general", "message"),
    [
        (Counts(3, 4, 4), Counts(3, 4, 4), None),
        (Counts(0, 0, 4), Counts(3, 4, 4), "finds nothing at all"),
        (Counts(3, 4, 4), Counts(1, 4, 4), "forgotten too much"),
        (Counts(3, 4, 4), Counts(4, 4, 4), None),
    ],
)
def test_what_is_refused(own: Counts, general: Counts, message: str | None, tmp_path: Path) -> None:
    after = dict(zip(GROUPS, (own, general), strict=True))
    outcome = Outcome(tmp_path, GROUPS, after, Agreement(1, 1))
    assert drop_of(outcome) == pytest.approx(100 * (0.75 - general.f1))
    if message is None:
        tuning._refuse_worse(outcome, FineTuning(), tmp_path)
        return
    with pytest.raises(ModelError, match=message):
        tuning._refuse_worse(outcome, FineTuning(), tmp_path)


def test_other_folders_are_left_alone(inputs: Inputs, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="is not empty"):
        finetune(inputs, precious, QUICK)
    with pytest.raises(ConfigError, match="is a file"):
        finetune(inputs, precious / "thesis.txt", QUICK)
    assert bytes_of(precious) == {"thesis.txt": b"x"}


def test_a_replay_file_gives_its_training_records(tmp_path: Path) -> None:
    sets = {name: dict(row) for name, row in SETS.items()}
    sets["homes"] = {**sets["homes"], "header": {**sets["homes"]["header"], "use": "zero-shot"}}
    path = write_prepared(tmp_path / "general.jsonl.gz", sets)
    found = replayed(path, seed=0)
    assert list(found) == ["replay people", "replay trips"]
    assert len(found["replay people"][1]) == 9
    assert found["replay trips"][0].events == {"trip": ("who", "where")}
    with pytest.raises(DataError, match="no data set"):
        replayed(write_prepared(tmp_path / "x.jsonl.gz", {"homes": sets["homes"]}), seed=0)


def test_replay_is_drawn_as_often_as_asked(inputs: Inputs, tmp_path: Path) -> None:
    from instructuie.data.mixture import Mixture
    from instructuie.training.own_data import Reading, load_own

    inputs = replace(inputs, replay=write_prepared(tmp_path / "general.jsonl.gz", SETS))
    settings = replace(QUICK, replay_share=0.4)
    own = load_own(inputs.data, (), reading=Reading(), share=0.3, seed=0)
    data = tuning._prepare(inputs, own, settings, tmp_path / "work")
    config = training_of(settings, tmp_path, data)
    shares = Mixture(read_prepared(data), config.mixture, seed=0).shares
    assert sum(x for name, x in shares.items() if name.startswith("own/")) == pytest.approx(0.6)
    assert {name for name in shares if name.startswith("own/")} == {"own/NER", "own/RE"}
    assert sum(shares.values()) == pytest.approx(1.0)


def test_without_a_file_the_model_answers_about_the_texts_itself() -> None:
    from instructuie.data.prepared import Inventory

    texts = ["Maria Keller works for Nordwind Energy in Lisbon."]
    own = Inventory(("NER",), entities=("Person", "ship"))
    ((name, (inventory, records)),) = distilled(Extractor(threads=1), texts, own).items()
    assert name == SELF
    assert "person" not in inventory.entities
    assert set(inventory.entities) == set(COMMON.entities) - {"person"}
    assert [r.text for r in records] == texts
    records[0].check()
    assert "Lisbon" in [e.mention.text for e in records[0].gold.entities]
    assert header_of(inventory)["use"] == "train"


@pytest.mark.parametrize(
    "wrong",
    [{"replay_share": 1.0}, {"keep": 1.0}, {"dev_share": 0.0}, {"freeze": "all"}, {"steps": 0}],
)
def test_settings_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(QUICK, **wrong)
