"""Worlds as data: the default one, and reading and writing a whole world as YAML or JSON.

A file may be partial: a section of the catalog that is left out is the default one, and an instance
needs only a name. What is written is whole and exact, so that loading it gives the same world.
Times are wall-clock seconds, so what was under way finishes by itself even if it is loaded much
later.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from reconciler.simulator.clock import TIME_MAX, read_time
from reconciler.simulator.kinds.records import Instance, Membership, Pending, Row, Rule
from reconciler.simulator.kinds.registry import KINDS, Kind
from reconciler.simulator.world import World

FORMAT = 1
SCALARS = ("seed", "time", "serial", "rule_serial", "charged", "month_end")


class WorldFileError(ValueError):
    """A file that is not a world; the text says what is wrong with it."""


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
    data = resources.files("reconciler.simulator") / "data" / f"{name}.yaml"
    base = None if name == "default" else _packaged("default")
    return _filled(_mapping(_read_yaml(data.read_text(encoding="utf-8"))), base)


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
    known = {"format", "storage_prices", "gone", *SCALARS}
    known |= {kind.section for kind in KINDS.values()}
    unknown = sorted(str(name) for name in mapping if name not in known)
    if unknown:
        raise WorldFileError(f"unknown section: {', '.join(unknown)}")
    return _filled(mapping, _packaged("default"))


def _mapping(data: object) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise WorldFileError("a world is a mapping")
    return data


def _filled(data: Mapping[str, Any], base: World | None) -> World:
    world = World()
    for name in SCALARS:
        if name in data:
            kind = type(getattr(world, name))
            if isinstance(data[name], bool) or not isinstance(data[name], int | float):
                raise WorldFileError(f"{name} is a number")
            if not 0 <= data[name] <= TIME_MAX:
                raise WorldFileError(f"{name} is from 0 to {TIME_MAX:.0f}")
            setattr(world, name, kind(data[name]))
    prices = data.get("storage_prices", {} if base is None else base.storage_prices)
    world.storage_prices = {str(name): int(price) for name, price in _mapping(prices).items()}
    for each in KINDS.values():
        if each.record is None:
            if base is not None and each.section not in data:
                world.table(each.name).update(base.table(each.name))
            else:
                world.table(each.name).update(_rows(each, data.get(each.section)))
    # whatever may be named by others comes first
    for each in sorted(KINDS.values(), key=lambda kind: bool(kind.refers)):
        if each.record is not None:
            _fill(world, each, data)
    for where, entry in _entries(data, "gone"):
        gone = _record(world, Instance, entry, where)
        world.gone[gone.instance_id] = gone
    return world


def _rows(kind: Kind, rows: object) -> dict[str, Row]:
    rows = rows or []
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get(kind.key), str) for row in rows
    ):
        raise WorldFileError(f"{kind.section} is a list of objects with {kind.key}")
    return {row[kind.key]: row for row in rows}


def _fill(world: World, kind: Kind, data: Mapping[str, Any]) -> None:
    for where, entry in _entries(data, kind.section):
        entry = dict(entry)
        members = entry.pop("members", []) if kind.name == "firewall" else []
        record = record_from_data(world, kind, entry, where)
        world.put(record)
        for each in members:
            world.put(Membership(record.firewall_id, _key_of(world, "instance", each)))


def _entries(data: Mapping[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = data.get(section) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WorldFileError(f"{section} is a list of objects")
    return ((f"{section}, entry {number}", row) for number, row in enumerate(rows, start=1))


def record_from_data(
    world: World, kind: Kind, entry: Mapping[str, Any], where: str | None = None
) -> Any:
    """A record from an entry that may leave out what the kind has defaults for. It may name the
    objects that it refers to, and give `start_date` as the API prints it.
    """
    entry = dict(entry)
    for name, other in kind.refers.items():
        if entry.get(name) is not None:
            entry[name] = _key_of(world, other, entry[name])
    if kind.prefix:
        entry[kind.key] = entry.get(kind.key) or world.new_id(kind.name)
    names = {each.name for each in dataclasses.fields(kind.record)}
    if "created" in names:
        created = _created(world, entry)
        entry = {"charged_until": created, **entry, "created": created}
        entry.pop("start_date", None)
    return _record(world, kind.record, {**kind.defaults(world, entry), **entry}, where or kind.name)


def _created(world: World, entry: Mapping[str, Any]) -> float:
    """When an object was created: in seconds or as the API prints it, else the world's own time."""
    if "start_date" not in entry:
        return float(entry.get("created", world.time))
    try:
        return read_time(str(entry["start_date"]))
    except ValueError:
        raise WorldFileError(
            f"start_date {entry['start_date']!r} is not YYYY-MM-DD HH:MM:SS"
        ) from None


def _key_of(world: World, kind: str, name: object) -> str:
    try:
        return world.key_of(kind, str(name))
    except LookupError as problem:
        raise WorldFileError(str(problem)) from None


def rule_from_data(world: World, data: object, where: str) -> Rule:
    """A rule; without an id it takes a new one."""
    if not isinstance(data, dict):
        raise WorldFileError(f"{where}: a rule is an object")
    rule_id = data.get("rule_id") or world.new_rule_id()
    rule: Rule = _record(world, Rule, {"rule_id": rule_id, "content": None, **data}, where)
    return rule


def _record(world: World, record: Any, data: Mapping[str, Any], where: str) -> Any:
    names = {each.name for each in dataclasses.fields(record)}
    unknown = sorted(str(name) for name in data if name not in names)
    if unknown:
        raise WorldFileError(
            f"{where}: unknown {', '.join(unknown)}; there are {', '.join(sorted(names))}"
        )
    values = dict(data)
    if isinstance(values.get("pending"), Mapping):
        values["pending"] = _record(world, Pending, values["pending"], where)
    if isinstance(values.get("ssh_key_ids"), list):
        values["ssh_key_ids"] = tuple(values["ssh_key_ids"])
    if "rules" in values and not isinstance(values["rules"], tuple):
        rules = values["rules"] or []
        values["rules"] = tuple(rule_from_data(world, each, where) for each in rules)
    try:
        return record(**values)
    except TypeError as problem:
        raise WorldFileError(f"{where}: {problem}") from None


def world_to_data(world: World) -> dict[str, Any]:
    """The whole world as plain data, in an order that reads well."""
    data: dict[str, Any] = {"format": FORMAT, **{name: getattr(world, name) for name in SCALARS}}
    data["storage_prices"] = dict(world.storage_prices)
    tables = {kind.section: (kind, world.table(kind.name).values()) for kind in KINDS.values()}
    for section, (kind, records) in tables.items():
        if kind.record is not None:
            data[section] = [_plain(each) for each in records]
    data["gone"] = [_plain(each) for each in world.gone.values()]
    for section, (kind, rows) in tables.items():
        if kind.record is None:
            data[section] = list(rows)
    return data


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


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
    except (OSError, UnicodeDecodeError, WorldFileError) as problem:
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
