"""Applying many stacks: which of them have anything to do, one consent for all, and what became of
each. How one stack is carried out is that of `commands.apply`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from reconciler.commands.context import Applied, Planned
from reconciler.commands.project.stack_queue import StackEnd, StackQueue
from reconciler.commands.project.values import ProjectPlan, StackPlan, StackStatus
from reconciler.common.dataclass import dataclass
from reconciler.common.text import first_few, joined, msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error
from reconciler.model.plan import Action, Consent, Plan
from reconciler.model.resource import Stack
from reconciler.model.state import Phase, State, is_stale
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Acceptance, Approval, Decision, GivenConsent

_ADDRESSES_LISTED_MAX = 5


@dataclass(frozen=True, slots=True)
class StackResult:
    """What became of one stack. `applied` is None if it was not carried out to its end; `problems`
    say why then. `because` are the stacks that failed before a skipped one.
    """

    title: str
    end: StackEnd
    exit_code: int = exit_codes.DONE
    applied: Applied | None = None
    problems: tuple[Problem, ...] = ()
    because: tuple[str, ...] = ()

    @property
    def is_unchanged(self) -> bool:
        """Whether there was nothing to do."""
        return self.end is StackEnd.DONE and (self.applied is None or self.applied.summary is None)


# Before the run
# ------------------------------------------------------------------------------------------------


def is_quiet(part: StackPlan, state: State | None) -> bool:
    """Whether there is nothing to do for a stack: no lock is taken for it. `state` is its own."""
    planned = part.planned
    if planned is None or part.status is not StackStatus.PLANNED or part.after:
        return False
    if planned.has_changes or planned.plan.records or part.exit_code != exit_codes.DONE:
        return False
    return state is None or not (is_unsettled(state) or is_stale(state.outputs))


def is_unsettled(state: State) -> bool:
    """Whether an earlier run left something that the next one settles or ends."""
    phases = [entry.phase for entry in state.entries.values()]
    return bool(state.open or state.deposed) or any(phase is not Phase.READY for phase in phases)


def begin(
    plan: ProjectPlan, needs: Mapping[str, frozenset[str]], quiet: Collection[str]
) -> StackQueue:
    """The queue of a run: stacks without a plan have failed, quiet ones are done."""
    queue = StackQueue(needs)
    for title in quiet:
        queue = queue.end(title, well=True)
    for part in plan.parts:
        if part.status is StackStatus.FAILED and part.title not in quiet:
            queue = queue.end(part.title, well=False)
    return queue


def decisions(
    plan: ProjectPlan, given: Callable[[str, Stack], GivenConsent]
) -> dict[str, Decision]:
    """For each stack that would change something, by title, whether it may be applied with the
    consent given so far.
    """
    return {
        part.title: approval.decide(
            part.planned.plan,
            given(part.title, part.planned.stack),
            tracked=part.planned.tracked,
            empty_file=not part.planned.stack.resources,
        )
        for part in plan.parts
        if part.status is StackStatus.PLANNED and part.planned is not None
        if part.planned.has_changes
        and not (part.planned.plan.is_held_back and not part.planned.outputs)
    }


def check(found: Mapping[str, Decision], *, yes: bool, options: str) -> bool:
    """Whether a person must be asked. Stops if one of the plans is refused: nothing is begun, so
    that no stack is applied without the others. `options` give the consent that is needed.
    """
    refused = {title: each for title, each in found.items() if each.verdict is Approval.REFUSED}
    if not refused:
        return any(each.verdict is Approval.ASK for each in found.values())
    problems = [
        replace(
            each.problem, message=msg("{stack}: {reason}", stack=title, reason=each.problem.message)
        )
        for title, each in refused.items()
        if each.problem is not None and each.problem.code != "consent"
    ]
    codes = {each.problem.code for each in refused.values() if each.problem is not None}
    if "consent" in codes:
        named = any(_by_address_only(each.open) for each in refused.values())
        problems.append(_no_consent(options, yes=yes, named=named))
    raise Abort(*problems, exit_code=exit_codes.REFUSED)


def _by_address_only(found: Collection[Consent]) -> bool:
    return any(item.risk in approval.BY_ADDRESS_ONLY for item in found)


def _no_consent(options: str, *, yes: bool, named: bool) -> Problem:
    if not options:
        message = msg("there is no terminal to ask for approval, and --yes was not given")
        return error("consent", message, hint=msg("Read the plan, then add --yes."))
    message = (
        msg("these plans need consent for each object by name")
        if named
        else msg("these plans need consent, and there is no terminal to ask for it")
    )
    whole = options + ("" if yes or named else " --yes")
    return error("consent", message, hint=msg("If this is intended, add {options}", options=whole))


# Under the lock of one stack
# ------------------------------------------------------------------------------------------------


def agreed(given: GivenConsent, decision: Decision | None) -> GivenConsent:
    """The consent with which one stack is carried out: what was shown of it, and the options. A
    stack that could not be planned before has only the options.
    """
    shown = () if decision is None else decision.open
    accepted = tuple(Acceptance(item.risk, item.address) for item in shown)
    return replace(given, accept=given.accept + accepted, yes=True, terminal=False)


def grown(
    title: str, planned: Planned, decision: Decision, shown: Plan | None = None
) -> Problem | None:
    """The error for a plan that does more or needs more consent than the plan that was shown; None
    if it does not, or cannot be applied anyway. A provisional plan was not shown in full: it may do
    more, and is not among the `shown`.
    """
    if exit_codes.stops((*planned.plan.problems, *planned.problems)):
        return None
    hint = msg("run the command again to see this plan; nothing was sent for this stack")
    if shown is not None and (more := _not_shown(planned.plan, shown)):
        message = msg(
            "{stack}: the plan now has changes that were not shown before: {addresses}",
            stack=title,
            addresses=first_few(more, _ADDRESSES_LISTED_MAX),
        )
        return error("consent", message, hint=hint)
    if not decision.open:
        return None
    needed = [f"{item.risk.value}={item.address}" for item in decision.open]
    message = msg(
        "{stack}: the plan now needs consent that was not shown before: {consents}",
        stack=title,
        consents=joined(", ", needed),
    )
    return error("consent", message, hint=hint)


def _not_shown(plan: Plan, shown: Plan) -> list[str]:
    """The addresses that a plan changes otherwise than it was shown: all of them if the files have
    changed since.
    """
    known = {(each.address, each.action) for each in shown.changes if plan.digest == shown.digest}
    return [
        str(each.address)
        for each in plan.changes
        if each.action is not Action.NONE and (each.address, each.action) not in known
    ]


# The end of the run
# ------------------------------------------------------------------------------------------------


def results(
    queue: StackQueue, plan: ProjectPlan, ended: Mapping[str, StackResult]
) -> tuple[StackResult, ...]:
    """What became of each stack, in the order of the plan."""
    return tuple(_result(queue, part, ended.get(part.title)) for part in plan.parts)


def _result(queue: StackQueue, part: StackPlan, own: StackResult | None) -> StackResult:
    if own is not None:
        return own
    title, end = part.title, queue.ends[part.title]
    if end is StackEnd.SKIPPED:
        return StackResult(title, end, because=queue.failed_before(title))
    if end is StackEnd.NOT_STARTED:
        return StackResult(title, end, exit_codes.INTERRUPTED)
    if end is StackEnd.FAILED:
        return StackResult(title, end, part.exit_code or exit_codes.ERROR, problems=part.problems)
    return StackResult(title, end)
