"""What the stack file says in a story: a value that edits replace by another one, and the text of
the file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

KEYS = (
    "app",
    "front",
    "api",
    "db",
    "edge",
    "mail",
    "auth",
    "cron",
    "blog",
    "shopd",
    "queue",
    "search",
    "proxy",
    "stats",
    "build",
    "cache",
)
"""Keys of servers, volumes and firewalls. A story uses each only once, so a key always stands for
the same object.
"""

FLAVORS = ("std_1.2-g1", "std_2.4-g1", "std_4.8-g1")


@dataclass(frozen=True, slots=True)
class Server:
    """One entry of `instances`. `indexes` is None for a single one, a number for `count`, a tuple
    of names for `for_each`.
    """

    key: str
    indexes: int | tuple[str, ...] | None = None
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, in order."""
        if self.indexes is None:
            return (f"instances.{self.key}",)
        if isinstance(self.indexes, int):
            return tuple(f"instances.{self.key}[{number}]" for number in range(self.indexes))
        return tuple(f'instances.{self.key}["{name}"]' for name in self.indexes)

    def with_field(self, name: str, value: Any) -> Server:
        """The same with one field set, or taken out where the value is None."""
        kept = {**dict(self.fields), name: value}
        return replace(
            self,
            fields=tuple(sorted((key, each) for key, each in kept.items() if each is not None)),
        )


@dataclass(frozen=True, slots=True)
class Volume:
    """One entry of `block_storages`; `on` is the address of its server."""

    key: str
    size: int
    on: str


@dataclass(frozen=True, slots=True)
class Wall:
    """One entry of `firewalls`; `rules` maps titles to ports."""

    key: str
    rules: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """The whole file. `environment` is the one that the commands name, None where the file has
    none.
    """

    stack: str = "shop"
    environment: str | None = None
    servers: tuple[Server, ...] = ()
    volumes: tuple[Volume, ...] = ()
    walls: tuple[Wall, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    removed: tuple[str, ...] = ()
    outputs: bool = False
    imports: tuple[tuple[str, str], ...] = field(default=())

    @property
    def addresses(self) -> frozenset[str]:
        """Every address that the file asks for, rules included."""
        found = {address for server in self.servers for address in server.addresses}
        found |= {f"block_storages.{volume.key}" for volume in self.volumes}
        for wall in self.walls:
            found |= {
                f"firewalls.{wall.key}",
                *(f"firewalls.{wall.key}.rules.{title}" for title, _ in wall.rules),
            }
        return frozenset(found)

    def server(self, key: str) -> Server:
        """The server of that key."""
        return next(server for server in self.servers if server.key == key)

    def with_server(self, server: Server, *, instead_of: str | None = None) -> AdoptRequest:
        """The same with a server in the place of the one of its key, or of another key; the volumes
        follow.
        """
        old = self.server(instead_of or server.key)
        places = dict(zip(old.addresses, server.addresses, strict=False))
        volumes = tuple(
            replace(
                volume,
                on=places.get(
                    volume.on, server.addresses[0] if volume.on in old.addresses else volume.on
                ),
            )
            for volume in self.volumes
        )
        servers = tuple(server if each is old else each for each in self.servers)
        return replace(self, servers=servers, volumes=volumes)

    def file(self) -> str:
        """The text of the file; JSON is YAML."""
        body: dict[str, Any] = {"version": 1, "stack": self.stack}
        if self.environment is not None:
            body["environments"] = {self.environment: {}}
        image = {"os": "ubuntu", "version": "22.04"}
        body["defaults"] = {
            "instances": {
                "zone": "kr1-z01",
                "image": image,
                "ssh_keys": ["deploy"],
                "flavor": FLAVORS[0],
            }
        }
        body["firewalls"] = {
            wall.key: {"rules": {title: _rule(port) for title, port in wall.rules}}
            for wall in self.walls
        }
        imports = dict(self.imports)
        body["instances"] = {server.key: self._server(server, imports) for server in self.servers}
        body["block_storages"] = {
            volume.key: {
                "type": "ssd",
                "size": volume.size,
                "instance": volume.on.removeprefix("instances."),
            }
            for volume in self.volumes
        }
        if self.moved:
            body["moved"] = [{"from": old, "to": new} for old, new in self.moved]
        if self.removed:
            body["removed"] = [{"from": address, "keep": False} for address in self.removed]
        if self.outputs:
            body["outputs"] = self._outputs()
        return (
            json.dumps(
                {name: value for name, value in body.items() if value not in ({}, [])},
                ensure_ascii=False,
                indent=1,
            )
            + "\n"
        )

    def _server(self, server: Server, imports: dict[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = dict(server.fields)
        if isinstance(server.indexes, int):
            row["count"] = server.indexes
        elif server.indexes is not None:
            row["for_each"] = list(server.indexes)
        if server.key in imports:
            row["import"] = (
                {"0": imports[server.key]}
                if isinstance(server.indexes, int)
                else imports[server.key]
            )
        return row

    def _outputs(self) -> dict[str, Any]:
        single = [server.key for server in self.servers if server.indexes is None]
        found = {f"{key}_name": {"value": f"${{instances.{key}.name}}"} for key in single}
        found |= {
            f"{wall.key}_name": {"value": f"${{firewalls.{wall.key}.name}}"} for wall in self.walls
        }
        return found


def _rule(port: int) -> dict[str, Any]:
    return {"direction": "in", "protocol": "tcp", "ports": port, "cidr": "10.0.0.0/8"}
