"""What a score travels with: everything that has to be equal for two numbers to be comparable."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from instructuie.evaluation.items import GIVEN
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.rules import find_rule
from instructuie.tasks import TaskName
from instructuie.types import Mention

SHOWN = 12
"""How many digits of a fingerprint the line shows; the dictionary has them all."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Rule, unit and data of a score, and the system that it is of.

    `str(signature)` is one line such as
    `rule:strict|task:NER|unit:entity|given:nothing|measure:F1|data:0f3a…|seed:0|version:0.2.0`.
    """

    rule: str
    task: TaskName
    unit: str
    given: str
    """What the prompt gave of the gold answer, beside text and options."""
    measure: str
    data: str
    """The fingerprint of texts and gold items."""
    version: str
    """Of this package."""
    predictor: str = ""
    """The system, as its run names it."""
    seed: int | None = None
    """Of the predictions; None where nothing was drawn."""

    @classmethod
    def of(
        cls,
        rule: str,
        task: TaskName,
        unit: str,
        *,
        data: str,
        predictor: str = "",
        seed: int | None = None,
    ) -> Signature:
        """The signature of a score that this version computes; raises ConfigError for the rule."""
        from instructuie import __version__

        return cls(
            rule=rule,
            task=task,
            unit=unit,
            given=GIVEN[task],
            measure=find_rule(rule).measure_of(task).name,
            data=data,
            version=__version__,
            predictor=predictor,
            seed=seed,
        )

    def __str__(self) -> str:
        row = {**self.to_dict(), "data": self.data[:SHOWN]}
        return "|".join(f"{key}:{_safe(value)}" for key, value in row.items())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is left out."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Signature:
        """The inverse of `to_dict`. Raises TypeError for keys that are missing or unknown."""
        return cls(**row)

    def differences(self, other: Signature) -> list[str]:
        """Why the two scores cannot be compared, one reason each; none when they can.

        The system and its seed may differ, that is what one compares.
        """
        mine, yours = asdict(self), asdict(other)
        return [
            f"{key}: {_short(mine[key])} and {_short(yours[key])}"
            for key in ("rule", "task", "unit", "given", "measure", "data", "version")
            if mine[key] != yours[key]
        ]


def fingerprint(predictions: Iterable[Prediction]) -> str:
    """SHA-256 of what was asked: the texts with their gold items, not the answers.

    The order of the predictions makes no difference.
    """
    rows = sorted(_digest(prediction) for prediction in predictions)
    return hashlib.sha256(b"".join(rows)).hexdigest()


def _digest(prediction: Prediction) -> bytes:
    gold = prediction.gold
    asked = (
        *(prediction.dataset, prediction.task, prediction.split, prediction.id, prediction.text),
        [(e.label, *_mention(e.mention)) for e in gold.entities],
        [(r.label, _mention(r.head), _mention(r.tail)) for r in gold.relations],
        [
            (e.label, _mention(e.trigger), [(a.role, *_mention(a.mention)) for a in e.arguments])
            for e in gold.events
        ],
        prediction.gold_completion,
    )
    # ASCII, as what counts as printable differs from one version of Python to the next.
    return hashlib.sha256(ascii(asked).encode()).digest()


def _mention(mention: Mention) -> tuple[str, int, int] | tuple[str]:
    span = mention.span
    return (mention.text, span.start, span.end) if span else (mention.text,)


def _short(value: object) -> str:
    """A fingerprint need not be whole to be seen to differ."""
    shown = str(value or "none")
    return f"{shown[:SHOWN]}…" if len(shown) == 64 else shown


def _safe(value: object) -> str:
    """No bar within a value, since bars separate them."""
    return str(value).replace("|", "/").replace("\n", " ")
