"""Block storages: created attached, one owner at a time, never edited (contract#block-storages)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.simulator.clock import print_time
from reconciler.simulator.errors import found, refuse_if
from reconciler.simulator.kinds.call import (
    OperationCall,
    Reply,
    check_limit,
    decoded,
    required,
    whole_number,
)
from reconciler.simulator.kinds.instance_view import at_rest, zone_reference
from reconciler.simulator.kinds.records import BlockStorage, Instance, Row, is_busy
from reconciler.simulator.kinds.registry import Kind, Route
from reconciler.simulator.world import World


def list_block_storages(call: OperationCall) -> Reply:
    """GET /v1/block-storages: unpaged."""
    zones, name, kind = call.words("zone_id"), call.text("name"), call.text("type")
    refuse_if(bool(kind) and kind not in call.world.storage_types, "CHECK_PARAM", "type")
    shown = [
        each
        for each in call.world.block_storages.values()
        if each.visible_from <= call.now
        and (not zones or each.zone_id in zones)
        and name in (each.name or "")
        and kind in ("", each.type)
    ]
    return Reply([_row(call, each) for each in shown])


def get_block_storage(call: OperationCall) -> Reply:
    """GET /v1/block-storages/{block_storage_id}: an array of one."""
    storage = call.world.block_storages.get(call.ids[0])
    if storage is not None and storage.visible_from <= call.now:
        return Reply([_row(call, storage)])
    refuse_if(call.switches.block_storage_absent == "not_found", "NOT_FOUND")
    refuse_if(call.switches.block_storage_absent == "id_invalid", "ID_INVALID")
    return Reply([])


def _row(call: OperationCall, storage: BlockStorage) -> Row:
    call.seen.append(("block_storage", storage.block_storage_id))
    return {
        "block_storage_id": storage.block_storage_id,
        "name": storage.name,
        "description": storage.description,
        "type": storage.type,
        "size": storage.size,
        "status": storage.status,
        "zone": zone_reference(call.world, storage.zone_id),
        "instance_id": storage.instance_id,
        "start_date": print_time(storage.created),
    }


def create_block_storage(call: OperationCall) -> Reply:
    """POST /v1/block-storages: a block storage is always created attached to an instance."""
    form = call.form()
    required(form, "instance_id", "type", "size")
    texts = {name: decoded(form, name, call.switches) for name in ("name", "description")}
    kind = form["type"]
    refuse_if(kind not in call.world.storage_types, "CHECK_PARAM_ENUM", "type")
    size = checked_size(call, kind, form["size"])
    instance = at_rest(call, form["instance_id"])
    checked_type(call, kind, instance.zone_id)
    _check_slots(call, instance)
    check_limit(call.switches.block_storages_max, len(call.world.block_storages) + 1)
    storage = new_block_storage(call, instance, type=kind, size=size, tick="volume", **texts)
    members = ("block_storage_id", "instance_id", "type", "size", "name", "description", "status")
    return Reply([{member: getattr(storage, member) for member in members}])


def new_block_storage(
    call: OperationCall,
    instance: Instance,
    *,
    tick: str,
    description: str | None = None,
    **members: Any,
) -> BlockStorage:
    """A block storage that from now on is being created on an instance."""
    storage = BlockStorage(
        block_storage_id=call.world.new_id("block_storage"),
        description=description,
        status="pending",
        zone_id=instance.zone_id,
        instance_id=instance.instance_id,
        created=call.now,
        visible_from=call.after(call.switches.visibility_delay),
        charged_until=call.now,
        pending=call.begin("create", tick=tick),
        **members,
    )
    call.world.put(storage)
    return storage


def checked_type(call: OperationCall, kind: str, zone_id: str) -> str:
    """A type from the list that the zone has; null zones mean no restriction."""
    zones = found(call.world.storage_types.get(kind), "CHECK_PARAM_ENUM", "type").get("zones")
    refuse_if(isinstance(zones, list) and zone_id not in zones, "UNAVAILABLE_COMBINATION", "type")
    return kind


def checked_size(call: OperationCall, kind: str, text: str) -> int:
    """Whole gigabytes within the bounds of the type, in the step that the switch asks for."""
    row = call.world.storage_types[kind]
    size = found(whole_number(text), "CHECK_PARAM", "size")
    fits = int(str(row["min"])) <= size <= int(str(row["max"]))
    refuse_if(not fits or bool(size % call.switches.size_step), "CHECK_PARAM", "size")
    return size


def _check_slots(call: OperationCall, instance: Instance) -> None:
    check_limit(instance.block_storage_limit, call.world.slots_used(instance.instance_id) + 1)


def _at_rest(call: OperationCall) -> BlockStorage:
    """The block storage of the path; a busy one answers like a busy instance, which is the only
    code there is.
    """
    storage = found(call.world.block_storages.get(call.ids[0]), "ID_INVALID")
    refuse_if(is_busy(storage), "DELETED_OR_WORKING_INSTANCE")
    return storage


def delete_block_storage(call: OperationCall) -> Reply:
    """DELETE /v1/block-storages/{block_storage_id}: refused while attached, unless the switch
    allows it.
    """
    storage = _at_rest(call)
    if storage.instance_id is not None:
        refuse_if(call.switches.delete_attached == "refuse", "IN_USE")
    return _begin(call, storage, "delete")


def attach_block_storage(call: OperationCall) -> Reply:
    """POST .../attach/{instance_id}: same zone, free block storage, free slot."""
    storage = _at_rest(call)
    refuse_if(storage.instance_id is not None, "IN_USE")
    instance = at_rest(call, call.ids[1])
    refuse_if(instance.zone_id != storage.zone_id, "UNAVAILABLE_COMBINATION")
    _check_slots(call, instance)
    return _begin(call, storage, "attach", target=instance.instance_id)


def detach_block_storage(call: OperationCall) -> Reply:
    """POST .../detach: no instance in the path, as there is one owner; CHECK_PARAM for one that is
    detached.
    """
    storage = _at_rest(call)
    at_rest(call, found(storage.instance_id, "CHECK_PARAM"))
    return _begin(call, storage, "detach")


def _begin(
    call: OperationCall, storage: BlockStorage, operation: str, *, target: str = ""
) -> Reply:
    pending = call.begin(operation, tick="volume", target=target)
    call.world.put(replace(storage, status="work", pending=pending))
    return Reply([{"block_storage_id": storage.block_storage_id, "status": "work"}])


def _defaults(world: World, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The zone is that of the owner, else the first one."""
    owner = world.instances.get(entry.get("instance_id") or "")
    return {
        "name": None,
        "description": None,
        "type": "ssd",
        "size": 20,
        "status": "active",
        "zone_id": next(iter(world.zones), "") if owner is None else owner.zone_id,
        "instance_id": None,
    }


_ALL = "/v1/block-storages"
_ONE = _ALL + "/{block_storage_id}"
BLOCK_STORAGE = Kind(
    name="block_storage",
    section="block_storages",
    key="block_storage_id",
    prefix="BLOCKSTORAGE-",
    record=BlockStorage,
    routes=(
        Route("GET", _ALL, "listBlockStorages", list_block_storages, 200, 202),
        Route("POST", _ALL, "createBlockStorage", create_block_storage, 202, 202),
        Route("GET", _ONE, "getBlockStorage", get_block_storage, 202, 202),
        Route("DELETE", _ONE, "deleteBlockStorage", delete_block_storage, 202, 202),
        Route(
            "POST",
            _ONE + "/attach/{instance_id}",
            "attachBlockStorage",
            attach_block_storage,
            202,
            202,
        ),
        Route("POST", _ONE + "/detach", "detachBlockStorage", detach_block_storage, 202, 202),
    ),
    words={"zone": "zone_id", "instance": "instance_id"},
    refers={"instance_id": "instance"},
    defaults=_defaults,
    targets={"attach": "instance_id", "detach": "instance_id"},
    daily_price=lambda world, each: round(each.size * world.storage_prices.get(each.type, 0) / 30),
)
