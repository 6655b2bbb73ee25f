"""`strict` against the strict mode of seqeval, on flat BIO tags: made up ones and real ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructuie.data.card import load_card
from instructuie.data.load import load_records
from instructuie.evaluation.scores import score
from instructuie.types import Entity, Extraction, Mention
from tests.evaluation.made import ask

# Its strict mode is this module: a chunk is right by label and both ends, and begins with B.
seqeval = pytest.importorskip("seqeval.metrics.v1")
scheme = pytest.importorskip("seqeval.scheme")

Tags = list[str]
Chunk = tuple[str, int, int]


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """The entities of strict BIO: a chunk begins at B and goes on while I has the same label."""
    found: list[Chunk] = []
    start = -1
    for at, tag in enumerate([*tags, "O"]):
        inside = start >= 0 and tag == f"I-{tags[start][2:]}"
        if start >= 0 and not inside:
            found.append((tags[start][2:], start, at))
            start = -1
        if tag.startswith("B-"):
            start = at
    return found


def extraction(found: Sequence[Chunk], text: str) -> Extraction:
    """Each tag stands for two characters of the text."""
    return Extraction(
        tuple(Entity(label, Mention.of(text, 2 * a, 2 * b - 1)) for label, a, b in found)
    )


def both(gold: Sequence[Tags], said: Sequence[Tags]) -> None:
    """Assert that precision, recall and F1 agree: micro, macro and by label."""
    rows = []
    for number, (wanted, found) in enumerate(zip(gold, said, strict=True)):
        text = "x " * len(wanted)
        sides = (extraction(chunks(wanted), text), extraction(chunks(found), text))
        rows.append(ask(*sides, text=text, name=str(number)))
    ours = score(rows).sets[0].units["entity"]
    reports = {
        average: seqeval.precision_recall_fscore_support(
            list(gold), list(said), average=average, scheme=scheme.IOB2, zero_division=0
        )
        for average in (None, "micro")
    }
    assert [[*row] for row in zip(*reports[None], strict=True)] == [
        pytest.approx([counts.precision, counts.recall, counts.f1, counts.gold])
        for counts in ours.labels.values()
    ]
    total = ours.total
    assert (total.precision, total.recall, ours.micro) == pytest.approx(reports["micro"][:3])
    assert ours.macro == pytest.approx(reports[None][2].mean())


tag = st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"])


@given(st.data())
def test_made_up_tags(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    gold, said = (
        [data.draw(st.lists(tag, min_size=n, max_size=n)) for n in lengths] for _ in range(2)
    )
    if any(map(chunks, gold)) and any(map(chunks, said)):
        both(gold, said)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "texts"), [("conll2003", 3000), ("mit_restaurant", 1500), ("crossner_science", 500)]
)
def test_real_tags(name: str, texts: int, data_root: Path) -> None:
    """The gold tags of the test split, and the same with one in ten changed."""
    card = load_card(name)
    rng = Random(0)
    gold, said = [], []
    for record in load_records(card, "test", data_root):
        tags = bio(record.text, record.gold)
        gold.append(tags)
        labels = ["O", *(f"{p}-{e.label}" for e in record.gold.entities for p in "BI")]
        said.append([rng.choice(labels) if rng.random() < 0.1 else tag for tag in tags])
    assert len(gold) > texts
    both(gold, said)


def bio(text: str, gold: Extraction) -> Tags:
    """One tag for each word and each mark; an entity that ends within a word has the whole word."""
    tags = []
    for word in re.finditer(r"\w+|[^\w\s]", text):
        tag = "O"
        for entity in gold.entities:
            span = entity.mention.span
            assert span is not None
            if span.start < word.end() and word.start() < span.end:
                tag = f"{'B' if word.start() <= span.start else 'I'}-{entity.label}"
        tags.append(tag)
    return tags
