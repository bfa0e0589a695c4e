"""Expressions of policies as functions, so that a plan of many changes is judged quickly.

The language is that of stack files (stack-files#references), over a JSON plan in which every value
is known. Each step of a macro and each value that a function goes through is counted, so that no
expression takes long or fills the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reconciler.common import patterns
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config import cel_operators as operators
from reconciler.config import cel_syntax
from reconciler.config.cel_eval import NoMember, TooLong
from reconciler.config.cel_reads import check_call
from reconciler.config.cel_syntax import DEPTH_MAX, TYPES, CelNode, ExpressionError
from reconciler.config.functions import TypeName, described
from reconciler.policies import document_shape
from reconciler.policies.document_shape import Shape
from reconciler.policies.rule_runtime import (
    LEFT,
    MACROS,
    POLICY_CALLS,
    QUICK,
    Frame,
    MacroLoop,
    Run,
    as_condition,
    called,
    element,
    operation,
    selected,
    selected_of,
    spend,
    within,
)

EXPRESSION_CHARACTERS_MAX = 4_000
"""The longest expression."""

_PATTERN_STEPS = 20_000
"""The steps for a pattern that is computed: each may have to be compiled."""


class CompiledRule(NamedTuple):
    """A compiled condition. `slots` is the size of its frame, `steps` what one evaluation takes
    without the repetitions of its macros.
    """

    run: Callable[[Frame], bool]
    slots: int
    steps: int

    def is_true(self, steps: list[int], *roots: Any) -> bool:
        """Whether the condition holds for these roots. `steps` has the number of steps that are
        left, and is lowered. Raises `ExpressionError`.
        """
        frame = [steps[0] - self.steps, *roots, *(None,) * (self.slots - len(roots) - 1)]
        spend(frame, 0)
        try:
            return self.run(frame)
        finally:
            steps[0] = frame[LEFT]


class _Part(NamedTuple):
    run: Run
    steps: int
    """The parts of the expression, without the repetitions of macros."""
    shape: Shape = None
    text: str | None = None
    """The value, if it is a literal text."""
    is_boolean: bool = False
    """Whether it is always true or false."""
    slot: int | None = None
    """Where the frame has the value, if it is a root or an element."""


def compiled(source: str, roots: Mapping[str, Shape]) -> CompiledRule:
    """The function of a condition that may read these roots. Raises `ExpressionError` with the
    offset of a mistake.
    """
    if len(source) > EXPRESSION_CHARACTERS_MAX:
        raise ExpressionError(
            msg(
                "an expression can have at most {limit:,} characters",
                limit=EXPRESSION_CHARACTERS_MAX,
            ),
            offset=0,
        )
    compiler = _Compiler(roots)
    tree = cel_syntax.parse(source)
    part = compiler.part(tree, 0)
    return CompiledRule(_verdict(part, tree.at), compiler.slots, part.steps)


class _Compiler:
    """Compiles one expression. `slots` is the size that its frame needs so far."""

    def __init__(self, roots: Mapping[str, Shape]) -> None:
        self._scope = {name: (slot, shape) for slot, (name, shape) in enumerate(roots.items(), 1)}
        self._roots = tuple(roots)
        self.slots = 1 + len(roots)

    def part(self, node: CelNode, depth: int) -> _Part:
        if depth > DEPTH_MAX:
            raise ExpressionError(msg("the expression is nested too deeply"), offset=node.at)
        return _KINDS[node.kind](self, node, depth + 1)

    def parts(self, nodes: tuple[CelNode, ...], depth: int) -> list[_Part]:
        return [self.part(node, depth) for node in nodes]

    # Names and what is read of them

    def literal(self, node: CelNode, depth: int) -> _Part:
        value = node.value
        return _Part(lambda frame: value, 1, text=value if isinstance(value, str) else None)

    def name(self, node: CelNode, depth: int) -> _Part:
        if node.value in self._scope:
            slot, shape = self._scope[node.value]
            return _Part(lambda frame: frame[slot], 1, shape, slot=slot)
        if node.value in TYPES:
            type_name = TypeName(node.value)
            return _Part(lambda frame: type_name, 1)
        raise ExpressionError(
            msg("`{name}` is not known in this policy", name=node.value),
            offset=node.at,
            code="bad-reference",
            hint=hint_for(node.value, self._scope),
        )

    def select(self, node: CelNode, depth: int) -> _Part:
        target = self.part(node.parts[0], depth)
        field, at = node.value
        run = (
            selected(target.run, field, at)
            if target.slot is None
            else selected_of(target.slot, field, at)
        )
        return _Part(run, target.steps + 1, _member(target.shape, field, at))

    def index(self, node: CelNode, depth: int) -> _Part:
        target, index = self.parts(node.parts, depth)
        at = node.parts[1].at
        run, number = target.run, index.run

        def indexed(frame: Frame) -> Any:
            return element(run(frame), number(frame), at)

        shape = document_shape.element(target.shape)
        if index.text is not None:
            shape = _member(target.shape, index.text, at)
        return _Part(indexed, target.steps + index.steps + 1, shape)

    def has(self, node: CelNode, depth: int) -> _Part:
        asked = node.parts[0]
        if asked.kind not in ("select", "index"):
            raise ExpressionError(
                msg("has() needs something with a field, such as has(change.fields)"),
                offset=node.at,
            )
        target = self.part(asked.parts[0], depth)
        if asked.kind == "select":
            _member(target.shape, *asked.value)
            step = self.literal(CelNode("literal", asked.at, value=asked.value[0]), depth)
        else:
            step = self.part(asked.parts[1], depth)
        run, name = target.run, step.run

        def present(frame: Frame) -> bool:
            try:
                value, key = run(frame), name(frame)
            except NoMember:
                return False
            if isinstance(value, Mapping):
                return isinstance(key, str) and key in value
            if operators.is_list(value):
                is_number = isinstance(key, int) and not isinstance(key, bool)
                return is_number and 0 <= key < len(value)
            return False

        return _Part(present, target.steps + step.steps + 1, is_boolean=True)

    # Conditions

    def choice(self, node: CelNode, depth: int) -> _Part:
        condition, yes, no = self.parts(node.parts, depth)
        verdict = _verdict(condition, node.parts[0].at)
        first, second = yes.run, no.run
        steps = condition.steps + yes.steps + no.steps
        return _Part(lambda frame: first(frame) if verdict(frame) else second(frame), steps)

    def logic(self, node: CelNode, depth: int) -> _Part:
        """`&&` and `||`. One operand can decide the result, even if the other one cannot be
        evaluated.
        """
        left, right = self.parts(node.parts, depth)
        first = _verdict(left, node.parts[0].at)
        second = _verdict(right, node.parts[1].at)
        decisive = node.kind == "either"

        def decided(frame: Frame) -> bool:
            try:
                if first(frame) is decisive:
                    return decisive
            except TooLong:
                raise
            except ExpressionError:
                if second(frame) is decisive:
                    return decisive
                raise
            return second(frame)

        return _Part(decided, left.steps + right.steps + 1, is_boolean=True)

    def negated(self, node: CelNode, depth: int) -> _Part:
        part = self.part(node.parts[0], depth)
        verdict = _verdict(part, node.parts[0].at)
        return _Part(lambda frame: not verdict(frame), part.steps + 1, is_boolean=True)

    # Operators

    def negative(self, node: CelNode, depth: int) -> _Part:
        part = self.part(node.parts[0], depth)
        run, at = part.run, node.at

        def minus(frame: Frame) -> Any:
            value = run(frame)
            if not operators.is_number(value):
                raise ExpressionError(
                    msg("`-` cannot be applied to {found}", found=described(value)), offset=at
                )
            return operators.bounded(-value)

        return _Part(minus, part.steps + 1)

    def binary(self, node: CelNode, depth: int) -> _Part:
        left, right = self.parts(node.parts, depth)
        steps = left.steps + right.steps + 1
        sign = node.value
        if sign == "in" and (texts := _texts(node.parts[1])) is not None:
            return _Part(within(left.run, texts), steps, is_boolean=True)
        if sign in ("==", "!=") and (left.text is not None or right.text is not None):
            run, text = (right.run, left.text) if right.text is None else (left.run, right.text)
            if sign == "==":
                return _Part(lambda frame: run(frame) == text, steps, is_boolean=True)
            return _Part(lambda frame: run(frame) != text, steps, is_boolean=True)
        return _Part(operation(sign, left.run, right.run, node.at), steps)

    # Functions and macros

    def call(self, node: CelNode, depth: int) -> _Part:
        name = node.value if node.kind == "call" else node.value[0]
        if name not in POLICY_CALLS:
            check_call(node)
        parts = self.parts(node.parts, depth)
        steps = 1 + sum(part.steps for part in parts)
        if name == "matches" and len(parts) == 2:
            steps += _pattern_steps(parts[1].text, node.parts[1].at)
        if (quick := QUICK.get(name)) is not None and len(parts) == 2 and parts[1].text:
            return _Part(quick(parts[0].run, parts[1].text, node.at), steps, is_boolean=True)
        return _Part(called(name, [part.run for part in parts], node.at), steps)

    def macro(self, node: CelNode, depth: int) -> _Part:
        (name, variable), (target, *bodies) = node.value, node.parts
        if variable in self._roots:
            raise ExpressionError(
                msg("`{name}` is reserved; give the element another name", name=variable),
                offset=node.at,
            )
        over = self.part(target, depth)
        before = self._scope
        slot = self.slots
        self.slots += 1
        self._scope = {**before, variable: (slot, document_shape.element(over.shape))}
        try:
            inner = self.parts(tuple(bodies), depth)
        finally:
            self._scope = before
        cost = 1 + sum(part.steps for part in inner)
        loop = MacroLoop(name, over.run, slot, cost, node.at)
        runs = [part.run for part in inner]
        if not (name == "map" and len(inner) == 1):
            runs[0] = _verdict(inner[0], bodies[0].at)
        made = MACROS[name](loop, runs)
        shape = over.shape if name == "filter" else None
        is_boolean = name in ("all", "exists", "exists_one")
        return _Part(made, over.steps + cost, shape, is_boolean=is_boolean)

    # Literals

    def list_of(self, node: CelNode, depth: int) -> _Part:
        parts = self.parts(node.parts, depth)
        runs = [part.run for part in parts]
        steps = 1 + sum(part.steps for part in parts)
        if all(item.kind == "literal" for item in node.parts):
            fixed = tuple(item.value for item in node.parts)
            return _Part(lambda frame: fixed, steps)
        return _Part(lambda frame: [run(frame) for run in runs], steps)

    def map_of(self, node: CelNode, depth: int) -> _Part:
        parts = self.parts(node.parts, depth)
        keys, values = [part.run for part in parts[::2]], [part.run for part in parts[1::2]]
        at = node.at

        def made(frame: Frame) -> dict[str, Any]:
            found = {}
            for key, value in zip(keys, values, strict=True):
                name = key(frame)
                if not isinstance(name, str):
                    raise ExpressionError(
                        msg("a key of a map must be a string, not {found}", found=described(name)),
                        offset=at,
                    )
                found[name] = value(frame)
            return found

        return _Part(made, 1 + sum(part.steps for part in parts))


def _pattern_steps(pattern: str | None, at: int) -> int:
    """The steps that a pattern takes besides those of the text; None for a computed one. Raises
    `ExpressionError` if it is not a pattern.
    """
    if pattern is None:
        return _PATTERN_STEPS
    try:
        patterns.matches(pattern, "")
    except patterns.PatternError as failure:
        raise ExpressionError(str(failure), offset=at) from None
    return 0


def _verdict(part: _Part, at: int) -> Callable[[Frame], bool]:
    """The part as a condition."""
    return part.run if part.is_boolean else as_condition(part.run, at)


def _texts(node: CelNode) -> frozenset[str] | None:
    """The elements of a list of literal texts, None for anything else."""
    values = [part.value for part in node.parts if part.kind == "literal"]
    is_fixed = node.kind == "list" and len(values) == len(node.parts)
    return frozenset(values) if is_fixed and all(isinstance(v, str) for v in values) else None


def _member(shape: Shape, name: str, at: int) -> Shape:
    """The shape of a member. Raises `ExpressionError` if the JSON plan never has it."""
    known = document_shape.names(shape)
    if known is not None and name not in known:
        raise ExpressionError(
            msg("there is no `{step}` in it", step=name),
            offset=at,
            code="unknown-attribute",
            hint=hint_for(name, known),
        )
    return document_shape.member(shape, name)


_KINDS: Mapping[str, Callable[[_Compiler, CelNode, int], _Part]] = {
    "literal": _Compiler.literal,
    "name": _Compiler.name,
    "select": _Compiler.select,
    "index": _Compiler.index,
    "has": _Compiler.has,
    "choice": _Compiler.choice,
    "both": _Compiler.logic,
    "either": _Compiler.logic,
    "negated": _Compiler.negated,
    "negative": _Compiler.negative,
    "binary": _Compiler.binary,
    "call": _Compiler.call,
    "method": _Compiler.call,
    "macro": _Compiler.macro,
    "list": _Compiler.list_of,
    "map": _Compiler.map_of,
}
