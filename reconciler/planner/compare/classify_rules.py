"""Classify the rules of all firewalls: matched by traffic and key, after everything else is
known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model.address import Address
from reconciler.model.resource import EMPTY, LiveResource, Resource
from reconciler.model.state import Entry
from reconciler.planner.compare.assessment import Assessment, ManagedObject
from reconciler.planner.compare.resolver import Resolver
from reconciler.planner.compare.rule_matching import MEANING, Rules, match, meaning
from reconciler.planner.compare.unsettled import UnsettledRequests
from reconciler.resources import rule as rule_kind


def classify_rules(
    known: Assessment, unsettled: UnsettledRequests
) -> tuple[dict[Address, ManagedObject], dict[str, tuple[LiveResource, ...]]]:
    """The rules by address, and by firewall id the live rules that are not part of the stack.

    `known` is the assessment of everything else: what a rule refers to is filled in before it is
    matched.
    """
    resolver = Resolver(known)

    def traffic(resource: Resource) -> tuple[Any, ...] | None:
        values = {
            name: resolver.value(resource.address, resource.attributes[name])
            for name in MEANING
            if name in resource.attributes
        }
        return meaning(values)

    desired = _desired(known)
    remembered: dict[str, list[Entry]] = {}
    for entry in known.state.entries.values():
        if entry.parent is not None:
            remembered.setdefault(entry.parent, []).append(entry)
    live: dict[str, list[LiveResource]] = {}
    for row in known.account.objects.get(rule_kind.NAME, EMPTY).values():
        live.setdefault(str(row.attributes[rule_kind.OWNER]), []).append(row)
    items: dict[Address, ManagedObject] = {}
    unmanaged: dict[str, tuple[LiveResource, ...]] = {}
    for owner in known.items.values():
        if known.kinds.owned_by(owner.kind.name) is None:
            continue
        bound = owner.entry or owner.live
        firewall = None if bound is None else bound.id
        matched = match(
            owner,
            known.kinds[rule_kind.NAME],
            Rules(
                desired.get(owner.address, []),
                remembered.get(firewall or "", []),
                live.get(firewall or "", []),
            ),
            unsettled=unsettled.reasons,
            sent=unsettled.traffic(firewall),
            traffic=traffic,
        )
        items.update({item.address: item for item in matched.items})
        if matched.unmanaged_rules and firewall is not None:
            unmanaged[firewall] = matched.unmanaged_rules
    return items, unmanaged


def _desired(known: Assessment) -> Mapping[Address, list[Resource]]:
    """The rules that the file has, by firewall."""
    found: dict[Address, list[Resource]] = {}
    for address, resource in known.stack.resources.items():
        if address.rule is not None and not known.options.destroy:
            found.setdefault(address.owner, []).append(resource)
    return found
