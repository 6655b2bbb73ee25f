"""Prepared data -> the instances of each optimiser step, in an order that depends on the seed alone.

Every process sees the same steps and takes its part of each, so that what is learnt does not depend on
their number. `Step.after` is where a run goes on that has done the step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from random import Random

from instructuie.data.epoch import EpochSettings, auxiliary_of, epoch
from instructuie.data.instance import Instance, Sampler
from instructuie.data.mixture import Mixture
from instructuie.data.prepared import Prepared
from instructuie.errors import ConfigError
from instructuie.training.text.config import TextTraining
from instructuie.training.text.examples import Example, Layout, Writer

_HOPELESS = 5_000
"""After so many draws in a row that came to nothing, training would never begin."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream: before a pool of instances, with some of its steps done."""

    epoch: int = 0
    drawn: int = 0
    """Draws of the epoch before this pool."""
    pool: int = 0
    """The number of this pool."""
    used: int = 0
    """Steps of this pool that are done."""
    counts: dict[str, int] = field(default_factory=dict)
    """What was shortened or passed over before this pool, and how often."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one optimiser step learns from."""

    examples: Sequence[Example]
    after: Position


class Draws:
    """The instances of a configuration from any place on: passes over the data, or a mixture."""

    def __init__(self, prepared: Prepared, config: TextTraining) -> None:
        self.prepared, self.config = trainable(prepared), config
        self.settings = EpochSettings(
            seed=config.train.seed,
            auxiliary=auxiliary_of(prepared),
            sampler=None
            if config.options is None
            else Sampler(config.options, aliases=config.aliases),
        )

    def instances(self, number: int, skip: int) -> Iterator[tuple[str, Instance | None]]:
        """Those of epoch `number` but for the first `skip`; a mixture has only one endless epoch."""
        if self.config.mixture is not None:
            mixture = Mixture(self.prepared, self.config.mixture, seed=self.config.train.seed)
            mixture.skip(skip)
            yield from mixture
        yield from islice(epoch(self.prepared, replace(self.settings, epoch=number)), skip, None)

    def from_position(self, position: Position) -> Iterator[tuple[int, int, str, Instance | None]]:
        """Epoch, draws of it up to here, data set and instance."""
        skip = position.drawn
        for number in count(position.epoch):
            drawn = skip
            for dataset, instance in self.instances(number, skip):
                drawn += 1
                yield number, drawn, dataset, instance
            if not drawn:
                raise ConfigError(
                    "the data hold no train split to learn from: prepare or mix other data sets"
                )
            skip = 0

    def steps(self) -> int:
        """Steps of the whole run; epochs are counted in instances of the first."""
        train = self.config.train
        if train.steps:
            return train.steps
        instances = sum(1 for _ in self.instances(0, 0))
        return max(1, round(train.epochs * instances / train.batch_size))


def trainable(prepared: Prepared) -> Prepared:
    """Without the data sets that are kept for zero-shot tests, whatever splits they come with."""
    datasets = prepared.header["datasets"]
    kept = {n: i for n, i in prepared.inventories.items() if datasets[n]["use"] == "train"}
    return replace(prepared, inventories=kept)


class Steps:
    """An endless stream of steps from a position on."""

    def __init__(self, draws: Draws, writer: Writer, position: Position) -> None:
        self.draws, self.writer, self.position = draws, writer, position
        self.train = draws.config.train

    def __iter__(self) -> Iterator[Step]:
        position = self.position
        draws = self.draws.from_position(position)
        while True:
            examples, following = self._pool(draws, position)
            steps = self._cut(examples, position.pool)
            for used, step in enumerate(steps, start=1):
                if used > position.used:
                    done = following if used == len(steps) else replace(position, used=used)
                    yield Step(step, done)
            position = following

    def _pool(
        self, draws: Iterator[tuple[int, int, str, Instance | None]], position: Position
    ) -> tuple[list[Example], Position]:
        """Enough examples for `bucket` steps, and the position after them."""
        examples: list[Example] = []
        counts = Counter(position.counts)
        size = self.train.bucket * self.train.batch_size
        for tries, (number, drawn, dataset, instance) in enumerate(draws):
            if not examples and tries >= _HOPELESS:
                raise ConfigError(
                    f"no instance could be used in {tries:,} draws ({dict(counts)}): check "
                    "model.max_source_tokens, model.max_target_tokens and the data"
                )
            if instance is None:
                continue
            rng = Random(f"{self.train.seed}:{number}:{drawn}:write")
            example = self.writer.write(dataset, instance, rng, counts)
            if example is not None:
                examples.append(example)
            if len(examples) == size:
                following = Position(number, drawn, position.pool + 1, 0, _positive(counts))
                return examples, following
        raise AssertionError("draws never end")

    def _cut(self, examples: list[Example], pool: int) -> list[list[Example]]:
        """Steps of about equally long examples, in random order."""
        size = self.train.batch_size
        if self.train.bucket > 1:
            layout = self.writer.layout(pack=self.train.pack)
            examples = sorted(examples, key=layout.order)
        steps = [examples[at : at + size] for at in range(0, len(examples), size)]
        Random(f"{self.train.seed}:{pool}:steps").shuffle(steps)
        return steps


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {reason: number for reason, number in sorted(counts.items()) if number}


def divide(
    examples: Sequence[Example], tokens: int, layout: Layout, *, processes: int
) -> list[list[Example]]:
    """Parts of a step, longest examples first, each at most `tokens` with padding; a single longer
    example is a part of its own.

    Their number is a multiple of `processes`, as all of these must do equally many; where there are
    not enough examples, some parts are empty.
    """
    parts: list[list[Example]] = []
    for example in sorted(examples, key=layout.order, reverse=True):
        if not parts or layout.size([*parts[-1], example]) > tokens:
            parts.append([])
        parts[-1].append(example)
    while len(parts) % processes:
        largest = max(range(len(parts)), key=lambda at: len(parts[at]))
        part = parts[largest]
        half = (len(part) + 1) // 2
        if len(part) > 1:
            parts[largest : largest + 1] = [part[:half], part[half:]]
        else:
            parts.append([])
    return parts
