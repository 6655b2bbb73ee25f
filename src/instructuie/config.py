"""TOML files -> typed dataclasses, checked key by key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import dacite

from instructuie.errors import ConfigError

ConfigT = TypeVar("ConfigT")


def load_config(kind: type[ConfigT], path: Path, overrides: Sequence[str] = ()) -> ConfigT:
    """Read a TOML file into the dataclass `kind`; raises ConfigError that names the file and the key."""
    return make_config(kind, read_values(path, overrides), source=str(path))


def read_values(path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The tables of a TOML file.

    `overrides` are `table.key=value` with a TOML value, as given on the command line. Raises
    ConfigError that names the file.
    """
    try:
        row = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from error
    for override in overrides:
        _override(row, override)
    return row


def make_config(kind: type[ConfigT], row: Mapping[str, Any], *, source: str) -> ConfigT:
    """A dataclass from plain values; unknown keys and wrong types raise ConfigError."""
    try:
        return dacite.from_dict(kind, row, dacite.Config(strict=True, cast=[tuple, float]))
    except (ConfigError, dacite.DaciteError, ValueError, TypeError) as error:
        raise ConfigError(f"{source}: {error}") from error


def _override(row: dict[str, Any], override: str) -> None:
    key, _, value = override.partition("=")
    *tables, last = key.strip().split(".")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"--set {override}: expected table.key=value with a TOML value "
            f"(quote strings: train.precision='\"fp32\"'): {error}"
        ) from error
    for table in tables:
        row = row.setdefault(table, {})
        if not isinstance(row, dict):
            raise ConfigError(f"--set {override}: {table} is a value, not a table: {row!r}")
    row[last] = parsed
