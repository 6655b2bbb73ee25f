from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from instructuie.errors import ModelError
from instructuie.training.text.trainer import train
from instructuie.training.text.warm_start import warm_start
from tests.tiny import encoder_folder, small_sets, write_prepared

from .tiny import settings, t5_folder


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT whose embeddings, norms and biases are far from their first values."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(3)
    model = AutoModel.from_pretrained(encoder_folder())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(encoder_folder()).save_pretrained(folder)
    return folder


def test_the_encoder_says_what_it_said_before(scattered: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(scattered)
    bert = AutoModel.from_pretrained(scattered).eval()
    bart = warm_start(str(scattered), tokenizer).eval()
    rows = tokenizer(["Ann saw Oslo.", "Find it"], return_tensors="pt", padding=True)
    inputs = {name: rows[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        wanted = bert(**inputs).last_hidden_state
        found = bart.model.encoder(**inputs).last_hidden_state
    seen = inputs["attention_mask"].bool()
    torch.testing.assert_close(found[seen], wanted[seen], atol=1e-3, rtol=1e-3)


def test_the_decoder_starts_from_the_encoders_layers(scattered: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(scattered)
    bart = warm_start(str(scattered), tokenizer, decoder_layers=1).model
    (layer,) = bart.decoder.layers
    last = bart.encoder.layers[-1]
    for attention in (layer.self_attn, layer.encoder_attn):
        assert torch.equal(attention.q_proj.weight, last.self_attn.q_proj.weight)
        assert torch.equal(attention.out_proj.bias, last.self_attn.out_proj.bias)
    assert torch.equal(layer.fc1.weight, last.fc1.weight)


def test_only_berts_can_be_made_into_barts(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder_folder())
    with pytest.raises(ModelError, match="a model of the kind t5; expected a BERT with GELU"):
        warm_start(str(t5_folder()), tokenizer)
    config = BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, hidden_act="relu"
    )
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="expected a BERT with GELU"):
        warm_start(str(tmp_path), tokenizer)


def test_a_warm_started_model_trains_and_carries_what_ctranslate2_asks_for(tmp_path: Path) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    model = {"base": "", "warm_start": str(encoder_folder()), "decoder_layers": 1}
    folder = train(settings(Path(), steps=2, model=model), data, tmp_path / "run")
    from transformers import AutoModelForSeq2SeqLM

    config = AutoModelForSeq2SeqLM.from_pretrained(folder).config
    assert config.normalize_before is False
    assert config.normalize_embedding is True
    assert config.add_final_layer_norm is False
