"""Results for people to read: the text with coloured spans, then a list of the items."""

from __future__ import annotations

import shutil
from io import StringIO
from itertools import cycle

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from instructuie.cli.console import Output, harmless
from instructuie.cli.inputs import Document
from instructuie.schema import Schema
from instructuie.types import Result

_COLOURS = ("#56b4e9", "#e69f00", "#2fbf95", "#f0e442", "#cc79a7", "#7fa8ff", "#e8794a", "#bbbbbb")
"""Colours that colour-blind readers can tell apart (after Okabe and Ito), all light: the text on
them is black."""


class PrettyWriter:
    """Coloured text, with the items and their scores below."""

    def __init__(self, output: Output, schema: Schema, *, colour: bool) -> None:
        self._output, self._colour, self._count = output, colour, 0
        names = (*schema.entity_names, *schema.event_names)
        self._styles = dict(zip(names, cycle(_COLOURS), strict=False))

    def begin(self) -> None: ...

    def write(self, document: Document, result: Result) -> None:
        lines = [Text("")] if self._count else []
        self._count += 1
        if document.id:
            lines.append(Text(harmless(document.id), "dim"))
        lines += [self._highlighted(result), *self._listed(result)]
        self._output.write(self._ansi(lines))

    def end(self) -> None: ...

    def _style(self, label: str) -> str:
        return f"black on {self._styles.get(label, _COLOURS[-1])}"

    def _highlighted(self, result: Result) -> Text:
        """The text; of nested spans the inner one is painted last, and so is seen."""
        text = Text(harmless(result.text).rstrip("\n"))
        spans = [(e.start, e.end, self._style(e.label)) for e in result.entities]
        for event in result.events:
            place = event.trigger
            spans.append((place.start, place.end, f"bold underline {self._style(event.label)}"))
        for start, end, style in sorted(spans, key=lambda span: span[0] - span[1]):
            text.stylize(style, start, end)
        return text

    def _listed(self, result: Result) -> list[Text]:
        rows = [_row(e.label, e.text, e.start, e.end, e.score) for e in result.entities]
        for r in result.relations:
            pair = f"{r.head.text} → {r.tail.text}"
            rows.append(_row(r.label, pair, r.head.start, r.head.end, r.score))
        for event in result.events:
            t = event.trigger
            rows.append(_row(event.label, t.text, t.start, t.end, event.score))
            rows += [_row(f"  {a.role}", a.text, a.start, a.end, a.score) for a in event.arguments]
        widths = (_widest(rows, 0, 30), _widest(rows, 1, 40))
        lines = [self._line(row, widths) for row in rows]
        lines += [Text(f"  {i.kind}: {harmless(i.message)}", "yellow") for i in result.issues]
        return lines or [Text("  nothing found", "dim")]

    def _line(self, row: _Row, widths: tuple[int, int]) -> Text:
        label, what, place = row
        style = self._style(label) if label in self._styles else "bold"
        line = Text.assemble("  ", (label, style), " " * (widths[0] - cell_len(label)))
        line.append("  ").append(what).append(" " * (widths[1] - cell_len(what)))
        return line.append("  ").append(place, "dim")

    def _ansi(self, lines: list[Text]) -> str:
        console = Console(
            file=StringIO(),
            force_terminal=self._colour,
            color_system="auto" if self._colour else None,
            width=shutil.get_terminal_size().columns,
            highlight=False,
        )
        with console.capture() as captured:
            for line in lines:
                console.print(line, soft_wrap=not self._colour)
        return captured.get()


_Row = tuple[str, str, str]
"""Label, text, place and score: the three columns of the list."""


def _row(label: str, text: str, start: int, end: int, score: float) -> _Row:
    flat = " ".join(harmless(text).split())
    return harmless(label), flat, f"{score:.2f}  {start}:{end}"


def _widest(rows: list[_Row], column: int, limit: int) -> int:
    return min(limit, max((cell_len(row[column]) for row in rows), default=0))
