"""What is shown about one pull request: a comment and a status for each stack, made from its plans,
the comments that approve them, and how an apply of them ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace

from reconciler.cli.review.approval_rules import PullApprovals, shown_approval
from reconciler.cli.review.reviewed_stacks import ReviewedStack
from reconciler.commands.review import approvals
from reconciler.commands.review.approvals import ApprovalComment, ApprovalRules
from reconciler.commands.review.publishing import Posting, Postings
from reconciler.common.dataclass import dataclass
from reconciler.config.project.project import ApplyMode
from reconciler.model.diagnostics import Problem
from reconciler.model.ports.forge_ports import (
    STATUS_CHARACTERS_MAX,
    CommitStatus,
    ForgeComment,
    PullRequest,
    PullState,
    StatusState,
)
from reconciler.model.resource import EMPTY
from reconciler.render.project.shown_project import ShownStatus
from reconciler.render.review import markers, pull_comment
from reconciler.render.review.shown_review import (
    ReviewEnd,
    ReviewNotes,
    ReviewStage,
    ShownApproval,
    ShownReview,
)


@dataclass(frozen=True, slots=True)
class StackOutcome:
    """What an apply did with one stack: the stage that it reached, and the problems of the run."""

    stage: ReviewStage
    end: ReviewEnd = ReviewEnd()
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """Why a plan may be applied: its pull request, and the comments that approve it."""

    pull: PullRequest
    approvals: tuple[ApprovalComment, ...] = ()


@dataclass(frozen=True, slots=True)
class PullBoard:
    """One pull request with its plans. `rules` and `modes` are by title, and so are `outcomes`,
    those of an apply. `authors` are people who approve none of the plans. `checked` are stacks
    without a plan; `failure` is why there are no plans of this commit.
    """

    pull: PullRequest
    stacks: tuple[ReviewedStack, ...]
    rules: Mapping[str, ApprovalRules]
    notes: ReviewNotes
    modes: Mapping[str, ApplyMode] = field(default_factory=lambda: EMPTY)
    outcomes: Mapping[str, StackOutcome] = field(default_factory=lambda: EMPTY)
    authors: frozenset[str] = frozenset()
    checked: tuple[ShownReview, ...] = ()
    failure: str | None = None

    def approvals(self, comments: Iterable[ForgeComment]) -> PullApprovals:
        """The approvals that the comments give."""
        every = tuple(comments)
        earlier = {
            id for each in every if each.is_own for id in markers.plans_of_comment(each.body)
        }
        found = approvals.read(every)
        return PullApprovals(self.pull, found, self.rules, self.authors, frozenset(earlier))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all plans that can be approved."""
        return tuple(each.reviewed.id for each in self.stacks if each.reviewed is not None)

    def ready(
        self, comments: Iterable[ForgeComment], *, by_hand: bool
    ) -> Iterator[tuple[str, Grant]]:
        """The titles of the plans that may be applied now, as far as approvals and the mode of
        their stack say: before the merge only those that the rules apply then.
        """
        found = self.approvals(comments)
        written = {
            each.comment_id: each for each in found.found if isinstance(each, ApprovalComment)
        }
        for each in self.stacks:
            mode = self.modes.get(each.title, ApplyMode.MERGED)
            if each.reviewed is None or not self._is_time(mode, by_hand=by_hand):
                continue
            verdict = found.verdict(each.reviewed, self.ids)
            if not each.needs_approval or verdict.is_approved:
                counted = tuple(written[id] for id in verdict.comment_ids)
                yield each.title, Grant(self.pull, counted)

    def _is_time(self, mode: ApplyMode, *, by_hand: bool) -> bool:
        if self.pull.state is PullState.OPEN:
            return mode is ApplyMode.APPROVED
        return self.pull.state is PullState.MERGED and (by_hand or mode is not ApplyMode.BY_HAND)

    def reviews(self, comments: Iterable[ForgeComment]) -> tuple[ShownReview, ...]:
        """What is shown of each stack."""
        found = self.approvals(comments)
        return (*(self._review(each, found) for each in self.stacks), *self.checked)

    def look(self, pull: PullRequest, comments: tuple[ForgeComment, ...]) -> Postings:
        """What is to be written, with the comments as they are now."""
        reviews = self.reviews(comments)
        stacks = tuple(
            Posting(
                each.title,
                lambda previous, each=each: pull_comment.comment(each, previous),  # type: ignore[misc]
                pull_comment.status(each),
            )
            for each in reviews
        )
        if self.failure is not None:
            return Postings((), (self._failed(self.failure),), _titles(comments))
        approved = pull_comment.approved_status(reviews, self.notes.run_url)
        return Postings(stacks, (approved,))

    def _failed(self, why: str) -> CommitStatus:
        rest = STATUS_CHARACTERS_MAX - 3
        text = why if len(why) <= STATUS_CHARACTERS_MAX else why[:rest] + "..."
        url = self.notes.run_url
        return CommitStatus(markers.APPROVED_STATUS, StatusState.FAILURE, text, url)

    def _review(self, each: ReviewedStack, found: PullApprovals) -> ShownReview:
        outcome = self.outcomes.get(each.title)
        mode = self.modes.get(each.title, ApplyMode.MERGED)
        return ShownReview(
            each.title,
            _stage(each) if outcome is None else outcome.stage,
            replace(self.notes, mode=mode, waits_for=each.shown.after),
            shown=each.shown.shown,
            id=None if each.reviewed is None else each.reviewed.id,
            approval=self._approval(each, found),
            problems=(*each.shown.problems, *(() if outcome is None else outcome.problems)),
            end=ReviewEnd() if outcome is None else outcome.end,
        )

    def _approval(self, each: ReviewedStack, found: PullApprovals) -> ShownApproval | None:
        if each.reviewed is None or not each.needs_approval:
            return None
        return shown_approval(found.verdict(each.reviewed, self.ids))


def _titles(comments: Iterable[ForgeComment]) -> frozenset[str]:
    """The titles of the stacks that have a comment, which stays as it is."""
    found = (markers.title_of_comment(each.body) for each in comments if each.is_own)
    return frozenset(title for title in found if title is not None)


def _stage(each: ReviewedStack) -> ReviewStage:
    is_failed = each.is_denied or each.shown.status is ShownStatus.FAILED
    return ReviewStage.NO_PLAN if is_failed else ReviewStage.PLANNED
