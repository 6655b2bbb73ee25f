from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from instructuie.codec.formats import PlainFormat
from instructuie.engines import CT2_CONFIG, is_text_model, open_engine
from instructuie.engines.agreement import Agreement
from instructuie.engines.base import Request
from instructuie.engines.ct2_export import compare, export
from instructuie.errors import ModelError, TextError
from instructuie.extractor import Extractor
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from tests.engines.fakes import Scripted
from tests.engines.test_hf import engine
from tests.tiny import _scratch
from tests.tiny_text import KINDS, text_folder

ct2 = pytest.importorskip("instructuie.engines.ct2")
pytest.importorskip("ctranslate2")
SCHEMA = Schema.of(entities=["person", "town"])
PROMPTS = [
    Prompt(TASKS["NER"], text, SCHEMA)
    for text in ("Ann saw Bob in Oslo.", "résumé {北京}\n“x”", "Ann", "y z " * 30)
]
REQUESTS = [Request(prompt.plain(), prompt) for prompt in PROMPTS]
PLAIN = PlainFormat()


@cache
def converted(kind: str) -> Path:
    folder = _scratch() / f"ct2-{kind}"
    export(text_folder(kind), folder, (), PLAIN, quantization="float32", card="# Tiny\n")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_converted_model_answers_as_the_original(kind: str) -> None:
    """An oracle, with its probabilities: the same weights in the other engine."""
    ours = ct2.Ct2Engine.load(converted(kind), threads=1, max_new_tokens=30)
    original = engine(kind, constrain=False)
    for one, other in zip(ours.complete(REQUESTS), original.complete(REQUESTS), strict=True):
        if kind != "bart":  # whose decoder tidies the blanks around pieces of words
            assert one.text.strip() == other.text.strip()
        assert one.truncated == other.truncated
        said = [sum(token.log_prob for token in c.tokens) for c in (one, other)]
        assert said[0] == pytest.approx(said[1], abs=1e-2)
        assert "".join(token.text for token in one.tokens) == one.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_known_by_its_configuration(kind: str) -> None:
    assert is_text_model(converted(kind))
    opened = open_engine(converted(kind), threads=1)
    assert isinstance(opened, ct2.Ct2Engine)
    assert opened.count(["Ann saw Bob", ""])[1] == 0
    extractor = Extractor(converted(kind), threads=1)
    assert extractor.card == "# Tiny\n"
    for result in extractor.extract_batch(["Ann saw Bob.", ""], SCHEMA):
        for entity in result.entities:
            assert result.text[entity.start : entity.end] == entity.text


def test_without_probabilities_scores_are_one() -> None:
    ours = ct2.Ct2Engine.load(converted("t5"), threads=1, log_probs=False)
    assert all(completion.tokens == () for completion in ours.complete(REQUESTS))


def test_a_prompt_that_is_too_long_is_refused() -> None:
    ours = ct2.Ct2Engine.load(converted("t5"), threads=1)
    with pytest.raises(TextError, match="the model reads 512"):
        ours.complete([Request("word " * 600, PROMPTS[0])])
    assert ours.complete([]) == []


def test_an_export_that_answers_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "kept").write_text("x")
    monkeypatch.setattr(
        "instructuie.engines.ct2_export.compare", lambda *_: Agreement(same=90, either=100)
    )
    with pytest.raises(ModelError, match=r"agrees with the original on 90\.00% of 100 items"):
        export(text_folder("t5"), output, PROMPTS, PLAIN)
    assert (output / "kept").is_file()
    agreement = export(text_folder("t5"), output, PROMPTS, PLAIN, min_agreement=0.9)
    assert agreement == Agreement(90, 100)
    assert json.loads((output / CT2_CONFIG).read_text())["agreement"] == 0.9
    assert not (output / "kept").exists()


def test_agreement_counts_items_and_empty_answers() -> None:
    one = Scripted(lambda r: "person: Ann; town: Oslo" if "Oslo" in r.text else "None")
    other = Scripted(lambda r: "person: Ann; town: Bob" if "Oslo" in r.text else "None")
    assert compare(one, other, PROMPTS[:2], PLAIN) == Agreement(same=4, either=6)
    assert compare(one, one, PROMPTS, PLAIN).share == 1
    assert Agreement(0, 0).share == 1


def test_agreement_is_about_places_in_the_text() -> None:
    """Tokenizers write blanks around marks, each in its way; grounding finds the words all the same."""
    prompts = [Prompt(TASKS["NER"], "P. Simmons (Kent) 4-38.", SCHEMA)]
    one = Scripted(lambda _: " person : p . simmons ; town : kent")
    other = Scripted(lambda _: "person: P. Simmons; town: Kent")
    assert compare(one, other, prompts, PLAIN) == Agreement(same=4, either=4)
    assert (
        compare(one, Scripted(lambda _: "person: Simmons; town: Kent"), prompts, PLAIN).share == 0.5
    )


@pytest.mark.parametrize("damage", ["no file", "{}", '{"format": "other"}', "broken model"])
def test_a_damaged_folder_is_a_model_error(tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(converted("t5"), tmp_path / "model")
    if damage == "no file":
        (folder / CT2_CONFIG).unlink()
    elif damage == "broken model":
        (folder / "model.bin").write_bytes(b"x")
    else:
        (folder / CT2_CONFIG).write_text(damage)
    with pytest.raises(ModelError):
        ct2.Ct2Engine.load(folder)


def test_weights_that_are_not_safetensors_are_not_converted(tmp_path: Path) -> None:
    from instructuie.engines.ct2_export import _convert

    with pytest.raises(ModelError, match="only safetensors are read"):
        _convert(tmp_path, tmp_path / "out", "int8")
