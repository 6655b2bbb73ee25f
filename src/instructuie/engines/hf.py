"""Language models in the form of transformers, encoder-decoders and decoders alike.

What kind a model is, its configuration says. Weights are read from safetensors only, and no code that
comes with a model is run.
"""

from __future__ import annotations

import codecs
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instructuie.engines.base import Completion, Request, Token
from instructuie.errors import ModelError, TextError

if TYPE_CHECKING:
    from instructuie.engines import Quantize
    from instructuie.engines.generate import Stepper, Walk, Written
    from instructuie.engines.vocabulary import Vocabulary

USUAL_INPUT = 512
"""The longest prompt of a model that names none: T5 has no limit, and was trained up to here."""
MAX_NEW_TOKENS = 256
BATCH_TOKENS = {"cpu": 8_192, "cuda": 65_536}
"""Prompts of a batch have at most so many tokens together, padding included."""
_NO_LIMIT = 1_000_000
_LENGTHS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


class HfEngine:
    """A loaded model. Answers are decoded greedily; it may be used by several threads, in turn."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        name: str = "model",
        card: str = "",
        constrain: bool = True,
        batch_size: int = 64,
        batch_tokens: int | None = None,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        """`constrain` holds the model to the grammar of each request that has one.

        Raises ModelError when the tokenizer is of a kind that cannot be held to it.
        """
        self.model, self.tokenizer, self.name, self.card = model.eval(), tokenizer, name, card
        self.constrain, self.batch_size = constrain, batch_size
        self.max_new_tokens = max_new_tokens
        self.seq2seq = bool(model.config.is_encoder_decoder)
        self.batch_tokens = batch_tokens or BATCH_TOKENS.get(model.device.type, 16_384)
        self.max_input_tokens = self._longest_input()
        self._lock = threading.Lock()
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right" if self.seq2seq else "left"
        if constrain:
            _ = self.vocabulary  # so that a tokenizer that cannot be used is told at once

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        constrain: bool = True,
        quantize: Quantize | None = None,
        threads: int | None = None,
        batch_size: int = 64,
        device: str | None = None,
        dtype: str = "auto",
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> HfEngine:
        """A folder, an adapter folder of peft, or a name on the hub.

        `dtype` is float32, bfloat16 or auto: bfloat16 on GPUs that compute with it. `quantize` is int8
        or, on GPUs, int4.

        Raises ModelError, MissingExtraError.
        """
        from instructuie.engines.hf_load import load_model, read_card

        loaded, tokenizer = load_model(
            model, quantize=quantize, threads=threads, device=device, dtype=dtype
        )
        return cls(
            loaded,
            tokenizer,
            name=str(model) if not Path(model).exists() else Path(model).name,
            card=read_card(model),
            constrain=constrain,
            batch_size=batch_size,
            max_new_tokens=max_new_tokens,
        )

    def settings(self) -> Mapping[str, Any]:
        """What answers depend on."""
        return {
            "constrain": self.constrain,
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "max_new_tokens": self.max_new_tokens,
        }

    @cached_property
    def vocabulary(self) -> Vocabulary:
        from instructuie.engines.vocabulary import Vocabulary

        return Vocabulary.of(self.tokenizer)

    @cached_property
    def writes_accents(self) -> bool:
        """False for uncased wordpieces, which drop accents and control characters."""
        if not self._spells or self.vocabulary.style != "wordpiece":
            return True
        ids = self.tokenizer("é", add_special_tokens=False)["input_ids"]
        return "é" in self.tokenizer.decode(ids)

    def count(self, texts: Sequence[str]) -> list[int]:
        clean = [_readable(text) for text in texts]
        encoded = self.tokenizer(clean, add_special_tokens=False, verbose=False)["input_ids"]
        return [len(ids) for ids in encoded]

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Raises TextError for a prompt that is too long: nothing is ever cut off it."""
        if not requests:
            return []
        prompts = [_readable(request.text) for request in requests]
        rows = [self._source(ids) for ids in self.tokenizer(prompts, verbose=False)["input_ids"]]
        for ids in rows:
            if len(ids) > self.max_input_tokens:
                raise TextError(
                    f"the prompt has {len(ids)} tokens, the model reads {self.max_input_tokens}: "
                    "shorten the text or ask for fewer labels at once"
                )
        completions: list[Completion | None] = [None] * len(requests)
        with self._lock:
            for batch in self._batches(rows):
                written = self._write([rows[row] for row in batch], [requests[r] for r in batch])
                for row, answer in zip(batch, written, strict=True):
                    completions[row] = self._completion(answer)
        return [completion for completion in completions if completion is not None]

    def _source(self, ids: list[int]) -> list[int]:
        if not self.seq2seq and ids and ids[-1] in self.ends:
            return ids[:-1]  # some tokenizers end every text; here the answer is still to come
        return ids

    def _batches(self, rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Prompts of about equal length, the longest first."""
        batch: list[int] = []
        for row in sorted(range(len(rows)), key=lambda row: -len(rows[row])):
            longest = len(rows[batch[0]]) if batch else 0
            if batch and (
                len(batch) >= self.batch_size or longest * (len(batch) + 1) > self.batch_tokens
            ):
                yield batch
                batch = []
            batch.append(row)
        if batch:
            yield batch

    def _write(self, rows: Sequence[list[int]], requests: Sequence[Request]) -> list[Written]:
        import torch

        from instructuie.engines.generate import write

        encoded = self.tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt")
        ids = encoded["input_ids"].to(self.model.device)
        mask = encoded["attention_mask"].to(self.model.device)
        with torch.inference_mode():
            return write(
                self._stepper(ids, mask),
                [self._walk(request) for request in requests],
                ends=self.ends,
                begins=self._begins,
                limit=self.max_new_tokens,
            )

    def _stepper(self, ids: Any, mask: Any) -> Stepper:
        from instructuie.engines.generate import CausalStepper, Seq2SeqStepper

        if self.seq2seq:
            return Seq2SeqStepper(self.model, ids, mask, self._start)
        return CausalStepper(self.model, ids, mask)

    def _walk(self, request: Request) -> Walk | None:
        from instructuie.engines.constraint import Machine
        from instructuie.engines.generate import Walk

        if not self.constrain or request.grammar is None:
            return None
        text = _readable(request.prompt.text)
        return Walk(Machine(request.grammar, text, self.vocabulary), self.ends)

    def _completion(self, written: Written) -> Completion:
        texts = self._texts(written.tokens)
        tokens = tuple(map(Token, texts, written.log_probs))
        return Completion("".join(texts), tokens, truncated=written.cut)

    def _texts(self, tokens: Sequence[int]) -> list[str]:
        """The text of each token; a letter of several tokens belongs to the last of them."""
        if not self.constrain and not self._spells:
            text: str = self.tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            return [text] + [""] * (len(tokens) - 1) if tokens else []
        strings = self.vocabulary.strings
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        texts = [
            decoder.decode((strings[token] if token < len(strings) else None) or b"")
            for token in tokens
        ]
        if texts:
            texts[-1] += decoder.decode(b"", final=True)
        return texts

    @cached_property
    def _spells(self) -> bool:
        try:
            return bool(self.vocabulary)
        except ModelError:
            return False

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer: what generation configuration and tokenizer say."""
        named = self.model.generation_config.eos_token_id
        listed = named if isinstance(named, list) else [named]
        ends = [*listed, self.tokenizer.eos_token_id, self.tokenizer.sep_token_id]
        return tuple(dict.fromkeys(end for end in ends if end is not None))

    @cached_property
    def _begins(self) -> tuple[int, ...]:
        if not self.seq2seq:
            return ()
        begins = (self.tokenizer.bos_token_id, self.tokenizer.cls_token_id)
        return tuple({b for b in begins if b is not None and b not in self.ends})

    @property
    def _start(self) -> int:
        config = self.model.config
        named = (
            self.model.generation_config.decoder_start_token_id,
            getattr(config, "decoder_start_token_id", None),
            self.tokenizer.pad_token_id,
        )
        return next(int(token) for token in named if token is not None)

    def _longest_input(self) -> int:
        config = self.model.config
        limits = [getattr(config, name, None) for name in _LENGTHS]
        limits.append(self.tokenizer.model_max_length)
        known = [limit for limit in limits if isinstance(limit, int) and 0 < limit < _NO_LIMIT]
        longest = min(known) if known else USUAL_INPUT
        if self.seq2seq:
            return longest
        if longest <= self.max_new_tokens:
            raise ModelError(
                f"the model reads {longest} tokens and {self.max_new_tokens} are kept for the answer: "
                "lower max_new_tokens"
            )
        return longest - self.max_new_tokens


def _readable(text: str) -> str:
    """Without lone surrogates, which tokenizers refuse; offsets stay."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text
