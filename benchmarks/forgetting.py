"""What fine-tuning on one data set gains there and loses elsewhere, with each guard against forgetting.

The built-in model is fine-tuned on some hundred texts of a set that it was not trained on, with nothing
replayed, with its own answers, and with general training data; and each result is mixed with the
weights that it started from. Scored in fp32. See README.md beside this.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import environment
import torch

from instructuie.data.prepared import Prepared, pack, read_prepared, row_of
from instructuie.extractor import Extractor
from instructuie.pointer.model import PointerModel
from instructuie.pointer.runtime import PointerRuntime
from instructuie.pointer.stepwise import TorchBackend
from instructuie.training import finetune as tuning
from instructuie.training import probe
from instructuie.training.finetune import FineTuning, Inputs
from instructuie.training.own_data import OwnData, Reading, load_own
from instructuie.training.restore import restore
from instructuie.training.trainer import train

VARIANTS = ("nothing", "self", "file")
KEEP = (0.0, 0.25, 0.5)


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    whole = read_prepared(args.data, splits=("train", "dev"))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        own = own_texts(whole, args.set, folder, args.texts)
        bench = Bench(own, folder, args)
        rows = {"start": bench.scores(bench.start)}
        print("start", rows["start"], flush=True)
        for variant in args.variants.split(","):
            replay = replay_file(whole, args.set, folder) if variant == "file" else None
            for keep, scores in bench.run(variant, replay).items():
                rows[f"{variant}, keep {keep:g}"] = scores
                print(variant, f"keep {keep:g}", scores, flush=True)
    result = {
        **environment.environment(("instructuie", "torch", "onnxruntime")),
        "data": whole.fingerprint,
        "settings": {name: getattr(args, name) for name in ("set", "texts", "steps", "tokens")},
        "f1": rows,
    }
    environment.write(args.output, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="a prepared file")
    parser.add_argument("--set", default="skillspan", help="a set the built-in model does not know")
    parser.add_argument(
        "--texts", type=int, default=400, help="training texts that have gold items"
    )
    parser.add_argument("--variants", default=",".join(VARIANTS), help="what is replayed")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--tokens", type=int, default=1024, help="of one step")
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "forgetting.json"
    )
    return parser.parse_args()


def own_texts(whole: Prepared, name: str, folder: Path, texts: int) -> OwnData:
    """Random texts of the set that have gold items, and 100 of its dev texts, as a user's files."""
    paths = []
    for split, count in (("train", texts), ("dev", 100)):
        records = [r for r in whole.records[name][split] if r.gold.entities or r.gold.events]
        Random(1).shuffle(records)
        path = folder / f"{split}.jsonl"
        rows = (json.dumps(record.to_dict()) + "\n" for record in records[:count])
        path.write_text("".join(rows), encoding="utf-8")
        paths.append(path)
    return load_own(paths[:1], paths[1:], reading=Reading(), share=0.2, seed=0)


def replay_file(whole: Prepared, name: str, folder: Path) -> Path:
    """The prepared data without the set, as a file."""
    path = folder / "replay.jsonl.gz"
    names = [n for n in whole.inventories if n != name and "train" in whole.records.get(n, {})]
    parts = [
        (n, "train", b"".join(row_of(n, "train", r) for r in whole.records[n]["train"]))
        for n in names
    ]
    header = {**whole.header, "datasets": {n: whole.header["datasets"][n] for n in names}}
    path.write_bytes(b"".join(pack(header, parts)))
    return path


class Bench:
    """One start, one set of questions, and runs that differ in what is replayed."""

    def __init__(self, own: OwnData, folder: Path, args: argparse.Namespace) -> None:
        self.own, self.folder, self.args = own, folder, args
        self.asked = probe.questions(own.dev, own.inventory)
        self.builtin = Extractor(threads=args.threads).folder
        self.start = restore(self.builtin)
        self.start.save(folder / "start")
        shutil.copyfile(self.builtin / "tokenizer.json", folder / "start" / "tokenizer.json")

    def run(self, variant: str, replay: Path | None) -> dict[float, dict[str, float]]:
        """The scores for each share of the starting weights that is kept."""
        args = self.args
        settings = FineTuning(
            steps=args.steps,
            learning_rate=args.learning_rate,
            batch_tokens=args.tokens,
            replay_share=0.0 if variant == "nothing" else 0.5,
            threads=args.threads,
        )
        work = self.folder / variant
        inputs = Inputs([self.folder / "train.jsonl"], replay=replay)
        data = tuning._prepare(inputs, self.own, settings, work)
        config = tuning.training_of(settings, self.folder / "start", data)
        config = replace(config, train=replace(config.train, dev=()))
        trained = train(config, data, work / "run")
        shutil.copytree(self.folder / "start", work / "start")
        return {
            keep: self.scores(PointerModel.load(tuning._mix(trained, work, keep))) for keep in KEEP
        }

    def scores(self, model: PointerModel) -> dict[str, float]:
        """F1 in percent on the set's dev texts and on the general suite."""
        runtime = PointerRuntime.load(self.builtin, threads=self.args.threads)
        backend: Any = TorchBackend(model)
        runtime.backend = backend
        with mock.patch.object(PointerRuntime, "load", return_value=runtime):
            counts = probe.measure(Extractor(self.builtin), self.asked)
        return {
            kind: round(100 * probe.total(counts, kind).f1, 1)
            for kind in (probe.OWN, probe.GENERAL)
        }


if __name__ == "__main__":
    main()
