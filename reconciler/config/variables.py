"""Variables: their declarations, and the values given for them.

Values come from the default, the environment, `*.auto.vars.yaml`, `--var-file`,
`RECONCILER_VAR_<name>` and `--var`; each overrides those before it (stack-files#variables).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

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


_TEXTS = ("string", "cidr", "duration")
"""The types of which a number in a file keeps its spelling."""

_WHOLE_MAX = 2**53
"""Up to here each whole number that JSON writes as `1e3` or `1.0` is exact."""


class _Unfit(Exception):
    """A value does not fit its variable. The message says why."""


class _Declaration(NamedTuple):
    """A variable or parameter as the file declares it."""

    name: str
    type: str
    members: Mapping[str, Node]
    place: Place

    @property
    def is_nullable(self) -> bool:
        """Whether the default is written as null."""
        return "default" in self.members and document.is_null(self.members["default"])


def values(
    declared: Table | None, environment: Table | None, inputs: VariableInputs
) -> tuple[Mapping[str, Any], tuple[Problem, ...]]:
    """The value of each declared variable (`UNAVAILABLE` if it has none), and the problems with
    declarations and values.
    """
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for name, place, node in declared.keyed() if declared is not None else ():
        declaration = _declaration(name, node, place, problems)
        found[name] = UNAVAILABLE
        if declaration is not None:
            wrong: list[Problem] = []
            found[name] = _value(declaration, environment, inputs, wrong)
            problems += wrong
    problems.extend(_undeclared(set(found), environment, inputs))
    return found, tuple(problems)


@dataclass(frozen=True, slots=True)
class Computed:
    """The value of an expression, and the place of the expression."""

    value: Any
    place: Place


def parameter(
    name: str, node: Node, given: Any, *, place: Place, include: Place
) -> tuple[Any, tuple[Problem, ...]]:
    """The value of a component's parameter, and the problems with it. `given` is a node, a
    `Computed`, or a value that is not known yet, which is checked where it is used.
    """
    problems: list[Problem] = []
    declared = _declaration(name, node, place, problems)
    if declared is None or given is UNAVAILABLE:
        return UNAVAILABLE, tuple(problems)
    if given is not None and not isinstance(given, Scalar | document.Sequence | Table | Computed):
        return given, ()
    is_null = given is None or (
        given.value is None if isinstance(given, Scalar | Computed) else False
    )
    chosen = declared.members.get("default") if is_null else given
    if chosen is None:
        message = msg("parameter `{name}` of the component has no value", name=name)
        hint = msg("pass it: with: {{{name}: VALUE}}", name=name)
        return UNAVAILABLE, (error("variable-missing", message, place=include, hint=hint),)
    value = chosen.value if isinstance(chosen, Computed) else _of_node(declared.type, chosen)
    try:
        _check(declared, value)
    except _Unfit as failure:
        message = msg("parameter `{name}`: {reason}", name=name, reason=failure)
        where = chosen.place if not is_null else place
        return UNAVAILABLE, (error("variable-value", message, place=where),)
    return value, ()


def unknown(name: str, known: Iterable[str], place: Place | None, *, what: str) -> Problem:
    """The problem that a value is given for a name that is not declared."""
    return error(
        "variable-unknown",
        msg("{what} `{name}`", what=what, name=name),
        place=place,
        hint=hint_for(name, known),
    )


def _declaration(
    name: str, node: Node, place: Place, problems: list[Problem]
) -> _Declaration | None:
    members = document.table(node)
    written = members.get("type")
    if isinstance(written, Scalar) and written.text in TYPES:
        return _Declaration(name, written.text, members, place)
    message = msg(
        "variable `{name}` must have a `type`: one of {types}", name=name, types=", ".join(TYPES)
    )
    problems.append(error("not-allowed", message, place=(written or node).place))
    return None


def _value(
    declared: _Declaration,
    environment: Table | None,
    inputs: VariableInputs,
    problems: list[Problem],
) -> Any:
    """The value that overrides all others, or `UNAVAILABLE` with a problem."""
    name = declared.name
    chosen: Any = UNAVAILABLE
    try:
        for value, source, place in _given(declared, environment, inputs):
            try:
                _check(declared, value)
                chosen = value
            except _Unfit as failure:
                message = msg(
                    "variable `{name}`: {reason} (from {source})",
                    name=name,
                    reason=failure,
                    source=source,
                )
                problems.append(error("variable-value", message, place=place or declared.place))
                chosen = UNAVAILABLE
    except _Unfit as failure:
        message = msg("variable `{name}`: {reason}", name=name, reason=failure)
        problems.append(error("variable-value", message, place=declared.place))
        return UNAVAILABLE
    if chosen is UNAVAILABLE and not problems:
        message = msg("variable `{name}` has no value", name=name)
        hint = msg("set it with --var {name}=VALUE, RECONCILER_VAR_{name}, or a default", name=name)
        problems.append(error("variable-missing", message, place=declared.place, hint=hint))
    return chosen


def _given(
    declared: _Declaration, environment: Table | None, inputs: VariableInputs
) -> Iterator[tuple[Plain, str, Place | None]]:
    """Every value that is given for a variable, with its source and place; each overrides those
    before it. Raises `_Unfit` for a text that is not of the type.
    """
    name, kind = declared.name, declared.type
    for source, node in (
        (msg("its default"), declared.members.get("default")),
        (msg("the environment"), None if environment is None else environment.get(name)),
        *((msg("the variable file"), file.root.get(name)) for file in inputs.files),
    ):
        if node is not None:
            yield _of_node(kind, node), source, node.place
    for option, texts in ((f"RECONCILER_VAR_{name}", inputs.process), ("--var", inputs.arguments)):
        if name in texts:
            text = texts[name]
            is_null = text == "null" and declared.is_nullable and kind != "string"
            yield None if is_null else _of_text(kind, text, option), option, None


def _of_node(kind: str, node: Node) -> Plain:
    """The value of a node. A number keeps its spelling if the type is a text, and is whole if the
    type is and no fraction is lost.
    """
    if isinstance(node, Scalar):
        value = node.value
        if kind in _TEXTS and not isinstance(value, bool) and value is not None:
            return node.text
        if isinstance(value, float) and kind in ("integer", "port"):
            return int(value) if value.is_integer() and abs(value) <= _WHOLE_MAX else value
        return value
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
        return _frozen(json.loads(text, object_pairs_hook=_once))
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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises `_Unfit` for a key that is given twice."""
    found = dict(pairs)
    for key, _ in pairs if len(found) < len(pairs) else ():
        if [name for name, _ in pairs].count(key) > 1:
            raise _Unfit(msg("the key `{key}` is given twice", key=key[:50]))
    return found


def _frozen(value: Any) -> Plain:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _Unfit(msg("a value of this type is not supported"))


_WANTED = {
    "string": msg("a string"),
    "integer": msg("a whole number"),
    "number": msg("a number"),
    "boolean": msg("true or false"),
    "list": msg("a list"),
    "map": msg("a map"),
    "cidr": msg("an IPv4 range"),
    "port": msg("a port (1-65535)"),
    "duration": msg("a duration such as 90s or 1h30m"),
}


def _is_of(kind: str, value: Plain) -> bool:
    """Whether a value has the type of a variable."""
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in ("integer", "number") or (kind == "port" and 1 <= value <= 65535)
    if isinstance(value, str):
        return kind in ("string", "cidr") or (
            kind == "duration" and _DURATION.fullmatch(value) is not None
        )
    types: Mapping[str, type] = {"number": float, "list": tuple, "map": Mapping}
    return kind in types and isinstance(value, types[kind])


def _shown(value: Plain) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)[:50]


def _check(declared: _Declaration, value: Plain) -> None:
    """Raises `_Unfit` if the value does not fit the declaration. Null fits one whose default is
    null.
    """
    if value is None and declared.is_nullable:
        return
    if not _is_of(declared.type, value):
        raise _Unfit(
            msg("`{value}` is not {type}", value=_shown(value), type=_WANTED[declared.type])
        )
    if _has_expression(value):
        raise _Unfit(
            msg(
                "the value of a variable cannot contain `${{...}}`; use `locals` for computed "
                "values"
            )
        )
    if declared.type == "cidr" and (wrong := validators.cidr(value)) is not None:
        raise _Unfit(wrong)
    limits = ("minimum", "maximum", "enum")
    members = declared.members
    _check_limits(value, {key: document.plain(members[key]) for key in limits if key in members})
    pattern = members.get("pattern")
    if isinstance(pattern, Scalar) and isinstance(value, str):
        _check_pattern(value, pattern.text)


def _has_expression(value: Plain) -> bool:
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, Mapping):
        return any(_has_expression(item) for item in value.values())
    return isinstance(value, tuple) and any(_has_expression(item) for item in value)


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
    what = msg("the stack declares no variable")
    tables = [environment] if environment is not None else []
    for table in (*tables, *(file.root for file in inputs.files)):
        for name, place, _ in table.keyed():
            if name not in declared:
                yield unknown(name, declared, place, what=what)
    for name in sorted(set(inputs.arguments) - declared):
        yield error(
            "variable-unknown",
            msg("the stack declares no variable `{name}` (from --var)", name=name),
            hint=hint_for(name, declared),
        )
