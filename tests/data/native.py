"""One small native file for every reader, in the exact format, with what stands in it.

`FIXTURES[reader]` has the files by name (text, or a value that is written as JSON, or members of an
archive), the reader's options, and the items that must come out.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from instructuie.data.readers import READERS
from instructuie.data.record import Record


@dataclass(frozen=True, slots=True)
class Native:
    """The files of a fixture; the first is the one to read."""

    files: Mapping[str, Any]
    items: tuple[int, int, int]
    """Entities, relations and events."""
    options: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(to_bytes(content))
        return folder / next(iter(self.files))


def to_bytes(content: Any) -> bytes:
    if isinstance(content, Members):
        return content.packed()
    if not isinstance(content, str):
        content = json.dumps(content, ensure_ascii=False)
    return str(content).encode()


@dataclass(frozen=True, slots=True)
class Members:
    """What is written as a tar archive."""

    files: Mapping[str, str]

    def packed(self) -> bytes:
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w") as target:
            for name, text in self.files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text.encode())
                target.addfile(entry, io.BytesIO(text.encode()))
        return gzip.compress(raw.getvalue(), mtime=0)


def read(reader: str, path: Path) -> Iterator[Record]:
    return READERS[reader](path, **FIXTURES[reader].options)


def rows(*values: Any) -> str:
    """JSON lines."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


ACE_SGM = """<DOC>
<DOCID> XIN_ENG_1 </DOCID>
<DOCTYPE SOURCE="newswire"> NEWS STORY </DOCTYPE>
<DATETIME> 2003-03-03 </DATETIME>
<BODY>
<HEADLINE>
Blast at R&amp;D site
</HEADLINE>
<TEXT>
The mayor of Oslo, Ann Lee, visited the site
on Monday. A bomb killed two men there.
</TEXT>
</BODY>
</DOC>
"""


def charseq(text: str, inside: str = "") -> str:
    """The place of `text` as ACE counts: without tags, escapes as written, the end inclusive."""
    plain = "".join(piece.partition(">")[2] for piece in ("x>" + ACE_SGM).split("<"))
    start = plain.index(text, plain.index(inside))
    return f'<charseq START="{start}" END="{start + len(text) - 1}">{text}</charseq>'


def ace_mention(kind: str, id_: str, extent: str, head: str = "") -> str:
    inner = f"<extent>{charseq(extent)}</extent>"
    if head:
        inner += f"<head>{charseq(head, extent)}</head>"
    return f'<{kind}_mention ID="{id_}">{inner}</{kind}_mention>'


ACE_APF = f"""<?xml version="1.0"?>
<!DOCTYPE source_file SYSTEM "apf.v5.1.1.dtd">
<source_file URI="XIN_ENG_1.sgm" SOURCE="newswire" TYPE="text" ENCODING="UTF-8">
<document DOCID="XIN_ENG_1">
<entity ID="E1" TYPE="PER" SUBTYPE="Individual" CLASS="SPC">
{ace_mention("entity", "E1-1", "The mayor of Oslo, Ann Lee,", "mayor")}
{ace_mention("entity", "E1-2", "Ann Lee", "Ann Lee")}
</entity>
<entity ID="E2" TYPE="GPE" SUBTYPE="Population-Center" CLASS="SPC">
{ace_mention("entity", "E2-1", "Oslo", "Oslo")}
</entity>
<entity ID="E3" TYPE="FAC" SUBTYPE="Plant" CLASS="SPC">
{ace_mention("entity", "E3-1", "R&amp;D site", "site")}
{ace_mention("entity", "E3-2", "the site", "site")}
</entity>
<entity ID="E4" TYPE="PER" SUBTYPE="Group" CLASS="SPC">
{ace_mention("entity", "E4-1", "two men", "men")}
</entity>
<value ID="V1" TYPE="Numeric" SUBTYPE="Percent">
{ace_mention("value", "V1-1", "two")}
</value>
<timex2 ID="T0" VAL="2003-03-03">
{ace_mention("timex2", "T0-1", "2003-03-03")}
</timex2>
<timex2 ID="T1" VAL="2003-03-03">
{ace_mention("timex2", "T1-1", "Monday")}
</timex2>
<relation ID="R1" TYPE="GEN-AFF" SUBTYPE="Citizen-Resident-Religion-Ethnicity">
<relation_argument REFID="E1" ROLE="Arg-1"/><relation_argument REFID="E2" ROLE="Arg-2"/>
<relation_mention ID="R1-1" LEXICALCONDITION="Preposition">
<extent>{charseq("The mayor of Oslo")}</extent>
<relation_mention_argument REFID="E2-1" ROLE="Arg-2"><extent>{charseq("Oslo")}</extent>
</relation_mention_argument>
<relation_mention_argument REFID="E1-1" ROLE="Arg-1"><extent>{charseq("mayor")}</extent>
</relation_mention_argument>
<relation_mention_argument REFID="T1-1" ROLE="Time-Within"><extent>{charseq("Monday")}</extent>
</relation_mention_argument>
</relation_mention>
</relation>
<event ID="EV1" TYPE="Life" SUBTYPE="Die" MODALITY="Asserted">
<event_argument REFID="E4" ROLE="Victim"/>
<event_mention ID="EV1-1">
<extent>{charseq("A bomb killed two men there")}</extent>
<anchor>{charseq("killed")}</anchor>
<event_mention_argument REFID="E4-1" ROLE="Victim"><extent>{charseq("two men")}</extent>
</event_mention_argument>
<event_mention_argument REFID="E3-2" ROLE="Place"><extent>{charseq("the site")}</extent>
</event_mention_argument>
<event_mention_argument REFID="T1-1" ROLE="Time-Within"><extent>{charseq("Monday")}</extent>
</event_mention_argument>
</event_mention>
</event>
</document>
</source_file>
"""

BIOC = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source>x</source><date>1</date><key>k</key>
<document><id>17</id>
<passage><infon key="type">title</infon><offset>0</offset><text>Aspirin &amp; asthma</text>
<annotation id="T1"><infon key="type">Chemical</infon><location offset="0" length="7"/>
<text>Aspirin</text></annotation>
</passage>
<passage><offset>18</offset>
<sentence><offset>18</offset><text>It causes a rash.</text>
<annotation id="T2"><infon key="type">Disease</infon><location offset="30" length="4"/>
<text>rash</text></annotation>
</sentence>
</passage>
<relation id="R1"><infon key="type">causes</infon>
<node refid="T2" role="effect"/><node refid="T1" role="cause"/></relation>
<relation id="R2"><infon key="relation">CID</infon><infon key="Chemical">D1</infon></relation>
</document>
</collection>
"""

CONLL2012 = """#begin document (bc/x/00/x_0000); part 000
bc/x/00/x_0000 0 0 In IN (TOP(S(PP* - - - S1 * *
bc/x/00/x_0000 0 1 the DT (NP(NP* - - - S1 (DATE* *
bc/x/00/x_0000 0 2 summer NN *) - - - S1 * *
bc/x/00/x_0000 0 3 of IN (PP* - - - S1 * *
bc/x/00/x_0000 0 4 2005 CD (NP*)))) - - - S1 *) -
bc/x/00/x_0000 0 5 -LRB- -LRB- * - - - S1 * -
bc/x/00/x_0000 0 6 Oslo NNP (NP*) - - - S1 (GPE) (12)
bc/x/00/x_0000 0 7 -RRB- -RRB- * - - - S1 * -
bc/x/00/x_0000 0 8 /. . *)) - - - S1 * -

#end document
"""

ONTONOTES = """<DOC DOCNO="bn/x/00/x_0001@0001@x@bn@en@on">
The <ENAMEX TYPE="NORP" E_OFF="6">Swiss-based</ENAMEX> firm -LRB- AT&amp;T -RRB- left .
<ENAMEX TYPE="PERSON">Ann Lee</ENAMEX> won <ENAMEX TYPE="MONEY">$ 5</ENAMEX> in \
<ENAMEX TYPE="DATE" S_OFF="4">mid-May</ENAMEX> .
</DOC>
"""

DYGIE = rows(
    {
        "doc_key": "d1",
        "dataset": "x",
        "sentences": [["Ada", "left", "."], ["She", "moved", "to", "New", "York", "."]],
        "ner": [[[0, 0, "PER"]], [[3, 3, "PER"], [6, 7, "GPE"]]],
        "relations": [[], [[3, 3, 6, 7, "PHYS"]]],
        "events": [[], [[[4, "Movement"], [3, 3, "Artifact"], [6, 7, "Destination"]]]],
        "clusters": [[[0, 0], [3, 3]]],
    }
)

TWEET = {
    "tokens": ["Run", "with", "@", "ann", "in", "Oslo", "Park", "#", "oslorun"],
    "tags": [14, 14, 14, 5, 14, 4, 11, 14, 2],
    "id": "11",
    "date": "2020-01-02",
}
TWEET_NAMES = [
    *("B-corporation", "B-creative_work", "B-event", "B-group", "B-location", "B-person"),
    *("B-product", "I-corporation", "I-creative_work", "I-event", "I-group", "I-location"),
    *("I-person", "I-product", "O"),
]


def nugget(text: str, start: int) -> dict[str, Any]:
    return {"text": text, "startOffset": start, "endOffset": start + len(text)}


def phee(text: str, start: int) -> dict[str, Any]:
    return {"text": [[text]], "start": [[start]], "entity_id": ["T1"]}


def cells(*values: str) -> str:
    return "<tr><td>" + "</td><td>".join(values) + "</td></tr>\n"


def deft(*lines: str) -> str:
    return "".join(line.replace(" ", "\t ") + "\n" for line in lines) + "\n\n"


TASTE = '[{""span"": ""[(0, 1), ]"", ""type"": ""QUANTITY"", ""entity"": ""5""}]'
FIVE = ["Wilton", "Bridge", "crosses", "Wye", "."]
BRIDGE = "Wilton Bridge crosses Wye."

FIXTURES: Mapping[str, Native] = {
    "ace": Native(
        {"XIN_ENG_1.sgm": ACE_SGM, "XIN_ENG_1.apf.xml": ACE_APF},
        (6, 1, 1),
        {"part": "head"},
        (
            "\nBlast at R&D site\n\n\n"
            "The mayor of Oslo, Ann Lee, visited the site on Monday."
            " A bomb killed two men there.\n\n",
        ),
    ),
    "asked_entities": Native(
        {
            "x.jsonl": rows(
                {"input": "Ada left Rome.", "tagName": "city", "output": '["Rome"]'},
                {"input": "Ada left.", "tagName": "city", "output": "[]"},
                {"input": "Ada left Rome.", "tagName": "person", "output": '["Ada"]'},
            )
        },
        (2, 0, 0),
        {},
        ("Ada left Rome.", "Ada left."),
    ),
    "bioc": Native(
        {"x.xml": BIOC},
        (2, 1, 0),
        {"roles": ["cause", "effect"]},
        ("Aspirin & asthma  It causes a rash.",),
    ),
    "brat": Native(
        {
            "a.txt": "Ada joined Acme in Rome.\n",
            "a.ann": "T1\tPER 0 3\tAda\nT2\tORG 11 15\tAcme\nT3\tJoin 4 10\tjoined\n"
            "R1\tpart_of Arg1:T1 Arg2:T2\nE1\tJoin:T3 Who:T1\n#1\tNote T1\tx\n",
        },
        (2, 1, 1),
    ),
    "casie": Native(
        {
            "1.json": {
                "content": "They stole files.",
                "sourcefile": "1.txt",
                "cyberevent": {
                    "hopper": [
                        {
                            "events": [
                                {
                                    "type": "Attack",
                                    "subtype": "Databreach",
                                    "nugget": nugget("stole", 5),
                                    "argument": [
                                        {**nugget("They", 0), "role": {"type": "Attacker"}}
                                    ],
                                }
                            ]
                        }
                    ]
                },
            }
        },
        (0, 0, 1),
        {},
        ("They stole files.",),
    ),
    "causal_news": Native(
        {
            "x.csv": "index,text,causal_text_w_pairs\n"
            'a1,"Rain fell , so roads closed .",'
            "\"['<ARG0>Rain fell</ARG0> , <SIG0>so</SIG0> <ARG1>roads closed</ARG1> .']\"\n"
        },
        (2, 1, 0),
        {},
        ("Rain fell, so roads closed.",),
    ),
    "characters": Native(
        {
            "x.jsonl": rows(
                {
                    "id": 1,
                    "data": "A Silver Audi on the left.",
                    "ner_label": [
                        ["vehicle_color", 2, 8, "Silver", 1, 2, ["Silver"]],
                        ["vehicle_brand", 9, 13, "Audi", 2, 3, ["Audi"]],
                    ],
                    "re_label": [[0, 1]],
                }
            )
        },
        (2, 0, 0),
        {"text": "data", "entities": "ner_label", "label": 0, "start": 1, "end": 2},
        ("A Silver Audi on the left.",),
    ),
    "chat_entities": Native(
        {
            "x.jsonl": rows(
                {
                    "messages": [
                        {"role": "user", "content": "Find them. Text: 'Ada left Rome .'"},
                        {"role": "assistant", "content": "[Answer]: Ada: person_x; Rome: place_y"},
                    ]
                }
            )
        },
        (2, 0, 0),
        {},
        ("Ada left Rome.",),
    ),
    "columns": Native(
        {
            "x.conll": "-DOCSTART- -X- O O\n\nAda NNP I-NP I-PER\nof IN O O\n`` `` O O\nNew NNP I-NP I-LOC\n"
            "York NNP I-NP I-LOC\n'' '' O O\n\n-LRB- ( O O\nOslo NNP I-NP I-LOC\n-RRB- ) O O\n"
        },
        (3, 0, 0),
        {"tag_column": 3},
        ('Ada of "New York"', "(Oslo)"),
    ),
    "conll2012": Native(
        {"x.v4_gold_conll": CONLL2012}, (2, 0, 0), {}, ("In the summer of 2005 (Oslo).",)
    ),
    "culotta": Native(
        {
            "x.train": "url=http://en.wikipedia.org/wiki/Ada_Byron\n"
            'Byron saw <a href="/z" title="Rome" relation="visited"><b>Rome</b></a>.\n'
        },
        (0, 1, 0),
        {},
        ("Byron saw Rome.",),
    ),
    "deft": Native(
        {
            "x.tar.gz": Members(
                {
                    "a.deft": deft(
                        "Kames s 0 5 B-Term T1 0 0",
                        "are s 6 9 O -1 -1 0",
                        "hills s 10 15 B-Definition T2 T1 Direct-Defines",
                    )
                }
            )
        },
        (2, 1, 0),
        {},
        ("Kames are hills",),
    ),
    "docred": Native(
        {
            "x.json": [
                {
                    "title": "t",
                    "sents": [["Ada", "left", "Rome", "."]],
                    "vertexSet": [
                        [{"sent_id": 0, "pos": [0, 1], "type": "PER", "name": "Ada"}],
                        [{"sent_id": 0, "pos": [2, 3], "type": "LOC", "name": "Rome"}],
                    ],
                    "labels": [{"h": 0, "t": 1, "r": "P1", "evidence": [0]}],
                }
            ]
        },
        (2, 1, 0),
        {},
        ("Ada left Rome.",),
    ),
    "dygie": Native({"x.json": DYGIE}, (3, 1, 1), {}, ("Ada left.", "She moved to New York.")),
    "edges": Native(
        {
            "x.json": rows(
                {
                    "tokens": FIVE,
                    "edgeSet": [{"kbID": "P177", "left": [0, 1], "right": [3]}],
                    "vertexSet": [],
                }
            )
        },
        (0, 1, 0),
        {},
        (BRIDGE,),
    ),
    "fewrel": Native(
        {
            "x.json": {
                "P177": [{"tokens": FIVE, "h": ["x", "Q1", [[0, 1]]], "t": ["y", "Q2", [[3]]]}]
            }
        },
        (0, 1, 0),
        {},
        (BRIDGE,),
    ),
    "gids": Native(
        {
            "x.tsv": "/m/1\t/m/2\tAda_Byron\tLondon\t/born\t"
            "Ada_Byron , a ((NAM: great)) poet , was born in London . ###END### \n"
            "/m/1\t/m/2\tAda_Byron\tLondon\t/born\tAda_Byron of ``London''. ###END###\n"
        },
        (0, 2, 0),
        {},
        ("Ada Byron, a great poet, was born in London.", 'Ada Byron of "London".'),
    ),
    "instructuie": Native(
        {
            "x.json": [
                {
                    "sentence": "Rome is in Italy .",
                    "relations": [
                        {
                            "head": {"name": "Italy", "type": "NA", "pos": [11, 16]},
                            "type": "contains",
                            "tail": {"name": "Rome", "type": "city", "pos": [0, 4]},
                        }
                    ],
                }
            ]
        },
        (1, 1, 0),
        {"tokenized": True},
        ("Rome is in Italy.",),
    ),
    "knowledgenet": Native(
        {
            "x.html": "<table>\n"
            + cells(
                "1",
                "7",
                "10",
                "30",
                "10",
                "13",
                "26",
                "30",
                "HOME",
                "<p> <b>Ada</b> &amp; Co are in Rome</p>",
            )
        },
        (0, 1, 0),
        {},
        ("Ada & Co are in Rome",),
    ),
    "m2e2": Native(
        {
            "x.json": [
                {
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
            ]
        },
        (1, 0, 1),
        {},
        ("Police held him",),
    ),
    "marked_pairs": Native(
        {
            "x.txt": rows(
                {"text": "<< Aspirin >> and ibuprofen block [[ COX-1 ]].", "label": "INHIBITOR"},
                {"text": "Aspirin and [[ ibuprofen ]] block << COX-1 >>.", "label": "INHIBITOR"},
            )
        },
        (0, 2, 0),
        {},
        ("Aspirin and ibuprofen block COX-1.",),
    ),
    "measeval": Native(
        {
            "x.tar.gz": Members(
                {
                    "text/A-1.txt": "Nothing here.",
                    "text/A-2.txt": "It is 5 m long.",
                    "tsv/A-2.tsv": "docId\tannotSet\tannotType\tstartOffset\tendOffset\tannotId\ttext"
                    "\tother\n"
                    'A-2\t1\tQuantity\t6\t9\tT1-1\t5 m\t{"unit": "m"}\n'
                    'A-2\t1\tMeasuredProperty\t10\t14\tT2-1\tlong\t{"HasQuantity": "T1-1"}\n',
                }
            )
        },
        (2, 1, 0),
        {},
        ("Nothing here.", "It is 5 m long."),
    ),
    "muc": Native(
        {
            "x.json": rows(
                {
                    "docid": "D1",
                    "doctext": "the men fired a rifle.",
                    "extracts": {"PerpInd": [[["the men", 0]]], "Weapon": [[["rifle", 16]]]},
                }
            )
        },
        (2, 0, 0),
    ),
    "nyt": Native(
        {
            "x.json": rows(
                {
                    "sentText": "Bergen -LRB- Norway -RRB- is wet .",
                    "relationMentions": [
                        {"em1Text": "Bergen", "em2Text": "Norway", "label": "/x/country"}
                    ],
                    "entityMentions": [{"start": 0, "text": "Norway", "label": "LOCATION"}],
                }
            )
        },
        (1, 1, 0),
        {},
        ("Bergen (Norway) is wet.",),
    ),
    "oneie": Native(
        {
            "x.json": rows(
                {
                    "doc_id": "d",
                    "sent_id": "d-1",
                    "tokens": ["Rebels", "attacked", "Homs", "."],
                    "entity_mentions": [
                        {"id": "a", "start": 0, "end": 1, "entity_type": "PER", "text": "Rebels"},
                        {"id": "b", "start": 2, "end": 3, "entity_type": "GPE", "text": "Homs"},
                    ],
                    "relation_mentions": [
                        {
                            "id": "r",
                            "relation_type": "PHYS",
                            "relation_subtype": "PHYS.Located",
                            "arguments": [
                                {"entity_id": "b", "role": "Arg-2", "text": "Homs"},
                                {"entity_id": "a", "role": "Arg-1", "text": "Rebels"},
                            ],
                        }
                    ],
                    "event_mentions": [
                        {
                            "event_type": "Conflict:Attack",
                            "trigger": {"start": 1, "end": 2, "text": "attacked"},
                            "arguments": [{"entity_id": "a", "role": "Attacker"}],
                        }
                    ],
                }
            )
        },
        (2, 1, 1),
        {},
        ("Rebels attacked Homs.",),
    ),
    "ontonotes": Native(
        {"x.name": ONTONOTES},
        (4, 0, 0),
        {},
        ("The Swiss-based firm (AT&T) left.", "Ann Lee won $5 in mid-May."),
    ),
    "parallel": Native(
        {"seq.in": "play hey jude\n", "seq.out": "O B-track I-track\n", "label": "x\n"}, (1, 0, 0)
    ),
    "phee": Native(
        {
            "x.json": rows(
                {
                    "id": "1_1",
                    "context": "Rash after drug A.",
                    "annotations": [
                        {
                            "events": [
                                {
                                    "event_id": "E1",
                                    "event_type": "Adverse_event",
                                    "Trigger": phee("after", 5),
                                    "Effect": phee("Rash", 0),
                                    "Treatment": {**phee("drug A", 11), "Drug": phee("A", 16)},
                                }
                            ]
                        }
                    ],
                }
            )
        },
        (0, 0, 1),
    ),
    "polyie": Native(
        {
            "x.jsonl": {
                "text": [[["P3HT", "has", "a", "band", "gap", "of", "1.9", "eV"]]],
                "label": [[["B-CN", "O", "O", "B-PN", "I-PN", "O", "B-PV", "I-PV"]]],
                "relation": [[[[[0, 1], [3, 5], [6, 8]]]]],
            }
        },
        (3, 2, 0),
    ),
    "pubtator": Native(
        {
            "x.PubTator": "1|t|Lithium toxicity\n1|a|A newborn had rash.\n"
            "1\t0\t7\tLithium\tChemical\tD1\n1\t31\t35\trash\tDisease\tD2\n1\tCID\tD1\tD2\n\n"
        },
        (2, 1, 0),
        {},
        ("Lithium toxicity A newborn had rash.",),
    ),
    "rams": Native(
        {
            "x.jsonlines": rows(
                {
                    "doc_key": "k",
                    "sentences": [["He", "died", "."], ["In", "New", "York", "."]],
                    "evt_triggers": [[1, 1, [["life.die.n/a", 1.0]]]],
                    "gold_evt_links": [[[1, 1], [4, 5], "evt089arg02place"]],
                }
            )
        },
        (0, 0, 1),
    ),
    "semeval": Native(
        {
            "x.TXT": '1\t"The <e1>car</e1> has an <e2>engine</e2>."\r\nComponent-Whole(e2,e1)\r\n'
            "Comment: \r\n\r\n"
        },
        (0, 1, 0),
        {},
        ("The car has an engine.",),
    ),
    "sgd": Native(
        {
            "x.json": [
                {
                    "turns": [
                        {
                            "utterance": "In Rome.",
                            "frames": [
                                {"slots": [{"slot": "city", "start": 3, "exclusive_end": 7}]}
                            ],
                        }
                    ]
                }
            ]
        },
        (1, 0, 0),
    ),
    "sofc": Native(
        {
            "x.tar.gz": Members(
                {
                    "SOFC-Exp-Metadata.csv": "name\tset\nP1\ttrain\nP2\ttest\n",
                    "texts/P1.txt": "A cell. It yielded 5 W with Ni.",
                    "annotations/sentences/P1.csv": "1\t0\t0\t7\n2\t1\t8\t31\n",
                    "annotations/frames/P1.csv": "SPAN\t1\tEXPERIMENT:current_exp\t2\t3\t10\n"
                    "SPAN\t2\tVALUE\t2\t11\t14\nSPAN\t3\tMATERIAL\t2\t20\t22\n"
                    "EXPERIMENT\t1\t1\n\tpower_density\t2\n\tanode_material\t3\n"
                    "LINK\tcoreference\t2\t3\n",
                }
            )
        },
        (2, 0, 1),
        {},
        ("A cell. It yielded 5 W with Ni.",),
    ),
    "spert": Native(
        {
            "x.json": [
                {
                    "tokens": ["Ada", "lives", "in", "Rome", "."],
                    "entities": [
                        {"type": "Peop", "start": 0, "end": 1},
                        {"type": "Loc", "start": 3, "end": 4},
                    ],
                    "relations": [{"type": "Live_In", "head": 0, "tail": 1}],
                    "orig_id": 7,
                }
            ]
        },
        (2, 1, 0),
    ),
    "tagged": Native(
        {"x.json": rows(TWEET)},
        (3, 0, 0),
        {"names": TWEET_NAMES, "prefixes": ["@", "#"]},
        ("Run with @ann in Oslo Park #oslorun",),
    ),
    "tasteset": Native(
        {"x.csv": f'ingredients,ingredients_entities\n"5 rum\n","{TASTE}"\n'}, (1, 0, 0)
    ),
    "triggers": Native(
        {
            "x.json": rows(
                {
                    "id": 3,
                    "tokens": ["A", "raid"],
                    "events": [{"start": 1, "end": 2, "event_type": "Attack"}],
                }
            )
        },
        (0, 0, 1),
    ),
    "webnlg": Native(
        {"x.json": [{"tokens": FIVE, "spo_details": [[0, 2, "None", "over", 3, 4, "None"]]}]},
        (0, 1, 0),
    ),
    "zerorte": Native(
        {
            "x.jsonl": rows(
                {"triplets": [{"tokens": FIVE, "head": [0, 1], "tail": [3], "label": "crosses"}]}
            )
        },
        (0, 1, 0),
        {},
        (BRIDGE,),
    ),
}
