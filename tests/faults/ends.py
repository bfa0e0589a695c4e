"""The end of a story: what the account holds of ours and what the state says of it, up to ids,
addresses, nonces and times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.model import marker
from reconciler.model.state import Entry, State
from reconciler.simulator.world import World
from tests.faults.bench import Bench
from tests.faults.checks import ours

_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def end_of(bench: Bench) -> dict[str, Any]:
    """The world and the state, normalised: two runs that came to the same end give equal values."""
    world, state = bench.cloud.snapshot(), bench.state
    mine = ours(bench)
    names = _names(world)
    return {
        "servers": sorted(
            (
                s.name,
                _text(s.description),
                s.status,
                s.zone_id,
                s.flavor_id,
                s.image_id,
                s.ssh_key_ids,
                s.user_script_id,
            )
            for id, s in world.instances.items()
            if id in mine
        ),
        "volumes": sorted(
            (v.name, _text(v.description), v.status, v.type, v.size, names.get(v.instance_id or ""))
            for id, v in world.block_storages.items()
            if id in mine
        ),
        "firewalls": sorted(
            (
                g.title,
                _text(g.content),
                g.icmp,
                sorted(
                    (r.title, r.bound, r.protocol, r.port, _named(r.ip, names), r.content)
                    for r in g.rules
                ),
                sorted(names.get(member, member) for member in world.members(id)),
            )
            for id, g in world.firewalls.items()
            if id in mine
        ),
        "state": {} if state is None else _state(state, names),
    }


def _names(world: World) -> dict[str, str]:
    """Ids and addresses to what they stand for."""
    found: dict[str, str] = {}
    for id, server in world.instances.items():
        found |= {
            id: server.name,
            server.public_address: f"public {server.name}",
            server.private_address: f"private {server.name}",
        }
    found |= {id: f"volume {volume.name}" for id, volume in world.block_storages.items()}
    for id, group in world.firewalls.items():
        found[id] = f"firewall {group.title}"
        found |= {str(rule.rule_id): f"rule {rule.title} of {group.title}" for rule in group.rules}
    return found


def _text(description: str | None) -> str | None:
    before, _ = marker.split(description)
    return before


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub(lambda found: names.get(found[0], found[0]), names.get(value, value))
    if isinstance(value, Mapping):
        return {key: _named(below, names) for key, below in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [_named(below, names) for below in value]
    return value


def _state(state: State, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "entries": {
            address: _entry(entry, names) for address, entry in sorted(state.entries.items())
        },
        "deposed": sorted(old.address for old in state.deposed.values()),
        "open": sorted(
            f"{intent.operation} {intent.address} {result}"
            for intent, result in state.open.values()
        ),
        "outputs": _named({name: list(pair) for name, pair in state.outputs.items()}, names),
    }


def _entry(entry: Entry, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "is": names.get(entry.id, "nothing"),
        "kind": entry.kind,
        "applied": _named(entry.applied, names),
        "lookups": _named(entry.lookups, {}),
        "depends_on": list(entry.depends_on),
        "parent": names.get(entry.parent or ""),
        "protect": list(entry.protect),
        "phase": entry.phase.value,
        "marked": entry.nonce is not None,
        "made": entry.made is not None or entry.kind == "rules",
        "retain": entry.retain,
    }


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """Where two ends differ, in lines."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        lines = []
        for key in sorted(set(wanted) | set(found)):
            lines += differences(
                wanted.get(key, "(not there)"),
                found.get(key, "(not there)"),
                f"{path}.{key}" if path else str(key),
            )
        return lines
    return [] if wanted == found else [f"{path}: {found!r}, not {wanted!r}"]
