"""Our words for what a JSON Schema refuses: what is wrong, and the shortest way to make it right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.common.suggestions import hint_for, listed, nearest
from reconciler.common.text import msg
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.model.diagnostics import Place, Problem, error

EXPRESSION = r"\$\{"
"""The pattern of a text that holds an expression."""

_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a mapping",
    "array": "a list",
}

_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

_SYNONYMS: Mapping[str, str] = {
    "servers": "write `instances`",
    "server": "write `instance`",
    "volumes": "write `block_storages`",
    "disks": "write `block_storages`",
    "security_groups": "write `firewalls`",
    "security_group": "write `firewall`",
    "variable": "write `variables`",
    "resources": "write the kind itself: `instances`, `block_storages`, `firewalls`",
    "tags": "the cloud has no tags",
    "ssh_key": "write `ssh_keys: [name]`",
    "port": "write `ports`",
    "source": "write `cidr`",
    "region": "write `zone`",
    "volume": "a volume is one of `block_storages`, and names its `instance`",
    "<<": "merge keys are not part of the language; use `defaults:`, or an alias as a whole value",
    "component": "a component's file lies in a subfolder, or outside: all files of this folder are one stack",
    "modules": "write `components`",
    "module": "write `components`",
    "protect": "write `lifecycle: {protect: true}`",
    "ignore": "write `lifecycle: {ignore: [...]}`",
}

_VALUES: Mapping[str, tuple[str, ...]] = {
    "inbound": ("in",),
    "ingress": ("in",),
    "input": ("in",),
    "outbound": ("out",),
    "egress": ("out",),
    "output": ("out",),
    "running": ("on",),
    "active": ("on",),
    "true": ("on",),
    "stopped": ("off",),
    "false": ("off",),
    "bool": ("boolean",),
    "int": ("integer",),
    "text": ("string",),
    "object": ("map",),
}
"""What other tools call a value, and what it is called here where that is one of those allowed."""

_ELSEWHERE = {
    "icmp": "ping is answered by `icmp: true` of the firewall",
    "ping": "ping is answered by `icmp: true` of the firewall",
    "any": "write one rule for tcp and one for udp",
    "all": "write one rule for tcp and one for udp",
    "-1": "write one rule for tcp and one for udp",
}
"""Protocols of other tools that no rule has here."""


def unknown_key(key: str, known: tuple[str, ...], place: Place, path: tuple[str, ...]) -> Problem:
    """A key that the language does not know there, with the nearest that it does."""
    close = None if key in _SYNONYMS else nearest(key, known)
    hint = (
        msg("did you mean `{close}`?", close=close)
        if close is not None
        else _SYNONYMS.get(key) or hint_for(key, known)
    )
    where = f" in {'.'.join(path)}" if path else ""
    return error(
        "unknown-key",
        msg("`{key}` is not a key{where}", key=_short(key), where=where),
        place=place,
        hint=hint,
    )


def key_hint(key: str, pattern: re.Pattern[str], *, takes_title: bool) -> str | None:
    """A key like this one that fits the pattern; beside a title in any script, where the object may
    have one.
    """
    spelled = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
    fits = next(
        (word for word in (spelled, spelled.replace("_", "-")) if pattern.search(word)), None
    )
    if takes_title and not key.isascii():
        return f'write the key in such letters, and beside it `title: "{_short(key)}"`'
    return None if fits is None else f"write `{fits}`"


def mistake(failure: Any, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
    """What a failure of the validator says about a node. `path` are the keys that lead to it."""
    keyword, wanted = failure.validator, failure.validator_value
    name = f"`{_name(path)}`"
    if keyword == "required" and isinstance(node, Table):
        for key in wanted:
            if key not in node.entries:
                yield error(
                    "missing-key",
                    msg("{name} has no `{key}`", name=name, key=key)
                    if path
                    else msg("the stack has no `{key}`", key=key),
                    place=node.place,
                )
    elif keyword == "additionalProperties" and isinstance(node, Table):
        known = tuple(failure.schema.get("properties", ()))
        for key in node.entries:
            if key not in known:
                yield unknown_key(key, known, node.key_place(key), path)
    elif keyword in ("type", "anyOf"):
        yield _wrong_type(failure, node, name)
    elif keyword == "enum":
        yield _not_allowed([str(value) for value in wanted if value is not None], node, name)
    elif keyword in ("minimum", "maximum"):
        yield error(
            "out-of-bounds",
            msg(
                "{name} is {schema}, not {node}",
                name=name,
                schema=_bounds(failure.schema),
                node=_shown(node),
            ),
            place=node.place,
        )
    elif keyword == "const":
        yield error(
            "not-allowed",
            msg("{name} is {wanted}, not {node}", name=name, wanted=wanted, node=_shown(node)),
            place=node.place,
            hint=msg("write {wanted}", wanted=wanted),
        )
    elif keyword == "pattern":
        words = failure.schema.get("patternErrorMessage") or f"it must match {wanted}"
        yield error(
            "bad-format",
            msg("{node} is no {name}: {words}", node=_shown(node), name=name, words=words),
            place=node.place,
        )
    elif keyword in ("minLength", "minItems"):
        yield error("bad-format", msg("{name} is empty", name=name), place=node.place)
    elif keyword == "uniqueItems":
        yield error("not-allowed", msg("{name} holds a value twice", name=name), place=node.place)
    elif keyword in ("minProperties", "maxProperties"):
        yield error(
            "bad-format",
            msg(
                "{name} has one of {value}",
                name=name,
                value=listed(failure.schema.get("properties", ("id", "name"))),
            ),
            place=node.place,
        )
    else:
        yield error(
            "bad-format", msg("{name} does not have the form wanted", name=name), place=node.place
        )


def _name(path: tuple[str, ...]) -> str:
    """The last key that is not a number: what a person would call the value."""
    return next((key for key in reversed(path) if not key.isdigit()), "stack")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        if node.value is None and not node.quoted:
            return "empty"
        return f"`{_short(node.text)}`" if "\n" not in node.text else "a text of several lines"
    return "a list" if isinstance(node, Sequence) else "a mapping"


def _alternatives(schema: Mapping[str, Any]) -> Iterator[str]:
    """The types that a schema takes, in our words."""
    for part in schema.get("anyOf", ()):
        if part.get("$ref", "").endswith("/expression"):
            yield "`${...}`"
        elif part.get("$ref", "").endswith("/byId"):
            yield "{id: ...}"
        elif part.get("properties"):
            yield "{" + ", ".join(f"{key}: ..." for key in part["properties"]) + "}"
        else:
            yield from _alternatives(part)
    types = schema.get("type", ())
    for kind in [types] if isinstance(types, str) else types:
        if kind in _TYPES and not (kind == "number" and "string" in types):
            yield _TYPES[kind]
    if "enum" in schema:
        yield from (str(value) for value in schema["enum"] if value is not None)


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    """What a list may hold, where a schema has one of fixed words."""
    for part in (schema, *schema.get("anyOf", ())):
        yield from part.get("items", {}).get("enum", ())


def _wrong_type(failure: Any, node: Node, name: str) -> Problem:
    wanted = list(dict.fromkeys(_alternatives(failure.schema)))
    hint = _fix(wanted, node, list(_members(failure.schema)))
    words = " or ".join(wanted) if len(wanted) < 3 else ", ".join(wanted[:-1]) + " or " + wanted[-1]
    return error(
        "wrong-type",
        msg(
            "{name} is {value}, not {node}",
            name=name,
            value=words or "something else",
            node=_shown(node),
        ),
        place=node.place,
        hint=hint,
    )


def _fix(wanted: list[str], node: Node, members: list[str]) -> str | None:
    """The nearest right value; `members` are what a list may hold, where that is fixed."""
    if not isinstance(node, Scalar):
        return None
    if "true or false" in wanted:
        word = _BOOLEANS.get(node.text.lower()) or (
            node.text.lower() if node.text.lower() in ("true", "false") else None
        )
        if word is not None:
            return f"write {word}, without quotes" if node.quoted else f"write {word}"
    if "a text" in wanted and isinstance(node.value, bool):
        return f'put it in quotes: "{node.text}"'
    if "a list" in wanted and members and node.text not in members:
        return f"{'write true or false, or ' if 'true or false' in wanted else ''}a list of {', '.join(members)}"
    if "a list" in wanted and node.value is not None:
        return f"write [{_short(node.text)}]"
    number = re.fullmatch(r"(\d+)\s*[A-Za-z]+", node.text)
    if "a whole number" in wanted and number is not None:
        return f"write {number[1]}"
    if (
        ("a whole number" in wanted or "a number" in wanted)
        and node.quoted
        and node.text.lstrip("-").isdigit()
    ):
        return f"write {node.text}, without quotes"
    return None


def _not_allowed(allowed: list[str], node: Node, name: str) -> Problem:
    hint = None
    if isinstance(node, Scalar):
        word = node.text.lower()
        close = next(
            (meant for meant in _VALUES.get(word, ()) if meant in allowed), None
        ) or nearest(word, allowed)
        hint = (
            msg("did you mean `{close}`?", close=close)
            if close is not None
            else _ELSEWHERE.get(word)
            if "tcp" in allowed
            else None
        )
    return error(
        "not-allowed",
        msg(
            "{name} is one of {allowed}, not {node}",
            name=name,
            allowed=", ".join(allowed),
            node=_shown(node),
        ),
        place=node.place,
        hint=hint,
    )


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None:
        return f"at least {low}" if high is None else f"at most {high}"
    return f"{low} to {high:,}"
