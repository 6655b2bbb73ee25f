from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie import __version__
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.signature import Signature, fingerprint
from instructuie.types import Extraction
from tests.evaluation.made import ask, entity, predictions

PRINT = "0123456789abcdef" * 4


def test_one_line_says_what_the_number_counts() -> None:
    signature = Signature.of("strict", "NER", "entity", data=PRINT, predictor="builtin", seed=0)
    assert str(signature) == (
        "rule:strict|task:NER|unit:entity|given:nothing|measure:F1|data:0123456789ab|"
        f"version:{__version__}|predictor:builtin|seed:0"
    )


def test_what_was_given_and_the_measure_follow_from_task_and_rule() -> None:
    signature = Signature.of("instructuie-released", "EEA", "argument", data=PRINT)
    assert (signature.given, signature.measure) == ("event label and trigger", "F1")
    assert Signature.of("instructuie-released", "EE", "event", data=PRINT).measure == "accuracy"
    assert "seed" not in signature.to_dict()
    assert "predictor" not in str(signature)


def test_the_dictionary_has_the_whole_fingerprint_and_comes_back() -> None:
    signature = Signature.of("paper", "ET", "entity", data=PRINT, predictor="a|b\nc", seed=3)
    assert signature.to_dict()["data"] == PRINT
    assert str(signature).count("|") == 8
    assert Signature.from_dict({**signature.to_dict()}) == signature


def test_differences_name_what_makes_two_scores_incomparable() -> None:
    one = Signature.of("strict", "NER", "entity", data=PRINT, predictor="a", seed=1)
    other = Signature.of("paper", "NER", "entity", data="f", predictor="b", seed=2)
    assert one.differences(one) == []
    assert one.differences(other) == ["rule: strict and paper", f"data: {PRINT[:12]}… and f"]


@settings(max_examples=60)
@given(st.lists(predictions, max_size=3))
def test_the_fingerprint_is_of_the_data_in_any_order(rows: list[Prediction]) -> None:
    assert fingerprint(rows) == fingerprint(rows[::-1])
    silent = [ask(p.gold, None, p.task, dataset=p.dataset, name=p.id) for p in rows]
    assert fingerprint(rows) == fingerprint(silent)


def test_another_gold_item_text_or_count_is_another_fingerprint() -> None:
    gold = Extraction((entity("person", 0, 3),))
    row = ask(gold, gold)
    others = [
        [ask(Extraction(), gold)],
        [ask(gold, gold, "ES")],
        [ask(gold, gold, text="other")],
        [ask(gold, gold, name="2")],
        [ask(gold, gold, gold_completion=" person: Ann")],
        [row, row],
        [],
    ]
    prints = [fingerprint(rows) for rows in ([row], *others)]
    assert len(set(prints)) == len(prints)
