"""Which demonstrations a training prompt gets (see `codec.demonstrations`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from instructuie.codec.demonstrations import demonstrated
from instructuie.codec.formats import PlainFormat
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
                found[record.text] = demonstrated(PlainFormat(), asked.prompt, asked.target)
        return list(found.values())
