"""What scenarios share: the beginning of their stack, and the cloud's world in few words, for
asserting what it holds after an apply.
"""

from __future__ import annotations

import html
from typing import Any

from reconciler.model import marker
from reconciler.simulator.cloud import Cloud

SHOP = """\
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_2.4-g1}
firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}
"""
"""A stack with one firewall, `web`, and defaults for its servers, to be gone on with."""


def world_of(cloud: Cloud) -> dict[str, Any]:
    """Everything in the account by name: servers, volumes (with their server), firewalls (with
    rules and members).
    """
    world = cloud.snapshot()
    named = {id: server.name for id, server in world.instances.items()}
    return {
        "instances": {
            server.name: f"{server.flavor_id} {server.status}"
            + (f" '{_text(server.description)}'" if _text(server.description) else "")
            for server in sorted(world.instances.values(), key=lambda s: s.name)
        },
        "volumes": {
            volume.name: f"{volume.type} {volume.size} on {named.get(volume.instance_id or '')}"
            for volume in sorted(world.block_storages.values(), key=lambda v: v.name or "")
        },
        "firewalls": {
            group.title: {
                "rules": sorted(
                    f"{r.title}: {r.bound} {r.protocol}/{r.port} {r.ip}" for r in group.rules
                ),
                "members": sorted(named[id] for id in world.members(id)),
                "icmp": group.icmp,
            }
            for id, group in sorted(world.firewalls.items(), key=lambda pair: pair[1].title)
        },
    }


def _text(description: str | None) -> str | None:
    before, _ = marker.split(html.unescape(description) if description else None)
    return None if marker.is_owner_text(before) else before
