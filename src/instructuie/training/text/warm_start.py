"""A BART-shaped encoder-decoder made of a BERT encoder, without any other weights.

A BERT encoder is a BART encoder: the same post-norm layers and the same activation. The position table
moves by BART's offset of 2, and the embedding of token type 0, which BART does not have, is added to
it. The decoder's self- and cross-attentions start as the encoder's self-attentions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, BartConfig, BartForConditionalGeneration
from transformers.utils import logging

from instructuie.errors import ModelError

_ERROR = 40
_OFFSET = 2
"""BART's first position has row 2 of the table."""


def warm_start(encoder: str, tokenizer: Any, *, decoder_layers: int = 0) -> Any:
    """The encoder-decoder for a hub name or folder of a BERT; raises ModelError for other kinds."""
    bert = _bert(encoder)
    ids = {
        "pad": tokenizer.pad_token_id,
        "cls": tokenizer.cls_token_id,
        "sep": tokenizer.sep_token_id,
    }
    if missing := [name for name, value in ids.items() if value is None]:
        raise ModelError(
            f"the tokenizer of {encoder} has no {', '.join(missing)} token; a BERT's has all three"
        )
    model = BartForConditionalGeneration(
        bart_config(bert.config, ids, decoder_layers=decoder_layers)
    )
    with torch.no_grad():
        _copy_embeddings(model, bert)
        source = bert.encoder.layer
        for target, layer in zip(model.model.encoder.layers, source, strict=True):
            _copy_attention(target.self_attn, layer)
            _copy_rest(target, target.self_attn_layer_norm, layer)
        decoder = model.model.decoder.layers
        for index, target in enumerate(decoder):
            layer = source[_spread(index, len(decoder), len(source))]
            _copy_attention(target.self_attn, layer)
            _copy_attention(target.encoder_attn, layer)
            _copy_rest(target, target.self_attn_layer_norm, layer)
            _copy_module(target.encoder_attn_layer_norm, layer.attention.output.LayerNorm)
    return model


def _bert(encoder: str) -> Any:
    try:
        config = AutoConfig.from_pretrained(encoder)
        if config.model_type != "bert" or getattr(config, "hidden_act", "gelu") != "gelu":
            raise ModelError(
                f"model.warm_start is {encoder}, a model of the kind {config.model_type}; expected a "
                "BERT with GELU, such as sentence-transformers/all-MiniLM-L6-v2"
            )
        with _quiet():
            return AutoModel.from_pretrained(encoder, add_pooling_layer=False, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the encoder {encoder}: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the report that the pooling layer, which nothing here needs, was left out."""
    before = logging.get_verbosity()
    logging.set_verbosity(_ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def bart_config(bert: Any, ids: dict[str, int], *, decoder_layers: int) -> BartConfig:
    """Of the shape of a BERT's config; `ids` are its tokens pad, cls and sep."""
    config = BartConfig(
        vocab_size=bert.vocab_size,
        d_model=bert.hidden_size,
        encoder_layers=bert.num_hidden_layers,
        decoder_layers=decoder_layers or bert.num_hidden_layers,
        encoder_attention_heads=bert.num_attention_heads,
        decoder_attention_heads=bert.num_attention_heads,
        encoder_ffn_dim=bert.intermediate_size,
        decoder_ffn_dim=bert.intermediate_size,
        max_position_embeddings=bert.max_position_embeddings,
        activation_function="gelu",
        dropout=bert.hidden_dropout_prob,
        attention_dropout=bert.attention_probs_dropout_prob,
        scale_embedding=False,
        pad_token_id=ids["pad"],
        bos_token_id=ids["cls"],
        eos_token_id=ids["sep"],
        decoder_start_token_id=ids["sep"],
        forced_eos_token_id=None,
        tie_word_embeddings=True,
    )
    # What CTranslate2 asks a BART's config before it converts the model.
    config.normalize_before = False
    config.normalize_embedding = True
    config.add_final_layer_norm = False
    return config


def _copy_embeddings(model: Any, bert: Any) -> None:
    words, table = (
        bert.embeddings.word_embeddings.weight,
        bert.embeddings.position_embeddings.weight,
    )
    positions = table + bert.embeddings.token_type_embeddings.weight[0]
    model.model.shared.weight.copy_(words)
    for part in (model.model.encoder, model.model.decoder):
        part.embed_positions.weight[_OFFSET:].copy_(positions)
        part.embed_positions.weight[:_OFFSET].copy_(positions[:1].expand(_OFFSET, -1))
        _copy_module(part.layernorm_embedding, bert.embeddings.LayerNorm)


def _copy_attention(target: Any, layer: Any) -> None:
    attention = layer.attention
    for name, source in (
        ("q_proj", attention.self.query),
        ("k_proj", attention.self.key),
        ("v_proj", attention.self.value),
        ("out_proj", attention.output.dense),
    ):
        _copy_module(getattr(target, name), source)


def _copy_rest(target: Any, attention_norm: nn.Module, layer: Any) -> None:
    _copy_module(attention_norm, layer.attention.output.LayerNorm)
    _copy_module(target.fc1, layer.intermediate.dense)
    _copy_module(target.fc2, layer.output.dense)
    _copy_module(target.final_layer_norm, layer.output.LayerNorm)


def _copy_module(target: nn.Module, source: nn.Module) -> None:
    given: dict[str, Tensor] = dict(source.named_parameters())
    for name, parameter in target.named_parameters():
        parameter.copy_(given[name])


def _spread(index: int, count: int, of: int) -> int:
    """Which of `of` layers starts the `index`-th of `count`: spread evenly, the last from the last."""
    return min(of - 1, round((index + 1) * of / count) - 1) if count < of else min(index, of - 1)
