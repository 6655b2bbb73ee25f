"""Language models as small as can be, made on the fly, one for each family of tokenizers.

`t5` spells with sentencepiece-like pieces and lacks braces, backslashes and newlines, as T5 does;
`gpt` with byte-level BPE; `bart` with uncased wordpieces, as one that starts from a BERT.
"""

from __future__ import annotations

import re
import string
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tests.tiny import _scratch, toy_tokenizer

KINDS = ("t5", "gpt", "bart")
SAMPLE = (
    "Ann saw Bob in Oslo. person: Ann; town: Oslo; lives in: Ann, Oslo; None attack: hit, target: x",
    "Find entities. Option: person, town Text: Answer: Find relations. event trigger head tail role",
    string.printable.replace("\n", "").replace("\r", "").replace("\x0b", "").replace("\x0c", ""),
    "résumé naïve – “quoted” €5 ½ straße 北京 東京 語 αβ Москва",
)


def sentencepiece_like() -> Tokenizer:
    """Pieces are the words of the sample and all its letters but a few; each word costs less than
    its letters."""
    special = ["<pad>", "</s>", "<unk>", *(f"<extra_id_{n}>" for n in range(7))]
    words = dict.fromkeys(re.findall(r"\w+", " ".join(SAMPLE)))
    letters = [letter for letter in dict.fromkeys("".join(SAMPLE)) if letter not in " {}~<>\\^\t"]
    pieces = [(f"\u2581{word}", -5.0) for word in words] + [(letter, -6.0) for letter in letters]
    vocabulary = [(token, 0.0) for token in special] + [("\u2581", -4.0), *dict(pieces).items()]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(_regex(r"\s+"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special)
    return tokenizer


def byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SAMPLE * 5, trainer)
    return tokenizer


def _regex(pattern: str) -> Any:
    from tokenizers import Regex

    return Regex(pattern)


@cache
def text_folder(kind: str, *, layers: int = 1) -> Path:
    """A model of random weights and its tokenizer, as `from_pretrained` reads them."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    folder = _scratch() / f"text-{kind}-{layers}"
    torch.manual_seed(0)
    make = {"t5": _t5, "gpt": _gpt, "bart": _bart}[kind]
    model, tokenizer = make(transformers, layers)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # so that the next token is far from equally likely
        model.get_input_embeddings().weight[len(tokenizer) :] = 0  # as no training ever met them
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _t5(transformers: Any, layers: int) -> tuple[Any, Any]:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=sentencepiece_like(),
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )
    tokenizer._tokenizer.post_processor = _ending(tokenizer)
    config = transformers.T5Config(
        vocab_size=len(tokenizer) + 5,  # padded, as T5's is
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=layers,
        num_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return transformers.T5ForConditionalGeneration(config), tokenizer


def _ending(tokenizer: Any) -> Any:
    from tokenizers import processors

    return processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])


def _gpt(transformers: Any, layers: int) -> tuple[Any, Any]:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=byte_level(), eos_token="<|endoftext|>", bos_token="<|endoftext|>"
    )
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=768,
        n_embd=16,
        n_layer=layers,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return transformers.GPT2LMHeadModel(config), tokenizer


def _bart(transformers: Any, layers: int) -> tuple[Any, Any]:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=toy_tokenizer(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=512,
    )
    config = transformers.BartConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        d_model=16,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        decoder_start_token_id=3,
        forced_eos_token_id=None,
    )
    return transformers.BartForConditionalGeneration(config), tokenizer
