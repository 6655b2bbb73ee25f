"""Language models in CTranslate2: the same answers on a processor, in a fraction of the time.

A folder holds what `engines.ct2_export` wrote: the model, `tokenizer.json` and `instructuie-ct2.json`.
Neither torch nor transformers is needed. This runtime cannot be held to a grammar: labels that were
not asked for and mentions that are not in the text are left out afterwards, and reported.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from instructuie.engines import CT2_CONFIG
from instructuie.engines.base import Completion, Request, Token
from instructuie.errors import MissingExtraError, ModelError, TextError

FORMAT = "instructuie-ct2-1"


@dataclass(frozen=True, slots=True)
class Ct2Config:
    """What CTranslate2's own configuration does not say."""

    seq2seq: bool
    max_input_tokens: int
    ends: tuple[int, ...]
    """Tokens that end an answer."""
    skipped: tuple[int, ...]
    """Tokens that are not part of an answer's text: beginning, end, padding."""
    quantization: str
    agreement: float | None = None
    """With the original model; None where it was not measured."""
    format: str = FORMAT


class Ct2Engine:
    """A converted model. Answers are decoded greedily."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        config: Ct2Config,
        *,
        name: str = "model",
        card: str = "",
        batch_tokens: int = 8_192,
        max_new_tokens: int = 256,
        log_probs: bool = True,
    ) -> None:
        """`log_probs` costs one more pass over prompt and answer, which is not decoding and so is fast;
        without it every score is 1."""
        self._model, self._tokenizer, self.config = model, tokenizer, config
        self.name, self.card = name, card
        self.max_input_tokens = config.max_input_tokens
        self.batch_tokens, self.max_new_tokens = batch_tokens, max_new_tokens
        self.log_probs = log_probs
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        device: str = "auto",
        batch_size: int = 64,
        max_new_tokens: int = 256,
        log_probs: bool = True,
    ) -> Ct2Engine:
        """Raises ModelError, MissingExtraError."""
        try:
            import ctranslate2
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise MissingExtraError("a CTranslate2 model", extra="ct2") from error
        config = _read_config(folder)
        kind = ctranslate2.Translator if config.seq2seq else ctranslate2.Generator
        try:
            model = kind(str(folder), device=device, intra_threads=threads or 0)
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both packages raise exceptions of no common base
            raise ModelError(f"cannot load the CTranslate2 model {folder}: {error}") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        card = folder / "README.md"
        return cls(
            model,
            tokenizer,
            config,
            name=folder.name,
            card=card.read_text(encoding="utf-8") if card.is_file() else "",
            batch_tokens=batch_size * 128,
            max_new_tokens=max_new_tokens,
            log_probs=log_probs,
        )

    def settings(self) -> Mapping[str, Any]:
        return {"constrain": False, "max_new_tokens": self.max_new_tokens, **asdict(self.config)}

    @property
    def writes_accents(self) -> bool:
        """False for uncased wordpieces, which drop accents and control characters."""
        return type(self._tokenizer.decoder).__name__ != "WordPiece"

    def count(self, texts: Sequence[str]) -> list[int]:
        encoded = self._tokenizer.encode_batch(
            [_readable(text) for text in texts], add_special_tokens=False
        )
        return [len(row.ids) for row in encoded]

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Raises TextError for a prompt that is too long: nothing is ever cut off it."""
        if not requests:
            return []
        encoded = self._tokenizer.encode_batch([_readable(r.text) for r in requests])
        rows = [self._source(row) for row in encoded]
        for row in rows:
            if len(row) > self.max_input_tokens:
                raise TextError(
                    f"the prompt has {len(row)} tokens, the model reads {self.max_input_tokens}: "
                    "shorten the text or ask for fewer labels at once"
                )
        with self._lock:
            written = self._write(rows)
            scores = self._score(rows, written) if self.log_probs else [[]] * len(rows)
        return [self._completion(ids, of) for ids, of in zip(written, scores, strict=True)]

    def _source(self, encoded: Any) -> list[str]:
        tokens: list[str] = encoded.tokens
        if not self.config.seq2seq and encoded.ids and encoded.ids[-1] in self.config.ends:
            return tokens[:-1]  # some tokenizers end every text; here the answer is still to come
        return tokens

    def _write(self, rows: Sequence[list[str]]) -> list[list[int]]:
        """The token ids of each answer."""
        options: dict[str, Any] = {
            "max_batch_size": self.batch_tokens,
            "batch_type": "tokens",
            "beam_size": 1,
        }
        if self.config.seq2seq:
            results = self._model.translate_batch(
                list(rows), max_decoding_length=self.max_new_tokens, **options
            )
            return [self._ids(result.hypotheses[0]) for result in results]
        results = self._model.generate_batch(
            list(rows),
            max_length=self.max_new_tokens,
            include_prompt_in_result=False,
            end_token=list(self.config.ends),
            **options,
        )
        return [list(result.sequences_ids[0]) for result in results]

    def _score(
        self, rows: Sequence[list[str]], written: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """The log-probability of each token of each answer."""
        options: dict[str, Any] = {"max_batch_size": self.batch_tokens, "batch_type": "tokens"}
        answers = [[self._tokenizer.id_to_token(index) for index in ids] for ids in written]
        if self.config.seq2seq:
            scored = self._model.score_batch(list(rows), answers, **options)
            return [list(result.log_probs) for result in scored]
        whole = [[*row, *answer] for row, answer in zip(rows, answers, strict=True)]
        scored = self._model.score_batch(whole, **options)
        # The first token of a row has no score, as nothing comes before it.
        return [
            list(result.log_probs)[len(row) - 1 :] for row, result in zip(rows, scored, strict=True)
        ]

    def _ids(self, tokens: Sequence[str]) -> list[int]:
        return [self._tokenizer.token_to_id(token) for token in tokens]

    def _completion(self, ids: Sequence[int], log_probs: Sequence[float]) -> Completion:
        truncated = len(ids) >= self.max_new_tokens and ids[-1] not in self.config.ends
        kept = [at for at, index in enumerate(ids) if index not in self.config.skipped]
        if not log_probs:
            return Completion(self._decode([ids[at] for at in kept]), truncated=truncated)
        texts = list(self._texts([ids[at] for at in kept]))
        of = [log_probs[at] if at < len(log_probs) else 0.0 for at in kept]
        return Completion("".join(texts), tuple(map(Token, texts, of)), truncated)

    def _texts(self, ids: Sequence[int]) -> Iterator[str]:
        """What each token adds to the text; a letter of several tokens belongs to the last of them."""
        before = ""
        for end in range(1, len(ids) + 1):
            text = self._decode(ids[:end])
            if text.endswith("\ufffd") and end < len(ids):
                yield ""
                continue
            common = text if text.startswith(before) else before + text[len(before) :]
            yield common[len(before) :]
            before = common

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=False)
        return text


def _readable(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _read_config(folder: Path) -> Ct2Config:
    path = folder / CT2_CONFIG
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        config = Ct2Config(**{**row, "ends": tuple(row["ends"]), "skipped": tuple(row["skipped"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is not the configuration of an exported model: {error}"
        ) from error
    if config.format != FORMAT:
        raise ModelError(f"{path} says format {config.format!r}, expected {FORMAT!r}")
    return config
