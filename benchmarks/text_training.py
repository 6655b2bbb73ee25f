"""Training examples per second: ours, and the recipe of the released code, on one model and one machine.

The released recipe takes instances as they come, pads each batch to its longest prompt and its longest
answer, and computes in fp32. Both train the same model from the same weights on the same instances, in
turn, from text to optimiser step; the ratio is the median of the ratios within one round.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import environment
import torch
from torch.nn import functional as F

from instructuie.data.instance import Instance
from instructuie.data.prepared import Prepared, read_prepared
from instructuie.training.kinds import load_training
from instructuie.training.precision import uses_bf16
from instructuie.training.text.collate import causal_batch, seq2seq_batch
from instructuie.training.text.config import TextTraining
from instructuie.training.text.examples import Example, Writer
from instructuie.training.text.model import TextModel, load_model
from instructuie.training.text.optimization import make_optimizer
from instructuie.training.text.processes import Processes
from instructuie.training.text.stream import Draws, Position
from instructuie.training.text.trainer import TextLearner, make_writer

PACKAGES = ("instructuie", "torch", "transformers", "tokenizers")


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    config = _config(args)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about = environment.environment(PACKAGES)
    prepared = read_prepared(args.data)
    torch.manual_seed(0)
    model = load_model(config, bf16=False, device=device)
    instances = _instances(prepared, config, model, args.steps * config.train.batch_size)
    contenders: dict[str, Callable[[], float]] = {
        "ours": lambda: _ours(config, model, prepared, device, args.steps),
        "released": lambda: _released(config, model, prepared, instances, device, args.batch),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(args.rounds + 1):
        for name, run in contenders.items():
            taken = run()
            print(f"round {number}: {name} {len(instances) / taken:.2f} examples/s", flush=True)
            if number:  # the first one warms up
                seconds[name].append(taken)
    ratios = [b / a for a, b in zip(seconds["ours"], seconds["released"], strict=True)]
    environment.write(
        args.output,
        {
            **about,
            "config": args.config.stem,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "threads": torch.get_num_threads(),
            "bf16": uses_bf16(config.train.precision, device.type),
            "data": prepared.fingerprint,
            "examples": len(instances),
            "examples_per_step": config.train.batch_size,
            "released_batch": args.batch,
            "examples_per_second": {
                name: [round(len(instances) / s, 2) for s in each] for name, each in seconds.items()
            },
            "ratios": [round(ratio, 3) for ratio in ratios],
            "ours_is_times_as_fast": round(statistics.median(ratios), 3),
        },
    )


def _ours(
    config: TextTraining, model: TextModel, prepared: Prepared, device: torch.device, steps: int
) -> float:
    fresh = replace(model, model=copy.deepcopy(model.model))
    bf16 = uses_bf16(config.train.precision, device.type)
    with TemporaryDirectory() as folder:
        learner = TextLearner(
            config, fresh, prepared, Processes(device), Path(folder), {}, bf16=bf16
        )
        # The thread that reads ahead begins when the clock does.
        return _timed(lambda: _train(learner, steps), device)


def _train(learner: TextLearner, steps: int) -> None:
    with closing(learner.begin(steps)):
        for step in range(steps):
            learner.update(step)


def _released(
    config: TextTraining,
    model: TextModel,
    prepared: Prepared,
    instances: Sequence[tuple[str, Instance]],
    device: torch.device,
    size: int,
) -> float:
    """Batches in the order of the data; gradients added up to the same number of instances."""
    fresh = copy.deepcopy(model.model).to(device).train()
    optimizer = make_optimizer(fresh, config.train)
    writer = make_writer(config, model, prepared)

    def go() -> None:
        per_step = config.train.batch_size
        for start in range(0, len(instances), per_step):
            for at in range(start, start + per_step, size):
                examples = _examples(writer, instances[at : min(at + size, start + per_step)])
                batch = _batch(model, examples).to(device)
                logits = fresh(**batch.inputs, use_cache=False).logits.float()
                loss = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten())
                (loss / (per_step / size)).backward()
            torch.nn.utils.clip_grad_norm_(fresh.parameters(), config.train.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return _timed(go, device)


def _timed(work: Callable[[], Any], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began


def _examples(writer: Writer, instances: Sequence[tuple[str, Instance]]) -> list[Example]:
    made = [writer.write(name, one, Random(0), Counter()) for name, one in instances]
    return [example for example in made if example is not None]


def _batch(model: TextModel, examples: Sequence[Example]) -> Any:
    if model.causal:
        return causal_batch(examples, pad=model.pad)
    return seq2seq_batch(examples, pad=model.pad, start=model.start)


def _instances(
    prepared: Prepared, config: TextTraining, model: TextModel, count: int
) -> list[tuple[str, Instance]]:
    """Those that our steps learn from, in the order in which they are drawn."""
    writer = make_writer(config, model, prepared)
    found: list[tuple[str, Instance]] = []
    for _, _, dataset, instance in Draws(prepared, config).from_position(Position()):
        if instance is not None and _examples(writer, [(dataset, instance)]):
            found.append((dataset, instance))
        if len(found) == count:
            return found
    raise AssertionError("draws never end")


def _config(args: argparse.Namespace) -> TextTraining:
    config = load_training(args.config, args.set)
    if not isinstance(config, TextTraining):
        raise SystemExit(f"{args.config} trains no text model")
    # All steps of a pass come from one pool, so that both see the same instances.
    train = replace(config.train, bucket=args.steps, patience=0, dev=())
    model = config.model
    if args.model:
        where = "base" if model.base else "warm_start"
        model = replace(model, **{where: str(args.model.resolve())})
    return replace(config, model=model, train=train)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/train/minilm_bart.toml"))
    parser.add_argument(
        "--model",
        type=Path,
        help="folder of the model to start from, where the hub is out of reach",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--data", type=Path, required=True, help="a prepared file")
    parser.add_argument("--steps", type=int, default=32, help="optimiser steps of one pass")
    parser.add_argument("--batch", type=int, default=16, help="batch size of the released recipe")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=environment.cores())
    results = Path(__file__).parent / "results" / "text_training.json"
    parser.add_argument("--output", type=Path, default=results)
    return parser.parse_args()


if __name__ == "__main__":
    main()
