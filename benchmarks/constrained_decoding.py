"""What constrained decoding guarantees and costs, on real texts, with untrained and trained models.

    python benchmarks/constrained_decoding.py prepared.jsonl.gz --results FILE.json

Makes a small T5 (unigram pieces) and a small GPT-2 (byte-level BPE) over the train texts of a prepared
file, asks both about its dev texts before and after some training, free and held to the grammar, and
counts what the models wrote: labels that were not asked for, spans that are not in the text, stretches
that cannot be read. The cost is processor time: that of making the machines and finding the allowed
tokens, next to that of the whole run. `--folder` measures a model of yours instead.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import environment
import torch
from text_inference import faults
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from instructuie.codec.formats import PlainFormat
from instructuie.data.instance import plain_instance
from instructuie.data.prepared import Prepared, read_prepared
from instructuie.engines import constraint, generate
from instructuie.engines.base import Request
from instructuie.engines.hf import HfEngine
from instructuie.prompt import Prompt
from instructuie.tasks import find_task
from instructuie.types import Extraction

FORM = PlainFormat()
Pair = tuple[Prompt, Extraction]


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    prepared = read_prepared(args.prepared, splits=("train", "dev"))
    train, dev = (pairs(prepared, split) for split in ("train", "dev"))
    random.Random(0).shuffle(train)
    random.Random(1).shuffle(dev)
    prompts = [prompt for prompt, _ in dev[: args.texts]]
    rows: dict[str, Any] = {}
    if args.folder:
        rows[args.folder] = both(HfEngine.load(args.folder, max_new_tokens=args.limit), prompts)
    else:
        for kind in args.kinds.split(","):
            model, tokenizer = MAKERS[kind]([prompt.text for prompt, _ in train[:20_000]])
            engine = HfEngine(model, tokenizer, max_new_tokens=args.limit, batch_size=64)
            rows[f"{kind} untrained"] = both(engine, prompts)
            loss = learn(engine, train, args.steps)
            rows[f"{kind} trained"] = both(engine, prompts) | {"loss": round(loss, 3)}
            if args.keep:
                model.save_pretrained(args.keep / kind)
                tokenizer.save_pretrained(args.keep / kind)
    row = {"texts": len(prompts), "train_steps": args.steps, "models": rows}
    print(json.dumps(row, indent=1))
    if args.results:
        environment.write(args.results, row)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("--folder")
    parser.add_argument("--kinds", default="t5,gpt")
    parser.add_argument("--texts", type=int, default=1_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--limit", type=int, default=64, help="tokens of an answer at most")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="save the trained models here")
    parser.add_argument("--results", type=Path)
    return parser.parse_args()


def pairs(prepared: Prepared, split: str) -> list[Pair]:
    """Every text with every main task that its data set has gold for, and the answer."""
    found = []
    for name, inventory in prepared.inventories.items():
        for record in prepared.records.get(name, {}).get(split, ()):
            for task in inventory.tasks:
                instance = plain_instance(record, find_task(task), inventory)
                if len(record.text) < 500:
                    found.append((instance.prompt, instance.target))
    return found


def both(engine: HfEngine, prompts: Sequence[Prompt]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, constrain in (("free", False), ("constrained", True)):
        engine.constrain = constrain
        requests = [Request(FORM.render(p), p, FORM.grammar(p)) for p in prompts]
        with Clock() as clock:
            used = time.process_time()
            completions = engine.complete(requests)
            used = time.process_time() - used
        row[name] = faults(requests, completions) | {
            "processor_ms_per_text": round(1000 * used / len(prompts), 2),
            "of_it_grammar": round(1000 * clock.used / len(prompts), 2),
            "steps": clock.steps,
        }
    return row


class Clock:
    """Processor time spent in the machine's making and searching, and the tokens asked for."""

    used = 0.0
    steps = 0

    def __enter__(self) -> Clock:
        self.saved = constraint.Machine.__init__, generate.Walk.allowed
        make, allowed = self.saved
        constraint.Machine.__init__ = self._timed(make)  # type: ignore[method-assign]
        generate.Walk.allowed = self._timed(allowed, counted=True)  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: object) -> None:
        constraint.Machine.__init__, generate.Walk.allowed = self.saved  # type: ignore[method-assign]

    def _timed(self, call: Callable[..., Any], *, counted: bool = False) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            start = time.process_time()
            try:
                return call(*args)
            finally:
                self.used += time.process_time() - start
                self.steps += counted

        return timed


def learn(engine: HfEngine, train: Sequence[Pair], steps: int) -> float:
    """A few steps of plain training; returns the mean loss of the last fifty."""
    model, tokenizer = engine.model.train(), engine.tokenizer
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for step, batch in zip(range(steps), batches(train, 16), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1, (step + 1) / 50)
        sources = [FORM.render(prompt) for prompt, _ in batch]
        targets = [" " + FORM.write(prompt, said) for prompt, said in batch]
        loss = (seq2seq_loss if engine.seq2seq else causal_loss)(model, tokenizer, sources, targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return sum(losses[-50:]) / max(len(losses[-50:]), 1)


def batches(train: Sequence[Pair], size: int) -> Iterator[Sequence[Pair]]:
    while True:
        for start in range(0, len(train) - size, size):
            yield train[start : start + size]


def seq2seq_loss(model: Any, tokenizer: Any, sources: list[str], targets: list[str]) -> Any:
    encoded = tokenizer(sources, padding=True, return_tensors="pt")
    labels = tokenizer(targets, padding=True, return_tensors="pt")["input_ids"]
    labels[labels == tokenizer.pad_token_id] = -100
    mask = encoded["attention_mask"]
    return model(input_ids=encoded["input_ids"], attention_mask=mask, labels=labels).loss


def causal_loss(model: Any, tokenizer: Any, sources: list[str], targets: list[str]) -> Any:
    rows = [tokenizer(source)["input_ids"] for source in sources]
    answers = [[*tokenizer(target)["input_ids"], tokenizer.eos_token_id] for target in targets]
    longest = max(len(row) + len(answer) for row, answer in zip(rows, answers, strict=True))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for at, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        whole = torch.tensor([*row, *answer])
        ids[at, : len(whole)], mask[at, : len(whole)] = whole, 1
        labels[at, len(row) : len(whole)] = torch.tensor(answer)
    return model(input_ids=ids, attention_mask=mask, labels=labels).loss


def make_t5(texts: Sequence[str]) -> tuple[Any, Any]:
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    pieces = Tokenizer(models.Unigram())
    pieces.normalizer = normalizers.NFKC()
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=8_000, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    lacking = str.maketrans("", "", "{}~<>\\^")  # what T5's vocabulary lacks
    marks = 'None: "a"; b, (c)'
    pieces.train_from_iterator([*(t.translate(lacking) for t in texts), *[marks] * 50], trainer)
    pieces.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=1024,
    )
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=192,
        d_kv=32,
        d_ff=512,
        num_layers=3,
        num_heads=6,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return T5ForConditionalGeneration(config), tokenizer


def make_gpt(texts: Sequence[str]) -> tuple[Any, Any]:
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=8_000,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token="<|endoftext|>")
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=1024,
        n_embd=192,
        n_layer=3,
        n_head=6,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config), tokenizer


MAKERS: dict[str, Callable[[Sequence[str]], tuple[Any, Any]]] = {"t5": make_t5, "gpt": make_gpt}


if __name__ == "__main__":
    main()
