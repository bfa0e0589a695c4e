"""Renames that were not said: what would be deleted and made anew although it looks like one object
under another address.

The plan stops there with the `moved` lines to paste, because a server that is deleted by an edit of
its name does not come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import EMPTY, Link
from reconciler.model.state import Phase
from reconciler.planner.compare import unsettled
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.planner.compare.rule_matching import meaning

Group: TypeAlias = "tuple[str, str, type]"
"""Kind, name, and the form of the index: number, text or none. Objects of another form are what a
change of shape leaves or makes.
"""


def find(assessment: Assessment) -> Iterator[Problem]:
    """One error for each pair of resources of which one goes and one comes, alike in number and in
    kind; of one resource that gets another shape the number may differ.

    What is in doubt at an address that the file has not goes as well: it may be deleted as soon as
    it is no longer in doubt. A create in doubt counts as one of its resource, and so does what it
    holds back.

    `removed: [{from: ADDRESS, keep: false}]` says that it is no rename, and so does `--accept
    delete=ADDRESS`.
    """
    open_creates = unsettled.of(assessment.stack, assessment.state, assessment.options)
    going = _groups(item for item in assessment.items.values() if _goes(assessment, item))
    coming = (
        _groups(
            item
            for item in assessment.items.values()
            if item.entry is None
            and item.resource is not None
            and _comes(item, open_creates.reasons)
        )
        if going
        else {}
    )
    going = _whole(going, map(_group, assessment.stack.resources))
    coming = _whole(
        coming,
        (_group(address) for address, item in assessment.items.items() if item.entry is not None),
    )
    taken: set[Group] = set()
    for old, left in going.items():
        # another shape of the same resource first
        by_likeness = sorted(coming, key=lambda new: new[:2] != old[:2])
        pairs = [
            (new, found)
            for new in by_likeness
            if new not in taken
            and (found := _pairs(assessment, left, coming[new], _of(old, open_creates.creates)))
            is not None
        ]
        if not pairs:
            continue
        new, found = pairs[0]
        taken.add(new)
        yield _told(old, new, found)


def _comes(item: ManagedObject, reasons: Mapping[str, str]) -> bool:
    """Whether an object is to be created, now or when what may be the same is no longer in doubt."""
    held = item.disposition is Disposition.UNSETTLED and str(item.address) not in reasons
    return item.disposition is Disposition.CREATE or (
        held and item.reason.startswith(unsettled.NOT_KNOWN)
    )


def _of(group: Group, addresses: Iterable[Address]) -> list[Address]:
    return [address for address in addresses if address.rule is None and _group(address) == group]


def _goes(assessment: Assessment, item: ManagedObject) -> bool:
    """Whether an object is to be deleted, now or when it is no longer in doubt, and nobody has said
    that this is meant.
    """
    said = {removal.address for removal in assessment.stack.removed}
    if (
        item.disposition not in (Disposition.DELETE, Disposition.UNSETTLED)
        or item.resource is not None
        or item.entry is None
    ):
        return False
    if item.entry.phase is Phase.DELETING:  # an earlier run was told so, and has begun
        return False
    return not (
        {item.address, item.address.resource} & said
        or assessment.options.accepts("delete", str(item.address))
    )


def _group(address: Address) -> Group:
    return address.kind, address.name, type(address.index)


def _groups(items: Iterable[ManagedObject]) -> dict[Group, list[ManagedObject]]:
    """The items by resource and form of index, rules apart."""
    found: dict[Group, list[ManagedObject]] = {}
    for item in items:
        if item.kind.owner is None:
            found.setdefault(_group(item.address), []).append(item)
    return found


def _whole(
    groups: Mapping[Group, list[ManagedObject]], staying: Iterable[Group]
) -> dict[Group, list[ManagedObject]]:
    """Those of which all there was goes, or all there is comes; of keys of a `for_each` some may."""
    others = set(staying)
    return {
        group: items for group, items in groups.items() if group[2] is str or group not in others
    }


def _pairs(
    assessment: Assessment,
    left: list[ManagedObject],
    made: list[ManagedObject],
    doubts: list[Address],
) -> list[tuple[Address, Address]] | None:
    """Old and new addresses, or None where they do not match. `doubts` are creates in doubt beside
    what goes: what they ask for was compared when they held back the new objects.
    """
    if not doubts:
        made = [item for item in made if item.disposition is Disposition.CREATE]
    if not made:
        return None
    reshaped = _group(left[0].address)[:2] == _group(made[0].address)[:2] and type(
        left[0].address.index
    ) is not type(made[0].address.index)
    number = len(left) + len(doubts)
    if left[0].kind.name != made[0].kind.name or (number != len(made) and not reshaped):
        return None
    items = {item.address: item for item in left}
    pairs = list(zip(sorted([*items, *doubts]), made, strict=False))
    return (
        [(old, new.address) for old, new in pairs]
        if all(old not in items or _are_alike(assessment, items[old], new) for old, new in pairs)
        else None
    )


def _are_alike(assessment: Assessment, old: ManagedObject, new: ManagedObject) -> bool:
    if old.kind.name == "firewalls":
        return _traffic(assessment, old) == _traffic(assessment, new) != frozenset()
    was = (
        old.live.attributes
        if old.live is not None
        else old.entry.applied
        if old.entry is not None
        else EMPTY
    )
    return all(
        was.get(name) == new.wanted.get(name) is not None for name in old.kind.identity
    ) and _same_place(old, new)


def _same_place(old: ManagedObject, new: ManagedObject) -> bool:
    """Volumes of one type and size are common; only one on the same server looks like the old one."""
    instance = new.wanted.get("instance")
    if old.kind.name != "block_storages" or old.entry is None or not isinstance(instance, Link):
        return old.kind.name != "block_storages"
    return old.entry.applied.get("instance") == str(instance.address)


def _traffic(assessment: Assessment, item: ManagedObject) -> frozenset[Any]:
    """What the rules of a firewall let through."""
    if item.entry is not None and item.live is not None:
        rows = assessment.account.objects.get("rules", {}).values()
        return frozenset(
            meaning(row.attributes)
            for row in rows
            if row.attributes.get("firewall") == item.live.id
        )
    if item.entry is not None:
        return frozenset(
            meaning(entry.applied)
            for entry in assessment.state.entries.values()
            if entry.parent == item.entry.id
        )
    return frozenset(
        meaning(r.attributes)
        for a, r in assessment.stack.resources.items()
        if a.rule is not None and a.owner == item.address
    )


def _told(old: Group, new: Group, pairs: list[tuple[Address, Address]]) -> Problem:
    before, after = ".".join(old[:2]), ".".join(new[:2])
    if before == after or any(source.index != target.index for source, target in pairs):
        lines = [f"{{from: {_quoted(source)}, to: {_quoted(target)}}}" for source, target in pairs]
    else:
        lines = [f"{{from: {before}, to: {after}}}"]
    first = pairs[0]
    message = msg(
        "{old} would be deleted and a similar {new} created: this looks like a rename",
        old=first[0],
        new=first[1],
    )
    gone = [_quoted(source) for source, _ in pairs] if before == after else [before]
    no = ", ".join(f"{{from: {source}, keep: false}}" for source in gone)
    hint = msg(
        "moved: [{moved}]\nif it is not a rename: removed: [{removed}]",
        moved=", ".join(lines),
        removed=no,
    )
    return error("rename", message, address=str(first[0]), hint=hint)


def _quoted(address: Address) -> str:
    text = str(address)
    return f"'{text}'" if address.index is not None else text
