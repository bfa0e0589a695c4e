"""Parts of the row of an instance: its addresses, its limits, its disk (contract#instances)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.common import decoding
from reconciler.model.resource import Plain


def addresses(value: Any) -> dict[str, Plain]:
    """`public_ip` and `private_ip` of the first address that has one, None if none is attached.
    Empty if the row has no `ip`.
    """
    if not isinstance(value, list | tuple):
        return {}
    found: dict[str, Plain] = {"public_ip": None, "private_ip": None}
    for item in sorted(
        (item for item in value if isinstance(item, Mapping)),
        key=lambda item: item.get("type") != "default",
    ):
        public, private = item.get("public"), item.get("private")
        # An address that is not attached may still be shown as parked (contract#instances).
        if isinstance(public, Mapping) and public.get("attached") is not False:
            found["public_ip"] = found["public_ip"] or decoding.text(public.get("address"))
        if isinstance(private, Mapping):
            found["private_ip"] = found["private_ip"] or decoding.text(private.get("address"))
    return found


def limits(value: Any) -> dict[str, Plain]:
    """`volume_limit`, None if the row does not state it (contract#limits)."""
    limit = value.get("block_storage") if isinstance(value, Mapping) else None
    return {"volume_limit": decoding.integer(limit)}


def disk(flavor: Any) -> dict[str, Plain]:
    """`disk_gb`, if the row states it: what a delete or a rebuild loses (contract#instances)."""
    size = decoding.integer(flavor.get("disk")) if isinstance(flavor, Mapping) else None
    return {} if size is None else {"disk_gb": size}
