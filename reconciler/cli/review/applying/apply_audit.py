"""The entries of the audit log about one `ci apply`: one before anything is sent for a stack, and
one when it has ended.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from reconciler.cli import composition, state_places
from reconciler.cli.review.pull_board import Grant
from reconciler.cli.review.review_context import Review
from reconciler.cli.review.reviewed_stacks import ReviewedStack
from reconciler.commands.project.apply_all import StackResult
from reconciler.commands.project.stack_queue import StackEnd
from reconciler.common.text import msg
from reconciler.model import exit_codes, ports
from reconciler.model.diagnostics import Problem, error
from reconciler.model.ports.audit_ports import AuditLog
from reconciler.model.review.audit_entry import (
    LIST_MAX,
    ActorKind,
    AuditActor,
    AuditApproval,
    AuditedPlan,
    AuditedRun,
    AuditedSource,
    AuditEntry,
    AuditOutcome,
    classes_of,
    cleaned,
    place_of_run,
)

ACTION = "ci apply"

_OUTCOMES: Mapping[int, AuditOutcome] = {
    exit_codes.DONE: AuditOutcome.APPLIED,
    exit_codes.REFUSED: AuditOutcome.REFUSED,
    exit_codes.INTERRUPTED: AuditOutcome.INTERRUPTED,
}
"""What became of a stack by its exit code; any other one is a failure."""


class ApplyAudit:
    """Writes the entries of one run. `grants` are by title: which pull request each plan is from,
    and who approved it.
    """

    def __init__(self, review: Review, grants: Mapping[str, Grant]) -> None:
        self._review, self._grants = review, grants

    def started(self, stack: ReviewedStack, run: str) -> Problem | None:
        """Writes that a stack begins. Returns why that is not possible: it may not begin then."""
        try:
            self._append(stack, AuditOutcome.STARTED, AuditedRun(run))
        except ports.StoreError as failure:
            message = msg(
                "{stack}: nothing was sent, because the audit log cannot be written: {reason}",
                stack=stack.title,
                reason=failure,
            )
            return error("state-write", message, hint=failure.hint)
        return None

    def ended(self, stack: ReviewedStack, result: StackResult, run: str) -> Problem | None:
        """Writes what became of a stack. Returns why that is not possible."""
        summary = None if result.applied is None else result.applied.summary
        outcome = _OUTCOMES.get(result.exit_code, AuditOutcome.FAILED)
        if result.end is StackEnd.NOT_STARTED:
            outcome = AuditOutcome.INTERRUPTED
        elif result.is_unchanged:
            outcome = AuditOutcome.UNCHANGED
        calls = 0 if summary is None else summary.calls
        try:
            self._append(stack, outcome, AuditedRun(run, result.exit_code, calls))
        except ports.StoreError as failure:
            message = msg(
                "{stack}: what became of it is not in the audit log: {reason}",
                stack=stack.title,
                reason=failure,
            )
            return error("state-write", message, hint=failure.hint)
        return None

    def _append(self, stack: ReviewedStack, outcome: AuditOutcome, run: AuditedRun) -> None:
        grant = self._grants[stack.title]
        plan = AuditedPlan(
            None if stack.reviewed is None else stack.reviewed.id,
            tuple(
                AuditApproval(cleaned(each.person), each.comment_id, int(each.created))
                for each in grant.approvals[:LIST_MAX]
            ),
            () if stack.reviewed is None else classes_of(tuple(stack.reviewed.classes)),
        )
        source = AuditedSource(grant.pull.merged_as or grant.pull.head, grant.pull.number)
        at = int(time.time())
        entry = AuditEntry(
            at, self._actor(), ACTION, outcome, cleaned(stack.title), plan, run, source
        )
        self._opened().append(entry)

    def _actor(self) -> AuditActor:
        context = self._review.context
        if context.actor is not None:
            place = place_of_run(context.run_url or "")
            return AuditActor(ActorKind.CI, cleaned(context.actor), place)
        who = composition.holder("reconciler ci apply")
        return AuditActor(ActorKind.USER, cleaned(who.user), place_of_run(who.host))

    def _opened(self) -> AuditLog:
        """The log; opened by each thread for itself, as the places of states are."""
        simulated = bool(self._review.local.get("simulate"))
        environ = self._review.job_environ()
        return state_places.audit_log(Path(), environ, simulated=simulated)
