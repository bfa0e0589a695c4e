"""Instances: list, detail, create, edit, delete, console (contract#instances). Power and rebuild
are in `actions`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from reconciler.simulator.call import (
    Call,
    Reply,
    decoded_description,
    decoded_name,
    paged,
    required,
    whole_number,
)
from reconciler.simulator.errors import ApiError
from reconciler.simulator.operations.catalogue import (
    FLAVOR_TYPES,
    enum_words,
    in_zone,
    is_api_zone,
    is_available,
    size_bounds,
    spec,
    supports,
    within,
)
from reconciler.simulator.operations.instance_view import (
    BLOCK_STORAGE_BIT,
    CONSOLE_LINK,
    absent,
    detail_rows,
    instance_row,
    is_visible,
    is_well_formed,
    mask_of,
)
from reconciler.simulator.operations.volume_rules import check_volume_size, check_volume_type
from reconciler.simulator.records import BlockStorage, Firewall, Instance, Membership, Pending, Row
from reconciler.simulator.switches import OPERATIONS

STATUSES = frozenset({"pending", "active", "error", "work", "off"})
TYPES = frozenset({"vm", "gpu", "solution", "vdi"})


def begin(call: Call, operation: str, *, tick: str, status: str, target: str = "") -> Pending:
    """An operation that starts now and takes as long as the switch `ticks` says."""
    assert tick in OPERATIONS
    duration: float = getattr(call.switches.ticks, tick)
    if duration < 0:
        return Pending(operation, reads=int(-duration), status=status, target=target)
    return Pending(operation, due=call.after(duration), status=status, target=target)


def list_instances(call: Call) -> Reply:
    """GET /v1/instances: all filters, only API-supported zones."""
    page, mask = call.page(), mask_of(call)
    rows = [each for each in call.world.instances.values() if is_visible(call, each)]
    rows = _filter_by_own_members(call, rows)
    rows = _filter_by_catalogue(call, rows)
    shown = paged(rows, page)
    volumes = call.world.volumes_by_instance() if mask & BLOCK_STORAGE_BIT and shown else {}
    call.seen.extend(("instance", each.instance_id) for each in shown)
    return Reply(
        [instance_row(call.world, each, mask, volumes.get(each.instance_id, [])) for each in shown],
        page=page,
    )


def _filter_by_own_members(call: Call, rows: list[Instance]) -> list[Instance]:
    status, name = call.text("status"), call.text("name")
    if status and status not in STATUSES:
        raise ApiError("CHECK_PARAM", "status")
    zones, images = call.words("zone_id"), call.words("image_id")
    networks = [_network(word) for word in call.words("ip")]
    return [
        each
        for each in rows
        if (not status or each.status == status)
        and name in each.name
        and (not zones or each.zone_id in zones)
        and (not images or each.image_id in images)
        and (not networks or _has_address(each, networks))
    ]


def _filter_by_catalogue(call: Call, rows: list[Instance]) -> list[Instance]:
    types = enum_words(call, "type", TYPES)
    cores = enum_words(
        call,
        "core_type",
        FLAVOR_TYPES | {str(spec(row).get("type")) for row in call.world.flavors.values()},
    )
    bounds = size_bounds(call)
    if types:
        rows = [each for each in rows if _type_of(call, each) in types]
    if cores or bounds:
        flavors = call.world.flavors
        sizes = {name: spec(row) for name, row in flavors.items()}
        rows = [
            each
            for each in rows
            if (not cores or sizes.get(each.flavor_id, {}).get("type") in cores)
            and within(bounds, sizes.get(each.flavor_id, {}))
        ]
    return rows


def _type_of(call: Call, instance: Instance) -> str:
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


def get_instance(call: Call) -> Reply:
    """GET /v1/instances/{instance_id}: an array of one."""
    mask = mask_of(call)
    instance = call.world.instances.get(call.ids[0])
    if instance is None or instance.visible_from > call.now:
        return Reply(absent(call, call.ids[0], mask))
    if not is_visible(call, instance):
        raise ApiError("ID_INVALID")
    call.seen.append(("instance", instance.instance_id))
    return Reply(detail_rows(call, instance, mask))


def existing(call: Call, instance_id: str) -> Instance:
    """The instance a write is about, busy or not.

    A foreign form of id, or a server in a zone outside the API, is ID_INVALID; one that is gone, or
    never was, answers like a busy one (contract#errors, contract#instances).
    """
    instance = call.world.instances.get(instance_id)
    if instance is None:
        if not is_well_formed(instance_id):
            raise ApiError("ID_INVALID")
        raise ApiError(
            "NOT_FOUND"
            if call.switches.instance_absent == "not_found"
            else "DELETED_OR_WORKING_INSTANCE"
        )
    if call.switches.api_zone_only and not is_api_zone(call.world, instance.zone_id):
        raise ApiError("ID_INVALID")
    return instance


def at_rest(call: Call, instance_id: str) -> Instance:
    """The same, refused while an operation runs (contract#statuses)."""
    instance = existing(call, instance_id)
    if instance.busy:
        raise ApiError("DELETED_OR_WORKING_INSTANCE")
    return instance


@dataclass(frozen=True, slots=True)
class _Order:
    """A create request that passed every check."""

    zone_id: str
    flavor_id: str
    image_id: str
    name: str
    description: str | None
    count: int
    ssh_key_ids: tuple[str, ...]
    user_script_id: str | None
    public_attached: bool
    firewall: Firewall | None
    volumes: tuple[tuple[str, int, str | None], ...]


def create_instance(call: Call) -> Reply:
    """POST /v1/instances: 1 to 10 servers, one flat receipt a server; status `building`, never what
    reads show later.
    """
    form = call.form()
    required(form, "zone_id", "image_id", "flavor_id")
    order = _order(call, form)
    if order.zone_id in call.switches.restricted_zones:
        raise ApiError("DEV_CHECK_RETURN")
    receipts = [_make(call, order) for _ in range(order.count)]
    return Reply(receipts)


def _order(call: Call, form: dict[str, str]) -> _Order:
    name, description = decoded_name(form, call.switches), decoded_description(form, call.switches)
    count = whole_number(form.get("count") or "1")
    if count is None or not 1 <= count <= 10:
        raise ApiError("CHECK_PARAM", "count")
    zone_id, flavor_id, image_id = form["zone_id"], form["flavor_id"], form["image_id"]
    _check_trio(call, zone_id, flavor_id, image_id)
    keys = tuple(part.strip() for part in form.get("ssh_key_id", "").split(",") if part.strip())
    if any(key not in call.world.ssh_keys for key in keys):
        raise ApiError("UNAVAILABLE_SSH_KEY", "ssh_key_id")
    script = form.get("user_script_id") or None
    if script is not None and script not in call.world.user_scripts:
        raise ApiError("ID_INVALID", "user_script_id")
    firewall = (
        call.world.firewalls.get(form["security_group"]) if form.get("security_group") else None
    )
    if form.get("security_group") and firewall is None:
        raise ApiError("ID_INVALID", "security_group")
    attached = form.get("attach_public_ip") or "true"
    if attached.lower() not in {"true", "false", "1", "0"}:
        raise ApiError("CHECK_PARAM", "attach_public_ip")
    limit = call.switches.instances_max
    if limit is not None and len(call.world.instances) + count > limit:
        raise ApiError("LIMIT_EXCEEDED")
    return _Order(
        zone_id=zone_id,
        flavor_id=flavor_id,
        image_id=image_id,
        name=name or "",
        description=description,
        count=count,
        ssh_key_ids=keys,
        user_script_id=script,
        public_attached=attached.lower() in {"true", "1"},
        firewall=firewall,
        volumes=_inline_volumes(call, form, zone_id, count),
    )


def _check_trio(call: Call, zone_id: str, flavor_id: str, image_id: str) -> None:
    """Zone, flavor and image must each be offered, and together (contract#errors,
    contract#instances).
    """
    zone, flavor, image = (
        call.world.zones.get(zone_id),
        call.world.flavors.get(flavor_id),
        call.world.images.get(image_id),
    )
    if zone is None or (call.switches.api_zone_only and not is_api_zone(call.world, zone_id)):
        raise ApiError("ID_INVALID", "zone_id")
    if image is None:
        raise ApiError("ID_INVALID", "image_id")
    if flavor is None or flavor.get("status") != "available":
        raise ApiError("UNAVAILABLE_FLAVOR", "flavor_id")
    fits = (
        zone.get("status") == "available" and in_zone(flavor, zone_id) and in_zone(image, zone_id)
    )
    if not fits or not is_available(image) or not supports(flavor, image):
        raise ApiError("UNAVAILABLE_COMBINATION")


def _inline_volumes(
    call: Call, form: dict[str, str], zone_id: str, count: int
) -> tuple[tuple[str, int, str | None], ...]:
    """Volumes named `block_storage.N.size`; the first N may be 0 or 1 (contract#instances)."""
    numbers = sorted(
        {
            part[1]
            for name in form
            if (part := name.split("."))[0] == "block_storage" and len(part) == 3
        }
    )
    if any(whole_number(number) is None for number in numbers):
        raise ApiError("CHECK_PARAM", "block_storage")
    volumes = []
    for number in sorted(numbers, key=int):
        size = form.get(f"block_storage.{number}.size", "")
        if not size:
            raise ApiError("REQUIRED_POST_PARAM_MISSING", f"block_storage.{number}.size")
        kind = check_volume_type(call, form.get(f"block_storage.{number}.type") or "ssd", zone_id)
        gigabytes = check_volume_size(call, kind, size)
        volumes.append(
            (
                kind,
                gigabytes,
                decoded_name({"name": form.get(f"block_storage.{number}.name", "")}, call.switches),
            )
        )
    maximum = call.switches.block_storages_max
    if len(volumes) > 3 or (
        maximum is not None and len(call.world.block_storages) + len(volumes) * count > maximum
    ):
        raise ApiError("LIMIT_EXCEEDED")
    return tuple(volumes)


def _make(call: Call, order: _Order) -> Row:
    world = call.world
    instance_id = world.new_id("instance")
    public, private = world.new_addresses()
    windows = str(world.images[order.image_id].get("image_type")).startswith("os_windows")
    outcome = "error" if call.switches.create_outcome == "error" else "active"
    instance = Instance(
        instance_id=instance_id,
        name=order.name,
        description=order.description,
        status="pending",
        zone_id=order.zone_id,
        flavor_id=order.flavor_id,
        image_id=order.image_id,
        created=call.now,
        public_address=public,
        private_address=private,
        public_attached=order.public_attached,
        username="administrator" if windows else "root",
        ssh_key_ids=order.ssh_key_ids,
        user_script_id=order.user_script_id,
        visible_from=call.after(call.switches.visibility_delay),
        charged_until=call.now,
        pending=begin(call, "create", tick="create", status=outcome),
    )
    world.put_instance(instance)
    if order.firewall is not None:
        world.put_membership(Membership(order.firewall.firewall_id, instance_id))
    volumes = [_make_volume(call, instance, *each) for each in order.volumes]
    return {
        "instance_id": instance_id,
        "name": order.name,
        "description": order.description,
        "status": "building",
        "zone_id": order.zone_id,
        "image_id": order.image_id,
        "flavor_id": order.flavor_id,
        "default_account": {
            "username": instance.username,
            "password": world.new_password(instance_id),
        },
        "ssh_key": list(order.ssh_key_ids),
        "user_script_id": order.user_script_id,
        "block_storage": volumes,
    }


def _make_volume(call: Call, instance: Instance, kind: str, size: int, name: str | None) -> str:
    volume_id = call.world.new_id("block_storage")
    volume = BlockStorage(
        block_storage_id=volume_id,
        name=name,
        description=None,
        type=kind,
        size=size,
        status="pending",
        zone_id=instance.zone_id,
        instance_id=instance.instance_id,
        created=call.now,
        visible_from=instance.visible_from,
        charged_until=call.now,
        pending=begin(call, "create", tick="create", status="active"),
    )
    call.world.put_volume(volume)
    return volume_id


def edit_instance(call: Call) -> Reply:
    """PUT /v1/instances/{instance_id}: name and description; what is left out stays."""
    mask = mask_of(call)
    instance = existing(call, call.ids[0])
    form = call.form()
    if "name" not in form and "description" not in form:
        raise ApiError("REQUIRED_POST_PARAM_MISSING", "name")
    name, description = decoded_name(form, call.switches), decoded_description(form, call.switches)
    if name == "":
        raise ApiError("CHECK_LENGTH", "name")
    if description == "" and call.switches.instance_clear == "error":
        raise ApiError("CHECK_PARAM", "description")
    instance = at_rest(call, call.ids[0])
    if name is not None:
        instance = replace(instance, name=name)
    if description or (description == "" and call.switches.instance_clear == "clear"):
        instance = replace(instance, description=description)
    call.world.put_instance(instance)
    return Reply(detail_rows(call, instance, mask))


def delete_instance(call: Call) -> Reply:
    """DELETE /v1/instances/{instance_id}: the receipt names the volumes left behind, and not the
    instance.
    """
    instance = at_rest(call, call.ids[0])
    pending = begin(
        call, "delete", tick="delete", status="", target=call.switches.instance_delete_volumes
    )
    volumes = call.world.volumes_of(instance.instance_id)
    call.world.put_instance(
        replace(instance, status=call.switches.delete_read_status, pending=pending)
    )
    survivors = [] if call.switches.instance_delete_volumes == "delete" else volumes
    return Reply([{"status": "deleting", "block_storage": survivors}])


def remote_console(call: Call) -> Reply:
    """GET /v1/instances/{instance_id}/remote-console: a link of the assumed form."""
    instance = call.world.instances.get(call.ids[0])
    if instance is None or not is_visible(call, instance):
        absent(call, call.ids[0], 1)
        raise ApiError("ID_INVALID")
    if instance.busy:
        raise ApiError("DELETED_OR_WORKING_INSTANCE")
    return Reply([{"link": CONSOLE_LINK, "type": "novnc"}])
