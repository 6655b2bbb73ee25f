"""`instructuie data show`: one data set, its card, its counts and some of its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instructuie.cli import console
from instructuie.cli.source import SourceOption, optional_folder
from instructuie.errors import DataError

if TYPE_CHECKING:
    from instructuie.data.card import Card
    from instructuie.data.record import Record

Splits = Mapping[str, Sequence["Record"]]


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A card's name, or a .toml file.")],
    *,
    source: SourceOption = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE|FOLDER", help="Prepared data to take the records from."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split to take samples from.")] = "",
    count: Annotated[int, typer.Option("--records", min=0, help="How many samples.")] = 5,
    seed: Annotated[int, typer.Option(help="Chooses the samples.")] = 0,
) -> None:
    """Print a data set's card, its counts, and some records with their gold mentions marked."""
    from instructuie.data.card import load_card

    card = load_card(name)
    root = optional_folder(source)
    console.say("\n".join(_card_lines(card, root)))
    splits = _records(card, root, data)
    if not splits:
        console.note("no records are at hand: give --source or --data to see some")
        return
    _show_counts(splits)
    chosen = split or next(iter(splits))
    if chosen not in splits:
        raise DataError(f"no split {chosen!r} here; there are {', '.join(splits)}", path=name)
    _show_samples(splits[chosen], count, seed)


def _card_lines(card: Card, root: Path | None) -> Iterator[str]:
    from instructuie.data.split import split_names

    facts = {
        "tasks": ", ".join(card.tasks),
        "domain": card.domain,
        "language": card.language,
        "licence": card.licence,
        "redistribution": card.redistribution,
        "commercial use": card.commercial,
        "homepage": card.homepage,
        "citation": card.citation,
        "use": card.use,
        "splits": f"{', '.join(split_names(card))} ({card.split_rule})",
        "reader": card.reader,
        "hub": card.hub,
        "address": card.address,
        "by hand": " ".join(card.by_hand.split()),
        "notes": " ".join(card.notes.split()),
    }
    yield f"{card.title} ({card.name})"
    for key, value in facts.items():
        if value:
            yield f"  {key + ':':16}{value}"
    for kind, names in card.labels.items():
        if names:
            yield f"  {kind + ' labels:':16}{', '.join(dict.fromkeys(names.values()))}"
    for split, counts in card.counts.items():
        items = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
        yield f"  {split + ' files:':16}{items}"
    yield from _file_lines(card, root)


def _file_lines(card: Card, root: Path | None) -> Iterator[str]:
    from instructuie.data.files import native_files, problems

    wrong = dict(problems(card, root)) if root is not None else {}
    yield "  files:"
    for path in native_files(card):
        known = card.files.get(path)
        size = f"{known.size:,} bytes" if known else "size unknown"
        state = "" if root is None else f"  {wrong.get(path, 'there')}"
        yield f"    {path}  {size}{state}"


def _records(card: Card, root: Path | None, data: Path | None) -> Splits:
    if data is not None:
        from instructuie.data.prepared import read_prepared

        found = read_prepared(data).records
        if card.name not in found:
            raise DataError(f"no {card.name} here; there are {', '.join(found)}", path=data)
        return found[card.name]
    if root is None:
        return {}
    from instructuie.data.load import has_files, load_records
    from instructuie.data.split import split_names

    there = [split for split in split_names(card) if has_files(card, split, root)]
    return {split: list(load_records(card, split, root)) for split in there}


def _show_counts(splits: Splits) -> None:
    from instructuie.data.tally import Tally, total

    tallies: dict[str, Tally] = {}
    for split, records in splits.items():
        tally = tallies.setdefault(split, Tally())
        for record in records:
            tally.add(record)
    counts = {split: tally.counts() for split, tally in tallies.items()}
    console.say("")
    keys = tuple(next(iter(counts.values())))
    rows = [(split, *(f"{row[key]:,}" for key in keys)) for split, row in counts.items()]
    console.table(("split", *keys), rows)
    console.say("")
    whole = total(tallies.values()).by_label()
    console.table(
        ("kind", "label", *tallies),
        [
            (kind, label, *(f"{_count(tally, kind, label):,}" for tally in tallies.values()))
            for kind, labels in whole.items()
            for label in labels
        ],
    )


def _count(tally: Any, kind: str, label: str) -> int:
    return int(tally.labels[kind][label])


def _show_samples(records: Sequence[Record], count: int, seed: int) -> None:
    from instructuie.cli.gold import gold_text

    places = sorted(Random(seed).sample(range(len(records)), min(count, len(records))))
    for place in places:
        console.say("\n" + gold_text(records[place]))
