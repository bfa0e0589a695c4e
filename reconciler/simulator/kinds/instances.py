"""Instances: list, detail, edit, delete, console, power, rebuild and resize (contract#instances,
contract#statuses). How one is created is in `instance_create`, how it reads in `instance_view`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.call import OperationCall, Reply, decoded, paged, required
from reconciler.simulator.kinds.catalog import (
    core_types,
    in_zone,
    is_available,
    size_bounds,
    spec,
    supports,
    within,
)
from reconciler.simulator.kinds.instance_create import create_instance
from reconciler.simulator.kinds.instance_view import (
    CONSOLE_LINK,
    absent,
    at_rest,
    existing,
    instance_rows,
    is_visible,
    mask_of,
)
from reconciler.simulator.kinds.records import Instance, is_busy
from reconciler.simulator.kinds.registry import Kind, Route, finished
from reconciler.simulator.world import World

AT_REST = frozenset({"active", "off"})
STATUSES = frozenset({"pending", "active", "error", "work", "off"})
TYPES = frozenset({"vm", "gpu", "solution", "vdi"})


def list_instances(call: OperationCall) -> Reply:
    """GET /v1/instances: all filters, only API-supported zones."""
    page, mask = call.page(), mask_of(call)
    rows = [each for each in call.world.instances.values() if is_visible(call, each)]
    rows = _filter_by_own_members(call, rows)
    rows = _filter_by_catalog(call, rows)
    shown = paged(rows, page)
    call.seen.extend(("instance", each.instance_id) for each in shown)
    return Reply(instance_rows(call, shown, mask), page=page)


def _filter_by_own_members(call: OperationCall, rows: list[Instance]) -> list[Instance]:
    status, name = call.text("status"), call.text("name")
    refuse_if(status not in {"", *STATUSES}, "CHECK_PARAM", "status")
    zones, images = call.words("zone_id"), call.words("image_id")
    networks = [_network(word) for word in call.words("ip")]
    return [
        each
        for each in rows
        if status in ("", each.status)
        and name in each.name
        and (not zones or each.zone_id in zones)
        and (not images or each.image_id in images)
        and (not networks or _has_address(each, networks))
    ]


def _filter_by_catalog(call: OperationCall, rows: list[Instance]) -> list[Instance]:
    types = call.choice("type", TYPES)
    cores = call.choice("core_type", core_types(call.world))
    bounds = size_bounds(call)
    sizes = {name: spec(row) for name, row in call.world.flavors.items()}
    return [
        each
        for each in rows
        if (not types or _type_of(call, each) in types)
        and (not cores or sizes.get(each.flavor_id, {}).get("type") in cores)
        and (not bounds or within(bounds, sizes.get(each.flavor_id, {})))
    ]


def _type_of(call: OperationCall, instance: Instance) -> str:
    if spec(call.world.flavors.get(instance.flavor_id, {})).get("gpu"):
        return "gpu"
    image_type = str(call.world.images.get(instance.image_id, {}).get("image_type"))
    return "solution" if image_type.startswith("solution") else "vm"


def _network(text: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise ApiError("CIDR_NOT_VALID" if "/" in text else "CHECK_PARAM", "ip") from None


def _has_address(instance: Instance, networks: list[ipaddress.IPv4Network]) -> bool:
    addresses = [
        ipaddress.IPv4Address(each)
        for each in (instance.public_address, instance.private_address)
        if each
    ]
    return any(address in network for address in addresses for network in networks)


def get_instance(call: OperationCall) -> Reply:
    """GET /v1/instances/{instance_id}: an array of one."""
    mask = mask_of(call)
    instance = call.world.instances.get(call.ids[0])
    if instance is None or instance.visible_from > call.now:
        return Reply(absent(call, call.ids[0], mask))
    refuse_if(not is_visible(call, instance), "ID_INVALID")
    call.seen.append(("instance", instance.instance_id))
    return Reply(instance_rows(call, [instance], mask))


def edit_instance(call: OperationCall) -> Reply:
    """PUT /v1/instances/{instance_id}: name and description; what is left out stays."""
    mask = mask_of(call)
    existing(call, call.ids[0])
    form = call.form()
    if "name" not in form and "description" not in form:
        raise ApiError("REQUIRED_POST_PARAM_MISSING", "name")
    name, description = (decoded(form, each, call.switches) for each in ("name", "description"))
    refuse_if(name == "", "CHECK_LENGTH", "name")
    clear = call.switches.instance_clear
    refuse_if(description == "" and clear == "error", "CHECK_PARAM", "description")
    instance = at_rest(call, call.ids[0])
    if name is not None:
        instance = replace(instance, name=name)
    if description or (description == "" and clear == "clear"):
        instance = replace(instance, description=description)
    call.world.put(instance)
    return Reply(instance_rows(call, [instance], mask))


def delete_instance(call: OperationCall) -> Reply:
    """DELETE /v1/instances/{instance_id}: the receipt names the block storages left behind, and not
    the instance.
    """
    instance = at_rest(call, call.ids[0])
    storages = call.switches.instance_delete_volumes
    pending = call.begin("delete", tick="delete", status="", target=storages)
    call.world.put(replace(instance, status=call.switches.delete_read_status, pending=pending))
    attached = call.world.block_storages_by_instance().get(instance.instance_id, [])
    return Reply(
        [{"status": "deleting", "block_storage": [] if storages == "delete" else attached}]
    )


def remote_console(call: OperationCall) -> Reply:
    """GET /v1/instances/{instance_id}/remote-console: a link of the assumed form."""
    instance = call.world.instances.get(call.ids[0])
    if instance is None or not is_visible(call, instance):
        absent(call, call.ids[0], 1)
        raise ApiError("ID_INVALID")
    refuse_if(is_busy(instance), "DELETED_OR_WORKING_INSTANCE")
    return Reply([{"link": CONSOLE_LINK, "type": "novnc"}])


# Power, rebuild and resize
# --------------------------------------------------------------------------------------------------


def power(operation: str, wanted: str, call: OperationCall) -> Reply:
    """POST .../start, and .../shutdown, a power cut that is charged as before. An instance that is
    already so answers 202 without a change, unless power is strict.
    """
    instance = at_rest(call, call.ids[0])
    if instance.status == wanted and not call.switches.strict_power:
        return _receipt(instance)
    refuse_if(instance.status not in AT_REST - {wanted}, "CHECK_PARAM")
    return _begin(call, instance, operation, status=wanted)


def reboot(call: OperationCall) -> Reply:
    """POST .../reboot: only on a running instance."""
    instance = at_rest(call, call.ids[0])
    refuse_if(instance.status != "active", "CHECK_PARAM")
    return _begin(call, instance, "reboot", status="active")


def rebuild(call: OperationCall) -> Reply:
    """POST .../rebuild: the same or another image; keeps id, addresses and block storages. It also
    cures status `error`.
    """
    instance = at_rest(call, call.ids[0])
    image_id = call.form().get("image_id") or instance.image_id
    image = found(call.world.images.get(image_id), "ID_INVALID", "image_id")
    flavor = call.world.flavors.get(instance.flavor_id)
    fits = (
        is_available(image)
        and in_zone(image, instance.zone_id)
        and (flavor is None or supports(flavor, image))
    )
    refuse_if(image_id != instance.image_id and not fits, "UNAVAILABLE_COMBINATION", "image_id")
    status = "off" if instance.status == "off" else "active"
    return _begin(call, instance, "rebuild", status=status, target=image_id)


def resize(call: OperationCall) -> Reply:
    """POST .../resize: another flavor, in `active` and `off`; a smaller disk only if the switch
    allows it.
    """
    form = call.form()
    instance = at_rest(call, call.ids[0])
    required(form, "flavor_id")
    flavor_id = form["flavor_id"]
    refuse_if(
        instance.status not in AT_REST or flavor_id == instance.flavor_id,
        "CHECK_PARAM",
        "flavor_id",
    )
    flavor = call.world.flavors.get(flavor_id, {})
    if flavor.get("status") != "available" or not in_zone(flavor, instance.zone_id):
        raise ApiError("UNAVAILABLE_FLAVOR", "flavor_id")
    image = call.world.images.get(instance.image_id)
    shrinks = _disk(call, flavor_id) < _disk(call, instance.flavor_id)
    if (shrinks and not call.switches.allow_shrink) or (
        image is not None and not supports(flavor, image)
    ):
        raise ApiError("UNAVAILABLE_COMBINATION", "flavor_id")
    return _begin(call, instance, "resize", status=instance.status, target=flavor_id)


def _disk(call: OperationCall, flavor_id: str) -> int:
    return int(str(spec(call.world.flavors.get(flavor_id, {})).get("disk") or 0))


def _begin(
    call: OperationCall, instance: Instance, operation: str, *, status: str, target: str = ""
) -> Reply:
    pending = call.begin(operation, tick=operation, status=status, target=target)
    working = replace(instance, status="work", pending=pending)
    call.world.put(working)
    return _receipt(working)


def _receipt(instance: Instance) -> Reply:
    return Reply([{"instance_id": instance.instance_id, "status": instance.status}])


# The kind
# --------------------------------------------------------------------------------------------------


def _finished(world: World, instance: Instance, now: float) -> object:
    """A resize changes the price, so the days before it are charged first."""
    if instance.pending is not None and instance.pending.operation == "resize":
        instance = world.settled(instance, now)
    return finished(world, instance, now)


def _removed(world: World, instance: Instance, now: float) -> None:
    """Memberships end. Block storages stay detached or, if the delete says so, go too
    (contract#instances).
    """
    key = instance.instance_id
    world.gone[key] = replace(instance, status="deleting", stopped=now, pending=None)
    for ids in [ids for ids in world.memberships if ids[1] == key]:
        world.remove("membership", ids, now)
    with_all = instance.pending is not None and instance.pending.target == "delete"
    for each in [each for each in world.block_storages.values() if each.owner_or_target == key]:
        if with_all:
            world.remove("block_storage", each.block_storage_id, now)
        elif each.pending is not None and each.pending.operation == "delete":
            world.put(replace(each, instance_id=None))
        else:
            world.put(replace(each, instance_id=None, status="active", pending=None))


def _defaults(world: World, _entry: Mapping[str, object]) -> Mapping[str, object]:
    """An instance that has been running since it was created, with the first zone, flavor and
    image.
    """
    public, private = world.new_addresses()
    return {
        "name": "",
        "description": None,
        "status": "active",
        "zone_id": next(iter(world.zones), ""),
        "flavor_id": next(iter(world.flavors), ""),
        "image_id": next(iter(world.images), ""),
        "public_address": public,
        "private_address": private,
    }


def _daily_price(world: World, instance: Instance) -> int:
    """The flavor's own price for a day; 0 for a flavor that the catalog does not know."""
    price = world.flavors.get(instance.flavor_id, {}).get("price")
    return int(price.get("partial", {}).get("KRW", 0)) if isinstance(price, dict) else 0


_ALL = "/v1/instances"
_ONE = _ALL + "/{instance_id}"
INSTANCE = Kind(
    name="instance",
    section="instances",
    key="instance_id",
    prefix="INSTANCE-",
    record=Instance,
    routes=(
        Route("GET", _ALL, "listInstances", list_instances),
        Route("POST", _ALL, "createInstance", create_instance, 202, 202),
        Route("GET", _ONE, "getInstance", get_instance),
        Route("PUT", _ONE, "editInstance", edit_instance),
        Route("DELETE", _ONE, "deleteInstance", delete_instance, 202, 202),
        Route(
            "POST", _ONE + "/start", "startInstance", partial(power, "start", "active"), 202, 202
        ),
        Route(
            "POST",
            _ONE + "/shutdown",
            "shutdownInstance",
            partial(power, "shutdown", "off"),
            202,
            202,
        ),
        Route("POST", _ONE + "/reboot", "rebootInstance", reboot, 202, 202),
        Route("POST", _ONE + "/rebuild", "rebuildInstance", rebuild, 202, 202),
        Route("POST", _ONE + "/resize", "resizeInstance", resize, 202, 202),
        Route("GET", _ONE + "/remote-console", "getRemoteConsole", remote_console),
    ),
    words={"zone": "zone_id", "flavor": "flavor_id", "image": "image_id"},
    defaults=_defaults,
    targets={"rebuild": "image_id", "resize": "flavor_id"},
    finished=_finished,
    removed=_removed,
    daily_price=_daily_price,
)
