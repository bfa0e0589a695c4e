"""The comment about one stack of a pull request, and its status."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.ports.forge_ports import CommitStatus, StatusState
from reconciler.model.ports.plan_ports import short_id
from reconciler.render.format import phrase
from reconciler.render.plan.plan_markdown import plan_markdown, problems_markdown
from reconciler.render.review import markers
from reconciler.render.review.shown_review import ReviewStage, ShownReview


def approval_line(id: str) -> str:
    """What a person writes to approve a plan."""
    return f"/approve {short_id(id)}"


def comment(review: ShownReview, previous: str | None = None) -> str:
    """The text of the comment. `previous` is the one that it replaces: it has the ids of earlier
    plans.
    """
    earlier = _earlier(review.id, previous)
    lines = [markers.marker(review.title), markers.plans_line(review.id, earlier) or ""]
    body = problems_markdown(review.problems)
    if review.shown is not None:
        body = plan_markdown(review.shown.plan, review.shown.header, review.shown.decision)
    return "\n".join([*filter(None, lines), body])


def left(title: str, previous: str | None = None) -> str:
    """The text of the comment about a stack that the pull request no longer changes."""
    line = markers.plans_line(None, _earlier(None, previous))
    return "\n".join(
        filter(
            None,
            [markers.marker(title), line, phrase("This pull request no longer changes the stack.")],
        )
    )


def status(review: ShownReview) -> CommitStatus:
    """The status of the stack: success only if nothing is left to apply."""
    state = StatusState.PENDING
    if review.stage is ReviewStage.APPLIED or (
        review.stage is ReviewStage.PLANNED and review.is_empty
    ):
        state = StatusState.SUCCESS
    elif review.stage in (ReviewStage.FAILED, ReviewStage.NO_PLAN, ReviewStage.CONFLICT) or (
        review.approval is not None and review.approval.never
    ):
        state = StatusState.FAILURE
    return CommitStatus(markers.status_name(review.title), state, "", review.notes.run_url)


def approved_status(reviews: Iterable[ShownReview], url: str = "") -> CommitStatus:
    """The status that says whether all plans of a pull request may be applied."""
    ready = all(review.is_empty or review.is_approved for review in reviews)
    state = StatusState.SUCCESS if ready else StatusState.PENDING
    return CommitStatus(markers.APPROVED_STATUS, state, "", url)


def _earlier(id: str | None, previous: str | None) -> list[str]:
    own = None if id is None else short_id(id)
    return [each for each in markers.plans_of_comment(previous) if each != own]
