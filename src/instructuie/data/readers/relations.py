"""Relations between mentions that are named by their tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise, product
from pathlib import Path

from instructuie.data.readers.rows import Json, TokenText, load_json, map_rows, unique
from instructuie.data.record import Record
from instructuie.types import Entity, Extraction, Mention, Relation


def read_fewrel(path: Path) -> Iterator[Record]:
    """FewRel: `{relation: [{tokens, h, t}]}`; of several places of an end the first is taken."""
    return map_rows(path, _fewrel, rows=_fewrel_rows(path))


def _fewrel_rows(path: Path) -> Iterator[tuple[int, Json]]:
    for label, items in load_json(path).items():
        for number, item in enumerate(items, start=1):
            yield number, (f"{label}-{number}", label, item)


def _fewrel(row: Json) -> Record:
    name, label, item = row
    tokens = TokenText.of(item["tokens"])
    head, tail = (_token_list(tokens, item[end][2][0]) for end in ("h", "t"))
    return Record(tokens.text, Extraction(relations=(Relation(label, head, tail),)), name)


def _token_list(tokens: TokenText, places: Sequence[int]) -> Mention:
    return tokens.mention(min(places), max(places) + 1)


def read_zerorte(path: Path) -> Iterator[Record]:
    """RelationPrompt: a line holds the `triplets` of a sentence; one without an end is left out."""
    return map_rows(path, _zerorte)


def _zerorte(row: Json) -> Record | None:
    tokens = TokenText.of(row["triplets"][0]["tokens"])
    relations = (
        Relation(
            triplet["label"],
            _token_list(tokens, triplet["head"]),
            _token_list(tokens, triplet["tail"]),
        )
        for triplet in row["triplets"]
        if triplet["head"] and triplet["tail"]
    )
    gold = Extraction(relations=unique(relations))
    return Record(tokens.text, gold) if gold.relations else None


def read_edges(path: Path) -> Iterator[Record]:
    """UKP's Wikipedia-Wikidata relations (Wiki-ZSL): `tokens` and an `edgeSet` between token lists.

    An edge without an end is left out.
    """
    return map_rows(path, _edges)


def _edges(row: Json) -> Record | None:
    tokens = TokenText.of(row["tokens"])
    relations = (
        Relation(
            edge["kbID"], _token_list(tokens, edge["left"]), _token_list(tokens, edge["right"])
        )
        for edge in row["edgeSet"]
        if edge["left"] and edge["right"]
    )
    gold = Extraction(relations=unique(relations))
    return Record(tokens.text, gold) if gold.relations else None


def read_webnlg(path: Path) -> Iterator[Record]:
    """JointER: `tokens` and `spo_details` of token ranges, end exclusive.

    A triple with an end of punctuation alone was placed wrongly and is left out.
    """
    return map_rows(path, _webnlg)


def _webnlg(row: Json) -> Record:
    tokens = TokenText.of(row["tokens"])
    relations = (
        Relation(label, tokens.mention(head, head_end), tokens.mention(tail, tail_end))
        for head, head_end, _, label, tail, tail_end, _ in row["spo_details"]
        if _has_word(row["tokens"][head:head_end]) and _has_word(row["tokens"][tail:tail_end])
    )
    return Record(tokens.text, Extraction(relations=unique(relations)))


def _has_word(tokens: Sequence[str]) -> bool:
    return not tokens or any(char.isalnum() for token in tokens for char in token)


def read_docred(path: Path, *, glue: Collection[str] = ()) -> Iterator[Record]:
    """DocRED: documents whose relations hold between entities of several mentions.

    In every sentence that names both ends, the relation joins their nearest mentions there; where
    no sentence names both, it joins the nearest mentions of the document. `glue` is that of
    `natural_spaces`.
    """
    return map_rows(path, partial(_docred, glue=glue))


Place = tuple[int, int, Mention]
"""Sentence, first token, mention."""


def _docred(row: Json, *, glue: Collection[str]) -> Record:
    words = [token for sentence in row["sents"] for token in sentence]
    tokens = TokenText.of(words, glue=glue)
    first, total = [], 0
    for sentence in row["sents"]:
        first.append(total)
        total += len(sentence)
    entities: list[Entity] = []
    places: list[list[Place]] = []
    for vertex in row["vertexSet"]:
        places.append([])
        for mention in vertex:
            base = first[mention["sent_id"]]
            start, end = (base + place for place in mention["pos"])
            placed = tokens.mention(start, end)
            entities.append(Entity(mention["type"], placed))
            places[-1].append((mention["sent_id"], start, placed))
    relations = (
        Relation(label["r"], head, tail)
        for label in row["labels"]
        for head, tail in _nearest_pairs(places[label["h"]], places[label["t"]])
    )
    return Record(
        tokens.text, Extraction(unique(entities), unique(relations)), row.get("title", "")
    )


def _nearest_pairs(
    heads: Iterable[Place], tails: Iterable[Place]
) -> Iterator[tuple[Mention, Mention]]:
    pairs = sorted(product(heads, tails), key=lambda pair: abs(pair[0][1] - pair[1][1]))
    seen: set[int] = set()
    for head, tail in pairs:
        if head[0] == tail[0] and head[0] not in seen:
            seen.add(head[0])
            yield head[2], tail[2]
    if pairs and not seen:
        yield pairs[0][0][2], pairs[0][1][2]


def read_polyie(path: Path, *, glue: Collection[str] = ()) -> Iterator[Record]:
    """PolyIE: paragraphs as tokens, BIO tags and tuples of token ranges.

    A tuple (compound, property, value, condition) becomes the relations between each part and the
    next; the label is the two parts' types, `CN-PN`. `glue` is that of `natural_spaces`.
    """
    return map_rows(path, partial(_polyie, glue=glue), rows=_polyie_rows(path))


def _polyie_rows(path: Path) -> Iterator[tuple[int, Json]]:
    data = load_json(path)
    documents = zip(data["text"], data["label"], data["relation"], strict=True)
    paragraphs = (row for document in documents for row in zip(*document, strict=True))
    yield from enumerate(paragraphs, start=1)


_POLYIE_ORDER = ("CN", "PN", "PV", "Condition")


def _polyie(row: Json, *, glue: Collection[str]) -> Record:
    words, tags, tuples = row
    tokens = TokenText.of(words, glue=glue)
    entities = [Entity(label, tokens.mention(*place)) for label, *place in _bio(tags)]
    relations = []
    for parts in tuples:
        typed = {tags[start][2:]: tokens.mention(start, end) for start, end in parts}
        known = [label for label in _POLYIE_ORDER if label in typed]
        relations += [
            Relation(f"{one}-{other}", typed[one], typed[other]) for one, other in pairwise(known)
        ]
    return Record(tokens.text, Extraction(unique(entities), unique(relations)))


def _bio(tags: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    start = 0
    for at in range(1, len(tags) + 1):
        if at == len(tags) or tags[at] != f"I-{tags[start][2:]}":
            if tags[start] != "O":
                yield tags[start][2:], start, at
            start = at
