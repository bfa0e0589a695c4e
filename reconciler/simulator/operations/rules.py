"""Rules of a security group: what one must be, and their four calls (contract#security-groups)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from reconciler.simulator.call import Call, Reply, required, whole_number
from reconciler.simulator.errors import ApiError
from reconciler.simulator.records import Firewall, Row, Rule

REQUIRED = ("bound", "protocol", "port", "ip", "title")


def rule_row(rule: Rule) -> Row:
    """A rule as it reads: everything verbatim."""
    return asdict(rule)


def list_rules(call: Call) -> Reply:
    """GET .../rules: always whole; page parameters are ignored. The rules of an absent group give
    CHECK_PARAM.
    """
    return Reply([rule_row(rule) for rule in _group(call, reading=True).rules])


def create_rule(call: Call) -> Reply:
    """POST .../rules: an exact duplicate is refused."""
    group = _group(call)
    rule = new_rule(call, call.json(), group.rules)
    call.world.put_rules(group.firewall_id, (*group.rules, rule))
    return Reply([rule_row(rule)])


def edit_rule(call: Call) -> Reply:
    """PUT .../rules/{rule_id}: members left out stay, and so does the text when an empty one is
    sent.

    No member at all is refused, as on an instance (contract#instances).
    """
    group = _group(call)
    rule = _rule(call, group)
    body = call.json()
    if not body:
        raise ApiError("REQUIRED_POST_PARAM_MISSING")
    changed = replace(rule, **_checked(body))  # type: ignore[arg-type]
    others = [each for each in group.rules if each.rule_id != rule.rule_id]
    _refuse_duplicate(call, changed, others)
    call.world.put_rules(
        group.firewall_id,
        [changed if each.rule_id == rule.rule_id else each for each in group.rules],
    )
    return Reply([rule_row(changed)])


def delete_rule(call: Call) -> Reply:
    """DELETE .../rules/{rule_id}: the result is a string."""
    group = _group(call)
    rule = _rule(call, group)
    call.world.put_rules(
        group.firewall_id, [each for each in group.rules if each.rule_id != rule.rule_id]
    )
    return Reply("success", counted=False)


def new_rule(call: Call, body: Mapping[str, object], others: Iterable[Rule]) -> Rule:
    """A rule from a request, checked against those it will stand beside; it takes a new id."""
    required(body, *REQUIRED[:-1])
    if body.get("title") is None:
        raise ApiError("REQUIRED_POST_PARAM_MISSING", "title")
    others = list(others)
    maximum = call.switches.rules_max
    if maximum is not None and len(others) >= maximum:
        raise ApiError("LIMIT_EXCEEDED")
    checked = _checked(body)
    rule = Rule(rule_id=0, **{"content": None, **checked})  # type: ignore[arg-type]
    _refuse_duplicate(call, rule, others)
    return replace(rule, rule_id=call.world.new_rule_id())


def _group(call: Call, *, reading: bool = False) -> Firewall:
    group = call.world.firewalls.get(call.ids[0])
    if group is None or (reading and group.visible_from > call.now):
        raise ApiError("CHECK_PARAM", "firewall_id")
    return group


def _rule(call: Call, group: Firewall) -> Rule:
    number = whole_number(call.ids[1])
    for rule in group.rules:
        if rule.rule_id == number:
            return rule
    raise ApiError("ID_INVALID", "rule_id")


def _checked(body: Mapping[str, object]) -> dict[str, str]:
    """The members that were sent and may stand; an empty or null `content` is as good as none
    (contract#security-groups).
    """
    checked = {name: check(body[name]) for name, check in _CHECKS.items() if name in body}
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        raise ApiError("CHECK_PARAM", "content")
    if content:
        if len(content) > 25:
            raise ApiError("CHECK_LENGTH", "content")
        checked["content"] = content
    return checked


def _refuse_duplicate(call: Call, rule: Rule, others: Iterable[Rule]) -> None:
    def key(each: Rule) -> tuple[str | None, ...]:
        match = (each.bound, each.protocol, each.port, _masked(each.ip))
        return (*match, each.title, each.content) if call.switches.duplicate_key == "all" else match

    if any(key(each) == key(rule) for each in others):
        raise ApiError("CHECK_PARAM", "rule")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ApiError("CHECK_PARAM", name)
    return value


def _check_bound(value: object) -> str:
    if value not in {"IN", "OUT"} if isinstance(value, str) else True:
        raise ApiError("CHECK_PARAM_ENUM", "bound")
    return str(value)


def _check_protocol(value: object) -> str:
    if value not in {"TCP", "UDP"} if isinstance(value, str) else True:
        raise ApiError("CHECK_PARAM_ENUM", "protocol")
    return str(value)


def _check_port(value: object) -> str:
    """One port or an ascending range within 1-65535."""
    text = _text(value, "port")
    found = re.fullmatch(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?", text)
    low = int(found[1]) if found else 0
    high = int(found[2] or found[1]) if found else 0
    if not 1 <= low <= high <= 65_535:
        raise ApiError("CHECK_PARAM", "port")
    return text


def _check_ip(value: object) -> str:
    """An IPv4 range, host bits kept; a bare address, IPv6 and nonsense each have their own code."""
    text = _text(value, "ip")
    if ":" in text and _is_ipv6(text):
        raise ApiError("IPV6_NOT_SUPPORTED", "ip")
    address, slash, prefix = text.partition("/")
    if not slash:
        raise ApiError("CHECK_PARAM", "ip")
    try:
        ipaddress.IPv4Address(address)
    except ValueError:
        raise ApiError("CIDR_NOT_VALID", "ip") from None
    if not re.fullmatch(r"[0-9]|[12][0-9]|3[0-2]", prefix):
        raise ApiError("CIDR_NOT_VALID", "ip")
    return text


def _masked(text: str) -> str:
    """An address that was typed bare in the console counts as `/32`, and `0.0.0.0` as `0.0.0.0/0`
    (contract#security-groups).
    """
    everywhere = f"{text}/0"
    return text if "/" in text else everywhere if everywhere == "0.0.0.0/0" else f"{text}/32"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text.partition("/")[0])
    except ValueError:
        return False
    return True


def _check_title(value: object) -> str:
    text = _text(value, "title")
    if not 1 <= len(text) <= 25:
        raise ApiError("CHECK_LENGTH", "title")
    return text


_CHECKS = {
    "bound": _check_bound,
    "protocol": _check_protocol,
    "port": _check_port,
    "ip": _check_ip,
    "title": _check_title,
}
