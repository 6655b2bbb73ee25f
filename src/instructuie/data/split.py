"""Split rules: where train, dev and test of a data set come from (paper, sections 2.3 and 6.1).

A cut keeps every record, puts each into one split in its old order, and never parts records of equal
text. One seed, one cut. Documents are cut before they are made into passages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from instructuie.data.card import Card, SplitRule
from instructuie.data.record import Record
from instructuie.errors import DataError

SEED = 0
"""The seed of the splits that the package itself cuts; scores on other cuts do not compare."""


@dataclass(frozen=True, slots=True)
class Cut:
    """How one native split becomes several."""

    wanted: tuple[str, ...]
    """The splits that the source must have, no others."""
    source: str
    """The one that is cut; it keeps what goes to no other."""
    made: Callable[[int], Mapping[str, int]]
    """The size of that one -> the size of each split that is taken from it."""

    def splits(self) -> tuple[str, ...]:
        """The splits that come from the one that is cut."""
        return (self.source, *self.made(0))

    def apply(self, records: Sequence[Record], *, seed: int = SEED) -> dict[str, list[Record]]:
        return cut(records, self.made(len(records)), self.source, Random(f"{seed}:split"))


def _tenths(count: int) -> dict[str, int]:
    """Sizes as in Table 7: of ADE's 4,272 sentences 3,417 are for training, 427 dev, 428 test."""
    return {"dev": count // 10, "test": count - count * 8 // 10 - count // 10}


_CUTS: Mapping[SplitRule, Cut] = {
    "8:1:1": Cut(("train",), "train", _tenths),
    "half of dev": Cut(("train", "dev"), "dev", lambda count: {"test": count // 2}),
}
"""The other rules take the splits as they are given. Of CrossNER, the card's `use` says that nothing
is trained on it; each fold is a data set of its own, see `data/folds.py`."""


def cut_of(card: Card) -> Cut | None:
    """The cut that a card asks for; None where its splits are complete.

    Raises DataError when the rule does not fit the splits of the card.
    """
    rule = _CUTS.get(card.split_rule)
    if rule is None or "test" in card.splits:
        return None
    if set(card.splits) != set(rule.wanted):
        raise DataError(
            f"the split rule {card.split_rule!r} cuts {' and '.join(rule.wanted)}, but [splits] has "
            f"{', '.join(card.splits) or 'none'}: list what is missing, or change `split_rule`",
            path=f"{card.name}.toml",
        )
    return rule


def split_names(card: Card) -> tuple[str, ...]:
    """The splits that a data set has once its rule is applied."""
    rule = cut_of(card)
    return tuple(dict.fromkeys([*card.splits, *(rule.splits() if rule else ())]))


def native_split(card: Card, split: str) -> str:
    """The split of the source whose files `split` is read from."""
    rule = cut_of(card)
    return rule.source if rule and split in rule.splits() else split


def cut(
    records: Sequence[Record], sizes: Mapping[str, int], rest: str, rng: Random
) -> dict[str, list[Record]]:
    """At most `sizes` records for each split named there, in random choice, all others for `rest`.

    The sizes come out exactly where no two records share a text.
    """
    groups: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        groups.setdefault(record.text, []).append(index)
    order = list(groups.values())
    rng.shuffle(order)
    room = dict(sizes)
    chosen: dict[str, list[int]] = {rest: [], **{split: [] for split in sizes}}
    for group in order:
        split = next((split for split, left in room.items() if left >= len(group)), rest)
        chosen[split] += group
        if split != rest:
            room[split] -= len(group)
    return {split: [records[index] for index in sorted(own)] for split, own in chosen.items()}
