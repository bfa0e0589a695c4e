"""Variables: their declarations, and the values given for them.

Values come from the default, the environment, `--var-file`, `RECONCILER_VAR_<name>` and `--var`;
each overrides those before it (stack-files#variables).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reconciler.common import patterns, validators
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import msg
from reconciler.config import document
from reconciler.config.document import Document, Node, Scalar, Table
from reconciler.config.references import UNAVAILABLE
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY, Plain

TYPES = ("string", "integer", "number", "boolean", "list", "map", "cidr", "port", "duration")

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
_DURATION = re.compile(r"(?=.)(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,6}s)?", re.ASCII)
_MATCHED_CHARACTERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class VariableInputs:
    """Values from outside the stack. `files` are documents of `name: value`; a later one overrides
    an earlier one. `process` are the values of `RECONCILER_VAR_<name>` by name and `arguments`
    those of `--var`, both as text.
    """

    files: tuple[Document, ...] = ()
    process: Mapping[str, str] = EMPTY
    arguments: Mapping[str, str] = EMPTY


NO_INPUTS = VariableInputs()


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and where it comes from, for messages."""

    value: Plain
    source: str
    place: Place | None


class _Unfit(Exception):
    """A value does not fit; the message says why."""


def values(
    declared: Table | None, environment: Table | None, inputs: VariableInputs
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """The value of each declared variable (`UNAVAILABLE` if it has none), and the problems with
    declarations and values.
    """
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    entries = document.table(declared)
    for name, place, node in declared.keyed() if declared is not None else ():
        kind = _kind(name, node, problems)
        found[name] = (
            UNAVAILABLE
            if kind is None
            else _value(name, kind, document.table(node), place, environment, inputs, problems)
        )
    problems.extend(_undeclared(set(entries), environment, inputs))
    return found, tuple(problems)


@dataclass(frozen=True, slots=True)
class Computed:
    """The value of an expression, and the place of the expression."""

    value: Any
    place: Place


def parameter(
    name: str, declaration: Node, given: Any, *, place: Place, include: Place
) -> tuple[Any, tuple[Problem, ...]]:
    """The value of a component's parameter, and the problems with it. `given` is a node, a
    `Computed`, or a value that is not known yet, which is checked where it is used.
    """
    problems: list[Problem] = []
    kind = _kind(name, declaration, problems)
    if kind is None or given is UNAVAILABLE:
        return UNAVAILABLE, tuple(problems)
    members = document.table(declaration)
    if given is not None and not isinstance(given, Scalar | document.Sequence | Table | Computed):
        return given, ()
    chosen = given if given is not None else members.get("default")
    if chosen is None:
        hint = msg("pass it: with: {{{name}: VALUE}}", name=name)
        return UNAVAILABLE, (
            error(
                "variable-missing",
                msg("parameter `{name}` of the component has no value", name=name),
                place=include,
                hint=hint,
            ),
        )
    value = chosen.value if isinstance(chosen, Computed) else _of_node(kind, chosen)
    try:
        _check(kind, value, members)
    except _Unfit as failure:
        where = chosen.place if given is not None else place
        return UNAVAILABLE, (
            error(
                "variable-value",
                msg("parameter `{name}`: {reason}", name=name, reason=failure),
                place=where,
            ),
        )
    return value, ()


def unknown(name: str, known: Iterable[str], place: Place | None, *, what: str) -> Problem:
    """The problem that a value is given for a name that is not declared."""
    return error(
        "variable-unknown",
        msg("{what} `{name}`", what=what, name=name),
        place=place,
        hint=hint_for(name, known),
    )


def _kind(name: str, declaration: Node, problems: list[Problem]) -> str | None:
    node = document.table(declaration).get("type")
    if isinstance(node, Scalar) and node.text in TYPES:
        return node.text
    place = (node or declaration).place
    problems.append(
        error(
            "not-allowed",
            msg(
                "variable `{name}` must have a `type`: one of {types}",
                name=name,
                types=", ".join(TYPES),
            ),
            place=place,
        )
    )
    return None


def _value(
    name: str,
    kind: str,
    declaration: Mapping[str, Node],
    place: Place,
    environment: Table | None,
    inputs: VariableInputs,
    problems: list[Problem],
) -> Any:
    """The value that overrides all others, or `UNAVAILABLE` with a problem."""
    chosen: Any = UNAVAILABLE
    try:
        for given in _given(name, kind, declaration.get("default"), environment, inputs):
            try:
                _check(kind, given.value, declaration)
            except _Unfit as failure:
                problems.append(
                    error(
                        "variable-value",
                        msg(
                            "variable `{name}`: {reason} (from {source})",
                            name=name,
                            reason=failure,
                            source=given.source,
                        ),
                        place=given.place or place,
                    )
                )
                chosen = UNAVAILABLE
            else:
                chosen = given.value
    except _Unfit as failure:
        problems.append(
            error(
                "variable-value",
                msg("variable `{name}`: {reason}", name=name, reason=failure),
                place=place,
            )
        )
        return UNAVAILABLE
    if chosen is UNAVAILABLE and not any(
        f"variable `{name}`" in problem.message for problem in problems
    ):
        hint = msg("set it with --var {name}=VALUE, RECONCILER_VAR_{name}, or a default", name=name)
        problems.append(
            error(
                "variable-missing",
                msg("variable `{name}` has no value", name=name),
                place=place,
                hint=hint,
            )
        )
    return chosen


def _given(
    name: str, kind: str, default: Node | None, environment: Table | None, inputs: VariableInputs
) -> Iterator[_Given]:
    """Every value given for a variable, weakest first. Raises `_Unfit` for a text that is not of
    the type.
    """
    if default is not None:
        yield _Given(_of_node(kind, default), "its default", default.place)
    if environment is not None and (node := environment.get(name)) is not None:
        yield _Given(_of_node(kind, node), "the environment", node.place)
    for file in inputs.files:
        if (node := file.root.get(name)) is not None:
            yield _Given(_of_node(kind, node), "the variable file", node.place)
    for source, texts in ((f"RECONCILER_VAR_{name}", inputs.process), ("--var", inputs.arguments)):
        if name in texts:
            yield _Given(_of_text(kind, texts[name], source), source, None)


def _of_node(kind: str, node: Node) -> Plain:
    """The value of a node. A number keeps its spelling if the type is a text."""
    if isinstance(node, Scalar):
        if (
            kind in ("string", "cidr", "duration")
            and not isinstance(node.value, bool)
            and node.value is not None
        ):
            return node.text
        return node.value
    return document.plain(node)


def _of_text(kind: str, text: str, source: str) -> Plain:
    if kind in ("integer", "port"):
        if _INTEGER.fullmatch(text):
            return int(text)
    elif kind == "number":
        if _NUMBER.fullmatch(text):
            return float(text) if "." in text else int(text)
    elif kind == "boolean":
        if text in ("true", "false"):
            return text == "true"
    elif kind in ("list", "map"):
        return _of_json(kind, text, source)
    else:
        return text
    raise _Unfit(
        msg(
            "`{text}` is not {type} (from {source})",
            text=text[:50],
            type=_WANTED[kind],
            source=source,
        )
    )


def _of_json(kind: str, text: str, source: str) -> Plain:
    """A list or map written as JSON. A list can also be `a,b,c`."""
    if kind == "list" and not text.lstrip().startswith("["):
        return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    try:
        return _frozen(json.loads(text))
    except (ValueError, RecursionError):
        such = '`a,b` or `["a", "b"]`' if kind == "list" else '`{"a": 1}`'
        raise _Unfit(
            msg(
                "the value is not a JSON {kind}, such as {example} (from {source})",
                kind=kind,
                example=such,
                source=source,
            )
        ) from None


def _frozen(value: Any) -> Plain:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _Unfit(msg("a value of this type is not supported"))


_WANTED = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "list": "a list",
    "map": "a map",
    "cidr": "an IPv4 range",
    "port": "a port (1-65535)",
    "duration": "a duration such as 90s or 1h30m",
}

_IS: Mapping[str, Callable[[Plain], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, tuple),
    "map": lambda value: isinstance(value, Mapping),
    "cidr": lambda value: isinstance(value, str),
    "port": lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535
    ),
    "duration": lambda value: isinstance(value, str) and _DURATION.fullmatch(value) is not None,
}


def _check(kind: str, value: Plain, declaration: Mapping[str, Node]) -> None:
    if not _IS[kind](value):
        shown = (
            "null"
            if value is None
            else str(value).lower()
            if isinstance(value, bool)
            else str(value)[:50]
        )
        raise _Unfit(msg("`{value}` is not {type}", value=shown, type=_WANTED[kind]))
    if _holds_expression(value):
        raise _Unfit(
            msg(
                "the value of a variable cannot contain `${{...}}`; use `locals` for computed "
                "values"
            )
        )
    if kind == "cidr" and (wrong := validators.cidr(value)) is not None:
        raise _Unfit(wrong)
    _check_limits(
        value,
        {
            key: document.plain(node)
            for key, node in declaration.items()
            if key in ("minimum", "maximum", "enum")
        },
    )
    pattern = declaration.get("pattern")
    if isinstance(pattern, Scalar) and isinstance(value, str):
        _check_pattern(value, pattern.text)


def _holds_expression(value: Plain) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(_holds_expression(item) for item in value.values())
    return isinstance(value, tuple) and any(_holds_expression(item) for item in value)


def _check_limits(value: Plain, limits: Mapping[str, Plain]) -> None:
    low, high, allowed = limits.get("minimum"), limits.get("maximum"), limits.get("enum")
    if isinstance(value, int | float):
        if isinstance(low, int | float) and value < low:
            raise _Unfit(
                msg("{value} is less than the minimum {minimum}", value=value, minimum=low)
            )
        if isinstance(high, int | float) and value > high:
            raise _Unfit(
                msg("{value} is more than the maximum {maximum}", value=value, maximum=high)
            )
    if (
        isinstance(allowed, tuple)
        and value not in allowed
        and str(value) not in {str(item) for item in allowed}
    ):
        raise _Unfit(
            msg(
                "`{value}` is not one of {allowed}",
                value=str(value)[:50],
                allowed=", ".join(str(item) for item in allowed),
            )
        )


def _check_pattern(value: str, pattern: str) -> None:
    if len(value) > _MATCHED_CHARACTERS_MAX:
        raise _Unfit(
            msg(
                "the value is longer than {limit:,} characters, so it is not compared with the "
                "pattern",
                limit=_MATCHED_CHARACTERS_MAX,
            )
        )
    try:
        fits = patterns.matches(pattern, value)
    except patterns.PatternError as failure:
        raise _Unfit(str(failure)) from None
    if not fits:
        raise _Unfit(
            msg("`{value}` does not match the pattern {pattern}", value=value[:50], pattern=pattern)
        )


def _undeclared(
    declared: set[str], environment: Table | None, inputs: VariableInputs
) -> Iterator[Problem]:
    """Problems with values for variables that the stack does not declare. Those of the process are
    not checked, because they may be for other stacks.
    """
    tables = [environment] if environment is not None else []
    for table in (*tables, *(file.root for file in inputs.files)):
        for name, place, _ in table.keyed():
            if name not in declared:
                yield error(
                    "variable-unknown",
                    msg("the stack declares no variable `{name}`", name=name),
                    place=place,
                    hint=hint_for(name, declared),
                )
    for name in sorted(set(inputs.arguments) - declared):
        yield error(
            "variable-unknown",
            msg("the stack declares no variable `{name}` (from --var)", name=name),
            hint=hint_for(name, declared),
        )
