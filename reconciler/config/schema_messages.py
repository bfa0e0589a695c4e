"""Messages for the errors of a JSON Schema: what is wrong, and the shortest fix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from reconciler.common.suggestions import hint_for, listed, nearest
from reconciler.common.text import Text, enumerated, joined, msg
from reconciler.config.document import Node, Scalar, Sequence, Table
from reconciler.model.diagnostics import Place, Problem, error

EXPRESSION = r"\$\{"
"""The pattern of a string that contains an expression."""

_TYPES = {
    "string": msg("a string"),
    "integer": msg("a whole number"),
    "number": msg("a number"),
    "boolean": msg("true or false"),
    "object": msg("a mapping"),
    "array": msg("a list"),
}

_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

_SYNONYMS: Mapping[str, str] = {
    "servers": msg("write `instances`"),
    "server": msg("write `instance`"),
    "volumes": msg("write `block_storages`"),
    "disks": msg("write `block_storages`"),
    "security_groups": msg("write `firewalls`"),
    "security_group": msg("write `firewall`"),
    "variable": msg("write `variables`"),
    "resources": msg("write the kind instead: `instances`, `block_storages` or `firewalls`"),
    "tags": msg("iwinv has no tags"),
    "ssh_key": msg("write `ssh_keys: [name]`"),
    "port": msg("write `ports`"),
    "source": msg("write `cidr`"),
    "region": msg("write `zone`"),
    "storage_type": msg("write `type`"),
    "instance_type": msg("write `flavor`"),
    "volume": msg("write the block storage under `block_storages` and name its `instance` there"),
    "<<": msg("write `<<` without quotes to add the entries of another mapping"),
    "component": msg(
        "keep a component's file in another folder: all files of this folder form one stack"
    ),
    "modules": msg("write `components`"),
    "module": msg("write `components`"),
    "protect": msg("write `lifecycle: {{protect: true}}`"),
    "ignore": msg("write `lifecycle: {{ignore: [...]}}`"),
}

_KEYS: Mapping[str, str] = {
    "ssh_key": "ssh_keys",
    "port": "ports",
    "source": "cidr",
    "region": "zone",
    "storage_type": "type",
    "instance_type": "flavor",
}
"""Keys of other tools that are a key of a resource under another name."""

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
"""Values of other tools, and the allowed values that they correspond to here."""

_ELSEWHERE = {
    "icmp": msg("allow ping with `icmp: true` on the firewall"),
    "ping": msg("allow ping with `icmp: true` on the firewall"),
    "any": msg("write one rule for tcp and one for udp"),
    "all": msg("write one rule for tcp and one for udp"),
    "-1": msg("write one rule for tcp and one for udp"),
}
"""Protocols of other tools that rules do not support, and what to write instead."""


def unknown_key(key: str, known: tuple[str, ...], place: Place, path: tuple[str, ...]) -> Problem:
    """The problem of an unknown key, with the closest known key as a hint."""
    close = None if key in _SYNONYMS else nearest(key, known)
    hint = (
        msg("did you mean `{close}`?", close=close)
        if close is not None
        else _SYNONYMS.get(key) or hint_for(key, known)
    )
    where = msg(" in {path}", path=".".join(path)) if path else ""
    if path and path[-1] == "user_script":
        key = "..."  # a line of a script without its `|`, which may hold a secret
    return error(
        "unknown-key",
        msg("`{key}` is not a known key{section}", key=_short(key), section=where),
        place=place,
        hint=hint,
    )


def intended_key(key: str, known: Iterable[str]) -> str | None:
    """The known key that an unknown one most likely means, None if there is none. What it means is
    not missing as well.
    """
    keys = tuple(known)
    meaning = _KEYS.get(key)
    if meaning is not None:
        return meaning if meaning in keys else None
    return None if key in _SYNONYMS else nearest(key, keys)


def key_hint(key: str, pattern: re.Pattern[str], *, takes_title: bool) -> str | None:
    """A hint with a similar key that matches the pattern, and with a `title` in any script if the
    object may have one.
    """
    spelled = re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_")
    fits = next(
        (word for word in (spelled, spelled.replace("_", "-")) if pattern.search(word)), None
    )
    if takes_title and not key.isascii():
        return msg('write the key in these letters and add `title: "{title}"`', title=_short(key))
    return None if fits is None else msg("write `{key}`", key=fits)


def mistake(failure: Any, node: Node, path: tuple[str, ...]) -> Iterator[Problem]:
    """The problems behind one failure of the validator. `path` are the keys down to the node."""
    keyword, wanted = failure.validator, failure.validator_value
    name = f"`{_name(path)}`"
    if keyword == "required" and isinstance(node, Table):
        yield from _missing_keys(failure, node, path)
    elif keyword == "additionalProperties" and isinstance(node, Table):
        known = tuple(failure.schema.get("properties", ()))
        free = failure.schema.get("patternProperties", ())
        for key in node.entries:
            if key not in known and not any(re.search(pattern, key) for pattern in free):
                yield unknown_key(key, known, node.key_place(key), path)
    elif keyword in ("type", "anyOf"):
        yield _wrong_type(failure, node, name)
    elif keyword == "enum":
        yield _not_allowed([str(value) for value in wanted if value is not None], node, name)
    elif keyword in ("minimum", "maximum"):
        yield _must_be("out-of-bounds", name, _bounds(failure.schema), node)
    elif keyword == "const":
        hint = msg("write {expected}", expected=wanted)
        yield _must_be("not-allowed", name, str(wanted), node, hint=hint)
    elif keyword == "pattern":
        fallback = msg("it must match {pattern}", pattern=wanted)
        known = failure.schema.get("patternErrorMessage")
        reason = Text(known, {}) if known else fallback
        yield error(
            "bad-format",
            msg(
                "{found} is not a valid {name}: {reason}",
                found=_shown(node),
                name=name,
                reason=reason,
            ),
            place=node.place,
        )
    elif keyword in ("minLength", "minItems") or (
        keyword == "minProperties" and "propertyNames" in failure.schema
    ):
        yield error("bad-format", msg("{name} is empty", name=name), place=node.place)
    elif keyword == "uniqueItems":
        yield error(
            "not-allowed", msg("{name} contains a duplicate value", name=name), place=node.place
        )
    elif keyword in ("minProperties", "maxProperties"):
        yield error(
            "bad-format",
            msg(
                "{name} must have one of {keys}",
                name=name,
                keys=listed(failure.schema.get("properties", ("id", "name"))),
            ),
            place=node.place,
        )
    else:
        yield error("bad-format", msg("{name} has the wrong form", name=name), place=node.place)


def _missing_keys(failure: Any, node: Table, path: tuple[str, ...]) -> Iterator[Problem]:
    """One problem with all required keys that a mapping lacks and that no other key means."""
    known = failure.schema.get("properties", ())
    intended = {intended_key(key, known) for key in node.entries if key not in known}
    required = failure.validator_value
    missing = [key for key in required if key not in node.entries and key not in intended]
    if missing:
        keys = enumerated([f"`{key}`" for key in missing])
        message = msg("the stack has no {keys}", keys=keys)
        if path:
            message = msg("`{name}` has no {keys}", name=_name(path), keys=keys)
        yield error("missing-key", message, place=node.place)


def _name(path: tuple[str, ...]) -> str:
    """The last key that is not a number: the name of the value for people."""
    return next((key for key in reversed(path) if not key.isdigit()), "stack")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "..."


def _shown(node: Node) -> str:
    if isinstance(node, Scalar):
        if node.value is None and not node.quoted:
            return msg("empty")
        return f"`{_short(node.text)}`" if "\n" not in node.text else msg("several lines of text")
    return _TYPES["array" if isinstance(node, Sequence) else "object"]


def forms(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The forms of the values that a schema accepts, each with its part of the schema: a JSON type,
    `enum`, or a form as it is written, such as `{id: ...}`.
    """
    for part in schema.get("anyOf", ()):
        reference = part.get("$ref", "")
        if reference.endswith("/expression"):
            yield "`${...}`", part
        elif reference.endswith("/byId"):
            yield "{id: ...}", part
        elif part.get("properties"):
            yield "{" + ", ".join(f"{key}: ..." for key in part["properties"]) + "}", part
        else:
            yield from forms(part)
    types = schema.get("type", ())
    for name in [types] if isinstance(types, str) else types:
        if name != "null" and not (name == "number" and "string" in types):
            yield name, schema
    if "enum" in schema:
        yield "enum", schema


def _alternatives(schema: Mapping[str, Any]) -> Iterator[str]:
    """The same for a message."""
    for form, part in forms(schema):
        if form == "enum":
            yield from (str(value) for value in part["enum"] if value is not None)
        else:
            yield _TYPES.get(form, form)


def _members(schema: Mapping[str, Any]) -> Iterator[str]:
    """The values that a list can contain, if the schema lists them."""
    for part in (schema, *schema.get("anyOf", ())):
        yield from part.get("items", {}).get("enum", ())


def _wrong_type(failure: Any, node: Node, name: str) -> Problem:
    if failure.validator == "anyOf" and (limits := _limits(failure.schema, node)) is not None:
        return _must_be("out-of-bounds", name, limits, node)
    wanted = list(dict.fromkeys(_alternatives(failure.schema)))
    types = {form for form, _ in forms(failure.schema)}
    hint = _fix(types, node, list(_members(failure.schema)))
    if "value" in failure.schema.get("required", ()) and isinstance(node, Scalar):
        fits = '"' not in node.text and _short(node.text) == node.text
        hint = msg('write {{value: "{text}"}}', text=node.text)
        hint = hint if fits else msg("write it as the `value:` of the output")
    expected = wanted[-1] if wanted else msg("something else")
    if len(wanted) > 1:
        expected = msg("{first} or {last}", first=joined(", ", wanted[:-1]), last=wanted[-1])
    return _must_be("wrong-type", name, expected, node, hint=hint)


def _limits(schema: Mapping[str, Any], node: Node) -> str | None:
    """The bounds that a whole number does not meet, if another form of the value has some."""
    if not isinstance(node, Scalar) or type(node.value) is not int:
        return None
    parts = [part for part in schema.get("anyOf", ()) if part.get("type") == "integer"]
    return _bounds(parts[0]) if len(parts) == 1 and "minimum" in parts[0] else None


def _must_be(
    code: str, name: str, expected: str, node: Node, *, hint: str | None = None
) -> Problem:
    found = _shown(node)
    message = msg(
        "{name} must be {expected}, not {found}", name=name, expected=expected, found=found
    )
    return error(code, message, place=node.place, hint=hint)


def _fix(types: Set[str], node: Node, members: list[str]) -> str | None:
    """A hint with the closest correct value of these JSON types. `members` are the values that a
    list can contain, if the schema lists them.
    """
    if not isinstance(node, Scalar):
        return None
    if "boolean" in types:
        word = _BOOLEANS.get(node.text.lower()) or (
            node.text.lower() if node.text.lower() in ("true", "false") else None
        )
        if word is not None:
            return (
                msg("write {word}, without quotes", word=word)
                if node.quoted
                else msg("write {word}", word=word)
            )
    if "string" in types and isinstance(node.value, bool):
        return msg('put it in quotes: "{text}"', text=node.text)
    if "array" in types and members and node.text not in members:
        choices = ", ".join(members)
        if "boolean" in types:
            return msg("write true or false, or a list of {choices}", choices=choices)
        return msg("write a list of {choices}", choices=choices)
    if "array" in types and node.value is not None:
        return msg("write [{text}]", text=_short(node.text))
    number = re.fullmatch(r"(\d+)\s*[A-Za-z]+", node.text)
    if "integer" in types and number is not None:
        return msg("write {number}", number=number[1])
    if (
        ("integer" in types or "number" in types)
        and node.quoted
        and node.text.lstrip("-").isdigit()
    ):
        return msg("write {number}, without quotes", number=node.text)
    return None


def _not_allowed(allowed: list[str], node: Node, name: str) -> Problem:
    hint = None
    if isinstance(node, Scalar):
        word = node.text.lower()
        close = next(
            (value for value in _VALUES.get(word, ()) if value in allowed), None
        ) or nearest(word, allowed)
        if close is not None:
            hint = msg("did you mean `{close}`?", close=close)
        elif "tcp" in allowed:
            hint = _ELSEWHERE.get(word)
    return _must_be(
        "not-allowed", name, msg("one of {allowed}", allowed=", ".join(allowed)), node, hint=hint
    )


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None or high is None:
        return msg("at least {low}", low=low) if high is None else msg("at most {high}", high=high)
    return msg("{low} to {high:,}", low=low, high=high)
