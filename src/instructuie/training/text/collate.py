"""Examples -> tensors. B rows of S source and T target tokens; -100 marks what is not learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from instructuie.training.text.examples import Example

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Batch:
    """The arguments of a model's forward pass, and the tokens that its logits should say."""

    inputs: Mapping[str, Tensor]
    labels: Tensor
    """As many as the logits have positions."""

    def to(self, device: torch.device) -> Batch:
        inputs = {name: tensor.to(device) for name, tensor in self.inputs.items()}
        return Batch(inputs, self.labels.to(device))


def seq2seq_batch(examples: Sequence[Example], *, pad: int, start: int) -> Batch:
    """For encoder-decoders: the decoder reads `start` and then the target but for its last token."""
    source, mask = _padded([e.source for e in examples], pad)
    labels, _ = _padded([e.target for e in examples], IGNORED)
    shifted, _ = _padded([[start, *e.target[:-1]] for e in examples], pad)
    inputs = {"input_ids": source, "attention_mask": mask, "decoder_input_ids": shifted}
    return Batch(inputs, labels)


def causal_batch(examples: Sequence[Example], *, pad: int) -> Batch:
    """For decoder-only models: prompt and answer in one row, padded on the left.

    So all answers stand at the end, and the model need compute logits for these positions alone.
    """
    rows, mask = _padded([e.source + e.target for e in examples], pad, left=True)
    labels, _ = _padded([e.target for e in examples], IGNORED, left=True)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    end = rows.shape[1] - 1  # a token is said at the position before it
    inputs = {
        "input_ids": rows,
        "attention_mask": mask,
        "position_ids": positions,
        "logits_to_keep": torch.arange(end - labels.shape[1], end),
    }
    return Batch(inputs, labels)


def packed_batch(examples: Sequence[Example]) -> Batch:
    """For decoder-only models: all examples behind one another in one row.

    Positions begin anew with each example, by which the model keeps them from seeing one another.
    """
    ids: list[int] = []
    positions: list[int] = []
    said: list[int] = []
    labels: list[int] = []
    for example in examples:
        begin = len(ids) + len(example.source)
        said += range(begin - 1, begin - 1 + len(example.target))
        labels += example.target
        ids += [*example.source, *example.target]
        positions += range(example.tokens)
    inputs = {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "logits_to_keep": torch.tensor(said),
    }
    return Batch(inputs, torch.tensor([labels]))


def _padded(
    rows: Sequence[Sequence[int]], value: int, *, left: bool = False
) -> tuple[Tensor, Tensor]:
    """One tensor of rows and its mask."""
    width = max(len(row) for row in rows)
    tensor = torch.full((len(rows), width), value)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        tensor[index, place] = torch.tensor(row)
        mask[index, place] = 1
    return tensor, mask
