"""Adoption: an account becomes a stack that asks for just what is there, so that its plan only
binds objects (commands#adopt).

This module decides what is adopted, what is folded into one resource, and what cannot be adopted
and why. `adopt_names` gives the keys, `adopt_fields` the values, and `adopt_writer` the text. What
to write for a kind comes from its table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from reconciler import resources
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.importing import adopt_fields
from reconciler.importing.adopt_names import Names, slug
from reconciler.importing.adopt_rules import NO_RULES, AdoptedRules, rules_of
from reconciler.importing.yaml_writer import Raw
from reconciler.model.owners import Elsewhere, Sharer, sharer_of
from reconciler.model.resource import EMPTY, Account, LiveResource
from reconciler.model.resource_type import ResourceType
from reconciler.model.state import State

_NUMBERED = re.compile(r"(?P<stem>.*?[^0-9])(?P<number>[0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What to adopt: everything, or the objects with the ids in `named`. `zones` limits both to
    what lies in these zones; all zones if it is empty.
    """

    everything: bool = False
    named: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()

    def includes(self, live: LiveResource) -> bool:
        """Whether an object is asked for, zones aside."""
        return self.everything or live.id in self.named


@dataclass(frozen=True, slots=True)
class Adopted:
    """One resource of the new stack. `body` holds its members in order; `notes` are comments above
    it, `remarks` comments behind its members. `names` are the names of its objects in the account.
    """

    kind: str
    key: str
    body: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    remarks: Mapping[str, str] = EMPTY
    rules: AdoptedRules = NO_RULES
    names: tuple[str, ...] = ()

    @property
    def is_respelled(self) -> bool:
        """Whether the key spells the names in other letters."""
        return not all(name.isascii() for name in self.names)


@dataclass(frozen=True, slots=True)
class Adoption:
    """The new stack. `existing` are objects that it refers to and does not own; `left` are those
    that are not adopted, each with the reason. `shared` are adopted objects that another stack
    owns, by their address in the new one.
    """

    stack: str
    resources: tuple[Adopted, ...]
    existing: Mapping[str, Mapping[str, str]]
    left: tuple[tuple[str, LiveResource, str], ...]
    defaults: Mapping[str, Any] = EMPTY
    shared: Mapping[str, tuple[LiveResource, Sharer]] = EMPTY

    def count(self, kind: str) -> int:
        """How many objects of a kind are bound."""
        found = [one.body.get("import") for one in self.resources if one.kind == kind]
        return sum(len(ids) if isinstance(ids, Mapping) else 1 for ids in found)


def adopt(
    account: Account, desired: AdoptRequest, *, stack: str, elsewhere: Elsewhere = EMPTY
) -> Adoption:
    """The stack that asks for the selected objects of an account, as they are. What another stack
    owns is left, unless it is named: then it is also in `shared`.
    """
    kinds = resources.all_kinds()
    adopter = _Adopter(account, Names(account))
    state = State("", 0, stack, None)
    left, sharers = [], {}
    for name in kinds.build_order:
        taken = []
        for live in _selected(account, kinds[name], desired):
            sharer = sharer_of(state, live, elsewhere)
            reason = _reason_to_leave(live)
            if reason is None and sharer is not None and live.id not in desired.named:
                reason = msg(
                    "it belongs to the stack {stack} ({proof})",
                    stack=sharer.title,
                    proof=sharer.proof,
                )
            if reason is None:
                taken.append(live)
                sharers.update({live.id: (live, sharer)} if sharer is not None else {})
            else:
                left.append((name, live, reason))
        adopter.group(kinds[name], taken)
    shared = {
        f"{live.kind}.{adopter.names.reference(live.kind, id)}": (live, sharer)
        for id, (live, sharer) in sharers.items()
    }
    adopted = tuple(map(adopter.adopted, adopter.groups))
    return Adoption(stack, adopted, adopter.names.existing, tuple(left), adopter.defaults, shared)


def _selected(account: Account, kind: ResourceType, desired: AdoptRequest) -> list[LiveResource]:
    found = [
        live
        for live in account.objects.get(kind.name, EMPTY).values()
        if desired.includes(live)
        and (not desired.zones or _lies_in(desired.zones, live, kind, account, desired.named))
    ]
    return sorted(found, key=lambda live: (str(live.attributes.get("name") or ""), live.id))


def _lies_in(
    zones: frozenset[str],
    live: LiveResource,
    kind: ResourceType,
    account: Account,
    named: frozenset[str],
) -> bool:
    """Whether an object lies in one of the zones: one without a zone of its own does if one of its
    members does, or if it is asked for by id.
    """
    if kind.zonal:
        return live.attributes.get("zone") in zones
    members = set(account.members.get(live.id, ()))
    found = (row for rows in account.objects.values() for row in rows.values() if row.id in members)
    return live.id in named or any(row.attributes.get("zone") in zones for row in found)


def _reason_to_leave(live: LiveResource) -> str | None:
    """Why nobody can adopt an object now, or None."""
    if live.failed:
        return msg("the cloud reports it as failed: a plan would replace it")
    if not live.ready:
        return msg(
            "it is busy ({status}): run adopt again when it is ready",
            status=live.attributes.get("status"),
        )
    return None


@dataclass(frozen=True, slots=True)
class _SimilarObjects:
    """The objects under one key: one without a number, or several, each with the number that
    follows the common beginning of their names.
    """

    kind: ResourceType
    key: str
    prefix: str
    members: list[tuple[str, LiveResource]]

    @property
    def is_folded(self) -> bool:
        return len(self.members) > 1


@dataclass(slots=True)
class _Adopter:
    account: Account
    names: Names
    groups: list[_SimilarObjects] = field(default_factory=list)
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)

    def group(self, kind: ResourceType, taken: list[LiveResource]) -> None:
        """Gives the objects of a kind their keys, so that references to them can be written, and
        finds the values that all of them share.
        """
        found = list(self._alike(kind, taken))
        for members in found:
            number, first = members[0]
            if len(members) == 1:
                key, prefix = self.names.new_key(kind.name, self._wanted_key(kind, first)), ""
                self.names.set(kind.name, first.id, key)
            else:
                prefix = str(first.attributes["name"])[: -len(number)]
                key = self.names.new_key(kind.name, slug(prefix, kind))
                for number, live in members:
                    self.names.set(kind.name, live.id, f'{key}["{number}"]')
            self.groups.append(_SimilarObjects(kind, key, prefix, members))
        for each in kind.fields.values():
            values = {live.attributes.get(each.name) for live in taken} if each.shared else set()
            if len(values) == 1 and len(found) > 1 and (value := values.pop()) is not None:
                shown, _ = adopt_fields.value(each, value, self.account.catalogue)
                self.defaults.setdefault(kind.name, {})[each.name] = shown

    def _wanted_key(self, kind: ResourceType, live: LiveResource) -> str:
        """A key made of the object's name. If the name has no letter or digit for it, the names of
        the objects that it is for make a better one.
        """
        own = slug(live.attributes.get("name"), kind)
        return self.names.of_users(kind, live) or own if own == kind.singular else own

    def _alike(
        self, kind: ResourceType, taken: list[LiveResource]
    ) -> Iterator[list[tuple[str, LiveResource]]]:
        """Objects that are equal but for a number at the end of their names are one group; each
        other object is a group of its own.
        """
        groups: dict[tuple[Any, ...], dict[str, LiveResource]] = {}
        for live in taken:
            alone: tuple[Any, ...] = (live.id,)
            name = live.attributes.get("name")
            numbered = _NUMBERED.fullmatch(name) if isinstance(name, str) else None
            key = alone
            if kind.folded and numbered is not None and self._shows_required(kind, live):
                key = (numbered["stem"], *self._compared(kind, live))
                if numbered["number"] in groups.get(key, {}):
                    key = alone  # twins: the cloud allows equal names
            groups.setdefault(key, {})[numbered["number"] if numbered is not None else ""] = live
        for members in groups.values():
            yield list(members.items())

    def _shows_required(self, kind: ResourceType, live: LiveResource) -> bool:
        return all(live.attributes.get(name) is not None for name in kind.required)

    def _compared(self, kind: ResourceType, live: LiveResource) -> Iterator[Any]:
        """What objects of one group have in common: all but their names, and of a description only
        whether there is one.
        """
        for each in kind.fields.values():
            if each.is_marked:
                yield adopt_fields.user_text(live) is None
            elif each.name != "name":
                yield adopt_fields.live_value(each, live, self.account)

    def adopted(self, group: _SimilarObjects) -> Adopted:
        """The resource for the objects of a group."""
        first, kind = group.members[0][1], group.kind
        written = adopt_fields.WrittenField(self.account, self.names)
        skipped = set(self.defaults.get(kind.name, ()))
        if group.is_folded:
            _fold(group, written.body)
            skipped |= {each.name for each in kind.fields.values() if each.is_marked} | {"name"}
        for each in kind.fields.values():
            if each.returned and each.name not in skipped:
                written.add(each, first)
        rules = self._rules(kind, first)
        if rules.left:
            written.body["lifecycle"] = {"ignore": [rules.section]}
        written.body["import"] = (
            {number: live.id for number, live in group.members} if group.is_folded else first.id
        )
        for _, live in group.members:
            written.note_other_memberships(kind, live)
        return Adopted(
            kind.name,
            group.key,
            written.body,
            tuple(written.notes),
            written.remarks,
            rules,
            tuple(str(live.attributes.get("name") or "") for _, live in group.members),
        )

    def _rules(self, kind: ResourceType, live: LiveResource) -> AdoptedRules:
        owned = resources.all_kinds().owned_by(kind.name)
        if owned is None:
            return NO_RULES
        rows = self.account.objects.get(owned.name, EMPTY).values()
        return rules_of(row for row in rows if row.attributes.get(kind.singular) == live.id)


def _fold(group: _SimilarObjects, body: dict[str, Any]) -> None:
    texts = [adopt_fields.user_text(live) for _, live in group.members]
    numbers = [number for number, _ in group.members]
    same = len(set(texts)) == 1
    body["for_each"] = numbers if same else dict(zip(numbers, texts, strict=True))
    body["name"] = Raw(f"{group.prefix.replace('${', '$${')}${{each.key}}")
    if not same:
        body["description"] = Raw("${each.value}")
    elif texts[0] is not None:
        body["description"] = texts[0]
