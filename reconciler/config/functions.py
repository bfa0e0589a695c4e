"""The functions of expressions, both CEL's own and ours. Each can be called as `f(x, ...)` and as
`x.f(...)`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.common import patterns
from reconciler.common.text import msg

CHARACTERS_MAX = 65_536
"""The maximum length of a text that a function returns."""


class CallError(Exception):
    """A function was called with arguments that it does not accept. The message is for people."""


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise CallError(
            msg("{name}() needs a string, not {found}", name=name, found=described(value))
        )
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise CallError(
            msg("{name}() needs a list, not {found}", name=name, found=described(value))
        )
    return list(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise CallError(
            msg("{name}() needs a whole number, not {found}", name=name, found=described(value))
        )
    return value


def _bounded(name: str, size: int) -> None:
    if size > CHARACTERS_MAX:
        raise CallError(
            msg(
                "{name}() would return a string of more than {limit:,} characters",
                name=name,
                limit=CHARACTERS_MAX,
            )
        )


_DESCRIPTIONS: Mapping[type, str] = {
    bool: msg("a boolean"),
    str: msg("a string"),
    int: msg("a number"),
    float: msg("a number"),
    list: msg("a list"),
    tuple: msg("a list"),
    type(None): msg("null"),
}


def described(value: Any) -> str:
    """What a value is, for a message: `a string`, `null`."""
    kind = next((kind for kind in _DESCRIPTIONS if isinstance(value, kind)), None)
    if kind is not None:
        return _DESCRIPTIONS[kind]
    if isinstance(value, Mapping):
        return msg("a map")
    return msg("a {type}", type=type(value).__name__)


def text_of(value: Any) -> str:
    """The text of a string, number or boolean, as it is inserted into another text. Raises
    `CallError` for anything else.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    raise CallError(msg("{found} cannot be converted to a string", found=described(value)))


def matches(text: Any, pattern: Any) -> bool:
    """Whether a regular expression matches a part of a text."""
    whole, sought = _text("matches", text), _text("matches", pattern)
    try:
        return patterns.matches(sought, whole)
    except patterns.PatternError as failure:
        raise CallError(str(failure)) from None


def _length(value: Any) -> int:
    if isinstance(value, str | Sequence | Mapping):
        return len(value)
    raise CallError(
        msg("length() needs a string, list or map, not {found}", found=described(value))
    )


def _join(items: Any, between: Any = "") -> str:
    texts, glue = [text_of(item) for item in _list("join", items)], _text("join", between)
    _bounded("join", sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)


def _replace(text: Any, old: Any, new: Any) -> str:
    whole, out, into = _text("replace", text), _text("replace", old), _text("replace", new)
    _bounded("replace", len(whole) + whole.count(out) * max(0, len(into) - len(out)))
    return whole.replace(out, into)


def _split(text: Any, at: Any) -> list[str]:
    between = _text("split", at)
    if not between:
        raise CallError(msg("split() needs a separator that is not empty"))
    return _text("split", text).split(between)


def _format(pattern: Any, values: Any) -> str:
    """`%s` any string, number or boolean; `%d` a whole number, `%03d` with leading zeros; `%%` a
    percent sign.
    """
    whole, rest = _text("format", pattern), _list("format", values)

    def put(found: re.Match[str]) -> str:
        if found["verb"] == "%":
            return "%"
        if not rest:
            raise CallError(msg("format() has fewer values than its pattern needs"))
        value = rest.pop(0)
        if found["verb"] == "s":
            return text_of(value)
        return str(_whole("format", value)).zfill(int(found["width"] or 0))

    made = re.sub(r"%(?P<width>0[0-9]{1,2})?(?P<verb>[sd%])", put, whole)
    if rest:
        raise CallError(msg("format() has more values than its pattern needs"))
    _bounded("format", len(made))
    return made


def _network(name: str, value: Any) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(_text(name, value), strict=False)
    except ValueError:
        raise CallError(msg("{name}() needs an IPv4 range such as 10.0.0.0/8", name=name)) from None


def _cidr_host(cidr: Any, number: Any) -> str:
    network, index = _network("cidr_host", cidr), _whole("cidr_host", number)
    if not -network.num_addresses <= index < network.num_addresses:
        raise CallError(
            msg("{network} has no address number {index}", network=network, index=index)
        )
    return str(network[index])


def _cidr_subnet(cidr: Any, bits: Any, number: Any) -> str:
    network, more, index = (
        _network("cidr_subnet", cidr),
        _whole("cidr_subnet", bits),
        _whole("cidr_subnet", number),
    )
    if more < 0 or network.prefixlen + more > 32 or not 0 <= index < 2**more:
        raise CallError(
            msg(
                "{network} has no subnet number {index} with {bits} more bits",
                network=network,
                index=index,
                bits=more,
            )
        )
    size = 2 ** (32 - network.prefixlen - more)
    return f"{network.network_address + index * size}/{network.prefixlen + more}"


def _cidr_contains(cidr: Any, inner: Any) -> bool:
    return _network("cidr_contains", inner).subnet_of(_network("cidr_contains", cidr))


def _cidr_address(cidr: Any) -> str:
    return _text("cidr_address", cidr).partition("/")[0]


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        items = _list(name, values[0]) if len(values) == 1 else list(values)
        if not items or any(
            isinstance(item, bool) or not isinstance(item, int | float) for item in items
        ):
            raise CallError(msg("{name}() needs numbers", name=name))
        return choose(items)

    return call


def _sort(items: Any) -> list[Any]:
    values = _list("sort", items)
    try:
        return sorted(values)
    except TypeError:
        raise CallError(msg("sort() needs strings only, or numbers only")) from None


def _distinct(items: Any) -> list[Any]:
    kept: list[Any] = []
    seen: set[tuple[str, Any]] = set()
    for item in _list("distinct", items):
        if not isinstance(item, str | int | float | bool | None):
            raise CallError(msg("distinct() needs strings, numbers or booleans"))
        if (key := (type(item).__name__, item)) not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _map(name: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise CallError(msg("{name}() needs a map, not {found}", name=name, found=described(value)))
    return value


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "length": _length,
    "join": _join,
    "split": _split,
    "replace": _replace,
    "format": _format,
    "lower": lambda text: _text("lower", text).lower(),
    "upper": lambda text: _text("upper", text).upper(),
    "trim": lambda text: _text("trim", text).strip(),
    "min": _extreme("min", min),
    "max": _extreme("max", max),
    "sort": _sort,
    "distinct": _distinct,
    "keys": lambda value: sorted(_map("keys", value)),
    "values": lambda value: [value[key] for key in sorted(_map("values", value))],
    "cidr_host": _cidr_host,
    "cidr_subnet": _cidr_subnet,
    "cidr_contains": _cidr_contains,
    "cidr_address": _cidr_address,
}
"""Our own functions, by name."""


class TypeName(str):
    """The result of `type(x)`."""

    __slots__ = ()


def _int64(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise CallError(msg("a number is too large"))
    return value


def _whole_number(name: str, value: Any) -> int:
    try:
        if isinstance(value, str | float | int) and not isinstance(value, bool):
            return int(_int64(int(value)))
    except (ValueError, OverflowError):
        pass
    given = repr(value) if isinstance(value, str) else described(value)
    raise CallError(
        msg(
            "{name}() needs a number, or a string that contains one, not {given}",
            name=name,
            given=given,
        )
    )


def _unsigned(value: Any) -> int:
    number = _whole_number("uint", value)
    if number < 0:
        raise CallError(msg("uint() needs a number that is not negative"))
    return number


def _double(value: Any) -> float:
    try:
        if isinstance(value, str | float | int) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise CallError(
        msg(
            "double() needs a number, or a string that contains one, not {found}",
            found=described(value),
        )
    )


def _texts(name: str, test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def call(text: Any, part: Any) -> bool:
        for value in (text, part):
            if not isinstance(value, str):
                raise CallError(
                    msg("{name}() needs a string, not {found}", name=name, found=described(value))
                )
        return test(text, part)

    return call


def _type(value: Any) -> TypeName:
    for kind, name in (
        (bool, "bool"),
        (int, "int"),
        (float, "double"),
        (TypeName, "type"),
        (str, "string"),
        (Mapping, "map"),
    ):
        if isinstance(value, kind):
            return TypeName(name)
    return TypeName("null_type" if value is None else "list")


NATIVE: Mapping[str, Callable[..., Any]] = {
    "contains": _texts("contains", lambda text, part: part in text),
    "startsWith": _texts("startsWith", str.startswith),
    "endsWith": _texts("endsWith", str.endswith),
    "matches": matches,
    "size": _length,
    "string": text_of,
    "int": lambda value: _whole_number("int", value),
    "uint": _unsigned,
    "double": _double,
    "dyn": lambda value: value,
    "type": _type,
}
"""CEL's own functions, by name. `has` and the macros are part of the syntax."""

CALLS: Mapping[str, Callable[..., Any]] = {**FUNCTIONS, **NATIVE}
"""Every function that an expression can call."""
