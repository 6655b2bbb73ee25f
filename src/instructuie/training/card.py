"""The model card: written from the run's manifest and score files, so that it cannot drift from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from instructuie.errors import DataError

_INTRO = """\
Extracts entities, relations and events from text by labels that are chosen in each call; all nine
tasks of the InstructUIE paper (arXiv 2304.08085). A pointer decoder on a small encoder: it points at
the text and at the options, so every item is a span of the text and one of the labels asked for.
"""

_LIMITS = """\
English text. Labels unlike those of the training data are followed less well than familiar ones.
Relations and arguments are found within one window of the text (a few sentences).
The vocabulary is uncased; the case of each word is read separately. Scores are products of move
probabilities, not calibrated on any set. Do not use it to decide about people.
"""


def model_card(model: Path, scores: Sequence[Path], *, title: str, commands: Sequence[str]) -> str:
    """The card of a trained model's folder as Markdown. Raises DataError."""
    training = _read(model / "training.json")
    sections = [
        f"# {title}",
        _INTRO,
        "## Results\n\n" + _results([_read(path) for path in scores]),
        "## Training\n\n" + _training(model, commands),
        "## Data\n\n" + _data(training),
        "## Limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as JSON: {error}", path=path) from error
    return row


def _results(files: Iterable[Mapping[str, Any]]) -> str:
    """One table for all score files; each says its split and settings."""
    lines: list[str] = []
    notes: list[str] = []
    for file in files:
        for entry, units in file["scores"].items():
            for unit, row in units.items():
                use = " (zero-shot)" if row.get("use") == "zero-shot" else ""
                lines.append(
                    f"| {entry}{use} | {file['split']} | {unit} | {row['texts']:,} | "
                    f"{row['gold']:,} | {_threshold(file)} | {row['f1']:.2f} |"
                )
        notes.append(f"data {file['data'][:12]}, overlap {file['overlap']}")
    head = (
        "| data | split | unit | texts | gold items | threshold | F1 |\n"
        "| --- | --- | --- | --- | --- | --- | --- |"
    )
    rule = (
        "Micro-F1 in percent under the strict rule: exact character offsets and label, every mention "
        "counts; triggers and arguments end to end. All labels of a set are asked for at once. "
        "The int8 model, through `instructuie evaluate run`. Signature: "
        + "; ".join(dict.fromkeys(notes))
        + "."
    )
    return "\n".join([rule, "", head, *lines])


def _threshold(file: Mapping[str, Any]) -> str:
    return "default" if file["threshold"] is None else str(file["threshold"])


def _training(model: Path, commands: Sequence[str]) -> str:
    stages = list(_stages(model))[::-1]
    encoder = Path(stages[0]["config"]["model"]["encoder"]).name
    lines = [f"Encoder: {encoder}.", ""]
    for number, stage in enumerate(stages, start=1):
        config = stage["config"]["train"]
        versions = ", ".join(f"{name} {value}" for name, value in stage["versions"].items())
        rounding = ", with the rounding of int8" if config["rounding"] else ""
        lines.append(
            f"{number}. Seed {config['seed']}, {config['steps']:,} steps of up to "
            f"{config['batch_tokens']:,} tokens, {stage['draws']:,} draws from the mixture{rounding}. "
            f"{versions}; {stage['device']}. Data fingerprint {stage['data']['fingerprint'][:16]}."
        )
    return "\n".join([*lines, "", "```", *commands, "```"])


def _stages(model: Path) -> Iterator[dict[str, Any]]:
    """The run that made a model, and those before it as far as their folders are there."""
    stage = _read(model / "training.json")
    yield stage
    start = stage["config"]["model"]["start"]
    if start and (Path(start) / "training.json").is_file():
        yield from _stages(Path(start))


def _data(training: Mapping[str, Any]) -> str:
    mixture = training["config"]["mixture"]
    rows = []
    unstated = []
    for name, row in training["data"]["datasets"].items():
        split = mixture["splits"].get(name, "train")
        counts = row["counts"].get(split)
        if row["use"] != "train" or counts is None or mixture["weights"].get(name) == 0:
            continue
        rows.append(
            f"| {name} | {'+'.join(row['tasks'])} | {split} | {counts['records']:,} | "
            f"{row['licence']} | {row['redistribution']} |"
        )
        if "not stated" in row["licence"].lower():
            unstated.append(name)
    head = (
        "| data set | tasks | trained on | texts | licence as stated | redistribution |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )
    share = (
        f"{100 * mixture['written_share']:.0f}% of the draws are" if mixture.get("written") else ""
    )
    own = f" {share} from texts that were written for this project." if share else ""
    said = (
        f"{len(rows)} data sets.{own} A training text is left out when a sentence of it stands in a dev or "
        "test split of any set, or anywhere in CrossNER, MIT Movie, MIT Restaurant or the FewRel and "
        "Wiki-ZSL test folds, which are never trained on. "
        f"Sets whose source states no licence: {', '.join(unstated) or 'none'}. The card passes on "
        "what is stated at the sources; it is not legal advice."
    )
    return "\n".join([said, "", head, *rows])
