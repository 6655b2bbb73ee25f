"""From native files to prepared data, in two passes.

First the splits that scores are computed on (dev, test, and all of a zero-shot set) are prepared and
the keys of their sentences are collected; then the training splits, without the records that share a
sentence with those. So scores and zero-shot claims stay honest, whatever sets are prepared together.

Both passes run in parallel, a split at a time. In a folder, what did not change is not made again: a
split is kept while its native files, its card and the code are the same and, for a training split,
while no sentence of it has become protected or ceased to be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instructuie.data.card import Card
from instructuie.data.inputs import Inputs, inspect, refuse_wrong, version
from instructuie.data.kept import Memory, digest, part_file, remember, remember_protected
from instructuie.data.load import has_files
from instructuie.data.overlap import pack_keys, unpack_keys
from instructuie.data.parquet import arrow
from instructuie.data.part import Form, Job, Part, write_part
from instructuie.data.prepared import FORMAT, fingerprint, read_header
from instructuie.data.split import split_names
from instructuie.data.store import (
    commit_file,
    commit_folder,
    is_folder,
    refuse_foreign,
    save_rejects,
    stage,
)
from instructuie.data.tally import inventory, total
from instructuie.data.workers import Workers, workers
from instructuie.errors import DataError
from instructuie.progress import Progress, Silent

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How data sets are prepared."""

    workers: int = 1
    """Processes; 1 works in this one."""
    skip: bool = False
    """Put malformed native items into a side file and go on, instead of stopping at the first."""
    unchecked: bool = False
    """Take native files that are not those which the card describes."""


def prepare(
    cards: Sequence[Card],
    root: Path,
    output: Path,
    *,
    settings: Settings | None = None,
    report: Report = lambda line: None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a prepared folder, or a prepared file where `output` ends in `.gz`; returns its header.

    Splits whose files are absent are named in `missing`. Raises DataError, and then leaves the output
    as it was.
    """
    settings = settings or Settings()
    refuse_foreign(output)
    if is_folder(output):
        arrow()
    splits = [(card, split) for card in cards for split in split_names(card)]
    there = [has_files(card, split, root) for card, split in splits]
    missing = [f"{c.name}/{s}" for (c, s), found in zip(splits, there, strict=True) if not found]
    with workers(settings.workers) as pool:
        inputs = _inspect(pool, cards, root, settings)
        opening = _opening(inputs, missing)
        if current := _up_to_date(output, opening):
            report("everything is up to date")
            return current
        with stage(output) as staged:
            make = _Maker(pool, root, staged, output, inputs, settings, report)
            present = [pair for pair, found in zip(splits, there, strict=True) if found]
            parts = make.parts(present, progress or Silent())
            header = {**opening, "datasets": _datasets(cards, parts)}
            return make.commit(header, parts)


def _inspect(
    pool: Workers, cards: Sequence[Card], root: Path, settings: Settings
) -> dict[str, Inputs]:
    found = pool.run(inspect, [(card, root) for card in cards])
    for inputs in found:
        if not settings.unchecked:
            refuse_wrong(inputs)
    return {inputs.dataset: inputs for inputs in found}


def _opening(inputs: Mapping[str, Inputs], missing: Sequence[str]) -> dict[str, Any]:
    """The part of the header that is known before anything is read."""
    return {
        "format": FORMAT,
        "version": version(),
        "missing": list(missing),
        "sources": {name: found.digest for name, found in inputs.items()},
        "inputs": {path: row for found in inputs.values() for path, row in found.files.items()},
    }


def _up_to_date(output: Path, opening: Mapping[str, Any]) -> dict[str, Any] | None:
    """The header of a prepared file that would come out the same."""
    if is_folder(output) or not output.exists():
        return None
    try:
        header = read_header(output)
    except DataError:
        return None
    rejected = any(row.get("rejected") for row in header.get("datasets", {}).values())
    same = all(header.get(key) == value for key, value in opening.items())
    return header if same and not rejected else None


def _datasets(cards: Sequence[Card], parts: Sequence[Part]) -> dict[str, Any]:
    rows = {}
    for card in cards:
        own = [part for part in parts if part.dataset == card.name]
        whole = total(part.tally for part in own)
        if whole.records:
            rows[card.name] = {
                **inventory(card, whole),
                "use": card.use,
                "domain": card.domain,
                "licence": card.licence,
                "redistribution": card.redistribution,
                "commercial": card.commercial,
                "counts": {p.split: p.tally.counts() for p in own if p.tally.records},
                "labels": {p.split: p.tally.by_label() for p in own if p.tally.records},
                "overlapping": sum(part.overlapping for part in own),
                "rejected": sum(len(part.rejects) for part in own),
            }
    return rows


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the parts that are not there yet, aside, and puts them in their place."""

    pool: Workers
    root: Path
    staged: Path
    output: Path
    inputs: Mapping[str, Inputs]
    settings: Settings
    report: Report

    def parts(self, splits: Sequence[tuple[Card, str]], progress: Progress) -> list[Part]:
        """Both passes; the parts in the order of `splits`."""
        progress.start(len(splits), "splits")
        memory = Memory.of(self.output)
        try:
            scored = self._pass([s for s in splits if _is_scored(*s)], memory, None, progress)
            keys = pack_keys(key for part in scored for key in unpack_keys(part.keys))
            rest = [s for s in splits if not _is_scored(*s)]
            trained = self._pass(rest, memory, keys, progress)
        finally:
            progress.finish()
        found = {(part.dataset, part.split): part for part in (*scored, *trained)}
        if is_folder(self.output):
            remember_protected(self._made, keys)
            for part in found.values():
                remember(self._made, part, self.inputs[part.dataset].digest, protected=keys)
        return [found[card.name, split] for card, split in splits]

    @property
    def _made(self) -> Path:
        return self.staged / "made"

    def _pass(
        self,
        splits: Iterable[tuple[Card, str]],
        memory: Memory,
        protected: bytes | None,
        progress: Progress,
    ) -> list[Part]:
        kept: list[Part] = []
        jobs: list[Job] = []
        for card, split in splits:
            part = memory.recall(card.name, split, self.inputs[card.name].digest)
            avoid = protected if card.use == "train" else None
            if part is None or (avoid is not None and not memory.still_clear(part, avoid)):
                jobs.append(self._job(card, split, avoid))
            else:
                kept.append(part)
                self._tell(part, progress, "up to date")
        return kept + self.pool.run(
            write_part, jobs, cost=self._cost, watch=lambda part: self._tell(part, progress)
        )

    def _job(self, card: Card, split: str, protected: bytes | None) -> Job:
        file = None
        if protected is not None:
            file = self.staged / f"{digest(protected)}.keys"
            if not file.exists():
                file.write_bytes(protected)
        form: Form = "parquet" if is_folder(self.output) else "gzip"
        place = part_file(self._made, card.name, split)
        return Job(card, split, self.root, place, form, file, skip=self.settings.skip)

    def _cost(self, job: Job) -> float:
        return float(sum(row["size"] for row in self.inputs[job.card.name].files.values()))

    def _tell(self, part: Part, progress: Progress, state: str = "") -> None:
        count = f"{part.tally.records} records"
        self.report(f"{part.dataset}/{part.split}: {state or count}")
        progress.advance()

    def commit(self, header: dict[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
        """Everything into its place; returns the finished header."""
        parts = [part for part in parts if part.tally.records or part.rejects]
        save_rejects(self.staged, self.output, [row for part in parts for row in part.rejects])
        parts = [part for part in parts if part.tally.records]
        rows, offset = [], 0
        for part in parts:
            place = part_file(Path(), part.dataset, part.split).as_posix()
            where = {"path": place} if is_folder(self.output) else {"offset": offset}
            rows.append({**_described(part), **where})
            offset += part.size
        digests = [(part.dataset, part.split, part.sha256) for part in parts]
        header = {**header, "parts": rows, "fingerprint": fingerprint(digests)}
        if is_folder(self.output):
            commit_folder(self._made, self.output, header)
        else:
            members = [part_file(self._made, part.dataset, part.split) for part in parts]
            commit_file(self.staged, self.output, header, members)
        return header


def _described(part: Part) -> dict[str, Any]:
    return {
        "dataset": part.dataset,
        "split": part.split,
        "records": part.tally.records,
        "sha256": part.sha256,
        "packed": part.packed,
        "size": part.size,
    }


def _is_scored(card: Card, split: str) -> bool:
    """Whether scores are computed on this split, so that nothing of it may be trained on."""
    return split != "train" or card.use == "zero-shot"
