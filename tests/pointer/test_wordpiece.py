"""The word tokenizer against the `tokenizers` package, on the built-in model's vocabulary."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as PackageTokenizer

from instructuie.errors import ModelError
from instructuie.pointer.wordpiece import WordPiece, load_tokenizer
from instructuie.pointer.words import split_words

TEXT = (
    resources.files("instructuie") / "assets" / "models" / "builtin" / "tokenizer.json"
).read_text(encoding="utf-8")
OURS = load_tokenizer(TEXT, source="built-in")
THEIRS = PackageTokenizer.from_str(TEXT)
THEIRS.no_padding()
THEIRS.no_truncation()


def both(word: str) -> tuple[list[int], list[int]]:
    ours = OURS.encode_batch([word], add_special_tokens=False)[0].ids
    return ours, THEIRS.encode_batch([word], add_special_tokens=False)[0].ids


@pytest.mark.parametrize(
    "word",
    [
        *("Cupertino", "naïve", "E\u0301cole", "İstanbul", "straße", "東", "ﬁre", "x" * 101),
        *("\u200d", "\x00", "\ufffd", "😀", "ﷺ", "²", "…", "don't", "_", "नमस्ते", "한국어"),
    ],
)
def test_known_words_give_the_same_tokens(word: str) -> None:
    ours, theirs = both(word)
    assert ours == theirs


# Newer letters than the package's Unicode tables know are told apart differently, so the property
# is about the scripts that both know.
KNOWN = st.characters(max_codepoint=0xFFFF, categories=["Lu", "Ll", "Nd", "Po", "Sm", "Mn", "Lo"])


@given(st.text(st.characters(max_codepoint=0x52F, exclude_categories=["Cs", "Cn"]), max_size=20))
def test_words_of_european_text_give_the_same_tokens(text: str) -> None:
    for start, end in split_words(text):
        ours, theirs = both(text[start:end])
        assert ours == theirs


@given(st.text(KNOWN, max_size=8))
def test_every_word_has_tokens_of_the_vocabulary(text: str) -> None:
    for start, end in split_words(text):
        ids = OURS.encode_batch([text[start:end]], add_special_tokens=False)[0].ids
        assert all(OURS.id_to_token(token) is not None for token in ids)


def test_the_builtin_tokenizer_needs_no_package() -> None:
    assert isinstance(OURS, WordPiece)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": {"type": "WordPiece"}}'])
def test_what_is_no_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="is not a tokenizer"):
        load_tokenizer(text, source="broken")
