from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from instructuie.training.text.collate import (
    IGNORED,
    Batch,
    causal_batch,
    packed_batch,
    seq2seq_batch,
)
from instructuie.training.text.examples import Example
from instructuie.training.text.trainer import summed_loss

from .tiny import causal_folder, t5_folder

EXAMPLES = [
    Example([5, 6, 7, 8, 9], [20, 1]),
    Example([10, 11], [21, 22, 23, 1]),
    Example([12], [1]),
]


def test_the_decoder_reads_what_it_has_said() -> None:
    batch = seq2seq_batch(EXAMPLES, pad=0, start=3)
    assert batch.labels[1].tolist() == [21, 22, 23, 1]
    assert batch.labels[2].tolist() == [1, IGNORED, IGNORED, IGNORED]
    assert batch.inputs["decoder_input_ids"][1].tolist() == [3, 21, 22, 23]
    assert batch.inputs["attention_mask"].sum(1).tolist() == [5, 2, 1]


def test_a_sequence_to_sequence_loss_is_the_models_own() -> None:
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(t5_folder())
    model.eval()
    batch = seq2seq_batch(EXAMPLES, pad=0, start=0)
    own = model(
        input_ids=batch.inputs["input_ids"],
        attention_mask=batch.inputs["attention_mask"],
        labels=batch.labels,
    ).loss
    assert summed_loss(model, batch).item() / 7 == pytest.approx(own.item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["llama", "qwen"])
def test_padded_and_packed_rows_say_the_same_as_single_ones(kind: str) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(causal_folder(kind))
    model.eval()
    alone = 0.0
    for example in EXAMPLES:
        ids = torch.tensor([example.source + example.target])
        labels = torch.tensor([[IGNORED] * len(example.source) + example.target])
        alone += model(input_ids=ids, labels=labels).loss.item() * len(example.target)

    def loss(batch: Batch) -> float:
        return summed_loss(model, batch).item()

    assert loss(causal_batch(EXAMPLES, pad=0)) == pytest.approx(alone, abs=1e-3)
    assert loss(packed_batch(EXAMPLES)) == pytest.approx(alone, abs=1e-3)
