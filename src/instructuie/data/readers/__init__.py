"""Readers, one per file format. A reader takes one native file and yields records with native labels.

    reader(path: Path, **options) -> Iterator[Record]

`path` may be gzip-compressed (`open_text` sees to that). A line that breaks the format raises
DataError with the file, the line, its content and the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from instructuie.data.readers.ace import read_ace
from instructuie.data.readers.answers import read_asked_entities, read_chat_entities
from instructuie.data.readers.bioc import read_bioc
from instructuie.data.readers.brat import read_brat
from instructuie.data.readers.characters import read_characters, read_sgd, read_tasteset
from instructuie.data.readers.columns import read_columns, read_parallel
from instructuie.data.readers.deft import read_deft
from instructuie.data.readers.dygie import read_dygie
from instructuie.data.readers.events import read_casie, read_muc, read_phee
from instructuie.data.readers.instructuie import read_instructuie
from instructuie.data.readers.marked import read_causal_news, read_marked_pairs, read_semeval
from instructuie.data.readers.markup import read_culotta, read_knowledgenet
from instructuie.data.readers.measeval import read_measeval
from instructuie.data.readers.ontonotes import read_conll2012, read_ontonotes
from instructuie.data.readers.pubtator import read_pubtator
from instructuie.data.readers.relations import (
    read_docred,
    read_edges,
    read_fewrel,
    read_polyie,
    read_webnlg,
    read_zerorte,
)
from instructuie.data.readers.rows import read_spert
from instructuie.data.readers.sofc import read_sofc
from instructuie.data.readers.tagged import read_tagged
from instructuie.data.readers.token_events import (
    read_m2e2,
    read_oneie,
    read_rams,
    read_triggers,
)
from instructuie.data.readers.triples import read_gids, read_nyt
from instructuie.data.record import Record

Reader = Callable[..., Iterator[Record]]

READERS: Mapping[str, Reader] = {
    "ace": read_ace,
    "asked_entities": read_asked_entities,
    "bioc": read_bioc,
    "brat": read_brat,
    "casie": read_casie,
    "causal_news": read_causal_news,
    "characters": read_characters,
    "chat_entities": read_chat_entities,
    "columns": read_columns,
    "conll2012": read_conll2012,
    "culotta": read_culotta,
    "deft": read_deft,
    "docred": read_docred,
    "dygie": read_dygie,
    "edges": read_edges,
    "fewrel": read_fewrel,
    "gids": read_gids,
    "instructuie": read_instructuie,
    "knowledgenet": read_knowledgenet,
    "m2e2": read_m2e2,
    "marked_pairs": read_marked_pairs,
    "measeval": read_measeval,
    "muc": read_muc,
    "nyt": read_nyt,
    "oneie": read_oneie,
    "ontonotes": read_ontonotes,
    "parallel": read_parallel,
    "phee": read_phee,
    "polyie": read_polyie,
    "pubtator": read_pubtator,
    "rams": read_rams,
    "semeval": read_semeval,
    "sgd": read_sgd,
    "sofc": read_sofc,
    "spert": read_spert,
    "tagged": read_tagged,
    "tasteset": read_tasteset,
    "triggers": read_triggers,
    "webnlg": read_webnlg,
    "zerorte": read_zerorte,
}
