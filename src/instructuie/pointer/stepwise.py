"""The pointer model cut in two for decoding: run the encoder once, then one decoder step at a time.

These two modules are what is exported to ONNX, and what scores a model during training: the same
arithmetic in both places. B prompts, N walks, T tokens, L layers, H heads, d = D / H, P past moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from instructuie.pointer.decode import FloatArray
from instructuie.pointer.encoding import EncodedBatch, IntArray
from instructuie.pointer.model import DecoderLayer, Moves, PointerModel, cross_bias


class EncodePrompt(nn.Module):
    """ids, shapes, mask (B, T) -> states (B, T, D), keys (B, 3, T, D), cross (B, 2 L, H, T, d)."""

    def __init__(self, model: PointerModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, shapes: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states = self.model.encode(ids, shapes, mask)
        cross = []
        for layer in self.model.layers:
            assert isinstance(layer, DecoderLayer)
            cross += [layer.split(x) for x in layer.cross_kv(states).chunk(2, dim=-1)]
        return states, self.model.keys(states), torch.stack(cross, dim=1)


class DecodeStep(nn.Module):
    """One move for each of N walks.

    last, first, slot, task (N,); states (N, T, D), keys (N, 3, T, D), cross (N, 2 L, H, T, d),
    mask (N, T), past (N, 2 L, H, P, d) -> scores (N, T), past with one move more.
    """

    def __init__(self, model: PointerModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        last: Tensor,
        first: Tensor,
        slot: Tensor,
        task: Tensor,
        states: Tensor,
        keys: Tensor,
        cross: Tensor,
        mask: Tensor,
        past: Tensor,
    ) -> tuple[Tensor, Tensor]:
        model = self.model
        moves = Moves(last.unsqueeze(1), first.unsqueeze(1), slot.unsqueeze(1))
        position = torch.zeros(1, dtype=torch.long, device=last.device) + past.shape[3]
        hidden = model.inputs(states, moves, task, position)
        bias = cross_bias(mask, hidden.dtype)
        present = []
        for index, layer in enumerate(model.layers):
            assert isinstance(layer, DecoderLayer)
            query, key, value = (layer.split(x) for x in layer.self_qkv(hidden).chunk(3, dim=-1))
            key = torch.cat([past[:, 2 * index], key], dim=2)
            value = torch.cat([past[:, 2 * index + 1], value], dim=2)
            present += [key, value]
            attended = F.scaled_dot_product_attention(query, key, value)
            hidden = layer.finish(
                hidden, attended, cross[:, 2 * index], cross[:, 2 * index + 1], bias
            )
        scores = model.scores(hidden, keys, moves.slot).squeeze(1)
        return scores, torch.stack(present, dim=1)


@dataclass(frozen=True, slots=True)
class TorchMemory:
    states: Tensor
    keys: Tensor
    cross: Tensor
    mask: Tensor
    task: Tensor
    past: Tensor


class TorchBackend:
    """A `Backend` that runs the torch model; used while training, and as the reference for export."""

    def __init__(self, model: PointerModel) -> None:
        self.model = model.eval()
        self._encode, self._step = EncodePrompt(model), DecodeStep(model)

    @property
    def device(self) -> torch.device:
        return self.model.key.weight.device

    @torch.no_grad()
    def start(self, batch: EncodedBatch, tasks: IntArray) -> TorchMemory:
        mask = torch.from_numpy(batch.mask).to(self.device)
        states, keys, cross = self._encode(
            torch.from_numpy(batch.ids).to(self.device),
            torch.from_numpy(batch.shapes).to(self.device),
            mask,
        )
        past = cross[:, :, :, :0]
        return TorchMemory(states, keys, cross, mask, torch.from_numpy(tasks).to(self.device), past)

    @torch.no_grad()
    def step(
        self, memory: TorchMemory, last: IntArray, first: IntArray, slot: IntArray
    ) -> tuple[FloatArray, TorchMemory]:
        last_, first_, slot_ = (torch.from_numpy(x).to(self.device) for x in (last, first, slot))
        scores, past = self._step(
            last_,
            first_,
            slot_,
            memory.task,
            memory.states,
            memory.keys,
            memory.cross,
            memory.mask,
            memory.past,
        )
        scores_array: FloatArray = scores.float().cpu().numpy().astype(np.float32, copy=False)
        return scores_array, TorchMemory(
            memory.states, memory.keys, memory.cross, memory.mask, memory.task, past
        )

    @torch.no_grad()
    def select(self, memory: TorchMemory, rows: IntArray) -> TorchMemory:
        index = torch.from_numpy(rows).to(self.device)
        return TorchMemory(
            memory.states[index],
            memory.keys[index],
            memory.cross[index],
            memory.mask[index],
            memory.task[index],
            memory.past[index],
        )
