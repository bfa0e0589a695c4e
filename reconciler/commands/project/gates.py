"""What may hold back an apply besides its plan: a freeze of the stack, the windows of the project,
and its policies.

A plan is judged when it is made, before the question, and again after it, under the lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.commands.project.gate_values import NO_GATES, GateRules, Gates
from reconciler.common.text import Text, msg
from reconciler.model.diagnostics import Problem, Severity, error, warning
from reconciler.model.plan import Consent, GateReport
from reconciler.model.state import Freeze, Note, Override, State, StateChange
from reconciler.render import format

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.commands.context import Planned
    from reconciler.model import ports
    from reconciler.render.documents.json_document import Document

_REASON_LENGTH_MAX = 200


def of_project(
    stack: Path,
    now: Callable[[], float],
    *,
    override: Override | None = None,
    with_windows: bool = True,
) -> Gates:
    """The gates of a stack's project. Each look reads the files again; it stops with their
    mistakes.
    """
    return Gates(partial(_rules_of, stack, with_windows), now, override)


def _rules_of(stack: Path, with_windows: bool, title: str) -> GateRules:
    from reconciler.config.project import project_file

    project = project_file.load(stack)
    windows = project.settings(title).windows if with_windows else ()
    if not project.policies:
        return GateRules(windows)
    from reconciler.policies import policy_set

    return GateRules(windows, policy_set.load(project).judge)


def judged(planned: Planned, state: State | None, gates: Gates = NO_GATES) -> Planned:
    """The plan with what the gates found. A freeze and a closed window are warnings, because the
    plan itself is right; what a policy denies is an error.
    """
    plan, now = planned.plan, gates.now()
    rules = gates.rules(plan.title)
    frozen = None if state is None else state.frozen
    problems = [] if frozen is None else [frozen_warning(plan.title, frozen)]
    opens, asked = None, tuple[Consent, ...]()
    if rules.windows:
        from reconciler.config.project import windows

        if not windows.is_open(rules.windows, now):
            opens = windows.next_opening(rules.windows, now)
            moment = windows.opening_text(rules.windows, now)
            text = msg("outside its window: an apply may begin {moment}", moment=moment)
            problems.append(warning("window", text))
    if rules.judge is not None:
        found = rules.judge(_document(planned), plan.title)
        problems += found.problems
        asked = found.consents if planned.has_changes else ()
    return replace(
        planned,
        plan=replace(plan, gates=GateReport(frozen, opens), asked=asked),
        problems=(*planned.problems, *problems),
    )


def refusals(planned: Planned, gates: Gates = NO_GATES) -> tuple[Problem, ...]:
    """Why a plan that was judged may not be carried out now; empty if it may. A plan that sends
    nothing passes a freeze and a closed window.
    """
    plan, found = planned.plan, list[Problem]()
    report, title = plan.gates, plan.title
    if plan.steps and report.frozen is not None and gates.override is None:
        found.append(of_freeze(title, report.frozen))
    if plan.steps and report.opens is not None:
        text = next(each.message for each in planned.problems if each.code == "window")
        message = msg("nothing is sent to {stack}: {reason}", stack=title, reason=text)
        hint = msg("run it then, or change `windows` in the rules of reconciler.yaml")
        found.append(error("window", message, hint=hint))
    denied = [
        each
        for each in planned.problems
        if each.code == "policy" and each.severity is Severity.ERROR
    ]
    if denied:
        message = msg("nothing is sent to {stack}: a policy denies the plan", stack=title)
        if len(denied) > 1:
            message = msg(
                "nothing is sent to {stack}: {count} policies deny the plan",
                stack=title,
                count=len(denied),
            )
        found.append(
            error(
                "policy", message, hint=msg("change the stack so that every policy allows the plan")
            )
        )
    return tuple(found)


def refusals_since(shown: Planned, again: Planned, gates: Gates) -> tuple[Problem, ...]:
    """As `refusals`, for a plan that was judged again after it was shown: what policies ask for now
    must have been shown.
    """
    found = refusals(again, gates)
    asked = set(shown.plan.asked)
    more = [f"{each.risk.value}={each.address}" for each in again.plan.asked if each not in asked]
    if found or not more:
        return found
    message = msg(
        "the policies changed after the plan was shown: they also ask for {consents}",
        consents=", ".join(more),
    )
    return (error("policy", message, hint=msg("run the command again to see the plan")),)


def of_freeze(title: str, frozen: Freeze) -> Problem:
    """The error for whoever wants to change the objects of a stack that is frozen."""
    hint = msg("wait until it is unfrozen; in an emergency, add --accept frozen --reason TEXT")
    return error("frozen", _frozen_text(title, frozen), hint=hint)


def record_override(writer: ports.StateWriter, gates: Gates, run: str) -> None:
    """Records in the state that a run passes its freeze, once for each run."""
    state = writer.state
    frozen, override = state.frozen, gates.override
    if frozen is None or override is None or override in frozen.overrides:
        return
    change = StateChange(freeze=frozen.overridden(override))
    reason = f"applied while frozen: {override.reason}"[:_REASON_LENGTH_MAX]
    writer.append(Note(state.sequence + 1, run, reason, (change,)))


def frozen_warning(title: str, frozen: Freeze) -> Problem:
    """The warning in everything that shows a stack that is frozen."""
    return warning("frozen", _frozen_text(title, frozen))


def _frozen_text(title: str, frozen: Freeze) -> Text:
    return msg(
        "{stack} is frozen since {moment} by {who}: {reason}",
        stack=title,
        moment=format.moment(frozen.at),
        who=frozen.by,
        reason=frozen.reason,
    )


def _document(planned: Planned) -> Document:
    """The plan as `plan --format json` prints it."""
    from reconciler.render.plan import plan_json

    problems = (*planned.plan.problems, *planned.problems)
    return plan_json.plan_document(
        replace(planned.plan, problems=problems), exit_code=planned.exit_code
    )
