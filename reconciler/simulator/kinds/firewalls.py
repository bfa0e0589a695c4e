"""Firewalls and their memberships. The API shows a firewall in two forms: as a security group
(contract#security-groups) and in an older form, with its rules inside, which every edit rewrites
(contract#older-firewall).
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, replace

from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds import rules
from reconciler.simulator.kinds.call import OperationCall, Reply, check_limit, paged, text_of
from reconciler.simulator.kinds.instance_view import at_rest
from reconciler.simulator.kinds.records import Firewall, Membership, Row, Rule
from reconciler.simulator.kinds.registry import Kind, Route
from reconciler.simulator.world import World

DEFAULT_PAGE_SIZE = 50


def escape(text: str) -> str:
    """The HTML escaping with which descriptions come back (contract#values)."""
    return html.escape(text).replace("&#x27;", "&#039;")


def _is_older(call: OperationCall) -> bool:
    return call.request.path.startswith(_OLDER)


def _row(call: OperationCall, firewall: Firewall) -> Row:
    """A firewall as it reads: title verbatim, description escaped; in the older form with rules."""
    content = firewall.content
    if content is not None and call.switches.escape_group_content:
        content = escape(content)
    row: Row = {
        "firewall_id": firewall.firewall_id,
        "title": firewall.title,
        "content": content,
        "icmp": firewall.icmp,
    }
    if _is_older(call):
        row["rules"] = [asdict(each) for each in firewall.rules]
    return row


def shown(call: OperationCall) -> Firewall | None:
    """The firewall of the path, if reads show it."""
    firewall = call.world.firewalls.get(call.ids[0])
    return None if firewall is None or firewall.visible_from > call.now else firewall


def _existing(call: OperationCall) -> Firewall:
    """The firewall that a write is about."""
    return found(call.world.firewalls.get(call.ids[0]), "ID_INVALID", "firewall_id")


def list_firewalls(call: OperationCall) -> Reply:
    """GET /v1/security-groups, paged though undocumented, 50 a page; GET /v1/firewall, unpaged."""
    page = None if _is_older(call) else call.page(default_size=DEFAULT_PAGE_SIZE)
    visible = [each for each in call.world.firewalls.values() if each.visible_from <= call.now]
    rows = [_row(call, each) for each in (visible if page is None else paged(visible, page))]
    return Reply(rows, page=page)


def get_firewall(call: OperationCall) -> Reply:
    """GET .../{firewall_id}: an absent one gives 200 and an empty list."""
    firewall = shown(call)
    return Reply([] if firewall is None else [_row(call, firewall)])


def create_firewall(call: OperationCall) -> Reply:
    """POST: without a description the answer is 403 CHECK_IP, and nothing is created. The older
    form creates the firewall and its rules at once, or neither.
    """
    body = call.json()
    wanted = _rule_bodies(call, body)
    return _put(call, replace(_new_firewall(call, body), rules=_new_rules(call, wanted)))


def _new_firewall(call: OperationCall, body: Mapping[str, object]) -> Firewall:
    """A firewall without rules from a request that passed every check."""
    title, content, icmp = _members(body)
    refuse_if(not content and call.switches.group_empty_content == "check_ip", "CHECK_IP")
    check_limit(call.switches.groups_max, len(call.world.firewalls) + 1)
    return Firewall(
        firewall_id=call.world.new_id("firewall"),
        title=title,
        content=content or None,
        icmp=icmp or "N",
        visible_from=call.after(call.switches.visibility_delay),
    )


def edit_firewall(call: OperationCall) -> Reply:
    """PUT .../{firewall_id}: title, icmp and description; never the rules of a security group. In
    the older form all former rules go, only those sent remain, under new ids.
    """
    firewall = _existing(call)
    body = call.json()
    wanted = _rule_bodies(call, body)
    edited = _edited(call, firewall, body)
    rewrites = "rules" in body or call.switches.put_without_rules == "remove"
    if _is_older(call) and rewrites:
        edited = replace(edited, rules=_new_rules(call, wanted))
    return _put(call, edited)


def _put(call: OperationCall, firewall: Firewall) -> Reply:
    call.world.put(firewall)
    return Reply([_row(call, firewall)])


def _rule_bodies(call: OperationCall, body: Mapping[str, object]) -> list[Mapping[str, object]]:
    """The rules in a body; only the older form has any."""
    bodies = body.get("rules", []) if _is_older(call) else []
    if not isinstance(bodies, list) or not all(isinstance(each, dict) for each in bodies):
        raise ApiError("CHECK_PARAM", "rules")
    return bodies


def _new_rules(call: OperationCall, bodies: list[Mapping[str, object]]) -> tuple[Rule, ...]:
    made: list[Rule] = []
    for body in bodies:
        made.append(rules.new_rule(call, body, made))
    return tuple(made)


def _edited(call: OperationCall, firewall: Firewall, body: Mapping[str, object]) -> Firewall:
    """The firewall after an edit; an empty description does what the switch says, by default
    nothing (contract#security-groups).
    """
    title, content, icmp = _members(body)
    clear = call.switches.group_clear if content == "" else "keep"
    if clear == "corrupt":
        content = escape(firewall.content or "")
    kept = None if clear == "clear" else content or firewall.content
    return replace(firewall, title=title, content=kept, icmp=icmp or firewall.icmp)


def _members(body: Mapping[str, object]) -> tuple[str, str | None, str]:
    """Title, description and icmp as sent, each checked; icmp is empty if it was not sent."""
    title = text_of(found(body.get("title"), "REQUIRED_POST_PARAM_MISSING", "title"), "title")
    refuse_if(not 4 <= len(title) <= 32, "CHECK_LENGTH", "title")
    content = None if body.get("content") is None else text_of(body["content"], "content")
    refuse_if(len(content or "") > 50, "CHECK_LENGTH", "content")
    icmp = body.get("icmp")
    refuse_if("icmp" in body and icmp not in ("Y", "N"), "CHECK_PARAM_ENUM", "icmp")
    return title, content, str(icmp or "")


def delete_firewall(call: OperationCall) -> Reply:
    """DELETE /v1/security-groups/{firewall_id}: rules go with it; one with members is IN_USE. The
    result is a string.
    """
    firewall = _existing(call)
    if call.world.members(firewall.firewall_id):
        refuse_if(call.switches.delete_attached_group == "refuse", "IN_USE")
    call.world.remove("firewall", firewall.firewall_id)
    return Reply("success")


def list_members(call: OperationCall) -> Reply:
    """GET .../instances: id, name and status of each member; 404 for an absent firewall."""
    firewall = found(shown(call), "NOT_FOUND", "firewall_id")
    members = [
        call.world.instances[each]
        for each in call.world.members(firewall.firewall_id)
        if each in call.world.instances
    ]
    return Reply(
        [
            {"instance_id": each.instance_id, "name": each.name, "status": each.status}
            for each in members
        ]
    )


def attach_instance(call: OperationCall) -> Reply:
    """POST .../attach: a second firewall on one instance is IN_USE, moves it, or is added, by
    switch.
    """
    world, mode = call.world, call.switches.attach_mode
    key = _existing(call).firewall_id
    instance_id = at_rest(call, _instance_id(call)).instance_id
    current = world.firewalls_of(instance_id)
    refuse_if(key in current, "CHECK_PARAM", "instance_id")
    refuse_if(bool(current) and mode == "single_refuse", "IN_USE", "instance_id")
    if mode == "single_replace":
        for each in current:
            world.remove("membership", (each, instance_id))
    return _begin(call, "attach", Membership(key, instance_id))


def detach_instance(call: OperationCall) -> Reply:
    """POST .../detach: CHECK_PARAM for an instance that is not a member."""
    key = _existing(call).firewall_id
    instance_id = at_rest(call, _instance_id(call)).instance_id
    refuse_if(instance_id not in call.world.members(key), "CHECK_PARAM", "instance_id")
    return _begin(call, "detach", Membership(key, instance_id))


def _begin(call: OperationCall, operation: str, membership: Membership) -> Reply:
    """Attach or detach, at once or in the background, as the switch says."""
    if call.switches.ticks.group:
        pending = call.begin(operation, tick="group", status="")
        call.world.put(replace(membership, pending=pending))
    elif operation == "attach":
        call.world.put(membership)
    else:
        call.world.remove("membership", membership.ids)
    return Reply([{"firewall_id": membership.firewall_id, "instance_id": membership.instance_id}])


def _instance_id(call: OperationCall) -> str:
    """The instance of an attach or detach: from the body, or from the path in the older form."""
    if len(call.ids) > 1:
        return call.ids[1]
    instance_id = call.json().get("instance_id")
    refuse_if(instance_id in (None, ""), "REQUIRED_POST_PARAM_MISSING", "instance_id")
    return text_of(instance_id, "instance_id")


# The kinds
# --------------------------------------------------------------------------------------------------


def _removed(world: World, firewall: Firewall, now: float) -> None:
    """Memberships end with their firewall."""
    for ids in [ids for ids in world.memberships if ids[0] == firewall.firewall_id]:
        world.remove("membership", ids, now)


def _finished_membership(_world: World, membership: Membership, _now: float) -> Membership | None:
    leaves = membership.pending is not None and membership.pending.operation == "detach"
    return None if leaves else replace(membership, pending=None)


_GROUPS = "/v1/security-groups"
_GROUP = _GROUPS + "/{firewall_id}"
_RULES = _GROUP + "/rules"
_RULE = _RULES + "/{rule_id}"
_OLDER = "/v1/firewall"
_OLDER_ONE = _OLDER + "/{firewall_id}"
FIREWALL = Kind(
    name="firewall",
    section="firewalls",
    key="firewall_id",
    label="title",
    prefix="FIREWALL-",
    record=Firewall,
    routes=(
        Route("GET", _GROUPS, "listSecurityGroups", list_firewalls),
        Route("POST", _GROUPS, "createSecurityGroup", create_firewall, 200, 202),
        Route("GET", _GROUP, "getSecurityGroup", get_firewall, 200, 202),
        Route("PUT", _GROUP, "editSecurityGroup", edit_firewall),
        Route("DELETE", _GROUP, "deleteSecurityGroup", delete_firewall),
        Route("GET", _RULES, "listSecurityGroupRules", rules.list_rules),
        Route("POST", _RULES, "createSecurityGroupRule", rules.create_rule, 200, 202),
        Route("PUT", _RULE, "editSecurityGroupRule", rules.edit_rule, 200, 202),
        Route("DELETE", _RULE, "deleteSecurityGroupRule", rules.delete_rule),
        Route("GET", _GROUP + "/instances", "listSecurityGroupInstances", list_members),
        Route("POST", _GROUP + "/attach", "attachSecurityGroup", attach_instance, 202, 202),
        Route("POST", _GROUP + "/detach", "detachSecurityGroup", detach_instance, 202, 202),
        Route("GET", _OLDER, "listFirewalls", list_firewalls),
        Route("POST", _OLDER, "createFirewall", create_firewall, 202, 202),
        Route("GET", _OLDER_ONE, "getFirewall", get_firewall),
        Route("PUT", _OLDER_ONE, "editFirewall", edit_firewall, 202, 202),
        Route("DELETE", _OLDER_ONE, "deleteFirewall", delete_firewall),
        Route("POST", _OLDER_ONE + "/attach", "attachFirewall", attach_instance, 202, 202),
        Route("POST", _OLDER_ONE + "/detach", "detachFirewall", detach_instance, 202, 202),
        Route(
            "POST",
            _OLDER_ONE + "/attach/{instance_id}",
            "attachFirewall",
            attach_instance,
            202,
            202,
        ),
        Route(
            "POST",
            _OLDER_ONE + "/detach/{instance_id}",
            "detachFirewall",
            detach_instance,
            202,
            202,
        ),
    ),
    words={"name": "title"},
    defaults=lambda _world, _entry: {"content": None, "icmp": "N", "rules": ()},
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
