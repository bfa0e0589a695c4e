"""How much work an expression is, counted while it is evaluated: an expression that would take long is ended instead.

One unit is one value that is touched, about 30-100 ns. What a macro's body touches is estimated from its words and from the sizes of what
it reads; how often it runs is counted, macro by macro. A list that `map` or `filter` makes is copied for each element that is added to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.core import cel_source
from reconciler.core.cel_source import Read, Token
from reconciler.core.functions import CallError

WORK_MAX = 100_000_000
"""The most units of one expression."""

TOO_LONG = "the expression would take too long over that many values"

_CROSSING = 20
"""What it costs to hand one value over to a function of ours and back."""

_PER_UNIT = 16
"""How many characters count as one value."""


class Body(NamedTuple):
    """A part of a source that is evaluated as often as its macro runs; the bodies of macros inside it are not part of it.

    `at` is the offset of the macro's name, `steps` how many tokens there are, `mentions` how often values are named, `outer` the macros
    around it, by their place in `bodies`. `gathers` tells whether the macro makes a list.
    """

    at: int
    gathers: bool
    steps: int
    mentions: int
    additions: int
    members: int
    reads: tuple[Read, ...]
    outer: tuple[int, ...]


@lru_cache(maxsize=4096)
def bodies(source: str) -> tuple[Body, ...]:
    """The whole source without its macros' bodies, then the body of each macro, in order."""
    tokens = cel_source.tokens(source)
    reads = cel_source.look(source).reads
    spans = [(-1, -1, len(tokens)), *cel_source.macro_bodies(tokens)]
    owners = [max(n for n, (_, opened, closed) in enumerate(spans) if opened < index < closed) for index in range(len(tokens))]
    return tuple(_body(tokens, reads, spans, owners, number) for number in range(len(spans)))


def _body(tokens: list[Token], reads: tuple[Read, ...], spans: Sequence[tuple[int, int, int]], owners: list[int], number: int) -> Body:
    name, opened, closed = spans[number]
    own = [index for index, owner in enumerate(owners) if owner == number]
    offsets = {tokens[index].at for index in own}
    texts = [tokens[index].text for index in own]
    mentions = sum(1 for index in own if tokens[index].kind == "name" and (index == 0 or tokens[index - 1].text != "."))
    outer = tuple(n for n, (_, first, last) in enumerate(spans) if n and first < opened and closed < last)
    return Body(
        at=tokens[name].at if number else -1,
        gathers=number > 0 and tokens[name].text in ("map", "filter"),
        steps=len(own),
        mentions=mentions,
        additions=texts.count("+"),
        members=texts.count(","),
        reads=tuple(read for read in reads if read.at in offsets),
        outer=outer,
    )


class Work:
    """What one evaluation has cost so far (`spent`). Each method raises `CallError` once that is too much, and `over` is then true."""

    def __init__(self, source: str, values: Mapping[str, Any]) -> None:
        self._bodies = bodies(source)
        paths = {(read.root, *_fixed(read)) for body in self._bodies for read in body.reads}
        known = {path: size(_at(path, values)) for path in paths}
        self._sizes = [max((known[read.root, *_fixed(read)] for read in body.reads), default=0) for body in self._bodies]
        self._lengths = [0] * len(self._bodies)
        self.spent, self._largest, self.over = 0, 1, False

    def begin(self) -> None:
        """Before anything is evaluated."""
        self._spend(self._once(0))

    def enter(self, number: int, items: Any) -> None:
        """Before a macro goes over a list or map."""
        if not isinstance(items, Sequence | Mapping):
            return
        sizes = [size(item) for item in (items.values() if isinstance(items, Mapping) else items)]
        length, whole = len(items), sum(sizes)
        self._largest = max(self._largest, *sizes, 1)
        self._lengths[number] = length
        body, made = self._bodies[number], self._made(number) * length
        copies = sum(self._lengths[outer] for outer in body.outer if self._bodies[outer].gathers)
        self._spend(_CROSSING * whole + length * self._once(number) + (made * (length + copies) if body.gathers else copies))

    def called(self, name: str, values: Sequence[Any]) -> None:
        """What a function was given, and what it gave."""
        sizes = [size(value) for value in values]
        self._largest = max(self._largest, *sizes, 1)
        self._spend(_CROSSING * sum(sizes) + (sizes[0] * len(str(values[1])) if name == "matches_of" and len(values) > 1 else 0))

    def _once(self, number: int) -> int:
        """What it costs at most to evaluate a body once."""
        return self._bodies[number].steps + self._made(number)

    def _made(self, number: int) -> int:
        """How large a value a body makes at most."""
        body = self._bodies[number]
        return 1 + body.members + body.mentions * (1 + body.additions) * (self._sizes[number] + (self._largest if number else 0))

    def _spend(self, units: int) -> None:
        self.spent += units
        if self.spent > WORK_MAX:
            self.over = True
            raise CallError(TOO_LONG)


def size(value: Any) -> int:
    """How many values a value holds, itself included."""
    total, waiting = 0, [value]
    while waiting:
        item = waiting.pop()
        total += 1
        if isinstance(item, str | bytes):
            total += len(item) // _PER_UNIT
        elif isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
    return total


def _at(path: tuple[str, ...], values: Mapping[str, Any]) -> Any:
    """The value that a path leads to, as far as it can be followed."""
    value: Any = values
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            break
        value = value[step]
    return value


def _fixed(read: Read) -> Iterator[str]:
    """The first steps of a read that are names."""
    for step in read.steps:
        if not isinstance(step, str):
            return
        yield step
