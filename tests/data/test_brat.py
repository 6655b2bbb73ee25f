"""Stand-off readers: brat, BioNLP shared tasks, PubTator. The fixtures are written by hand."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.data.readers.brat import read_brat
from instructuie.data.readers.pubtator import read_pubtator
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Argument, Entity, Event, Mention, Relation

FIXTURES = Path(__file__).parent / "fixtures" / "brat"
BIONLP = ("a1", "a2")


def archive(path: Path, files: dict[str, bytes], *, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def fixtures() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in FIXTURES.iterdir()}


def write(folder: Path, text: str, notes: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "d.txt").write_text(text, encoding="utf-8", newline="")
    (folder / "d.ann").write_text(notes, encoding="utf-8", newline="")
    return folder / "d.txt"


def one(path: Path, **options: object) -> Record:
    (record,) = read_brat(path, **options)  # type: ignore[arg-type]
    record.check()
    return record


def mention_of(text: str) -> Callable[..., Mention]:
    def find(piece: str, occurrence: int = 0) -> Mention:
        start = -1
        for _ in range(occurrence + 1):
            start = text.index(piece, start + 1)
        return Mention.of(text, start, start + len(piece))

    return find


def test_bionlp_events_become_events_and_their_triggers_are_not_entities() -> None:
    dropped: Counter[str] = Counter()
    record = one(FIXTURES / "event.txt", annotations=BIONLP, dropped=dropped)
    m = mention_of(record.text)
    a = Mention.of(record.text, 76, 77)
    b = Mention.of(record.text, 81, 82)
    assert (a.text, b.text) == ("A", "B")
    assert record.gold.entities == (
        Entity("Protein", m("IL-2")),
        Entity("Protein", m("IL-4")),
        Entity("Protein", m("p65")),
        Entity("Protein", m("IL-2", 1)),
        Entity("Protein", a),
        Entity("Protein", b),
        Entity("Cell", m("T cells")),
    )
    assert record.gold.relations == ()
    nested = Argument("Theme", m("expression"))
    assert record.gold.events == (
        Event("Negative_regulation", m("inhibits"), (nested, Argument("Cause", m("p65")))),
        Event("Gene_expression", m("expression"), (Argument("Theme", m("IL-2", 1)),)),
        Event("Binding", m("Binding"), (Argument("Theme", a), Argument("Theme", b))),
        Event("Gene_expression", m("expression")),
    )
    assert dropped == {"repeated events": 1}
    assert (record.id, record.source) == ("event", str(FIXTURES / "event.txt"))


@pytest.mark.parametrize(
    ("triggers", "labels", "events"),
    [("event", {"Protein", "Cell"}, 4), ("entity", None, 0), ("both", None, 4)],
)
def test_triggers(triggers: str, labels: set[str] | None, events: int) -> None:
    gold = one(FIXTURES / "event.txt", annotations=BIONLP, triggers=triggers).gold
    everything = {"Protein", "Cell", "Negative_regulation", "Gene_expression", "Binding"}
    assert {entity.label for entity in gold.entities} == (labels or everything)
    assert len(gold.events) == events


def test_trigger_labels_are_events_without_a_line() -> None:
    gold = one(FIXTURES / "plain.txt", trigger_labels=["Date"]).gold
    assert [(event.label, event.trigger.text) for event in gold.events] == [("Date", "May")]
    assert "Date" not in {entity.label for entity in gold.entities}


def test_roles_keep_or_change_their_names() -> None:
    options = {"annotations": BIONLP, "numbered_roles": False, "roles": {"Theme": "patient"}}
    gold = one(FIXTURES / "event.txt", **options).gold
    assert [argument.role for argument in gold.events[2].arguments] == ["patient", "Theme2"]


def test_brat_entities_and_relations() -> None:
    dropped: Counter[str] = Counter()
    record = one(FIXTURES / "plain.txt", dropped=dropped)
    m = mention_of(record.text)
    assert record.gold.entities == (
        Entity("Person", m("Müller")),
        Entity("Place", m("New\nYork")),
        Entity("Date", m("May")),
        Entity("Place", m("NY")),
        Entity("Organ", m("right lungs")),
    )
    assert record.gold.relations == (
        Relation("lives_in", m("Müller"), m("New\nYork")),
        Relation("located", m("New\nYork"), m("Müller")),
    )
    assert dropped == {
        "mentions in pieces too far apart": 1,
        "mentions not in the text": 1,
        "(mentions moved to their text)": 1,
        "relations of dropped mentions": 1,
    }


def test_equivalences_can_be_relations() -> None:
    record = one(FIXTURES / "plain.txt", equivalences=["same_as"])
    m = mention_of(record.text)
    assert record.gold.relations[-1] == Relation("same_as", m("New\nYork"), m("NY"))


def test_a_relation_may_end_at_an_event(tmp_path: Path) -> None:
    notes = "T1\tAct 0 3\tmix\nT2\tTime 8 13\t5 min\nE1\tAct:T1\nR1\tfor Arg1:E1 Arg2:T2\n"
    record = one(write(tmp_path, "mix for 5 min", notes))
    m = mention_of(record.text)
    assert record.gold.relations == (Relation("for", m("mix"), m("5 min")),)


def test_events_and_arguments_of_dropped_mentions_are_dropped(tmp_path: Path) -> None:
    dropped: Counter[str] = Counter()
    notes = "T1\tAct 0 3;9 12\tmix now\nT2\tAct 4 8\tthis\nE1\tAct:T1 On:T2\nE2\tAct:T2 On:E1\n"
    gold = one(write(tmp_path, "mix this now", notes), dropped=dropped).gold
    assert [(event.trigger.text, event.arguments) for event in gold.events] == [("this", ())]
    assert dropped["events of dropped triggers"] == 1
    assert dropped["arguments of dropped mentions"] == 1


@pytest.mark.parametrize(("between", "kept"), [(" ab ", True), (" abcde ", False)])
def test_mentions_in_pieces(tmp_path: Path, between: str, kept: bool) -> None:
    """Eight characters of pieces may span twelve."""
    text = "left" + between + "lung"
    end = len(text)
    path = write(tmp_path, text, f"T1\tX 0 4;{end - 4} {end}\tleft lung\n")
    assert [e.mention.text for e in one(path).gold.entities] == ([text] if kept else [])


@pytest.mark.parametrize(("shift", "kept"), [(0, True), (20, True), (-20, True), (21, False)])
def test_offsets_are_repaired_within_twenty_characters(
    tmp_path: Path, shift: int, kept: bool
) -> None:
    text = "x" * 30 + " word " + "x" * 30
    start = 31 + shift
    entities = one(write(tmp_path, text, f"T1\tX {start} {start + 4}\tword\n")).gold.entities
    assert entities == ((Entity("X", Mention.of(text, 31, 35)),) if kept else ())


def test_the_nearest_place_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path, "word word word", "T1\tX 6 10\tword\n")
    assert one(path).gold.entities == (Entity("X", Mention.of("word word word", 5, 9)),)


def test_line_ends_of_two_characters_count_as_two(tmp_path: Path) -> None:
    record = one(write(tmp_path, "one\r\ntwo", "T1\tX 5 8\ttwo\r\n"))
    assert record.text == "one \ntwo"
    assert record.gold.entities == (Entity("X", Mention.of(record.text, 5, 8)),)


def test_empty_texts_and_mentions_are_passed_over(tmp_path: Path) -> None:
    dropped: Counter[str] = Counter()
    assert list(read_brat(write(tmp_path, "\n", ""), dropped=dropped)) == []
    assert one(write(tmp_path, "one two", "T1\tX 3 3\t\nT2\tX 3 4\t \n"), dropped=dropped)
    assert dropped == {
        "documents without text": 1,
        "empty mentions": 2,
    }


@pytest.mark.parametrize("mode", ["w:gz", "w", "w:xz"])
def test_archives_and_folders_give_the_same_records(tmp_path: Path, mode: str) -> None:
    path = archive(tmp_path / "set.tar.gz", fixtures(), mode=mode)
    (packed,) = read_brat(path, members="plain*")
    (loose,) = read_brat(FIXTURES, members="plain*")
    assert packed.to_dict() == loose.to_dict()
    assert packed.source == f"{path}:plain.txt"
    assert loose.source == str(FIXTURES / "plain.txt")


def test_single_texts_may_be_compressed(tmp_path: Path) -> None:
    import gzip

    for name in ("plain.txt", "plain.ann"):
        content = gzip.compress((FIXTURES / name).read_bytes())
        (tmp_path / f"{name}.gz").write_bytes(content)
    expected = one(FIXTURES / "plain.txt").gold
    assert one(tmp_path / "plain.txt").gold == expected
    assert one(tmp_path / "plain.txt.gz").gold == expected


def numbered(folder: Path, count: int = 10) -> Path:
    files = {}
    for place in range(count):
        files[f"./part{place % 2}/{place:02}.txt"] = b"text"
        files[f"./part{place % 2}/{place:02}.ann"] = b"T1\tX 0 4\ttext\n"
    return archive(folder / "many.tar.gz", files)


@pytest.mark.parametrize(
    ("members", "chosen"),
    [
        ("*", "part0/00 part0/02 part0/04 part0/06 part0/08 "
              "part1/01 part1/03 part1/05 part1/07 part1/09"),
        ("part1/*", "part1/01 part1/03 part1/05 part1/07 part1/09"),
        ("part1/*.txt#0-1/3", "part1/01 part1/03 part1/07 part1/09"),
        ("*#9-9/10", "part1/09"),
        ("#0-0/5", "part0/00 part1/01"),
        ("@names.txt", "part0/00 part1/03"),
        ("@split.json:dev", "part0/04"),
        ("@names.txt#1-1/2", "part1/03"),
    ],
)  # fmt: skip
def test_members(tmp_path: Path, members: str, chosen: str) -> None:
    (tmp_path / "names.txt").write_text("03\n00\nnot-here\n")
    (tmp_path / "split.json").write_text('{"train": ["00"], "dev": ["04"]}')
    records = read_brat(numbered(tmp_path), members=members)
    assert [record.id for record in records] == chosen.split()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("test/*", r"no text matches 'test/\*' \(10 texts here\)"),
        ("@nothing.txt", "no such file"),
        ("@split.json:test", "no list of names under 'test'"),
        ("@broken.json:test", "no list of names under 'test'"),
    ],
)
def test_members_that_cannot_be_chosen(tmp_path: Path, members: str, message: str) -> None:
    (tmp_path / "split.json").write_text('{"train": ["00"]}')
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match=message):
        list(read_brat(numbered(tmp_path), members=members))


def test_names_of_members_are_only_names(tmp_path: Path) -> None:
    files = {"../../up.txt": b"text", "../../up.ann": b"", "/root.txt": b"text", "/root.ann": b""}
    path = archive(tmp_path / "odd.tar.gz", files)
    before = set(tmp_path.rglob("*"))
    assert {record.id for record in read_brat(path)} == {"../../up", "/root"}
    assert set(tmp_path.rglob("*")) == before
    assert not (tmp_path.parent.parent / "up.txt").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T2 X 0 4\ttext", "not a line of stand-off annotation"),
        ("T2\tX 0 b\ttext", "not a line of stand-off annotation"),
        ("T2\tX 4 0\ttext", "a mention ends before it begins"),
        ("T2\tX 0 " + "9" * 5000 + "\ttext", "not a number that can be read"),
        ("T1\tX 0 4\ttext", "T1 is defined twice"),
        ("E2\tX:E1", "the trigger of an event must be a T line"),
        ("E1\tX:T1 On:T1", "E1 is defined twice"),
        ("E2\tX:T9", "T9 is not defined"),
        ("E2\tX:T1 On:E7", "E7 is not defined"),
        ("E2\tX:T1 On", "not a line of stand-off annotation"),
        ("R1\tX Arg1:T1 Arg2:T8", "T8 is not defined"),
        ("R1\tX Arg1:T1", "not a line of stand-off annotation"),
        ("*\tsame T1", "not a line"),
        ("loose end", "not a line of stand-off annotation"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: str, message: str) -> None:
    notes = f"T1\tX 0 4\ttext\nE1\tX:T1\n{line}\n"
    if line.startswith("*"):
        notes = notes.replace("*\tsame T1", "*same T1")
    path = archive(tmp_path / "a.tar.gz", {"d.txt": b"text", "d.ann": notes.encode()})
    with pytest.raises(DataError, match=message) as raised:
        list(read_brat(path))
    assert raised.value.path == f"{path}:d.ann"
    assert raised.value.line == 3
    assert raised.value.content == notes.split("\n")[2]


def test_lines_known_to_be_broken_can_be_skipped(tmp_path: Path) -> None:
    path = write(tmp_path, "text", "T1\tX 0 4\ttext\nloose end\n")
    assert len(one(path, skip_lines=["loose"]).gold.entities) == 1


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such archive"):
        list(read_brat(tmp_path / "missing.tar.gz"))
    with pytest.raises(DataError, match=r"no `plain\.a1` beside this text"):
        list(read_brat(FIXTURES / "plain.txt", annotations=BIONLP))
    with pytest.raises(DataError, match="no text matches"):
        list(read_brat(tmp_path / "missing.txt"))
    bad = archive(tmp_path / "bad.tar.gz", {"d.txt": b"caf\xe9", "d.ann": b""})
    with pytest.raises(DataError, match="not UTF-8 at byte 3") as raised:
        list(read_brat(bad))
    assert raised.value.path == f"{bad}:d.txt"


@settings(max_examples=40, deadline=None)
@given(part=st.floats(0, 0.999))
def test_truncated_archives(tmp_path_factory: pytest.TempPathFactory, part: float) -> None:
    path = tmp_path_factory.mktemp("cut") / "cut.tar.gz"
    whole = archive(path, fixtures()).read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DataError) as raised:
        list(read_brat(path, annotations=BIONLP, members="event*"))
    assert raised.value.path == path


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["byte", "delete", "insert", "swap-lines", "drop-line"]),
        st.integers(0, 10_000),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)


def change(content: bytes, changes: list[tuple[str, int, int]]) -> bytes:
    """`content` with small accidents: bytes changed, lost or added, lines swapped or lost."""
    for kind, place, byte in changes:
        raw, lines = bytearray(content), content.split(b"\n")
        at, line, other = place % (len(raw) + 1), place % len(lines), byte % len(lines)
        if kind == "byte":
            raw[at : at + 1] = bytes([byte])
        elif kind == "delete":
            del raw[at : at + 1]
        elif kind == "insert":
            raw[at:at] = bytes([byte])
        elif kind == "swap-lines":
            lines[line], lines[other] = lines[other], lines[line]
        else:
            del lines[line]
        content = bytes(raw) if kind in ("byte", "delete", "insert") else b"\n".join(lines)
    return content


@settings(max_examples=300, deadline=None)
@given(changes=CHANGES, name=st.sampled_from(["event.a1", "event.a2", "event.txt"]))
def test_accidents_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]], name: str
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    for file, content in fixtures().items():
        if file.startswith("event"):
            (folder / file).write_bytes(change(content, changes) if file == name else content)
    records = []
    with suppress(DataError):
        records = list(read_brat(folder, annotations=BIONLP, equivalences=["Equiv"]))
    for record in records:
        record.check()


PUBTATOR = (
    "7|t|Lithium harms kidneys.\n"
    "7|a|Lithium chloride was given. It gave renal failure, then Renal failure. End.\n"
    "7\t0\t7\tLithium\tChemical\tD1\n"
    "7\t14\t21\tkidneys\tDisease\tD2\n"
    "7\t23\t39\tLithium chloride\tChemical\tD1|D5\n"
    "7\t59\t72\trenal failure\tDisease\tD3\n"
    "7\t78\t91\tRenal failure\tDisease\tD3\n"
    "7\tCID\tD1\tD3\n"
    "7\tCID\tD1\tD2\n"
    "7\tBind\tD5\tD9\tNovel\n"
    "\n"
    "8|t|Nothing here.\n"
    "8|a|\n"
)


def pubtator(folder: Path, content: str = PUBTATOR) -> Path:
    path = folder / "set.PubTator"
    path.write_text(content, encoding="utf-8")
    return path


def test_pubtator(tmp_path: Path) -> None:
    dropped: Counter[str] = Counter()
    first, second = read_pubtator(pubtator(tmp_path), dropped=dropped)
    first.check()
    assert first.text == (
        "Lithium harms kidneys. "
        "Lithium chloride was given. It gave renal failure, then Renal failure. End."
    )
    m = mention_of(first.text)
    failure = m("renal failure")
    assert first.gold.entities == (
        Entity("Chemical", m("Lithium")),
        Entity("Disease", m("kidneys")),
        Entity("Chemical", m("Lithium chloride")),
        Entity("Disease", failure),
        Entity("Disease", m("Renal failure")),
    )
    assert first.gold.relations == (
        Relation("CID", m("Lithium chloride"), failure),
        Relation("CID", m("Lithium"), m("kidneys")),
    )
    assert dropped == {
        "(mentions moved to their text)": 1,
        "relations of concepts without mentions": 1,
    }
    assert (first.id, second.id) == ("7", "8")
    assert second.source == f"{tmp_path / 'set.PubTator'}:12"
    assert second.text == "Nothing here. "


def test_pubtator_pairs(tmp_path: Path) -> None:
    lines = (
        "7|t|Salt harms. Rest.\n7|a|Also Salt harms.\n"
        "7\t0\t4\tSalt\tChemical\tD1\n7\t5\t10\tharms\tDisease\tD2\n"
        "7\t23\t27\tSalt\tChemical\tD1\n7\t28\t33\tharms\tDisease\tD2\n7\tCID\tD1\tD2\n"
    )
    path = pubtator(tmp_path, lines)
    (record,) = read_pubtator(path)
    m = mention_of(record.text)
    assert record.gold.relations == (
        Relation("CID", m("Salt"), m("harms")),
        Relation("CID", m("Salt", 1), m("harms", 1)),
    )
    (record,) = read_pubtator(path, pairs="nearest")
    assert record.gold.relations == (Relation("CID", m("Salt"), m("harms")),)


def test_pubtator_exclude(tmp_path: Path) -> None:
    (tmp_path / "overlap.tsv").write_text("part\tid\nTrain\t7\n")
    dropped: Counter[str] = Counter()
    records = read_pubtator(pubtator(tmp_path), exclude="overlap.tsv", dropped=dropped)
    assert [record.id for record in records] == ["8"]
    assert dropped["abstracts left out"] == 1


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("7|t|One\n7|t|Two\n", 2, "a second title or abstract"),
        ("7|t|One\n8|a|Two\n", 2, "a second title or abstract"),
        ("\n7\t0\t3\tOne\tX\tD1\n", 2, "expected `number"),
        ("7|t|One\n7|a|Two\n8\t0\t3\tOne\tX\tD1\n", 3, "expected a line of abstract 7"),
        ("7|t|One\n7|a|Two\n7\t3\t0\tOne\tX\tD1\n", 3, "ends before it begins"),
        ("7|t|One\n7|a|Two\n7\t3\n", 3, "neither a mention"),
        ("7|t|One\n7|a|Two\n\n\n9|t|One\n", 5, "an abstract without title or text"),
    ],
)
def test_malformed_pubtator(tmp_path: Path, content: str, line: int, message: str) -> None:
    path = pubtator(tmp_path, content)
    with pytest.raises(DataError, match=message) as raised:
        list(read_pubtator(path))
    assert (raised.value.path, raised.value.line) == (path, line)


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES)
def test_accidents_in_pubtator_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("changed") / "set.PubTator"
    path.write_bytes(change(PUBTATOR.encode(), changes))
    records = []
    with suppress(DataError):
        records = list(read_pubtator(path))
    for record in records:
        record.check()
