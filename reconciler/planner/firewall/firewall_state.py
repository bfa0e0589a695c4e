"""Firewalls, their rules and members as they are before a plan and after each of its steps.

Firewalls and instances are named by id if they have one and keep it, otherwise by their address.
What was not read is missing here: of an instance without an entry in `member`, nobody knows whether
it has a firewall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from reconciler.common import reachability
from reconciler.common.dataclass import dataclass
from reconciler.common.reachability import Reach
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Link
from reconciler.model.resource_type import acts_on
from reconciler.planner.compare.assessment import Assessment, Disposition
from reconciler.planner.compare.rule_matching import MEANING
from reconciler.resources import (
    firewall as firewall_kind,
)
from reconciler.resources import (
    instance as instance_kind,
)
from reconciler.resources import (
    rule as rule_kind,
)

_ABSENT: Any = object()
_CHANGES_MEMBERS = (instance_kind.CREATE, instance_kind.DELETE)


@dataclass(slots=True)
class FirewallState:
    """The state of all firewalls that were read. `keep` says which rules count: all, or those that
    a guard is about.
    """

    assessment: Assessment
    rules: dict[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    icmp: dict[str, bool | None] = field(default_factory=dict)
    member: dict[str, str | None] = field(default_factory=dict)
    keep: Callable[[Mapping[str, Any]], bool] = lambda rule: True
    _reach: dict[str, Reach] = field(default_factory=dict)

    def of_firewall(self, firewall: str) -> Reach | None:
        """What a firewall allows; None if its rules were not read."""
        if firewall not in self.rules:
            return None
        if firewall not in self._reach:
            rules = [rule for rule in self.rules[firewall].values() if self.keep(rule)]
            self._reach[firewall] = reachability.from_rules(rules, self.icmp.get(firewall))
        return self._reach[firewall]

    def of_instance(self, instance: str) -> Reach | None:
        """What can reach an instance; None if that is unknown."""
        if instance not in self.member:
            return None
        firewall = self.member[instance]
        return reachability.UNGUARDED if firewall is None else self.of_firewall(firewall)

    def members(self, firewall: str) -> list[str]:
        """The members of a firewall, sorted."""
        return sorted(instance for instance, found in self.member.items() if found == firewall)

    def _named(self, value: Any) -> str:
        """The id, or the address, of an object that a step names by link or id."""
        if isinstance(value, Link):
            return self.assessment.id_of(value.address) or str(value.address)
        return str(value)

    def touched(self, step: Step) -> tuple[str | None, str | None]:
        """The firewall and the instance that a step changes."""
        inputs, operation = step.inputs, step.operation
        if operation in (firewall_kind.ATTACH, firewall_kind.DETACH):
            return (
                self._named(inputs.get(firewall_kind.SINGULAR)),
                self._named(inputs.get(instance_kind.SINGULAR)),
            )
        if acts_on(operation, rule_kind.SINGULAR):
            return self._named(inputs.get(rule_kind.OWNER)), None
        if acts_on(operation, firewall_kind.SINGULAR):
            return step.target or str(step.address), None
        if operation in _CHANGES_MEMBERS:
            return None, step.target or str(step.address)
        return None, None

    def apply_step(self, step: Step) -> None:
        """Changes the state to what it is after the step."""
        firewall, instance = self.touched(step)
        if instance is None:
            if firewall is not None:
                self._change(step, firewall)
        elif step.operation == firewall_kind.ATTACH:
            self.member[instance] = firewall
        elif step.operation == instance_kind.DELETE:
            self.member.pop(instance, None)
        # The fallback of a switch detaches the former firewall. An instance that has another
        # firewall meanwhile keeps it.
        elif firewall is None or self.member.get(instance, firewall) == firewall:
            self.member[instance] = None

    def _change(self, step: Step, firewall: str) -> None:
        self._reach.pop(firewall, None)
        if step.operation == firewall_kind.DELETE:
            self.rules.pop(firewall, None)
        elif acts_on(step.operation, rule_kind.SINGULAR):
            _, after = self.rule(step)
            held = dict(self.rules.get(firewall, EMPTY))
            _put(held, step.target or str(step.address), _ABSENT if after is None else after)
            self.rules[firewall] = held
        else:
            self._edit(step, firewall)

    def _edit(self, step: Step, firewall: str) -> None:
        """Creates or edits a firewall. In the older form of the API the step contains all rules."""
        if step.operation == firewall_kind.CREATE:
            self.rules[firewall], self.icmp[firewall] = {}, False
        rules, icmp = step.inputs.get(rule_kind.NAME), step.inputs.get("icmp")
        if isinstance(rules, tuple | list):
            self.rules[firewall] = {
                str(n): rule for n, rule in enumerate(rules) if isinstance(rule, Mapping)
            }
        if isinstance(icmp, bool):
            self.icmp[firewall] = icmp

    def snapshot(self, firewall: str, instance: str | None) -> Callable[[], None]:
        """Remembers a firewall and the membership of an instance; the result restores them."""
        rules, icmp = self.rules.get(firewall, _ABSENT), self.icmp.get(firewall)
        member = self.member.get(instance or "", _ABSENT)

        def restore() -> None:
            self._reach.pop(firewall, None)
            self.icmp[firewall] = icmp
            _put(self.rules, firewall, rules)
            _put(self.member, instance or "", member)

        return restore

    def rule(self, step: Step) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """The traffic of a rule before and after a step on it, None if there is no rule."""
        firewall, _ = self.touched(step)
        before = self.rules.get(firewall or "", EMPTY).get(step.target or "")
        if step.operation == rule_kind.DELETE:
            return before, None
        changed = {name: step.inputs[name] for name in MEANING if name in step.inputs}
        return before, {**(before or {}), **changed}


def _put(mapping: dict[str, Any], key: str, value: Any) -> None:
    if value is _ABSENT:
        mapping.pop(key, None)
    else:
        mapping[key] = value


def concerns(steps: Iterable[Step]) -> bool:
    """Whether a plan changes what can be reached."""
    kinds = (rule_kind.SINGULAR, firewall_kind.SINGULAR)
    return any(
        acts_on(step.operation, *kinds) or step.operation in _CHANGES_MEMBERS for step in steps
    )


def current(
    assessment: Assessment, keep: Callable[[Mapping[str, Any]], bool] = lambda rule: True
) -> FirewallState:
    """The firewalls as they were read."""
    account, state = assessment.account, FirewallState(assessment, keep=keep)
    for id, live in account.objects.get(firewall_kind.NAME, EMPTY).items():
        icmp = live.attributes.get("icmp")
        state.icmp[id] = icmp if isinstance(icmp, bool) else None
    rules: dict[str, dict[str, Mapping[str, Any]]] = {id: {} for id in sorted(account.ruled)}
    for item in assessment.items.values():
        if item.kind.name == firewall_kind.NAME and item.live is not None:
            rules[item.live.id] = {}
    for id, rule in account.objects.get(rule_kind.NAME, EMPTY).items():
        held = rules.get(str(rule.attributes.get(rule_kind.OWNER)))
        if held is not None:
            held[id] = {name: rule.attributes.get(name) for name in MEANING}
    state.rules.update(rules)
    for members in account.members.values():
        for instance in members:
            state.member.setdefault(instance, assessment.firewall_of(instance))
    for item in assessment.items.values():
        # An instance whose firewall the file manages was looked for in all firewalls
        # (`refresh_scope`): if it is in none, it has none.
        managed = item.resource is not None and item.kind.membership in item.resource.attributes
        if managed and item.live is not None and item.disposition is not Disposition.UNSETTLED:
            state.member.setdefault(item.live.id, None)
    return state
