"""Edits: the world changed from outside, as a person in the console would, for showing drift.

An object is named by its id or, if no other has it, its name. Values are in the contract's own
members. What the API would refuse is allowed here, because a console may do more than the API.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from reconciler.simulator.kinds.records import Membership, Rule
from reconciler.simulator.kinds.registry import KINDS, Kind
from reconciler.simulator.world import World, find_key
from reconciler.simulator.worldfile import WorldFileError, record_from_data, rule_from_data

ALIASES = {
    "server": "instance",
    "volume": "block_storage",
    "security_group": "firewall",
    "script": "user_script",
    "key": "ssh_key",
}
ACTIONS = ("set", "delete", "create")
RULE = "rule"
_NUMBERS: Mapping[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int, float)}


class EditError(ValueError):
    """An edit that cannot be made; the text says what there is instead."""


def edit(
    world: World, action: str, kind: str, name: str, values: Mapping[str, object] | None = None
) -> str:
    """Set members of an object, delete it, or create one; gives its id.

    A rule is named `FIREWALL/RULE`, each by id or name. `security_group` of an instance puts it
    into one, `none` takes it out.
    """
    kind = _kind(kind)
    values = dict(values or {})
    if action not in ACTIONS:
        raise EditError(f"{action}: no such action; there are {', '.join(ACTIONS)}")
    if action == "delete" and values:
        raise EditError("delete takes no values")
    if action == "set" and not values:
        raise EditError("set needs MEMBER=VALUE")
    try:
        if kind == RULE:
            return _edit_rule(world, action, name, values)
        key = "" if action == "create" else world.key_of(kind, name)
        if action == "delete":
            world.remove(kind, key)
            return key
        put = _put_row if KINDS[kind].record is None else _put_record
        return put(world, KINDS[kind], key, name, values)
    except (TypeError, LookupError, WorldFileError) as problem:
        raise EditError(str(problem)) from None


def parse_values(texts: list[str] | tuple[str, ...]) -> dict[str, object]:
    """`MEMBER=VALUE` texts of a command line; what a value means is decided by its member."""
    pairs = [text.partition("=") for text in texts]
    for member, equals, value in pairs:
        if not equals or not member:
            raise EditError(f"{member}{equals}{value}: write MEMBER=VALUE")
    return {member.strip(): value for member, _, value in pairs}


def _kind(text: str) -> str:
    kinds = [*(name for name, kind in KINDS.items() if kind.label), RULE]
    word = text.strip().lower().replace("-", "_")
    known = {**{kind: kind for kind in kinds}, **ALIASES}
    found = known.get(word) or known.get(word.removesuffix("s"))
    if found is None:
        raise EditError(f"{text}: no such kind; there are {', '.join(kinds)}")
    return found


def _put_record(world: World, kind: Kind, key: str, name: str, values: dict[str, object]) -> str:
    """Change the object with this key, or create one if there is none."""
    values = _resolved(world, kind, values)
    firewall_id = values.pop("security_group", None) if kind.name == "instance" else None
    if key:
        record = _replaced(world.table(kind.name)[key], values, kind.key)
    else:
        record = record_from_data(world, kind, {kind.label: name, **_typed(kind.record, values)})
    world.put(record)
    key = str(getattr(record, kind.key))
    if firewall_id is not None:
        for each in world.firewalls_of(key):
            world.remove("membership", (each, key))
    if firewall_id:
        world.put(Membership(str(firewall_id), key))
    return key


def _resolved(world: World, kind: Kind, values: dict[str, object]) -> dict[str, object]:
    """Values by the members of records, with ids for names of other objects and records for rules.
    An empty `security_group` is none.
    """
    values = {kind.words.get(word, word): value for word, value in values.items()}
    for member, other in kind.refers.items():
        if values.get(member) is not None:
            values[member] = world.key_of(other, str(values[member]))
    if kind.name == "instance" and "security_group" in values:
        group = values["security_group"]
        none = group in (None, "", "none")
        values["security_group"] = "" if none else world.key_of("firewall", str(group))
    if kind.name == "firewall" and "rules" in values:
        rules = values["rules"]
        rules = _json(rules) if isinstance(rules, str) else rules
        if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
            raise EditError("rules is a list of objects")
        values["rules"] = tuple(rule_from_data(world, each, "rules") for each in rules)
    return values


def _edit_rule(world: World, action: str, name: str, values: dict[str, object]) -> str:
    firewall_name, slash, title = name.partition("/")
    if not slash and action != "create":
        raise EditError("a rule is named FIREWALL/RULE")
    firewall = world.firewalls[world.key_of("firewall", firewall_name)]
    if action == "create":
        rule = Rule(world.new_rule_id(), "IN", "TCP", "443", "0.0.0.0/0", title or "rule")
        rules = (*firewall.rules, _replaced(rule, values, "rule_id"))
    else:
        key = find_key(RULE, title, {str(each.rule_id): each.title for each in firewall.rules})
        rule = next(each for each in firewall.rules if str(each.rule_id) == key)
        kept = () if action == "delete" else (_replaced(rule, values, "rule_id"),)
        position = firewall.rules.index(rule)
        rules = (*firewall.rules[:position], *kept, *firewall.rules[position + 1 :])
    world.put_rules(firewall.firewall_id, rules)
    return str(rule.rule_id)


def _put_row(world: World, kind: Kind, key: str, name: str, values: dict[str, object]) -> str:
    """Change the row with this key, or create one if there is none."""
    table = world.table(kind.name)
    if key and values.get(kind.key, key) != key:
        raise EditError(f"{kind.key} cannot be changed")
    new = str(values.get(kind.key) or name)
    if not key and new in table:
        raise EditError(f"{kind.name} {new} exists")
    key = key or new
    row = table.get(key, {kind.key: key, kind.label: name})
    table[key] = row | {each: _like(value, row.get(each)) for each, value in values.items()}
    return key


def _replaced(record: Any, values: dict[str, object], key_member: str) -> Any:
    """The record with these members; anything that is not one, or changes its id, is refused. A
    status that is set is final.
    """
    names = {each.name for each in dataclasses.fields(record)}
    allowed = sorted(names - {key_member, "pending"})
    unknown = [name for name in values if name not in allowed]
    if unknown:
        raise EditError(f"{unknown[0]} cannot be set; there are {', '.join(allowed)}")
    final = {"pending": None} if "status" in values and "pending" in names else {}
    return dataclasses.replace(record, **_typed(record, values), **final)


def _typed(record: Any, values: Mapping[str, object]) -> dict[str, Any]:
    """The values in the types of their fields; what is not a field stays as it is."""
    fields = (each for each in dataclasses.fields(record) if each.name != "pending")
    types = {each.name: str(each.type) for each in fields}
    return {
        name: _coerced(name, value, types[name]) if name in types else value
        for name, value in values.items()
    }


def _coerced(name: str, value: object, annotation: str) -> object:
    """The value in the type of its field, read from text if it comes from a command line."""
    kind, _, optional = annotation.partition(" | ")
    if optional and value in (None, "none"):
        return None
    if value is not None and kind == "str":
        return str(value)
    if isinstance(value, list | tuple | str) and kind.startswith("tuple"):
        return tuple(value.split(",") if isinstance(value, str) else value)
    plain = _json(value) if isinstance(value, str) else value
    wanted = _NUMBERS.get(kind, ())
    if isinstance(plain, wanted) and isinstance(plain, bool) == (kind == "bool"):
        return plain
    raise EditError(f"{name} may not be {json.dumps(value, ensure_ascii=False)}")


def _like(value: object, before: object) -> object:
    """A value of a catalog row: text stays text if there was text, else it is read as JSON if it
    can be.
    """
    if not isinstance(value, str) or isinstance(before, str):
        return value
    return None if value == "none" else _json(value)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
