"""Edits: the world changed from outside, as someone in the console would, for showing drift.

An object is named by its id or, where only one has it, its name. Values are in the contract's own
members; what the API would refuse is allowed here, because a console may do more than the API.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from reconciler.simulator.records import BlockStorage, Firewall, Instance, Membership, Row, Rule
from reconciler.simulator.world import World
from reconciler.simulator.worldfile import (
    CATALOGUE,
    WorldFileError,
    instance_from_data,
    volume_from_data,
)

RECORD_KINDS = ("instance", "block_storage", "firewall", "rule")
CATALOGUE_KINDS = {
    "zone": "zones",
    "flavor": "flavors",
    "image": "images",
    "storage_type": "storage_types",
} | {
    "ssh_key": "ssh_keys",
    "user_script": "user_scripts",
    "bill": "bills",
}
KINDS = (*RECORD_KINDS, *CATALOGUE_KINDS)
ALIASES = {
    "server": "instance",
    "volume": "block_storage",
    "security_group": "firewall",
    "script": "user_script",
    "key": "ssh_key",
}
ACTIONS = ("set", "delete", "create")
R = TypeVar("R")


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
        return _EDITS[(action, kind if kind in RECORD_KINDS else "catalogue")](
            world, kind, name, values
        )
    except (TypeError, WorldFileError) as problem:
        raise EditError(str(problem)) from None


def parse_values(texts: list[str] | tuple[str, ...]) -> dict[str, object]:
    """`MEMBER=VALUE` texts of a command line; what a value means is decided by its member."""
    values: dict[str, object] = {}
    for text in texts:
        member, equals, value = text.partition("=")
        if not equals or not member:
            raise EditError(f"{text}: write MEMBER=VALUE")
        values[member.strip()] = value
    return values


def _kind(text: str) -> str:
    word = text.strip().lower().replace("-", "_")
    for candidate in (word, word.removesuffix("s")):
        found = ALIASES.get(candidate, candidate)
        if found in KINDS:
            return found
    raise EditError(f"{text}: no such kind; there are {', '.join(KINDS)}")


def _find(kind: str, name: str, names: Mapping[str, str | None]) -> str:
    """The key of the object with this id, or the only one with this name."""
    if name in names:
        return name
    found = [key for key, each in names.items() if each == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise EditError(
            f"{len(found)} of kind {kind} are named {name}: {', '.join(found)}; use an id"
        )
    known = sorted({each or key for key, each in names.items()})
    raise EditError(f"no {kind} {name}; there are {', '.join(known[:20]) or 'none'}")


# Instances
# -------------------------------------------------------------------------------------------------------------------


def _find_instance(world: World, name: str) -> Instance:
    return world.instances[
        _find("instance", name, {key: each.name for key, each in world.instances.items()})
    ]


def _set_instance(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    instance = _find_instance(world, name)
    if "security_group" in values:
        _join(world, instance.instance_id, values.pop("security_group"))
    world.put_instance(
        _replaced(instance, _renamed(values, "zone", "flavor", "image"), "instance_id")
    )
    return instance.instance_id


def _join(world: World, instance_id: str, group: object) -> None:
    for each in world.firewalls_of(instance_id):
        world.remove_membership(each, instance_id)
    if group not in {None, "", "none"}:
        world.put_membership(Membership(_find_firewall(world, str(group)).firewall_id, instance_id))


def _delete_instance(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind, values
    instance = _find_instance(world, name)
    world.remove_instance(instance.instance_id, world.time)
    return instance.instance_id


def _create_instance(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    group = values.pop("security_group", None)
    instance = instance_from_data(
        world, {"name": name, **_renamed(values, "zone", "flavor", "image")}
    )
    world.put_instance(instance)
    if group is not None:
        _join(world, instance.instance_id, group)
    return instance.instance_id


# Block storages
# --------------------------------------------------------------------------------------------------------------


def _find_volume(world: World, name: str) -> BlockStorage:
    return world.block_storages[
        _find("block_storage", name, {key: each.name for key, each in world.block_storages.items()})
    ]


def _set_volume(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    volume = _find_volume(world, name)
    values = _owned(world, _renamed(values, "zone", "instance"))
    world.put_volume(_replaced(volume, values, "block_storage_id"))
    return volume.block_storage_id


def _owned(world: World, values: dict[str, object]) -> dict[str, object]:
    owner = values.get("instance_id")
    return (
        values
        if owner is None
        else {**values, "instance_id": _find_instance(world, str(owner)).instance_id}
    )


def _delete_volume(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind, values
    volume = _find_volume(world, name)
    world.remove_volume(volume.block_storage_id, world.time)
    return volume.block_storage_id


def _create_volume(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    volume = volume_from_data(
        world, {"name": name, **_owned(world, _renamed(values, "zone", "instance"))}
    )
    world.put_volume(volume)
    return volume.block_storage_id


# Firewalls and rules
# ---------------------------------------------------------------------------------------------------------


def _find_firewall(world: World, name: str) -> Firewall:
    return world.firewalls[
        _find("firewall", name, {key: each.title for key, each in world.firewalls.items()})
    ]


def _set_firewall(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    firewall = _find_firewall(world, name)
    if "rules" in values:
        rules = values["rules"]
        values["rules"] = _rules(world, _json(rules) if isinstance(rules, str) else rules)
    world.put_firewall(_replaced(firewall, _renamed(values, title="name"), "firewall_id"))
    return firewall.firewall_id


def _delete_firewall(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind, values
    firewall = _find_firewall(world, name)
    world.remove_firewall(firewall.firewall_id)
    return firewall.firewall_id


def _create_firewall(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    firewall = Firewall(world.new_id("firewall"), name, None, "N", ())
    world.put_firewall(firewall)
    return (
        _set_firewall(world, "firewall", firewall.firewall_id, values)
        if values
        else firewall.firewall_id
    )


def _rules(world: World, rules: object) -> tuple[Rule, ...]:
    if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
        raise EditError("rules is a list of objects")
    return tuple(Rule(**{"rule_id": world.new_rule_id(), **each}) for each in rules)


def _find_rule(world: World, name: str) -> tuple[Firewall, Rule]:
    group, slash, title = name.partition("/")
    if not slash:
        raise EditError("a rule is named FIREWALL/RULE")
    firewall = _find_firewall(world, group)
    key = _find("rule", title, {str(each.rule_id): each.title for each in firewall.rules})
    return firewall, next(each for each in firewall.rules if str(each.rule_id) == key)


def _set_rule(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    firewall, rule = _find_rule(world, name)
    changed = _replaced(rule, values, "rule_id")
    world.put_rules(
        firewall.firewall_id, [changed if each is rule else each for each in firewall.rules]
    )
    return str(rule.rule_id)


def _delete_rule(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind, values
    firewall, rule = _find_rule(world, name)
    world.put_rules(firewall.firewall_id, [each for each in firewall.rules if each is not rule])
    return str(rule.rule_id)


def _create_rule(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del kind
    group, _, title = name.partition("/")
    firewall = _find_firewall(world, group)
    plain = Rule(
        world.new_rule_id(),
        bound="IN",
        protocol="TCP",
        port="443",
        ip="0.0.0.0/0",
        title=title or "rule",
    )
    rule = _replaced(plain, values, "rule_id")
    world.put_rules(firewall.firewall_id, (*firewall.rules, rule))
    return str(rule.rule_id)


# Catalogue
# -------------------------------------------------------------------------------------------------------------------


def _table(world: World, kind: str) -> tuple[dict[str, Row], str]:
    section = CATALOGUE_KINDS[kind]
    table: dict[str, Row] = getattr(world, section)
    return table, CATALOGUE[section]


def _catalogue_key(world: World, kind: str, name: str) -> str:
    table, _ = _table(world, kind)
    return _find(
        kind,
        name,
        {
            key: cast("str | None", row.get("name") or row.get("zone_name"))
            for key, row in table.items()
        },
    )


def _set_row(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    table, key_member = _table(world, kind)
    key = _catalogue_key(world, kind, name)
    if values.get(key_member, key) != key:
        raise EditError(f"{key_member} cannot be changed")
    table[key] = {
        **table[key],
        **{name: _like(value, table[key].get(name)) for name, value in values.items()},
    }
    return key


def _delete_row(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    del values
    table, _ = _table(world, kind)
    key = _catalogue_key(world, kind, name)
    del table[key]
    return key


def _create_row(world: World, kind: str, name: str, values: dict[str, object]) -> str:
    table, key_member = _table(world, kind)
    key = str(values.get(key_member) or name)
    if key in table:
        raise EditError(f"{kind} {key} exists")
    table[key] = {
        key_member: key,
        **({"name": name} if key_member != "type" else {}),
        **{member: _like(value, None) for member, value in values.items()},
    }
    return key


_EDITS: dict[tuple[str, str], Callable[[World, str, str, dict[str, object]], str]] = {
    ("set", "instance"): _set_instance,
    ("delete", "instance"): _delete_instance,
    ("create", "instance"): _create_instance,
    ("set", "block_storage"): _set_volume,
    ("delete", "block_storage"): _delete_volume,
    ("create", "block_storage"): _create_volume,
    ("set", "firewall"): _set_firewall,
    ("delete", "firewall"): _delete_firewall,
    ("create", "firewall"): _create_firewall,
    ("set", "rule"): _set_rule,
    ("delete", "rule"): _delete_rule,
    ("create", "rule"): _create_rule,
    ("set", "catalogue"): _set_row,
    ("delete", "catalogue"): _delete_row,
    ("create", "catalogue"): _create_row,
}


def _renamed(values: dict[str, object], *with_id: str, **words: str) -> dict[str, object]:
    """Members as records name them: `flavor` for `flavor_id`, and so on."""
    renamed = {name: f"{name}_id" for name in with_id} | {
        other: name for name, other in words.items()
    }
    return {renamed.get(name, name): value for name, value in values.items()}


def _replaced(record: R, values: dict[str, object], key_member: str) -> R:
    """The record with these members; anything that is not one, or changes its id, is refused. A
    status set is final.
    """
    fields = {each.name: str(each.type) for each in dataclasses.fields(cast("Any", record))}
    allowed = sorted(set(fields) - {key_member, "pending"})
    unknown = [name for name in values if name not in allowed]
    if unknown:
        raise EditError(f"{unknown[0]} cannot be set; there are {', '.join(allowed)}")
    coerced = {name: _coerced(name, value, fields[name]) for name, value in values.items()}
    if "status" in values and "pending" in fields:
        coerced["pending"] = None
    return cast("R", dataclasses.replace(cast("Any", record), **coerced))


def _coerced(name: str, value: object, annotation: str) -> object:
    """The value in the type of its field, read from text where it comes from a command line."""
    if value is None or (value == "none" and "None" in annotation):
        if "None" in annotation:
            return None
    elif annotation.startswith("str"):
        return value if isinstance(value, str) else str(value)
    elif annotation.startswith("tuple"):
        return (
            tuple(value.split(","))
            if isinstance(value, str)
            else tuple(cast("list[object]", value))
        )
    else:
        plain = _json(value) if isinstance(value, str) else value
        kinds: dict[str, type | tuple[type, ...]] = {
            "bool": bool,
            "int": int,
            "float": (int, float),
        }
        kind = annotation.partition(" ")[0]
        if isinstance(plain, kinds[kind]) and isinstance(plain, bool) == (kind == "bool"):
            return plain
    raise EditError(f"{name} may not be {json.dumps(value, ensure_ascii=False)}")


def _like(value: object, before: object) -> object:
    """A value of a catalogue row: text stays text where text was, else it is read as JSON if it can
    be.
    """
    if not isinstance(value, str) or isinstance(before, str):
        return value
    return None if value == "none" else _json(value)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
