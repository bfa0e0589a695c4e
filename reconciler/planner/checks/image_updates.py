"""Newer images: reported if the catalog has one, never planned, because the result of a lookup
stays as it is once used (stack-files#lookups).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.common.suggestions import pasted
from reconciler.common.text import first_few, msg
from reconciler.model.diagnostics import Problem, notice
from reconciler.model.resource import Lookup
from reconciler.planner.compare import lookup
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject

_ADDRESSES_SHOWN_MAX = 4


def newer_images(assessment: Assessment) -> Iterator[Problem]:
    """A notice for each image that has a newer one, with the instances that stay on it."""
    if assessment.account.catalogue.images is None:
        return
    found: dict[tuple[str, str, str], list[ManagedObject]] = {}
    for item in assessment.items.values():
        desired = item.resource.attributes.get("image") if item.resource is not None else None
        if item.disposition not in (Disposition.KEEP, Disposition.BIND) or not isinstance(
            desired, Lookup
        ):
            continue
        pinned = item.lookups.get("image", {}).get(desired.key)
        zone = item.live.attributes.get("zone") if item.live is not None else None
        zone = zone if isinstance(zone, str) else None
        row = (
            None
            if pinned is None
            else lookup.newer(desired, assessment.account.catalogue, pinned, zone=zone)
        )
        if row is not None:
            found.setdefault(
                (str(desired), str(row.get("name") or row["id"]), str(row["id"])), []
            ).append(item)
    for (desired, name, id), items in sorted(found.items()):
        yield _notice(desired, name, id, items)


def _notice(desired: str, name: str, id: str, items: list[ManagedObject]) -> Problem:
    first = items[0]
    addresses = [str(item.address) for item in items]
    place = first.resource.places.get("image") if first.resource is not None else None
    message = msg(
        "{lookup} now resolves to {name} ({id}); {instances} {verb} on the earlier image",
        lookup=desired,
        name=name,
        id=id,
        instances=first_few(addresses, _ADDRESSES_SHOWN_MAX),
        verb=msg("stays") if len(items) == 1 else msg("stay"),
    )
    return notice(
        "newer-image",
        message,
        place=place,
        address=addresses[0],
        hint=msg("to use it: --replace {addresses}", addresses=pasted(addresses[0])),
    )
