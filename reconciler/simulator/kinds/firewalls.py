"""Firewalls and their memberships, in both forms of the API: `security_groups` and `rules` are the
newer one, `older_firewalls` the other (contract#security-groups, contract#older-firewall).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.simulator.kinds import older_firewalls, rules, security_groups
from reconciler.simulator.kinds.records import Firewall, Membership
from reconciler.simulator.kinds.registry import Kind, Route
from reconciler.simulator.world import World


def _removed(world: World, firewall: Firewall, now: float) -> None:
    """Memberships end with their firewall."""
    for ids in [ids for ids in world.memberships if ids[0] == firewall.firewall_id]:
        world.remove("membership", ids, now)


def _defaults(_world: World, _entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"content": None, "icmp": "N", "rules": ()}


def _finished_membership(_world: World, membership: Membership, _now: float) -> Membership | None:
    leaves = membership.pending is not None and membership.pending.operation == "detach"
    return None if leaves else replace(membership, pending=None)


_GROUPS = "/v1/security-groups"
_GROUP = _GROUPS + "/{firewall_id}"
_RULES = _GROUP + "/rules"
_RULE = _RULES + "/{rule_id}"
_OLDER = "/v1/firewall"
_OLDER_ONE = _OLDER + "/{firewall_id}"
_ONE_INSTANCE = "/{instance_id}"
_attach, _detach = security_groups.attach_group, security_groups.detach_group
FIREWALL = Kind(
    name="firewall",
    section="firewalls",
    key="firewall_id",
    label="title",
    prefix="FIREWALL-",
    record=Firewall,
    routes=(
        Route("GET", _GROUPS, "listSecurityGroups", security_groups.list_groups),
        Route("POST", _GROUPS, "createSecurityGroup", security_groups.create_group, 200, 202),
        Route("GET", _GROUP, "getSecurityGroup", security_groups.get_group, 200, 202),
        Route("PUT", _GROUP, "editSecurityGroup", security_groups.edit_group),
        Route("DELETE", _GROUP, "deleteSecurityGroup", security_groups.delete_group),
        Route("GET", _RULES, "listSecurityGroupRules", rules.list_rules),
        Route("POST", _RULES, "createSecurityGroupRule", rules.create_rule, 200, 202),
        Route("PUT", _RULE, "editSecurityGroupRule", rules.edit_rule, 200, 202),
        Route("DELETE", _RULE, "deleteSecurityGroupRule", rules.delete_rule),
        Route(
            "GET", _GROUP + "/instances", "listSecurityGroupInstances", security_groups.list_members
        ),
        Route("POST", _GROUP + "/attach", "attachSecurityGroup", _attach, 202, 202),
        Route("POST", _GROUP + "/detach", "detachSecurityGroup", _detach, 202, 202),
        Route("GET", _OLDER, "listFirewalls", older_firewalls.list_firewalls),
        Route("POST", _OLDER, "createFirewall", older_firewalls.create_firewall, 202, 202),
        Route("GET", _OLDER_ONE, "getFirewall", older_firewalls.get_firewall),
        Route("PUT", _OLDER_ONE, "editFirewall", older_firewalls.edit_firewall, 202, 202),
        Route("DELETE", _OLDER_ONE, "deleteFirewall", security_groups.delete_group),
        Route("POST", _OLDER_ONE + "/attach", "attachFirewall", _attach, 202, 202),
        Route("POST", _OLDER_ONE + "/detach", "detachFirewall", _detach, 202, 202),
        Route("POST", _OLDER_ONE + "/attach" + _ONE_INSTANCE, "attachFirewall", _attach, 202, 202),
        Route("POST", _OLDER_ONE + "/detach" + _ONE_INSTANCE, "detachFirewall", _detach, 202, 202),
    ),
    words={"name": "title"},
    defaults=_defaults,
    removed=_removed,
)
MEMBERSHIP = Kind(
    name="membership",
    section="memberships",
    key="ids",
    label="",
    record=Membership,
    finished=_finished_membership,
)
