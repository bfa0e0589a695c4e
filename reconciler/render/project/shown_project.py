"""The plans of several stacks as the views show them, and the figures of all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from reconciler.common.dataclass import dataclass
from reconciler.model import exit_codes
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Action, CallBudget, Consent, Cost, Plan
from reconciler.planner.checks.approval import Acceptance, Decision
from reconciler.planner.estimate.unmanaged import Unmanaged
from reconciler.planner.steps.outputs import OutputChange
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.plan.tally import tally


class ShownStatus(StrEnum):
    """What a run of several stacks found out about one of them.

    `WAITING`: it is planned when the stacks that it reads are applied. `FAILED`: there is no plan
    of it, or one with errors that stop it.
    """

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """The plan of one stack with what the screen shows besides it."""

    plan: Plan
    header: PlanHeader
    decision: Decision | None = None
    outputs: Sequence[OutputChange] = ()
    unmanaged: Sequence[Unmanaged] | None = None


@dataclass(frozen=True, slots=True)
class ShownStack:
    """One stack of the run. `problems` are those without a plan. `needs` are the titles of stacks
    that are applied before it; `after` those of them whose apply decides values of this plan.
    """

    title: str
    stack: str
    environment: str | None
    path: str
    status: ShownStatus
    shown: ShownPlan | None = None
    problems: Sequence[Problem] = ()
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    exit_code: int = 0

    @property
    def plan(self) -> Plan | None:
        """The plan of the stack, if there is one."""
        return None if self.shown is None else self.shown.plan

    @property
    def every_problem(self) -> Sequence[Problem]:
        """The problems with and without a plan."""
        return (*self.problems, *(() if self.plan is None else self.plan.problems))

    @property
    def open_consents(self) -> Sequence[Consent]:
        """The consent that its plan still needs."""
        if self.shown is None or self.status is not ShownStatus.CHANGED:
            return ()
        decision = self.shown.decision
        return self.shown.plan.consents if decision is None else decision.open


@dataclass(frozen=True, slots=True)
class ShownProject:
    """All stacks of a run, in the order in which they are applied. `name` is that of the project,
    None without one. `order` has the titles by level: those of one level are applied side by side.

    `calls` is the number of requests that were sent to read the account for all of them. `command`
    applies the plans. `drift`: the plans show only what was changed outside.
    """

    stacks: tuple[ShownStack, ...]
    name: str | None = None
    environment: str | None = None
    order: tuple[tuple[str, ...], ...] = ()
    calls: int = 0
    command: str | None = None
    given: tuple[Acceptance, ...] = ()
    drift: bool = False
    exit_code: int = 0

    @property
    def header(self) -> PlanHeader | None:
        """The account and the time of the reading; None if no stack has a plan."""
        return next((each.shown.header for each in self.stacks if each.shown is not None), None)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans of the stacks that have one without errors."""
        return tuple(
            each.plan
            for each in self.stacks
            if each.plan is not None and each.status is not ShownStatus.FAILED
        )

    def of(self, *wanted: ShownStatus) -> tuple[ShownStack, ...]:
        """The stacks with one of these statuses."""
        return tuple(each for each in self.stacks if each.status in wanted)


def status_of(shown: ShownPlan, *, drift: bool = False) -> ShownStatus:
    """The status of a stack that has a plan."""
    plan = shown.plan
    if exit_codes.stops(plan.problems):
        return ShownStatus.FAILED
    quiet = not plan.drift if drift else plan.is_empty and not shown.outputs
    return ShownStatus.UNCHANGED if quiet else ShownStatus.CHANGED


# Figures
# ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ResourceCounts:
    """How many resources of several plans have each action. `with_rules`: rules are among them."""

    actions: tuple[Action, ...]
    with_rules: bool = False

    def number(self, action: Action) -> int:
        """How many resources have that action."""
        return self.actions.count(action)


def counts(plans: Iterable[Plan]) -> ResourceCounts:
    """The resources of all plans by what happens to them."""
    found = [tally(plan) for plan in plans]
    every = tuple(action for each in found for action in each.actions.values())
    return ResourceCounts(every, any(each.with_rules for each in found))


def cost(plans: Iterable[Plan]) -> Cost:
    """What all plans cost a month, of the objects whose price is known."""
    found = [plan.cost for plan in plans]
    before = [each.before for each in found if each.before is not None]
    after = [each.after for each in found if each.after is not None]
    return Cost(
        sum(before) if before else None,
        sum(after) if after else None,
        tuple(address for each in found for address in each.unknown),
    )


def calls(project: ShownProject) -> CallBudget:
    """The requests that were sent for all plans, and those that an apply sends."""
    plans = project.plans
    return CallBudget(
        project.calls,
        sum(plan.calls.write for plan in plans),
        sum(plan.calls.wait for plan in plans),
    )


CALLS_PER_SECOND = 1.0
"""The quota, 60 calls a minute, is what bounds an apply of many stacks."""


def eta_seconds(project: ShownProject) -> int | None:
    """How long an apply of all plans takes: the longest of each level one after another, and never
    less than the quota allows. None if nothing is sent.
    """
    known = {each.title: each.plan.eta_seconds for each in project.stacks if each.plan is not None}
    levels = project.order or tuple((each.title,) for each in project.stacks)
    by_level = [max((known.get(title) or 0 for title in level), default=0) for level in levels]
    found = calls(project)
    bound = (found.write + found.wait) / CALLS_PER_SECOND
    total = max(sum(by_level), round(bound))
    return total or None


def consents(project: ShownProject) -> Iterator[tuple[str, Consent]]:
    """The consent that is still needed, each with the title of its stack."""
    for each in project.stacks:
        yield from ((each.title, item) for item in each.open_consents)


# Problems
# ------------------------------------------------------------------------------------------------

COMMON_MIN = 3
"""The number of stacks from which on an equal remark is shown once for all of them."""


def common(stacks: Iterable[ShownStack]) -> dict[Problem, list[str]]:
    """Warnings and notices that several stacks share word for word, with the titles. Those about
    one object belong to its stack.
    """
    found: dict[object, tuple[Problem, list[str]]] = {}
    for each in stacks:
        for problem in each.every_problem:
            if problem.address is None and exit_codes.of_problem(problem) == exit_codes.DONE:
                key = (problem.severity, problem.code, str(problem.message))
                titles = found.setdefault(key, (problem, []))[1]
                titles += [each.title] if each.title not in titles else []
    return {problem: titles for problem, titles in found.values() if len(titles) >= COMMON_MIN}
