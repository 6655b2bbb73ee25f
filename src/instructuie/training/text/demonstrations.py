"""Few-shot demonstrations: solved examples before the prompt that is asked.

Each is a whole prompt with its own options and the answer behind the cue, so that it is right whatever
options were drawn for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from instructuie.codec import verbalize
from instructuie.data.instance import Instance, plain_instances
from instructuie.data.prepared import Prepared
from instructuie.tasks import find_task


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Draws solved examples from the train split of the instance's own data set, never its own text."""

    prepared: Prepared
    count: int
    split: str = "train"
    _tries: int = field(default=4)

    def draw(self, dataset: str, instance: Instance, rng: Random) -> list[str]:
        """At most `count`, in random order."""
        task = find_task(instance.prompt.task.name)
        records = self.prepared.records.get(dataset, {}).get(self.split, ())
        inventory = self.prepared.inventories[dataset]
        found: dict[str, str] = {}
        for _ in range(self._tries * self.count if records else 0):
            if len(found) == self.count:
                break
            record = records[rng.randrange(len(records))]
            if record.text == instance.prompt.text or record.text in found:
                continue
            asked = next(iter(plain_instances(record, task, inventory)), None)
            if asked is not None:
                found[record.text] = solved(asked)
        return list(found.values())


def solved(instance: Instance) -> str:
    """A prompt with its answer."""
    return f"{instance.prompt.plain()} {verbalize(instance.prompt.task.name, instance.target)}"


def with_demonstrations(
    prompt: str, solved: Sequence[str], limit: int, length: Callable[[str], int]
) -> tuple[str, int]:
    """The prompt behind as many demonstrations as `limit` tokens have room for, and how many have
    none."""
    omitted = 0
    whole = prompt
    for demonstration in solved:
        longer = f"{demonstration}\n\n{whole}"
        if length(longer) <= limit:
            whole = longer
        else:
            omitted += 1
    return whole, omitted
