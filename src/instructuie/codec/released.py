"""The prompts and answers of the InstructUIE release, blank for blank.

Checkpoints that were trained with that code read their instructions from its instruction file, and
write answers without quotes: a mention that holds a delimiter cannot be told from two. Events stand
in brackets and name the argument before its role:

    EE   ` ( attack: bombed,  bridge: target) , ( meet: met,  None) `
    EEA  ` bridge: target; Mosul: place`

A brace in a label or given mention made that code leave out the text; here it does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from instructuie import codec
from instructuie.codec.escape import LAST, LISTED, NOTHING, Stops, unparsable
from instructuie.codec.formats import told_event
from instructuie.codec.grammar import (
    Either,
    Part,
    Repeat,
    Rule,
    TextSpan,
    Words,
    given_pairs,
    given_roles,
    one_of,
    perhaps,
    then,
)
from instructuie.codec.parsed import ItemPlace, Parsed, Range
from instructuie.errors import ConfigError
from instructuie.prompt import Prompt
from instructuie.schema import EventLabel
from instructuie.tasks import TaskName
from instructuie.types import Argument, Event, Extraction, Issue, Mention

APOSTROPHE = "#$%#"
"""What that code trains models to write for `'` in triggers and event labels."""
UNQUOTED: Stops = ""
"""Labels and given mentions are written as they are, whatever they hold."""


@dataclass(frozen=True, slots=True)
class ReleasedFormat:
    """`instructions` has one instruction for each task, with the blanks that it ends with.

    With `task_name` and `data_set` the prompt begins with lines that name them; whether a checkpoint
    was trained with them, its training script says.
    """

    instructions: Mapping[str, str]
    task_name: bool = False
    data_set: str = ""
    name: str = "released"

    def render(self, prompt: Prompt) -> str:
        """Raises ConfigError for a task without an instruction. The prompt's own is not used."""
        task = prompt.task.name
        if task not in self.instructions:
            raise ConfigError(
                f"the instruction file has no instruction for {task}, only for "
                f"{', '.join(self.instructions)}"
            )
        lines = f"Task:{task}\n" if self.task_name else ""
        lines += f"Dataset:{self.data_set}\n" if self.data_set else ""
        body = _BODIES.get(task, _plain_body)(prompt)
        return f"{lines}{self.instructions[task]}{body} \nAnswer:"

    def write(self, prompt: Prompt, extraction: Extraction) -> str:
        """The answer with the blanks around it that targets of that code have."""
        task = prompt.task.name
        writers: Mapping[TaskName, Callable[[Extraction], str]] = {
            "NER": lambda said: _joined(f"{e.label}: {e.mention.text}" for e in said.entities),
            "ES": lambda said: _joined((e.mention.text for e in said.entities), ","),
            "RE": lambda said: _joined(
                f"{r.label}: {r.head.text}, {r.tail.text}" for r in said.relations
            ),
            "EP": lambda said: _joined(f"{r.head.text}, {r.tail.text}" for r in said.relations),
            "EE": lambda said: ",".join(f" ( {_written_event(e)}) " for e in said.events),
            "EET": lambda said: _joined(
                f"{quoteless(e.label)}: {quoteless(e.trigger.text)}" for e in said.events
            ),
            "EEA": lambda said: _joined(
                f"{a.mention.text}: {a.role}" for e in said.events for a in e.arguments
            ),
        }
        same: Mapping[TaskName, TaskName] = {"ET": "NER", "EPR": "RE"}
        return writers[same.get(task, task)](extraction) or f" {NOTHING}"

    def read(self, prompt: Prompt, completion: str) -> Parsed:
        if prompt.task.name == "EE":
            return _read_events(completion)
        if prompt.task.name == "EEA":
            return _read_arguments(prompt, completion)
        parsed = codec.read(prompt.task.name, completion, given=told_event(prompt))
        return Parsed(_with_apostrophes(parsed.extraction), parsed.issues, parsed.places)

    def grammar(self, prompt: Prompt) -> Rule:
        blank = perhaps(Words(" "))
        return then(blank, Either((Words(NOTHING), _items(prompt))), blank)


def quoteless(text: str) -> str:
    """As that code writes triggers and event labels."""
    return text.replace("'", APOSTROPHE)


def _options(prompt: Prompt) -> str:
    return ", ".join(option.name for option in prompt.options)


def _plain_body(prompt: Prompt) -> str:
    return f"Option: {_options(prompt)} \nText: {prompt.text}"


def _typing_body(prompt: Prompt) -> str:
    mentions = ", ".join(entity.mention.text for entity in prompt.given.entities)
    return f"{_plain_body(prompt)} \n Entities: {mentions}"


def _pair_body(prompt: Prompt) -> str:
    pairs = "; ".join(f"{r.head.text}, {r.tail.text}" for r in prompt.given.relations)
    return f"{_plain_body(prompt)} \n Entity Pairs:  {pairs}"


def _event_body(prompt: Prompt) -> str:
    """Event labels and all roles as two Python lists, which is how that code prints them."""
    labels = [event.name for event in prompt.schema.events]
    roles = list(dict.fromkeys(name for e in prompt.schema.events for name in e.role_names))
    options = f"Event type: {labels}, Arguments type: {roles}."
    return f" Option: {options} \nText: {prompt.text}"


def _trigger_body(prompt: Prompt) -> str:
    return f" {_plain_body(prompt)}"


def _argument_body(prompt: Prompt) -> str:
    """The event's label is given, its trigger is not."""
    label, roles = prompt.given.events[0].label, ", ".join(given_roles(prompt))
    return f"Event type: {label} \n  Option: {roles} \nText: {prompt.text}"


_BODIES: Mapping[TaskName, Callable[[Prompt], str]] = {
    "ET": _typing_body,
    "EPR": _pair_body,
    "EE": _event_body,
    "EET": _trigger_body,
    "EEA": _argument_body,
}
"""What stands between instruction and answer cue, where it is not options and text alone."""


def _joined(items: Iterable[str], delimiter: str = ";") -> str:
    return "".join(f"{delimiter} {item}" for item in items)[1:]


def _written_event(event: Event) -> str:
    rows = ", ".join(f"{a.mention.text}: {a.role}" for a in event.arguments)
    return f"{quoteless(event.label)}: {quoteless(event.trigger.text)},  {rows or NOTHING}"


_BRACKETED = re.compile(r"\(\s*([^()]*(?:\([^()]*\)[^()]*)*)(\)|\Z)")


def _read_events(completion: str) -> Parsed:
    events: list[Event] = []
    places: list[ItemPlace] = []
    issues: list[Issue] = []
    form = "( type: trigger,  argument: role)"
    if completion.strip().casefold() not in ("none", "none.") and "(" not in completion:
        issues.append(unparsable(completion.strip(), form))
    for found in _BRACKETED.finditer(completion):
        parts = list(_split(found[1], found.start(1)))
        label, colon, trigger = parts[0][0].partition(":")
        if not (colon and label.strip() and trigger.strip()):
            issues.append(unparsable(found[0], form))
            continue
        rows = [(_read_argument(part), part, place) for part, place in parts[1:]]
        issues += [
            unparsable(part, "argument: role")
            for row, part, _ in rows
            if row is None and part.strip().casefold() not in ("none", "")
        ]
        kept = [(row, place) for row, _, place in rows if row is not None]
        name, mention = _apostrophes(label.strip()), Mention(_apostrophes(trigger.strip()))
        events.append(Event(name, mention, tuple(row for row, _ in kept)))
        places.append(ItemPlace(parts[0][1], tuple(place for _, place in kept)))
    return Parsed(Extraction(events=tuple(events)), tuple(issues), tuple(places))


def _read_arguments(prompt: Prompt, completion: str) -> Parsed:
    (event,) = told_event(prompt).events
    said = completion.strip()
    rows = [
        (_read_argument(part), part, place)
        for part, place in _split(completion, 0, ";")
        if part.strip() and said.casefold() not in ("none", "none.")
    ]
    issues = [unparsable(part, "argument: role") for row, part, _ in rows if row is None]
    kept = [(row, place) for row, _, place in rows if row is not None]
    told = Event(event.label, event.trigger, tuple(row for row, _ in kept))
    whole = ItemPlace((0, len(completion)), tuple(place for _, place in kept))
    return Parsed(Extraction(events=(told,)), tuple(issues), (whole,))


def _split(written: str, offset: int, delimiter: str = ",") -> Iterable[tuple[str, Range]]:
    """The parts between delimiters, and where each stands in the completion."""
    at = 0
    for found in re.finditer(rf"{delimiter}(?=\s)|{delimiter}?\Z", written):
        yield written[at : found.start()], (offset + at, offset + found.start())
        at = found.end()


def _read_argument(part: str) -> Argument | None:
    """The last colon divides, as mentions may hold one and roles do not."""
    mention, _, role = part.rpartition(":")
    if not mention.strip() or not role.strip():
        return None
    return Argument(role.strip(), Mention(mention.strip()))


def _apostrophes(text: str) -> str:
    return text.replace(APOSTROPHE, "'")


def _with_apostrophes(extraction: Extraction) -> Extraction:
    events = (
        Event(_apostrophes(e.label), Mention(_apostrophes(e.trigger.text)), e.arguments)
        for e in extraction.events
    )
    return Extraction(extraction.entities, extraction.relations, tuple(events))


def _items(prompt: Prompt) -> Rule:
    label = then(one_of((option.name for option in prompt.options), UNQUOTED), ": ")
    listed, last = TextSpan(LISTED, quoted=False), TextSpan(LAST, quoted=False)
    pair = then(listed, ", ", last)
    match prompt.task.name:
        case "ES":
            return Repeat(listed, ", ")
        case "ET":
            given = one_of((e.mention.text for e in prompt.given.entities), UNQUOTED, given=True)
            return Repeat(then(label, given), "; ")
        case "RE":
            return Repeat(then(label, pair), "; ")
        case "EP":
            return Repeat(pair, "; ")
        case "EPR":
            return Repeat(then(label, given_pairs(prompt, UNQUOTED, UNQUOTED)), "; ")
        case "EE":
            return Repeat(Either(tuple(map(_event_rule, prompt.schema.events))), " , ")
        case "EET":
            labels = one_of((quoteless(option.name) for option in prompt.options), UNQUOTED)
            return Repeat(then(labels, ": ", last), "; ")
        case "EEA":
            roles = one_of(given_roles(prompt), UNQUOTED)
            return Repeat(then(last, ": ", roles), "; ")
        case _:
            return Repeat(then(label, last), "; ")


def _event_rule(event: EventLabel) -> Rule:
    span = TextSpan(LISTED + "()", quoted=False)
    argument = then(span, ": ", one_of(event.role_names, UNQUOTED))
    rows = Either((Words(NOTHING), Repeat(argument, ", ")))
    return then("( ", Part(quoteless(event.name), UNQUOTED), ": ", span, ",  ", rows, ")")
