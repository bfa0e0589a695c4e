"""The guard: no step takes from a `guard.admin` range a guarded port that it can reach now, unless
that is accepted by name (planning#guard).

Every step is checked in the order of the plan, not only its result. What gives access comes before
what takes it away, so that the order holds while several steps are under way: a step that takes
access away waits for the others, and is skipped if one of them fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common import reachability
from reconciler.common.dataclass import dataclass
from reconciler.common.reachability import Reach
from reconciler.common.text import joined, msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.plan import Action, Change, Consent, RiskClass, Step
from reconciler.model.resource import Guard
from reconciler.model.resource_type import acts_on
from reconciler.planner.checks import approval
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.planner.firewall import firewall_state
from reconciler.planner.firewall.exposure import names
from reconciler.planner.steps import graph
from reconciler.planner.steps.blocking import hold
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


@dataclass(slots=True)
class _Loss:
    """What a change takes away from which instances, by address, and the firewall that would have
    to allow it.
    """

    address: Address
    lost: dict[Address, Reach] = field(default_factory=dict)
    firewall: str | None = None


def check(
    builder: PlanBuilder, steps: tuple[Step, ...], held: frozenset[Address]
) -> tuple[tuple[Step, ...], frozenset[Address], tuple[Problem, ...]]:
    """The steps that keep the guard, in an order that keeps it, the addresses held back, and the
    problems.
    """
    guard = builder.assessment.stack.guard
    if guard is None or not firewall_state.concerns(steps):
        return steps, held, ()
    required = reachability.admitted(guard.admin, guard.ports)
    steps = _in_order(builder.assessment, steps, required)
    problems: list[Problem] = []
    while True:
        watch = _Watch(_Guarded(builder.assessment, guard, required))
        for step in steps:
            watch.take(step)
        if not watch.refused:
            break
        for loss in watch.refused.values():
            problems.append(_block(builder, guard, loss))
        steps, more = hold(builder, steps)
        held |= more
    for loss in watch.accepted.values():
        row = builder.changes[loss.address]
        builder.changes[loss.address] = replace(
            row, impact=replace(row.impact, consents=_consents(row, loss))
        )
    return steps, held, (*problems, *watch.new_instances())


@dataclass(frozen=True, slots=True)
class _Guarded:
    """What is watched: the objects, the guard, and the access that it requires."""

    assessment: Assessment
    guard: Guard
    required: Reach


class _Watch:
    """Follows the steps of a plan and finds what each takes away from which instance. A refused
    step counts as not done.
    """

    def __init__(self, guarded: _Guarded) -> None:
        self.guarded = guarded
        self.current = firewall_state.current(guarded.assessment, _within(guarded.required))
        self.refused: dict[Address, _Loss] = {}
        self.accepted: dict[Address, _Loss] = {}
        self.created: set[str] = set()
        self.instances = {
            item.live.id: item.address
            for item in _watched(guarded.assessment, guarded.guard)
            if item.live is not None
        }
        self.first = {
            each: self._allowed(each, unknown=guarded.required) for each in self.instances
        }
        self.lacks = dict.fromkeys(self.instances, reachability.NOTHING)

    def take(self, step: Step) -> None:
        """Does a step, or refuses it if it takes away what is not accepted."""
        if step.address in self.refused:
            return
        firewall, instance = self.current.touched(step)
        if firewall is None:
            self.current.apply_step(step)
            if step.operation == instance_kind.CREATE:
                self.created.add(str(step.address))
            elif step.operation == instance_kind.DELETE:
                self.instances.pop(step.target or "", None)
            return
        restore = self.current.snapshot(firewall, instance)
        self.current.apply_step(step)
        members = [instance] if instance is not None else self.current.members(firewall)
        lost = dict(self._lost(members))
        if not lost:
            return
        by_address = {self.instances[each]: reach for each, reach in lost.items()}
        options = self.guarded.assessment.options
        if all(options.accepts(RiskClass.LOCKOUT.value, str(address)) for address in by_address):
            accepted = self.accepted.setdefault(step.address, _Loss(step.address))
            accepted.lost.update(by_address)
            self.lacks.update({each: self._lacking(each) for each in lost})
            return
        allowing = self.current.member.get(next(iter(lost)))
        self.refused[step.address] = _Loss(step.address, by_address, allowing)
        restore()

    def _lost(self, instances: list[str]) -> Iterator[tuple[str, Reach]]:
        for instance in instances:
            if instance not in self.instances:
                continue
            lacks = self._lacking(instance)
            newly = reachability.difference(lacks, self.lacks[instance])
            if newly.inward:
                yield instance, newly
            else:
                self.lacks[instance] = lacks

    def _lacking(self, instance: str) -> Reach:
        """What the guard requires, an instance had before the plan, and does not have now."""
        now = self._allowed(instance, unknown=reachability.NOTHING)
        return reachability.difference(self.first[instance], now)

    def _allowed(self, instance: str, *, unknown: Reach) -> Reach:
        """What the guard requires and an instance allows now."""
        found = self.current.of_instance(instance)
        return reachability.shared(unknown if found is None else found, self.guarded.required)

    def new_instances(self) -> Iterator[Problem]:
        """A warning for each new instance that will not allow what the guard requires."""
        for item in _watched(self.guarded.assessment, self.guarded.guard):
            name = str(item.address)
            if name not in self.created:
                continue
            allowed = self._allowed(name, unknown=reachability.NOTHING)
            lacks = reachability.difference(self.guarded.required, allowed)
            if lacks.inward:
                yield warning(
                    "lockout",
                    msg(
                        "{address} is new and does not allow the access that `guard` requires: "
                        "{missing}",
                        address=item.address,
                        missing=joined(", ", reachability.lines(lacks)),
                    ),
                    place=item.resource.place if item.resource is not None else None,
                    address=name,
                    hint=_rules_to_add(
                        self.guarded.assessment,
                        self.guarded.guard,
                        lacks,
                        self.current.member.get(name),
                    ),
                )


def _watched(assessment: Assessment, guard: Guard) -> Iterator[ManagedObject]:
    """The instances that a guard is about and that stay in the stack."""
    for item in assessment.items.values():
        ours = item.kind.membership is not None and item.disposition not in (
            Disposition.DELETE,
            Disposition.FORGET,
            Disposition.GONE,
        )
        if ours and (not guard.instances or item.address in guard.instances):
            yield item


def _within(required: Reach) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a rule allows something that a guard requires."""
    return lambda rule: bool(reachability.shared(reachability.of_rule(rule), required).inward)


def _block(builder: PlanBuilder, guard: Guard, loss: _Loss) -> Problem:
    """Blocks a change that would lock somebody out. The error names what would prevent that."""
    row = builder.changes[loss.address]
    what: dict[tuple[str, ...], list[str]] = {}
    for address, lost in loss.lost.items():
        what.setdefault(reachability.lines(lost), []).append(str(address))
    lost_text = joined(
        "; ",
        (
            msg("{traffic} on {instances}", traffic=joined(", ", lines), instances=names(instances))
            for lines, instances in what.items()
        ),
    )
    consents = _consents(row, loss, alone=True)
    impact = replace(row.impact, blocked_by=None, consents=consents)
    builder.blocked[loss.address] = msg("would take {access}", access=lost_text)
    builder.changes[loss.address] = replace(
        row,
        action=Action.BLOCKED,
        reason=msg("would take away {access}", access=lost_text),
        impact=impact,
    )
    hint = _rules_to_add(builder.assessment, guard, next(iter(loss.lost.values())), loss.firewall)
    return error(
        "lockout",
        msg(
            "{address} would remove access that `guard` protects: {lost}",
            address=loss.address,
            lost=lost_text,
        ),
        place=row.place,
        address=str(loss.address),
        hint=msg("{hint}; if this is intended: {consents}", hint=hint, consents=_options(consents)),
    )


_OPTIONS_MAX = 3


def _options(consents: tuple[Consent, ...]) -> str:
    """The options that accept it, spelled out if they are few."""
    if len(consents) <= _OPTIONS_MAX:
        return approval.accept_options(consents)
    return msg("--accept lockout=INSTANCE for each of the {count} instances", count=len(consents))


def _consents(row: Change, loss: _Loss, *, alone: bool = False) -> tuple[Consent, ...]:
    found = {Consent(RiskClass.LOCKOUT, str(address)) for address in loss.lost}
    return tuple(
        sorted(
            found | (set() if alone else set(row.impact.consents)),
            key=lambda c: (c.risk.value, c.address),
        )
    )


def _rules_to_add(assessment: Assessment, guard: Guard, lost: Reach, firewall: str | None) -> str:
    """The hint that names the rules to add, and where: with them nobody is locked out."""
    rules = rules_for(guard, lost)
    owner = parse(assessment.name_of(firewall) or "") if firewall is not None else None
    spelled = [
        f"{{direction: in, protocol: tcp, ports: {rule['ports']}, cidr: {rule['cidr']}}}"
        for rule in rules
    ]
    if owner is None or owner.existing:
        return msg("allow it there first, in the console: {rules}", rules=", ".join(spelled))
    taken = {address.rule for address in assessment.stack.resources if address.owner == owner}
    keys = _free_keys(taken, len(spelled))
    added = (f"`{key}: {text}`" for key, text in zip(keys, spelled, strict=True))
    return msg("add to the rules of {firewall}: {rules}", firewall=owner, rules=", ".join(added))


def rules_for(guard: Guard, lost: Reach) -> list[dict[str, str]]:
    """The rules that would give back what is lost, one for each range and ports of the guard."""
    return [
        {"direction": "in", "protocol": "tcp", "ports": ports, "cidr": cidr}
        for cidr in guard.admin
        for ports in guard.ports
        if reachability.shared(reachability.admitted([cidr], [ports]), lost).inward
    ]


def _free_keys(taken: set[str | None], count: int) -> list[str]:
    keys = (
        key
        for n in range(1, len(taken) + count + 1)
        if (key := "guard" if n == 1 else f"guard-{n}") not in taken
    )
    return [next(keys) for _ in range(count)]


@dataclass(slots=True)
class _Roles:
    """The steps on one firewall that give guarded access, take it away, add members and remove
    them.
    """

    gives: list[str] = field(default_factory=list)
    takes: list[str] = field(default_factory=list)
    comes: list[str] = field(default_factory=list)
    goes: list[str] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """What must come before what."""
        for first in self.gives:
            yield from ((first, later) for later in (*self.takes, *self.comes))
        for first in self.goes:
            yield from ((first, later) for later in self.takes)


def _in_order(assessment: Assessment, steps: tuple[Step, ...], required: Reach) -> tuple[Step, ...]:
    """The same steps, those that give access before those that take it away, unless something else
    requires the opposite order.
    """
    by_key = {step.key: step for step in steps}
    preferred: dict[str, set[str]] = {}
    for roles in _roles(assessment, steps, required).values():
        for first, later in roles.pairs():
            if first != later and first not in by_key[later].after:
                preferred.setdefault(later, set()).add(first)
    if not preferred:
        return steps
    keys, found = graph.order(
        {step.key: frozenset(step.after) for step in steps},
        {later: frozenset(firsts) for later, firsts in preferred.items()},
    )
    return tuple(replace(by_key[key], after=found[key]) for key in keys)


def _roles(assessment: Assessment, steps: tuple[Step, ...], required: Reach) -> dict[str, _Roles]:
    found: dict[str, _Roles] = {}
    current = firewall_state.current(assessment, _within(required))
    for step in steps:
        firewall, instance = current.touched(step)
        former = current.member.get(instance) if instance is not None else None
        if firewall is not None and instance is not None:
            if step.operation == firewall_kind.ATTACH:
                found.setdefault(firewall, _Roles()).comes.append(step.key)
            if former is not None:
                found.setdefault(former, _Roles()).goes.append(step.key)
        elif firewall is not None and acts_on(step.operation, rule_kind.SINGULAR):
            before, after = (
                reachability.shared(reachability.of_rule(rule), required)
                for rule in current.rule(step)
            )
            roles = found.setdefault(firewall, _Roles())
            roles.gives += [step.key] if reachability.difference(after, before).inward else []
            roles.takes += [step.key] if reachability.difference(before, after).inward else []
        current.apply_step(step)
    return found
