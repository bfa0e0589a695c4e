"""Firewalls as security groups, the newer form, and their members (contract#security-groups)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace

from reconciler.simulator.errors import ApiError, found, refuse_if
from reconciler.simulator.kinds.call import Call, Reply, check_limit, paged
from reconciler.simulator.kinds.instance_view import at_rest
from reconciler.simulator.kinds.records import Firewall, Membership, Row

DEFAULT_PAGE_SIZE = 50


def escape(text: str) -> str:
    """The HTML escaping with which descriptions come back (contract#values)."""
    return html.escape(text).replace("&#x27;", "&#039;")


def group_row(call: Call, firewall: Firewall) -> Row:
    """A firewall as it reads: title verbatim, description escaped."""
    content = firewall.content
    if content is not None and call.switches.escape_group_content:
        content = escape(content)
    return {
        "firewall_id": firewall.firewall_id,
        "title": firewall.title,
        "content": content,
        "icmp": firewall.icmp,
    }


def visible(call: Call) -> list[Firewall]:
    """The firewalls that lists show."""
    return [each for each in call.world.firewalls.values() if each.visible_from <= call.now]


def shown(call: Call) -> Firewall | None:
    """The firewall of the path, if reads show it."""
    firewall = call.world.firewalls.get(call.ids[0])
    return None if firewall is None or firewall.visible_from > call.now else firewall


def existing_firewall(call: Call) -> Firewall:
    """The firewall that a write is about."""
    return found(call.world.firewalls.get(call.ids[0]), "ID_INVALID", "firewall_id")


def list_groups(call: Call) -> Reply:
    """GET /v1/security-groups: paged though undocumented, 50 a page."""
    page = call.page(default_size=DEFAULT_PAGE_SIZE)
    return Reply(paged([group_row(call, each) for each in visible(call)], page), page=page)


def get_group(call: Call) -> Reply:
    """GET /v1/security-groups/{firewall_id}: an absent one gives 200 and an empty list."""
    firewall = shown(call)
    return Reply([] if firewall is None else [group_row(call, firewall)])


def create_group(call: Call) -> Reply:
    """POST /v1/security-groups: without a description the answer is 403 CHECK_IP, and nothing is
    created.
    """
    firewall = new_firewall(call, call.json())
    call.world.put(firewall)
    return Reply([group_row(call, firewall)])


def new_firewall(call: Call, body: Mapping[str, object]) -> Firewall:
    """A firewall without rules from a request that passed every check."""
    title, content, icmp = _members(body)
    check_ip = call.switches.group_empty_content == "check_ip"
    refuse_if(not content and check_ip, "CHECK_IP")
    check_limit(call.switches.groups_max, len(call.world.firewalls) + 1)
    return Firewall(
        firewall_id=call.world.new_id("firewall"),
        title=title,
        content=content or None,
        icmp=icmp or "N",
        visible_from=call.after(call.switches.visibility_delay),
    )


def edit_group(call: Call) -> Reply:
    """PUT /v1/security-groups/{firewall_id}: title, icmp and description; never the rules."""
    firewall = edited_firewall(call, existing_firewall(call), call.json())
    call.world.put(firewall)
    return Reply([group_row(call, firewall)])


def edited_firewall(call: Call, firewall: Firewall, body: Mapping[str, object]) -> Firewall:
    """The firewall after an edit; an empty description does what the switch says, by default
    nothing (contract#security-groups).
    """
    title, content, icmp = _members(body)
    clear = call.switches.group_clear if content == "" else "keep"
    if clear == "corrupt":
        content = escape(firewall.content or "")
    kept = None if clear == "clear" else content or firewall.content
    return replace(firewall, title=title, content=kept, icmp=icmp or firewall.icmp)


def _members(body: Mapping[str, object]) -> tuple[str, str | None, str | None]:
    """Title, description and icmp as sent, each checked."""
    title = found(body.get("title"), "REQUIRED_POST_PARAM_MISSING", "title")
    content, icmp = body.get("content"), body.get("icmp")
    if not isinstance(title, str):
        raise ApiError("CHECK_PARAM", "title")
    refuse_if(not 4 <= len(title) <= 32, "CHECK_LENGTH", "title")
    if content is not None and not isinstance(content, str):
        raise ApiError("CHECK_PARAM", "content")
    refuse_if(len(content or "") > 50, "CHECK_LENGTH", "content")
    if "icmp" in body and icmp not in ("Y", "N"):
        raise ApiError("CHECK_PARAM_ENUM", "icmp")
    return title, content, None if icmp is None else str(icmp)


def delete_group(call: Call) -> Reply:
    """DELETE /v1/security-groups/{firewall_id}: rules go with it; one with members is IN_USE. The
    result is a string.
    """
    firewall = existing_firewall(call)
    refused = call.switches.delete_attached_group == "refuse"
    refuse_if(refused and bool(call.world.members(firewall.firewall_id)), "IN_USE")
    call.world.remove("firewall", firewall.firewall_id)
    return Reply("success", counted=False)


def list_members(call: Call) -> Reply:
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


def attach_group(call: Call) -> Reply:
    """POST .../attach: a second firewall on one instance is IN_USE, moves it, or is added, by
    switch.
    """
    world, mode = call.world, call.switches.attach_mode
    key = existing_firewall(call).firewall_id
    instance_id = at_rest(call, _instance_id(call)).instance_id
    current = world.firewalls_of(instance_id)
    refuse_if(key in current, "CHECK_PARAM", "instance_id")
    refuse_if(bool(current) and mode == "single_refuse", "IN_USE", "instance_id")
    if mode == "single_replace":
        for each in current:
            world.remove("membership", (each, instance_id))
    return _begin(call, "attach", Membership(key, instance_id))


def detach_group(call: Call) -> Reply:
    """POST .../detach: CHECK_PARAM for an instance that is not a member."""
    key = existing_firewall(call).firewall_id
    instance_id = at_rest(call, _instance_id(call)).instance_id
    refuse_if(instance_id not in call.world.members(key), "CHECK_PARAM", "instance_id")
    return _begin(call, "detach", Membership(key, instance_id))


def _begin(call: Call, operation: str, membership: Membership) -> Reply:
    """Attach or detach, at once or in the background, as the switch says."""
    if call.switches.ticks.group:
        pending = call.begin(operation, tick="group", status="")
        call.world.put(replace(membership, pending=pending))
    elif operation == "attach":
        call.world.put(membership)
    else:
        call.world.remove("membership", membership.ids)
    return Reply([{"firewall_id": membership.firewall_id, "instance_id": membership.instance_id}])


def _instance_id(call: Call) -> str:
    """The instance of an attach or detach: from the body, or from the path in the older form."""
    if len(call.ids) > 1:
        return call.ids[1]
    instance_id = call.json().get("instance_id")
    refuse_if(instance_id in (None, ""), "REQUIRED_POST_PARAM_MISSING", "instance_id")
    if not isinstance(instance_id, str):
        raise ApiError("CHECK_PARAM", "instance_id")
    return instance_id
