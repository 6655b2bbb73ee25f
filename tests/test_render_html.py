from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from instructuie.render_html import render_page
from instructuie.types import (
    ArgumentItem,
    EntityItem,
    EventItem,
    Issue,
    MentionItem,
    RelationItem,
    Result,
)

EVIL = '<script>alert(1)</script> & "quoted" \' <img src=x onerror=alert(1)>'


class Reader(HTMLParser):
    """Reads a page back: the texts, the tags, what each mark covers."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.marks: list[tuple[dict[str, str | None], list[str]]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self._open: list[list[str]] = []
        self._in_text = False
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.links += [value for key, value in attrs if key == "href" and value]
        assert not any(key.startswith("on") for key in values)
        if tag == "p" and values.get("class") == "text":
            self._in_text = True
            self.texts.append("")
        if tag == "mark":
            self._open.append([])
            self.marks.append((values, self._open[-1]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "mark":
            self._open.pop()
        if tag == "p":
            assert not self._open
            self._in_text = False

    def handle_data(self, data: str) -> None:
        if self._in_text:
            self.texts[-1] += data
        for pieces in self._open:
            pieces.append(data)


def entity(text: str, start: int, end: int, label: str = "x") -> EntityItem:
    return EntityItem(start, end, text[start:end], label, 0.5)


def full_result(text: str, label: str) -> Result:
    head, tail = MentionItem(0, 5, text[:5], label), MentionItem(6, 10, text[6:10])
    argument = ArgumentItem(label, 11, 14, text[11:14], 0.25)
    return Result(
        text,
        (entity(text, 0, 5, label),),
        (RelationItem(label, head, tail, 0.75),),
        (EventItem(label, tail, (argument,), 0.5),),
        issues=(Issue("truncated", label),),
    )


def test_everything_is_escaped() -> None:
    page = render_page([full_result(EVIL, EVIL)], titles=[EVIL], labels=[EVIL])
    read = Reader(page)
    assert not {"script", "img"} & set(read.tags)
    assert read.texts == [EVIL]
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_links_lead_to_marks() -> None:
    read = Reader(render_page([full_result("Ann met Bob in Rome.", "x")] * 2))
    assert len(read.ids) == len(set(read.ids))
    assert {link.removeprefix("#") for link in read.links} <= set(read.ids)


spans = st.tuples(st.integers(0, 30), st.integers(1, 12), st.sampled_from("abcdefghijkl"))


@given(st.text(min_size=1, max_size=40), st.lists(spans, max_size=8))
def test_the_text_stays_and_every_span_is_marked(
    text: str, spans: list[tuple[int, int, str]]
) -> None:
    """Nested, crossing and equal spans alike: the pieces of a mark make up its span."""
    entities = tuple(
        entity(text, start, min(len(text), start + length), label)
        for start, length, label in spans
        if start < len(text)
    )
    read = Reader(render_page([Result(text, entities)]))
    (shown,) = read.texts
    assert len(shown) == len(text)
    assert all(a == b or b in " \ufffd" for a, b in zip(text, shown, strict=True))
    assert sorted(m["data-label"] or "" for m, _ in read.marks if "data-label" in m) == sorted(
        e.label for e in entities
    )
    covered = sum(len("".join(pieces)) for _, pieces in read.marks)
    assert covered == sum(e.end - e.start for e in entities)


def test_labels_beyond_the_colours_are_drawn_with_another_line() -> None:
    labels = [str(n) for n in range(10)]
    page = render_page([], labels=labels)
    assert 'class="chip c0 t0">0<' in page
    assert 'class="chip c1 t1">9<' in page
