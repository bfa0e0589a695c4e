"""Worlds as data: the default one, reading and writing a whole world as YAML or JSON, and keeping
one in a file while it is served.

A file may be partial: a section of the catalog that is left out is the default one, and an instance
needs only a name. What is written is whole and exact, so that loading it gives the same world.
Times are wall-clock seconds, so what was under way finishes by itself even if it is loaded much
later.
"""

from __future__ import annotations

import dataclasses
import errno
import fcntl
import functools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import IO, Any, TypeVar

import yaml

from reconciler.simulator.clock import TIME_MAX, read_time
from reconciler.simulator.kinds.records import Instance, Membership, PendingWork, Row, Rule
from reconciler.simulator.kinds.registry import KINDS, Kind
from reconciler.simulator.world import World

T = TypeVar("T")
FORMAT = 1
SCALARS = ("seed", "time", "serial", "rule_serial", "charged", "month_end")


class WorldFileError(ValueError):
    """A file that cannot be used; the text says what is wrong with it."""


def default_world(*, seed: int = 0) -> World:
    """A new default world."""
    world = packaged_world("default")
    world.seed = seed
    return world


def packaged_world(name: str) -> World:
    """A new world that comes with the package: `default` or `company`."""
    return world_from_data(_packaged(name))


@functools.cache
def _packaged(name: str) -> Mapping[str, Any]:
    folder = resources.files("reconciler.simulator") / "data"
    return _mapping(_read_yaml((folder / f"{name}.yaml").read_text(encoding="utf-8")))


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def parsed(text: str) -> object:
    """The data in JSON or YAML text."""
    try:
        return json.loads(text)
    except ValueError:
        return _read_yaml(text)


def _read_yaml(text: str) -> object:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - the C form of the safe loader
    except yaml.YAMLError as problem:
        raise WorldFileError(f"neither YAML nor JSON: {problem}") from None


def read_file(path: Path, take: Callable[[object], T]) -> T:
    """What `take` makes of the data in a file; the text of an error names the file."""
    try:
        return take(parsed(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as problem:
        raise WorldFileError(f"{path}: {problem}") from None


def world_from_text(text: str) -> World:
    """A world from YAML or JSON text."""
    return world_from_data(parsed(text))


def world_from_data(data: object) -> World:
    """A world from the mapping that `world_to_data` gives, or from a partial one written by
    hand.
    """
    mapping = _mapping(data)
    if mapping.get("format", FORMAT) != FORMAT:
        raise WorldFileError(f"format {mapping.get('format')!r} is not {FORMAT}")
    sections = {kind.section for kind in KINDS.values()}
    known = {"format", "storage_prices", "gone", *SCALARS, *sections}
    unknown = sorted(str(name) for name in mapping if name not in known)
    if unknown:
        raise WorldFileError(f"unknown section: {', '.join(unknown)}")
    return _filled({**_packaged("default"), **mapping})


def _mapping(data: object) -> Mapping[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise WorldFileError("a world is a mapping")
    return data


def _filled(data: Mapping[str, Any]) -> World:
    world = World()
    for name in SCALARS:
        value = data.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WorldFileError(f"{name} is a number")
        if not 0 <= value <= TIME_MAX:
            raise WorldFileError(f"{name} is from 0 to {TIME_MAX:.0f}")
        setattr(world, name, type(getattr(world, name))(value))
    prices = _mapping(data["storage_prices"])
    world.storage_prices = {str(name): int(price) for name, price in prices.items()}
    # whatever may be named by others comes first
    for each in sorted(
        KINDS.values(), key=lambda kind: (kind.record is not None, bool(kind.refers))
    ):
        if each.record is None:
            world.table(each.name).update(_rows(each, data.get(each.section) or []))
        else:
            _fill(world, each, data)
    for where, entry in _entries(data, "gone"):
        gone = _record(world, Instance, entry, where)
        world.gone[gone.instance_id] = gone
    return world


def _rows(kind: Kind, rows: object) -> dict[str, Row]:
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


def rule_from_data(world: World, data: object, where: str) -> Any:
    """A rule; without an id it takes a new one."""
    if not isinstance(data, dict):
        raise WorldFileError(f"{where}: a rule is an object")
    rule_id = data.get("rule_id") or world.new_rule_id()
    return _record(world, Rule, {"rule_id": rule_id, "content": None, **data}, where)


def _record(world: World, record: Any, data: Mapping[str, Any], where: str) -> Any:
    names = {each.name for each in dataclasses.fields(record)}
    unknown = sorted(str(name) for name in data if name not in names)
    if unknown:
        raise WorldFileError(
            f"{where}: unknown {', '.join(unknown)}; there are {', '.join(sorted(names))}"
        )
    values = dict(data)
    if isinstance(values.get("pending"), Mapping):
        values["pending"] = _record(world, PendingWork, values["pending"], where)
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
    data = world_to_data(world)
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140))


def load_world(path: Path) -> World:
    """The world in a file."""
    return read_file(path, world_from_data)


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
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


# Keeping a world in a file while it is served, owned by one process
# --------------------------------------------------------------------------------------------------


class WorldInUse(RuntimeError):
    """Another process keeps this world; the text names the file and the process."""


class WorldNotKept(RuntimeError):
    """The world could not be written; the text names the file and the reason."""


class WorldStore:
    """One world file and the lock beside it, which dies with its process."""

    def __init__(self, path: Path, *, lock_seconds: float = 0.0) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._lock_file = _lock(path, lock_seconds)

    def bind(self, cloud: Any) -> None:
        """Give the `Cloud` the world of the file, if there is one, and write it after each change
        from now on.

        Raises `WorldNotKept` if that would not work: better now than in the middle of a run.
        """
        if not os.access(self.path.parent, os.W_OK):
            raise WorldNotKept(f"{self.path} cannot be written: {os.strerror(errno.EACCES)}")
        if self.path.exists():
            cloud.replace_world(load_world(self.path))
        cloud.on_change = self.save

    def save(self, world: World) -> None:
        """Write the world, whole or not at all. Raises `WorldNotKept`."""
        with self._writing:
            try:
                save_world(world, self.path)
            except OSError as failure:
                raise WorldNotKept(
                    f"{self.path} cannot be written: {failure.strerror or failure}"
                ) from failure

    def close(self) -> None:
        """Let go of the file. Again is harmless."""
        self._lock_file.close()


def _lock(path: Path, seconds: float) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ".lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise WorldInUse(
                f"{path} is kept by another running simulator (process {owner})"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file
