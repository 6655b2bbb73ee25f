"""Which arithmetic a device computes fast in."""

from __future__ import annotations

from pathlib import Path

import torch


def uses_bf16(precision: str, device: str) -> bool:
    """What `auto` comes to on a device of this type; `fp32` and `bf16` are taken at their word."""
    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Without bf16 arithmetic a CPU is three times slower in bf16 than in fp32.
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and _cpu_has_bf16()


def _cpu_has_bf16() -> bool:
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
