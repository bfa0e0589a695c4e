"""The statuses of a commit: one for each stack, and one for the approvals of a pull request."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.project.project import ApplyMode
from reconciler.model.ports.forge_ports import STATUS_CHARACTERS_MAX, CommitStatus, StatusState
from reconciler.render import escape, problem_text
from reconciler.render.format import phrase
from reconciler.render.plan.tally import planned, tally
from reconciler.render.review import markers
from reconciler.render.review.shown_review import ReviewStage, ShownReview

_FAILURES = (ReviewStage.FAILED, ReviewStage.CONFLICT)


def status(review: ShownReview) -> CommitStatus:
    """The status of a stack. It is a success only if nothing is left to apply."""
    return CommitStatus(
        markers.status_name(review.title), _state(review), _cut(_text(review)), review.notes.run_url
    )


def approved_status(reviews: Iterable[ShownReview], url: str = "") -> CommitStatus:
    """The status of a pull request: a success if nothing is missing to apply any of its plans."""
    found = list(reviews)
    broken = [each.title for each in found if _cannot_be_applied(each)]
    waiting = [each.title for each in found if _waits(each)]
    if broken:
        state, text = (
            StatusState.FAILURE,
            phrase("not possible: {titles}", titles=", ".join(broken)),
        )
    elif waiting:
        titles = ", ".join(waiting)
        state, text = StatusState.PENDING, phrase("waits for approval: {titles}", titles=titles)
    else:
        state, text = StatusState.SUCCESS, phrase("no approval is missing")
    return CommitStatus(markers.APPROVED_STATUS, state, _cut(text), url)


def _state(review: ShownReview) -> StatusState:
    if review.stage is ReviewStage.APPLIED:
        return StatusState.SUCCESS
    if _cannot_be_applied(review):
        return StatusState.FAILURE
    is_done = review.stage is ReviewStage.PLANNED and review.is_empty
    return StatusState.SUCCESS if is_done else StatusState.PENDING


def _cannot_be_applied(review: ShownReview) -> bool:
    if review.stage in _FAILURES or review.has_errors:
        return True
    if review.stage is ReviewStage.FORK:
        return bool(review.problems)
    is_forbidden = review.approval is not None and bool(review.approval.never)
    return is_forbidden and not review.is_empty and review.stage is not ReviewStage.APPLIED


def _waits(review: ShownReview) -> bool:
    if review.stage is ReviewStage.FORK:
        return True
    is_open = review.stage is not ReviewStage.APPLIED and not review.is_empty
    return is_open and not review.is_approved


def _text(review: ShownReview) -> str:
    approval, plan = review.approval, None if review.shown is None else review.shown.plan
    simple = {
        ReviewStage.APPLIED: phrase("applied"),
        ReviewStage.FAILED: phrase("the apply failed"),
        ReviewStage.CONFLICT: phrase("conflict with the base branch"),
        ReviewStage.FORK: phrase("not planned, because it is from another repository"),
    }
    if review.stage in simple:
        return simple[review.stage]
    if review.has_errors:
        problems = [*review.problems, *(() if plan is None else plan.problems)]
        return phrase("no plan: {tally}", tally=problem_text.tally(problems))
    if review.is_empty:
        return phrase("no changes")
    if approval is not None and approval.never:
        return phrase("the rules never allow {classes}", classes=", ".join(sorted(approval.never)))
    if approval is not None and approval.missing:
        next_one = phrase(
            "waits for approval: {given} of {needed}",
            given=approval.needed - approval.missing,
            needed=approval.needed,
        )
    elif review.stage is ReviewStage.HELD:
        next_one = phrase("held back")
    elif review.notes.mode is ApplyMode.MERGED and not review.notes.is_merged:
        next_one = phrase("is applied after the merge")
    else:
        next_one = phrase("may be applied")
    if review.has_only_outputs:
        counts = phrase("only outputs change")
    else:
        counts = "" if plan is None else planned(tally(plan))
    return phrase("[{counts}; ]{next}", counts=counts, next=next_one)


def _cut(text: str) -> str:
    line = escape.outside(text)
    return line if len(line) <= STATUS_CHARACTERS_MAX else line[: STATUS_CHARACTERS_MAX - 3] + "..."
