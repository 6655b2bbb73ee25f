"""The form of rows in prediction files: a value that is not what it should be is named with its place.

Reading alone would pass over a number as a label, or take null for the sentence "None".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

Check: TypeAlias = Callable[[Any, str], None]
"""A value and its place in the row; raises ValueError."""


def check_own(row: Mapping[str, Any], required: Iterable[str] = ()) -> None:
    """A row in our own form. Raises KeyError for a key that must be there, and ValueError."""
    if not _looks_right(row):
        _check(row, _OWN, required)


def check_released(row: Mapping[str, Any], required: Iterable[str] = ()) -> None:
    """A row of the released code's file; `required` are keys of its instance."""
    _check(row, _RELEASED, ("Task", "Dataset", "Instance", "Prediction"))
    _check(row["Instance"], _INSTANCE, required, "Instance.")


def _looks_right(row: Mapping[str, Any]) -> bool:
    """True for a whole row with nothing wrong, told quickly; where False, the checks find what is.

    Files hold a million rows, and nearly all are right.
    """
    try:
        texts = [row["dataset"], row["task"], row["id"], row["text"], row.get("split", "")]
        texts += row.get("options", ())
        texts += [row.get("completion") or "", row.get("gold_completion") or ""]
        for extraction in (row["gold"], row["predicted"]):
            for entity in extraction.get("entities", ()):
                texts += (entity["label"], entity["text"])
                if "start" in entity and not (type(entity["start"]) is type(entity["end"]) is int):
                    return False
            if extraction.get("relations") or extraction.get("events") or "issues" in row:
                return False
        numbers = [s for values in (row.get("scores") or {}).values() for s in values]
        return all(type(s) is float and 0 <= s <= 1 for s in numbers) and "".join(texts).isascii()
    except (AttributeError, KeyError, TypeError):
        return False


def _check(
    row: Mapping[str, Any], fields: Mapping[str, Check], required: Iterable[str], place: str = ""
) -> None:
    for key in required:
        if key not in row:
            raise KeyError(f"{place}{key}")
    for key, check in fields.items():
        if key in row:
            check(row[key], f"{place}{key}")


def _wrong(value: Any, place: str, expected: str) -> ValueError:
    return ValueError(f"`{place}` is {_shown(value)}, expected {expected}")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _text(value: Any, place: str) -> None:
    if not isinstance(value, str):
        raise _wrong(value, place, "text")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _wrong(value, place, "text without half characters (lone surrogates)")


def _name(value: Any, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(value, place, "text or a whole number")
    if isinstance(value, str):
        _text(value, place)


def _object(value: Any, place: str) -> None:
    if not isinstance(value, dict):
        raise _wrong(value, place, "an object")


def _optional(check: Check) -> Check:
    return lambda value, place: None if value is None else check(value, place)


def _list(check: Check) -> Check:
    def each(value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise _wrong(value, place, "a list")
        for at, item in enumerate(value):
            check(item, f"{place}[{at}]")

    return each


def _fields(fields: Mapping[str, Check], required: Iterable[str] = ()) -> Check:
    needed = tuple(required)

    def check(value: Any, place: str) -> None:
        _object(value, place)
        _check(value, fields, needed, f"{place}.")

    return check


def _mention(value: Any, place: str) -> None:
    _object(value, place)
    _check(value, {"text": _text}, ("text",), f"{place}.")
    if "start" in value or "end" in value:
        for key in ("start", "end"):
            _check(value, {key: _place}, (key,), f"{place}.")


def _place(value: Any, place: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(value, place, "a whole number")


def _score(value: Any, place: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise _wrong(value, place, "a number between 0 and 1")


def _labelled(key: str, **parts: Check) -> Check:
    """An item with a label or role; a mention of its own unless it has parts."""
    fields = _fields({key: _text, **parts}, (key, *(part for part in parts if part != "arguments")))

    def check(value: Any, place: str) -> None:
        fields(value, place)
        if not parts:
            _mention(value, place)

    return check


_EXTRACTION = _fields(
    {
        "entities": _list(_labelled("label")),
        "relations": _list(_labelled("label", head=_mention, tail=_mention)),
        "events": _list(_labelled("label", trigger=_mention, arguments=_list(_labelled("role")))),
    }
)
_OWN: Mapping[str, Check] = {
    **dict.fromkeys(("dataset", "task", "text", "split"), _text),
    "id": _name,
    "options": _list(_text),
    "gold": _EXTRACTION,
    "predicted": _optional(_EXTRACTION),
    **dict.fromkeys(("completion", "gold_completion"), _optional(_text)),
    "scores": _optional(
        _fields(dict.fromkeys(("entities", "relations", "events", "arguments"), _list(_score)))
    ),
    "issues": _list(_fields({"kind": _text, "message": _text}, ("kind", "message"))),
}
_RELEASED: Mapping[str, Check] = {
    **dict.fromkeys(("Task", "Dataset", "Prediction"), _text),
    "Instance": _object,
    "subset": _text,
}
_INSTANCE: Mapping[str, Check] = {
    **dict.fromkeys(("sentence", "ground_truth", "instruction"), _text),
    "id": _optional(_name),
}
