"""Block storages: born attached, one owner at a time, never changed (contract#block-storages)."""

from __future__ import annotations

from dataclasses import replace

from reconciler.simulator.call import Call, Reply, decoded_description, decoded_name, required
from reconciler.simulator.clock import print_time
from reconciler.simulator.errors import ApiError
from reconciler.simulator.operations.instance_view import zone_reference
from reconciler.simulator.operations.instances import at_rest, begin
from reconciler.simulator.operations.volume_rules import check_volume_size, check_volume_type
from reconciler.simulator.records import BlockStorage, Row


def list_block_storages(call: Call) -> Reply:
    """GET /v1/block-storages: unpaged."""
    zones, name, kind = call.words("zone_id"), call.text("name"), call.text("type")
    if kind and kind not in call.world.storage_types:
        raise ApiError("CHECK_PARAM", "type")
    rows = [
        each
        for each in call.world.block_storages.values()
        if each.visible_from <= call.now
        and (not zones or each.zone_id in zones)
        and name in (each.name or "")
        and (not kind or each.type == kind)
    ]
    call.seen.extend(("block_storage", each.block_storage_id) for each in rows)
    return Reply([_row(call, each) for each in rows])


def get_block_storage(call: Call) -> Reply:
    """GET /v1/block-storages/{block_storage_id}: an array of one."""
    volume = call.world.block_storages.get(call.ids[0])
    if volume is None or volume.visible_from > call.now:
        if call.switches.block_storage_absent == "empty":
            return Reply([])
        raise ApiError(
            "NOT_FOUND" if call.switches.block_storage_absent == "not_found" else "ID_INVALID"
        )
    call.seen.append(("block_storage", volume.block_storage_id))
    return Reply([_row(call, volume)])


def _row(call: Call, volume: BlockStorage) -> Row:
    return {
        "block_storage_id": volume.block_storage_id,
        "name": volume.name,
        "description": volume.description,
        "type": volume.type,
        "size": volume.size,
        "status": volume.status,
        "zone": zone_reference(call.world, volume.zone_id),
        "instance_id": volume.instance_id,
        "start_date": print_time(volume.created),
    }


def create_block_storage(call: Call) -> Reply:
    """POST /v1/block-storages: a volume is always born attached to a server."""
    form = call.form()
    required(form, "instance_id", "type", "size")
    name, description = decoded_name(form, call.switches), decoded_description(form, call.switches)
    if form["type"] not in call.world.storage_types:
        raise ApiError("CHECK_PARAM_ENUM", "type")
    size = check_volume_size(call, form["type"], form["size"])
    instance = at_rest(call, form["instance_id"])
    kind = check_volume_type(call, form["type"], instance.zone_id)
    _check_room(call, instance.instance_id, instance.block_storage_limit)
    maximum = call.switches.block_storages_max
    if maximum is not None and len(call.world.block_storages) >= maximum:
        raise ApiError("LIMIT_EXCEEDED")
    volume = BlockStorage(
        block_storage_id=call.world.new_id("block_storage"),
        name=name,
        description=description,
        type=kind,
        size=size,
        status="pending",
        zone_id=instance.zone_id,
        instance_id=instance.instance_id,
        created=call.now,
        visible_from=call.after(call.switches.visibility_delay),
        charged_until=call.now,
        pending=begin(call, "create", tick="volume", status="active"),
    )
    call.world.put_volume(volume)
    members = ("block_storage_id", "instance_id", "type", "size", "name", "description", "status")
    return Reply([{member: getattr(volume, member) for member in members}])


def _check_room(call: Call, instance_id: str, limit: int) -> None:
    if call.world.slots_used(instance_id) >= limit:
        raise ApiError("LIMIT_EXCEEDED")


def _at_rest(call: Call) -> BlockStorage:
    """The volume of the path; busy ones answer like a busy server, which is the only busy code
    there is.
    """
    volume = call.world.block_storages.get(call.ids[0])
    if volume is None:
        raise ApiError("ID_INVALID")
    if volume.busy:
        raise ApiError("DELETED_OR_WORKING_INSTANCE")
    return volume


def delete_block_storage(call: Call) -> Reply:
    """DELETE /v1/block-storages/{block_storage_id}: refused while attached, unless the switch
    allows it.
    """
    volume = _at_rest(call)
    if volume.instance_id is not None and call.switches.delete_attached == "refuse":
        raise ApiError("IN_USE")
    return _begin(call, volume, "delete")


def attach_block_storage(call: Call) -> Reply:
    """POST .../attach/{instance_id}: same zone, free volume, free slot."""
    volume = _at_rest(call)
    if volume.instance_id is not None:
        raise ApiError("IN_USE")
    instance = at_rest(call, call.ids[1])
    if instance.zone_id != volume.zone_id:
        raise ApiError("UNAVAILABLE_COMBINATION")
    _check_room(call, instance.instance_id, instance.block_storage_limit)
    return _begin(call, volume, "attach", target=instance.instance_id)


def detach_block_storage(call: Call) -> Reply:
    """POST .../detach: no instance in the path, a volume has one owner; a detached one gives
    CHECK_PARAM.
    """
    volume = _at_rest(call)
    if volume.instance_id is None:
        raise ApiError("CHECK_PARAM")
    at_rest(call, volume.instance_id)
    return _begin(call, volume, "detach")


def _begin(call: Call, volume: BlockStorage, operation: str, *, target: str = "") -> Reply:
    pending = begin(call, operation, tick="volume", status="active", target=target)
    call.world.put_volume(replace(volume, status="work", pending=pending))
    return Reply([{"block_storage_id": volume.block_storage_id, "status": "work"}])
