"""A `gliner` model with random weights behind stdin and stdout; `throughput.py` starts it.

It runs in its own Python, so that its dependencies stay apart, and imports nothing of ours. The
first line it reads is the job (see `main`), and it answers with what it built; every further line
`{"batch_size": 8}` is one pass over the texts, answered with its seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

DEBERTA_V3_SMALL = {
    "model_type": "deberta-v2",
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-7,
    "max_position_embeddings": 512,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "position_buckets": 256,
    "relative_attention": True,
    "share_att_key": True,
    "type_vocab_size": 0,
    "vocab_size": 128100,
}
MINILM = {
    "model_type": "bert",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "vocab_size": 30522,
}
SHAPES = {"deberta-v3-small": DEBERTA_V3_SMALL, "minilm": MINILM}
SETTINGS = {
    # As in the published gliner-small.
    "hidden_size": 512,
    "max_len": 384,
    "max_types": 25,
    "max_width": 12,
    "span_mode": "markerV0",
    "subtoken_pooling": "first",
}


def main() -> None:
    """The job: `shape`, `tokenizer`, `texts`, `labels`, `threads`, `seed`, `spans`, `int8`."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not look like an answer
    job = json.loads(sys.stdin.readline())
    model = build(job)
    threshold = choose_threshold(model, job["texts"][:32], job["labels"], job["spans"])
    found = predict(model, job, threshold, 8, job["texts"][:32])
    ready = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "threshold": threshold,
        "spans_per_text": found / len(job["texts"][:32]),
        "versions": {name: version(name) for name in ("gliner", "torch", "transformers")},
    }
    print(json.dumps(ready), file=answers, flush=True)
    for line in sys.stdin:
        size = int(json.loads(line)["batch_size"])
        begin = time.perf_counter()
        found = predict(model, job, threshold, size, job["texts"])
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "spans": found}), file=answers, flush=True)


def build(job: dict[str, Any]) -> Any:
    import torch
    from gliner import GLiNER, GLiNERConfig  # type: ignore[import-not-found]
    from transformers import PreTrainedTokenizerFast

    torch.set_num_threads(job["threads"])
    torch.manual_seed(job["seed"])
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_file=job["tokenizer"],
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token="[MASK]",
    )
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        encoder = dict(SHAPES[job["shape"]])
        (Path(folder) / "config.json").write_text(json.dumps(encoder), encoding="utf-8")
        config = GLiNERConfig(model_name=folder, encoder_config=encoder, **SETTINGS)
        model = GLiNER.from_config(config, backbone_from_pretrained=False)
    if job["int8"]:
        model.quantize("int8")
    return model.eval()


def choose_threshold(model: Any, texts: list[str], labels: list[str], spans: float) -> float:
    """The lowest of a ladder of thresholds that lets through at most `spans` spans per text.

    Random weights score spans at random: at 0.5 about half of all spans would pass, and handling
    them would slow gliner down. A trained model finds as many as there are.
    """
    ladder = [0.5, 0.6, 0.75, 0.9, 0.99, 0.999]
    # From above, as a low threshold is slow; threshold 1 lets nothing through.
    chosen = 1.0
    for threshold in reversed(ladder):
        found = model.inference(texts, labels, threshold=threshold)
        if sum(len(row) for row in found) > spans * len(texts):
            break
        chosen = threshold
    return chosen


def predict(
    model: Any, job: dict[str, Any], threshold: float, batch_size: int, texts: list[str]
) -> int:
    """One pass, by the call that its documentation gives; returns the number of spans."""
    rows = model.inference(texts, job["labels"], threshold=threshold, batch_size=batch_size)
    return sum(len(row) for row in rows)


if __name__ == "__main__":
    main()
