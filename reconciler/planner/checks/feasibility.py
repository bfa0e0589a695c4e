"""Feasibility: what the contract is sure the cloud would refuse, found before the first call
(planning#feasibility).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler import resources
from reconciler.common.suggestions import pasted
from reconciler.common.text import msg
from reconciler.config import requirements
from reconciler.model.diagnostics import Place, Problem, error, warning
from reconciler.model.resource import Catalogue, Deferred, Link, Lookup, Resource, Unknown, Value
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject

SIZE_STEP_GB = 10
"""Sizes are entered in tens in the console; whether the API asks for it is open
(contract#block-storages), so it is a warning.
"""


def check(
    assessment: Assessment, item: ManagedObject, wanted: Mapping[str, Value], edited: frozenset[str]
) -> Iterator[Problem]:
    """What speaks for certain against making or changing an object. `edited` are the fields that
    the plan would send.
    """
    made = item.disposition in (Disposition.CREATE, Disposition.REPLACE)
    if not made and not edited:
        return  # nothing is sent
    if item.resource is not None:
        # Lengths count after references are filled in (stack-files#remote-names).
        yield from _demanded(replace(item.resource, attributes=wanted), edited, made=made)
        yield from _filled(item, item.resource, wanted, edited, made=made)
    if item.kind.name == "instances":
        yield from _instance(assessment.account.catalogue, item, wanted, edited, made=made)
    elif item.kind.name == "block_storages" and made:
        yield from _block_storage(assessment, item, wanted)


def _place(item: ManagedObject, name: str) -> Place | None:
    return None if item.resource is None else item.resource.places.get(name, item.resource.place)


def _demanded(resource: Resource, edited: frozenset[str], *, made: bool) -> Iterator[Problem]:
    """What the file must say, and how long texts may be, bind only where the object or the text is
    sent (stack-files#remote-names).
    """
    for demand in requirements.of(resource):
        if demand.field == "instance":
            # the planner of volumes looks at the server itself, which may be known from what is
            # live
            continue
        if made or (demand.when == "send" and demand.field in edited):
            yield demand.problem


def _filled(
    item: ManagedObject,
    resource: Resource,
    wanted: Mapping[str, Value],
    edited: frozenset[str],
    *,
    made: bool,
) -> Iterator[Problem]:
    """A value that is filled in now is checked like one that is written: an apply would refuse it
    too.
    """
    for name, value in sorted(wanted.items()):
        if not isinstance(resource.attributes.get(name), Deferred) or isinstance(
            value, Unknown | Deferred | Link | Lookup
        ):
            continue
        if not (made or name in edited) or resources.is_limited(item.kind.name, name):
            continue
        wrong = resources.problem_with(item.kind.name, name, value)
        if wrong is not None:
            yield error(
                "bad-format",
                msg("{name} became {result!r}: {problem}", name=name, result=value, problem=wrong),
                place=_place(item, name),
                address=str(item.address),
            )


def _row(rows: tuple[Mapping[str, Any], ...] | None, id: Any) -> Mapping[str, Any] | None:
    return next((row for row in rows or () if row["id"] == id), None)


def _instance(
    catalogue: Catalogue,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    edited: frozenset[str],
    *,
    made: bool,
) -> Iterator[Problem]:
    live_zone = None if item.live is None else item.live.attributes.get("zone")
    zone, address = wanted.get("zone", live_zone), str(item.address)
    row = _row(catalogue.zones, zone)
    if made and row is not None and not row.get("available", True):
        message = msg("zone {zone} does not accept new instances", zone=zone)
        yield error(
            "not-offered",
            message,
            place=_place(item, "zone"),
            address=address,
            hint=_others(catalogue.zones),
        )
    for name, rows in (("flavor", catalogue.flavors), ("image", catalogue.images)):
        if not (made or name in edited) or name not in wanted:
            continue
        row = _row(rows, wanted[name])
        if row is None:
            continue
        if not row.get("available", True):
            yield error(
                "not-offered",
                msg("{name} {id} is no longer offered", name=name, id=wanted[name]),
                place=_place(item, name),
                address=address,
            )
        zones = row.get("zones")
        # A row without zones does not say where it is offered (contract#flavors, contract#images).
        if zones and zone is not None and zone not in zones:
            message = msg(
                "{name} {id} is not offered in zone {zone}",
                name=name,
                id=wanted[name],
                zone=zone,
            )
            hint = msg("it is offered in {zones}", zones=", ".join(zones))
            yield error(
                "not-offered", message, place=_place(item, name), address=address, hint=hint
            )
    yield from _shrinks(catalogue, item, wanted, edited)
    if made or edited & {"flavor", "image"}:
        yield from _unsupported(catalogue, item, wanted)
    yield from _unlisted(catalogue, item, wanted, edited, made=made)


def _unsupported(
    catalogue: Catalogue, item: ManagedObject, wanted: Mapping[str, Value]
) -> Iterator[Problem]:
    """A flavor that names the images it supports, and not this one. What the names mean is open, so
    it is a warning (contract#flavors).
    """
    live: Mapping[str, Any] = {} if item.live is None else item.live.attributes
    flavor = _row(catalogue.flavors, wanted.get("flavor", live.get("flavor")))
    image = _row(catalogue.images, wanted.get("image", live.get("image")))
    if flavor is None or image is None or not flavor.get("images") or image.get("type") is None:
        return
    if not {image["id"], image["type"]} & set(flavor["images"]):
        message = msg(
            "flavor {flavor} supports only {supported} images, and image {image} is {type}",
            flavor=flavor["id"],
            supported=", ".join(flavor["images"]),
            image=image["id"],
            type=image["type"],
        )
        hint = msg("choose a flavor for this image type: `reconciler catalog flavors` lists them")
        yield warning(
            "not-offered",
            message,
            place=_place(item, "image"),
            address=str(item.address),
            hint=hint,
        )


_CATALOGUES = {
    "zone": "zones",
    "flavor": "flavors",
    "image": "images",
    "ssh_keys": "ssh_keys",
    "user_script": "user_scripts",
}


def _unlisted(
    catalogue: Catalogue,
    item: ManagedObject,
    wanted: Mapping[str, Value],
    edited: frozenset[str],
    *,
    made: bool,
) -> Iterator[Problem]:
    """An id that is taken as it is, and that the list, where it was read, does not show."""
    for name, listed in _CATALOGUES.items():
        rows = getattr(catalogue, listed)
        if rows is None or name not in wanted or not (made or name in edited):
            continue
        value = wanted[name]
        for id in value if isinstance(value, tuple) else (value,):
            if isinstance(id, str) and _row(rows, id) is None:
                message = msg(
                    "{name} {id} is not in the account's list of {catalog}; it is used as given",
                    name=name,
                    id=id,
                    catalog=listed.replace("_", " "),
                )
                yield warning(
                    "not-offered", message, place=_place(item, name), address=str(item.address)
                )


def _others(rows: tuple[Mapping[str, Any], ...] | None) -> str | None:
    free = [str(row["id"]) for row in rows or () if row.get("available", True)]
    return f"zones that do: {', '.join(free)}" if free else None


def _shrinks(
    catalogue: Catalogue, item: ManagedObject, wanted: Mapping[str, Value], edited: frozenset[str]
) -> Iterator[Problem]:
    if "flavor" not in edited or item.live is None or item.disposition is Disposition.REPLACE:
        return
    before, after = (
        _row(catalogue.flavors, item.live.attributes.get("flavor")),
        _row(catalogue.flavors, wanted.get("flavor")),
    )
    if (
        before is None
        or after is None
        or not isinstance(before.get("disk_gb"), int)
        or not isinstance(after.get("disk_gb"), int)
    ):
        return
    if after["disk_gb"] < before["disk_gb"]:
        message = msg(
            "flavor {flavor} has a smaller disk ({after_gb} GB) than {former} ({before_gb} GB)",
            flavor=after["id"],
            after_gb=after["disk_gb"],
            former=before["id"],
            before_gb=before["disk_gb"],
        )
        hint = msg(
            "the API does not say whether a disk can shrink; --replace {address} creates a new instance instead",
            address=pasted(item.address),
        )
        yield warning(
            "not-offered",
            message,
            place=_place(item, "flavor"),
            address=str(item.address),
            hint=hint,
        )


def _block_storage(
    assessment: Assessment, item: ManagedObject, wanted: Mapping[str, Value]
) -> Iterator[Problem]:
    row, address = (
        _row(assessment.account.catalogue.storage_types, wanted.get("type")),
        str(item.address),
    )
    types = assessment.account.catalogue.storage_types
    if row is None:
        if types:
            hint = "types: " + ", ".join(str(t["id"]) for t in types)
            message = msg("there is no block storage type {type!r}", type=wanted.get("type"))
            yield error(
                "not-offered", message, place=_place(item, "type"), address=address, hint=hint
            )
        return
    size = wanted.get("size")
    if isinstance(size, int) and not row["min_gb"] <= size <= row["max_gb"]:
        message = msg(
            "{type} block storage must have {low} to {high} GB, not {size}",
            type=row["id"],
            low=row["min_gb"],
            high=row["max_gb"],
            size=size,
        )
        yield error("out-of-bounds", message, place=_place(item, "size"), address=address)
    elif isinstance(size, int) and size % SIZE_STEP_GB:
        message = msg(
            "{size} GB is not a multiple of {step}; the console accepts only multiples",
            size=size,
            step=SIZE_STEP_GB,
        )
        yield warning("out-of-bounds", message, place=_place(item, "size"), address=address)
    zone = _zone_of(assessment, wanted.get("instance"))
    if row.get("zones") is not None and zone is not None and zone not in row["zones"]:
        message = msg(
            "{type} block storage is not offered in zone {zone}", type=row["id"], zone=zone
        )
        yield error(
            "not-offered",
            message,
            place=_place(item, "type"),
            address=address,
            hint=msg("zones: {zones}", zones=", ".join(row["zones"])),
        )


def _zone_of(assessment: Assessment, owner: Value) -> Any:
    if not isinstance(owner, Link):
        return None
    instance = assessment.items.get(owner.address)
    if instance is None:
        return None
    return instance.wanted.get(
        "zone", None if instance.live is None else instance.live.attributes.get("zone")
    )
