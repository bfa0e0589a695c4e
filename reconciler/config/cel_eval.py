"""Evaluation of CEL when some values are not known yet.

What reads an unknown value is unknown, with the attributes that it waits for. A condition that is
known selects a branch; the other branch need not exist. Every step is counted, so that no
expression takes long.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config.cel_operators import apply, bounded, is_list, is_number
from reconciler.config.cel_syntax import TYPES, CelNode, ExpressionError, unknown_name
from reconciler.config.functions import CALLS, CallError, TypeName, described
from reconciler.model.resource import Ref, Unknown

WORK_MAX = 1_000_000
"""The largest number of steps of one evaluation. A step is one part of the expression, or one value
of a list, map or text.
"""

WORK_OF_STACK_MAX = 1_500_000
"""The largest number of steps of all evaluations while a stack is read."""

_CHARACTERS_PER_STEP = 16

_WORK: ContextVar[list[int] | None] = ContextVar("work", default=None)
"""The steps of the stack that is read, in a list of one number."""


@contextmanager
def of_one_stack() -> Iterator[None]:
    """While the block runs, all evaluations together have a limit too."""
    token = _WORK.set([0])
    try:
        yield
    finally:
        _WORK.reset(token)


class TooLong(ExpressionError):
    """The steps of an evaluation are used up; no branch may hide that."""


class NoMember(ExpressionError):
    """A value has no member of this name, or no element of this number."""


class Members(ABC):
    """A value whose members are read one at a time."""

    @abstractmethod
    def member(self, step: Any) -> Any:
        """The member with a name, number or key. Raises `ExpressionError` if there is none."""

    @abstractmethod
    def has(self, step: Any) -> Any:
        """Whether there is such a member, or `Unknown`."""


class Evaluator:
    """Evaluates one expression.

    `spent` counts the steps, in a list of one number that several evaluators can share.
    `root(name)` returns the value of a root, and raises `KeyError` if there is none. `touch(value)`
    is called for every value that is read. It returns the current value: a plain value, a mapping
    or sequence whose members are touched in turn, or `Unknown`. Both may raise `ExpressionError`.
    """

    def __init__(
        self, root: Callable[[str], Any], touch: Callable[[Any], Any], spent: list[int]
    ) -> None:
        self._root, self._touch, self._spent = root, touch, spent
        self._work = _WORK.get()
        self._bound: dict[str, Any] = {}
        self.undecided: set[Ref] = set()
        """What the numbers of elements of lists wait for."""

    def value(self, node: CelNode) -> Any:
        """The value of a tree, or `Unknown`. Raises `ExpressionError` with the place of the part
        that has no value.
        """
        self._spend(1)
        try:
            return _KINDS[node.kind](self, node)
        except ExpressionError as failure:
            if failure.offset is None:
                failure.offset = node.at
            raise

    def whole(self, value: Any) -> Any:
        """The value with all its members, or `Unknown` if one of them is unknown."""
        waits: set[Ref] = set()
        made = self._whole(value, waits, 0)
        return unknown(waits) if waits else made

    def _whole(self, value: Any, waits: set[Ref], depth: int) -> Any:
        value = self._touch(value)
        if isinstance(value, Unknown):
            waits.update(value.source or (None,))  # type: ignore[arg-type]  # `unknown` drops it
            return None
        if isinstance(value, str):
            self._spend(1 + len(value) // _CHARACTERS_PER_STEP)
            return value
        self._spend(1)
        if isinstance(value, Mapping):
            return {key: self._whole(value[key], waits, depth + 1) for key in value}
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self._whole(item, waits, depth + 1) for item in value]
        return value

    def _spend(self, steps: int) -> None:
        self._spent[0] += steps
        if self._spent[0] > WORK_MAX:
            raise TooLong(
                msg("the expression would take too long over that many values"),
                hint=msg("nest fewer macros, or use shorter lists"),
            )
        if self._work is not None:
            self._work[0] += steps
            if self._work[0] > WORK_OF_STACK_MAX:
                raise TooLong(
                    msg("the expressions of this stack would take too long together"),
                    hint=msg("nest fewer macros, or use shorter lists"),
                )

    # Names and what is read of them

    def name(self, node: CelNode) -> Any:
        if node.value in self._bound:
            return self._bound[node.value]
        try:
            return self._touch(self._root(node.value))
        except KeyError:
            if node.value in TYPES:
                return TypeName(node.value)
            raise unknown_name(node.value, node.at) from None

    def select(self, node: CelNode) -> Any:
        return self._member(self.value(node.parts[0]), node.value[0])

    def index(self, node: CelNode) -> Any:
        value, index = self.value(node.parts[0]), self.value(node.parts[1])
        if isinstance(value, Unknown) or isinstance(index, Unknown):
            return _either_unknown(value, index)
        return self._member(value, index)

    def _member(self, value: Any, step: Any) -> Any:
        if isinstance(value, Unknown):
            return value
        if isinstance(value, Members):
            return self._touch(value.member(step))
        if isinstance(value, Mapping) and isinstance(step, str):
            if step not in value:
                raise NoMember(
                    msg("there is no `{step}` in it", step=step),
                    hint=hint_for(step, [str(key) for key in value]),
                )
            return self._touch(value[step])
        if is_list(value) and isinstance(step, int) and not isinstance(step, bool):
            if not 0 <= step < len(value):
                raise NoMember(
                    msg(
                        "there is no [{step}]: the list has {length} elements",
                        step=step,
                        length=len(value),
                    )
                )
            return self._touch(value[step])
        raise ExpressionError(msg("{found} has no `{step}`", found=described(value), step=step))

    def has(self, node: CelNode) -> Any:
        asked = node.parts[0]
        if asked.kind not in ("select", "index"):
            raise ExpressionError(msg("has() needs something with a field, such as has(vars.x)"))
        try:
            value = self.value(asked.parts[0])
            step = asked.value[0] if asked.kind == "select" else self.value(asked.parts[1])
        except NoMember:
            return False
        except ExpressionError as failure:
            if failure.code != "missing-reference":
                raise
            return False
        if isinstance(value, Unknown) or isinstance(step, Unknown):
            return _either_unknown(value, step)
        if isinstance(value, Members):
            return value.has(step)
        if isinstance(value, Mapping):
            return step in value
        return is_list(value) and isinstance(step, int) and 0 <= step < len(value)

    # Conditions

    def choice(self, node: CelNode) -> Any:
        condition, yes, no = node.parts
        verdict = self._condition(condition)
        if isinstance(verdict, Unknown):
            return unknown({*verdict.source, *self._sources(yes), *self._sources(no)})
        return self.value(yes if verdict else no)

    def _sources(self, node: CelNode) -> tuple[Ref, ...]:
        """What a branch waits for, if it may still be selected."""
        try:
            found = self.whole(self.value(node))
        except TooLong:
            raise
        except ExpressionError:
            return ()
        return found.source if isinstance(found, Unknown) else ()

    def _condition(self, node: CelNode) -> Any:
        value = self.value(node)
        if isinstance(value, Unknown | bool):
            return value
        raise ExpressionError(
            msg("a condition must be true or false, not {found}", found=described(value)),
            offset=node.at,
        )

    def logic(self, node: CelNode) -> Any:
        """`&&` and `||`. One operand can decide the result, even if the other one cannot be
        evaluated.
        """
        decisive = node.kind == "either"
        values: list[Any] = []
        failed: ExpressionError | None = None
        for part in node.parts:
            try:
                value = self._condition(part)
            except ExpressionError as failure:
                failed = failed or failure
                continue
            if value is decisive:
                return decisive
            values.append(value)
        waits = {ref for value in values if isinstance(value, Unknown) for ref in value.source}
        if failed is not None and not any(isinstance(value, Unknown) for value in values):
            raise failed
        return (
            unknown(waits) if any(isinstance(value, Unknown) for value in values) else not decisive
        )

    def negated(self, node: CelNode) -> Any:
        value = self._condition(node.parts[0])
        return value if isinstance(value, Unknown) else not value

    # Operators

    def negative(self, node: CelNode) -> Any:
        value = self.value(node.parts[0])
        if isinstance(value, Unknown):
            return value
        if not is_number(value):
            raise ExpressionError(msg("`-` cannot be applied to {found}", found=described(value)))
        return bounded(-value)

    def binary(self, node: CelNode) -> Any:
        left, right = self.value(node.parts[0]), self.value(node.parts[1])
        sign = node.value
        if sign == "in" and isinstance(right, Mapping):
            left = self.whole(left)
            return left if isinstance(left, Unknown) else isinstance(left, str) and left in right
        if sign == "+" and is_list(left) and is_list(right):
            self._spend(len(left) + len(right))
            return [*left, *right]
        left, right = self.whole(left), self.whole(right)
        if isinstance(left, Unknown) or isinstance(right, Unknown):
            return _either_unknown(left, right)
        return apply(sign, left, right)

    # Functions and macros

    def call(self, name: str, arguments: tuple[CelNode, ...]) -> Any:
        values = [self.value(part) for part in arguments]
        # these do not look into their argument
        if name not in ("size", "length", "keys", "values", "type", "dyn"):
            values = [self.whole(value) for value in values]
        waits = [value for value in values if isinstance(value, Unknown)]
        if waits:
            return unknown({ref for value in waits for ref in value.source})
        try:
            made = CALLS[name](*values)
        except CallError as failure:
            raise ExpressionError(str(failure)) from None
        except TypeError:
            raise ExpressionError(
                msg("{name}() is called with too few or too many values", name=name)
            ) from None
        if isinstance(made, str):
            self._spend(len(made) // _CHARACTERS_PER_STEP)
        elif is_list(made):
            self._spend(len(made))
        return made

    def macro(self, node: CelNode) -> Any:
        (name, variable), (target, *bodies) = node.value, node.parts
        items = self.value(target)
        if isinstance(items, Unknown):
            return items
        if isinstance(items, Mapping):
            items = sorted(items)
        if not is_list(items):
            raise ExpressionError(
                msg("{name}() needs a list or map, not {found}", name=name, found=described(items))
            )
        before = self._bound
        try:
            return _MACROS[name](self, self._each(items, variable), bodies)
        finally:
            self._bound = before

    def _each(self, items: Sequence[Any], variable: str) -> Iterator[Any]:
        outer = self._bound
        for item in items:
            value = self._touch(item)
            self._bound = {**outer, variable: value}
            yield value

    def _verdicts(self, each: Iterator[Any], body: CelNode) -> Iterator[tuple[Any, Any]]:
        for item in each:
            yield item, self._condition(body)

    def _all(self, each: Iterator[Any], bodies: list[CelNode], *, decisive: bool = False) -> Any:
        waits: set[Ref] = set()
        open_ = False
        for _, verdict in self._verdicts(each, bodies[0]):
            if verdict is decisive:
                return decisive
            if isinstance(verdict, Unknown):
                open_ = True
                waits.update(verdict.source)
        return unknown(waits) if open_ else not decisive

    def _exists(self, each: Iterator[Any], bodies: list[CelNode]) -> Any:
        return self._all(each, bodies, decisive=True)

    def _exists_one(self, each: Iterator[Any], bodies: list[CelNode]) -> Any:
        found = self._filter(each, bodies)
        return found if isinstance(found, Unknown) else len(found) == 1

    def _filter(self, each: Iterator[Any], bodies: list[CelNode]) -> Any:
        return self._gather(self._verdicts(each, bodies[0]), None)

    def _map(self, each: Iterator[Any], bodies: list[CelNode]) -> Any:
        if len(bodies) == 1:
            return [self.value(bodies[0]) for _ in each]
        return self._gather(self._verdicts(each, bodies[0]), bodies[1])

    def _gather(self, verdicts: Iterator[tuple[Any, Any]], body: CelNode | None) -> Any:
        """The elements whose verdict is true, mapped by `body` if there is one. `Unknown` if a
        verdict is, with everything that the result may contain.
        """
        kept: list[Any] = []
        waits: set[Ref] = set()
        open_ = False
        for item, verdict in verdicts:
            if verdict is False:
                continue
            kept.append(item if body is None else self.value(body))
            if isinstance(verdict, Unknown):
                open_ = True
                self.undecided.update(verdict.source)
                inside = self.whole(kept[-1])
                waits.update(verdict.source, inside.source if isinstance(inside, Unknown) else ())
        return unknown(waits) if open_ else kept

    # Literals

    def list_of(self, node: CelNode) -> Any:
        return [self.value(part) for part in node.parts]

    def map_of(self, node: CelNode) -> Any:
        keys = [self.value(part) for part in node.parts[::2]]
        for key in keys:
            if isinstance(key, Unknown):
                return key
            if not isinstance(key, str | int | bool):
                raise ExpressionError(
                    msg("a key of a map must be a string, not {found}", found=described(key))
                )
        return dict(zip(keys, [self.value(part) for part in node.parts[1::2]], strict=True))


_KINDS: Mapping[str, Callable[[Evaluator, CelNode], Any]] = {
    "literal": lambda evaluator, node: node.value,
    "name": Evaluator.name,
    "select": Evaluator.select,
    "index": Evaluator.index,
    "has": Evaluator.has,
    "choice": Evaluator.choice,
    "both": Evaluator.logic,
    "either": Evaluator.logic,
    "negated": Evaluator.negated,
    "negative": Evaluator.negative,
    "binary": Evaluator.binary,
    "call": lambda evaluator, node: evaluator.call(node.value, node.parts),
    "method": lambda evaluator, node: evaluator.call(node.value[0], node.parts),
    "macro": Evaluator.macro,
    "list": Evaluator.list_of,
    "map": Evaluator.map_of,
}

_MACROS: Mapping[str, Callable[[Evaluator, Iterator[Any], list[CelNode]], Any]] = {
    "all": Evaluator._all,
    "exists": Evaluator._exists,
    "exists_one": Evaluator._exists_one,
    "filter": Evaluator._filter,
    "map": Evaluator._map,
}


def gives_list(node: CelNode) -> bool:
    """Whether the value of a tree is certainly a list, by its form."""
    if node.kind == "choice":
        return any(map(gives_list, node.parts[1:]))
    if node.kind == "binary" and node.value == "+":
        return any(map(gives_list, node.parts))
    if node.kind == "macro":
        return node.value[0] in ("map", "filter")
    name = node.value[0] if node.kind == "method" else node.value
    return node.kind == "list" or (
        node.kind in ("call", "method") and name in ("distinct", "keys", "sort", "split", "values")
    )


def unknown(waits: set[Ref]) -> Unknown:
    """An unknown value with the attributes that it waits for, sorted."""
    return Unknown(
        tuple(
            sorted(
                (ref for ref in waits if ref is not None),
                key=lambda ref: (ref.address.sort_key, ref.attribute or ""),
            )
        )
    )


def _either_unknown(*values: Any) -> Unknown:
    return unknown({ref for value in values if isinstance(value, Unknown) for ref in value.source})
