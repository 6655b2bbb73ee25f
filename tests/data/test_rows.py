"""Readers of rows: exact records from small files of each format, and errors that say where."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from instructuie.data.readers.answers import read_chat_entities
from instructuie.data.readers.characters import read_characters, read_sgd, read_tasteset
from instructuie.data.readers.events import read_casie, read_muc, read_phee
from instructuie.data.readers.instructuie import read_instructuie
from instructuie.data.readers.marked import read_causal_news, read_semeval
from instructuie.data.readers.markup import read_culotta, read_knowledgenet
from instructuie.data.readers.relations import (
    read_docred,
    read_fewrel,
    read_polyie,
    read_webnlg,
    read_zerorte,
)
from instructuie.data.readers.rows import nearest, read_spert
from instructuie.data.readers.token_events import (
    read_m2e2,
    read_oneie,
    read_rams,
    read_triggers,
)
from instructuie.data.readers.triples import find_all, read_gids, read_nyt
from instructuie.data.record import Record
from instructuie.errors import DataError
from instructuie.types import Span

Reader = Callable[..., Iterator[Record]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes text as it is, and anything else as one JSON value."""

    def write(content: Any) -> Path:
        path = tmp_path / "native.txt"
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def checked(records: Iterator[Record]) -> list[Record]:
    found = list(records)
    for record in found:
        record.check()
    return found


def entities(record: Record) -> list[tuple[str, str]]:
    return [(e.label, e.mention.text) for e in record.gold.entities]


def relations(record: Record) -> list[tuple[str, str, str]]:
    return [(r.head.text, r.label, r.tail.text) for r in record.gold.relations]


def events(record: Record) -> list[tuple[str, str, list[tuple[str, str]]]]:
    return [
        (e.label, e.trigger.text, [(a.role, a.mention.text) for a in e.arguments])
        for e in record.gold.events
    ]


SPERT = {
    "tokens": ["Ada", "Byron", ",", "of", "London", "."],
    "entities": [
        {"type": "Peop", "start": 0, "end": 2},
        {"type": "Loc", "start": 4, "end": 5},
        {"type": "Loc", "start": 4, "end": 5},
    ],
    "relations": [
        {"type": "Live_In", "head": 0, "tail": 1},
        {"type": "Live_In", "head": 0, "tail": 2},
    ],
    "orig_id": 7,
}


def test_spert_joins_tokens_and_drops_repeats(write: Callable[[Any], Path]) -> None:
    (record,) = checked(read_spert(write([SPERT])))
    assert (record.text, record.id) == ("Ada Byron, of London.", "7")
    assert record.source == "native.txt:1"
    assert entities(record) == [("Peop", "Ada Byron"), ("Loc", "London")]
    assert relations(record) == [("Ada Byron", "Live_In", "London")]


def test_lines_lists_and_compressed_files_read_alike(
    write: Callable[[Any], Path], tmp_path: Path
) -> None:
    one = checked(read_spert(write([SPERT, SPERT])))
    assert one == checked(read_spert(write(json.dumps(SPERT) + "\n" + json.dumps(SPERT) + "\n")))
    assert one == checked(read_spert(write(json.dumps([SPERT, SPERT], indent=2))))
    path = tmp_path / "native.txt"
    (tmp_path / "native.txt.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert one == checked(read_spert(path))


def test_instructuie_moves_a_wrong_place(write: Callable[[Any], Path]) -> None:
    row = {
        "sentence": " Rome , in Italy .",
        "relations": [
            {
                "head": {"name": "Italy", "type": "NA", "pos": [9, 14]},
                "type": "contains",
                "tail": {"name": "Rome", "type": "city", "pos": [1, 5]},
            }
        ],
    }
    (plain,) = checked(read_instructuie(write([row])))
    assert plain.text == row["sentence"]
    (record,) = checked(read_instructuie(write([row]), tokenized=True))
    assert record.text == "Rome, in Italy."
    assert relations(record) == [("Italy", "contains", "Rome")]
    assert entities(record) == [("city", "Rome")]


def test_nearest_takes_the_closest_place_within_reach() -> None:
    text = "breach, breach, breach"
    for stated, place in ((0, 0), (7, 8), (10, 8), (14, 16), (99, 16)):
        found = nearest(text, "breach", stated)
        assert found is not None
        assert found.span == Span(place, place + 6)
    assert nearest(text, "breach", 60, reach=10) is None
    assert nearest(text, "leak", 3) is None
    assert nearest(text, "", 3) is None


def test_find_all_prefers_places_outside_longer_strings() -> None:
    found = find_all("New York, York and Yorkshire, in Bogota", ["York", "New York", "Bogotá"])
    assert {string: [m.span for m in mentions] for string, mentions in found.items()} == {
        "New York": [Span(0, 8)],
        "Bogotá": [Span(33, 39)],
        "York": [Span(10, 14)],
    }


def test_nyt_finds_strings_and_types_ends(write: Callable[[Any], Path]) -> None:
    triple = {"em1Text": "Bergen", "em2Text": "Norway", "label": "/x/country"}
    row = {
        "sentText": "In Bergen , Norway , it rained on Ole .",
        "relationMentions": [triple, triple, {**triple, "em1Text": "Oslo"}],
        "entityMentions": [
            {"text": "Norway", "label": "LOCATION"},
            {"text": "Ole", "label": "PERSON"},
        ],
    }
    (record,) = checked(read_nyt(write(json.dumps(row))))
    assert record.text == "In Bergen, Norway, it rained on Ole."
    assert relations(record) == [("Bergen", "/x/country", "Norway")]
    assert entities(record) == [("LOCATION", "Norway")]


def test_gids_reads_names_with_blanks(write: Callable[[Any], Path]) -> None:
    line = "/m/1\t/m/2\tAda_Byron\tLondon\t/born\tAda_Byron was born in London. ###END### \n"
    lost = "/m/1\t/m/2\tAda_Byron\tParis\tNA\tAda_Byron was born in London. ###END### \n"
    (record,) = checked(read_gids(write(line + lost)))
    assert record.text == "Ada Byron was born in London."
    assert relations(record) == [("Ada Byron", "/born", "London")]


SEMEVAL = (
    '1\t"The <e1>engine</e1> of a <e2>car</e2>."\r\nComponent-Whole(e1,e2)\r\n'
    "Comment: not <e1>this</e1>\r\n\r\n"
    '2\t"The <e1>car</e1> has an <e2>engine</e2>."\r\nComponent-Whole(e2,e1)\r\nComment:\r\n\r\n'
    '3\t"A <e1>cat</e1> and a <e2>dog</e2>."\r\nOther\r\n'
)


def test_semeval_turns_direction_into_order(write: Callable[[Any], Path]) -> None:
    records = checked(read_semeval(write(SEMEVAL)))
    assert [record.text for record in records] == [
        "The engine of a car.",
        "The car has an engine.",
        "A cat and a dog.",
    ]
    assert [relations(record)[0] for record in records] == [
        ("engine", "Component-Whole", "car"),
        ("engine", "Component-Whole", "car"),
        ("cat", "Other", "dog"),
    ]


def test_semeval_tokenized_leaves_out_empty_marks(write: Callable[[Any], Path]) -> None:
    text = (
        '0\t" <e1> Ada Byron </e1> ( of <e2> London </e2> ) . "\nper:city(e1,e2) \n\n\n'
        '1\t" An <e1> </e1> station in <e2> Cork </e2> . "\nno_relation\n'
    )
    (record,) = checked(read_semeval(write(text), tokenized=True))
    assert record.text == "Ada Byron (of London)."
    assert relations(record) == [("Ada Byron", "per:city", "London")]


def test_causal_news_reads_every_pair(write: Callable[[Any], Path]) -> None:
    header = "index,text,causal_text_w_pairs\n"
    row = (
        'a1,"Rain fell , so roads closed .",'
        "\"['<ARG0>Rain fell</ARG0> , <SIG0>so</SIG0> <ARG1>roads closed</ARG1> .']\"\n"
    )
    first, second = checked(read_causal_news(write(header + row + "a2,Nothing happened .,[]\n")))
    assert first.text == "Rain fell, so roads closed."
    assert relations(first) == [("Rain fell", "Cause-Effect", "roads closed")]
    assert entities(first) == [("ARG0", "Rain fell"), ("ARG1", "roads closed")]
    assert (second.id, relations(second)) == ("a2", [])


def nugget(text: str, start: int) -> dict[str, Any]:
    return {"text": text, "startOffset": start, "endOffset": start + len(text)}


def test_casie_repairs_places_nearby(write: Callable[[Any], Path]) -> None:
    event = {
        "type": "Attack",
        "subtype": "Databreach",
        "nugget": nugget("stole", 10),
        "argument": [
            {**nugget("They", 0), "role": {"type": "Attacker"}},
            {**nugget("files", 9), "role": {"type": "Compromised-Data"}},
            {**nugget("nobody", 3), "role": {"type": "Victim"}},
        ],
    }
    lost = {**event, "nugget": nugget("leaked", 3)}
    article = {
        "content": "They stole files. </text>",
        "sourcefile": "10.txt",
        "cyberevent": {"hopper": [{"events": [event]}, {"events": [lost]}]},
    }
    (record,) = checked(read_casie(write(article)))
    assert (record.text, record.id) == ("They stole files.", "10")
    assert events(record) == [
        ("Attack.Databreach", "stole", [("Attacker", "They"), ("Compromised-Data", "files")])
    ]


def test_phee_names_sub_arguments_by_path(write: Callable[[Any], Path]) -> None:
    def at(*pieces: tuple[str, int]) -> dict[str, Any]:
        return {"text": [[p for p, _ in pieces]], "start": [[s for _, s in pieces]]}

    event = {
        "event_id": "E1",
        "event_type": "Adverse_event",
        "Trigger": at(("after", 5)),
        "Effect": at(("Rash", 0)),
        "Treatment": {
            **at(("drug A", 11), ("B", 22)),
            "Drug": {"text": [["A"], ["B"]], "start": [[16], [22]]},
            "Combination": [{"Trigger": at(("and", 18)), "Drug": at(("B", 22)), "event_id": "E2"}],
        },
        "Severity": {**at(("Rash", 0)), "value": "High"},
    }
    row = {
        "id": "1_1",
        "context": "Rash after drug A and B.",
        "annotations": [{"events": [event]}],
    }
    (record,) = checked(read_phee(write(json.dumps(row))))
    assert events(record) == [
        (
            "Adverse_event",
            "after",
            [
                ("Effect", "Rash"),
                ("Treatment", "drug A"),
                ("Treatment", "B"),
                ("Treatment.Drug", "A"),
                ("Treatment.Drug", "B"),
                ("Treatment.Combination.Drug", "B"),
                ("Severity", "Rash"),
            ],
        )
    ]


def test_muc_takes_the_first_mention_of_a_filler(write: Callable[[Any], Path]) -> None:
    row = {
        "docid": "D1",
        "doctext": "the men fired a rifle.",
        "extracts": {"PerpInd": [[["the men", 0], ["men", 4]]], "Weapon": [[["rifle", 16]]]},
    }
    (record,) = checked(read_muc(write(json.dumps(row))))
    assert entities(record) == [("PerpInd", "the men"), ("Weapon", "rifle")]


def test_oneie_refers_to_entities_by_id(write: Callable[[Any], Path]) -> None:
    row = {
        "doc_id": "d",
        "wnd_id": "d_1",
        "tokens": ["Rebels", "attacked", "Homs", "."],
        "entity_mentions": [
            {"id": "a", "start": 0, "end": 1},
            {"id": "b", "start": 2, "end": 3, "entity_type": "GPE"},
        ],
        "event_mentions": [
            {
                "event_type": "Attack",
                "trigger": {"start": 1, "end": 2},
                "arguments": [
                    {"entity_id": "a", "role": "Attacker"},
                    {"entity_id": "b", "role": "Place"},
                ],
            }
        ],
    }
    (record,) = checked(read_oneie(write(json.dumps(row))))
    assert (record.text, record.id) == ("Rebels attacked Homs.", "d_1")
    assert entities(record) == [("GPE", "Homs")]
    assert events(record) == [("Attack", "attacked", [("Attacker", "Rebels"), ("Place", "Homs")])]


def test_oneie_document_keeps_its_white_space(write: Callable[[Any], Path]) -> None:
    row = {
        "doc_id": "d",
        "tokens": ["ex", "-", "chief", "Gone"],
        "sentences": [
            [[["ex", 0, 2], ["-", 2, 3], ["chief", 3, 8]], "ex-chief"],
            [[["Gone", 8, 12]], "Gone"],
        ],
        "entity_mentions": [],
        "event_mentions": [
            {"event_type": "End", "trigger": {"start": 3, "end": 4}, "arguments": []}
        ],
    }
    (record,) = checked(read_oneie(write(json.dumps(row))))
    assert record.text == "ex-chief Gone"
    assert events(record) == [("End", "Gone", [])]


def test_other_token_events(write: Callable[[Any], Path]) -> None:
    m2e2 = {
        "sentence_id": "s1",
        "words": ["Police", "held", "him"],
        "golden-entity-mentions": [{"entity-type": "PER", "start": 0, "end": 1}],
        "golden-event-mentions": [
            {
                "event_type": "Arrest",
                "trigger": {"start": 1, "end": 2},
                "arguments": [{"role": "Agent", "start": 0, "end": 1}],
            }
        ],
    }
    (record,) = checked(read_m2e2(write([m2e2])))
    assert entities(record) == [("PER", "Police")]
    assert events(record) == [("Arrest", "held", [("Agent", "Police")])]

    maven = {
        "id": 3,
        "tokens": ["A", "raid"],
        "events": [{"start": 1, "end": 2, "event_type": "Attack"}],
    }
    (record,) = checked(read_triggers(write([maven])))
    assert events(record) == [("Attack", "raid", [])]

    rams = {
        "doc_key": "k",
        "sentences": [["He", "died", "."], ["In", "New", "York", "."]],
        "evt_triggers": [[1, 1, [["life.die.n/a", 1.0]]]],
        "gold_evt_links": [[[1, 1], [4, 5], "evt089arg02place"]],
    }
    (record,) = checked(read_rams(write(json.dumps(rams))))
    assert record.text == "He died. In New York."
    assert events(record) == [("life.die.n/a", "died", [("place", "New York")])]


def test_relations_by_token(write: Callable[[Any], Path]) -> None:
    tokens = ["Wilton", "Bridge", "crosses", "the", "Wye", "."]
    fewrel = {"P177": [{"tokens": tokens, "h": ["x", "Q1", [[0, 1]]], "t": ["y", "Q2", [[4]]]}]}
    (record,) = checked(read_fewrel(write(fewrel)))
    assert relations(record) == [("Wilton Bridge", "P177", "Wye")]

    triplet = {"tokens": tokens, "head": [0, 1], "tail": [4], "label": "crosses"}
    lost = {**triplet, "head": []}
    lines = json.dumps({"triplets": [triplet, lost]}) + "\n" + json.dumps({"triplets": [lost]})
    (record,) = checked(read_zerorte(write(lines)))
    assert relations(record) == [("Wilton Bridge", "crosses", "Wye")]

    webnlg = {"tokens": tokens, "spo_details": [[0, 2, "None-label", "over", 4, 5, "None-label"]]}
    (record,) = checked(read_webnlg(write([webnlg])))
    assert relations(record) == [("Wilton Bridge", "over", "Wye")]


def test_docred_joins_nearest_mentions_of_each_sentence(write: Callable[[Any], Path]) -> None:
    def mention(sentence: int, start: int, kind: str) -> dict[str, Any]:
        return {"sent_id": sentence, "pos": [start, start + 1], "type": kind}

    row = {
        "title": "Ada",
        "sents": [["Ada", "left", "Rome", "."], ["Ada", ",", "Ada", "saw", "Rome", "."], ["Oslo"]],
        "vertexSet": [
            [mention(0, 0, "PER"), mention(1, 0, "PER"), mention(1, 2, "PER")],
            [mention(0, 2, "LOC"), mention(1, 4, "LOC")],
            [mention(2, 0, "LOC")],
        ],
        "labels": [{"h": 0, "t": 1, "r": "P1"}, {"h": 0, "t": 2, "r": "P2"}],
    }
    (record,) = checked(read_docred(write([row])))
    assert record.text == "Ada left Rome. Ada, Ada saw Rome. Oslo"
    placed = {(r.label, r.head.span, r.tail.span) for r in record.gold.relations}
    assert placed == {
        ("P1", Span(0, 3), Span(9, 13)),
        ("P1", Span(20, 23), Span(28, 32)),
        ("P2", Span(20, 23), Span(34, 38)),
    }
    assert len(record.gold.entities) == 6


def test_polyie_chains_a_tuple(write: Callable[[Any], Path]) -> None:
    data = {
        "text": [[["P3HT", "has", "a", "band", "gap", "of", "1.9", "eV"]]],
        "label": [[["B-CN", "O", "O", "B-PN", "I-PN", "O", "B-PV", "I-PV"]]],
        "relation": [[[[[0, 1], [3, 5], [6, 8]]]]],
    }
    (record,) = checked(read_polyie(write(data)))
    assert entities(record) == [("CN", "P3HT"), ("PN", "band gap"), ("PV", "1.9 eV")]
    assert relations(record) == [
        ("P3HT", "CN-PN", "band gap"),
        ("band gap", "PN-PV", "1.9 eV"),
    ]


def test_characters(write: Callable[[Any], Path]) -> None:
    rasa = {"data": {"rows": [{"text": "dim it", "entities": [{"start": 0, "end": 3, "e": "x"}]}]}}
    (record,) = checked(read_characters(write(rasa), under=["data", "rows"], label="e"))
    assert entities(record) == [("x", "dim")]

    row = {"text": "IL-2 -induced ( CD4 )", "entities": [{"a": 16, "b": 19, "label": "protein"}]}
    (record,) = checked(read_characters(write([row]), start="a", end="b", tokenized=True))
    assert entities(record) == [("protein", "CD4")]
    assert record.text.endswith("(CD4)")


def test_sgd_and_tasteset(write: Callable[[Any], Path]) -> None:
    slot = {"slot": "city", "start": 3, "exclusive_end": 7}
    turns = [
        {"utterance": "In Rome.", "frames": [{"slots": [slot]}]},
        {"utterance": "Thanks.", "frames": []},
    ]
    first, second = checked(read_sgd(write([{"turns": turns}])))
    assert (entities(first), entities(second)) == ([("city", "Rome")], [])

    cell = '[{""span"": ""[(0, 1), ]"", ""type"": ""QUANTITY"", ""entity"": ""5""},'
    cell += '{""span"": ""[(0, 1), (2, 5), ]"", ""type"": ""FOOD"", ""entity"": ""5 rum""}]'
    text = f'ingredients,ingredients_entities\n"5 rum\n","{cell}"\n'
    (record,) = checked(read_tasteset(write(text)))
    assert entities(record) == [("QUANTITY", "5")]


def test_knowledgenet_gathers_facts_of_a_passage(write: Callable[[Any], Path]) -> None:
    def row(places: str, label: str, passage: str) -> str:
        cells = ["1", "7", "10", "34", *places.split(), label, f"<p> {passage}</p>"]
        return "<tr><td>" + "</td><td>".join(cells) + "</td></tr>\n"

    plain = "Ada &amp; Co was led by Ada."
    marked = '<span id="subject"><a href="x">Ada &amp; Co</a></span> was led by Ada.'
    text = "<table>\n" + row("10 18 30 33", "CEO", marked) + row("- - - -", "SPOUSE", plain)
    (record,) = checked(read_knowledgenet(write(text)))
    assert record.text == "Ada & Co was led by Ada."
    assert relations(record) == [("Ada & Co", "CEO", "Ada")]


def test_culotta_relates_links_to_the_subject(write: Callable[[Any], Path]) -> None:
    text = (
        "url=http://en.wikipedia.org/wiki/Ada_Byron\n"
        'Byron met <a href="/x" title="y">Bob</a> in '
        '<a href="/z" title="Rome" relation="visited"><b>Rome</b></a>.<sup>[1]</sup>\n\n'
        'She left for <a href="/o" relation="visited">Oslo</a>.\n'
    )
    (record,) = checked(read_culotta(write(text)))
    assert record.text == "Byron met Bob in Rome."
    assert relations(record) == [("Byron", "visited", "Rome")]


def test_chat_entities_take_every_occurrence(write: Callable[[Any], Path]) -> None:
    def turn(question: str, answer: str) -> list[dict[str, str]]:
        return [{"content": question}, {"content": answer}]

    row = {
        "messages": turn(
            "Label: [a_b]. Text: 'Rome 's walls ; Rome , said Ada . '\"",
            "[Answer]: Rome: location_GPE; Ada: person_other; ",
        )
        + turn("Text: 'Nothing . '", "[Answer]: NA")
        + turn("Text: 'Ada left . '", "Bob: person_other; ")
        + turn("Text: 'Ada left . '", "no form at all")
    }
    first, second = checked(read_chat_entities(write(json.dumps(row))))
    assert sorted(entities(first)) == [
        ("location_GPE", "Rome"),
        ("location_GPE", "Rome"),
        ("person_other", "Ada"),
    ]
    assert (second.text, entities(second)) == ("Nothing.", [])


@pytest.mark.parametrize(
    ("reader", "content", "line"),
    [
        (read_spert, json.dumps(SPERT) + "\n{broken\n", 2),
        (read_spert, json.dumps(SPERT) + '\n{"tokens": ["a"]}\n', 2),
        (read_spert, [{**SPERT, "entities": [{"type": "x", "start": 5, "end": 9}]}], 1),
        (read_spert, [SPERT, 5], 2),
        (read_spert, "[1, 2", 1),
        (read_nyt, '{"sentText": "a"}', 1),
        (read_gids, "one\ttwo\n", 1),
        (read_semeval, '1\t"<e1>a</e1> and <e2>b."\nOther\n', 1),
        (read_semeval, '\n1 "<e1>a</e1> <e2>b</e2>"\nOther\n', 2),
        (read_semeval, '1\t"<e1>a</e1> <e2>b</e2>"', 1),
        (read_semeval, '1\t"a </e1><e1> <e2>b</e2>"\nOther\n', 1),
        (read_casie, {"content": "x"}, 1),
        (read_phee, '{"id": "1", "context": "a", "annotations": [{"events": [{}]}]}', 1),
        (read_sgd, [{"turns": [{"utterance": "x"}]}], 1),
        (read_fewrel, {"P1": [{"tokens": ["a"], "h": ["a", "Q", [[0]]]}]}, 1),
        (read_fewrel, {"P1": [{"tokens": ["a"]}, 3]}, 1),
        (read_causal_news, "index,text,causal_text_w_pairs\na,b,[(\n", 2),
        (read_rams, '{"sentences": [["a"]]}', 1),
        (
            read_instructuie,
            [{"sentence": "a", "entities": [{"type": "x", "name": "b", "pos": [0, 1]}]}],
            1,
        ),
    ],
)
def test_malformed_rows_say_where(
    write: Callable[[Any], Path], reader: Reader, content: Any, line: int
) -> None:
    path = write(content)
    with pytest.raises(DataError) as caught:
        list(reader(path))
    assert (caught.value.path, caught.value.line) == (path, line)
    assert f"{path}:{line}: " in str(caught.value)
    assert caught.value.content is not None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json"):
        list(read_spert(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("reader", "content"), [(read_fewrel, [1]), (read_sgd, {"turns": []}), (read_polyie, {})]
)
def test_a_file_of_another_shape_is_an_error(
    write: Callable[[Any], Path], reader: Reader, content: Any
) -> None:
    with pytest.raises(DataError, match="does not fit the format"):
        list(reader(write(content)))
