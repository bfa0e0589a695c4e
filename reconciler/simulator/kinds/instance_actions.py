"""Power, rebuild and resize: what runs in the background on an instance (contract#statuses,
contract#instances).
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.call import Call, Reply, required
from reconciler.simulator.kinds.catalog import in_zone, is_available, spec, supports
from reconciler.simulator.kinds.instance_view import at_rest
from reconciler.simulator.kinds.records import Instance

AT_REST = frozenset({"active", "off"})


def start(call: Call) -> Reply:
    """POST .../start: `active` afterwards; on a running instance 202 and no change, unless power is
    strict.
    """
    return _power(call, "start", wanted="active")


def shutdown(call: Call) -> Reply:
    """POST .../shutdown: a power cut; `off` afterwards, charged as before."""
    return _power(call, "shutdown", wanted="off")


def _power(call: Call, operation: str, *, wanted: str) -> Reply:
    instance = at_rest(call, call.ids[0])
    if instance.status == wanted and not call.switches.strict_power:
        return _receipt(instance)
    refuse_if(instance.status not in AT_REST - {wanted}, "CHECK_PARAM")
    return _begin(call, instance, operation, status=wanted)


def reboot(call: Call) -> Reply:
    """POST .../reboot: only on a running instance."""
    instance = at_rest(call, call.ids[0])
    refuse_if(instance.status != "active", "CHECK_PARAM")
    return _begin(call, instance, "reboot", status="active")


def rebuild(call: Call) -> Reply:
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


def resize(call: Call) -> Reply:
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


def _disk(call: Call, flavor_id: str) -> int:
    return int(str(spec(call.world.flavors.get(flavor_id, {})).get("disk") or 0))


def _begin(
    call: Call, instance: Instance, operation: str, *, status: str, target: str = ""
) -> Reply:
    pending = call.begin(operation, tick=operation, status=status, target=target)
    working = replace(instance, status="work", pending=pending)
    call.world.put(working)
    return _receipt(working)


def _receipt(instance: Instance) -> Reply:
    return Reply([{"instance_id": instance.instance_id, "status": instance.status}])
