"""Renames that were not said: what would be deleted and made anew although it looks like one object under another address.

The plan stops there with the `moved` lines to paste, because a server that is deleted by an edit of its name does not come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.address import Address
from reconciler.core.model import Link
from reconciler.core.problems import Problem, error
from reconciler.core.rules import meaning
from reconciler.core.survey import Fate, Item, Survey

_ALIKE: Mapping[str, tuple[str, ...]] = {
    "instances": ("zone", "flavor", "image"),
    "block_storages": ("type", "size"),
    "firewalls": (),
}
"""What an object must have in common with the one that is to be made; names and texts may differ, they are what a rename changes."""


def unsaid(seen: Survey) -> Iterator[Problem]:
    """One error for each pair of resources of which one goes and one comes, alike in number and in kind.

    `removed: [{from: ADDRESS, keep: false}]` says that it is no rename, and so does `--accept delete=ADDRESS`.
    """
    going = _groups(seen, Fate.DELETE)
    coming = _groups(seen, Fate.CREATE) if going else {}
    taken: set[tuple[str, str]] = set()
    for old, left in going.items():
        pairs = [(new, found) for new, made in coming.items() if new not in taken and (found := _pairs(seen, left, made)) is not None]
        if not pairs:
            continue
        new, found = pairs[0]
        taken.add(new)
        yield _told(old, new, found)


def _groups(seen: Survey, fate: Fate) -> dict[tuple[str, str], list[Item]]:
    """The items of that fate by resource, only where nothing of the resource is also coming, or going, or staying by another way."""
    found: dict[tuple[str, str], list[Item]] = {}
    said = {removal.address for removal in seen.stack.removed}
    for address, item in seen.items.items():
        if address.rule is not None or item.fate is not fate or address.kind not in _ALIKE:
            continue
        if fate is Fate.DELETE and (
            item.live is None or {address, address.resource} & said or seen.options.accepts("delete", str(address))
        ):
            continue
        if fate is Fate.CREATE and item.entry is not None:
            continue
        found.setdefault((address.kind, address.name), []).append(item)
    staying = (
        {(address.kind, address.name) for address in seen.stack.resources}
        if fate is Fate.DELETE
        else {(address.kind, address.name) for address, item in seen.items.items() if item.entry is not None}
    )
    return {key: items for key, items in found.items() if _is_whole(seen, key, items, fate, staying)}


def _is_whole(seen: Survey, key: tuple[str, str], items: list[Item], fate: Fate, staying: set[tuple[str, str]]) -> bool:
    """Whether all there was of a resource goes, or all there is of it comes; or only keys of a `for_each` differ."""
    if isinstance(seen.stack.shapes.get(key), tuple):
        return all(isinstance(item.address.index, str) for item in items) or fate is Fate.CREATE
    return key not in staying


def _pairs(seen: Survey, left: list[Item], made: list[Item]) -> list[tuple[Address, Address]] | None:
    if len(left) != len(made) or left[0].kind.name != made[0].kind.name:
        return None
    pairs = list(zip(left, made, strict=True))
    return [(old.address, new.address) for old, new in pairs] if all(_are_alike(seen, old, new) for old, new in pairs) else None


def _are_alike(seen: Survey, old: Item, new: Item) -> bool:
    if old.live is None:
        return False
    if old.kind.name == "firewalls":
        return _traffic(seen, old) == _traffic(seen, new) != frozenset()
    return all(old.live.attributes.get(name) == new.wanted.get(name) is not None for name in _ALIKE[old.kind.name]) and _same_place(
        old, new
    )


def _same_place(old: Item, new: Item) -> bool:
    """Volumes of one type and size are common; only one on the same server looks like the old one."""
    server = new.wanted.get("instance")
    if old.kind.name != "block_storages" or old.entry is None or not isinstance(server, Link):
        return old.kind.name != "block_storages"
    return old.entry.applied.get("instance") == str(server.address)


def _traffic(seen: Survey, item: Item) -> frozenset[Any]:
    """What the rules of a firewall let through."""
    if item.fate is Fate.DELETE and item.live is not None:
        rows = seen.account.objects.get("rules", {}).values()
        return frozenset(meaning(row.attributes) for row in rows if row.attributes.get("firewall") == item.live.id)
    return frozenset(meaning(r.attributes) for a, r in seen.stack.resources.items() if a.rule is not None and a.owner == item.address)


def _told(old: tuple[str, str], new: tuple[str, str], pairs: list[tuple[Address, Address]]) -> Problem:
    before, after = ".".join(old), ".".join(new)
    if before == after or any(source.index != target.index for source, target in pairs):
        lines = [f"{{from: {_quoted(source)}, to: {_quoted(target)}}}" for source, target in pairs]
    else:
        lines = [f"{{from: {before}, to: {after}}}"]
    first = pairs[0]
    message = f"{first[0]} would be deleted and {first[1]} made, and they are alike: it looks like a rename"
    no = f"{{from: {_quoted(first[0]) if before == after else before}, keep: false}}"
    hint = f"moved: [{', '.join(lines)}]\nif it is none, say so: removed: [{no}]"
    return error("rename", message, address=str(first[0]), hint=hint)


def _quoted(address: Address) -> str:
    text = str(address)
    return f"'{text}'" if address.index is not None else text
