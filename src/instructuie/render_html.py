"""Results as one HTML page: highlighted spans, relations and events, in light and dark.

The page needs no network and runs no script. Everything that comes from a text or a label is
escaped, and a content policy in the page forbids scripts besides. The text in the page is the text
that was read, character by character: labels are drawn beside it by the style sheet.

    Path("page.html").write_text(render_page([result]), encoding="utf-8")
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from instructuie.types import ArgumentItem, EventItem, MentionItem, RelationItem, Result

COLOURS = 8
"""How many colours the style sheet has; labels beyond them come round again with another line."""


def render_page(
    results: Iterable[Result], *, titles: Sequence[str] = (), labels: Sequence[str] = ()
) -> str:
    """The whole page. `titles` stand above the texts; `labels` fixes which label comes first."""
    page = Page(labels=labels)
    names = iter(titles)
    articles = [page.article(result, title=next(names, "")) for result in results]
    return "".join([page.begin(), *articles, page.end()])


@dataclass(frozen=True, slots=True)
class _Mark:
    """A highlighted place; `kind` is entity, trigger, or mention (something points at it)."""

    start: int
    end: int
    kind: str
    label: str = ""
    score: float | None = None


class Page:
    """A page written piece by piece, so that long outputs need not be held in memory."""

    def __init__(self, *, labels: Iterable[str] = ()) -> None:
        self._numbers: dict[str, int] = {}
        self._articles = 0
        for label in labels:
            self._number(label)

    def begin(self) -> str:
        """The head of the page, with the colours of the labels known so far."""
        style = resources.files("instructuie").joinpath("assets", "page.css")
        legend = "".join(self._chip(label) for label in self._numbers)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<title>Extraction results</title>\n"
            f"<style>\n{style.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
            f'<header><h1>Extraction results</h1><p class="legend">{legend}</p></header>\n<main>\n'
        )

    def article(self, result: Result, *, title: str = "") -> str:
        """One text with all that was found in it."""
        self._articles += 1
        heading = f"<h2>{_safe(title)}</h2>\n" if title else ""
        parts = [
            self._relations(result.relations),
            "".join(self._event(event) for event in result.events),
            _issues(result),
        ]
        body = "".join(part for part in parts if part)
        text = f'<p class="text" dir="auto">{self._text(result)}</p>\n'
        return f"<article>\n{heading}{text}{body}</article>\n"

    def end(self) -> str:
        """The end of the page."""
        return "</main>\n</body>\n</html>\n"

    def _number(self, label: str) -> int:
        return self._numbers.setdefault(label, len(self._numbers))

    def _classes(self, label: str) -> str:
        turn, colour = divmod(self._number(label), COLOURS)
        return f"c{colour} t{turn % 3}"

    def _chip(self, label: str) -> str:
        return f'<span class="chip {self._classes(label)}">{_safe(label)}</span>'

    def _anchor(self, start: int, end: int) -> str:
        return f"m{self._articles}-{start}-{end}"

    def _text(self, result: Result) -> str:
        """The text with its marks; where two marks cross, the later one is drawn in two pieces."""
        pieces: list[str] = []
        anchored: set[tuple[int, int]] = set()
        at, stack = 0, list[_Mark]()
        for place, opening in _borders(_marks(result)):
            pieces.append(_safe(result.text[at:place]))
            at = place
            closing = next((i for i, mark in enumerate(stack) if mark.end == place), len(stack))
            torn = [mark for mark in stack[closing:] if mark.end > place]
            pieces += ["</mark>"] * len(stack[closing:])
            del stack[closing:]
            for mark in torn + opening:
                first = (mark.start, mark.end) not in anchored
                anchored.add((mark.start, mark.end))
                pieces.append(self._open(mark, anchored=first, torn=mark in torn, stack=stack))
                stack.append(mark)
        return "".join([*pieces, _safe(result.text[at:])])

    def _open(self, mark: _Mark, *, anchored: bool, torn: bool, stack: list[_Mark]) -> str:
        cut = torn or any(outer.end < mark.end for outer in stack)
        classes = f"{mark.kind} {self._classes(mark.label)}" if mark.label else mark.kind
        attributes = f' id="{self._anchor(mark.start, mark.end)}"' if anchored else ""
        attributes += ' dir="auto"'
        if mark.label and not any(outer.end < mark.end for outer in stack):
            attributes += f' data-label="{_safe(mark.label)}"'
        if mark.score is not None:
            title = f"{mark.label}  {mark.score:.2f}  ({mark.start}:{mark.end})"
            attributes += f' title="{_safe(title.strip())}"'
        return f'<mark class="{classes}{" cut" if cut else ""}"{attributes}>'

    def _relations(self, relations: Sequence[RelationItem]) -> str:
        if not relations:
            return ""
        rows = "".join(
            f"<tr><td>{self._mention(r.head)}</td>"
            f'<td class="arrow">{_safe(r.label)}</td>'
            f"<td>{self._mention(r.tail)}</td><td>{_meter(r.score)}</td></tr>\n"
            for r in relations
        )
        return f'<table class="relations">\n{rows}</table>\n'

    def _event(self, event: EventItem) -> str:
        rows = "".join(
            f"<dt>{_safe(a.role)}</dt><dd>{self._mention(a)} {_meter(a.score)}</dd>"
            for a in event.arguments
        )
        head = f"{self._chip(event.label)} {self._mention(event.trigger)} {_meter(event.score)}"
        return f'<section class="event"><h3>{head}</h3><dl>{rows}</dl></section>\n'

    def _mention(self, item: MentionItem | ArgumentItem) -> str:
        """A mention outside its text; it links to its place there."""
        label = item.label if isinstance(item, MentionItem) else ""
        dot = f'<i class="dot {self._classes(label)}" title="{_safe(label)}"></i>' if label else ""
        text = _safe(" ".join(item.text.split()))
        return f'<a href="#{self._anchor(item.start, item.end)}" dir="auto">{dot}{text}</a>'


def _marks(result: Result) -> list[_Mark]:
    """Every place to mark, outer before inner: at the same place entities stand inside triggers."""
    marks = [
        _Mark(e.trigger.start, e.trigger.end, "trigger", e.label, e.score) for e in result.events
    ]
    marks += [_Mark(e.start, e.end, "entity", e.label, e.score) for e in result.entities]
    marked = {(mark.start, mark.end) for mark in marks}
    pointed = [end for r in result.relations for end in (r.head, r.tail)]
    places: list[MentionItem | ArgumentItem] = [*pointed]
    places += [argument for event in result.events for argument in event.arguments]
    for place in places:
        if (place.start, place.end) not in marked:
            marked.add((place.start, place.end))
            marks.append(_Mark(place.start, place.end, "mention"))
    return sorted(marks, key=lambda mark: (mark.start, -mark.end))


def _borders(marks: Sequence[_Mark]) -> Iterator[tuple[int, list[_Mark]]]:
    """Each place where a mark begins or ends, with the marks that begin there, outer first."""
    for place in sorted({mark.start for mark in marks} | {mark.end for mark in marks}):
        yield place, [mark for mark in marks if mark.start == place]


def _issues(result: Result) -> str:
    rows = "".join(f"<li><b>{_safe(i.kind)}</b> {_safe(i.message)}</li>" for i in result.issues)
    return f'<ul class="issues">{rows}</ul>\n' if rows else ""


def _meter(score: float) -> str:
    return f'<span class="score">{score:.2f}</span>'


def _safe(text: str) -> str:
    """Escaped for any place in the page, character by character.

    Characters that HTML cannot hold become `\\ufffd`, and carriage returns spaces.
    """
    if not text.isprintable():
        text = "".join(
            "\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" else c
            for c in text.replace("\r", " ")
        )
    return escape(text, quote=True)
