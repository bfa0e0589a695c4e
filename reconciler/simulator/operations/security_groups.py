"""Security groups and who is in them, in the newer form (contract#security-groups)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.simulator.call import Call, Reply, paged
from reconciler.simulator.errors import ApiError
from reconciler.simulator.operations.instances import at_rest, begin
from reconciler.simulator.records import Firewall, Membership, Row

DEFAULT_PAGE_SIZE = 50
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#039;"))


def escape(text: str) -> str:
    """The HTML escaping that group descriptions come back with (contract#values)."""
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text


def group_row(call: Call, group: Firewall) -> Row:
    """A group as it reads: title verbatim, description escaped."""
    content = group.content
    if content is not None and call.switches.escape_group_content:
        content = escape(content)
    return {
        "firewall_id": group.firewall_id,
        "title": group.title,
        "content": content,
        "icmp": group.icmp,
    }


def list_groups(call: Call) -> Reply:
    """GET /v1/security-groups: paged though undocumented, 50 a page."""
    page = call.page(default_size=DEFAULT_PAGE_SIZE)
    return Reply(paged([group_row(call, each) for each in visible_groups(call)], page), page=page)


def visible_groups(call: Call) -> list[Firewall]:
    """The groups that reads show."""
    return [each for each in call.world.firewalls.values() if each.visible_from <= call.now]


def get_group(call: Call) -> Reply:
    """GET /v1/security-groups/{firewall_id}: an absent one gives 200 and an empty list."""
    group = call.world.firewalls.get(call.ids[0])
    return Reply([] if group is None or group.visible_from > call.now else [group_row(call, group)])


def create_group(call: Call) -> Reply:
    """POST /v1/security-groups: without a description the answer is 403 CHECK_IP, and nothing was
    made.
    """
    group = new_group(call, call.json())
    call.world.put_firewall(group)
    return Reply([group_row(call, group)])


def new_group(call: Call, body: Mapping[str, object]) -> Firewall:
    """A group without rules from a request that passed every check."""
    title, content, icmp = _members(body)
    if not content and call.switches.group_empty_content == "check_ip":
        raise ApiError("CHECK_IP")
    maximum = call.switches.groups_max
    if maximum is not None and len(call.world.firewalls) >= maximum:
        raise ApiError("LIMIT_EXCEEDED")
    return Firewall(
        firewall_id=call.world.new_id("firewall"),
        title=title,
        content=content or None,
        icmp=icmp or "N",
        visible_from=call.after(call.switches.visibility_delay),
    )


def edit_group(call: Call) -> Reply:
    """PUT /v1/security-groups/{firewall_id}: title, icmp and description; never the rules."""
    group = edited_group(call, existing_group(call), call.json())
    call.world.put_firewall(group)
    return Reply([group_row(call, group)])


def edited_group(call: Call, group: Firewall, body: Mapping[str, object]) -> Firewall:
    """The group after an edit; an empty description does what the switch says, by default nothing
    (contract#security-groups).
    """
    title, content, icmp = _members(body)
    if content:
        group = replace(group, content=content)
    elif content == "" and call.switches.group_clear == "clear":
        group = replace(group, content=None)
    elif content == "" and call.switches.group_clear == "corrupt":
        group = replace(group, content=escape(group.content or "") or None)
    return replace(group, title=title, icmp=icmp or group.icmp)


def _members(body: Mapping[str, object]) -> tuple[str, str | None, str | None]:
    """Title, description and icmp as sent, each checked."""
    title, content, icmp = body.get("title"), body.get("content"), body.get("icmp")
    if title is None:
        raise ApiError("REQUIRED_POST_PARAM_MISSING", "title")
    if not isinstance(title, str):
        raise ApiError("CHECK_PARAM", "title")
    if not 4 <= len(title) <= 32:
        raise ApiError("CHECK_LENGTH", "title")
    if content is not None and not isinstance(content, str):
        raise ApiError("CHECK_PARAM", "content")
    if content is not None and len(content) > 50:
        raise ApiError("CHECK_LENGTH", "content")
    if "icmp" in body and (not isinstance(icmp, str) or icmp not in {"Y", "N"}):
        raise ApiError("CHECK_PARAM_ENUM", "icmp")
    return title, content, None if icmp is None else str(icmp)


def existing_group(call: Call) -> Firewall:
    """The group a write is about."""
    group = call.world.firewalls.get(call.ids[0])
    if group is None:
        raise ApiError("ID_INVALID", "firewall_id")
    return group


def delete_group(call: Call) -> Reply:
    """DELETE /v1/security-groups/{firewall_id}: rules go with it; one with members is IN_USE. The
    result is a string.
    """
    group = existing_group(call)
    if call.world.members(group.firewall_id) and call.switches.delete_attached_group == "refuse":
        raise ApiError("IN_USE")
    call.world.remove_firewall(group.firewall_id)
    return Reply("success", counted=False)


def list_members(call: Call) -> Reply:
    """GET .../instances: id, name and status of each member; 404 for an absent group."""
    group = call.world.firewalls.get(call.ids[0])
    if group is None or group.visible_from > call.now:
        raise ApiError("NOT_FOUND", "firewall_id")
    members = [
        call.world.instances[each]
        for each in call.world.members(group.firewall_id)
        if each in call.world.instances
    ]
    return Reply(
        [
            {"instance_id": each.instance_id, "name": each.name, "status": each.status}
            for each in members
        ]
    )


def attach_group(call: Call) -> Reply:
    """POST .../attach: a second group on one server is IN_USE, moves it, or adds up, by switch."""
    group = existing_group(call)
    instance_id = at_rest(call, _instance_id(call)).instance_id
    current = call.world.firewalls_of(instance_id)
    if group.firewall_id in current:
        raise ApiError("CHECK_PARAM", "instance_id")
    if current and call.switches.attach_mode == "single_refuse":
        raise ApiError("IN_USE", "instance_id")
    if call.switches.attach_mode == "single_replace":
        for each in current:
            call.world.remove_membership(each, instance_id)
    pending = begin(call, "attach", tick="group", status="") if call.switches.ticks.group else None
    call.world.put_membership(Membership(group.firewall_id, instance_id, pending))
    return Reply([{"firewall_id": group.firewall_id, "instance_id": instance_id}])


def detach_group(call: Call) -> Reply:
    """POST .../detach: CHECK_PARAM for a server that is not in the group."""
    group = existing_group(call)
    instance_id = at_rest(call, _instance_id(call)).instance_id
    if instance_id not in call.world.members(group.firewall_id):
        raise ApiError("CHECK_PARAM", "instance_id")
    if call.switches.ticks.group:
        pending = begin(call, "detach", tick="group", status="")
        call.world.put_membership(Membership(group.firewall_id, instance_id, pending))
    else:
        call.world.remove_membership(group.firewall_id, instance_id)
    return Reply([{"firewall_id": group.firewall_id, "instance_id": instance_id}])


def _instance_id(call: Call) -> str:
    """The instance of an attach or detach: from the body, or from the path where the older form
    puts it.
    """
    if len(call.ids) > 1:
        return call.ids[1]
    instance_id = call.json().get("instance_id")
    if instance_id in (None, ""):
        raise ApiError("REQUIRED_POST_PARAM_MISSING", "instance_id")
    if not isinstance(instance_id, str):
        raise ApiError("CHECK_PARAM", "instance_id")
    return instance_id
