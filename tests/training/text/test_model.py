"""Families of models, as small as can be: each learns a step and is saved so that it loads again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from instructuie.errors import ConfigError, ModelError
from instructuie.training.text.trainer import train
from tests.tiny import small_sets, write_prepared

from .tiny import byte_tokenizer, causal_folder, save, settings, t5_folder

T5: dict[str, Any] = {"vocab_size": 259, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1}
T5 |= {"num_heads": 2, "pad_token_id": 0, "eos_token_id": 1}
GEMMA: dict[str, Any] = {"vocab_size": 259, "hidden_size": 16, "intermediate_size": 32}
GEMMA |= {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}
GEMMA |= {"head_dim": 8, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
BART: dict[str, Any] = {"vocab_size": 259, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1}
BART |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32}
BART |= {"decoder_ffn_dim": 32, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
BART |= {"decoder_start_token_id": 1, "forced_eos_token_id": 1}


def config_of(kind: str) -> Any:
    if kind in ("mt5", "umt5"):
        made = transformers.AutoConfig.for_model(kind, **T5)
        made.decoder_start_token_id = 0
        return made
    if kind == "t5gemma":
        made = transformers.AutoConfig.for_model(
            kind, encoder=dict(GEMMA), decoder=dict(GEMMA), vocab_size=259
        )
        made.decoder_start_token_id = 2
        return made
    if kind == "bart":
        return transformers.AutoConfig.for_model(kind, **BART)
    return transformers.AutoConfig.for_model(kind, **GEMMA)


@pytest.mark.parametrize("kind", ["mt5", "umt5", "t5gemma", "bart", "gemma2", "qwen3", "mistral"])
def test_other_families_learn_too(kind: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = config_of(kind)
    seq2seq = bool(config.is_encoder_decoder)
    family: Any = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
    base = save(family.from_config(config), byte_tokenizer(ends=seq2seq), f"family-{kind}")
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    extra: dict[str, Any] = {"dev": ["people/NER"], "model": {"max_target_tokens": 60}}
    folder = train(settings(base, steps=3, dev_limit=1, **extra), data, tmp_path / "run")
    before, after = family.from_pretrained(base), family.from_pretrained(folder)
    assert type(before) is type(after)
    changed = [
        name
        for name, weight in after.named_parameters()
        if not torch.equal(weight, before.get_parameter(name))
    ]
    assert len(changed) > len(list(after.parameters())) / 2


def test_prompts_beyond_the_table_of_positions_are_refused(tmp_path: Path) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    long = settings(causal_folder(), model={"max_source_tokens": 2000})
    with pytest.raises(ConfigError, match=r"2000 and .* 160 are more than .* 2048 tokens for both"):
        train(long, data, tmp_path)


@pytest.mark.parametrize("given", ["base", "warm_start"])
def test_a_model_that_is_not_there_is_a_model_error(tmp_path: Path, given: str) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    (tmp_path / "empty").mkdir()
    model = {"base": "", "warm_start": ""} | {given: str(tmp_path / "empty")}
    with pytest.raises(ModelError, match="cannot load the tokenizer of"):
        train(settings(t5_folder(), model=model), data, tmp_path / "run")


def test_layers_that_are_not_there_cannot_have_adapters(tmp_path: Path) -> None:
    data = write_prepared(tmp_path / "small.jsonl.gz", small_sets())
    with pytest.raises(ConfigError, match=r"lora\.targets \['nothing'\]: "):
        train(settings(t5_folder(), lora={"targets": ["nothing"]}), data, tmp_path)
