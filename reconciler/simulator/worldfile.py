"""Worlds as data: the default one, and reading and writing a whole world as YAML or JSON.

A file may be partial: a section of the catalogue that is left out is the default one, and an
instance needs only a name. What is written is whole and exact, so that loading it gives the same
world; times are wall-clock seconds, so that what was under way finishes by itself however much
later it is loaded.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml

from reconciler.simulator.clock import TIME_MAX, read_time
from reconciler.simulator.records import (
    BlockStorage,
    Firewall,
    Instance,
    Membership,
    Pending,
    Row,
    Rule,
)
from reconciler.simulator.world import World

FORMAT = 1
CATALOGUE = {
    "zones": "zone_id",
    "flavors": "flavor_id",
    "images": "image_id",
    "storage_types": "type",
    "ssh_keys": "ssh_key_id",
    "user_scripts": "user_script_id",
    "bills": "bill_id",
}
"""Sections of the catalogue and the member that is the key of a row."""

SCALARS = ("seed", "time", "serial", "rule_serial", "charged", "month_end")
RECORDS = {
    "instances": Instance,
    "block_storages": BlockStorage,
    "firewalls": Firewall,
    "memberships": Membership,
    "gone": Instance,
}
R = TypeVar("R")


class WorldFileError(ValueError):
    """A file that is no world; the text says what is wrong with it."""


def default_world(*, seed: int = 0) -> World:
    """A fresh copy of the default world; parsed once, then cheap."""
    world = _packaged("default").copy()
    world.seed = seed
    return world


def packaged_world(name: str) -> World:
    """A fresh copy of a world that comes with the package: `default` or `company`."""
    return _packaged(name).copy()


@functools.cache
def _packaged(name: str) -> World:
    text = (resources.files("reconciler.simulator") / "data" / f"{name}.yaml").read_text(
        encoding="utf-8"
    )
    return _filled(
        World(), _mapping(_read_yaml(text)), None if name == "default" else _packaged("default")
    )


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def _read_yaml(text: str) -> object:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - the C form of the safe loader


def world_from_text(text: str) -> World:
    """A world from YAML or JSON text."""
    try:
        data = json.loads(text)
    except ValueError:
        try:
            data = _read_yaml(text)
        except yaml.YAMLError as problem:
            raise WorldFileError(f"neither YAML nor JSON: {problem}") from None
    return world_from_data(data)


def world_from_data(data: object) -> World:
    """A world from the mapping that `world_to_data` gives, or from a partial one written by hand."""
    mapping = _mapping(data)
    if mapping.get("format", FORMAT) != FORMAT:
        raise WorldFileError(f"format {mapping.get('format')!r} is not {FORMAT}")
    unknown = sorted(
        str(name)
        for name in mapping
        if name not in {"format", "storage_prices", *SCALARS, *CATALOGUE, *RECORDS}
    )
    if unknown:
        raise WorldFileError(f"unknown section: {', '.join(unknown)}")
    return _filled(World(), mapping, _packaged("default"))


def _mapping(data: object) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise WorldFileError("a world is a mapping")
    return data


def _filled(world: World, data: Mapping[str, Any], base: World | None) -> World:
    for name in SCALARS:
        if name in data:
            kind = type(getattr(world, name))
            if isinstance(data[name], bool) or not isinstance(data[name], int | float):
                raise WorldFileError(f"{name} is a number")
            if not 0 <= data[name] <= TIME_MAX:
                raise WorldFileError(f"{name} is from 0 to {TIME_MAX:.0f}")
            setattr(world, name, kind(data[name]))
    for section, key in CATALOGUE.items():
        if section in data or base is None:
            setattr(world, section, _rows(section, key, data.get(section)))
        else:
            setattr(world, section, dict(getattr(base, section)))
    prices = data.get("storage_prices", {} if base is None else base.storage_prices)
    world.storage_prices = {str(name): int(price) for name, price in _mapping(prices).items()}
    _fill_records(world, data)
    return world


def _rows(section: str, key: str, rows: object) -> dict[str, Row]:
    if rows is None:
        return {}
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get(key), str) for row in rows
    ):
        raise WorldFileError(f"{section} is a list of objects with {key}")
    return {row[key]: row for row in rows}


def _fill_records(world: World, data: Mapping[str, Any]) -> None:
    for position, entry in enumerate(_list(data, "instances"), start=1):
        world.put_instance(instance_from_data(world, entry, f"instances, entry {position}"))
    for position, entry in enumerate(_list(data, "firewalls"), start=1):
        members = entry.get("members", [])
        filled = {
            **_firewall_defaults(world, entry),
            **{name: value for name, value in entry.items() if name != "members"},
        }
        filled["rules"] = tuple(
            _rule(world, each, f"firewalls, entry {position}") for each in filled["rules"] or []
        )
        firewall = _record(Firewall, filled, f"firewalls, entry {position}")
        world.put_firewall(firewall)
        for member in members:
            world.put_membership(Membership(firewall.firewall_id, _instance_id(world, member)))
    for position, entry in enumerate(_list(data, "block_storages"), start=1):
        world.put_volume(volume_from_data(world, entry, f"block_storages, entry {position}"))
    for position, entry in enumerate(_list(data, "memberships"), start=1):
        world.put_membership(_record(Membership, entry, f"memberships, entry {position}"))
    for position, entry in enumerate(_list(data, "gone"), start=1):
        gone = _record(Instance, entry, f"gone, entry {position}")
        world.gone[gone.instance_id] = gone


def _list(data: Mapping[str, Any], section: str) -> list[dict[str, Any]]:
    rows = data.get(section) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WorldFileError(f"{section} is a list of objects")
    return rows


def instance_from_data(world: World, entry: Mapping[str, Any], where: str = "instance") -> Instance:
    """An instance that may leave out everything: it is running since it was made, in the first
    zone, at the smallest size.
    """
    instance_id = entry.get("instance_id") or world.new_id("instance")
    public, private = (
        ("", "") if {"public_address", "private_address"} <= set(entry) else world.new_addresses()
    )
    created = _created(world, entry)
    defaults = {
        "instance_id": instance_id,
        "name": "",
        "description": None,
        "status": "active",
        "zone_id": next(iter(world.zones), ""),
        "flavor_id": next(iter(world.flavors), ""),
        "image_id": next(iter(world.images), ""),
        "created": created,
        "charged_until": created,
        "public_address": public,
        "private_address": private,
    }
    return _record(Instance, {**defaults, **_without_date(entry)}, where)


def _created(world: World, entry: Mapping[str, Any]) -> float:
    """When an object was made: in seconds, or as the API prints it, else at the world's own time."""
    if "start_date" not in entry:
        return float(entry.get("created", world.time))
    try:
        return read_time(str(entry["start_date"]))
    except ValueError:
        raise WorldFileError(
            f"start_date {entry['start_date']!r} is not YYYY-MM-DD HH:MM:SS"
        ) from None


def _without_date(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "start_date"}


def volume_from_data(
    world: World, entry: Mapping[str, Any], where: str = "block_storage"
) -> BlockStorage:
    """A volume that may leave out everything; its owner may be given by name, and decides its zone."""
    owner = None if entry.get("instance_id") is None else _instance_id(world, entry["instance_id"])
    created = _created(world, entry)
    defaults = {
        "block_storage_id": entry.get("block_storage_id") or world.new_id("block_storage"),
        "name": None,
        "description": None,
        "type": "ssd",
        "size": 20,
        "status": "active",
        "zone_id": world.instances[owner].zone_id
        if owner is not None
        else next(iter(world.zones), ""),
        "created": created,
        "charged_until": created,
    }
    return _record(BlockStorage, {**defaults, **_without_date(entry), "instance_id": owner}, where)


def _firewall_defaults(world: World, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "firewall_id": entry.get("firewall_id") or world.new_id("firewall"),
        "content": None,
        "icmp": "N",
        "rules": [],
    }


def _instance_id(world: World, name_or_id: object) -> str:
    if name_or_id in world.instances:
        return str(name_or_id)
    try:
        return world.find(str(name_or_id)).instance_id
    except LookupError as problem:
        raise WorldFileError(str(problem)) from None


def _rule(world: World, data: object, where: str) -> Rule:
    if not isinstance(data, dict):
        raise WorldFileError(f"{where}: a rule is an object")
    return _record(
        Rule,
        {"rule_id": data.get("rule_id") or world.new_rule_id(), "content": None, **data},
        where,
    )


def _record(kind: type[R], data: Mapping[str, Any], where: str) -> R:
    names = {each.name for each in dataclasses.fields(cast("Any", kind))}
    unknown = sorted(str(name) for name in data if name not in names)
    if unknown:
        raise WorldFileError(
            f"{where}: unknown {', '.join(unknown)}; there are {', '.join(sorted(names))}"
        )
    values = dict(data)
    if isinstance(values.get("pending"), Mapping):
        values["pending"] = _record(Pending, values["pending"], where)
    if isinstance(values.get("ssh_key_ids"), list):
        values["ssh_key_ids"] = tuple(values["ssh_key_ids"])
    try:
        return kind(**values)
    except TypeError as problem:
        raise WorldFileError(f"{where}: {problem}") from None


def world_to_data(world: World) -> dict[str, Any]:
    """The whole world as plain data, in an order that reads well."""
    data: dict[str, Any] = {"format": FORMAT, **{name: getattr(world, name) for name in SCALARS}}
    data["storage_prices"] = dict(world.storage_prices)
    for section in RECORDS:
        data[section] = [_plain(each) for each in getattr(world, section).values()]
    for section in CATALOGUE:
        data[section] = list(getattr(world, section).values())
    return data


def _plain(record: Any) -> dict[str, Any]:
    values = {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}
    if values.get("pending") is not None:
        values["pending"] = dataclasses.asdict(values["pending"])
    if "rules" in values:
        values["rules"] = [dataclasses.asdict(each) for each in values["rules"]]
    if "ssh_key_ids" in values:
        values["ssh_key_ids"] = list(values["ssh_key_ids"])
    return values


def world_to_yaml(world: World) -> str:
    """The whole world as YAML, for people."""
    text: str = yaml.dump(
        world_to_data(world), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140
    )
    return text


def load_world(path: Path) -> World:
    """The world in a file."""
    try:
        return world_from_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise WorldFileError(f"{path}: {problem}") from None
    except WorldFileError as problem:
        raise WorldFileError(f"{path}: {problem}") from None


def save_world(world: World, path: Path) -> None:
    """Write the whole world beside its place and rename it there, so that a reader sees the old one
    or the new one.

    A name ending in `.json` gives JSON, which is much faster to write than YAML and is YAML too.
    """
    text = (
        json.dumps(world_to_data(world), ensure_ascii=False)
        if path.suffix == ".json"
        else world_to_yaml(world)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
