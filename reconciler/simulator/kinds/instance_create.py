"""Instances as they are created: what a request must be, and what then begins
(contract#instances).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.simulator.errors import found, refuse_if
from reconciler.simulator.kinds.block_storages import (
    checked_size,
    checked_type,
    new_block_storage,
)
from reconciler.simulator.kinds.call import (
    OperationCall,
    Reply,
    check_limit,
    decoded,
    required,
    whole_number,
)
from reconciler.simulator.kinds.catalog import in_zone, is_api_zone, is_available, supports
from reconciler.simulator.kinds.records import Instance, Membership, Row

INLINE_BLOCK_STORAGES_MAX = 3


def create_instance(call: OperationCall) -> Reply:
    """POST /v1/instances: 1 to 10 instances, one flat receipt for each; status `building`, never
    what reads show later.
    """
    form = call.form()
    required(form, "zone_id", "image_id", "flavor_id")
    instance, count = _checked(call, form), _count(form)
    storages = _inline_block_storages(call, form, instance.zone_id, count)
    refuse_if(instance.zone_id in call.switches.restricted_zones, "DEV_CHECK_RETURN")
    group = form.get("security_group")
    return Reply([_create(call, instance, group, storages) for _ in range(count)])


def _count(form: dict[str, str]) -> int:
    count = found(whole_number(form.get("count") or "1"), "CHECK_PARAM", "count")
    refuse_if(not 1 <= count <= 10, "CHECK_PARAM", "count")
    return count


def _checked(call: OperationCall, form: dict[str, str]) -> Instance:
    """The instance that a request asks for, still without what only one of them has: its id and
    addresses. Everything that the request says about instances is checked.
    """
    world = call.world
    name, description = (decoded(form, each, call.switches) for each in ("name", "description"))
    count = _count(form)
    zone_id, flavor_id, image_id = form["zone_id"], form["flavor_id"], form["image_id"]
    _check_combination(call, zone_id, flavor_id, image_id)
    keys = tuple(part.strip() for part in form.get("ssh_key_id", "").split(",") if part.strip())
    refuse_if(any(key not in world.ssh_keys for key in keys), "UNAVAILABLE_SSH_KEY", "ssh_key_id")
    script = form.get("user_script_id") or None
    refuse_if(script not in {None, *world.user_scripts}, "ID_INVALID", "user_script_id")
    firewall_id = form.get("security_group") or None
    refuse_if(firewall_id not in {None, *world.firewalls}, "ID_INVALID", "security_group")
    attached = (form.get("attach_public_ip") or "true").lower()
    refuse_if(attached not in {"true", "false", "1", "0"}, "CHECK_PARAM", "attach_public_ip")
    check_limit(call.switches.instances_max, len(world.instances) + count)
    windows = str(world.images[image_id].get("image_type")).startswith("os_windows")
    outcome = "error" if call.switches.create_outcome == "error" else "active"
    return Instance(
        instance_id="",
        name=name or "",
        description=description,
        status="pending",
        zone_id=zone_id,
        flavor_id=flavor_id,
        image_id=image_id,
        created=call.now,
        public_address="",
        private_address="",
        public_attached=attached in {"true", "1"},
        username="administrator" if windows else "root",
        ssh_key_ids=keys,
        user_script_id=script,
        visible_from=call.after(call.switches.visibility_delay),
        charged_until=call.now,
        pending=call.begin("create", tick="create", status=outcome),
    )


def _check_combination(call: OperationCall, zone_id: str, flavor_id: str, image_id: str) -> None:
    """Zone, flavor and image must each be offered, and together (contract#errors,
    contract#instances).
    """
    world = call.world
    zone = found(world.zones.get(zone_id), "ID_INVALID", "zone_id")
    hidden = call.switches.api_zone_only and not is_api_zone(world, zone_id)
    refuse_if(hidden, "ID_INVALID", "zone_id")
    image = found(world.images.get(image_id), "ID_INVALID", "image_id")
    flavor = world.flavors.get(flavor_id, {})
    refuse_if(flavor.get("status") != "available", "UNAVAILABLE_FLAVOR", "flavor_id")
    fits = (
        zone.get("status") == "available"
        and in_zone(flavor, zone_id)
        and in_zone(image, zone_id)
        and is_available(image)
        and supports(flavor, image)
    )
    refuse_if(not fits, "UNAVAILABLE_COMBINATION")


def _inline_block_storages(
    call: OperationCall, form: dict[str, str], zone_id: str, count: int
) -> tuple[tuple[str, int, str | None], ...]:
    """Block storages named `block_storage.N.size`; the first N may be 0 or 1
    (contract#instances).
    """
    names = [name.split(".") for name in form]
    numbers = {part[1] for part in names if part[0] == "block_storage" and len(part) == 3}
    refuse_if(any(whole_number(each) is None for each in numbers), "CHECK_PARAM", "block_storage")
    orders = []
    for number in sorted(sorted(numbers), key=int):
        member = f"block_storage.{number}"
        required(form, f"{member}.size")
        kind = checked_type(call, form.get(f"{member}.type") or "ssd", zone_id)
        size = checked_size(call, kind, form[f"{member}.size"])
        name = decoded({"name": form.get(f"{member}.name", "")}, "name", call.switches)
        orders.append((kind, size, name))
    check_limit(INLINE_BLOCK_STORAGES_MAX, len(orders))
    total = len(call.world.block_storages) + len(orders) * count
    check_limit(call.switches.block_storages_max, total)
    return tuple(orders)


def _create(
    call: OperationCall,
    checked: Instance,
    firewall_id: str | None,
    storages: Iterable[tuple[str, int, str | None]],
) -> Row:
    world = call.world
    instance_id = world.new_id("instance")
    public, private = world.new_addresses()
    instance = replace(
        checked, instance_id=instance_id, public_address=public, private_address=private
    )
    world.put(instance)
    if firewall_id:
        world.put(Membership(firewall_id, instance_id))
    attached = [
        new_block_storage(call, instance, type=kind, size=size, name=name, tick="create")
        for kind, size, name in storages
    ]
    return {
        "instance_id": instance_id,
        "name": instance.name,
        "description": instance.description,
        "status": "building",
        "zone_id": instance.zone_id,
        "image_id": instance.image_id,
        "flavor_id": instance.flavor_id,
        "default_account": {
            "username": instance.username,
            "password": world.new_password(instance_id),
        },
        "ssh_key": list(instance.ssh_key_ids),
        "user_script_id": instance.user_script_id,
        "block_storage": [each.block_storage_id for each in attached],
    }
