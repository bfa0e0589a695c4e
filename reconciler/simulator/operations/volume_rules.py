"""What a new volume must be: its type, its size, its zone (contract#block-storages)."""

from __future__ import annotations

from reconciler.simulator.call import Call, whole_number
from reconciler.simulator.errors import ApiError


def check_volume_type(call: Call, kind: str, zone_id: str) -> str:
    """A type from the list that the zone has; null zones mean no restriction."""
    row = call.world.storage_types.get(kind)
    if row is None:
        raise ApiError("CHECK_PARAM_ENUM", "type")
    zones = row.get("zones")
    if isinstance(zones, list) and zone_id not in zones:
        raise ApiError("UNAVAILABLE_COMBINATION", "type")
    return kind


def check_volume_size(call: Call, kind: str, text: str) -> int:
    """Whole gigabytes within the bounds of the type, in the step the switch asks for."""
    row = call.world.storage_types[kind]
    size = whole_number(text)
    if (
        size is None
        or not int(str(row["min"])) <= size <= int(str(row["max"]))
        or size % call.switches.size_step
    ):
        raise ApiError("CHECK_PARAM", "size")
    return size
