from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from instructuie.data.passages import passages
from instructuie.data.record import Record
from instructuie.pointer.words import split_words
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.tiny import record


@st.composite
def documents(draw: st.DrawFn) -> Record:
    words = draw(
        st.lists(st.sampled_from(["Ann", "saw", "it.", "No!", "\n\n", "北。"]), min_size=1)
    )
    text = " ".join(words)
    visible = [place for place, char in enumerate(text) if not char.isspace()]
    if not visible:
        return Record(text, Extraction(), "doc")

    def mention() -> Mention:
        one, other = (draw(st.sampled_from(visible)) for _ in range(2))
        start = min(one, other)
        return Mention.of(text, start, min(max(one, other), start + 12) + 1)

    def some(count: int) -> range:
        return range(draw(st.integers(0, count)))

    gold = Extraction(
        tuple(Entity("x", mention()) for _ in some(4)),
        tuple(Relation("r", mention(), mention()) for _ in some(3)),
        tuple(
            Event("e", mention(), tuple(Argument("a", mention()) for _ in some(2))) for _ in some(2)
        ),
    )
    return Record(text, gold, "doc")


def trimmed(record: Record) -> bool:
    """Whether no mention begins or ends with white space."""
    return all(m.text == m.text.strip() for m in record.gold.mentions())


@given(documents().filter(trimmed), st.integers(1, 9))
def test_no_mention_is_cut_or_lost(document: Record, max_words: int) -> None:
    found = list(passages(document, max_words=max_words))
    starts = [int(passage.id.split("@")[1]) for passage in found]
    for passage, start in zip(found, starts, strict=True):
        passage.check()
        assert document.text[start : start + len(passage.text)] == passage.text
    assert starts == sorted(set(starts))

    def moved(kind: str) -> list[tuple[str, int, int]]:
        rows = []
        for passage, start in zip(found, starts, strict=True):
            for item in getattr(passage.gold, kind):
                mention = item.mention if kind == "entities" else item.trigger
                rows.append((item.label, mention.span.start + start, mention.span.end + start))
        return sorted(rows)

    assert moved("entities") == sorted(
        (e.label, e.mention.span.start, e.mention.span.end)
        for e in document.gold.entities
        if e.mention.span
    )
    assert moved("events") == sorted(
        (e.label, e.trigger.span.start, e.trigger.span.end)
        for e in document.gold.events
        if e.trigger.span
    )
    kept = sum(len(passage.gold.relations) for passage in found)
    assert kept <= len(document.gold.relations)


@given(documents(), st.integers(1, 9))
def test_every_word_is_in_one_passage(document: Record, max_words: int) -> None:
    found = list(passages(document, max_words=max_words))
    words = [p.text[a:b] for p in found for a, b in split_words(p.text)]
    assert words == [document.text[a:b] for a, b in split_words(document.text)]


def test_passages_are_whole_sentences_up_to_the_limit() -> None:
    text = "One two. Three four. Five six seven eight nine ten. Eleven."
    found = [p.text for p in passages(Record(text, Extraction()), max_words=6)]
    assert found == ["One two. Three four.", "Five six seven eight nine ten.", "Eleven."]


def test_sentences_that_share_a_mention_stay_together() -> None:
    document = record("Ann left. Bob v. Smith. Eve won.", entities=[("case", "left. Bob v. Smith")])
    found = list(passages(document, max_words=3))
    assert [p.text for p in found] == ["Ann left. Bob v. Smith.", "Eve won."]


def test_what_reaches_into_another_passage_is_left_out() -> None:
    document = record(
        "Ann left. Bob won.",
        relations=[("knows", "Ann", "Bob"), ("did", "Bob", "won")],
        events=[("win", "won", {"who": "Bob", "rival": "Ann"})],
    )
    first, second = passages(document, max_words=3)
    assert first.gold == Extraction()
    assert [r.label for r in second.gold.relations] == ["did"]
    assert [a.role for a in second.gold.events[0].arguments] == ["who"]
    assert (first.id, second.id) == (f"{document.id}@0", f"{document.id}@10")
