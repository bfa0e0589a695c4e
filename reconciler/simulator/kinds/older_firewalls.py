"""Firewalls in the older form: the same objects as security groups, with their rules inside; every
edit rewrites them (contract#older-firewall).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.simulator.errors import ApiError
from reconciler.simulator.kinds.call import Call, Reply
from reconciler.simulator.kinds.records import Firewall, Row, Rule
from reconciler.simulator.kinds.rules import new_rule, rule_row
from reconciler.simulator.kinds.security_groups import (
    edited_firewall,
    existing_firewall,
    group_row,
    new_firewall,
    shown,
    visible,
)


def list_firewalls(call: Call) -> Reply:
    """GET /v1/firewall: unpaged."""
    return Reply([_row(call, each) for each in visible(call)])


def get_firewall(call: Call) -> Reply:
    """GET /v1/firewall/{firewall_id}: absent as a security group is, 200 and an empty list."""
    firewall = shown(call)
    return Reply([] if firewall is None else [_row(call, firewall)])


def _row(call: Call, firewall: Firewall) -> Row:
    return {**group_row(call, firewall), "rules": [rule_row(each) for each in firewall.rules]}


def create_firewall(call: Call) -> Reply:
    """POST /v1/firewall: the firewall and its rules at once, or neither."""
    body = call.json()
    wanted = _rule_bodies(body)
    return _put(call, replace(new_firewall(call, body), rules=_new_rules(call, wanted)))


def edit_firewall(call: Call) -> Reply:
    """PUT /v1/firewall/{firewall_id}: all former rules go, only those sent remain, under new ids."""
    firewall = existing_firewall(call)
    body = call.json()
    wanted = _rule_bodies(body)
    edited = edited_firewall(call, firewall, body)
    if "rules" in body or call.switches.put_without_rules == "remove":
        edited = replace(edited, rules=_new_rules(call, wanted))
    return _put(call, edited)


def _put(call: Call, firewall: Firewall) -> Reply:
    call.world.put(firewall)
    return Reply([_row(call, firewall)])


def _rule_bodies(body: Mapping[str, object]) -> list[Mapping[str, object]]:
    rules = body.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
        raise ApiError("CHECK_PARAM", "rules")
    return rules


def _new_rules(call: Call, bodies: list[Mapping[str, object]]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for body in bodies:
        rules.append(new_rule(call, body, rules))
    return tuple(rules)
