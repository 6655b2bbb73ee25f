"""Wall time and peak memory of the import and of one text on the command line; size of the install.

Every run is a fresh process of the given Python; the median is what counts. The measuring process
stays small, since a child's peak memory can never read lower than its parent's at the fork.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import environment

TEXT = "Steve Jobs founded Apple in Cupertino."
QUESTION = ["--entities", "person,organization,location", "--relations", "founded by"]
HEAVY = ("torch", "transformers", "onnxruntime")
IMPORT = f"""
import json, sys, time
begin = time.perf_counter()
import instructuie
seconds = time.perf_counter() - begin
print(json.dumps([seconds, [name for name in {HEAVY} if name in sys.modules]]))
"""
VERSIONS = f"""
import json
from importlib.metadata import PackageNotFoundError, version
found = {{}}
for name in {environment.PACKAGES}:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        found[name] = None
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process."""

    seconds: float
    peak: float
    """MB of memory that it held at most."""
    output: str


def main() -> None:
    args = _arguments()
    python = str(args.python)
    extract = [python, "-m", "instructuie", "extract", TEXT, *QUESTION]
    if args.model:
        extract += ["--model", str(args.model)]
    commands = {
        "python": [python, "-c", "pass"],
        "import": [python, "-c", IMPORT],
        "extract": extract,
    }
    runs = measure(commands, args.runs)
    inside = [json.loads(run.output) for run in runs["import"]]
    result: dict[str, Any] = {
        **environment.environment(()),
        "runs": args.runs,
        "text": TEXT,
        "options": QUESTION,
        "import": {
            "seconds": round(statistics.median(seconds for seconds, _ in inside), 3),
            "loads": sorted({name for _, names in inside for name in names}),
        },
        "processes": {name: summary(rows) for name, rows in runs.items()},
    }
    result["versions"] |= json.loads(run_once([python, "-c", VERSIONS]).output)
    if args.venv:
        result["install"] = install_size(args.venv)
    for name, row in result["processes"].items():
        print(f"{name}: {row['seconds']} s, {row['peak_mb']} MB")
    print(f"import instructuie: {result['import']['seconds']} s")
    environment.write(args.output, result)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--python", type=Path, default=Path(sys.executable), help="of the install to be measured")
    add("--venv", type=Path, help="a virtual environment with nothing but a core install: its size")
    add("--model", type=Path, help="an exported model (default: the built-in one)")
    add("--runs", type=int, default=9)
    add("--output", type=Path, default=Path(__file__).parent / "results" / "startup.json")
    return parser.parse_args()


def measure(commands: dict[str, list[str]], count: int) -> dict[str, list[Run]]:
    """All commands in turn, `count` times, after one round that is not counted (it warms the disk)."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for repeat in range(count + 1):
        for name, command in commands.items():
            run = run_once(command)
            if repeat:
                runs[name].append(run)
    return runs


def run_once(command: list[str]) -> Run:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} stopped with exit status {process.returncode}; see above")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return Run(seconds, usage.ru_maxrss * unit / 1e6, output)


def summary(runs: list[Run]) -> dict[str, float]:
    return {
        "seconds": round(statistics.median(run.seconds for run in runs), 3),
        "slowest_seconds": round(max(run.seconds for run in runs), 3),
        "peak_mb": round(statistics.median(run.peak for run in runs), 1),
    }


def install_size(venv: Path) -> dict[str, Any]:
    """Blocks on disk, in MB: of the whole environment, without pip, and of its largest packages."""
    packages: dict[str, float] = {}
    for site in venv.glob("lib*/**/site-packages"):
        if not site.parent.is_symlink() and not site.parent.parent.is_symlink():
            for entry in site.iterdir():
                packages[entry.name] = packages.get(entry.name, 0.0) + _megabytes(entry)
    largest = sorted(packages.items(), key=lambda row: -row[1])[:10]
    tools = sum(mb for name, mb in packages.items() if name.split("-")[0] in ("pip", "setuptools"))
    whole = _megabytes(venv)
    return {
        "whole_mb": round(whole, 1),
        "without_pip_mb": round(whole - tools, 1),
        "largest_mb": {name: round(mb, 1) for name, mb in largest},
    }


def _megabytes(path: Path) -> float:
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return float(sum(file.lstat().st_blocks for file in [path, *files])) * 512 / 1e6


if __name__ == "__main__":
    main()
