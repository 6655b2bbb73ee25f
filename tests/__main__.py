"""Everything that must pass, in the environment of the Python that runs it: `python -m tests`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

CHECKS = (
    (str(BIN / "ruff"), "check", "."),
    (str(BIN / "ruff"), "format", "--check", "."),
    (str(BIN / "mypy"),),
    (str(BIN / "lint-imports"),),
    # Last, so that the output ends with the summary of the tests.
    (sys.executable, "-m", "pytest", "-q"),
)


def main() -> int:
    """Run the checks in turn; the exit status of the first that fails, or 0."""
    for command in CHECKS:
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
