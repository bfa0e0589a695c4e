"""How an instance reads: its 17 members and the `fields` mask (contract#fields,
contract#instances).
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.simulator.call import Call
from reconciler.simulator.clock import print_time
from reconciler.simulator.errors import ApiError
from reconciler.simulator.operations.catalogue import is_api_zone, spec
from reconciler.simulator.records import Instance, Row
from reconciler.simulator.world import World

ALL_FIELDS = 131_071
BLOCK_STORAGE_BIT = 8_192


def mask_of(call: Call) -> int:
    """The mask asked for; unknown bits are ignored, 0 and text are CHECK_PARAM (contract#fields)."""
    return call.integer("fields", default=call.switches.default_fields, minimum=1) & ALL_FIELDS


def is_visible(call: Call, instance: Instance) -> bool:
    """Whether reads show it: old enough, and in a zone the API covers."""
    if instance.visible_from > call.now:
        return False
    return not call.switches.api_zone_only or is_api_zone(call.world, instance.zone_id)


def detail_rows(call: Call, instance: Instance, mask: int) -> list[Row]:
    """One instance as detail and edit calls give it."""
    volumes = (
        {instance.instance_id: call.world.volumes_of(instance.instance_id)}
        if mask & BLOCK_STORAGE_BIT
        else {}
    )
    return [instance_row(call.world, instance, mask, volumes.get(instance.instance_id, []))]


def instance_row(world: World, instance: Instance, mask: int, volumes: list[str]) -> Row:
    """The members whose bits are set; those not asked for are left out, not null (contract#fields)."""
    return {
        name: make(world, instance, volumes)
        for bit, (name, make) in enumerate(_MEMBERS)
        if mask >> bit & 1
    }


def absent(call: Call, instance_id: str, mask: int) -> list[Row]:
    """What the detail of a server that is not there says, by switch (contract#absence)."""
    wanted = call.switches.instance_absent
    if not is_well_formed(instance_id) or wanted == "id_invalid":
        raise ApiError("ID_INVALID")
    if wanted == "not_found":
        raise ApiError("NOT_FOUND")
    gone = call.world.gone.get(instance_id)
    if wanted == "tombstone" and gone is not None:
        return [instance_row(call.world, gone, mask, [])]
    return []


def is_well_formed(instance_id: str) -> bool:
    """Whether an id has the API's own form and not that of another vocabulary (contract#values,
    contract#instances).
    """
    prefix, _, rest = instance_id.partition("-")
    return prefix == "INSTANCE" and len(rest) in {21, 22} and rest.isascii() and rest.isalnum()


def _addresses(world: World, instance: Instance, volumes: list[str]) -> object:
    del world, volumes
    return [
        {
            "public": {"address": instance.public_address, "attached": instance.public_attached},
            "private": {
                "address": instance.private_address,
                "netmask": "255.255.0.0",
                "network": "10.200.0.0",
                "broadcast": "10.200.255.255",
                "gateway": "10.200.0.1",
            },
            "type": "default",
        }
    ]


def _zone(world: World, instance: Instance, volumes: list[str]) -> object:
    del volumes
    return zone_reference(world, instance.zone_id)


def zone_reference(world: World, zone_id: str) -> Row:
    """A zone as other objects embed it: `name`, not `zone_name` (contract#zones)."""
    return {"zone_id": zone_id, "name": world.zones.get(zone_id, {}).get("zone_name", zone_id)}


def _flavor(world: World, instance: Instance, volumes: list[str]) -> object:
    del volumes
    flavor = world.flavors.get(instance.flavor_id, {})
    return {
        "flavor_id": instance.flavor_id,
        "name": flavor.get("name", instance.flavor_id),
        **spec(flavor),
    }


def _image(world: World, instance: Instance, volumes: list[str]) -> object:
    del volumes
    return world.images.get(instance.image_id) or {
        "image_id": instance.image_id,
        "visibility": "public",
        "image_type": "os_linux",
    }


CONSOLE_LINK = "https://console.example.invalid:6080/vnc_auto.html?path=example-token"
"""A console link; it leads nowhere."""


def _console(world: World, instance: Instance, volumes: list[str]) -> object:
    del world, volumes
    return {"link": None if instance.busy else CONSOLE_LINK, "type": "novnc"}


def _limits(world: World, instance: Instance, volumes: list[str]) -> object:
    del world, volumes
    return {"block_storage": instance.block_storage_limit, "ip": instance.ip_limit}


def _stop_date(world: World, instance: Instance, volumes: list[str]) -> object:
    del world, volumes
    return None if instance.stopped is None else print_time(instance.stopped)


_Maker = Callable[[World, Instance, list[str]], object]
_MEMBERS: tuple[tuple[str, _Maker], ...] = (
    ("instance_id", lambda w, i, v: i.instance_id),
    ("name", lambda w, i, v: i.name),
    ("description", lambda w, i, v: i.description),
    ("status", lambda w, i, v: i.status),
    ("provide", lambda w, i, v: "dedicated"),
    ("start_date", lambda w, i, v: print_time(i.created)),
    ("stop_date", _stop_date),
    ("default_account", lambda w, i, v: {"username": i.username, "password": "********"}),
    ("ip", _addresses),
    ("zone", _zone),
    ("flavor", _flavor),
    ("image", _image),
    ("monitoring", lambda w, i, v: {"port": "OFF", "resource": "OFF"}),
    ("block_storage", lambda w, i, v: v),
    ("vnc", _console),
    ("connection_limit", _limits),
    (
        "traffic",
        lambda w, i, v: {
            "default": 1000,
            "period": "DAYMONTH",
            "limit": None,
            "reset_allow_count": None,
        },
    ),
)
"""Members in the order of their bits (contract#fields)."""
