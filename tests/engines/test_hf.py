from __future__ import annotations

import copy
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from instructuie.codec.formats import PlainFormat
from instructuie.engines import is_text_model, open_engine
from instructuie.engines.base import Request
from instructuie.engines.hf import HfEngine
from instructuie.engines.hf_load import load_model
from instructuie.errors import ConfigError, MissingExtraError, ModelError, TextError
from instructuie.extractor import Extractor
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import TASKS
from tests.tiny_text import KINDS, text_folder

SCHEMA = Schema.of(
    entities=["person", "town: big"], relations=["lives in"], events={"attack": ["attacker"]}
)
TEXTS = [
    "Ann saw Bob in Oslo.",
    'x "Bob; Eve", 1,000 résumés – {Rome}\nand more of it, in a text that is longer than others',
    "北京 is Peking",
    "Ann",
    "y z " * 20,
]
PLAIN = PlainFormat()
TAUGHT = 'person: Ann; "town: big": Oslo'


def requests(task: str = "NER", texts: list[str] = TEXTS) -> list[Request]:
    prompts = [Prompt(TASKS[task], text, SCHEMA) for text in texts]  # type: ignore[index]
    return [Request(PLAIN.render(p), p, PLAIN.grammar(p)) for p in prompts]


@cache
def engine(kind: str, *, constrain: bool = True, batch_size: int = 3) -> HfEngine:
    return HfEngine.load(
        text_folder(kind),
        constrain=constrain,
        batch_size=batch_size,
        dtype="float32",
        max_new_tokens=30,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_free_answers_are_those_of_generate(kind: str) -> None:
    """An oracle: the loop of transformers, one prompt at a time."""
    ours = engine(kind, constrain=False)
    for request, completion in zip(requests(), ours.complete(requests()), strict=True):
        ids = ours.tokenizer(request.text, return_tensors="pt")["input_ids"]
        new = written_ids(ours, ids)
        assert completion.text == "".join(ours._texts(new))
        assert len(completion.tokens) == len(new)


@pytest.mark.parametrize("constrain", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_answers_as_single_prompts_do(kind: str, constrain: bool) -> None:
    asked = requests()
    together = engine(kind, constrain=constrain, batch_size=5).complete(asked)
    for request, completion in zip(asked, together, strict=True):
        (alone,) = engine(kind, constrain=constrain).complete([request])
        assert (alone.text, alone.truncated) == (completion.text, completion.truncated)
        for one, other in zip(alone.tokens, completion.tokens, strict=True):
            assert one.text == other.text
            assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_those_of_the_model(kind: str) -> None:
    """An oracle: the whole answer scored in one pass."""
    ours = engine(kind, constrain=False)
    request = requests()[0]
    (completion,) = ours.complete([request])
    ids = ours.tokenizer(request.text, return_tensors="pt")["input_ids"]
    new = written_ids(ours, ids)
    with torch.inference_mode():
        if ours.seq2seq:
            start = torch.tensor([[ours._start, *new]])
            scores = ours.model(input_ids=ids, decoder_input_ids=start).logits[0]
        else:
            whole = torch.cat([ids, torch.tensor([new])], 1)
            scores = ours.model(input_ids=whole).logits[0, ids.shape[1] - 1 :]
    expected = scores.float().log_softmax(1)[range(len(new)), new].tolist()
    said = [token.log_prob for token in completion.tokens]
    assert said == pytest.approx(expected, abs=1e-3)
    assert "".join(token.text for token in completion.tokens) == completion.text


def written_ids(ours: HfEngine, ids: Any) -> list[int]:
    out = ours.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=30,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=list(ours.ends),
    )[0].tolist()
    new = out[1:] if ours.seq2seq else out[ids.shape[1] :]
    return [token for token in new if token not in ours.ends]


@pytest.mark.parametrize("task", ["NER", "RE", "EE"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_untrained_model_says_only_what_was_asked_and_is_there(kind: str, task: str) -> None:
    extractor = Extractor(engine=engine(kind))
    labels = {"NER": "entities", "RE": "relations", "EE": "events"}[task]
    schema = Schema(**{labels: getattr(SCHEMA, labels)})
    for result in extractor.extract_batch(TEXTS, schema, overlap="all"):
        # What the length limit cuts in the middle is the only thing that cannot be read.
        cut = any(issue.kind == "step-limit" for issue in result.issues)
        allowed = {"repeat", "step-limit"} | ({"unparsable"} if cut else set())
        assert {issue.kind for issue in result.issues} <= allowed
        for mention in result.extraction.mentions():
            assert mention.span is not None
            assert result.text[mention.span.start : mention.span.end] == mention.text


@pytest.mark.parametrize("kind", ["t5", "gpt"])
def test_scores_are_probabilities(kind: str) -> None:
    found = Extractor(engine=engine(kind)).extract(TEXTS[1], SCHEMA, overlap="all")
    scores = [entity.score for entity in found.entities]
    scores += [relation.score for relation in found.relations]
    scores += [event.score for event in found.events]
    assert scores
    assert all(0 <= score <= 1 for score in scores)


def test_a_trained_model_is_read_to_the_end() -> None:
    """One that was taught a single answer gives it, held to the grammar or not."""
    small, tokenizer = load_model(text_folder("t5"), dtype="float32")
    config = copy.deepcopy(small.config)
    config.d_model, config.d_ff, config.num_decoder_layers = 32, 64, 2
    torch.manual_seed(0)
    model = type(small)(config).eval()
    request = requests()[0]
    ids = tokenizer(request.text, return_tensors="pt")["input_ids"]
    labels = tokenizer(TAUGHT, return_tensors="pt")["input_ids"]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for constrain in (True, False):
        trained = HfEngine(model, tokenizer, constrain=constrain)
        (completion,) = trained.complete([request])
        assert completion.text.strip() == TAUGHT
        assert not completion.truncated


def test_a_prompt_that_is_too_long_is_refused_and_never_cut() -> None:
    ours = engine("t5")
    long = requests(texts=["word " * 600])
    with pytest.raises(TextError, match=r"the prompt has \d+ tokens, the model reads 512"):
        ours.complete(long)


def test_a_text_of_any_length_is_read_in_windows() -> None:
    text = " ".join(f"Ann {n} saw Bob in Oslo." for n in range(400))
    result = Extractor(engine=engine("t5", batch_size=64)).extract(text, entities=["person"])
    assert result.windows > 5
    assert not result.truncated


@pytest.mark.parametrize("kind", KINDS)
def test_odd_texts_and_labels_are_answered(kind: str) -> None:
    extractor = Extractor(engine=engine(kind))
    texts = ["", " ", "\ud800 x", "\x00", "a\u0301", "{0} {text}", "👩🏽 x"]
    for result in extractor.extract_batch(texts, entities=['a "b"; {c}: d', "x, y"]):
        for entity in result.entities:
            assert result.text[entity.start : entity.end] == entity.text


def test_no_request_is_no_answer() -> None:
    assert engine("t5").complete([]) == []


def test_beam_search_is_refused() -> None:
    with pytest.raises(ModelError, match="beam_size is 2"):
        Extractor(engine=engine("t5")).extract("Ann", entities=["person"], beam_size=2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_known_by_its_configuration(kind: str, tmp_path: Path) -> None:
    folder = shutil.copytree(text_folder(kind), tmp_path / "bert-base")
    assert is_text_model(folder)
    opened = open_engine(folder)
    assert isinstance(opened, HfEngine)
    assert opened.seq2seq == (kind != "gpt")
    assert opened.name == "bert-base"


def test_other_things_are_no_language_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert not is_text_model("runs/missing")
    (tmp_path / "config.json").write_text('{"format": "instructuie-pointer-2"}')
    assert not is_text_model(tmp_path)
    assert not is_text_model(None)
    assert not is_text_model(tmp_path / "missing")
    assert not is_text_model(Path("google/flan-t5-large"))
    assert is_text_model("google/flan-t5-large")


def test_weights_that_are_not_safetensors_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(text_folder("t5"), tmp_path / "pickled")
    model, _ = load_model(folder, dtype="float32")
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_model(folder)


@pytest.mark.parametrize("damage", ["config.json", "tokenizer.json"])
def test_a_damaged_folder_is_a_model_error(tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(text_folder("gpt"), tmp_path / "model")
    (folder / damage).write_text('{"model_type": "no-such-model"}')
    with pytest.raises(ModelError, match="cannot load the language model"):
        load_model(folder)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # from peft
def test_an_adapter_is_loaded_onto_its_base(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    base, _ = load_model(text_folder("gpt"), dtype="float32")
    torch.manual_seed(3)
    adapted = peft.get_peft_model(
        base,
        peft.LoraConfig(target_modules=["c_attn"], init_lora_weights=False, fan_in_fan_out=True),
    )
    adapted.save_pretrained(tmp_path)
    row = json.loads((tmp_path / "adapter_config.json").read_text())
    row["base_model_name_or_path"] = str(text_folder("gpt"))
    (tmp_path / "adapter_config.json").write_text(json.dumps(row))
    assert is_text_model(tmp_path)
    loaded, tokenizer = load_model(tmp_path, dtype="float32")
    ids = tokenizer("Ann saw Bob", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = adapted.eval()(ids).logits
        assert torch.allclose(loaded(ids).logits, expected, atol=1e-4)
        plain, _ = load_model(text_folder("gpt"), dtype="float32")
        assert not torch.allclose(plain(ids).logits, expected, atol=1e-4)


def test_settings_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="dtype is 'float16', expected"):
        load_model(text_folder("t5"), dtype="float16")
    with pytest.raises(
        ConfigError, match="quantize is 'int4'; a processor computes with int8 only"
    ):
        load_model(text_folder("t5"), quantize="int4", device="cpu")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"instructuie\[quant\]"):
        load_model(text_folder("t5"), quantize="int8", device="cuda")


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_in_int8_says_nearly_the_same(kind: str) -> None:
    small = HfEngine.load(text_folder(kind), quantize="int8", device="cpu", max_new_tokens=1)
    exact = engine(kind)
    exact.max_new_tokens, kept = 1, exact.max_new_tokens
    try:
        pairs = zip(small.complete(requests()), exact.complete(requests()), strict=True)
        firsts = [[c.tokens[0] for c in pair if c.tokens] for pair in pairs]
    finally:
        exact.max_new_tokens = kept
    close = [
        abs(one.log_prob - other.log_prob) < 0.5
        for one, other in (f for f in firsts if len(f) == 2)
    ]
    assert len(close) == len(TEXTS)
    assert sum(close) >= len(TEXTS) - 1


def test_bfloat16_is_used_where_it_is_asked_for() -> None:
    loaded, _ = load_model(text_folder("t5"), dtype="bfloat16")
    assert loaded.dtype == torch.bfloat16
