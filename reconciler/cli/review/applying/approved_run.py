"""Carries out the plans that are approved, each under its lock and only if it is still the same."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from reconciler.cli import composition, plan_output
from reconciler.cli.many.many_apply import ManyRun
from reconciler.cli.many.stack_carrier import CheckedPlan, RunTerms
from reconciler.cli.review.applying.apply_audit import ApplyAudit
from reconciler.cli.review.pull_board import StackOutcome
from reconciler.cli.review.reviewed_stacks import (
    ReviewedStack,
    ReviewedStacks,
    decision_of,
    narrowed,
)
from reconciler.commands.context import Planned
from reconciler.commands.project import apply_all
from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd
from reconciler.commands.project.values import ProjectPlan
from reconciler.commands.review import plan_ids
from reconciler.common.dataclass import dataclass
from reconciler.common.text import first_few, joined, msg
from reconciler.model.diagnostics import Problem, Severity, error
from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import SavedPlan
from reconciler.render.project.shown_project import ShownStatus
from reconciler.render.review.shown_review import ReviewEnd, ReviewStage
from reconciler.render.run.events_json import JsonLines

NOT_APPROVED = "plan-stale"
"""The code of the problem of a plan that is not the approved one any more."""


@dataclass(frozen=True, slots=True)
class ApprovedRun:
    """What became of the plans: the results of those that began, and why others did not begin, both
    by title. `problems` say what is not in the audit log.
    """

    results: Mapping[str, StackResult]
    outcomes: Mapping[str, StackOutcome]
    problems: tuple[Problem, ...] = ()


def carry_out(
    stacks: ReviewedStacks, approved: Collection[str], audit: ApplyAudit, again: str
) -> ApprovedRun:
    """Applies the plans whose titles are approved, each after those that it needs. `again` is the
    command that continues.
    """
    held = dict(_held(stacks, approved))
    begun = [title for title in approved if title not in held]
    run_id = composition.run_id()
    if not begun:
        return ApprovedRun({}, held)
    by_title = {each.title: each for each in stacks.stacks}
    started = set[str]()

    def check(now: SavedPlan, planned: Planned) -> Problem | None:
        stack = by_title[planned.plan.title]
        if stack.title in started and stack.saved is not None:
            # A run plans once more after it has waited for what an earlier run left open.
            is_part = plan_ids.is_part(stack.saved, now)
            return None if is_part else not_approved(stack, now)
        problem = not_approved(stack, now) or audit.started(stack, run_id)
        if problem is None:
            started.add(stack.title)
        return problem

    results = {each.title: each for each in _run(stacks, begun, check, run_id, again)}
    outcomes = {title: _outcome(each, again) for title, each in results.items()}
    unwritten = [
        audit.ended(by_title[title], each, run_id)
        for title, each in results.items()
        if each.end is not StackEnd.SKIPPED  # nothing was done about it
    ]
    problems = tuple(each for each in unwritten if each is not None)
    return ApprovedRun(results, held | outcomes, problems)


# Before the run
# ------------------------------------------------------------------------------------------------


def _held(stacks: ReviewedStacks, approved: Collection[str]) -> Iterator[tuple[str, StackOutcome]]:
    """The approved plans that may not be carried out now, in the order of an apply."""
    waiting = set[str]()
    for each in stacks.stacks:
        title = each.title
        if title not in approved:
            if each.shown.status is not ShownStatus.UNCHANGED:
                waiting.add(title)
            continue
        needed = sorted(stacks.chosen.needs.get(title, frozenset()) & waiting)
        end = _gate(each)
        if needed:
            names = first_few(needed, 5)
            end = ReviewEnd(msg("{stacks} must be applied before it", stacks=names))
        if end is not None:
            waiting.add(title)
            yield title, StackOutcome(ReviewStage.HELD, end)


def _gate(each: ReviewedStack) -> ReviewEnd | None:
    """Why a freeze or a window holds a plan back now; None if neither does."""
    planned = each.part.planned
    if planned is None or not planned.plan.steps:
        return None
    gates = planned.plan.gates
    if gates.frozen is None and gates.opens is None:
        return None
    code = "window" if gates.frozen is None else "frozen"
    why = next(one.message for one in planned.problems if one.code == code)
    return ReviewEnd(why, opens=gates.opens)


# The run
# ------------------------------------------------------------------------------------------------


def _run(
    stacks: ReviewedStacks,
    titles: Collection[str],
    check: CheckedPlan,
    run_id: str,
    again: str,
) -> tuple[StackResult, ...]:
    chosen, by_title = narrowed(stacks.chosen, titles), {e.title: e for e in stacks.stacks}
    parts = tuple(each.part for each in stacks.stacks if each.title in titles)
    plan = ProjectPlan(parts, stacks.found.plan.calls)

    wanted = plan_output.plan_options(stacks.choices)
    terms = RunTerms(chosen, stacks.choices, wanted, run_id, again)
    console = chosen.console
    lines = JsonLines(run=run_id, now=time.time, write=console.write_line)
    run = ManyRun(terms, chosen.needs, lines, check=check)
    run.pools = {title: each.pool for title, each in stacks.found.connections.items()}
    decisions = {
        title: decision_of(by_title[title], stacks.choices)
        for title in titles
        if by_title[title].part.planned is not None
    }
    console.begin()
    queue, ended = run.run(apply_all.begin(plan, chosen.needs, ()), plan, decisions)
    return apply_all.results(queue, plan, ended)


def not_approved(approved: ReviewedStack, now: SavedPlan) -> Problem | None:
    """The error for a plan that is not the approved one; None if it is. One that was provisional
    may have other values, but no other changes and no more consent.
    """
    before, reviewed = approved.saved, approved.reviewed
    assert before is not None and reviewed is not None
    if reviewed.is_provisional:
        if plan_ids.same_extent(before, now):
            return None
    elif plan_ids.review_id(_as_shown(now, before)) == reviewed.id:
        return None
    differences = saved_plan.differences(before, now.plan)
    text = joined("\n", differences) if differences else msg("policies ask for other consent")
    message = msg(
        "{stack}: nothing was sent, because the plan is not the approved one any more",
        stack=approved.title,
    )
    return error(NOT_APPROVED, message, hint=text)


def _as_shown(now: SavedPlan, before: SavedPlan) -> SavedPlan:
    """The plan under the lock, which creates the state of a stack that had none."""
    if before.plan.lineage:
        return now
    return replace(now, plan=replace(now.plan, lineage=""))


# After the run
# ------------------------------------------------------------------------------------------------


def _outcome(result: StackResult, again: str) -> StackOutcome:
    applied = result.applied
    summary = None if applied is None else applied.summary
    seconds, calls = (0.0, 0) if summary is None else (summary.seconds, summary.calls)
    errors = [each for each in result.problems if each.severity is Severity.ERROR]
    match result.end:
        case StackEnd.DONE:
            return StackOutcome(ReviewStage.APPLIED, ReviewEnd(seconds=seconds, calls=calls))
        case StackEnd.SKIPPED:
            names = first_few(result.because, 5)
            why = msg("{stacks} must be applied before it", stacks=names)
            return StackOutcome(ReviewStage.HELD, ReviewEnd(why))
        case StackEnd.NOT_STARTED:
            return StackOutcome(ReviewStage.HELD, ReviewEnd(msg("the job was interrupted")))
        case _ if applied is None and any(each.code == NOT_APPROVED for each in errors):
            return StackOutcome(ReviewStage.CHANGED, ReviewEnd(), tuple(result.problems))
        case _ if errors and all(each.code in ("window", "frozen") for each in errors):
            return StackOutcome(ReviewStage.HELD, ReviewEnd(errors[0].message))
        case _:
            end = ReviewEnd(
                msg("exit code {code}", code=result.exit_code), seconds, calls, next=again
            )
            return StackOutcome(ReviewStage.FAILED, end, tuple(result.problems))
