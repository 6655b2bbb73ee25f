"""The released evaluator, against its known results and against a second implementation."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructuie.errors import TaskError
from instructuie.evaluation.counts import Counts
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.released import UNITS, count_answers, normal_form
from instructuie.evaluation.released_answer import released_answer
from instructuie.evaluation.rules import count_prediction
from instructuie.evaluation.scores import score
from instructuie.tasks import TASKS, TaskName
from instructuie.types import Argument, Entity, Event, Extraction, Mention, Relation
from tests.evaluation.made import ask

RULE = "instructuie-released"


@pytest.mark.parametrize(
    ("task", "gold", "completion", "right", "false_negative", "false_positive"),
    [
        ("NER", " None", "None", 1, 0, 0),
        ("NER", " None", "", 0, 1, 1),
        ("NER", " person: a", "person: a;", 1, 0, 1),
        ("NER", " person: a; person: a", "person: a", 1, 0, 0),
        ("NER", " location: allocation", "located: allocated", 1, 0, 0),
        ("NER", " person: US", "person: us", 1, 0, 0),
        ("NER", " person: A; B", "person: A", 1, 1, 0),
        ("NER", " person: U. S. - led", "person: U.S.-led", 1, 0, 0),
        ("NER", " gene: {p53}", "gene: p53", 1, 0, 0),
        ("RE", " NA: a, b", "None", 0, 1, 0),
        ("RE", " r: a, b; s: c, d", "s: c, d; r: a, b", 2, 0, 0),
        ("RE", " r: a, b", "r: b, a", 0, 1, 1),
        ("RE", " r: (a, b), c", "r:(a,b),c", 1, 0, 0),
        ("EEA", " x: role1; y: role2", "y: role2;x: role1", 2, 0, 0),
        ("EEA", " None", "None", 0, 0, 0),
    ],
)
def test_known_results_in_counts(
    task: TaskName,
    gold: str,
    completion: str,
    right: int,
    false_negative: int,
    false_positive: int,
) -> None:
    counts = count_answers(task, gold, completion)
    assert counts == Counts(right, right + false_positive, right + false_negative)


@pytest.mark.parametrize(
    ("task", "gold", "completion", "accuracy"),
    [
        ("EE", " ( attack: bombed,  a: x, b: y) ", " ( attack: bombed,  a: x) ", 0),
        ("EE", " ( attack: bombed,  a: x, b: y) ", "(attack:bombed,b:y,a:x)", 1),
        ("EE", " None", "whatever is said without brackets", 1),
        ("EE", " None", "", 1),
        ("EE", " (a: b) , (c: d)", "(c: d) (a: b) (a: b)", 1),
        ("EE", "(,x: 1,a: 2)", "(,a: 2,x: 1)", 0),
        ("EE", "(x: 1,a: 2)", "(a: 2,x: 1,)", 1),
        ("EE", "(x: 1,(a, b): 2)", "((a, b): 2,x: 1)", 1),
        ("EE", "(x: 1,(a, b): 2)", "((b, a): 2,x: 1)", 0),
        ("EE", "((x: 1", "whatever", 1),
        ("EET", " attack: a; meet: b", "meet: b; attack: a", 0),
        ("EET", " attack: a; meet: b", "ATTACK: a;meet :b", 1),
    ],
)
def test_known_results_in_accuracy(
    task: TaskName, gold: str, completion: str, accuracy: int
) -> None:
    assert count_answers(task, gold, completion) == Counts(accuracy, 1, 1)
    found = score([answered(task, gold, completion)], RULE).sets[0].units[UNITS[task]]
    assert (found.measure.name, found.micro) == ("accuracy", accuracy)


def test_known_result_of_lists() -> None:
    golds, completions = [" person: a", " place: b"], ["person: a", "person: b; place: c"]
    assert count_answers("NER", golds, completions) == Counts(1, 1, 1)
    assert count_answers("NER", golds[::-1], completions[::-1]) == Counts(0, 2, 1)
    assert count_answers("NER", [], []) == Counts(0, 0, 0)
    with pytest.raises(TaskError, match="two lists"):
        count_answers("NER", golds, "person: a")


def test_an_f1_of_two_thirds() -> None:
    found = score([answered("NER", " person: a", "person: a;")], RULE)
    assert found.sets[0].units["entity"].micro == pytest.approx(2 / 3)


def answered(task: TaskName, gold: str, completion: str, name: str = "1") -> Prediction:
    return ask(
        Extraction(), Extraction(), task, name=name, completion=completion, gold_completion=gold
    )


# ---- a second implementation, written from the description alone


class Tally(NamedTuple):
    hits: int
    missed: int
    extra: int


def squeezed(text: str) -> str:
    """Letter by letter: no blank beside a delimiter, single blanks elsewhere, none at the ends."""
    out = ""
    for letter in text:
        if letter.isspace():
            if out and out[-1] != " " and out[-1] not in ",:().;_'-":
                out += " "
        else:
            if letter in ",:().;_'-":
                out = out.rstrip(" ")
            out += letter
    return out.rstrip(" ")


def tidied(text: str) -> str:
    text = squeezed(text).lower()
    kept = ""
    for letter in text:
        if letter in "{}" or (letter in ",.;" and kept.endswith(letter)):
            continue
        kept += letter
    return "located".join(kept.replace(chr(0x2019), chr(0x27)).split("location"))


def entity_set(sentence: str) -> set[str]:
    return {tidied(part) for part in tidied(sentence).split(";")}


def colon_set(sentence: str) -> set[str]:
    return {part for part in entity_set(sentence) if part.count(":")}


def plain_tally(gold: set[str], said: set[str]) -> Tally:
    hits = sum(1 for part in gold if part in said)
    return Tally(hits, len(gold) - hits, sum(1 for part in said if part not in gold))


def other_label(part: str, others: set[str]) -> bool:
    """Whether one of the others has something but `na` where this part says `,na,`."""
    expression = "".join(map(re.escape, part))
    expression = expression.replace(",na,", ",(.+),")
    found = [re.match(expression, other) for other in others]
    return any(match.group(1) != "na" for match in found if match)


def relation_tally(gold: set[str], said: set[str]) -> Tally:
    hits = missed = extra = 0
    for part in gold:
        if ",na," in part:
            hits += not other_label(part, said)
        elif part in said:
            hits += 1
        else:
            missed += 1
    for part in said:
        if ",na," in part:
            extra += other_label(part, gold)
        else:
            extra += part not in gold
    return Tally(hits, missed, extra)


def argument_tally(gold: str, said: str) -> Tally:
    wanted = {tidied(part) for part in gold.split(";") if ":" in part}
    found = {tidied(part) for part in tidied(said).split(";") if ":" in part}
    return plain_tally(wanted, found)


def bracketed(sentence: str) -> list[str]:
    """A small machine: what is inside the outermost brackets."""
    found: list[str] = []
    depth, inside, opened = 0, "", False
    for at, letter in enumerate(sentence):
        if letter == "(" and depth == 0:
            depth, inside, opened = 1, "", True
            continue
        if letter == ")" and not opened:
            if not found and at:
                found.append(sentence[:at])
            continue
        if letter == ")" and depth == 1:
            if inside:
                found.append(inside)
            depth = 0
            continue
        depth += {"(": 1, ")": -1}.get(letter, 0) if depth else 0
        inside += letter
    if depth == 1 and inside:
        found.append(inside)
    return found


def parts_of(event: str) -> list[str]:
    found, part, depth = [], "", 0
    for letter in event:
        if letter == "," and not depth and part:
            found.append(part)
            part = ""
        else:
            part += letter
            depth += {"(": 1, ")": -1}.get(letter, 0)
    return [*found, part] if part else found


def event_set(sentence: str) -> set[str]:
    events = [tidied(event).replace("arguments:", "") for event in bracketed(sentence)]
    return {",".join(sorted(parts_of(event))) for event in events}


def original(task: TaskName, pairs: list[tuple[str, str]]) -> float:
    """The score of a file, as the description says that it is computed."""
    if task == "EE":
        right = [event_set(gold) == event_set(said) for gold, said in pairs]
        return sum(right) / len(right)
    if task == "EET":
        right = [tidied(gold) == tidied(said) for gold, said in pairs]
        return sum(right) / len(right)
    if task == "NER":
        rows = [plain_tally(entity_set(gold), entity_set(said)) for gold, said in pairs]
    elif task == "RE":
        rows = [relation_tally(colon_set(gold), colon_set(said)) for gold, said in pairs]
    else:
        rows = [argument_tally(gold, said) for gold, said in pairs]
    hits, missed, extra = (sum(column) for column in zip(*rows, strict=True))
    recall = hits / (hits + missed) if hits + missed else 0
    precision = hits / (hits + extra) if hits + extra else 0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0


CLEAN = {
    "NER": [" person: Ann", "; location: New York", "; person: Ann", " None", " gene: {p53}"],
    "RE": [" lives in: Ann, Rome", "; NA: Ann, Bob", "; met: Bob, Ann", " None", "; x: a, na, b"],
    "EE": [" ( die: shot,  Ann: victim, Rome: place) ", ", ( meet: talks,  None) ", " None"],
    "EET": [" die: shot", "; meet: talks", " None", "; attack: #$%#s fire"],
    "EEA": [" Ann: victim", "; Rome: place", " None", ";  Bob: agent"],
}
NOISE = [*list(",:;().'_-{}’ \tabN"), "na", "NA", ",na,", "location", "arguments:", "; ", "x: "]


def garbled(text: str, rng: random.Random) -> str:
    letters = list(text)
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        at = rng.randint(0, len(letters))
        if letters and rng.random() < 0.4:
            del letters[min(at, len(letters) - 1)]
        else:
            letters.insert(at, rng.choice(NOISE))
    return "".join(letters)


def pair(task: TaskName, rng: random.Random) -> tuple[str, str]:
    gold = "".join(rng.choices(CLEAN[task], k=rng.randint(1, 4)))
    other = "".join(rng.choices(CLEAN[task], k=rng.randint(0, 4)))
    noise = "".join(rng.choices(NOISE, k=rng.randint(0, 12)))
    said = rng.choice([gold, gold.strip(), other, garbled(gold, rng), garbled(other, rng), noise])
    return (garbled(gold, rng) if rng.random() < 0.3 else gold), said


@pytest.mark.parametrize("task", list(UNITS))
def test_files_score_as_the_second_implementation_says_to_the_last_digit(task: TaskName) -> None:
    rng = random.Random(task)
    for _ in range(250):
        pairs = [pair(task, rng) for _ in range(rng.randint(1, 12))]
        rows = [answered(task, *row, name=str(at)) for at, row in enumerate(pairs)]
        found = score(rows, RULE).sets[0].units[UNITS[task]]
        assert found.micro == original(task, pairs), pairs


@given(st.text(alphabet="aL ,:;().'_-{}\u2019\t\u3000\u0130", max_size=20))
def test_strings_are_put_into_normal_form_as_by_the_second_implementation(text: str) -> None:
    assert normal_form(text) == tidied(text)


nasty = st.lists(
    st.sampled_from(
        [*NOISE, "\u3000", "\x85", "İ", "Σ", "%\\", "[*", "loca{tion", ";;", "..", "(("]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(nasty, nasty) | nasty.map(lambda text: (text, text)), min_size=1, max_size=6
    ),
    st.sampled_from(list(UNITS)),
)
def test_nasty_strings_score_as_the_second_implementation_says(
    pairs: list[tuple[str, str]], task: TaskName
) -> None:
    rows = [answered(task, *row, name=str(at)) for at, row in enumerate(pairs)]
    assert score(rows, RULE).sets[0].units[UNITS[task]].micro == original(task, pairs)


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(list(UNITS)))
def test_any_string_can_be_scored(gold: str, completion: str, task: TaskName) -> None:
    assert count_answers(task, gold, completion).right >= 0


# ---- from items to sentences

VISIT = Event("visit", Mention("came"), (Argument("guest", Mention("Ann")),))
SILENT = Event("end", Mention("o'clock"))
GOLD = Extraction(
    (Entity("person", Mention("Ann")), Entity("NA", Mention("it")), Entity("place", Mention("US"))),
    (Relation("in", Mention("Ann"), Mention("US")), Relation("NA", Mention("US"), Mention("Ann"))),
    (VISIT, SILENT),
)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("NER", " person: Ann; place: US"),
        ("RE", " in: Ann, US; NA: US, Ann"),
        ("EE", " ( visit: came,  Ann: guest) , ( end: o#$%#clock,  None) "),
        ("EET", " visit: came; end: o#$%#clock"),
        ("EEA", " Ann: guest"),
    ],
)
def test_answers_are_written_as_the_released_code_does(task: TaskName, answer: str) -> None:
    assert released_answer(task, GOLD) == answer
    assert released_answer(task, Extraction()) == " None"


def test_what_the_system_wrote_counts_before_its_items() -> None:
    gold = Extraction((Entity("person", Mention("Ann")),))
    assert count_prediction(ask(gold, gold), RULE)["entity"] == {"person": Counts(1, 1, 1)}
    wrote = ask(gold, gold, completion="person: Bob")
    assert count_prediction(wrote, RULE)["entity"] == {"person": Counts(0, 1, 1)}
    unread = ask(gold, None, completion="person: Ann;")
    assert count_prediction(unread, RULE)["entity"] == {
        "": Counts(0, 1, 0),
        "person": Counts(1, 1, 1),
    }


def test_a_text_without_entities_is_a_right_item_and_no_answer_is_not() -> None:
    empty = Extraction()
    assert count_prediction(ask(empty, empty), RULE)["entity"] == {"": Counts(1, 1, 1)}
    assert count_prediction(ask(empty, None), RULE)["entity"] == {"": Counts(0, 0, 1)}
    assert count_prediction(ask(empty, None, "EE"), RULE)["event"] == {"": Counts(0, 0, 1)}


def test_tasks_without_a_released_score() -> None:
    for task in set(TASKS) - set(UNITS):
        assert count_prediction(ask(GOLD, GOLD, task), RULE) == {}
        with pytest.raises(TaskError, match="NER, RE, EE, EET, EEA"):
            count_answers(task, "", "")
        with pytest.raises(TaskError, match="NER, RE, EE, EET, EEA"):
            released_answer(task, GOLD)


def test_the_mean_over_data_sets_is_summed_in_the_order_of_the_file() -> None:
    rows = [
        ask(
            Extraction(), Extraction(), dataset=name, completion=said, gold_completion=" a: b; c: d"
        )
        for name, said in (("b", "a: b"), ("c", "a: b; c: d"), ("a", "c: d; e; f; g"))
    ]
    found = score(rows, RULE)
    values = [found.of("NER", "entity")[name].micro for name in ("b", "c", "a")]
    assert list(found.of("NER", "entity")) == ["b", "c", "a"]
    assert found.mean("NER", "entity") == sum(values) / 3
