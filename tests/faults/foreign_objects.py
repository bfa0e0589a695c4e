"""Somebody else's objects in the same account: they may bear the same name, size and minute of
birth, and are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from urllib.parse import unquote

from reconciler.model import http, marker
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.kinds.call import Call
from reconciler.simulator.kinds.records import BlockStorage, Firewall, Instance
from reconciler.simulator.world import World


def settle_in(cloud: Cloud) -> None:
    """A server, a volume on it and a firewall of somebody else, and one of each that looks like
    ours.
    """
    for name in ("theirs", "shop-web-9"):
        instance = _instance(
            cloud.world,
            {
                "zone_id": "kr1-z01",
                "image_id": "PIMAGE-0Ex1UbuntuJammy22LTS0a",
                "flavor_id": "std_1.1-g1",
            },
            name,
        )
        cloud.change(partial(World.put, record=instance))
        volume = _volume(
            cloud.world, {"type": "ssd", "size": "20"}, f"{name}-disk", instance.instance_id
        )
        cloud.change(partial(World.put, record=volume))
    group = Firewall(_id(cloud.world, "firewall"), "their-firewall", "shop.-.web", "N")
    cloud.change(lambda world: world.put(group))


def twin(cloud: Cloud, request: http.Request) -> None:
    """At the instant of a create, somebody else makes the same: same name, size and zone, without
    our marker.
    """
    world = cloud.world
    call = Call(
        world=world,
        switches=cloud.switches,
        now=world.time,
        scale=1.0,
        request=request,
        ids=(),
        query={},
    )
    if request.path == "/v1/instances":
        form = _decoded(call)
        made = _instance(world, form, form.get("name", ""))
        cloud.change(lambda world: world.put(made))
    elif request.path == "/v1/block-storages":
        form = _decoded(call)
        volume = _volume(world, form, form.get("name", ""), None)
        cloud.change(lambda world: world.put(volume))
    elif request.path == "/v1/security-groups":
        body = call.json()
        group = Firewall(
            _id(world, "firewall"),
            str(body["title"]),
            _text(body.get("content")),
            str(body.get("icmp")),
        )
        cloud.change(lambda world: world.put(group))


def theirs(world: World, ours: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every object without a marker of ours, with all that it is, by id. `ours` maps our nonces."""
    found: dict[str, dict[str, Any]] = {}
    records: list[Instance | BlockStorage | Firewall] = [
        *world.instances.values(),
        *world.block_storages.values(),
        *world.firewalls.values(),
    ]
    for record in records:
        text = record.content if isinstance(record, Firewall) else record.description
        if marker.split(text)[1] not in ours:
            row = asdict(record)
            row.pop("charged_until", None)
            found[id_of(record)] = row
    for group, instance in world.memberships:
        if group in found:
            found[group].setdefault("members", []).append(instance)
    return found


def id_of(record: Instance | BlockStorage | Firewall) -> str:
    """The id of a record."""
    match record:
        case Instance():
            return record.instance_id
        case BlockStorage():
            return record.block_storage_id
        case Firewall():
            return record.firewall_id


def _id(world: World, kind: str) -> str:
    return world.new_id(kind)


def _decoded(call: Call) -> dict[str, str]:
    return {name: unquote(value) for name, value in call.form().items()}


def _text(value: object) -> str | None:
    return marker.split(value)[0] if isinstance(value, str) else None


def _instance(world: World, form: Mapping[str, str], name: str) -> Instance:
    id = _id(world, "instance")
    public, private = world.new_addresses()
    return Instance(
        instance_id=id,
        name=name,
        description=_text(form.get("description")),
        status="active",
        zone_id=form["zone_id"],
        flavor_id=form["flavor_id"],
        image_id=form["image_id"],
        created=world.time,
        public_address=public,
        private_address=private,
        charged_until=world.time,
    )


def _volume(world: World, form: Mapping[str, str], name: str, owner: str | None) -> BlockStorage:
    return BlockStorage(
        block_storage_id=_id(world, "block_storage"),
        name=name,
        description=_text(form.get("description")),
        type=form["type"],
        size=int(form["size"]),
        status="active",
        zone_id="kr1-z01",
        instance_id=owner,
        created=world.time,
        charged_until=world.time,
    )
