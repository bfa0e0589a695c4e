"""Renames without a `moved` line: what would be deleted and created although it looks like one
object under another address.

The plan stops there with the `moved` lines to paste, because an instance that an edit of its name
deletes is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from reconciler.common.suggestions import in_yaml
from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import ReasonKind, reason_kind
from reconciler.model.resource import EMPTY
from reconciler.model.state import Phase
from reconciler.planner.compare import unsettled
from reconciler.planner.compare.assessment import (
    Assessment,
    Disposition,
    ManagedObject,
    link_text,
)
from reconciler.planner.compare.rule_matching import meaning
from reconciler.resources import rule as rule_kind

Group: TypeAlias = "tuple[str, str, type]"
"""Kind, name, and the form of the index: number, text or none. A change of cardinality deletes
objects of one form and creates objects of another.
"""


def find(assessment: Assessment) -> Iterator[Problem]:
    """One error for each pair of resources of which one is deleted and one created, alike in number
    and in kind. If one resource gets another cardinality, the number may differ.

    An unsettled object at an address that the file does not have counts as deleted: it may be
    deleted as soon as it is settled. An unsettled create counts as one of its resource, and so does
    what it holds back.

    `removed: [{from: ADDRESS, keep: false}]` states that it is not a rename, and so does `--accept
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
        # another cardinality of the same resource first
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
        yield _problem(old, new, found)


def _comes(item: ManagedObject, reasons: Mapping[str, str]) -> bool:
    """Whether an object will be created, now or when what may be the same object is settled."""
    held = item.disposition is Disposition.UNSETTLED and str(item.address) not in reasons
    return item.disposition is Disposition.CREATE or (
        held and reason_kind(item.reason) is ReasonKind.UNKNOWN_OUTCOME
    )


def _of(group: Group, addresses: Iterable[Address]) -> list[Address]:
    return [address for address in addresses if address.rule is None and _group(address) == group]


def _goes(assessment: Assessment, item: ManagedObject) -> bool:
    """Whether an object will be deleted, now or when it is settled, and nobody has stated that this
    is intended.
    """
    removed = {removal.address for removal in assessment.stack.removed}
    if (
        item.disposition not in (Disposition.DELETE, Disposition.UNSETTLED)
        or item.resource is not None
        or item.entry is None
    ):
        return False
    if item.entry.phase is Phase.DELETING:  # an earlier run has begun to delete it
        return False
    return not (
        {item.address, item.address.resource} & removed
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
    """The groups of which every object is deleted, or every object created; of the keys of a
    `for_each`, some may be.
    """
    others = set(staying)
    return {
        group: items for group, items in groups.items() if group[2] is str or group not in others
    }


def _pairs(
    assessment: Assessment,
    left: list[ManagedObject],
    made: list[ManagedObject],
    open_creates: list[Address],
) -> list[tuple[Address, Address]] | None:
    """Old and new addresses, or None if they do not match. `open_creates` are unsettled creates
    among the old ones: what they ask for was compared when they held back the new objects.
    """
    if not open_creates:
        made = [item for item in made if item.disposition is Disposition.CREATE]
    if not made:
        return None
    reshaped = _group(left[0].address)[:2] == _group(made[0].address)[:2] and type(
        left[0].address.index
    ) is not type(made[0].address.index)
    number = len(left) + len(open_creates)
    if left[0].kind.name != made[0].kind.name or (number != len(made) and not reshaped):
        return None
    items = {item.address: item for item in left}
    pairs = list(zip(sorted([*items, *open_creates]), made, strict=False))
    return (
        [(old, new.address) for old, new in pairs]
        if all(old not in items or _are_alike(assessment, items[old], new) for old, new in pairs)
        else None
    )


def _are_alike(assessment: Assessment, old: ManagedObject, new: ManagedObject) -> bool:
    """Whether two objects have what makes them the same: the traffic that their rules allow, or the
    values that no edit changes, and what they are attached to.
    """
    if assessment.kinds.owned_by(old.kind.name) is not None:
        return _traffic(assessment, old) == _traffic(assessment, new) != frozenset()
    applied = old.entry.applied if old.entry is not None else EMPTY
    before = applied if old.live is None else old.live.attributes
    pairs = [(before.get(name), new.wanted.get(name)) for name in old.kind.identity]
    if old.kind.attachment is not None:
        # Many block storages have the same type and size; only one on the same instance is alike.
        owner = link_text(new.wanted.get(old.kind.attachment))
        pairs.append((applied.get(old.kind.attachment), owner))
    return bool(pairs) and all(was == wanted is not None for was, wanted in pairs)


def _traffic(assessment: Assessment, item: ManagedObject) -> frozenset[Any]:
    """What the rules of a firewall allow."""
    if item.entry is None:
        found = [
            resource.attributes
            for address, resource in assessment.stack.resources.items()
            if address.rule is not None and address.owner == item.address
        ]
    elif item.live is not None:
        found = [
            row.attributes
            for row in assessment.account.objects.get(rule_kind.NAME, EMPTY).values()
            if row.attributes.get(rule_kind.OWNER) == item.live.id
        ]
    else:
        entries = assessment.state.entries.values()
        found = [entry.applied for entry in entries if entry.parent == item.entry.id]
    return frozenset(map(meaning, found))


def _problem(old: Group, new: Group, pairs: list[tuple[Address, Address]]) -> Problem:
    before, after = ".".join(old[:2]), ".".join(new[:2])
    if before == after or any(source.index != target.index for source, target in pairs):
        lines = [f"{{from: {in_yaml(source)}, to: {in_yaml(target)}}}" for source, target in pairs]
    else:
        lines = [f"{{from: {before}, to: {after}}}"]
    first = pairs[0]
    message = msg(
        "{old} would be deleted and a similar {new} created: this looks like a rename",
        old=first[0],
        new=first[1],
    )
    gone = [in_yaml(source) for source, _ in pairs] if before == after else [before]
    no = ", ".join(f"{{from: {source}, keep: false}}" for source in gone)
    hint = msg(
        "moved: [{moved}]\nif it is not a rename: removed: [{removed}]",
        moved=", ".join(lines),
        removed=no,
    )
    return error("rename", message, address=str(first[0]), hint=hint)
