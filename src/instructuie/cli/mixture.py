"""`instructuie data mixture | instances | folds`: what is trained on, and what stays unseen."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instructuie.cli import console
from instructuie.cli.export_data import DataOption
from instructuie.cli.source import SourceOption, native_folder

if TYPE_CHECKING:
    from instructuie.data.fold_check import FoldCheck

SeedOption = Annotated[int, typer.Option(help="The seed of all that is drawn.")]


def mixture(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="supervised, supervised-released, zero-shot, or a .toml file."
        ),
    ],
    *,
    data: DataOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write (.jsonl.gz).")
    ],
    seed: SeedOption = 1,
) -> None:
    """Sample a training mixture, such as the paper's; the file is what `train --data` reads."""
    from instructuie.data.mixture_file import mix, write_mixture
    from instructuie.data.prepared import read_prepared
    from instructuie.data.recipe import load_recipe

    plan = load_recipe(recipe)
    mixed = mix(read_prepared(data), plan, seed=seed)
    write_mixture(mixed, output)
    console.table(
        ("data set", "tasks", "available", "overlapping", "train", "dev"),
        [
            (
                name,
                "+".join(share.tasks),
                f"{share.available:,}",
                f"{share.overlapping:,}",
                f"{len(share.splits['train']):,}",
                f"{len(share.splits.get('dev', ())):,}",
            )
            for name, share in mixed.shares.items()
        ],
    )
    if mixed.missing:
        console.note(f"no training records at hand of: {', '.join(mixed.missing)}")
    if plan.held_out:
        console.note(f"no text is shared with: {', '.join(plan.held_out)}")


def instances(
    *,
    data: DataOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The JSON Lines file to write.")
    ],
    split: Annotated[str, typer.Option(help="The split to ask about.")] = "train",
    seed: SeedOption = 1,
    epoch: Annotated[int, typer.Option(help="Which pass over the data.")] = 0,
    varied: Annotated[
        bool,
        typer.Option(
            "--varied/--plain",
            help="Draw options and instructions at random, or ask with all options.",
        ),
    ] = False,
) -> None:
    """Write one pass over the data as prompts and answer sentences, shuffled."""
    from instructuie.data.epoch import EpochSettings, auxiliary_of, text_row
    from instructuie.data.epoch import epoch as stream
    from instructuie.data.instance import Sampler
    from instructuie.data.prepared import read_prepared
    from instructuie.jsonl import RowWriter

    prepared = read_prepared(data, splits=(split,))
    settings = EpochSettings(
        seed, epoch, split, auxiliary_of(prepared), Sampler() if varied else None
    )
    count = 0
    partial = output.with_name(output.name + ".part")
    with RowWriter.open(partial) as writer:
        for dataset, instance in stream(prepared, settings):
            writer.write(text_row(dataset, instance))
            count += 1
    partial.replace(output)
    console.say(f"{count:,} instances in {output}")


def folds(
    name: Annotated[str, typer.Argument(metavar="NAME", help="fewrel or wiki_zsl.")],
    *,
    source: SourceOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write the folds: unseen_M_seed_S/{train,dev,test,test_single,test_multi}.jsonl.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the released folds below the source.")
    ] = False,
    fill: Annotated[
        bool,
        typer.Option("--fill", help="Take from the released folds what the native files lack."),
    ] = False,
) -> None:
    """Make the folds with unseen labels of FewRel or Wiki-ZSL, or compare ours with the released."""
    from instructuie.data.fold_check import check as compare
    from instructuie.data.fold_check import fill_gaps, read_released
    from instructuie.data.folds import load_corpus, load_plan, write_folds

    plan, root = load_plan(name), native_folder(source)
    released = list(read_released(plan, root)) if check or fill else []
    corpus = load_corpus(plan, root, needed=not fill)
    if fill:
        corpus = fill_gaps(corpus, released)
    if check:
        _show(compare(plan, corpus, file) for file in released)
    if output is not None:
        rows = write_folds(plan, corpus, output)
        console.table(("fold", "train", "dev", "test", "single", "multi"), rows)


def _show(checks: Iterable[FoldCheck]) -> None:
    rows = []
    for one in checks:
        rows.append(
            (
                f"unseen_{one.unseen}_seed_{one.fold}/{one.split}",
                "the same" if one.same_labels else "OTHERS",
                *(f"{count:,}" for count in (one.both, one.ours, one.theirs)),
                " ".join(one.gaps),
            )
        )
    console.table(("released file", "labels", "in both", "only ours", "only there", "of"), rows)
