"""Natural text from tokens, and opening files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.data.text import as_written, detokenize, natural_spaces, open_text, place
from instructuie.errors import DataError

NATURAL = [
    ("He said hello , then left .", "He said hello, then left."),
    ("It costs $ 5 ( or 4 % less ) !", "It costs $5 (or 4% less)!"),
    ("She did n't say we 're Ann 's .", "She didn't say we're Ann's."),
    ("Parkinson ' s disease", "Parkinson's disease"),
    ("the workers ' rights", "the workers' rights"),
    ('the " red " one', 'the "red" one'),
    ('an odd " mark keeps its spaces', 'an odd " mark keeps its spaces'),
    ('so it is , " he said .', 'so it is," he said.'),
    ('Ann said , " it is', 'Ann said, "it is'),
    ('like , " Hey you', 'like, "Hey you'),
    ('It is over . "', 'It is over."'),
    ('so it is , " he said , " and stays . "', 'so it is," he said, "and stays."'),
    ('so it is , " said Ann of Rome . "', 'so it is," said Ann of Rome."'),
    ('" It is over', '"It is over'),
    ("does n ' t , U . S . law", "doesn't, U.S. law"),
    ("J . S Bach", "J. S Bach"),
    ("`` Yes , '' he said", "``Yes,'' he said"),
    ("'' Help ! '' is a film", "''Help!'' is a film"),
    ("a ' quoted word ' here", "a 'quoted word' here"),
    ("the 5 ' end", "the 5' end"),
    ("calcineurin (CN ).", "calcineurin (CN)."),
    ("CRICKET - LEEDS WIN", "CRICKET - LEEDS WIN"),
]
GLUED = [
    ("alpha - beta / gamma", "alpha-beta/gamma"),
    ("p < 0 . 05", "p < 0.05"),
    ("given i . v . to H . pylori", "given i.v. to H. pylori"),
    ("TNF - alpha - or LPS - induced", "TNF-alpha- or LPS-induced"),
    ("Fig . 5 ends .", "Fig. 5 ends."),
    ("a 5 ' - end", "a 5'-end"),
    ("Pax6 - / - mice", "Pax6-/- mice"),
    ("1 , 400 of 2014 , 300 at pH 7 . 4 , 200 or", "1,400 of 2014, 300 at pH 7.4, 200 or"),
    ("platinum -based , CD40 -dependent", "platinum-based, CD40-dependent"),
    ("arginine-binding and -transporting", "arginine-binding and -transporting"),
    ("at -82 to -91 of find -name", "at -82 to -91 of find -name"),
]


@pytest.mark.parametrize(("tokens", "text"), NATURAL)
def test_natural_text(tokens: str, text: str) -> None:
    assert detokenize(tokens.split())[0] == text


@pytest.mark.parametrize(("tokens", "text"), GLUED)
def test_words_cut_at_hyphens_are_whole_again(tokens: str, text: str) -> None:
    words = tokens.split()
    assert place(words, natural_spaces(words, glue=["-", "/"]))[0] == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("-LRB- a -RRB- [ b ]", "(a) [b]"),
        ("`` Yes , '' he said", '"Yes," he said'),
        ("'' Help ! '' is a film", '"Help!" is a film'),
        ("a `` red `` one", 'a "red" one'),
        ("``` `` `", "``` \" '"),
        ("needs ` Peace ' most", "needs 'Peace' most"),
        ("` It 's Ann ' s ' he said", "'It's Ann's' he said"),
        ("''' Bold '''", '"Bold"'),
        ("It \x92s 5 \x96 6", "It \u2019s 5 \u2013 6"),
        ("men & amp; women", "men & women"),
        ("R&amp;D &lt; &amp;amp;", "R&D < &amp;"),
        ("he said ` ` yes ' ' .", 'he said "yes".'),
        ("cut at 5 ' ' .", "cut at 5' '."),
        ("1\\/2 of it", "1/2 of it"),
    ],
)
def test_treebank_spellings_are_undone_token_by_token(tokens: str, text: str) -> None:
    words = tokens.split()
    written = as_written(words)
    assert len(written) == len(words)
    assert place(written, natural_spaces(words))[0] == text


def test_prefixes_stay_with_the_word_after_them() -> None:
    words = ["hi", "@", "ann", "!"]
    assert place(words, natural_spaces(words, prefixes=["@"]))[0] == "hi @ann!"
    assert place(words, natural_spaces(words))[0] == "hi @ ann!"


def test_no_tokens() -> None:
    assert detokenize([]) == ("", [])


TOKEN = st.one_of(
    st.sampled_from([".", ",", '"', "'", "''", "``", "`", "(", ")", "-", "/", "'s", "s", "5"]),
    st.text(min_size=1, max_size=5).filter(lambda token: token.strip() == token and token),
)


@given(st.lists(TOKEN, max_size=20), st.booleans())
@settings(deadline=None)
def test_every_token_stands_unchanged_at_its_offsets(tokens: list[str], glued: bool) -> None:
    spaces = natural_spaces(tokens, glue=["-", "/"] if glued else ())
    text, offsets = place(tokens, spaces)
    assert [text[start:end] for start, end in offsets] == tokens
    assert text.replace(" ", "") == "".join(tokens).replace(" ", "")
    ends = [0, *(end for _, end in offsets)]
    assert all(start - end in (0, 1) for end, (start, _) in zip(ends, offsets, strict=False))
    assert len(text) == ends[-1]


def test_open_text_finds_the_compressed_file_and_drops_the_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("\ufeffblå".encode()))
    assert open_text(tmp_path / "a.txt") == "blå"
    assert open_text(tmp_path / "a.txt.gz") == "blå"


def test_open_text_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: no such file"):
        open_text(tmp_path / "none.txt")
    (tmp_path / "b.txt.gz").write_bytes(b"not gzip")
    with pytest.raises(DataError, match="cannot be read"):
        open_text(tmp_path / "b.txt")
    (tmp_path / "c.txt").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match="not UTF-8 at byte 2"):
        open_text(tmp_path / "c.txt")
