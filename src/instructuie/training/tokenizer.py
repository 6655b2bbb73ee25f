"""The encoder's tokenizer with the markers that options stand behind."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer

from instructuie.errors import ModelError
from instructuie.pointer.encoding import Markers

_KINDS = ("entity", "relation", "event", "role")


def marked_tokenizer(encoder: str) -> tuple[Tokenizer, Markers]:
    """Markers take unused entries of the vocabulary where there are any (BERT), else new ones."""
    from transformers import AutoTokenizer

    try:
        wrapper = AutoTokenizer.from_pretrained(encoder, use_fast=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the tokenizer of {encoder}: {error}") from error
    tokenizer: Tokenizer = wrapper.backend_tokenizer
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary = tokenizer.get_vocab()
    names = {kind: f"[unused{index}]" for index, kind in enumerate(_KINDS, start=1)}
    if not all(name in vocabulary for name in names.values()):
        names = {kind: f"[{kind}]" for kind in _KINDS}
        tokenizer.add_special_tokens([AddedToken(name, special=True) for name in names.values()])
    ids = {kind: tokenizer.token_to_id(name) for kind, name in names.items()}
    special: dict[str, int | None] = {
        "cls": wrapper.cls_token_id if wrapper.cls_token_id is not None else wrapper.bos_token_id,
        "sep": wrapper.sep_token_id if wrapper.sep_token_id is not None else wrapper.eos_token_id,
        "pad": wrapper.pad_token_id,
    }
    found = {name: value for name, value in {**special, **ids}.items() if value is not None}
    if len(found) < len(special) + len(ids):
        raise ModelError(
            f"the tokenizer of {encoder} lacks a start, end or padding token; choose an encoder "
            "of the BERT, RoBERTa or DeBERTa kind"
        )
    return tokenizer, Markers(**found)
