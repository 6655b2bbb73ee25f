"""Walks the rules of an answer (`codec.grammar`) token by token: which tokens may come next.

Rules become a machine over bytes. Its states are sets of places: nodes of the machine, and positions
in the text for spans that are being copied. The tokens allowed in a state are found by following
machine and vocabulary together, so a step costs what can be said next, not the size of the
vocabulary; each state of an answer is worked out once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from instructuie.codec.escape import Stops, write_part
from instructuie.codec.grammar import Either, Part, Repeat, Rule, TextSpan, Then, Words
from instructuie.engines.vocabulary import View, Vocabulary
from instructuie.errors import ModelError, SchemaError

Place = tuple[int, int]
"""(node, -1), or (span, position in its text)."""
State = frozenset[Place]
_NODE = -1
_ENTRY = -2
"""In place of a position: a span that has not begun."""


class SpanTable:
    """A text as one kind of span may copy it."""

    def __init__(self, view: View, stops: Stops, *, plain: bool) -> None:
        self.letters = view.letters
        size = len(view.letters)
        marks = frozenset(stops.encode()) if plain else frozenset()
        ends = {end for end in view.ends if view.letters[end - 1] not in marks}
        # alive[p]: from p, at least one more byte can be copied up to an end.
        self.alive = bytearray(size + 1)
        self.ends = bytearray(size + 1)
        for end in ends:
            self.ends[end] = 1
        for at in range(size - 1, -1, -1):
            cut = at > 0 and view.letters[at - 1] in marks and at in view.blanks
            on = self.ends[at + 1] or self.alive[at + 1]
            self.alive[at] = bool(on) and at not in view.lost and not cut
        self.starts: dict[int, list[int]] = defaultdict(list)
        for start in view.starts:
            # A stop before the span is not the span's.
            cut = start > 0 and not self.alive[start] and start not in view.lost
            begins = self.ends[start + 1] or self.alive[start + 1] if cut else self.alive[start]
            first = view.letters[start : start + 2].lstrip()[:1]
            if begins and start < size and not (plain and first == b'"'):
                self.starts[view.letters[start]].append(start)


class Machine:
    """The answers to one prompt. Raises SchemaError for labels that the vocabulary cannot tell apart,
    ModelError when it cannot write the marks of the answer."""

    def __init__(self, rule: Rule, text: str, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._text = text
        self._edges: list[dict[int, int]] = [{}]
        self._empty: list[list[int]] = [[]]
        self._enters: list[list[int]] = [[]]
        self._spans: list[tuple[SpanTable, int]] = []
        self._tables: dict[tuple[Stops, bool], SpanTable] = {}
        self._closures: dict[int, State] = {}
        self._next: dict[State, Mapping[int, State]] = {}
        self._final = self._build(rule, 0)
        self.start = self._closure(0)

    def next(self, state: State) -> Mapping[int, State]:
        """The tokens that may come next, and the state after each."""
        known = self._next.get(state)
        if known is None:
            known = self._next[state] = self._search(state)
        return known

    def done(self, state: State) -> bool:
        """Whether the answer may end here."""
        return (self._final, _NODE) in state

    def _search(self, state: State) -> Mapping[int, State]:
        prefixes = self._vocabulary.prefixes
        found: dict[int, State] = {}
        open_ = [(b"", state)]
        while open_:
            prefix, at = open_.pop()
            for byte, places in self._moves(at, prefixes, prefix):
                written = prefix + bytes((byte,))
                after = frozenset(places)
                token = prefixes[written]
                if token >= 0:
                    found[token] = after
                open_.append((written, after))
        return found

    def _moves(
        self, state: State, prefixes: Mapping[bytes, int], prefix: bytes
    ) -> Iterable[tuple[int, set[Place]]]:
        """For each byte that may come next, and begins or goes on with some token, where it leads."""
        moves: dict[int, set[Place]] = {}
        wanted: dict[int, bool] = {}

        def go(byte: int) -> set[Place] | None:
            if byte not in wanted:
                wanted[byte] = prefix + bytes((byte,)) in prefixes
                if wanted[byte]:
                    moves[byte] = set()
            return moves.get(byte)

        for at, position in state:
            if position == _NODE:
                for byte, node in self._edges[at].items():
                    if (places := go(byte)) is not None:
                        places |= self._closure(node)
                continue
            table, exit_ = self._spans[at]
            if position == _ENTRY:
                for byte, starts in table.starts.items():
                    if (places := go(byte)) is not None:
                        for start in starts:
                            self._copy(places, at, table, exit_, start + 1)
            elif (places := go(table.letters[position])) is not None:
                self._copy(places, at, table, exit_, position + 1)
        return moves.items()

    def _copy(
        self, places: set[Place], span: int, table: SpanTable, exit_: int, position: int
    ) -> None:
        """After one more byte of a span."""
        if table.ends[position]:
            places |= self._closure(exit_)
        if table.alive[position]:
            places.add((span, position))

    def _closure(self, node: int) -> State:
        if node not in self._closures:
            seen: set[int] = set()
            open_ = [node]
            while open_:
                at = open_.pop()
                if at not in seen:
                    seen.add(at)
                    open_ += self._empty[at]
            places = {(at, _NODE) for at in seen if self._edges[at] or at == self._final}
            places |= {(span, _ENTRY) for at in seen for span in self._enters[at]}
            self._closures[node] = frozenset(places)
        return self._closures[node]

    def _node(self) -> int:
        self._edges.append({})
        self._empty.append([])
        self._enters.append([])
        return len(self._edges) - 1

    def _build(self, rule: Rule, entry: int) -> int:
        """Adds `rule` behind a node, and returns the node behind it."""
        match rule:
            case Words(text):
                return self._chain(self._marks(text), entry)
            case Part():
                return self._chain(self._spelt(rule), entry)
            case Then(parts):
                for part in parts:
                    entry = self._build(part, entry)
                return entry
            case Either(parts):
                return self._either(parts, entry)
            case Repeat(item, separator):
                first = self._node()
                self._empty[entry].append(first)
                exit_ = self._build(item, first)
                again = self._build(Words(separator), exit_)
                self._empty[again].append(first)
                # Not the node that goes back itself, so that nothing after it can go back by mistake.
                return self._after(exit_)
            case TextSpan(stops, quoted):
                return self._span(stops, entry, quoted=quoted)

    def _after(self, node: int) -> int:
        behind = self._node()
        self._empty[node].append(behind)
        return behind

    def _either(self, parts: Sequence[Rule], entry: int) -> int:
        exit_ = self._node()
        parts = [part for part in parts if self._possible(part)]
        labels = [part for part in parts if isinstance(part, Part)]
        if labels:
            trunk = self._node()
            self._empty[entry].append(trunk)
            for spelt in self._apart(labels):
                self._empty[self._chain(spelt, trunk, share=True)].append(exit_)
        for part in parts:
            if not isinstance(part, Part):
                branch = self._node()
                self._empty[entry].append(branch)
                self._empty[self._build(part, branch)].append(exit_)
        return exit_

    def _chain(self, letters: bytes, node: int, *, share: bool = False) -> int:
        """Nodes for a string; a shared chain follows nodes that other strings have made."""
        for at, byte in enumerate(letters):
            if share and byte in self._edges[node]:
                node = self._edges[node][byte]
                continue
            if byte in self._edges[node] or (not share and at == 0 and self._edges[node]):
                fork = self._node()
                self._empty[node].append(fork)
                node = fork
            self._edges[node][byte] = self._node()
            node = self._edges[node][byte]
        return node

    def _span(self, stops: Stops, entry: int, *, quoted: bool) -> int:
        exit_ = self._node()
        self._enter(stops, entry, exit_, plain=True)
        if quoted and self._can_quote(stops):
            mark = self._vocabulary.spell('"')
            inside, behind = self._node(), self._node()
            opened = self._node()
            self._empty[entry].append(opened)
            self._empty[self._chain(mark, opened)].append(inside)
            self._enter(stops, inside, behind, plain=False)
            self._empty[self._chain(mark, behind)].append(exit_)
        return exit_

    def _enter(self, stops: Stops, entry: int, exit_: int, *, plain: bool) -> None:
        table = self._table(stops, plain=plain)
        if table.starts:
            self._enters[entry].append(len(self._spans))
            self._spans.append((table, exit_))

    def _table(self, stops: Stops, *, plain: bool) -> SpanTable:
        key = (stops if plain else "", plain)
        if key not in self._tables:
            view = self._view if plain else _escaped(self._view, self._vocabulary)
            self._tables[key] = SpanTable(view, stops, plain=plain)
        return self._tables[key]

    @cached_property
    def _view(self) -> View:
        return self._vocabulary.view(self._text)

    def _possible(self, rule: Rule) -> bool:
        """Whether anything can be written by a rule: a text without words has no spans."""
        match rule:
            case Then(parts):
                return all(map(self._possible, parts))
            case Either(parts):
                return any(map(self._possible, parts))
            case Repeat(item, _):
                return self._possible(item)
            case TextSpan(stops, quoted):
                plain = bool(self._table(stops, plain=True).starts)
                return plain or (quoted and self._can_quote(stops))
            case Part(given=True):
                return bool(self._spelt(rule).strip(b' "'))
            case _:
                return True

    def _can_quote(self, stops: Stops) -> bool:
        return self._vocabulary.writes('"') and bool(self._table(stops, plain=False).starts)

    def _marks(self, text: str) -> bytes:
        if not self._vocabulary.writes(text):
            raise ModelError(
                f"the model's vocabulary cannot write {text!r}, which answers are written with: turn "
                "constrained decoding off, or use another model"
            )
        return self._vocabulary.spell(text) if text.strip() or not text else self._blank(text)

    def _blank(self, text: str) -> bytes:
        # Wordpieces bring the blank before a word with them.
        return b"" if self._vocabulary.style == "wordpiece" else self._vocabulary.spell(text)

    def _spelt(self, part: Part) -> bytes:
        letters = self._vocabulary.spell(write_part(self._writable(part.text), part.stops))
        if not part.given and not letters.strip(b' "'):
            raise SchemaError(
                f"the model's vocabulary cannot write the label {part.text!r}: use other words, or "
                "turn constrained decoding off"
            )
        return letters

    def _apart(self, parts: Sequence[Part]) -> list[bytes]:
        """Labels as they are written, each in another way than the others."""
        spelt: dict[bytes, str] = {}
        for part in parts:
            letters = self._spelt(part)
            if letters in spelt and not part.given:
                raise SchemaError(
                    f"in the model's vocabulary the labels {spelt[letters]!r} and {part.text!r} are "
                    "written alike: use other words, or turn constrained decoding off"
                )
            spelt[letters] = part.text
        return list(spelt)

    def _writable(self, text: str) -> str:
        """Without what the vocabulary lacks; without quotes too, where it cannot escape these."""
        writes, escapes = self._vocabulary.writes, self._vocabulary.escapes
        if writes(text) and (escapes or not set('"\\') & set(text)):
            return text
        lost = "" if escapes else '"\\'
        return "".join(char for char in text if char not in lost and writes(char)).strip()


def _escaped(view: View, vocabulary: Vocabulary) -> View:
    """The text as it stands between quotes: `"` and `\\` behind a backslash."""
    slash = vocabulary.piece("\\") if vocabulary.escapes else None
    letters = bytearray()
    moved = []
    lost = set()
    for at, letter in enumerate(view.letters):
        moved.append(len(letters))
        special = letter in b'"\\'
        if at in view.lost or (special and slash is None):
            lost.add(len(letters))
        if special and slash is not None:
            letters += slash
        letters.append(letter)
    moved.append(len(letters))
    return View(
        bytes(letters),
        tuple(moved[start] for start in view.starts),
        frozenset(moved[end] for end in view.ends),
        frozenset(moved[blank] for blank in view.blanks),
        frozenset(lost),
    )
