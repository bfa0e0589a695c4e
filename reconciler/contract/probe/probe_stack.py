"""The stack of a write probe: a firewall, and if that is agreed to the cheapest instance with one
block storage. Pure: texts of a stack file from the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.resource import Catalogue

STACK = "reconciler-probe"
FIREWALL_TEXT = 'probe & <1> "a"'
INSTANCE_TEXT = "probe a+b & 100% <1> 시험"
CHANGED = " changed"
CIDR = "192.0.2.0/24"
"""A range for documentation: the rule lets nobody in."""

_DAYS = 30


@dataclass(frozen=True, slots=True)
class ProbeServer:
    """The instance of a probe: ids of zone, flavor and image, its price a day in KRW without VAT,
    and the type and size in GB of the block storage, None if there is none in that zone.
    """

    zone: str
    flavor: str
    image: str
    price_day: int
    storage: tuple[str, int] | None


def cheapest(catalog: Catalogue) -> ProbeServer | None:
    """The cheapest instance that the catalog offers with a price and a public image of an operating
    system; None if there is none.
    """
    zones = {row["id"] for row in catalog.zones or () if row["available"]}
    flavors = [
        row
        for row in catalog.flavors or ()
        if row["available"] and row.get("price_month") and zones & set(row["zones"])
    ]
    for flavor in sorted(flavors, key=lambda row: (row["price_month"], row["id"])):
        for zone in sorted(zones & set(flavor["zones"])):
            image = _image(catalog, flavor, zone)
            if image is not None:
                price = -(-flavor["price_month"] // _DAYS)
                storage = _storage(catalog.storage_types or (), zone)
                return ProbeServer(zone, flavor["id"], image, price, storage)
    return None


def _image(catalog: Catalogue, flavor: Mapping[str, Any], zone: str) -> str | None:
    supported = set(flavor["images"])
    for row in catalog.images or ():
        fits = not supported or {row["type"], row["id"]} & supported
        linux = row["type"] == "os_linux"
        if row["public"] and row["available"] and linux and fits and zone in row["zones"]:
            return str(row["id"])
    return None


def _storage(types: Iterable[Mapping[str, Any]], zone: str) -> tuple[str, int] | None:
    sizes = [
        (row["min_gb"], row["id"])
        for row in types
        if row["min_gb"] and (row["zones"] is None or zone in row["zones"])
    ]
    return None if not sizes else (min(sizes)[1], min(sizes)[0])


def firewall_file(*, changed: bool = False) -> str:
    """The stack file with the firewall alone; `changed` has other values in each field."""
    return _head() + _firewall(changed=changed)


def server_file(server: ProbeServer, *, changed: bool = False) -> str:
    """The stack file with the firewall, the instance behind it and its block storage."""
    text = INSTANCE_TEXT + (CHANGED if changed else "")
    parts = [
        _head(),
        _firewall(changed=False),
        "instances:\n  probe:\n",
        f"    zone: {_quoted(server.zone)}\n",
        f"    flavor: {_quoted(server.flavor)}\n",
        f"    image: {_quoted(server.image)}\n",
        "    firewall: probe\n",
        f"    description: {_quoted(text)}\n",
    ]
    if server.storage is not None:
        kind, size = server.storage
        parts += [
            "block_storages:\n  probe:\n",
            f"    type: {_quoted(kind)}\n    size: {size}\n    instance: probe\n",
        ]
    return "".join(parts)


def _head() -> str:
    return (
        "# Written by `reconciler doctor --contract --write-probe`. To delete what it created:\n"
        f"# reconciler destroy {STACK}\nversion: 1\nstack: {STACK}\n"
    )


def _firewall(*, changed: bool) -> str:
    text = FIREWALL_TEXT + (CHANGED if changed else "")
    ports = '"8000-8010"' if changed else "443"
    return (
        "firewalls:\n  probe:\n"
        f"    description: {_quoted(text)}\n    icmp: {'true' if changed else 'false'}\n"
        "    rules:\n"
        f"      probe: {{direction: in, protocol: tcp, ports: {ports}, cidr: {CIDR}}}\n"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
