"""The learning rate of each step, as a factor on the highest rate."""

from __future__ import annotations

import math


def rate_factor(schedule: str, step: int, *, warmup: int, steps: int) -> float:
    """Between 0 and 1, for `step` counted from 0: a linear warm-up, then what `schedule` says."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule == "constant":
        return 1.0
    done = (step - warmup) / max(steps - warmup, 1)
    if schedule == "linear":
        return 1.0 - done
    return 0.5 * (1.0 + math.cos(math.pi * done))
