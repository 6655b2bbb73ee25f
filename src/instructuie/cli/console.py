"""All that the command line writes: results, messages, the progress bar. Nothing else prints."""

from __future__ import annotations

import os
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import typer

from instructuie.errors import InstructUIEError

BROKEN_PIPE, INTERRUPTED = 141, 130
"""Exit statuses, as a shell reports SIGPIPE and SIGINT."""


class Output:
    """Where results go. Every write is flushed, so that what is done survives what comes after."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "replace"))
        self._stream.flush()


@contextmanager
def open_output(path: Path | None) -> Iterator[Output]:
    """The file at `path`, made anew, or standard output. Raises OSError where that fails."""
    if path is None:
        yield Output(sys.stdout.buffer)
        return
    with path.open("wb") as stream:
        yield Output(stream)


def say(text: str) -> None:
    """Prints a line on standard output."""
    Output(sys.stdout.buffer).write(f"{text}\n")


def error(message: str) -> None:
    """Prints an error message on standard error."""
    _tell("error", message, "31")


def note(message: str) -> None:
    """Prints a remark on standard error."""
    _tell("note", message, "36")


def _tell(kind: str, message: str, colour: str) -> None:
    head = f"\x1b[1;{colour}m{kind}:\x1b[0m" if coloured(sys.stderr) else f"{kind}:"
    sys.stderr.write(f"{head} {harmless(message)}\n")
    sys.stderr.flush()


def coloured(stream: Any) -> bool:
    """True when the stream is a terminal that shows colours (https://no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (
        is_terminal(stream) and os.environ.get("TERM") != "dumb"
    )


def is_terminal(stream: Any) -> bool:
    return stream is not None and not stream.closed and bool(stream.isatty())


def harmless(text: str) -> str:
    """The text with each control character that could steer a terminal shown as `\\ufffd`.

    Character by character, so that offsets stay true; a carriage return becomes a space.
    """
    if text.isprintable():
        return text
    return "".join(
        "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c
        for c in text.replace("\r", " ")
    )


@contextmanager
def guard() -> Iterator[None]:
    """Turns what can go wrong into one message and an exit status, without a traceback."""
    try:
        yield
    except InstructUIEError as problem:
        error(str(problem))
        raise typer.Exit(1) from problem
    except KeyboardInterrupt as problem:
        raise typer.Exit(INTERRUPTED) from problem
    except BrokenPipeError as problem:
        _close_stdout()
        raise typer.Exit(BROKEN_PIPE) from problem
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        error(f"{where}{problem.strerror or problem}")
        raise typer.Exit(1) from problem


def _close_stdout() -> None:
    """Points standard output nowhere, so that the interpreter's last flush fails quietly."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Bar:
    """A bar with rate and time left on standard error, for work that takes over a second.

    It counts bytes of input towards the end, and texts for the rate. It stays away where standard
    error is no terminal, or where results already run over the same screen.
    """

    def __init__(self, total: int | None, *, delay: float = 1.0, hidden: bool = False) -> None:
        self._total, self._delay = total, delay
        self._hidden = hidden or not is_terminal(sys.stderr)
        self._began = time.monotonic()
        self._size = self._texts = 0
        self._bar: Any = None

    def advance(self, size: int, texts: int = 1) -> None:
        """`texts` more texts are done, which took `size` bytes of the input."""
        self._size, self._texts = self._size + size, self._texts + texts
        seconds = time.monotonic() - self._began
        if self._hidden or seconds < self._delay:
            return
        if self._bar is None:
            self._bar = _rich_bar(self._total)
            self._bar.start()
        counted = f"{self._texts:,} texts, {self._texts / seconds:,.1f}/s"
        self._bar.update(self._bar.task_ids[0], completed=self._size, counted=counted)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _rich_bar(total: int | None) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[counted]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=True,
    )
    bar.add_task("", total=total, counted="")
    return bar


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints rows of text under their heads; piped, as tab-separated values."""
    if not is_terminal(sys.stdout):
        say("\n".join("\t".join(row) for row in (head, *rows)))
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table(*head, header_style="bold")
    for row in rows:
        grid.add_row(*(harmless(cell) for cell in row))
    Console().print(grid)


class StepBar:
    """A bar over training steps on standard error; plain lines now and then where it is no terminal."""

    def __init__(self, total: int) -> None:
        self._total = total

    def __enter__(self) -> StepBar:
        from rich.console import Console
        from rich.progress import BarColumn as Line
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            Line(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not is_terminal(sys.stderr),
        )
        self._task = self._progress.add_task("", total=self._total, loss="")
        self._progress.start()
        return self

    def advance_to(self, step: int, *, of: int | None = None, loss: float | None) -> None:
        """`of` corrects the total, for runs that learn it from their data."""
        self._total = of or self._total
        self._progress.update(self._task, completed=step, total=self._total)
        if loss is not None:
            self._progress.update(self._task, loss=f"loss {loss}")
        if self._progress.disable and loss is not None and step % 100 == 0:
            note(f"step {step} of {self._total}, loss {loss}")

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
