from __future__ import annotations

from importlib.util import find_spec

# These need the extra `train`; the rest of the folder is the light core.
collect_ignore_glob = [] if find_spec("torch") else ["test_model.py", "test_runtime.py"]
