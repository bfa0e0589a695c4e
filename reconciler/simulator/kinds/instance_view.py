"""How an instance is found and how it reads: its 17 members and the `fields` mask
(contract#fields, contract#instances).
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.simulator.clock import print_time
from reconciler.simulator.errors import ApiError, refuse_if
from reconciler.simulator.kinds.call import OperationCall
from reconciler.simulator.kinds.catalog import is_api_zone, spec
from reconciler.simulator.kinds.records import Instance, Row, is_busy
from reconciler.simulator.world import World

ALL_FIELDS = 131_071
BLOCK_STORAGE_BIT = 8_192
# A console link; it leads nowhere.
CONSOLE_LINK = "https://console.example.invalid:6080/vnc_auto.html?path=example-token"


def existing(call: OperationCall, instance_id: str) -> Instance:
    """The instance that a write is about, busy or not.

    An id of another form, or of an instance in a zone outside the API, is ID_INVALID; one that was
    deleted, or never existed, answers like a busy one (contract#errors, contract#instances).
    """
    instance = call.world.instances.get(instance_id)
    if instance is None:
        refuse_if(not is_well_formed(instance_id), "ID_INVALID")
        refuse_if(call.switches.instance_absent == "not_found", "NOT_FOUND")
        raise ApiError("DELETED_OR_WORKING_INSTANCE")
    refuse_if(_is_hidden(call, instance), "ID_INVALID")
    return instance


def at_rest(call: OperationCall, instance_id: str) -> Instance:
    """The same, refused while an operation runs (contract#statuses)."""
    instance = existing(call, instance_id)
    refuse_if(is_busy(instance), "DELETED_OR_WORKING_INSTANCE")
    return instance


def is_visible(call: OperationCall, instance: Instance) -> bool:
    """Whether reads show it: old enough, and in a zone that the API covers."""
    return instance.visible_from <= call.now and not _is_hidden(call, instance)


def _is_hidden(call: OperationCall, instance: Instance) -> bool:
    return call.switches.api_zone_only and not is_api_zone(call.world, instance.zone_id)


def absent(call: OperationCall, instance_id: str, mask: int) -> list[Row]:
    """The detail of an instance that does not exist, by switch (contract#absence)."""
    wanted = call.switches.instance_absent
    refuse_if(not is_well_formed(instance_id) or wanted == "id_invalid", "ID_INVALID")
    refuse_if(wanted == "not_found", "NOT_FOUND")
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


def mask_of(call: OperationCall) -> int:
    """The mask asked for; unknown bits are ignored, 0 and text are CHECK_PARAM
    (contract#fields).
    """
    return call.integer("fields", default=call.switches.default_fields, minimum=1) & ALL_FIELDS


def instance_rows(call: OperationCall, instances: list[Instance], mask: int) -> list[Row]:
    """Instances as lists, details and edits give them."""
    asked = instances and mask & BLOCK_STORAGE_BIT
    attached = call.world.block_storages_by_instance() if asked else {}
    return [
        instance_row(call.world, each, mask, attached.get(each.instance_id, []))
        for each in instances
    ]


def instance_row(world: World, instance: Instance, mask: int, attached: list[str]) -> Row:
    """The members whose bits are set; those not asked for are left out, not null
    (contract#fields).
    """
    return {
        name: make(world, instance, attached)
        for bit, (name, make) in enumerate(_MEMBERS)
        if mask >> bit & 1
    }


def zone_reference(world: World, zone_id: str) -> Row:
    """A zone as other objects embed it: `name`, not `zone_name` (contract#zones)."""
    return {"zone_id": zone_id, "name": world.zones.get(zone_id, {}).get("zone_name", zone_id)}


def _addresses(_world: World, instance: Instance, _attached: list[str]) -> object:
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


def _flavor(world: World, instance: Instance, _attached: list[str]) -> object:
    flavor = world.flavors.get(instance.flavor_id, {})
    name = flavor.get("name", instance.flavor_id)
    return {"flavor_id": instance.flavor_id, "name": name, **spec(flavor)}


def _image(world: World, instance: Instance, _attached: list[str]) -> object:
    return world.images.get(instance.image_id) or {
        "image_id": instance.image_id,
        "visibility": "public",
        "image_type": "os_linux",
    }


_TRAFFIC = {"default": 1000, "period": "DAYMONTH", "limit": None, "reset_allow_count": None}
_Maker = Callable[[World, Instance, list[str]], object]
# Members in the order of their bits (contract#fields).
_MEMBERS: tuple[tuple[str, _Maker], ...] = (
    ("instance_id", lambda w, i, a: i.instance_id),
    ("name", lambda w, i, a: i.name),
    ("description", lambda w, i, a: i.description),
    ("status", lambda w, i, a: i.status),
    ("provide", lambda w, i, a: "dedicated"),
    ("start_date", lambda w, i, a: print_time(i.created)),
    ("stop_date", lambda w, i, a: None if i.stopped is None else print_time(i.stopped)),
    ("default_account", lambda w, i, a: {"username": i.username, "password": "********"}),
    ("ip", _addresses),
    ("zone", lambda w, i, a: zone_reference(w, i.zone_id)),
    ("flavor", _flavor),
    ("image", _image),
    ("monitoring", lambda w, i, a: {"port": "OFF", "resource": "OFF"}),
    ("block_storage", lambda w, i, a: a),
    ("vnc", lambda w, i, a: {"link": None if is_busy(i) else CONSOLE_LINK, "type": "novnc"}),
    (
        "connection_limit",
        lambda w, i, a: {"block_storage": i.block_storage_limit, "ip": i.ip_limit},
    ),
    ("traffic", lambda w, i, a: _TRAFFIC),
)
