"""What all tests share: the native data sets, where they are at hand, and how Hypothesis runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is not a failure; in CI the examples are the same each time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of native data sets: `INSTRUCTUIE_DATA`, or `../shared/data/raw` if it is there."""
    named = os.environ.get("INSTRUCTUIE_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    for root in (folder / "raw", folder):
        if root.is_dir():
            return root
    pytest.skip(f"no native data sets: {folder} is not a folder (set INSTRUCTUIE_DATA)")
