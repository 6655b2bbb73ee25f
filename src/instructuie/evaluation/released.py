"""The rule `instructuie-released`: the evaluator of the released InstructUIE code, fault for fault.

It reads answer sentences, not items, and so does this: the completion as it was written, garbled or
not. Every difference between the two is a bug of ours. What surprises users is kept on purpose:

- NER: `None` and the empty string are entities, so a text without entities that is answered rightly
  is a right item. Nothing has offsets, repeated mentions count once.
- `location` is read as `located` everywhere, also within `allocation`.
- RE: `NA` is an ordinary label; a text between `,na,` is a wild card left from an older format.
- EE and EET: 1 or 0 for the whole answer (accuracy); in EET the order of triggers counts.
- EEA: the gold event label is given. ES, ET, EP and EPR have no score.

Every score still is a division of counts that add up over records: for the accuracies, the answer of
a record is one item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from instructuie.errors import TaskError
from instructuie.evaluation.counts import Counts, match_equal, new_table
from instructuie.evaluation.items import Compared, Item
from instructuie.evaluation.prediction import Prediction
from instructuie.evaluation.released_answer import released_answer
from instructuie.tasks import TaskName

UNITS: Mapping[TaskName, str] = {
    "NER": "entity",
    "RE": "relation",
    "EE": "event",
    "EET": "trigger",
    "EEA": "argument",
}
"""The tasks that the released code has a score for, and what it counts; `event` is a whole answer."""

Both: TypeAlias = tuple[list[Item], list[Item]]
"""Gold and predicted."""

_MARKS = tuple((mark, f" {mark}", f"{mark} ") for mark in ",:().;'_-")
"""A mark, and the same with a blank before and behind it, which goes."""
_REPEATED = re.compile(r"([,.;])\1+")
_BRACES = str.maketrans("", "", "{}")


def items(prediction: Prediction) -> list[Compared]:
    """The items of both sentences; where a side is no sentence, its items are written as one.

    A record without an answer has missed its gold and said nothing: the empty completion would say
    an empty entity.
    """
    task = prediction.task
    if task not in UNITS:
        return []
    gold = prediction.gold_completion
    if gold is None:
        gold = released_answer(task, prediction.gold)
    completion = prediction.completion
    if completion is None and prediction.predicted is not None:
        completion = released_answer(task, prediction.predicted)
    wanted, found = _READERS[task](gold, completion or "")
    return [(UNITS[task], wanted, [] if completion is None else found)]


def count_answers(
    task: TaskName, gold: str | Sequence[str], completion: str | Sequence[str]
) -> Counts:
    """The counts of one pair of sentences: right is TP, predicted TP + FP, gold TP + FN.

    Of lists, the evaluator scores the first pair and forgets the others, and so does this; files are
    not given to it in lists. Raises TaskError for a task that the released code has no score for.
    """
    if task not in UNITS:
        raise TaskError(
            f"the released evaluator has no score for {task}: expected one of {', '.join(UNITS)}"
        )
    if not isinstance(gold, str) or not isinstance(completion, str):
        if isinstance(gold, str) or isinstance(completion, str):
            raise TaskError("gold and completion must be two sentences or two lists of sentences")
        if not gold or not completion:
            return Counts()
        gold, completion = gold[0], completion[0]
    wanted, found = _READERS[task](gold, completion)
    return Counts(*match_equal(wanted, found, new_table()))


def normal_form(text: str) -> str:
    """A sentence or a part of it, as the evaluator compares it.

    Once is not enough where taking out braces or turning an apostrophe leaves new blanks; the
    evaluator applies it twice in some places and once in others, and so do the readers here.
    """
    text = " ".join(text.split())
    if " " in text:
        for mark, after, before in _MARKS:
            if mark in text:
                text = text.replace(after, mark).replace(before, mark)
    text = text.lower()
    if "{" in text or "}" in text:
        text = text.translate(_BRACES)
    if ",," in text or ".." in text or ";;" in text:
        text = _REPEATED.sub(r"\1", text)
    return text.replace("’", "'").replace("location", "located")


def _read_entities(gold: str, completion: str) -> Both:
    wanted = _labelled(_pieces(gold))
    return wanted, wanted if gold == completion else _labelled(_pieces(completion))


def _read_relations(gold: str, completion: str) -> Both:
    wanted = [piece for piece in _pieces(gold) if ":" in piece]
    found = [piece for piece in _pieces(completion) if ":" in piece]
    if any(_NA in piece for piece in (*wanted, *found)):
        return _with_wild_cards(wanted, found)
    return _labelled(wanted), _labelled(found)


def _read_arguments(gold: str, completion: str) -> Both:
    """Gold is split before it is put into normal form, the completion after: both as the evaluator."""
    wanted = [normal_form(piece) for piece in gold.split(";") if ":" in piece]
    found = [normal_form(piece) for piece in normal_form(completion).split(";") if ":" in piece]
    return _labelled(dict.fromkeys(wanted), last=True), _labelled(dict.fromkeys(found), last=True)


def _read_events(gold: str, completion: str) -> Both:
    return [("", _events(gold))], [("", _events(completion))]


def _read_triggers(gold: str, completion: str) -> Both:
    return [("", normal_form(gold))], [("", normal_form(completion))]


_READERS: Mapping[TaskName, Callable[[str, str], Both]] = {
    "NER": _read_entities,
    "RE": _read_relations,
    "EE": _read_events,
    "EET": _read_triggers,
    "EEA": _read_arguments,
}


def _pieces(sentence: str) -> list[str]:
    """The parts between semicolons, each once, put into normal form before and after the split.

    Nothing but a brace or an apostrophe can leave anything for the second time to do.
    """
    pieces: Iterable[str] = normal_form(sentence).split(";")
    if "{" in sentence or "}" in sentence or "’" in sentence:
        pieces = map(normal_form, pieces)
    return list(dict.fromkeys(pieces))


def _labelled(pieces: Iterable[str], *, last: bool = False) -> list[Item]:
    """Each piece under the label before its colon (EEA: the role after it), "" where it has none."""
    return [
        ((piece.rpartition(":")[2] if last else piece.partition(":")[0]), piece)
        if ":" in piece
        else ("", piece)
        for piece in pieces
    ]


_NA = ",na,"


def _with_wild_cards(wanted: list[str], found: list[str]) -> Both:
    """Relations where `,na,` stands in one of them, as in `(head,NA,tail)` of an older format.

    A gold one is right unless a predicted one says something else in its place, and then it counts
    as nothing at all; a predicted one is wrong if a gold one does, and else counts as nothing.
    """
    gold: list[Item] = []
    predicted: list[Item] = []
    for piece in wanted:
        if _NA not in piece:
            gold.append((piece.partition(":")[0], piece))
        elif not _contradicted(piece, found):
            item = (piece.partition(":")[0], piece, "nothing said")
            gold.append(item)
            predicted.append(item)
    for piece in found:
        if _NA not in piece or _contradicted(piece, wanted):
            predicted.append((piece.partition(":")[0], piece))
    return gold, predicted


def _contradicted(piece: str, others: Iterable[str]) -> bool:
    pattern = re.compile(re.escape(piece).replace(_NA, ",(.+),"))
    return any((match := pattern.match(other)) and match[1] != "na" for other in others)


def _events(sentence: str) -> frozenset[str]:
    """The events of an answer: what stands in brackets, with its parts in alphabetical order."""
    events = (normal_form(event).replace("arguments:", "") for event in _bracketed(sentence))
    return frozenset(",".join(sorted(_comma_parts(event))) for event in events)


def _bracketed(sentence: str) -> list[str]:
    """What stands in outermost brackets, none of it empty.

    A closing bracket before any opening one ends a part that began with the sentence, and the end
    of the sentence closes one open bracket, but not two.
    """
    parts: list[str] = []
    depth, start = 0, -1
    for at, letter in enumerate(sentence):
        if letter == "(":
            start = at + 1 if depth == 0 else start
            depth += 1
        elif letter == ")":
            if start < 0 and not parts and at > 0:
                parts.append(sentence[:at])
            if depth == 1 and start < at:
                parts.append(sentence[start:at])
            depth = max(depth - 1, 0)
    if depth == 1 and start < len(sentence):
        parts.append(sentence[start:])
    return parts


def _comma_parts(event: str) -> list[str]:
    """Split at commas outside brackets; a comma right after one that split stays with what follows."""
    parts: list[str] = []
    depth, start = 0, 0
    for at, letter in enumerate(event):
        if letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "," and depth == 0 and at > start:
            parts.append(event[start:at])
            start = at + 1
    return [*parts, event[start:]] if start < len(event) else parts
