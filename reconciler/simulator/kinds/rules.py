"""Rules of a security group: what one must be, and their four calls (contract#security-groups)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from reconciler.simulator.errors import found, refuse_if
from reconciler.simulator.kinds.call import (
    OperationCall,
    Reply,
    check_limit,
    required,
    text_of,
    whole_number,
)
from reconciler.simulator.kinds.records import Firewall, Rule

PORTS = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
PREFIX = re.compile(r"[0-9]|[12][0-9]|3[0-2]")


def list_rules(call: OperationCall) -> Reply:
    """GET .../rules: always whole; page parameters are ignored. The rules of an absent group give
    CHECK_PARAM.
    """
    firewall = _firewall(call)
    refuse_if(firewall.visible_from > call.now, "CHECK_PARAM", "firewall_id")
    return Reply([asdict(rule) for rule in firewall.rules])


def create_rule(call: OperationCall) -> Reply:
    """POST .../rules: an exact duplicate is refused."""
    firewall = _firewall(call)
    rule = new_rule(call, call.json(), firewall.rules)
    call.world.put_rules(firewall.firewall_id, (*firewall.rules, rule))
    return Reply([asdict(rule)])


def edit_rule(call: OperationCall) -> Reply:
    """PUT .../rules/{rule_id}: members left out stay, and so does the text when an empty one is
    sent.

    No member at all is refused, as on an instance (contract#instances).
    """
    firewall = _firewall(call)
    rule = _rule(call, firewall)
    body = call.json()
    refuse_if(not body, "REQUIRED_POST_PARAM_MISSING")
    changed = replace(rule, **_checked(body))  # type: ignore[arg-type]
    _refuse_duplicate(call, changed, [each for each in firewall.rules if each is not rule])
    call.world.put_rules(
        firewall.firewall_id, [changed if each is rule else each for each in firewall.rules]
    )
    return Reply([asdict(changed)])


def delete_rule(call: OperationCall) -> Reply:
    """DELETE .../rules/{rule_id}: the result is a string."""
    firewall = _firewall(call)
    rule = _rule(call, firewall)
    call.world.put_rules(
        firewall.firewall_id, [each for each in firewall.rules if each is not rule]
    )
    return Reply("success")


def new_rule(call: OperationCall, body: Mapping[str, object], others: Sequence[Rule]) -> Rule:
    """A rule from a request, checked against those it will stand beside; it takes a new id."""
    required(body, "bound", "protocol", "port", "ip")
    refuse_if(body.get("title") is None, "REQUIRED_POST_PARAM_MISSING", "title")
    check_limit(call.switches.rules_max, len(others) + 1)
    rule = Rule(rule_id=0, **{"content": None, **_checked(body)})  # type: ignore[arg-type]
    _refuse_duplicate(call, rule, others)
    return replace(rule, rule_id=call.world.new_rule_id())


def _firewall(call: OperationCall) -> Firewall:
    return found(call.world.firewalls.get(call.ids[0]), "CHECK_PARAM", "firewall_id")


def _rule(call: OperationCall, firewall: Firewall) -> Rule:
    number = whole_number(call.ids[1])
    matching = (rule for rule in firewall.rules if rule.rule_id == number)
    return found(next(matching, None), "ID_INVALID", "rule_id")


def _checked(body: Mapping[str, object]) -> dict[str, str]:
    """The members that were sent and may stand; an empty or null `content` is as good as none
    (contract#security-groups).
    """
    checked = {name: check(body[name], name) for name, check in _CHECKS.items() if name in body}
    content = body.get("content")
    if content is not None and text_of(content, "content"):
        refuse_if(len(str(content)) > 25, "CHECK_LENGTH", "content")
        checked["content"] = str(content)
    return checked


def _refuse_duplicate(call: OperationCall, rule: Rule, others: Iterable[Rule]) -> None:
    def key(each: Rule) -> tuple[str | None, ...]:
        match = (each.bound, each.protocol, each.port, _masked(each.ip))
        return (*match, each.title, each.content) if call.switches.duplicate_key == "all" else match

    refuse_if(any(key(each) == key(rule) for each in others), "CHECK_PARAM", "rule")


def _one_of(*words: str) -> Callable[[object, str], str]:
    def check(value: object, name: str) -> str:
        refuse_if(value not in words, "CHECK_PARAM_ENUM", name)
        return str(value)

    return check


def _check_port(value: object, name: str) -> str:
    """One port or an ascending range within 1-65535."""
    text = text_of(value, name)
    ports = found(PORTS.fullmatch(text), "CHECK_PARAM", name)
    low, high = int(ports[1]), int(ports[2] or ports[1])
    refuse_if(not low <= high <= 65_535, "CHECK_PARAM", name)
    return text


def _check_ip(value: object, name: str) -> str:
    """An IPv4 range, host bits kept; a bare address, IPv6 and nonsense each have their own code."""
    text = text_of(value, name)
    address, slash, prefix = text.partition("/")
    refuse_if(_is_address(ipaddress.IPv6Address, address), "IPV6_NOT_SUPPORTED", name)
    refuse_if(not slash, "CHECK_PARAM", name)
    is_range = _is_address(ipaddress.IPv4Address, address) and PREFIX.fullmatch(prefix)
    refuse_if(not is_range, "CIDR_NOT_VALID", name)
    return text


def _is_address(version: Callable[[str], object], text: str) -> bool:
    try:
        version(text)
    except ValueError:
        return False
    return True


def _masked(text: str) -> str:
    """An address that was typed bare in the console counts as `/32`, and `0.0.0.0` as `0.0.0.0/0`
    (contract#security-groups).
    """
    if "/" in text:
        return text
    return "0.0.0.0/0" if text == "0.0.0.0" else f"{text}/32"  # noqa: S104 - a range, not a bind


def _check_title(value: object, name: str) -> str:
    text = text_of(value, name)
    refuse_if(not 1 <= len(text) <= 25, "CHECK_LENGTH", name)
    return text


_CHECKS: Mapping[str, Callable[[object, str], str]] = {
    "bound": _one_of("IN", "OUT"),
    "protocol": _one_of("TCP", "UDP"),
    "port": _check_port,
    "ip": _check_ip,
    "title": _check_title,
}
