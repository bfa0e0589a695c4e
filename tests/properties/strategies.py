"""Random stacks as stack texts: small, valid, and full of the things that hang together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

ZONE, IMAGES = "kr1-z01", ("22.04", "24.04")
FLAVORS = ("std_1.1-g1", "std_2.4-g1", "std_4.8-g1", "mio_4.16-g1")

SERVERS, FIREWALLS, VOLUMES = ("app", "db", "web"), ("inner", "outer"), ("data", "logs")
PORTS = ("22", "80", "443", "3306", "8000-8010")
RANGES = ("0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/24")


@dataclass(frozen=True)
class AdoptRequest:
    """One stack: each section as the file would hold it, in the order of its keys."""

    instances: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    firewalls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    block_storages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def text(self) -> str:
        """The stack file. JSON is YAML."""
        body = {
            "version": 1,
            "stack": "shop",
            "defaults": {"instances": {"zone": ZONE, "ssh_keys": ["deploy"]}},
            "instances": self.instances,
            "firewalls": self.firewalls,
            "block_storages": self.block_storages,
        }
        return json.dumps(
            {key: value for key, value in body.items() if value}, ensure_ascii=False, indent=1
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """Every server's address behind `instances.`."""
        return tuple(_keys(self.instances))


def _keys(instances: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key, body in instances.items():
        count = body.get("count")
        yield from (key,) if count is None else (f"{key}[{n}]" for n in range(count))


@st.composite
def rules(draw: st.DrawFn, servers: tuple[str, ...]) -> dict[str, Any]:
    """Rules of one firewall, no two with the same traffic; some name the address of a server."""
    traffic = st.tuples(
        st.sampled_from(("in", "out")), st.sampled_from(("tcp", "udp")), st.sampled_from(PORTS)
    )
    found = draw(st.lists(traffic, max_size=4, unique=True))
    keys = draw(st.permutations(("a", "b", "c", "d")))
    ranges = [*RANGES, *(f"${{instances.{server}.private_ip}}/32" for server in servers[:2])]
    made = {}
    for key, (direction, protocol, ports) in zip(keys, found, strict=False):
        made[key] = {
            "direction": direction,
            "protocol": protocol,
            "ports": ports,
            "cidr": draw(st.sampled_from(ranges)),
        }
        if draw(st.booleans()):
            made[key]["description"] = draw(st.sampled_from(("웹", "plain text", "a <b> & c")))
    return made


@st.composite
def desired_values(draw: st.DrawFn) -> AdoptRequest:
    """A whole stack."""
    firewalls = draw(st.lists(st.sampled_from(FIREWALLS), unique=True))
    instances: dict[str, dict[str, Any]] = {}
    for key in draw(st.lists(st.sampled_from(SERVERS), min_size=1, unique=True)):
        body: dict[str, Any] = {
            "flavor": draw(st.sampled_from(FLAVORS)),
            "image": {"os": "ubuntu", "version": draw(st.sampled_from(IMAGES))},
        }
        if draw(st.booleans()):
            body["power"] = draw(st.sampled_from(("on", "off")))
        if draw(st.booleans()):
            body["name"] = draw(st.sampled_from((f"{key}-one", f"{key}-two"))) + (
                "-${count.index}" if key == "web" else ""
            )
        # Always written: a line left out keeps a server in its firewall, which then cannot be
        # deleted.
        body["firewall"] = draw(st.sampled_from([*firewalls, "none"]))
        if draw(st.booleans()):
            body["lifecycle"] = {
                "on_image_change": "replace",
                "replace": draw(st.sampled_from(("create_first", "delete_first"))),
            }
        if key == "web":
            body["count"] = draw(st.integers(1, 3))
        # On what was drawn before, so that nothing goes in a circle.
        if len(instances) > 0 and draw(st.booleans()):
            body["depends_on"] = [f"instances.{draw(st.sampled_from(sorted(instances)))}"]
        instances[key] = body
    servers = tuple(_keys(instances))
    volumes = {
        key: {
            "type": "ssd",
            "size": draw(st.sampled_from((20, 50))),
            "instance": draw(st.sampled_from(servers)),
        }
        for key in draw(st.lists(st.sampled_from(VOLUMES), unique=True))
    }
    walls: dict[str, dict[str, Any]] = {}
    for key in firewalls:
        walls[key] = {"icmp": draw(st.booleans()), "rules": draw(rules(servers))}
        if draw(st.booleans()):
            walls[key]["description"] = draw(st.sampled_from(("<안쪽> & more", "outer")))
    return AdoptRequest(instances, walls, volumes)


@st.composite
def edits(draw: st.DrawFn) -> tuple[AdoptRequest, AdoptRequest]:
    """A stack and another one; in the second, volumes that are there already may be on no
    server.
    """
    first, second = draw(desired_values()), draw(desired_values())
    volumes = dict(second.block_storages)
    for key in sorted(set(volumes) & set(first.block_storages)):
        if draw(st.integers(0, 3)) == 0:
            volumes[key] = {**first.block_storages[key], "instance": "none"}
    return first, replace(second, block_storages=volumes)
