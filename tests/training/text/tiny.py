"""Language models as small as can be, of random weights, with tokenizers over single bytes."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from instructuie.config import make_config
from instructuie.training.text.config import TextTraining

SPECIAL = ("<pad>", "</s>", "<s>")


@cache
def scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="instructuie-text-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def byte_tokenizer(*, ends: bool) -> Tokenizer:
    """A byte-level BPE without merges; with `ends`, every text ends in `</s>`, as T5's do."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    ids = {piece: index for index, piece in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    if ends:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    return tokenizer


def save(model: Any, tokenizer: Tokenizer, name: str) -> Path:
    from transformers import PreTrainedTokenizerFast

    folder = scratch() / name
    model.save_pretrained(folder)
    named: Any = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>"}
    wrapper: Any = PreTrainedTokenizerFast
    wrapper(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return folder


@cache
def t5_folder(dropout: float = 0.0) -> Path:
    torch = pytest.importorskip("torch")
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(
        vocab_size=259,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=dropout,
        pad_token_id=0,
        eos_token_id=1,
        feed_forward_proj="gated-gelu",
    )
    config.decoder_start_token_id = 0
    config.scale_decoder_outputs = False
    model = T5ForConditionalGeneration(config)
    # As in Flan-T5, whose config claims otherwise, the output layer has weights of its own.
    model.lm_head.weight = torch.nn.Parameter(torch.randn(259, 32) / 32**0.5)
    return save(model, byte_tokenizer(ends=True), f"t5-{dropout}")


@cache
def causal_folder(kind: str = "llama") -> Path:
    torch = pytest.importorskip("torch")
    import transformers

    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "vocab_size": 259,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
        "max_position_embeddings": 2048,
    }
    if kind == "llama":
        model: Any = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
    else:
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**sizes))
    return save(model, byte_tokenizer(ends=False), kind)


def settings(base: Path, **changes: Any) -> TextTraining:
    """A run of a few small steps."""
    model = {"base": str(base), "max_source_tokens": 400, "max_target_tokens": 160}
    train: dict[str, Any] = {
        "steps": 8,
        "seed": 5,
        "batch_size": 6,
        "micro_tokens": 1200,
        "bucket": 2,
        "learning_rate": 3e-3,
        "warmup": 2,
        "schedule": "cosine",
        "precision": "fp32",
        "log_every": 1,
        "checkpoint_every": 3,
        "threads": 1,
    }
    row: dict[str, Any] = {"model": {**model, **changes.pop("model", {})}}
    for table in ("lora", "mixture", "options"):
        if table in changes:
            row[table] = changes.pop(table)
    return make_config(TextTraining, {**row, "train": {**train, **changes}}, source="test")
