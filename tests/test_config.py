from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from instructuie.config import load_config, make_config
from instructuie.errors import ConfigError
from instructuie.training.config import PointerTraining

SHIPPED = sorted((Path(__file__).parents[1] / "configs" / "train").glob("builtin*.toml"))


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    steps: int
    inner: Inner = field(default_factory=Inner)
    weights: Mapping[str, float] = field(default_factory=dict)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        'steps = 3\n[inner]\nrate = 1\nnames = ["a"]\n[weights]\n"x/NER" = 2\n', encoding="utf-8"
    )
    return path


def test_tables_become_dataclasses(file: Path) -> None:
    config = load_config(Outer, file)
    assert config == Outer(3, Inner(1.0, ("a",)), {"x/NER": 2})
    assert isinstance(config.inner.rate, float)


def test_overrides_take_toml_values(file: Path) -> None:
    config = load_config(Outer, file, ["steps=9", 'inner.names=["b", "c"]', "inner.rate = 0.25"])
    assert config == Outer(9, Inner(0.25, ("b", "c")), {"x/NER": 2})


@pytest.mark.parametrize("override", ["steps", "steps=", "steps=abc", "inner.names=b,c"])
def test_an_override_that_is_not_toml_is_an_error(file: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"expected table\.key=value with a TOML value"):
        load_config(Outer, file, [override])


@pytest.mark.parametrize(
    "override", ["typo=1", "inner.typo=1", "steps='x'", "inner.names=3", "steps.deep=1"]
)
def test_unknown_keys_and_wrong_types_are_errors_that_name_the_file(
    file: Path, override: str
) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml|steps"):
        load_config(Outer, file, [override])


@pytest.mark.parametrize("content", [b"steps = ", b"\xff", b"", b"[steps]"])
def test_a_broken_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bad\.toml"):
        load_config(Outer, path)


def test_an_absent_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        load_config(Outer, tmp_path / "absent.toml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_training_config_is_read(path: Path) -> None:
    assert load_config(PointerTraining, path).train.steps > 0


def test_there_are_shipped_configs() -> None:
    assert SHIPPED


@pytest.mark.parametrize(
    ("key", "value"),
    [("steps", 0), ("pool", 0), ("precision", "fp16"), ("decay", 1.5), ("log_every", 0)],
)
def test_values_out_of_range_are_named(key: str, value: object) -> None:
    row = {"model": {"encoder": "x"}, "train": {"steps": 1, key: value}}
    with pytest.raises(ConfigError, match=rf"train\.{key} is"):
        make_config(PointerTraining, row, source="test")
