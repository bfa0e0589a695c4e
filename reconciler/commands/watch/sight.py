"""What a pass saw: the drift of a plan, which of it may be reverted in place, and whether anything
can be concluded at all. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.commands.context import Planned
from reconciler.common import json_text
from reconciler.common.text import enumerated, msg
from reconciler.model import exit_codes, serialize
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity
from reconciler.model.plan import Action, Cause, Change, Plan, Step, unstated
from reconciler.model.resource_type import RULES, verb_of
from reconciler.model.watching import Drifted, Health, Sight
from reconciler.planner.checks import approval

EXPOSURE, POWER = "exposure", "power"
"""Names in `revert` besides the kinds: whatever takes reachability away or restores a firewall, and
a switch of an instance.
"""

_IN_PLACE = frozenset({Action.UPDATE, Action.ATTACH, Action.POWER})
_VERBS = frozenset({"update", "attach", "start", "rename"})
"""What a revert may send. Nothing that creates, deletes, detaches, stops or replaces."""

_UNKNOWN = frozenset({"mass-absence", "cloud"})
"""Codes of problems after which nothing can be concluded from a reading."""

_UNKNOWN_STOPS = frozenset({"cloud", "locked", "state-place", "clock", "credentials", "account"})
"""The same of a run that stopped: the next one may see more."""

_WAITS = frozenset({"output"})
"""Codes of problems that end when another stack is applied."""

_HARMLESS = frozenset({"exposed", "powered-off"})
"""Codes of errors that a revert may be the answer to."""


def of(planned: Planned, at: float) -> Sight:
    """What a plan of the whole stack shows. `at` is when the pass began; lists that the passes over
    other stacks had read before count from then.
    """
    plan, at = planned.plan, min(at, planned.account.at or at)
    rows = tuple(_drifted(row, plan) for row in unstated(plan.drift))
    drifted = {row.address for row in rows}
    pending = {  # a rule counts as part of its firewall, as in the totals of a plan
        str(change.address).partition(".rules.")[0]
        for change in plan.changes
        if change.action is not Action.NONE and str(change.address) not in drifted
    }
    problems = (*plan.problems, *planned.problems)
    return Sight(
        at=at,
        until=planned.at,
        digest=plan.digest,
        drift=rows,
        pending=len(pending) or bool(planned.outputs and not rows),
        running=planned.provisional,
        trouble=_trouble(planned, problems),
    )


def of_stop(stop: Abort, at: float) -> Sight:
    """What a pass saw whose plan stopped."""
    unknown = _first(stop.problems, _UNKNOWN_STOPS)
    if unknown is not None:
        return Sight(at, trouble=(Health.STALE, unknown))
    wrong = [each for each in stop.problems if each.severity is Severity.ERROR]
    if wrong and all(each.code in _WAITS for each in wrong):
        return Sight(at, trouble=(Health.WAITING, wrong[0].message))
    blocked = exit_codes.of_problems(stop.problems) in (exit_codes.DECIDE, exit_codes.REFUSED)
    first = wrong[0].message if wrong else msg("the run stopped")
    return Sight(at, trouble=(Health.BLOCKED if blocked else Health.FAILED, first))


def is_revert(plan: Plan, addresses: frozenset[str]) -> bool:
    """Whether a plan does nothing but revert these addresses in place."""
    changed = [change for change in plan.changes if change.action is not Action.NONE]
    return (
        bool(plan.steps)
        and {str(change.address) for change in changed} <= addresses
        and {str(step.address) for step in plan.steps} <= addresses
        and all(_never(change, plan.steps) is None for change in changed)
        and not plan.consents
        and not plan.asked
    )


def is_same(planned: Planned, sight: Sight, addresses: frozenset[str]) -> bool:
    """Whether a later plan shows the same drift of these addresses as a pass saw."""
    later = {_drifted(row, planned.plan).seen for row in unstated(planned.plan.drift)}
    return {row.seen for row in sight.drift if row.address in addresses} <= later


def _first(problems: tuple[Problem, ...], codes: frozenset[str]) -> str | None:
    return next(
        (
            problem.message
            for problem in problems
            if problem.severity is Severity.ERROR and problem.code in codes
        ),
        None,
    )


def _trouble(planned: Planned, problems: tuple[Problem, ...]) -> tuple[Health, str] | None:
    unknown = _first(problems, _UNKNOWN)
    if unknown is not None:
        return Health.STALE, unknown
    blocked = _blocked(planned, problems)
    return None if blocked is None else (Health.BLOCKED, blocked)


def _blocked(planned: Planned, problems: tuple[Problem, ...]) -> str | None:
    for problem in problems:
        if problem.severity is Severity.ERROR and problem.code not in _HARMLESS | _UNKNOWN:
            return problem.message
    return approval.is_emptying(
        planned.plan, tracked=planned.tracked, empty_file=not planned.stack.resources
    )


def _drifted(row: Change, plan: Plan) -> Drifted:
    address = str(row.address)
    change = next((each for each in plan.changes if each.address == row.address), None)
    paths = sorted(field.path for field in row.fields)
    seen = serialize.CODEC.encode([replace(field, place=None) for field in row.fields])
    key = f"{address} {' '.join(paths)}"
    return Drifted(
        address,
        key,
        json_text.checksum({"address": address, "seen": seen}),
        frozenset(_names(row, change, plan)),
        _why_never(change, plan),
    )


def _names(row: Change, change: Change | None, plan: Plan) -> Iterator[str]:
    """The names by which `revert` may list a row of drift."""
    paths = {field.path for field in row.fields}
    if row.address.rule is not None:
        yield RULES
    elif paths == {POWER}:
        yield POWER
    else:
        yield row.address.kind
    exposed = {problem.address for problem in plan.problems if problem.code == "exposed"}
    closes = change is not None and bool(change.impact.closes)
    if closes or str(row.address) in exposed:
        yield EXPOSURE


def _why_never(change: Change | None, plan: Plan) -> str | None:
    if change is None or change.action is Action.NONE:
        return msg("an apply would not change it back")
    return _never(change, plan.steps)


def _never(change: Change, steps: tuple[Step, ...]) -> str | None:
    """Why a change is never made without a person, or None."""
    impact = change.impact
    if any(field.cause is not Cause.OUTSIDE for field in change.fields):
        return msg("the files ask for a change of it, too")
    if change.action not in _IN_PLACE or change.deposed:
        return msg("it cannot be changed back in place")
    verbs = {verb_of(step.operation) for step in steps if step.address == change.address}
    other_way = any(step.fallback for step in steps if step.address == change.address)
    if not verbs or verbs - _VERBS or other_way:
        return msg("it cannot be changed back in place")
    if impact.opens:
        return msg("changing it back would open traffic")
    if impact.consents:
        classes = sorted({consent.risk.value for consent in impact.consents})
        return msg("changing it back needs consent: {classes}", classes=enumerated(classes))
    if impact.data_loss or impact.address_change or impact.downtime_seconds is not None:
        return msg("changing it back would interrupt something")
    return None
