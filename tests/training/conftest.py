from __future__ import annotations

from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Results do not depend on the machine, and tiny models are fastest so."""
    import torch

    torch.set_num_threads(1)
