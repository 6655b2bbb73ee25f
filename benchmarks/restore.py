"""How far a model whose exported weights were read back answers as the exported int8 model does.

Agreement is an F1 over the items of both; beside it stand the scores of both against gold. See
README.md beside this.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import environment

from instructuie.data.instance import plain_instance
from instructuie.data.prepared import Prepared, read_prepared
from instructuie.evaluation.counts import UNITS, Counts, count
from instructuie.extractor import Extractor
from instructuie.pointer.runtime import PointerRuntime
from instructuie.pointer.stepwise import TorchBackend
from instructuie.tasks import find_task
from instructuie.training.restore import restore
from instructuie.types import Extraction

SETS = (
    "conll2003/NER,bc5cdr/NER,ncbi_disease/NER,broad_twitter_corpus/NER,conll04/RE,casie/EE,phee/EE"
)


def main() -> None:
    args = _arguments()
    folder = args.model or Extractor(threads=1).folder
    backend = TorchBackend(restore(folder))
    prepared = read_prepared(args.data, splits=("dev",))
    sets: dict[str, Any] = {}
    same = either = 0
    for entry in args.sets.split(","):
        runtime = PointerRuntime.load(folder, threads=args.threads)
        row = measure(runtime, backend, prepared, entry, args.texts)
        same, either = same + row["same"], either + row["either"]
        sets[entry] = row
        print(
            entry,
            f"agreement {100 * row['same'] / max(row['either'], 1):.1f}",
            row["f1"],
            flush=True,
        )
    print(f"all: agreement {100 * same / either:.2f}% of {either:,} items", flush=True)
    result = {
        **environment.environment(("instructuie", "torch", "onnxruntime")),
        "data": prepared.fingerprint,
        "texts": args.texts,
        "agreement": same / either,
        "items": either,
        "sets": sets,
    }
    environment.write(args.output, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="a prepared file")
    parser.add_argument("--model", type=Path, help="an exported folder; else the built-in model")
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--texts", type=int, default=80, help="dev texts of each set")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "restore.json"
    )
    return parser.parse_args()


def measure(
    runtime: PointerRuntime, backend: Any, prepared: Prepared, entry: str, texts: int
) -> dict[str, Any]:
    name, _, task = entry.partition("/")
    records = prepared.records[name]["dev"][:texts]
    instances = [plain_instance(r, find_task(task), prepared.inventories[name]) for r in records]
    prompts = [instance.prompt for instance in instances]
    exported = [result.extraction for result in runtime.answer(prompts)]
    runtime.backend = backend
    restored = [result.extraction for result in runtime.answer(prompts)]
    same = either = 0
    scores: dict[str, dict[str, Counts]] = {"int8": {}, "restored": {}}
    for instance, one, other in zip(instances, exported, restored, strict=True):
        left, right = items(one), items(other)
        same, either = same + 2 * len(left & right), either + len(left) + len(right)
        for key, found in (("int8", one), ("restored", other)):
            for unit, counts in count(instance.target, found).items():
                scores[key][unit] = scores[key].get(unit, Counts()) + counts
    f1 = {
        key: {unit: round(100 * rows[unit].f1, 1) for unit in UNITS if rows[unit].gold}
        for key, rows in scores.items()
    }
    return {"same": same, "either": either, "f1": f1}


def items(extraction: Extraction) -> set[str]:
    """Each entity, relation, trigger and argument as one string."""
    row = extraction.to_dict()
    found = {json.dumps(item) for kind in ("entities", "relations") for item in row[kind]}
    for event in row["events"]:
        frame = json.dumps([event["label"], event["trigger"]])
        found.add(frame)
        found.update(frame + json.dumps(argument) for argument in event["arguments"])
    return found


if __name__ == "__main__":
    main()
