"""Somebody else's objects in the same account: they may bear the same name, size and minute of
birth, and are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias
from urllib.parse import unquote

from reconciler.model import http, marker
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.kinds.call import OperationCall
from reconciler.simulator.kinds.records import BlockStorage, Firewall, Instance
from reconciler.simulator.world import World

Row: TypeAlias = "tuple[Instance | BlockStorage | Firewall, tuple[str, ...]]"
"""An object of somebody else, and the members of it if it is a firewall."""


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
    call = OperationCall(
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


def theirs(world: World, ours: Mapping[str, str]) -> dict[str, Row]:
    """Every object without a marker of ours, with all that it is but its charges, by id; and the
    members of firewalls. `ours` maps our nonces.
    """
    found: dict[str, Row] = {}
    records: list[Instance | BlockStorage | Firewall] = [
        *world.instances.values(),
        *world.block_storages.values(),
        *world.firewalls.values(),
    ]
    for record in records:
        text = record.content if isinstance(record, Firewall) else record.description
        if marker.split(text)[1] in ours:
            continue
        if isinstance(record, Firewall):
            own = record.firewall_id
            members = (instance for group, instance in world.memberships if group == own)
            found[own] = record, tuple(members)
        else:
            found[id_of(record)] = replace(record, charged_until=0.0), ()
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


def _decoded(call: OperationCall) -> dict[str, str]:
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
