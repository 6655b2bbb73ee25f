"""Processor seconds to score a million predicted items under each rule, against plain sets per text.

Contenders take turns, round after round, so that a machine that gets slower does so for all; each
ratio is the median of the ratios within one round. See README.md beside this.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import environment

from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.predictions import write_predictions
from instructuie.evaluation.rules import RULES
from instructuie.evaluation.scores import score
from instructuie.evaluation.scoring import open_system, score_system
from instructuie.evaluation.significance import interval
from instructuie.types import Entity, Extraction, Mention

ITEMS = 1_000_000
LABELS = ("person", "place", "organization", "date", "product", "event")
TEXT = " ".join(
    random.Random(0).choices(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"], k=60)
)


def main() -> None:
    args = _arguments()
    result: dict[str, Any] = {
        **environment.environment(("instructuie", "numpy")),
        "settings": {"items": ITEMS, "rounds": args.rounds, "seed": args.seed},
        "shapes": {},
    }
    for per_text in args.items_per_text:
        predictions = make_predictions(args.seed, args.distinct, per_text)
        times = -(-ITEMS // (len(predictions) * per_text))
        result["shapes"][f"{per_text} per text"] = measure(predictions, times, args.rounds)
    result["file"] = measure_file(args.seed, args.file_rows)
    result["intervals"] = measure_intervals(args.seed)
    environment.write(args.output, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--items-per-text", type=int, nargs="+", default=[1, 4, 20])
    add("--distinct", type=int, default=50_000, help="different texts; they are run through again")
    add("--file-rows", type=int, default=100_000, help="texts of the file that is read and scored")
    add("--rounds", type=int, default=3)
    add("--seed", type=int, default=0)
    add("--output", type=Path, default=Path(__file__).parent / "results" / "scoring.json")
    return parser.parse_args()


def make_predictions(seed: int, count: int, per_text: int) -> list[Prediction]:
    """Texts with `per_text` gold and `per_text` predicted entities, seven in ten of them right."""
    rng = random.Random(seed)
    return [_prediction(rng, str(number), per_text) for number in range(count)]


def _prediction(rng: random.Random, name: str, per_text: int) -> Prediction:
    gold = [_entity(rng) for _ in range(per_text)]
    said = [
        Entity(e.label, Mention.of(TEXT, e.mention.span.start, e.mention.span.end))  # type: ignore[union-attr]
        if rng.random() < 0.7
        else _entity(rng)
        for e in gold
    ]
    return Prediction(
        "made up", "NER", name, TEXT, Extraction(tuple(gold)), Extraction(tuple(said))
    )


def _entity(rng: random.Random) -> Entity:
    start = rng.randrange(len(TEXT) - 20)
    return Entity(rng.choice(LABELS), Mention.of(TEXT, start, start + rng.randint(1, 20)))


def with_sets(predictions: Iterator[Prediction]) -> tuple[int, int, int]:
    """What one would write first: a set of tuples for gold, one for predicted, and their overlap."""
    right = said = wanted = 0
    for prediction in predictions:
        gold = _tuples(prediction.gold)
        predicted = _tuples(prediction.predicted or Extraction())
        right += len(gold & predicted)
        said += len(predicted)
        wanted += len(gold)
    return right, said, wanted


def _tuples(extraction: Extraction) -> set[tuple[str, int, int]]:
    return {
        (e.label, e.mention.span.start, e.mention.span.end)
        for e in extraction.entities
        if e.mention.span
    }


def with_item_sets(predictions: Iterator[Prediction]) -> int:
    """Shorter still: the entities themselves are hashable."""
    return sum(
        len(set(p.gold.entities) & set((p.predicted or Extraction()).entities)) for p in predictions
    )


def measure(predictions: Sequence[Prediction], times: int, rounds: int) -> dict[str, Any]:
    """The `strict` rule and the sets in turn, then every other rule once."""
    contenders: dict[str, Callable[[Iterator[Prediction]], object]] = {
        **{rule: partial(score, rule=rule) for rule in RULES},
        **SETS,
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = ["strict", *SETS] * rounds + [rule for rule in RULES if rule != "strict"]
    for name in order:
        begin = time.process_time()
        contenders[name](chain.from_iterable(repeat(predictions, times)))
        seconds[name].append(time.process_time() - begin)
        print(f"{name}: {seconds[name][-1]:.2f} s", flush=True)
    return {
        "texts": len(predictions) * times,
        "seconds": {name: round(statistics.median(runs), 2) for name, runs in seconds.items()},
        "strict_takes_times": {
            name: round(_ratio(seconds["strict"], seconds[name]), 2) for name in SETS
        },
    }


SETS: dict[str, Callable[[Iterator[Prediction]], object]] = {
    "sets of tuples": with_sets,
    "sets of entities": with_item_sets,
}


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def measure_file(seed: int, count: int) -> dict[str, Any]:
    """A prediction file from disk to a score with its interval and signature, one item per text."""
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "predictions.jsonl"
        write_predictions(make_predictions(seed, count, 1), path, released=False)
        begin = time.process_time()
        score_system(open_system(path), ("strict",), seed=seed)
        seconds = time.process_time() - begin
    print(f"file: {seconds:.2f} s")
    per_million = round(seconds * ITEMS / count, 1)
    return {"rows": count, "seconds": round(seconds, 2), "seconds_per_million": per_million}


def measure_intervals(seed: int) -> dict[str, Any]:
    """1,000 resamples of 10,000 records."""
    scored = score(make_predictions(seed, 10_000, 3), "strict")
    unit = scored.sets[0].units["entity"]
    begin = time.process_time()
    found = interval(unit, seed=seed)
    seconds = time.process_time() - begin
    print(f"interval: {seconds:.3f} s")
    return {"records": 10_000, "resamples": found.resamples, "seconds": round(seconds, 3)}


if __name__ == "__main__":
    main()
