"""What a plan opens and closes: for each change the traffic that it allows or cuts, and on which
instances (planning#firewalls-by-meaning).

The net effect of the whole plan is shown at the changes that cause it: what another rule allows
anyway, before or after, is neither opened nor closed. An instance with the same firewall before and
after sees what its rules change; one that gets another firewall sees the difference of the two. A
new instance is shown with new rules as if it had existed before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any

from reconciler.common import reachability
from reconciler.common.dataclass import dataclass
from reconciler.common.reachability import Reach
from reconciler.common.text import first_few, msg
from reconciler.model.address import Address, parse
from reconciler.model.plan import Consent, ReasonKind, RiskClass, Step, TrafficChange, reason_kind
from reconciler.model.resource_type import acts_on
from reconciler.planner.firewall import firewall_state
from reconciler.planner.firewall.firewall_state import FirewallState
from reconciler.planner.steps.plan_builder import PlanBuilder
from reconciler.resources import (
    firewall as firewall_kind,
)
from reconciler.resources import (
    instance as instance_kind,
)
from reconciler.resources import (
    rule as rule_kind,
)

_INSTANCES_NAMED_MAX = 4


@dataclass(slots=True)
class _Exposure:
    """What one change opens and closes."""

    opens: list[TrafficChange] = field(default_factory=list)
    closes: list[TrafficChange] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    note: str = ""


def fill(builder: PlanBuilder, steps: Sequence[Step]) -> None:
    """Puts into the changes what the steps open and close, and the consent for ports opened to the
    whole internet.
    """
    if not firewall_state.concerns(steps):
        return
    report = _ExposureBuilder(
        builder,
        firewall_state.current(builder.assessment),
        firewall_state.current(builder.assessment),
    )
    for step in steps:
        report.take(step)
    report.firewalls()
    report.instances()
    for address, exposures in report.exposures.items():
        row = builder.changes.get(address)
        if row is not None:
            consents = sorted(
                {*row.impact.consents, *exposures.consents}, key=lambda c: (c.risk.value, c.address)
            )
            impact = replace(
                row.impact,
                opens=tuple(exposures.opens),
                closes=tuple(exposures.closes),
                consents=tuple(consents),
            )
            reason = _with_note(row.reason, exposures.note)
            builder.changes[address] = replace(row, impact=impact, reason=reason)


def _with_note(reason: str, note: str) -> str:
    if not note:
        return reason
    if not reason or reason_kind(reason) is ReasonKind.NEW:
        return note
    return msg("{reason}; {note}", reason=reason, note=note)


@dataclass(slots=True)
class _ExposureBuilder:
    """The firewalls before and after the plan, and the edits of each firewall: the address, and
    what it allows before and after.
    """

    builder: PlanBuilder
    before: FirewallState
    after: FirewallState
    edits: dict[str, list[tuple[Address, Reach, Reach]]] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    exposures: dict[Address, _Exposure] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Notes a step and does it."""
        firewall, _ = self.after.touched(step)
        if step.operation == instance_kind.CREATE:
            self.created.add(str(step.address))
        elif acts_on(step.operation, rule_kind.SINGULAR) and firewall is not None:
            before, after = self.after.rule(step)
            self.edits.setdefault(firewall, []).append(
                (step.address, reachability.of_rule(before), reachability.of_rule(after))
            )
        elif (
            step.operation in (firewall_kind.CREATE, firewall_kind.UPDATE) and firewall is not None
        ):
            was = self.after.of_firewall(firewall) or reachability.NOTHING
            self.after.apply_step(step)
            is_now = self.after.of_firewall(firewall) or reachability.NOTHING
            self.edits.setdefault(firewall, []).append((step.address, was, is_now))
            return
        self.after.apply_step(step)

    def firewalls(self) -> None:
        """What the edits of each firewall mean to its lasting and its new members."""
        members: dict[str, list[str]] = {}
        for instance, firewall in self.after.member.items():
            if firewall in self.edits and (
                self.before.member.get(instance) == firewall or instance in self.created
            ):
                members.setdefault(firewall, []).append(instance)
        for firewall, instances in sorted(members.items()):
            was, is_now = (
                self.before.of_firewall(firewall) or reachability.NOTHING,
                self.after.of_firewall(firewall) or reachability.NOTHING,
            )
            opened, closed = (
                reachability.difference(is_now, was),
                reachability.difference(was, is_now),
            )
            public = reachability.public_ports(is_now) - reachability.public_ports(was)
            there = [instance for instance in instances if instance not in self.created]
            for address, former, later in self.edits[firewall]:
                self._add(
                    address,
                    reachability.shared(later, opened),
                    reachability.shared(former, closed),
                    instances,
                )
                self._exposure_of(address).note = _redundant(
                    address, former, later, opened=opened, closed=closed
                )
                if reachability.touches(later, public):
                    self._add_consents(address, there)

    def instances(self) -> None:
        """What another firewall means to the instances that get it, and what is open to new ones
        from the start.
        """
        for instance, firewall in sorted(self.after.member.items()):
            address = parse(self.builder.assessment.names.get(instance, instance))
            former = self._former(instance, address)
            known = former is not None and former in self.before.member
            if address is None or (known and self.before.member[former or ""] == firewall):
                continue
            was = reachability.NOTHING if instance in self.created else None
            if known and former is not None:
                was = self.before.of_instance(former)
            is_now = self.after.of_instance(instance)
            if not known and firewall is not None and is_now is not None:
                # New rules are shown at the rules themselves.
                is_now = self.before.of_firewall(firewall) or reachability.NOTHING
            self._switched(
                address,
                instance,
                was,
                is_now,
                firewall if is_now is None else self.before.member.get(former or ""),
            )

    def _former(self, instance: str, address: Address | None) -> str | None:
        """The instance itself, or the one that a new one replaces."""
        if instance not in self.created:
            return instance
        item = None if address is None else self.builder.assessment.items.get(address)
        return None if item is None or item.live is None else item.live.id

    def _switched(
        self,
        address: Address,
        instance: str,
        was: Reach | None,
        is_now: Reach | None,
        unread: str | None,
    ) -> None:
        if was is None or is_now is None:
            firewall = None if unread is None else self.builder.assessment.name_of(unread)
            note = msg("what its firewall allows was not read")
            if firewall is not None:
                note = msg("what {firewall} allows was not read", firewall=firewall)
            self._exposure_of(address).opens.append(TrafficChange(note))
            return
        self._add(
            address,
            reachability.difference(is_now, was),
            reachability.difference(was, is_now),
            [instance],
        )
        live = self.builder.assessment.account.find(instance_kind.NAME, instance)
        runs = live is not None and live.attributes.get("power") != "off"
        if runs and reachability.public_ports(is_now) - reachability.public_ports(was):
            self._add_consents(address, [instance])

    def _exposure_of(self, address: Address) -> _Exposure:
        return self.exposures.setdefault(address, _Exposure())

    def _add(
        self, address: Address, opened: Reach, closed: Reach, instances: Sequence[str]
    ) -> None:
        where = names(
            self.builder.assessment.name_of(instance) or instance for instance in instances
        )
        exposures = self._exposure_of(address)
        exposures.opens += _traffic(opened, where)
        exposures.closes += _traffic(closed, where)

    def _add_consents(self, address: Address, instances: Iterable[str]) -> None:
        self._exposure_of(address).consents += [
            Consent(RiskClass.EXPOSURE, self.builder.assessment.name_of(instance) or instance)
            for instance in instances
        ]


def _traffic(reach: Reach, instances: str) -> Iterator[TrafficChange]:
    for line in reachability.lines(reach):
        yield TrafficChange(line, instances, is_ping=line == reachability.PING)


def _redundant(
    address: Address, former: Reach, later: Reach, *, opened: Reach, closed: Reach
) -> str:
    """The note for a rule that is added or removed without effect, because of the other rules;
    otherwise nothing.
    """
    if address.rule is None or former.awaited or later.awaited:
        return ""
    if not former.inward and later.inward and reachability.shared(later, opened).is_nothing:
        return msg("opens nothing: other rules let that in already")
    if former.inward and not later.inward and reachability.shared(former, closed).is_nothing:
        return msg("closes nothing: other rules let that in as well")
    return ""


def names(instances: Iterable[str]) -> str:
    """A short list of instances: `web[0], web[1]`, the first few of many."""
    short = [text.removeprefix("instances.") for text in sorted(set(instances), key=_by_address)]
    return first_few(short, _INSTANCES_NAMED_MAX)


def _by_address(text: str) -> tuple[bool, Any]:
    address = parse(text)
    return (True, text) if address is None else (False, address.sort_key)
