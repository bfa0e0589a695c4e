"""Newer images: said where the catalogue has one, never planned, because a lookup's answer stays as it is once used (SPEC 2, lookups)."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core import lookup
from reconciler.core.model import Lookup
from reconciler.core.names import pasted
from reconciler.core.problems import Problem, notice
from reconciler.core.survey import Fate, Item, Survey

_ADDRESSES_TOLD_MAX = 4


def newer_images(seen: Survey) -> Iterator[Problem]:
    """A notice for each image that has a newer one, with the servers that stay on it."""
    if seen.account.catalogue.images is None:
        return
    found: dict[tuple[str, str, str], list[Item]] = {}
    for item in seen.items.values():
        wish = item.resource.attributes.get("image") if item.resource is not None else None
        if item.fate not in (Fate.KEEP, Fate.BIND) or not isinstance(wish, Lookup):
            continue
        pinned = item.lookups.get("image", {}).get(wish.key)
        zone = item.live.attributes.get("zone") if item.live is not None else None
        row = None if pinned is None else lookup.newer(wish, seen.account.catalogue, pinned, zone=zone if isinstance(zone, str) else None)
        if row is not None:
            found.setdefault((str(wish), str(row.get("name") or row["id"]), str(row["id"])), []).append(item)
    for (asked, name, id), items in sorted(found.items()):
        yield _told(asked, name, id, items)


def _told(asked: str, name: str, id: str, items: list[Item]) -> Problem:
    first = items[0]
    addresses = [str(item.address) for item in items]
    rest = len(addresses) - _ADDRESSES_TOLD_MAX
    who = ", ".join(addresses[:_ADDRESSES_TOLD_MAX]) + (f" and {rest} more" if rest > 0 else "")
    place = first.resource.places.get("image") if first.resource is not None else None
    message = f"{asked} is {name} ({id}) by now; {who} {'stays' if len(items) == 1 else 'stay'} on the image that was found before"
    return notice("newer-image", message, place=place, address=addresses[0], hint=f"to take it: --replace {pasted(addresses[0])}")
