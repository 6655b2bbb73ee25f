"""Answers as JSON objects, for models that are held to a JSON schema (endpoints, grammars).

    NER  {"entities": [{"label": "person", "text": "Steve Jobs"}]}          ES: without `label`
    RE   {"relations": [{"label": "founder of", "head": "Steve Jobs", "tail": "Apple"}]}
    EE   {"events": [{"label": "attack", "trigger": "bombed",
                      "arguments": [{"role": "target", "text": "bridge"}]}]}
    EEA  {"arguments": [{"role": "target", "text": "bridge"}]}

The schema lets through no label, role or given item but those of the prompt. That a mention stands in
the text is not something a JSON schema can say: `grounding` leaves out those that do not.
The reader takes any string and keeps every item that is whole, also of an answer that was cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from instructuie.codec.escape import unparsable
from instructuie.codec.parsed import ItemPlace, Parsed, Range
from instructuie.prompt import Prompt
from instructuie.tasks import OptionKind
from instructuie.types import Argument, Entity, Event, Extraction, Issue, Mention, Relation

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_KEYS: Mapping[OptionKind, str] = {
    "entity": "entities",
    "relation": "relations",
    "event": "events",
}


def answer_key(prompt: Prompt) -> str:
    """The one key of the answer object, whose value is the list of items."""
    return "arguments" if prompt.task.name == "EEA" else _KEYS[prompt.task.options]


def answer_schema(prompt: Prompt) -> Json:
    """The JSON schema of all answers to a prompt, in the subset that strict endpoints take."""
    return _object({answer_key(prompt): _array(_ITEMS[prompt.task.options](prompt))})


def looks_like_json(completion: str) -> bool:
    """True for a JSON object, bare or in a Markdown fence: no answer sentence begins so."""
    return re.match(r"\s*(```\w*\s*)?\{\s*(\"|\}|\Z)", completion) is not None


def read_json(prompt: Prompt, completion: str) -> Parsed:
    """What a JSON answer says; an `unparsable` issue for each item, and each end, that is missing."""
    issues: list[Issue] = []
    rows = list(_rows(completion, answer_key(prompt), 0, len(completion), issues))
    if prompt.task.name == "EEA":
        return _told(prompt, rows, completion, issues)
    make = _READERS[prompt.task.options]
    items: list[Any] = []
    places: list[ItemPlace] = []
    for row, place in rows:
        item = make(prompt, row)
        if item is None:
            issues.append(unparsable(completion[place[0] : place[1]], _form(prompt)))
            continue
        items.append(item)
        # The whole item is one place: its label, mentions and arguments share one score.
        arguments = item.arguments if isinstance(item, Event) else ()
        places.append(ItemPlace(place, (place,) * len(arguments)))
    extraction = Extraction(**{_KEYS[prompt.task.options]: tuple(items)})
    return Parsed(extraction, tuple(issues), tuple(places))


def write_json(prompt: Prompt, extraction: Extraction) -> str:
    """The answer object that says `extraction`, as far as the prompt's task asks for it."""
    if prompt.task.name == "EEA":
        items: Sequence[Any] = extraction.events[0].arguments if extraction.events else ()
        rows = [{"role": a.role, "text": a.mention.text} for a in items]
    else:
        items = getattr(extraction, _KEYS[prompt.task.options])
        rows = [_WRITERS[prompt.task.options](prompt, item) for item in items]
    return json.dumps({answer_key(prompt): rows}, ensure_ascii=False)


def json_form(prompt: Prompt) -> str:
    """The answer object as a model is told of it."""
    if prompt.task.name == "EEA":
        return '{"arguments": [{"role": "...", "text": "..."}]}'
    label = '"label": "...", ' if prompt.task.labelled else ""
    roles = ', "arguments": [{"role": "...", "text": "..."}]' if prompt.task.arguments else ""
    items: Mapping[OptionKind, str] = {
        "entity": f'{{{label}"text": "..."}}',
        "relation": f'{{{label}"head": "...", "tail": "..."}}',
        "event": f'{{{label}"trigger": "..."{roles}}}',
    }
    return f'{{"{answer_key(prompt)}": [{items[prompt.task.options]}]}}'


def _object(properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


def _one_of(values: Sequence[str]) -> Json:
    """Any text where there is nothing to choose from, since an empty enum is no schema."""
    values = list(dict.fromkeys(values))
    return {"type": "string", "enum": values} if values else _TEXT


def _labels(prompt: Prompt) -> Json:
    return {"label": _one_of([option.name for option in prompt.options])}


def _entity_schema(prompt: Prompt) -> Json:
    given = [entity.mention.text for entity in prompt.given.entities]
    text = {"text": _one_of(given if prompt.task.given else ())}
    return _object({**_labels(prompt), **text} if prompt.task.labelled else text)


def _relation_schema(prompt: Prompt) -> Json:
    given = prompt.given.relations if prompt.task.given else ()
    ends = {
        "head": _one_of([relation.head.text for relation in given]),
        "tail": _one_of([relation.tail.text for relation in given]),
    }
    return _object({**_labels(prompt), **ends} if prompt.task.labelled else ends)


def _event_schema(prompt: Prompt) -> Json:
    if prompt.task.name == "EEA":
        label = prompt.given.events[0].label
        named = [event for event in prompt.schema.events if event.name == label]
        return _argument_schema(named[0].role_names if named else ())
    if not prompt.task.arguments:
        return _object({**_labels(prompt), "trigger": _TEXT})
    kinds = []
    for event in prompt.schema.events:
        head = {"label": _one_of([event.name]), "trigger": _TEXT}
        roles = {"arguments": _array(_argument_schema(event.role_names))}
        kinds.append(_object({**head, **roles} if event.roles else head))
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _argument_schema(roles: Sequence[str]) -> Json:
    return _object({"role": _one_of(roles), "text": _TEXT})


_ITEMS: Mapping[OptionKind, Callable[[Prompt], Json]] = {
    "entity": _entity_schema,
    "relation": _relation_schema,
    "event": _event_schema,
}


def _rows(
    text: str, key: str, start: int, end: int, issues: list[Issue]
) -> Iterator[tuple[Any, Range]]:
    """The values of the list called `key`, one after the other, as far as they are whole."""
    found = re.compile(rf'"{key}"\s*:\s*\[').search(text, start, end)
    if found is None:
        if not re.search(r"\{\s*\}", text[start:end]):
            issues.append(unparsable(text[start:end], f'{{"{key}": [...]}}'))
        return
    decoder = json.JSONDecoder(strict=False)
    at = found.end()
    while True:
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            return
        try:
            row, after = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            issues.append(unparsable(text[at:end], "the rest of the list and its end"))
            return
        yield row, (at, after)
        at = after


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in ", \t\r\n":
        at += 1
    return at


def _told(
    prompt: Prompt, rows: Sequence[tuple[Any, Range]], completion: str, issues: list[Issue]
) -> Parsed:
    event = prompt.given.events[0]
    arguments, places = [], []
    for row, place in rows:
        argument = _argument(row)
        if argument is None:
            issues.append(unparsable(completion[place[0] : place[1]], _form(prompt)))
            continue
        arguments.append(argument)
        places.append(place)
    told = Event(event.label, event.trigger, tuple(arguments))
    whole = ItemPlace((0, len(completion)), tuple(places))
    return Parsed(Extraction(events=(told,)), tuple(issues), (whole,))


def _form(prompt: Prompt) -> str:
    names: Mapping[OptionKind, tuple[str, ...]] = {
        "entity": ("text",),
        "relation": ("head", "tail"),
        "event": ("role", "text") if prompt.task.name == "EEA" else ("trigger",),
    }
    label = ("label",) if prompt.task.labelled and prompt.task.name != "EEA" else ()
    return "an object with " + ", ".join((*label, *names[prompt.task.options]))


def _strings(row: object, *keys: str) -> tuple[str, ...] | None:
    """The values of these keys, or None when one is not there or is not text."""
    if not isinstance(row, dict):
        return None
    values = tuple(row.get(key) for key in keys)
    kept = tuple(value for value in values if isinstance(value, str) and value)
    return kept if len(kept) == len(keys) else None


def _read_entity(prompt: Prompt, row: object) -> Entity | None:
    found = _strings(row, *(("label",) if prompt.task.labelled else ()), "text")
    if found is None:
        return None
    return Entity(found[0] if len(found) == 2 else "", Mention(found[-1]))


def _read_relation(prompt: Prompt, row: object) -> Relation | None:
    found = _strings(row, *(("label",) if prompt.task.labelled else ()), "head", "tail")
    if found is None:
        return None
    return Relation(found[0] if len(found) == 3 else "", Mention(found[-2]), Mention(found[-1]))


def _read_event(prompt: Prompt, row: object) -> Event | None:
    found = _strings(row, "label", "trigger")
    if found is None or not isinstance(row, dict):
        return None
    rows = row.get("arguments") if prompt.task.arguments else ()
    arguments = map(_argument, rows if isinstance(rows, list) else ())
    return Event(found[0], Mention(found[1]), tuple(a for a in arguments if a is not None))


def _argument(row: object) -> Argument | None:
    found = _strings(row, "role", "text")
    return None if found is None else Argument(found[0], Mention(found[1]))


_READERS: Mapping[OptionKind, Callable[[Prompt, object], Any]] = {
    "entity": _read_entity,
    "relation": _read_relation,
    "event": _read_event,
}


def _write_entity(prompt: Prompt, entity: Entity) -> Json:
    label = {"label": entity.label} if prompt.task.labelled else {}
    return {**label, "text": entity.mention.text}


def _write_relation(prompt: Prompt, relation: Relation) -> Json:
    label = {"label": relation.label} if prompt.task.labelled else {}
    return {**label, "head": relation.head.text, "tail": relation.tail.text}


def _write_event(prompt: Prompt, event: Event) -> Json:
    row: Json = {"label": event.label, "trigger": event.trigger.text}
    if prompt.task.arguments:
        row["arguments"] = [{"role": a.role, "text": a.mention.text} for a in event.arguments]
    return row


_WRITERS: Mapping[OptionKind, Callable[[Prompt, Any], Json]] = {
    "entity": _write_entity,
    "relation": _write_relation,
    "event": _write_event,
}
