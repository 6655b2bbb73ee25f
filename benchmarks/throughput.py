"""Texts per second: the whole extraction, the int8 encoder alone, and the gliner package.

Everything is measured in turn on the same cores, pass after pass, so that a machine that gets slower
does so for all; each ratio is the median of the ratios within one round. See README.md beside this.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import environment

from instructuie import Extractor
from instructuie.data.prepared import read_prepared
from instructuie.pointer.encoding import EncodedBatch, pad
from instructuie.pointer.runtime import PointerRuntime, load_session
from instructuie.prompt import Prompt

Pass = Callable[[], float]
"""One measured pass; returns its seconds."""


def main() -> None:
    args = _arguments()
    texts, gold, labels = read_texts(args.data, args.dataset, args.split, args.texts)
    model = args.model or Path(
        str(resources.files("instructuie") / "assets" / "models" / "builtin")
    )
    result: dict[str, Any] = {
        **environment.environment((*environment.PACKAGES, "onnx", "torch", "transformers")),
        "settings": {
            "dataset": args.dataset,
            "split": args.split,
            "labels": labels,
            "threads": args.threads,
            "batch_size": args.batch_size,
            "repeats": args.repeats,
            "seed": args.seed,
        },
    }
    extractor = Extractor(model, threads=args.threads, batch_size=args.batch_size)
    with TemporaryDirectory() as scratch:
        result["encoder"] = measure_encoder(
            extractor, texts, labels, model, args.trained, Path(scratch), args
        )
    result["encoder"]["gold_items_per_text"] = round(gold / len(texts), 2)
    if args.gliner_python:
        chosen = random.Random(args.seed).sample(texts, min(args.gliner_texts, len(texts)))
        result["gliner"] = measure_gliner(extractor, chosen, labels, gold / len(texts), model, args)
    environment.write(args.output, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    here = Path(__file__).parent
    add = parser.add_argument
    add("--data", type=Path, required=True, help="a file written by `instructuie data prepare`")
    add("--dataset", default="conll2003")
    add("--split", default="test")
    add("--texts", type=int, help="only the first so many texts (default: all)")
    add("--model", type=Path, help="an exported model (default: the built-in one)")
    add("--trained", type=Path, help="its training folder, for the plain encoder's weights")
    add("--threads", type=int, default=environment.cores())
    add("--batch-size", type=int, default=32)
    add("--repeats", type=int, default=5)
    add("--seed", type=int, default=0)
    add(
        "--gliner-python", type=Path, help="a Python that has gliner; without it gliner is left out"
    )
    add("--gliner-texts", type=int, default=200, help="size of the random subset")
    add("--gliner-batch-sizes", type=int, nargs="+", default=[8, 32])
    add("--gliner-shapes", nargs="+", default=["deberta-v3-small", "minilm"])
    add("--gliner-int8", action="store_true", help="also gliner's own int8 quantisation")
    add("--output", type=Path, default=here / "results" / "throughput.json")
    return parser.parse_args()


def read_texts(
    data: Path, dataset: str, split: str, limit: int | None
) -> tuple[list[str], int, list[str]]:
    """Texts, the number of gold entities in them, and the labels of the set."""
    prepared = read_prepared(data, splits=(split,))
    records = prepared.records[dataset][split][:limit]
    gold = sum(len(record.gold.entities) for record in records)
    return [record.text for record in records], gold, list(prepared.inventories[dataset].entities)


# The rounds


def run_rounds(passes: Mapping[str, Pass], *, count: int, repeats: int) -> dict[str, list[float]]:
    """Texts per second of every pass in every round, after one round that is not counted."""
    rates: dict[str, list[float]] = {name: [] for name in passes}
    for repeat in range(repeats + 1):
        for name, measured in passes.items():
            time.sleep(0.2)  # threads that still spin after the previous pass fall asleep
            rate = count / measured()
            if repeat:
                rates[name].append(round(rate, 2))
            print(f"{'warm-up' if not repeat else f'round {repeat}'}  {name}: {rate:.1f} texts/s")
    return rates


def summary(rates: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return {
        "texts_per_second": {name: round(statistics.median(r), 1) for name, r in rates.items()},
        "rounds": rates,
    }


def ratio(ours: Sequence[float], theirs: Iterable[Sequence[float]]) -> float:
    """Ours over the fastest of the others, round by round; the median."""
    fastest = [max(row) for row in zip(*theirs, strict=True)]
    return float(round(statistics.median(a / b for a, b in zip(ours, fastest, strict=True)), 3))


def extraction(extractor: Extractor, texts: Sequence[str], labels: Sequence[str]) -> Pass:
    """`extract_batch` as a user calls it; words are tokenised anew in every pass."""

    def measured() -> float:
        _forget_words(extractor)
        begin = time.perf_counter()
        extractor.extract_batch(texts, entities=labels)
        return time.perf_counter() - begin

    return measured


def _forget_words(extractor: Extractor) -> None:
    extractor._decoder.runtime.encoder._cache.clear()


# Against the encoder alone


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call of `extract_batch` gives its model."""

    prompts: list[list[Prompt]]
    items: int


def measure_encoder(
    extractor: Extractor,
    texts: Sequence[str],
    labels: Sequence[str],
    model: Path,
    trained: Path | None,
    scratch: Path,
    args: argparse.Namespace,
) -> dict[str, Any]:
    runtime = extractor._decoder.runtime
    asked = record_prompts(extractor, texts, labels)
    batches = [batch for part in asked.prompts for batch in encode(runtime, part, args.batch_size)]
    cut_encoder(model / "encoder.onnx", scratch / "shipped.onnx")
    export_plain(model, trained, scratch)
    sessions = {
        name: load_session(scratch / f"{name}.onnx", threads=args.threads)
        for name in ("shipped", "plain")
    }

    def alone(session: Any) -> Pass:
        feeds = [feed(session, batch) for batch in batches]

        def measured() -> float:
            begin = time.perf_counter()
            for inputs in feeds:
                session.run(["states"], inputs)
            return time.perf_counter() - begin

        return measured

    def tokenised(session: Any) -> Pass:
        def measured() -> float:
            _forget_words(extractor)
            begin = time.perf_counter()
            for part in asked.prompts:
                for batch in encode(runtime, part, args.batch_size):
                    session.run(["states"], feed(session, batch))
            return time.perf_counter() - begin

        return measured

    passes = {
        "extract_batch": extraction(extractor, texts, labels),
        "encoder_only_plain": alone(sessions["plain"]),
        "encoder_only_shipped": alone(sessions["shipped"]),
        "tokenise_and_encode": tokenised(sessions["plain"]),
    }
    rates = run_rounds(passes, count=len(texts), repeats=args.repeats)
    only = [rates["encoder_only_plain"], rates["encoder_only_shipped"]]
    tokens = sum(int(batch.mask.sum()) for batch in batches)
    return {
        "texts": len(texts),
        "prompts": sum(len(batch.rows) for batch in batches),
        "batches": len(batches),
        "tokens_per_prompt": round(tokens / sum(len(batch.rows) for batch in batches), 1),
        "padding": round(1 - tokens / sum(batch.mask.size for batch in batches), 3),
        "items_per_text": round(asked.items / len(texts), 2),
        **summary(rates),
        "extract_batch / encoder_only": ratio(rates["extract_batch"], only),
        "extract_batch / tokenise_and_encode": ratio(
            rates["extract_batch"], [rates["tokenise_and_encode"]]
        ),
    }


def record_prompts(extractor: Extractor, texts: Sequence[str], labels: Sequence[str]) -> Asked:
    """The very prompts of one `extract_batch`, in the groups in which the model gets them."""
    runtime, calls = extractor._decoder.runtime, []
    original = runtime.answer

    def recorded(prompts: Sequence[Prompt], **settings: Any) -> Any:
        calls.append(list(prompts))
        return original(prompts, **settings)

    runtime.answer = recorded  # type: ignore[method-assign]
    try:
        results = extractor.extract_batch(texts, entities=labels)
    finally:
        runtime.answer = original  # type: ignore[method-assign]
    return Asked(calls, sum(len(result.entities) for result in results))


def encode(
    runtime: PointerRuntime, prompts: Sequence[Prompt], batch_size: int
) -> list[EncodedBatch]:
    """Tokenised, sorted by length, batched and padded by the runtime's own code."""
    encoded = [runtime.encoder.encode(prompt) for prompt in prompts]
    return [
        pad([encoded[row] for row in rows], pad_id=runtime.encoder.markers.pad)
        for rows in runtime._batches(encoded, batch_size)
    ]


def feed(session: Any, batch: EncodedBatch) -> dict[str, Any]:
    arrays = {"ids": batch.ids, "shapes": batch.shapes, "mask": batch.mask}
    return {entry.name: arrays[entry.name] for entry in session.get_inputs()}


def cut_encoder(source: Path, target: Path) -> None:
    """The shipped graph without what it computes for the decoder: it ends at the states."""
    import onnx.utils

    onnx.utils.extract_model(str(source), str(target), ["ids", "shapes", "mask"], ["states"])


def export_plain(model: Path, trained: Path | None, folder: Path) -> None:
    """The plain Hugging Face encoder, ids and mask in, states out, quantised as our exports are.

    Its word vectors stay fp32, a little faster than our int8 rows. Speed does not depend on the
    weights: without the training folder they are random.
    """
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from instructuie.pointer.model import PointerConfig, PointerModel

    if trained is None:
        row = json.loads((model / "config.json").read_text(encoding="utf-8"))
        encoder = PointerModel(PointerConfig(**row)).encoder.eval()
    else:
        encoder = PointerModel.load(trained).encoder.eval()
    encoder.set_attn_implementation("eager")

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            states = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
            assert isinstance(states, torch.Tensor)
            return states

    ids = torch.ones(2, 9, dtype=torch.long)
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        Plain().eval(),
        (ids, ids.bool()),
        str(folder / "plain.fp32.onnx"),
        input_names=["ids", "mask"],
        output_names=["states"],
        dynamic_axes={"ids": axes, "mask": axes, "states": axes},
        opset_version=18,
        dynamo=False,
    )
    quantize_dynamic(
        folder / "plain.fp32.onnx",
        folder / "plain.onnx",
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["MatMul"],
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


# Against gliner


class Worker:
    """`gliner_worker.py` in another Python. It sleeps while others are measured."""

    def __init__(self, python: Path, job: Mapping[str, Any]) -> None:
        self.process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("gliner_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(job["threads"]), "HF_HUB_OFFLINE": "1"},
        )
        self.ready = self.ask(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def ask(self, row: Mapping[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(row) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("gliner stopped; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure_gliner(
    extractor: Extractor,
    texts: Sequence[str],
    labels: Sequence[str],
    spans: float,
    model: Path,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """One model of gliner at a time, each in rounds of its own with ours."""
    found: dict[str, Any] = {"texts": len(texts)}
    for shape in args.gliner_shapes:
        for int8 in (False, True) if args.gliner_int8 else (False,):
            job = {
                "shape": shape,
                "tokenizer": str((model / "tokenizer.json").resolve()),
                "texts": list(texts),
                "labels": list(labels),
                "threads": args.threads,
                "seed": args.seed,
                "spans": spans,
                "int8": int8,
            }
            with Worker(args.gliner_python, job) as worker:
                name = f"{shape}, int8" if int8 else shape
                found[name] = _gliner_rounds(worker, extractor, texts, labels, args)
    return found


def _gliner_rounds(
    worker: Worker,
    extractor: Extractor,
    texts: Sequence[str],
    labels: Sequence[str],
    args: argparse.Namespace,
) -> dict[str, Any]:
    def theirs(size: int) -> Pass:
        return lambda: float(worker.ask({"batch_size": size})["seconds"])

    passes = {"extract_batch": extraction(extractor, texts, labels)}
    passes |= {f"gliner, batch {size}": theirs(size) for size in args.gliner_batch_sizes}
    rates = run_rounds(passes, count=len(texts), repeats=args.repeats)
    others = [rate for name, rate in rates.items() if name != "extract_batch"]
    return {
        **worker.ready,
        **summary(rates),
        "extract_batch / gliner": ratio(rates["extract_batch"], others),
    }


if __name__ == "__main__":
    main()
