"""Column files: every layout and tag scheme against entities written out by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.data.card import Card, load_cards
from instructuie.data.readers.columns import (
    Scheme,
    parse_tag,
    read_columns,
    read_parallel,
    spans_of,
)
from instructuie.data.record import Record
from instructuie.errors import DataError

FIXTURES = Path(__file__).parent / "fixtures" / "columns"


def found(records: list[Record]) -> list[list[tuple[str, str]]]:
    for record in records:
        record.check()
    return [[(e.label, e.mention.text) for e in record.gold.entities] for record in records]


def write(folder: Path, *lines: str) -> Path:
    path = folder / "file.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestLayouts:
    def test_conll_with_four_columns_and_docstart(self) -> None:
        records = list(read_columns(FIXTURES / "four_columns.txt", tag_column=3))
        assert [record.text for record in records] == ["Oslo Bergen is wet.", "Ada Lovelace Acme"]
        assert found(records) == [
            [("LOC", "Oslo"), ("LOC", "Bergen")],
            [("PER", "Ada Lovelace"), ("ORG", "Acme")],
        ]

    def test_records_know_their_place_in_the_file(self) -> None:
        records = list(read_columns(FIXTURES / "four_columns.txt", tag_column=3))
        assert [r.source for r in records] == ["four_columns.txt:3", "four_columns.txt:11"]

    def test_tab_separated_bio_with_words_cut_at_hyphens(self) -> None:
        path = FIXTURES / "tab_bio.tsv"
        records = list(read_columns(path, separator="tab", glue=["-", "/"]))
        assert records[0].text == "Aspirin-induced asthma (severity 0.5)."
        assert found(records)[0] == [("Chemical", "Aspirin"), ("Disease", "asthma")]
        assert found(records)[1] == [("Disease", "rash")]

    def test_comments_and_crlf(self) -> None:
        path = FIXTURES / "comments_crlf.conll"
        records = list(read_columns(path, tag_column=3, comment="# id"))
        assert [record.text for record in records] == ["the red river", "#1"]
        assert found(records) == [[("Film", "red river")], []]

    def test_tag_before_token(self) -> None:
        records = list(read_columns(FIXTURES / "tag_first.bio", token_column=1, tag_column=0))
        assert records[0].text == "films by ann lee"
        assert found(records) == [[("DIRECTOR", "ann lee")]]

    def test_nested_layers_keep_every_entity_once(self) -> None:
        records = list(read_columns(FIXTURES / "nested.iob2", separator="tab", tag_column=[1, 2]))
        assert found(records) == [[("protein", "IL 2"), ("DNA", "IL 2 gene")]]
        twice = list(read_columns(FIXTURES / "nested.iob2", separator="tab", tag_column=[1, 1]))
        assert found(twice) == [[("protein", "IL 2")]]

    def test_flags_give_spaces_and_sentence_ends_but_never_inside_an_entity(self) -> None:
        options: dict[str, Any] = {
            "tag_column": 1,
            "flag_column": 2,
            "skip_lines": 1,
            "comment": "# ",
        }
        records = list(read_columns(FIXTURES / "flags.tsv", separator="tab", **options))
        assert [record.text for record in records] == ["Mr. Gray, of York", "He left."]
        assert found(records) == [[("pers", "Mr. Gray"), ("loc", "York")], []]

    def test_token_prefix_and_drop(self, tmp_path: Path) -> None:
        path = write(tmp_path, "en:Oslo\tB-LOC", "en::\tO", "", "en:Id\tO", "en:7\tO")
        records = list(read_columns(path, token_prefix="en:", drop=["Id"]))
        assert [record.text for record in records] == ["Oslo:"]

    def test_line_breaks_inside_tokens_and_no_break_spaces_are_kept(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a\u2028b\u00a0c B-X")
        assert found(list(read_columns(path))) == [[("X", "a\u2028b\u00a0c")]]

    def test_treebank_brackets_become_brackets(self, tmp_path: Path) -> None:
        path = write(tmp_path, "-LRB- O", "Oslo B-LOC", "-RRB- O")
        assert [record.text for record in read_columns(path)] == ["(Oslo)"]

    def test_empty_file_has_no_records(self, tmp_path: Path) -> None:
        assert list(read_columns(write(tmp_path, "", ""))) == []

    def test_parallel_files(self) -> None:
        records = list(read_parallel(FIXTURES / "parallel" / "seq.in"))
        assert [record.text for record in records] == ["play hey jude", "book a table in oslo"]
        assert found(records) == [[("track", "hey jude")], [("city", "oslo")]]
        assert records[1].source == "seq.in:3"


TOKENS = ["a", "b", "c", "d", "e"]
SCHEMES = [
    ("BIO", "B-X I-X B-X O B-Y", [("X", "a b"), ("X", "c"), ("Y", "e")]),
    ("IOB2", "B-X I-X O B-X I-Y", [("X", "a b"), ("X", "d"), ("Y", "e")]),
    ("IOB1", "I-X I-X B-X O I-Y", [("X", "a b"), ("X", "c"), ("Y", "e")]),
    ("IO", "X X O Y Y", [("X", "a b"), ("Y", "d e")]),
    ("IO", "I-X I-X O I-Y I-Y", [("X", "a b"), ("Y", "d e")]),
    ("BIOES", "B-X I-X E-X S-X S-X", [("X", "a b c"), ("X", "d"), ("X", "e")]),
    ("BILOU", "B-X L-X U-X O U-Y", [("X", "a b"), ("X", "c"), ("Y", "e")]),
    ("BMES", "B-X M-X E-X S-Y O", [("X", "a b c"), ("Y", "d")]),
    # invalid sequences, as conlleval reads them
    ("BIO", "I-X I-X I-Y O I-Y", [("X", "a b"), ("Y", "c"), ("Y", "e")]),
    ("BIOES", "I-X E-X E-X B-Y B-Y", [("X", "a b"), ("X", "c"), ("Y", "d"), ("Y", "e")]),
    ("BIOES", "B-X E-Y I-Y O E-X", [("X", "a"), ("Y", "b"), ("Y", "c"), ("X", "e")]),
]


# Only bare labels need their scheme to be named.
AUTO = [("auto", tags, expected) for scheme, tags, expected in SCHEMES if scheme != "IO"]


@pytest.mark.parametrize(("scheme", "tags", "expected"), [*SCHEMES, *AUTO])
def test_schemes(
    tmp_path: Path, scheme: Scheme, tags: str, expected: list[tuple[str, str]]
) -> None:
    lines = [f"{token} {tag}" for token, tag in zip(TOKENS, tags.split(), strict=True)]
    records = list(read_columns(write(tmp_path, *lines), scheme=scheme))
    assert found(records) == [expected]


def test_labels_may_hold_hyphens(tmp_path: Path) -> None:
    path = write(tmp_path, "a B-Alias-Term", "b I-Alias-Term")
    assert found(list(read_columns(path))) == [[("Alias-Term", "a b")]]


def test_bare_tags_take_the_given_label(tmp_path: Path) -> None:
    path = write(tmp_path, "a B", "b I", "c O")
    assert found(list(read_columns(path, label="skill"))) == [[("skill", "a b")]]


class TestMalformed:
    def test_missing_column(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a O", "", "b")
        with pytest.raises(DataError, match=r"file\.txt:3: 1 columns.*'b'") as caught:
            list(read_columns(path))
        assert (caught.value.line, caught.value.content) == (3, "b")

    def test_tag_of_another_scheme(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r":2: the tag 'S-X' is not of scheme BIO"):
            list(read_columns(write(tmp_path, "a O", "b S-X"), scheme="BIO"))

    @pytest.mark.parametrize("tag", ["B-", "X", "Q-LOC", "B"])
    def test_no_tag_at_all(self, tmp_path: Path, tag: str) -> None:
        with pytest.raises(DataError, match=":1: the tag"):
            list(read_columns(write(tmp_path, f"a {tag}")))

    def test_missing_token(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a\tO", "\tO")
        with pytest.raises(DataError, match=":2:"):
            list(read_columns(path, separator="tab"))
        assert [r.text for r in read_columns(path, separator="tab", lenient=True)] == ["a"]

    def test_lenient_reads_broken_tags_as_outside(self, tmp_path: Path) -> None:
        path = write(tmp_path, "a B-X", "b", "c I-X", "d X", "e I-X/Y")
        records = list(read_columns(path, tag_column=1, lenient=True, tag_pattern="[BI]-[A-Z]+"))
        assert found(records) == [[("X", "a"), ("X", "c")]]

    def test_missing_file_and_wrong_encoding(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no such file"):
            list(read_columns(tmp_path / "none.tsv"))
        (tmp_path / "latin.tsv").write_bytes("caf\u00e9 O\n".encode("latin-1"))
        with pytest.raises(DataError, match="not UTF-8 at byte 3"):
            list(read_columns(tmp_path / "latin.tsv"))

    def test_parallel_files_that_disagree(self, tmp_path: Path) -> None:
        (tmp_path / "seq.in").write_text("a b\nc\n")
        (tmp_path / "seq.out").write_text("O O\n")
        with pytest.raises(DataError, match=r"2 lines, but seq\.out has 1"):
            list(read_parallel(tmp_path / "seq.in"))
        (tmp_path / "seq.out").write_text("O O\nO O\n")
        with pytest.raises(DataError, match=r":2: 1 tokens, but seq\.out has 2 tags"):
            list(read_parallel(tmp_path / "seq.in"))
        (tmp_path / "seq.out").write_text("O O\nwhat\n")
        with pytest.raises(DataError, match=":2: the tag 'what'"):
            list(read_parallel(tmp_path / "seq.in"))


@pytest.mark.parametrize("card", list(load_cards()), ids=lambda card: card.name)
def test_cards_give_options_that_the_readers_know(card: Card) -> None:
    readers: dict[str, Callable[..., Any]] = {"columns": read_columns, "parallel": read_parallel}
    if reader := readers.get(card.reader):
        inspect.signature(reader).bind(Path(), **card.reader_options)


Spans = list[tuple[str, int, int]]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[int, Spans]:
    """A number of tokens, and entities that do not overlap."""
    size = draw(st.integers(1, 12))
    cuts = sorted(draw(st.sets(st.integers(0, size), max_size=8)))
    labels = draw(st.lists(st.sampled_from([None, "X", "Y", "A-B"]), min_size=9, max_size=9))
    pieces = zip(labels, cuts, cuts[1:], strict=False)
    return size, [(label, start, end) for label, start, end in pieces if label]


# How each scheme writes an entity: its single token, or first, middle and last token.
WRITES = {
    "BIO": ("B", "B", "I", "I"),
    "IOB2": ("B", "B", "I", "I"),
    "BIOES": ("S", "B", "I", "E"),
    "BILOU": ("U", "B", "I", "L"),
    "BMES": ("S", "B", "M", "E"),
}


def encode(size: int, spans: Spans, scheme: str) -> list[str]:
    tags = ["O"] * size
    for label, start, end in spans:
        if scheme in ("IO", "IOB1"):
            touches = start and tags[start - 1] in (f"I-{label}", f"B-{label}")
            first = "B" if scheme == "IOB1" and touches else "I"
            written = [first] + ["I"] * (end - start - 1)
        else:
            single, first, middle, last = WRITES[scheme]
            many = [first] + [middle] * (end - start - 2) + [last]
            written = [single] if end - start == 1 else many
        tags[start:end] = [f"{prefix}-{label}" for prefix in written]
    return tags


def merge_touching(spans: Spans) -> Spans:
    """IO tags cannot tell touching entities of one label apart."""
    merged: Spans = []
    for label, start, end in spans:
        if merged and merged[-1][0] == label and merged[-1][2] == start:
            merged[-1] = (label, merged[-1][1], end)
        else:
            merged.append((label, start, end))
    return merged


@pytest.mark.parametrize("scheme", [*WRITES, "IOB1", "IO"])
@given(sentence=sentences())
@settings(deadline=None)
def test_entities_survive_the_way_through_tags(scheme: Scheme, sentence: tuple[int, Spans]) -> None:
    size, spans = sentence
    read = spans_of(parse_tag(tag, scheme) for tag in encode(size, spans, scheme))
    assert read == (merge_touching(spans) if scheme == "IO" else spans)
