"""Firewalls, their rules and members as they are before a plan and after each of its steps.

Groups and servers go by id where they have one and keep it, else by the text of their address. What
was not read is not there: a server without a member row is one of which nobody knows whether a
firewall stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.model.plan import Step
from reconciler.model.resource import EMPTY, Link
from reconciler.model.resource_type import acts_on
from reconciler.planner.compare.assessment import Assessment, Disposition
from reconciler.planner.firewall import reachability
from reconciler.planner.firewall.reachability import Reach

MEANT = ("direction", "protocol", "ports", "cidr")

CONCERNED = ("instance.create", "instance.delete")
"""Operations that change what is reachable; with none of these in a plan there is nothing to look
at.
"""


@dataclass(slots=True)
class FirewallState:
    """The state of all firewalls that were read. `keep` says which rules count: all, or those that
    a guard is about.
    """

    assessment: Assessment
    rules: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)
    icmp: dict[str, bool | None] = field(default_factory=dict)
    member: dict[str, str | None] = field(default_factory=dict)
    keep: Callable[[Mapping[str, Any]], bool] = lambda rule: True
    _reach: dict[str, Reach] = field(default_factory=dict)

    def of_firewall(self, firewall: str) -> Reach | None:
        """What a group lets through; None where its rules were not read."""
        if firewall not in self.rules:
            return None
        if firewall not in self._reach:
            rules = [rule for rule in self.rules[firewall].values() if self.keep(rule)]
            self._reach[firewall] = reachability.of_rules(rules, self.icmp.get(firewall))
        return self._reach[firewall]

    def of_instance(self, instance: str) -> Reach | None:
        """What comes to a server; None where that is not known."""
        if instance not in self.member:
            return None
        firewall = self.member[instance]
        return reachability.UNGUARDED if firewall is None else self.of_firewall(firewall)

    def members(self, firewall: str) -> list[str]:
        """The servers behind a group, sorted."""
        return sorted(instance for instance, found in self.member.items() if found == firewall)

    def _token(self, value: Any) -> str:
        """What stands for a group or server that a step names by link or id: its id, else its
        address.
        """
        if isinstance(value, Link):
            return self.assessment.id_of(value.address) or str(value.address)
        return str(value)

    def touched(self, step: Step) -> tuple[str | None, str | None]:
        """The group and the server that a step changes."""
        inputs, operation = step.inputs, step.operation
        if operation in ("firewall.attach", "firewall.detach"):
            return self._token(inputs.get("firewall")), self._token(inputs.get("instance"))
        if acts_on(operation, "rule"):
            return self._token(inputs.get("firewall")), None
        if acts_on(operation, "firewall"):
            return step.target or str(step.address), None
        if operation in ("instance.create", "instance.delete"):
            return None, step.target or str(step.address)
        return None, None

    def do(self, step: Step) -> None:
        """Does a step: from here on everything is as it will be after it."""
        firewall, instance = self.touched(step)
        if step.operation == "firewall.attach" and instance is not None:
            self.member[instance] = firewall
        elif step.operation == "firewall.detach" and instance is not None:
            # The second way of a switch takes the old one off; a server that has got another
            # meanwhile keeps that.
            if self.member.get(instance, firewall) == firewall:
                self.member[instance] = None
        elif step.operation == "instance.create" and instance is not None:
            self.member[instance] = None
        elif step.operation == "instance.delete" and instance is not None:
            self.member.pop(instance, None)
        elif firewall is not None:
            self._change(step, firewall)

    def _change(self, step: Step, firewall: str) -> None:
        if acts_on(step.operation, "rule"):
            before, after = self.rule(step)
            token = step.target or str(step.address)
            held = self.rules.setdefault(firewall, {})
            if after is None:
                held.pop(token, None)
            else:
                held[token] = after
            if before == after:
                return
        elif step.operation == "firewall.delete":
            self.rules.pop(firewall, None)
        else:
            self._edit(step, firewall)
        self._reach.pop(firewall, None)

    def _edit(self, step: Step, firewall: str) -> None:
        """A group made or edited; in the older form of the API its rules come along, the whole set."""
        if step.operation == "firewall.create":
            self.rules[firewall], self.icmp[firewall] = {}, False
        rules, icmp = step.inputs.get("rules"), step.inputs.get("icmp")
        if isinstance(rules, tuple | list):
            self.rules[firewall] = {
                str(n): rule for n, rule in enumerate(rules) if isinstance(rule, Mapping)
            }
        if isinstance(icmp, bool):
            self.icmp[firewall] = icmp

    def put_back(
        self, firewall: str, rules: Mapping[str, Mapping[str, Any]] | None, icmp: bool | None
    ) -> None:
        """A group as it was before: `rules` None where it was not there."""
        self._reach.pop(firewall, None)
        self.icmp[firewall] = icmp
        if rules is None:
            self.rules.pop(firewall, None)
        else:
            self.rules[firewall] = dict(rules)

    def rule(self, step: Step) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """What a step on a rule makes of it: its traffic before and after, None where there is
        none.
        """
        firewall, _ = self.touched(step)
        before = self.rules.get(firewall or "", EMPTY).get(step.target or "")
        if step.operation == "rule.delete":
            return before, None
        asked = {name: step.inputs[name] for name in MEANT if name in step.inputs}
        return before, {**(before or {}), **asked}


def concerns(steps: Iterable[Step]) -> bool:
    """Whether a plan changes anything about what is reachable."""
    return any(
        acts_on(step.operation, "rule", "firewall") or step.operation in CONCERNED for step in steps
    )


def standing(
    assessment: Assessment, keep: Callable[[Mapping[str, Any]], bool] = lambda rule: True
) -> FirewallState:
    """The firewalls as they were read."""
    walls = FirewallState(assessment, keep=keep)
    for id, live in assessment.account.objects.get("firewalls", EMPTY).items():
        icmp = live.attributes.get("icmp")
        walls.icmp[id] = icmp if isinstance(icmp, bool) else None
    walls.rules = {id: {} for id in sorted(assessment.account.ruled)}
    for item in assessment.items.values():
        if item.kind.name == "firewalls" and item.live is not None:
            walls.rules[item.live.id] = {}
    for id, rule in assessment.account.objects.get("rules", EMPTY).items():
        firewall = walls.rules.get(str(rule.attributes.get("firewall")))
        if firewall is not None:
            firewall[id] = {name: rule.attributes.get(name) for name in MEANT}
    for members in assessment.account.members.values():
        for instance in members:
            walls.member.setdefault(instance, assessment.firewall_of(instance))
    for item in assessment.items.values():
        # A server whose firewall the file manages was looked for in every group (`refresh_scope`): in none
        # means without one.
        managed = item.resource is not None and "firewall" in item.resource.attributes
        if (
            item.kind.name == "instances"
            and item.live is not None
            and managed
            and item.disposition is not Disposition.UNSETTLED
        ):
            walls.member.setdefault(item.live.id, None)
    return walls
