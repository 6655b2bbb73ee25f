"""What a run was made of, and whether a checkpoint belongs to the run that wants to go on from it."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import instructuie
from instructuie.data.prepared import Prepared
from instructuie.errors import ConfigError
from instructuie.training.folders import find_checkpoint, read_about

_PACKAGES = ("torch", "transformers", "tokenizers", "peft", "accelerate", "deepspeed")
_FREE = frozenset({"train.log_every", "train.checkpoint_every", "train.threads"})
"""Settings that a run may change when it goes on: they do not change what is learnt."""

DEV = ("train.dev", "train.dev_every", "train.dev_limit")
"""Settings of dev scores, which change nothing either where these do not end a run."""


def make_manifest(
    config: Mapping[str, Any],
    prepared: Prepared,
    device: torch.device,
    *,
    bf16: bool,
    processes: int = 1,
) -> dict[str, Any]:
    """The resolved config, the data's fingerprint, versions and machine, as JSON values."""
    return {
        "config": dict(config),
        "precision": "bf16" if bf16 else "fp32",
        "data": {"fingerprint": prepared.fingerprint, "datasets": prepared.header["datasets"]},
        "versions": {"instructuie": instructuie.__version__, **_versions()},
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.machine(),
        "threads": torch.get_num_threads(),
        "processes": processes,
    }


def find_own_checkpoint(
    output: Path, manifest: Mapping[str, Any], *, resume: bool, free: Collection[str] = ()
) -> Path | None:
    """The checkpoint in a run's folder to go on from. Raises ConfigError where it is of another run
    (see `check_same_run`), or where `resume` is false and there is one."""
    checkpoint = find_checkpoint(output / "checkpoint")
    if checkpoint is None:
        return None
    if not resume:
        raise ConfigError(f"{output} holds a checkpoint: resume it, or choose another folder")
    check_same_run(read_about(checkpoint), manifest, output, free=free)
    return checkpoint


def kept_precision(output: Path, precision: str) -> str:
    """The precision that a run in this folder has computed in, else `precision`: where that is `auto`,
    a run must not change it half-way."""
    checkpoint = find_checkpoint(output / "checkpoint")
    if checkpoint is None or precision != "auto":
        return precision
    return str(read_about(checkpoint).get("precision", precision))


def check_same_run(
    checkpoint: Mapping[str, Any],
    manifest: Mapping[str, Any],
    folder: Path,
    *,
    free: Collection[str] = (),
) -> None:
    """Raise ConfigError when `checkpoint` (its manifest) comes from other settings or other data.

    `free` names further settings, as `table.key`, that may differ.
    """
    kept, now = _flat(checkpoint["config"]), _flat(manifest["config"])
    differ = [
        f"{key} is {_shown(now, key)}, was {_shown(kept, key)}"
        for key in sorted(kept.keys() | now.keys())
        if kept.get(key, _ABSENT) != now.get(key, _ABSENT) and key not in _FREE and key not in free
    ]
    before, after = checkpoint["data"]["fingerprint"], manifest["data"]["fingerprint"]
    if before != after:
        differ.append(f"the data's fingerprint is {after[:12]}, was {before[:12]}")
    if checkpoint["data"].get("written") != manifest["data"].get("written"):
        differ.append("the hand-written texts (mixture.written) are not the same")
    processes = (checkpoint.get("processes", 1), manifest.get("processes", 1))
    if processes[0] != processes[1]:
        differ.append(f"processes are {processes[1]}, were {processes[0]}")
    if differ:
        raise ConfigError(
            f"{folder} holds a checkpoint of another run: {'; '.join(differ)}. Train as it was begun, "
            "or into another folder"
        )


class _Absent:
    pass


_ABSENT = _Absent()


def _shown(values: Mapping[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "absent"


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(row, prefix))


def _leaves(row: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        elif not (isinstance(value, Mapping) or value is None):
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
