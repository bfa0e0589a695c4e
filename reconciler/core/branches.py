"""The branches of an expression: which parts of a source are evaluated only if a condition says so (`? :`, `&&`, `||`, `has`).

Only the structure is read here. What a condition comes to is asked of a function, and what is not taken is blanked out, so that every
offset stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from reconciler.core import cel_source
from reconciler.core.cel_source import ExpressionError, Token

DEPTH_MAX = 64
"""How deep branches and brackets are followed; below that a source counts as one part, every name of which must exist."""

Verdict: TypeAlias = Callable[[str], "bool | None"]
"""Tells what a piece of source comes to now; None where that is not known, or no boolean."""

_BARE = frozenset({"count", "each", "env"})
"""Roots that a condition does not have to protect: they always have all their values, or none."""


class Part(NamedTuple):
    """A part of a source, from `start` to before `end`.

    A `choice` has the parts condition, yes and no; `and` and `or` have their operands; `has` has its argument; `plain` has what stands
    in its brackets.
    """

    kind: str
    start: int
    end: int
    parts: tuple[Part, ...] = ()


class _Unreadable(Exception):
    """The structure cannot be read; the library tells what is wrong with the source."""


@lru_cache(maxsize=4096)
def structure(source: str) -> Part | None:
    """The parts of a source, or None where it has no branches."""
    try:
        tokens = cel_source.tokens(source)
    except ExpressionError:
        return None
    if not any(token.text in ("?", "&&", "||", "has") for token in tokens):
        return None
    try:
        return _Reader(tokens).whole()
    except _Unreadable:
        return None


def guarded(source: str) -> tuple[tuple[int, int], ...]:
    """The spans that are evaluated only if a condition says so."""
    whole = structure(source)
    return () if whole is None else tuple(_guarded(whole, source))


def asked_for(source: str) -> frozenset[str]:
    """The texts about which `has` asks whether they exist."""
    whole = structure(source)
    return frozenset() if whole is None else frozenset("".join(source[at.start : at.end].split()) for at in _arguments(whole))


def without_has(source: str) -> str:
    """The source with `true` in place of every `has`, whose argument may have a form here that the library does not take."""
    return taken(source, lambda _: None, lambda _: True)


def taken(source: str, decide: Verdict, exists: Verdict) -> str:
    """The source with every part blanked out that is not taken, as far as `decide` and `exists` can tell."""
    whole = structure(source)
    if whole is None:
        return source
    cut = _Cut(source, decide, exists)
    cut.part(whole)
    return "".join(cut.text)


class _Reader:
    """Reads tokens once, from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0

    def whole(self) -> Part:
        found = self._expression()
        if self._at < len(self._tokens):
            raise _Unreadable
        return found

    def _next(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else None
        return token.text if token is not None and token.kind == "symbol" else ""

    def _expression(self) -> Part:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _Unreadable
        found = self._operands("or", "||")
        if self._next() == "?":
            self._at += 1
            yes = self._expression()
            if self._next() != ":":
                raise _Unreadable
            self._at += 1
            no = self._expression()
            found = Part("choice", found.start, no.end, (found, yes, no))
        self._depth -= 1
        return found

    def _operands(self, kind: str, symbol: str) -> Part:
        parts = [self._below(kind)]
        while self._next() == symbol:
            self._at += 1
            parts.append(self._below(kind))
        return parts[0] if len(parts) == 1 else Part(kind, parts[0].start, parts[-1].end, tuple(parts))

    def _below(self, kind: str) -> Part:
        return self._operands("and", "&&") if kind == "or" else self._plain()

    def _plain(self) -> Part:
        first = self._at
        parts: list[Part] = []
        while self._at < len(self._tokens) and self._next() not in ("?", ":", "&&", "||", ",", ")", "]", "}"):
            parts += self._group() if self._next() in ("(", "[", "{") else ()
            self._at += 1
        if self._at == first:
            raise _Unreadable
        last = self._tokens[self._at - 1]
        return Part("plain", self._tokens[first].at, last.at + len(last.text), tuple(parts))

    def _group(self) -> list[Part]:
        """The parts in brackets; ends at the closing one."""
        opened = self._at
        parts: list[Part] = []
        self._at += 1
        while self._next() not in (")", "]", "}"):
            if self._at >= len(self._tokens):
                raise _Unreadable
            if self._next() in (",", ":"):
                self._at += 1
            else:
                parts.append(self._expression())
        name = self._tokens[opened - 1] if opened else None
        if name is None or name.text != "has" or (opened > 1 and self._tokens[opened - 2].text == ".") or len(parts) != 1:
            return parts
        return [Part("has", name.at, self._tokens[self._at].at + 1, tuple(parts))]


def _guarded(part: Part, source: str) -> Iterator[tuple[int, int]]:
    yielding = part.parts
    if part.kind == "choice":
        yielding = part.parts[:1]
        yield from ((branch.start, branch.end) for branch in part.parts[1:])
    elif part.kind in ("and", "or"):
        neutral = "true" if part.kind == "and" else "false"
        first = next((n for n, operand in enumerate(part.parts) if source[operand.start : operand.end].strip() != neutral), 0)
        yielding = part.parts[: first + 1]
        yield from ((operand.start, operand.end) for operand in part.parts[first + 1 :])
    elif part.kind == "has":
        yield part.start, part.end
        return
    for inner in yielding:
        yield from _guarded(inner, source)


def _arguments(part: Part) -> Iterator[Part]:
    if part.kind == "has":
        yield from part.parts
    for inner in part.parts:
        yield from _arguments(inner)


class _Cut:
    """A source under the knife; `text` is what is left, character for character."""

    def __init__(self, source: str, decide: Verdict, exists: Verdict) -> None:
        self.text = list(source)
        self._source, self._decide, self._exists = source, decide, exists

    def part(self, part: Part) -> None:
        """Cuts what is not taken out of a part."""
        if part.kind == "choice" and self._reads(part.parts[1:]):
            self._choice(part)
        elif part.kind in ("and", "or") and self._reads(part.parts):
            self._operands(part, absorbing=part.kind == "or")
        elif part.kind == "has":
            there = self._exists(self._of(part.parts[0]))
            if there is not None:
                self._put(part, there)
        else:
            self._each(part.parts)

    def _each(self, parts: tuple[Part, ...]) -> None:
        for inner in parts:
            self.part(inner)

    def _choice(self, part: Part) -> None:
        condition, yes, no = part.parts
        verdict = self._decide(self._of(condition))
        if verdict is None:
            self._each(part.parts)
            return
        kept = yes if verdict else no
        self._blank(part.start, kept.start)
        self._blank(kept.end, part.end)
        self.part(kept)

    def _operands(self, part: Part, *, absorbing: bool) -> None:
        verdicts = [self._decide(self._of(operand)) for operand in part.parts]
        if absorbing in verdicts:
            self._put(part, absorbing)
            return
        for operand, verdict in zip(part.parts, verdicts, strict=True):
            if verdict is None:
                self.part(operand)
            else:
                self._put(operand, verdict)

    def _reads(self, parts: tuple[Part, ...]) -> bool:
        """Whether there is anything in the parts that may be missing."""
        return any(
            token.text in cel_source.ROOTS and token.text not in _BARE for part in parts for token in cel_source.tokens(self._of(part))
        )

    def _of(self, part: Part) -> str:
        return self._source[part.start : part.end]

    def _blank(self, start: int, end: int) -> None:
        self.text[start:end] = " " * (end - start)

    def _put(self, part: Part, value: bool) -> None:
        word = "true" if value else "false"
        if len(word) <= part.end - part.start:
            self._blank(part.start, part.end)
            self.text[part.start : part.start + len(word)] = word
