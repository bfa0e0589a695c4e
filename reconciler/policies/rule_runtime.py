"""What compiled expressions of policies are made of: reading members, operators, functions and
macros, each counting the steps that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from reconciler.common.text import msg
from reconciler.config import cel_operators as operators
from reconciler.config.cel_eval import NoMember, TooLong
from reconciler.config.cel_syntax import ExpressionError
from reconciler.config.functions import CALLS, CHARACTERS_MAX, CallError, described, matches
from reconciler.policies import opened_ports

Frame: TypeAlias = "list[Any]"
"""The values that an expression reads: the number of steps that are left, the roots, then the
elements of the macros.
"""

Run: TypeAlias = "Callable[[Frame], Any]"

LEFT = 0
"""Where a frame has the number of steps that are left."""

_CHARACTERS_PER_STEP = 16

_SHORT = 256
_CALL_STEPS = 4

POLICY_CALLS: Mapping[str, Callable[..., Any]] = {opened_ports.NAME: opened_ports.opened_to}
"""Functions that only policies have."""

_STEP_CHARACTERS_MAX = 60
"""How much of the name of a member is in a message."""

_ASK_WITH_HAS = msg("ask with `has(...)` whether it is there before it is read")
_ASK_IF_KNOWN = msg("ask with `!= null` whether it is known before it is used")

_NUMBERS = frozenset({int, float, bool, type(None)})
_SCALARS = frozenset({str, int, float, bool, type(None)})


def spend(frame: Frame, steps: int) -> None:
    """Counts steps. Raises `TooLong` when none are left."""
    frame[LEFT] -= steps
    if frame[LEFT] < 0:
        raise _too_long()


def _too_long() -> TooLong:
    return TooLong(
        msg("the expression would take too long over that many values"),
        hint=msg("nest fewer macros, or use shorter lists"),
    )


def _weigh(frame: Frame, value: Any) -> None:
    """Counts a value with all its members, as often as each is in it."""
    if isinstance(value, str):
        spend(frame, 1 + len(value) // _CHARACTERS_PER_STEP)
        return
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list | tuple):
        spend(frame, 1)
        return
    spend(frame, 1 + len(items))
    for item in items:
        if type(item) not in _NUMBERS:
            _weigh(frame, item)


# What is read of a value


def selected(run: Run, field: str, at: int) -> Run:
    """Reads a member of a value."""

    def read(frame: Frame) -> Any:
        value = run(frame)
        try:
            return value[field]
        except (KeyError, TypeError, IndexError):
            raise _no_member(value, field, at) from None

    return read


def selected_of(slot: int, field: str, at: int) -> Run:
    """The same for a root or an element."""

    def read(frame: Frame) -> Any:
        try:
            return frame[slot][field]
        except (KeyError, TypeError, IndexError):
            raise _no_member(frame[slot], field, at) from None

    return read


def element(value: Any, step: Any, at: int) -> Any:
    """The member of a value with a computed name or number."""
    if isinstance(value, Mapping) and isinstance(step, str) and step in value:
        return value[step]
    if operators.is_list(value) and isinstance(step, int) and not isinstance(step, bool):
        if 0 <= step < len(value):
            return value[step]
        raise NoMember(
            msg(
                "there is no [{step}]: the list has {length} elements",
                step=step,
                length=len(value),
            ),
            offset=at,
            hint=_ASK_WITH_HAS,
        )
    raise _no_member(value, step, at)


def _no_member(value: Any, step: Any, at: int) -> ExpressionError:
    if not isinstance(step, str | int | float):
        step = described(step)  # its text may be larger than the memory
    if isinstance(step, str):
        step = step[:_STEP_CHARACTERS_MAX]
    if isinstance(value, Mapping):
        return NoMember(
            msg("there is no `{step}` in it", step=step),
            offset=at,
            hint=_ASK_WITH_HAS,
        )
    return ExpressionError(
        msg("{found} has no `{step}`", found=described(value), step=step),
        offset=at,
        hint=_ASK_IF_KNOWN if value is None else None,
    )


# Conditions and operators


def as_condition(run: Run, at: int) -> Callable[[Frame], bool]:
    """The same function, for a value that must be true or false."""

    def verdict(frame: Frame) -> bool:
        value = run(frame)
        if value is True or value is False:
            return value
        raise ExpressionError(
            msg("a condition must be true or false, not {found}", found=described(value)),
            offset=at,
        )

    return verdict


def operation(sign: str, left: Run, right: Run, at: int) -> Run:
    """A binary operator."""

    def applied(frame: Frame) -> Any:
        first, second = left(frame), right(frame)
        if sign == "in" and isinstance(second, Mapping):
            return isinstance(first, str) and first in second
        if type(first) not in _SCALARS or isinstance(first, str):
            _weigh(frame, first)
        if type(second) not in _SCALARS or isinstance(second, str):
            _weigh(frame, second)
        try:
            made = operators.apply(sign, first, second)
        except ExpressionError as failure:
            failure.offset = at if failure.offset is None else failure.offset
            failure.hint = _ASK_IF_KNOWN if first is None or second is None else failure.hint
            raise
        if isinstance(made, str) and len(made) > CHARACTERS_MAX:
            raise _too_long()
        return made

    return applied


def within(run: Run, texts: frozenset[str]) -> Run:
    """Whether a value is one of some literal texts."""

    def found(frame: Frame) -> bool:
        value = run(frame)
        return isinstance(value, str) and value in texts

    return found


# Functions


def called(name: str, arguments: Sequence[Run], at: int) -> Run:
    """A call of a function."""
    function = CALLS[name] if name in CALLS else POLICY_CALLS[name]
    weighs_arguments = name not in ("size", "length", "type", "dyn", opened_ports.NAME)

    def call(frame: Frame) -> Any:
        values = [run(frame) for run in arguments]
        if weighs_arguments:
            for value in values:
                _weigh(frame, value)
        else:
            spend(frame, _CALL_STEPS)
        if name == opened_ports.NAME:
            spend(frame, _CALL_STEPS * opened_ports.count_of_lines(values[0] if values else None))
        try:
            made = function(*values)
        except CallError as failure:
            raise ExpressionError(str(failure), offset=at) from None
        except TypeError:
            raise ExpressionError(
                msg("{name}() is called with too few or too many values", name=name), offset=at
            ) from None
        if isinstance(made, str):
            spend(frame, len(made) // _CHARACTERS_PER_STEP)
        elif operators.is_list(made):
            spend(frame, len(made))
        return made

    return call


def _test_of_text(
    name: str, test: Callable[[str, str], bool], steps: int = 0
) -> Callable[[Run, str, int], Run]:
    """A test of a text. The steps of a short one need no counting."""

    def made(run: Run, part: str, at: int) -> Run:
        slow = called(name, [run, lambda frame: part], at)

        def tested(frame: Frame) -> bool:
            value = run(frame)
            if isinstance(value, str) and len(value) < _SHORT:
                spend(frame, steps)
                return bool(test(value, part))
            return bool(slow(frame))

        return tested

    return made


QUICK: Mapping[str, Callable[[Run, str, int], Run]] = {
    "contains": _test_of_text("contains", lambda text, part: part in text),
    "startsWith": _test_of_text("startsWith", str.startswith),
    "endsWith": _test_of_text("endsWith", str.endswith),
    "matches": _test_of_text("matches", matches, 10),
}
"""Functions with a literal text as their second argument."""


# Macros


class MacroLoop(NamedTuple):
    """What a macro goes through: the list or map, where each element is put, and how many steps one
    of them takes.
    """

    name: str
    over: Run
    slot: int
    steps: int
    at: int

    def items(self, frame: Frame) -> Sequence[Any]:
        """The elements: of a map, its keys in order."""
        items = self.over(frame)
        if isinstance(items, list | tuple):
            return items
        if isinstance(items, Mapping):
            return sorted(items)
        raise ExpressionError(
            msg(
                "{name}() needs a list or map, not {found}", name=self.name, found=described(items)
            ),
            offset=self.at,
        )

    def each(self, frame: Frame) -> Iterator[Any]:
        """Each element, when it is in its place."""
        slot, steps = self.slot, self.steps
        for item in self.items(frame):
            frame[LEFT] -= steps
            if frame[LEFT] < 0:
                raise _too_long()
            frame[slot] = item
            yield item


def _deciding(decisive: bool) -> Callable[[MacroLoop, Sequence[Run]], Run]:
    def made(loop: MacroLoop, bodies: Sequence[Run]) -> Run:
        verdict, slot, steps = bodies[0], loop.slot, loop.steps

        def decided(frame: Frame) -> Any:
            for item in loop.items(frame):
                frame[LEFT] -= steps
                if frame[LEFT] < 0:
                    raise _too_long()
                frame[slot] = item
                if verdict(frame) is decisive:
                    return decisive
            return not decisive

        return decided

    return made


def _filter(loop: MacroLoop, bodies: Sequence[Run]) -> Run:
    verdict = bodies[0]
    return lambda frame: [item for item in loop.each(frame) if verdict(frame)]


def _exists_one(loop: MacroLoop, bodies: Sequence[Run]) -> Run:
    kept = _filter(loop, bodies)
    return lambda frame: len(kept(frame)) == 1


def _map(loop: MacroLoop, bodies: Sequence[Run]) -> Run:
    if len(bodies) == 1:
        body = bodies[0]
        return lambda frame: [body(frame) for _ in loop.each(frame)]
    verdict, value = bodies
    return lambda frame: [value(frame) for _ in loop.each(frame) if verdict(frame)]


MACROS: Mapping[str, Callable[[MacroLoop, Sequence[Run]], Run]] = {
    "all": _deciding(False),
    "exists": _deciding(True),
    "exists_one": _exists_one,
    "filter": _filter,
    "map": _map,
}
