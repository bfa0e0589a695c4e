"""The catalog: lists of what a stack file can name, each row in the form of
`model.resource.Catalogue` (contract#zones, contract#flavors, contract#images, contract#scripts,
contract#block-storages, contract#ssh-keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from reconciler.common import decoding
from reconciler.model.resource_type import Listing, Paging


def zone(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """A zone with the notes on it. The list has `zone_name`, embedded zones have `name`."""
    row = decoding.mapping(row, "a zone")
    name = decoding.text(row.get("zone_name")) or decoding.text(row.get("name"))
    return {
        "id": decoding.identifier(row, "zone_id"),
        "name": name,
        "available": _is_available(row.get("status")),
        "notes": _texts(row.get("content")),
    }


def flavor(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """A flavor with its prices in KRW without VAT, None if it has none. `gpus` is 0 if it has none,
    None if what the cloud says is not a number.
    """
    row = decoding.mapping(row, "a flavor")
    spec = row.get("spec")
    spec = spec if isinstance(spec, Mapping) else row
    return {
        "id": decoding.identifier(row, "flavor_id"),
        "name": decoding.text(row.get("name")),
        "available": _is_available(row.get("status")),
        "zones": decoding.ids(row.get("zone"), "zone_id") or (),
        "vcpu": decoding.integer(spec.get("vcpu")),
        "memory_mb": decoding.integer(spec.get("memory")),
        "disk_gb": decoding.integer(spec.get("disk")),
        "price_day": _price(row.get("price"), "partial"),
        "price_month": _price(row.get("price"), "full"),
        "type": decoding.text(spec.get("type")),
        "gpus": _gpus(spec.get("gpu")),
        "network_gbps": _gigabits(spec.get("network")),
        "images": _texts(row.get("supporting_images")),
    }


def image(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """An image. Only its id is certain (contract#images). `public`: `{os, version}` may
    select it.
    """
    row = decoding.mapping(row, "an image")
    os = row.get("os")
    os = os if isinstance(os, Mapping) else {}
    form = decoding.text(row.get("image_type"))
    return {
        "id": decoding.identifier(row, "image_id"),
        "name": decoding.text(row.get("name")) or decoding.text(os.get("name")),
        "os": decoding.text(os.get("os_type")),
        "version": decoding.text(os.get("version")),
        "public": row.get("visibility") == "public" and (form or "").startswith("os_"),
        "available": _is_available(os.get("status")),
        "zones": decoding.ids(row.get("zone"), "zone_id") or (),
        "type": form,
    }


def ssh_key(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """An SSH key: its id, name and date, never its text."""
    row = decoding.mapping(row, "an SSH key")
    return {
        "id": decoding.identifier(row, "ssh_key_id"),
        "name": decoding.text(row.get("name")),
        "created": decoding.text(row.get("start_date")),
    }


def user_script(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """A user script: its id and name."""
    row = decoding.mapping(row, "a user script")
    return {
        "id": decoding.identifier(row, "user_script_id"),
        "name": decoding.text(row.get("name")),
    }


def storage_type(row: Any, parent: str | None = None) -> Mapping[str, Any]:
    """A type of block storage with its limits in GB. `zones` is None if they are not stated, which
    is not the same as an empty list (contract#block-storages).
    """
    row = decoding.mapping(row, "a storage type")
    return {
        "id": decoding.identifier(row, "type"),
        "min_gb": decoding.integer(row.get("min")),
        "max_gb": decoding.integer(row.get("max")),
        "zones": decoding.ids(row.get("zones"), "zone_id"),
    }


def _identify(member: str, what: str) -> Any:
    return lambda row: decoding.identifier(decoding.mapping(row, what), member)


LISTS: Mapping[str, Listing] = MappingProxyType(
    {
        "zones": Listing("/v1/zones", _identify("zone_id", "a zone"), zone, Paging.WHOLE),
        "flavors": Listing("/v1/flavors", _identify("flavor_id", "a flavor"), flavor),
        "images": Listing("/v1/images", _identify("image_id", "an image"), image),
        "ssh_keys": Listing("/v1/auth/ssh_key", _identify("ssh_key_id", "an SSH key"), ssh_key),
        # Singular in the API, and answered with 404 if the account has none (contract#scripts).
        "user_scripts": Listing(
            "/v1/instance/script",
            _identify("user_script_id", "a user script"),
            user_script,
            missing_status=404,
        ),
        "storage_types": Listing(
            "/v1/block-storages/types",
            _identify("type", "a storage type"),
            storage_type,
            Paging.WHOLE,
        ),
    }
)
"""How each list of the catalogue is read."""


def _is_available(status: Any) -> bool:
    """Other texts than `available` are not known (contract#zones, contract#flavors), so a row
    without a status counts as offered.
    """
    return status in (None, "", "available")


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a list that nothing depends on: whatever else it contains is skipped."""
    return (
        tuple(text for item in value if (text := decoding.text(item)) is not None)
        if isinstance(value, list)
        else ()
    )


def _gpus(value: Any) -> int | None:
    return 0 if value in (None, "") else decoding.integer(value)


def _gigabits(value: Any) -> float | None:
    """Gbps, which may be a fraction (contract#flavors)."""
    if isinstance(value, float) and 0 < value < 10_000:
        return int(value) if value.is_integer() else value
    return decoding.integer(value)


def _price(value: Any, period: str) -> int | None:
    """KRW of `price.full.KRW` (a month) or `price.partial.KRW` (a day): a number, a numeric text,
    or an object with one of these (contract#flavors).
    """
    full = value.get(period) if isinstance(value, Mapping) else None
    won = full.get("KRW") if isinstance(full, Mapping) else full
    if isinstance(won, Mapping):
        won = won.get("price")
    return decoding.integer(won)
