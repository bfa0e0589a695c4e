"""The guard: no step takes from a `guard.admin` range a guarded port that it can reach now, unless
that is accepted by name (planning#guard).

Looked at is every step in the order of the plan, not only the end. So that the order holds while
several steps are under way, what gives access is made to come before what takes it: a step that
takes waits for the others, and is skipped where one of them fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.address import Address, parse
from reconciler.model.diagnostics import Problem, error, warning
from reconciler.model.plan import Action, Change, Consent, RiskClass, Step
from reconciler.model.resource import Guard
from reconciler.model.resource_type import acts_on
from reconciler.planner.checks import approval
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject
from reconciler.planner.firewall import firewall_state, reachability
from reconciler.planner.firewall.exposure import names
from reconciler.planner.firewall.reachability import Reach
from reconciler.planner.steps import graph
from reconciler.planner.steps.blocking import hold
from reconciler.planner.steps.plan_builder import PlanBuilder


@dataclass(slots=True)
class _Loss:
    """What a change takes away: from which servers (their addresses) what, and the firewall that
    would have to let it in.
    """

    address: Address
    lost: dict[Address, Reach] = field(default_factory=dict)
    firewall: str | None = None


def check(
    draft: PlanBuilder, steps: tuple[Step, ...], held: frozenset[Address]
) -> tuple[tuple[Step, ...], frozenset[Address], tuple[Problem, ...]]:
    """The steps that the guard lets pass, in an order that keeps it, the addresses held back, and
    what is to be told.
    """
    guard = draft.assessment.stack.guard
    if guard is None or not firewall_state.concerns(steps):
        return steps, held, ()
    asked = reachability.admitted(guard.admin, guard.ports)
    steps = _in_order(draft.assessment, steps, asked)
    problems: list[Problem] = []
    while True:
        watch = _Watch(draft, guard, asked)
        for step in steps:
            watch.take(step)
        if not watch.refused:
            break
        for loss in watch.refused.values():
            problems.append(_block(draft, guard, loss))
        steps, more = hold(draft, steps)
        held |= more
    for loss in watch.accepted.values():
        row = draft.changes[loss.address]
        draft.changes[loss.address] = replace(
            row, impact=replace(row.impact, consents=_consents(row, loss))
        )
    return steps, held, (*problems, *watch.newcomers())


class _Watch:
    """Goes through the steps of a plan and sees what each takes from whom. What is refused counts
    as not done.
    """

    def __init__(self, draft: PlanBuilder, guard: Guard, asked: Reach) -> None:
        self.draft, self.guard, self.asked = draft, guard, asked
        self.walls = firewall_state.standing(draft.assessment, _within(asked))
        self.refused: dict[Address, _Loss] = {}
        self.accepted: dict[Address, _Loss] = {}
        self.made: set[str] = set()
        self.instances = {
            item.live.id: item.address
            for item in _guarded(draft.assessment, guard)
            if item.live is not None
        }
        self.first = {instance: self._now(instance, unknown=asked) for instance in self.instances}
        self.lacks = dict.fromkeys(self.instances, reachability.NOTHING)

    def take(self, step: Step) -> None:
        """Does a step, or refuses it where it takes something that is not accepted."""
        if step.address in self.refused:
            return
        firewall, instance = self.walls.touched(step)
        if firewall is None:
            if step.operation == "instance.create":
                self.made.add(str(step.address))
            self.walls.do(step)
            self._forget(step)
            return
        before = self._copy(firewall, instance)
        self.walls.do(step)
        lost = dict(
            self._lost([instance] if instance is not None else self.walls.members(firewall))
        )
        if not lost:
            return
        loss = _Loss(
            step.address,
            {self.instances[s]: what for s, what in lost.items()},
            self.walls.member.get(next(iter(lost))),
        )
        options = self.draft.assessment.options
        if all(options.accepts(RiskClass.LOCKOUT.value, str(address)) for address in loss.lost):
            self.accepted.setdefault(step.address, _Loss(step.address)).lost.update(loss.lost)
            for found in lost:
                self.lacks[found] = reachability.without(
                    self.first[found], self._now(found, unknown=reachability.NOTHING)
                )
            return
        self.refused[step.address] = loss
        self._restore(firewall, instance, before)

    def _lost(self, instances: list[str]) -> Iterator[tuple[str, Reach]]:
        for instance in instances:
            if instance not in self.instances:
                continue
            lacks = reachability.without(
                self.first[instance], self._now(instance, unknown=reachability.NOTHING)
            )
            newly = reachability.without(lacks, self.lacks[instance])
            if newly.inward:
                yield instance, newly
            else:
                self.lacks[instance] = lacks

    def _now(self, instance: str, *, unknown: Reach) -> Reach:
        """What the guard asks for and the server lets in now."""
        found = self.walls.of_instance(instance)
        return reachability.shared(unknown if found is None else found, self.asked)

    def _forget(self, step: Step) -> None:
        if step.operation == "instance.delete":
            self.instances.pop(step.target or "", None)

    def _copy(self, firewall: str, instance: str | None) -> tuple[Any, Any, Any]:
        rules = self.walls.rules.get(firewall)
        member = (
            self.walls.member.get(instance)
            if instance is not None and instance in self.walls.member
            else _ABSENT
        )
        return None if rules is None else dict(rules), self.walls.icmp.get(firewall), member

    def _restore(self, firewall: str, instance: str | None, before: tuple[Any, Any, Any]) -> None:
        rules, icmp, member = before
        self.walls.put_back(firewall, rules, icmp)
        if instance is not None:
            if member is _ABSENT:
                self.walls.member.pop(instance, None)
            else:
                self.walls.member[instance] = member

    def newcomers(self) -> Iterator[Problem]:
        """A warning for each new server that will not have what the guard asks for."""
        for item in _guarded(self.draft.assessment, self.guard):
            token = str(item.address)
            if token not in self.made:
                continue
            lacks = reachability.without(self.asked, self._now(token, unknown=reachability.NOTHING))
            if lacks.inward:
                said = ", ".join(reachability.lines(lacks))
                yield warning(
                    "lockout",
                    msg(
                        "{address} is new and does not allow the access that `guard` requires: {missing}",
                        address=item.address,
                        missing=said,
                    ),
                    place=item.resource.place if item.resource is not None else None,
                    address=token,
                    hint=_way_out(
                        self.draft.assessment, self.guard, lacks, self.walls.member.get(token)
                    ),
                )


_ABSENT = object()


def _guarded(assessment: Assessment, guard: Guard) -> Iterator[ManagedObject]:
    """The servers that a guard is about and that stay ours."""
    for item in assessment.items.values():
        ours = item.kind.name == "instances" and item.disposition not in (
            Disposition.DELETE,
            Disposition.FORGET,
            Disposition.GONE,
        )
        if ours and (not guard.instances or item.address in guard.instances):
            yield item


def _within(asked: Reach) -> Any:
    def keep(rule: Mapping[str, Any]) -> bool:
        return bool(reachability.shared(reachability.of_rules([rule], False), asked).inward)

    return keep


def _block(draft: PlanBuilder, guard: Guard, loss: _Loss) -> Problem:
    """Blocks a change that would lock somebody out, with a way out that works."""
    row = draft.changes[loss.address]
    what: dict[tuple[str, ...], list[str]] = {}
    for address, lost in loss.lost.items():
        what.setdefault(reachability.lines(lost), []).append(str(address))
    said = "; ".join(
        f"{', '.join(lines)} on {names(instances)}" for lines, instances in what.items()
    )
    consents = _consents(row, loss, alone=True)
    impact = replace(row.impact, blocked_by=None, consents=consents)
    draft.blocked[loss.address] = f"would take {said}"
    draft.changes[loss.address] = replace(
        row, action=Action.BLOCKED, reason=f"would take away {said}", impact=impact
    )
    hint = _way_out(draft.assessment, guard, next(iter(loss.lost.values())), loss.firewall)
    return error(
        "lockout",
        msg(
            "{address} would remove access that `guard` protects: {lost}",
            address=loss.address,
            lost=said,
        ),
        place=row.place,
        address=str(loss.address),
        hint=msg(
            "{hint}; if this is intended: {consents}", hint=hint, consents=_said_yes(consents)
        ),
    )


_OPTIONS_MAX = 3


def _said_yes(consents: tuple[Consent, ...]) -> str:
    """The options that accept it, spelled out where they are few."""
    if len(consents) <= _OPTIONS_MAX:
        return approval.accept_options(consents)
    return f"--accept lockout=SERVER for each of the {len(consents)} servers"


def _consents(row: Change, loss: _Loss, *, alone: bool = False) -> tuple[Consent, ...]:
    found = {Consent(RiskClass.LOCKOUT, str(address)) for address in loss.lost}
    return tuple(
        sorted(
            found | (set() if alone else set(row.impact.consents)),
            key=lambda c: (c.risk.value, c.address),
        )
    )


def _way_out(assessment: Assessment, guard: Guard, lost: Reach, firewall: str | None) -> str:
    """The rules to add, and where: with them in the file the plan does not lock anybody out."""
    rules = rules_for(guard, lost)
    owner = parse(assessment.name_of(firewall) or "") if firewall is not None else None
    spelled = [
        f"{{direction: in, protocol: tcp, ports: {rule['ports']}, cidr: {rule['cidr']}}}"
        for rule in rules
    ]
    if owner is None or owner.existing:
        return f"allow it there first, in the console: {', '.join(spelled)}"
    taken = {address.rule for address in assessment.stack.resources if address.owner == owner}
    keys = _free_keys(taken, len(spelled))
    return f"add to the rules of {owner}: " + ", ".join(
        f"`{key}: {text}`" for key, text in zip(keys, spelled, strict=True)
    )


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


# Order
# ------------------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Roles:
    """The steps at one group that give guarded access, take it, and bring servers behind it or away
    from it.
    """

    gives: list[str] = field(default_factory=list)
    takes: list[str] = field(default_factory=list)
    comes: list[str] = field(default_factory=list)
    goes: list[str] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """What has to come before what."""
        for first in self.gives:
            yield from ((first, later) for later in (*self.takes, *self.comes))
        for first in self.goes:
            yield from ((first, later) for later in self.takes)


def _in_order(assessment: Assessment, steps: tuple[Step, ...], asked: Reach) -> tuple[Step, ...]:
    """The same steps, those that give access before those that take it, wherever nothing else asks
    for the other way round.
    """
    after = {step.key: set(step.after) for step in steps}
    added = False
    for roles in _roles(assessment, steps, asked).values():
        for first, later in roles.pairs():
            if first != later and first not in after[later] and not _waits_for(after, first, later):
                after[later].add(first)
                added = True
    if not added:
        return steps
    by_key = {step.key: step for step in steps}
    keys, found = graph.order({key: frozenset(waits) for key, waits in after.items()}, {})
    return tuple(replace(by_key[key], after=found[key]) for key in keys)


def _roles(assessment: Assessment, steps: tuple[Step, ...], asked: Reach) -> dict[str, _Roles]:
    found: dict[str, _Roles] = {}
    standing = firewall_state.standing(assessment, _within(asked))
    for step in steps:
        firewall, instance = standing.touched(step)
        former = standing.member.get(instance) if instance is not None else None
        if firewall is not None and instance is not None:
            if step.operation == "firewall.attach":
                found.setdefault(firewall, _Roles()).comes.append(step.key)
            if former is not None:
                found.setdefault(former, _Roles()).goes.append(step.key)
        elif firewall is not None and acts_on(step.operation, "rule"):
            before, after = (reachability.shared(_of(rule), asked) for rule in standing.rule(step))
            roles = found.setdefault(firewall, _Roles())
            roles.gives += [step.key] if reachability.without(after, before).inward else []
            roles.takes += [step.key] if reachability.without(before, after).inward else []
        standing.do(step)
    return found


def _of(rule: Mapping[str, Any] | None) -> Reach:
    return reachability.NOTHING if rule is None else reachability.of_rules([rule], False)


def _waits_for(after: Mapping[str, set[str]], key: str, other: str) -> bool:
    """Whether a step comes, directly or through others, after another one."""
    todo, seen = [key], {key}
    while todo:
        for before in after[todo.pop()]:
            if before == other:
                return True
            if before not in seen:
                seen.add(before)
                todo.append(before)
    return False
