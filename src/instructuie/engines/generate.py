"""Greedy decoding of one batch, with the rows that are done taken out of it.

The model is a plain transformers model; what each row may write next is asked of its `Walk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from instructuie.engines.constraint import Machine, State

SHRINK = 0.75
"""A batch is made smaller when no more than this part of its rows is still being written."""


@dataclass(slots=True)
class Written:
    """The tokens of one answer so far, without the one that ends it."""

    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    over: bool = False
    cut: bool = False
    """Whether something else than the model ended it: the length limit, or nothing that may follow."""


class Walk:
    """Where one answer stands in the machine of its prompt."""

    def __init__(self, machine: Machine, ends: Sequence[int]) -> None:
        self._machine, self._ends = machine, tuple(ends)
        self._state: State = machine.start

    def allowed(self) -> list[int]:
        """The tokens that may come next; empty where nothing can follow."""
        tokens = list(self._machine.next(self._state))
        return tokens + list(self._ends) if self._machine.done(self._state) else tokens

    def take(self, token: int) -> None:
        self._state = self._machine.next(self._state)[token]


class Stepper(Protocol):
    """A model over one batch: scores of the next token, as tokens are written."""

    def first(self) -> Tensor:
        """(B, V) scores of the first token."""

    def step(self, tokens: Tensor) -> Tensor:
        """(B, V) scores of the token after these (B,)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""


class Seq2SeqStepper:
    """An encoder-decoder: the prompts are encoded once."""

    def __init__(self, model: Any, ids: Tensor, mask: Tensor, start: int) -> None:
        from transformers import DynamicCache, EncoderDecoderCache
        from transformers.modeling_outputs import BaseModelOutput

        self._output = BaseModelOutput
        self._model, self._mask, self._start = model, mask, start
        states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        self._states: Tensor = states
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def first(self) -> Tensor:
        rows = len(self._mask)
        return self.step(torch.full((rows,), self._start, device=self._mask.device))

    def step(self, tokens: Tensor) -> Tensor:
        output = self._model(
            encoder_outputs=self._output(last_hidden_state=self._states),
            attention_mask=self._mask,
            decoder_input_ids=tokens[:, None],
            past_key_values=self._cache,
            use_cache=True,
        )
        scores: Tensor = output.logits[:, -1]
        return scores

    def keep(self, rows: Tensor) -> None:
        self._mask, self._states = self._mask[rows], self._states[rows]
        self._cache.batch_select_indices(rows)


class CausalStepper:
    """A decoder-only model over prompts that are padded on the left."""

    def __init__(self, model: Any, ids: Tensor, mask: Tensor) -> None:
        from transformers import DynamicCache

        self._model, self._ids, self._mask = model, ids, mask
        self._cache = DynamicCache()
        self._place = mask.sum(1, keepdim=True)  # (B, 1) the position of the next token

    def first(self) -> Tensor:
        positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        return self._forward(self._ids, positions)

    def step(self, tokens: Tensor) -> Tensor:
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], 1)
        scores = self._forward(tokens[:, None], self._place)
        self._place = self._place + 1
        return scores

    def _forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        scores: Tensor = output.logits[:, -1]
        return scores

    def keep(self, rows: Tensor) -> None:
        self._mask, self._place = self._mask[rows], self._place[rows]
        self._cache.batch_select_indices(rows)


def write(
    stepper: Stepper,
    walks: Sequence[Walk | None],
    *,
    ends: Sequence[int],
    begins: Sequence[int],
    limit: int,
) -> list[Written]:
    """The most likely answer of each row, token by token. A row without a walk may write anything.

    `ends` are the tokens that end an answer. A model that was taught to begin with a token of its own
    (`begins`: `<s>`, `[CLS]`) is let do so. Probabilities are those among what may be written.
    """
    written = [Written() for _ in walks]
    # The rows of the batch, among them some that are over and not yet taken out.
    batch = list(range(len(walks)))
    scores = _begin(stepper, begins)
    while True:
        chosen, log_probs = _choose(scores, [walks[row] for row in batch])
        for row, token, log_prob in zip(batch, chosen.tolist(), log_probs.tolist(), strict=True):
            if not written[row].over:
                _take(written[row], walks[row], token, log_prob, ends, limit)
        active = [at for at, row in enumerate(batch) if not written[row].over]
        if not active:
            return written
        if len(active) <= SHRINK * len(batch):
            kept = torch.tensor(active, device=scores.device)
            stepper.keep(kept)
            chosen, batch = chosen[kept], [batch[at] for at in active]
        scores = stepper.step(chosen.clamp(min=0))


def _begin(stepper: Stepper, begins: Sequence[int]) -> Tensor:
    scores = stepper.first()
    best = scores.argmax(1)
    begun = torch.isin(best, torch.tensor(list(begins) or [-1], device=scores.device))
    # All rows or none: it is a habit of the model, not of an answer.
    return stepper.step(best) if begun.float().mean() > 0.5 else scores


def _choose(scores: Tensor, walks: Sequence[Walk | None]) -> tuple[Tensor, Tensor]:
    """(B,) the best token of each row, -1 where none may follow, and its log-probability."""
    if all(walk is None for walk in walks):
        return _best(scores.float())
    allowed = [None if walk is None else walk.allowed() for walk in walks]
    if None in allowed:
        free = torch.tensor([tokens is None for tokens in allowed], device=scores.device)
        any_, held = _best(scores.float()), _choose_among(scores, [a or [] for a in allowed])
        return torch.where(free, any_[0], held[0]), torch.where(free, any_[1], held[1])
    return _choose_among(scores, [tokens or [] for tokens in allowed])


def _best(scores: Tensor) -> tuple[Tensor, Tensor]:
    best, chosen = scores.max(1)
    return chosen, best - scores.logsumexp(1)


def _choose_among(scores: Tensor, allowed: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Looks only at what is allowed, which is little beside a vocabulary."""
    widest = max(max(map(len, allowed)), 1)
    padded = [[*tokens, *[-1] * (widest - len(tokens))] for tokens in allowed]
    tokens = torch.tensor(padded, device=scores.device)  # (B, A)
    picked = scores.gather(1, tokens.clamp(min=0)).float().masked_fill(tokens < 0, -torch.inf)
    at, log_probs = _best(picked)
    # In a row where nothing is allowed the best is padding, -1.
    return tokens.gather(1, at[:, None])[:, 0], log_probs


def _take(
    written: Written,
    walk: Walk | None,
    token: int,
    log_prob: float,
    ends: Sequence[int],
    limit: int,
) -> None:
    if token in ends:
        written.over = True
    elif token < 0 or len(written.tokens) == limit:
        written.over = written.cut = True
    else:
        written.tokens.append(token)
        written.log_probs.append(log_prob)
        if walk is not None:
            walk.take(token)
