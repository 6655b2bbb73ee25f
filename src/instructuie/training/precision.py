"""Which arithmetic a device computes fast in."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional as F

_WORTH = 1.25
"""So many times as fast bf16 must be: casting weights and states costs something too."""


def uses_bf16(precision: str, device: str) -> bool:
    """What `auto` comes to on a device of this type; `fp32` and `bf16` are taken at their word.

    A run that goes on takes what it had before, as its manifest says.
    """
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _cpu_has_bf16() and _cpu_is_faster_in_bf16()


def _cpu_has_bf16() -> bool:
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


@cache
def _cpu_is_faster_in_bf16() -> bool:
    """Measured, in about 50 ms: some processors have the instructions and gain nothing by them."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        states, weight = torch.ones(256, 512, dtype=dtype), torch.ones(2048, 512, dtype=dtype)
        seconds[dtype] = min(_seconds(states, weight) for _ in range(6))
    return seconds[torch.float32] > _WORTH * seconds[torch.bfloat16]


def _seconds(states: torch.Tensor, weight: torch.Tensor) -> float:
    began = time.perf_counter()
    F.linear(states, weight)
    return time.perf_counter() - began
