from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.codec import parse
from instructuie.codec.escape import LABEL, LAST, LISTED, ROLE, PartReader, quote, write_part


@pytest.mark.parametrize("stops", [LABEL, LAST, LISTED, ROLE])
@settings(deadline=None)
@given(part=st.text(st.sampled_from(list('ab:;," \\\n'))), after=st.text(max_size=5))
def test_a_part_is_read_back_whatever_follows(stops: str, part: str, after: str) -> None:
    reader = PartReader(f"{write_part(part, stops)}{stops[0]} {after}")
    assert reader.read(stops) == part
    assert reader.sentence[reader.at :] == f" {after}"


@settings(deadline=None)
@given(st.text())
def test_anything_can_be_quoted(part: str) -> None:
    assert PartReader(quote(part)).read(LAST) == part


def test_escaped_controls_of_language_models_are_understood() -> None:
    assert PartReader(r'"a\nb\tc"').read(LAST) == "a\nb\tc"


def test_an_open_quote_is_a_plain_character() -> None:
    reader = PartReader('"a; b')
    assert (reader.read(LAST), reader.stop) == ('"a', ";")


@pytest.mark.parametrize("unit", ['"a; ', '"\\', "a: ", ", ", ";", '"x" y; ', "a, b; "])
def test_reading_takes_time_in_proportion(unit: str) -> None:
    begin = time.process_time()
    for task in ("NER", "ES", "RE", "EE"):
        parse(task, unit * 5000)
    assert time.process_time() - begin < 5
