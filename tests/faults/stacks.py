"""The stories whose every boundary is broken: a stack that is there, calmly applied, and the one
that is applied under a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Story:
    """`before` is applied calmly (None: the account holds nothing of ours), then `after` under a
    fault. `switches` are the cloud's.

    `edited` is what the file says from the next run on, after an edit between the runs; None: it
    stays as it is.
    """

    name: str
    before: str | None
    after: str
    edited: str | None = None
    destroy: bool = False
    switches: Mapping[str, object] = field(default_factory=dict)


HEAD = """
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_2.4-g1}
"""


def _stack(instances: str = "", volumes: str = "", firewalls: str = "", outputs: str = "") -> str:
    parts = [HEAD]
    for name, rows in (
        ("firewalls", firewalls),
        ("instances", instances),
        ("block_storages", volumes),
        ("outputs", outputs),
    ):
        if rows:
            parts.append(
                f"{name}:\n" + "".join(f"  {line}\n" for line in rows.strip().splitlines())
            )
    return "".join(parts)


ONE = _stack("web: {}", outputs='ip: {value: "${instances.web.public_ip}"}')
THREE = _stack("web: {count: 3}")
DB = "db: {flavor: std_4.8-g1}"
VOLUME = _stack(DB, "data: {type: ssd, size: 100, instance: db, description: 자료}")
GROUP = """
web:
  icmp: true
  rules:
    https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
    ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}
"""
OTHER_GROUP = """
api:
  rules:
    api: {direction: in, protocol: tcp, ports: 8080, cidr: 10.0.0.0/8}
"""
WALL = _stack("web: {firewall: web}", firewalls=GROUP)
EDITED = _stack(
    "web: {firewall: web, name: front, description: 앞 서버}",
    firewalls=GROUP.replace("icmp: true", "icmp: false")
    .replace("443, cidr: 0.0.0.0/0", "443, cidr: 10.0.0.0/8")
    .replace("ssh:", "shell:"),
)
WITH_DISK = _stack(
    "db: {firewall: web, flavor: std_4.8-g1}", "data: {type: ssd, size: 100, instance: db}", GROUP
)
REPLACED = WITH_DISK.replace(
    "std_4.8-g1}",
    'std_4.8-g1, image: {os: ubuntu, version: "24.04"}, lifecycle: {on_image_change: replace}}',
)
DELETE_FIRST = WITH_DISK.replace(
    "std_4.8-g1}",
    'std_4.8-g1, image: {os: ubuntu, version: "24.04"}, lifecycle: '
    "{on_image_change: replace, replace: delete_first}}",
)
TWO = _stack("a: {}\nb: {}", "data: {type: ssd, size: 100, instance: a}")
MANY = _stack(
    "web: {count: 3, firewall: web}\ndb: {}", "data: {type: ssd, size: 50, instance: db}", GROUP
)

TEN_BEFORE = _stack(
    "web: {count: 2, firewall: web}\ndb: {flavor: std_4.8-g1, firewall: web, power: on}\nold: {}",
    "data: {type: ssd, size: 100, instance: db}\nlog: {type: ssd, size: 20, instance: old}",
    GROUP,
)
TEN = _stack(
    "web: {count: 3, firewall: web}\ndb: "
    "{flavor: mio_4.16-g1, firewall: db, power: on, name: database}",
    'data: {type: ssd, size: 100, instance: "web[0]"}\nlog: '
    "{type: ssd, size: 20, instance: db}\nnew: {type: ssd, size: 30, instance: db}",
    GROUP.replace("ssh:", "shell:")
    + """
db:
  rules:
    mysql: {direction: in, protocol: tcp, ports: 3306, cidr: "${instances.web[2].private_ip}/32"}
""",
    outputs='ips: {value: "${instances.web.map(w, w.public_ip)}"}',
)

# Texts are given, since a default name and a marker tell the address under which an object was
# created.
KEPT = "kept: {flavor: std_4.8-g1}"
NAMED = _stack(
    f"app: {{firewall: web, name: app, description: of the shop}}\n{KEPT}",
    "data: {type: ssd, size: 100, instance: app, name: data, description: its data}",
    GROUP.replace("icmp", "name: wall\n  description: around it\n  icmp"),
)
MOVED = (
    _stack(
        f"front: {{firewall: edge, name: app, description: of the shop}}\n{KEPT}",
        "disk: {type: ssd, size: 100, instance: front, name: data, description: its data}",
        GROUP.replace("web:", "edge:")
        .replace("icmp", "name: wall\n  description: around it\n  icmp")
        .replace("https:", "tls:"),
    )
    + "moved:\n  - {from: instances.app, to: instances.front}\n  - {from: block_storages.data, to: block_storages.disk}\n"
    "  - {from: firewalls.web, to: firewalls.edge}\n  - "
    "{from: firewalls.edge.rules.https, to: firewalls.edge.rules.tls}\n"
)
COUNTED = NAMED.replace(
    "{firewall: web, name: app, description: of the shop}",
    "{count: 1, firewall: web, name: app, description: of the shop}",
).replace("instance: app", 'instance: "app[0]"')

STORIES = (
    Story("one server", None, ONE),
    Story("three servers", None, THREE),
    Story("a volume", _stack(DB), VOLUME),
    Story("a firewall", _stack("web: {}"), WALL),
    Story("an update", WALL, EDITED),
    Story("a resize", WITH_DISK, WITH_DISK.replace("std_4.8-g1", "mio_4.16-g1")),
    Story(
        "a resize that stops first",
        WITH_DISK,
        WITH_DISK.replace("std_4.8-g1}", "mio_4.16-g1, lifecycle: {resize: stop_first}}"),
    ),
    Story(
        "a rebuild",
        WITH_DISK,
        WITH_DISK.replace("std_4.8-g1}", 'std_4.8-g1, image: {os: ubuntu, version: "24.04"}}'),
    ),
    Story("a replacement with a volume", WITH_DISK, REPLACED),
    Story("a replacement that deletes first", WITH_DISK, DELETE_FIRST),
    Story("a bigger volume", WITH_DISK, WITH_DISK.replace("size: 100", "size: 200")),
    Story("a volume to another server", TWO, TWO.replace("instance: a", "instance: b")),
    Story(
        "another firewall",
        _stack("web: {firewall: web}", firewalls=GROUP + OTHER_GROUP),
        _stack("web: {firewall: api}", firewalls=GROUP + OTHER_GROUP),
    ),
    Story(
        "another firewall, slowly",
        _stack("web: {firewall: web}", firewalls=GROUP + OTHER_GROUP),
        _stack("web: {firewall: api}", firewalls=GROUP + OTHER_GROUP),
        switches={"ticks.group": 20, "attach_mode": "single_replace"},
    ),
    Story("power off", WALL, WALL.replace("firewall: web}", "firewall: web, power: off}")),
    Story("one server less", MANY, MANY.replace("count: 3", "count: 2")),
    Story("destroy", WITH_DISK, WITH_DISK, destroy=True),
    Story("ten at once", TEN_BEFORE, TEN),
    Story("no change", WITH_DISK, WITH_DISK),
    Story("moved before the next run", _stack(KEPT), NAMED, edited=MOVED),
    Story("counted before the next run", _stack(KEPT), NAMED, edited=COUNTED),
    Story("left out before the next run", _stack(KEPT), NAMED, edited=_stack(KEPT)),
)

WEB_TIER = Story(
    "web-tier",
    None,
    (Path(__file__).parents[2] / "examples/stacks/web-tier/stack.yaml").read_text(encoding="utf-8"),
)
SHARED_STORIES = (
    WEB_TIER,
    *(
        one
        for one in STORIES
        if one.name in ("a replacement with a volume", "destroy", "a resize that stops first")
    ),
)
"""The stories whose state is in a place that many machines see."""


def story(name: str) -> Story:
    """The story of that name."""
    return next(one for one in (*STORIES, WEB_TIER) if one.name == name)
