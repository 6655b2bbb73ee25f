"""Every reader on its format: what comes out of a sound file, and only DataError out of a broken one."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instructuie.data.quarantine import Quarantine
from instructuie.data.readers import READERS
from instructuie.data.record import Record
from instructuie.data.rejects import rejects_to
from instructuie.errors import DataError

from .native import CONLL2012, DYGIE, FIXTURES, ONTONOTES, Members, read, rows, to_bytes


def test_every_reader_has_a_fixture() -> None:
    assert list(FIXTURES) == list(READERS)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_sound_file_gives_exact_mentions(name: str, tmp_path: Path) -> None:
    native = FIXTURES[name]
    records = list(read(name, native.write(tmp_path)))
    counts = [0, 0, 0]
    for record in records:
        record.check()
        assert record.text.strip()
        for place, items in enumerate(
            (record.gold.entities, record.gold.relations, record.gold.events)
        ):
            counts[place] += len(items)
            assert len(set(items)) == len(items)
    assert tuple(counts) == native.items
    if native.texts:
        assert tuple(record.text for record in records) == native.texts


@pytest.mark.parametrize("name", [n for n in FIXTURES if n != "casie"])
def test_records_have_names_or_places(name: str, tmp_path: Path) -> None:
    for record in read(name, FIXTURES[name].write(tmp_path)):
        assert record.id or record.source


@pytest.mark.parametrize("name", FIXTURES)
def test_a_compressed_file_reads_alike(name: str, tmp_path: Path) -> None:
    path = FIXTURES[name].write(tmp_path)
    plain = list(read(name, path))
    for file in list(tmp_path.iterdir()):
        if not file.name.endswith(".gz"):
            packed = file.with_name(file.name + ".gz")
            packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
            file.unlink()
    assert list(read(name, path)) == plain


@pytest.mark.parametrize("name", FIXTURES)
def test_an_absent_file_is_named(name: str, tmp_path: Path) -> None:
    first = next(iter(FIXTURES[name].files))
    with pytest.raises(DataError) as caught:
        list(read(name, tmp_path / first))
    assert first in str(caught.value)


BYTES = [b'"', b"{", b"}", b"[", b"]", b"<", b">", b"\t", b"\n", b" ", b"-", b"9", b"\x00", b"\xff"]
BYTES += [b"\\u0000", b"1e999", b"null", b"[]", b"-1", b"\xc2\xa0", b"<!ENTITY a 'b'>", b"O", b"B-"]


@st.composite
def mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with some bytes taken out, put in or moved, or cut off."""
    broken = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(broken)))
        kind = draw(st.sampled_from(["delete", "insert", "swap", "cut"]))
        if kind == "delete":
            del broken[at : at + draw(st.integers(1, 12))]
        elif kind == "insert":
            broken[at:at] = draw(st.sampled_from(BYTES) | st.binary(min_size=1, max_size=3))
        elif kind == "swap":
            other = draw(st.integers(0, len(broken)))
            low, high = sorted((at, other))
            broken[low : low + 4], broken[high : high + 4] = (
                broken[high : high + 4],
                broken[low : low + 4],
            )
        else:
            del broken[at:]
    return bytes(broken)


@st.composite
def line_mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a line or a field left out, given twice, or put elsewhere."""
    separator = draw(st.sampled_from([b"\n", b"\t", b",", b" ", b"}"]))
    lines = content.split(separator)
    for _ in range(draw(st.integers(1, 3))):
        at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        kind = draw(st.sampled_from(["delete", "repeat", "swap", "empty"]))
        if kind == "delete" and len(lines) > 1:
            del lines[at]
        elif kind == "repeat":
            lines.insert(to, lines[at])
        elif kind == "swap":
            lines[at], lines[to] = lines[to], lines[at]
        else:
            lines[at] = b""
    return separator.join(lines)


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    return mutations(content) | line_mutations(content)


@pytest.mark.parametrize("name", FIXTURES)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_broken_file_is_read_or_refused(name: str, tmp_path: Path, data: st.DataObject) -> None:
    native = FIXTURES[name]
    path = native.write(tmp_path)
    broken = data.draw(st.sampled_from(sorted(native.files)))
    content = native.files[broken]
    if isinstance(content, Members) and data.draw(st.booleans()):
        member = data.draw(st.sampled_from(sorted(content.files)))
        inner = data.draw(mutated(content.files[member].encode())).decode("utf-8", "replace")
        result = Members({**content.files, member: inner}).packed()
    else:
        result = data.draw(mutated(to_bytes(content)))
    (tmp_path / broken).write_bytes(result)
    with suppress(DataError):
        for record in read(name, path):
            record.check()


class TestAce:
    def read(self, folder: Path, **options: Any) -> Record:
        (record,) = READERS["ace"](FIXTURES["ace"].write(folder), **options)
        record.check()
        return record

    def test_heads_or_extents(self, tmp_path: Path) -> None:
        heads = {e.mention.text for e in self.read(tmp_path).gold.entities}
        assert heads == {"mayor", "Ann Lee", "Oslo", "site", "men"}
        extents = {e.mention.text for e in self.read(tmp_path, part="extent").gold.entities}
        assert extents == {
            *("The mayor of Oslo, Ann Lee,", "Ann Lee", "Oslo", "R&D site", "the site", "two men")
        }

    def test_values_and_times_are_entities_only_when_asked_for(self, tmp_path: Path) -> None:
        found = self.read(tmp_path, values=True).gold.entities
        assert [(e.label, e.mention.text) for e in found if e.label in ("TIME", "Numeric")] == [
            ("TIME", "Monday"),  # the one of the date line is outside the text
            ("Numeric", "two"),
        ]

    def test_ends_follow_their_roles_and_times_are_left_out(self, tmp_path: Path) -> None:
        record = self.read(tmp_path, subtypes=True)
        (relation,) = record.gold.relations
        assert relation.label == "GEN-AFF.Citizen-Resident-Religion-Ethnicity"
        assert (relation.head.text, relation.tail.text) == ("mayor", "Oslo")
        assert {e.label for e in record.gold.entities} == {
            *("PER.Individual", "GPE.Population-Center", "FAC.Plant", "PER.Group")
        }

    def test_an_event_has_its_anchor_and_roles(self, tmp_path: Path) -> None:
        (event,) = self.read(tmp_path).gold.events
        assert (event.label, event.trigger.text) == ("Life.Die", "killed")
        assert [(a.role, a.mention.text) for a in event.arguments] == [
            ("Victim", "men"),
            ("Place", "site"),
            ("Time-Within", "Monday"),
        ]

    def test_what_is_left_out_is_counted(self, tmp_path: Path) -> None:
        dropped: Counter[str] = Counter()
        self.read(tmp_path, dropped=dropped)
        assert dropped["(times of relations)"] == 1
        assert dropped["(mentions outside the text)"] == 1
        assert dropped["arguments of dropped mentions"] == 0

    def test_a_mention_a_little_off_its_place_is_found(self, tmp_path: Path) -> None:
        path = FIXTURES["ace"].write(tmp_path)
        apf = path.with_suffix(".apf.xml")
        text = apf.read_text()
        for start, end in re.findall(r'<charseq START="(\d+)" END="(\d+)">killed', text):
            text = text.replace(
                f'"{start}" END="{end}">killed', f'"{int(start) + 3}" END="{end}">killed'
            )
        apf.write_text(text)
        (record,) = READERS["ace"](path)
        assert record.gold.events[0].trigger.text == "killed"

    def test_the_form_of_2004(self, tmp_path: Path) -> None:
        path = FIXTURES["ace"].write(tmp_path)
        apf = path.with_suffix(".apf.xml")
        text = re.sub(
            r'<relation_mention_argument REFID="(\S+)" ROLE="Arg-(\d)">',
            r'<rel_mention_arg ENTITYMENTIONID="\1" ARGNUM="\2">',
            apf.read_text(),
        )
        text = re.sub(r"(Arg.*?)</relation_mention_argument>", r"\1", text)
        text = re.sub(
            r"(<rel_mention_arg .*?)</relation_mention_argument>",
            r"\1</rel_mention_arg>",
            text,
            flags=re.S,
        )
        apf.write_text(text)
        (record,) = READERS["ace"](path)
        assert [(r.head.text, r.tail.text) for r in record.gold.relations] == [("mayor", "Oslo")]

    def test_documents_are_chosen_by_a_list(self, tmp_path: Path) -> None:
        FIXTURES["ace"].write(tmp_path / "bn")
        (tmp_path / "train.txt").write_text("XIN_ENG_1\n")
        (tmp_path / "dev.txt").write_text("OTHER\n")
        (record,) = READERS["ace"](tmp_path / "bn", members="@train.txt")
        assert record.id == "XIN_ENG_1"
        with pytest.raises(DataError, match="no text matches"):
            list(READERS["ace"](tmp_path / "bn", members="@dev.txt"))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("ace", "<TEXT>", "<TXT>", "expected <TEXT>...</TEXT>"),
        ("bioc", 'refid="T1"', 'refid="T9"', "refers to 'T9', which is no annotation"),
        ("bioc", "<sentence><offset>18", "<sentence><offset>9", "a passage at 9 after 16"),
        ("bioc", "</collection>", "", "not XML: .* line 27|not XML"),
        ("bioc", 'SYSTEM "BioC.dtd"', "[<!ENTITY a 'b'>]", "declares entities"),
        ("conll2012", "(GPE)", "GPE)", "expected brackets"),
        ("conll2012", "*) -\n", "* -\n", "a bracket stays open"),
        ("ontonotes", "</ENAMEX> firm", " firm", "without </ENAMEX>"),
        ("ontonotes", 'E_OFF="6"', 'E_OFF="60"', "a name without characters"),
        ("tagged", "[14,", "[15,", "the tag 15 is neither text nor one of 0 to 14"),
        ("dygie", '[4, "Movement"]', '["Movement"]', "does not fit"),
    ],
)
def test_what_breaks_the_format_is_named(
    name: str, old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = FIXTURES[name].write(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        list(read(name, path))


def test_bad_rows_are_put_aside_and_the_others_kept(tmp_path: Path) -> None:
    for name, good, bad in (
        ("dygie", DYGIE, '{"doc_key": 1'),
        ("columns", str(FIXTURES["columns"].files["x.conll"]), "x\n\n"),
        ("conll2012", CONLL2012, "a b\n\n"),
        ("ontonotes", ONTONOTES, "<ENAMEX>x"),
    ):
        path = tmp_path / name
        path.write_text(good + "\n" + bad + "\n" + good)
        quarantine = Quarantine(skip=True)
        with rejects_to(quarantine):
            kept = list(read(name, path))
        assert len(kept) == 2 * len(FIXTURES[name].texts)
        (error,) = quarantine.errors
        assert error.line
        with pytest.raises(DataError):
            list(read(name, path))


def test_tagged_rows_may_be_chosen_and_have_layers(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    row = {"tokens": ["write", "Java"], "a": ["B", "I"], "b": ["O", "B"], "lang": "en"}
    path.write_text(rows(row, {**row, "lang": "de"}, {**row, "tokens": [], "a": [], "b": []}))
    (record,) = READERS["tagged"](
        path, tags=["a", "b"], labels=["Skill", "Knowledge"], only={"lang": "en"}
    )
    assert [(e.label, e.mention.text) for e in record.gold.entities] == [
        ("Skill", "write Java"),
        ("Knowledge", "Java"),
    ]


@pytest.mark.data
@pytest.mark.parametrize("split", ["dev", "test"])
def test_scierc_is_the_same_in_its_two_formats(data_root: Path, split: str) -> None:
    """DyGIE and SpERT write the same sentences; the labels differ in case alone."""
    folder = data_root / "scierc"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")

    def items(record: Record) -> tuple[Any, ...]:
        return (
            record.text,
            {(e.label, e.mention) for e in record.gold.entities},
            {(r.label.lower(), r.head, r.tail) for r in record.gold.relations},
        )

    one = [items(r) for r in READERS["dygie"](folder / "original" / f"{split}.json")]
    other = [items(r) for r in READERS["spert"](folder / "spert" / f"scierc_joint_er_{split}.json")]
    assert sorted(one, key=str) == sorted(other, key=str)
