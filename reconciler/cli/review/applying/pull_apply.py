"""`ci apply`: applies what was approved, and nothing else.

All stacks are planned again, at the tip of the base branch or at the merge of an open pull request.
A plan whose id is approved is carried out under its lock, where it is planned once more: if it is
another one then, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.cli.many import many_plans
from reconciler.cli.review import pull_planning, pull_tree
from reconciler.cli.review.applying import approved_run
from reconciler.cli.review.applying.apply_audit import ApplyAudit
from reconciler.cli.review.applying.approved_run import ApprovedRun
from reconciler.cli.review.pull_board import Grant, PullBoard
from reconciler.cli.review.pull_tree import WrittenTree
from reconciler.cli.review.review_context import Review
from reconciler.cli.review.reviewed_stacks import (
    ReviewedStack,
    ReviewedStacks,
    narrowed,
    reviewed_stacks,
)
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import command_line
from reconciler.common.text import msg
from reconciler.model import exit_codes
from reconciler.model.ports.forge_ports import PullRequest, PullState, StatusState
from reconciler.render.project.shown_project import ShownStatus
from reconciler.render.review import markers
from reconciler.render.review.shown_review import ReviewStage
from reconciler.render.run.screen import Line, Tone

_UNSEEN_MAX = 10
"""How many of the latest merges are taken up if no job has seen them. Earlier ones may be from
before the pipelines.
"""


@dataclass(frozen=True, slots=True)
class ApplyTerms:
    """The options of `ci apply`. `before` is the commit of the base branch before the merge; with
    `by_hand` a person started the job, so that stacks of the mode `by-hand` are applied too.
    """

    before: str | None = None
    by_hand: bool = False
    detailed_exitcode: bool = False


@dataclass(frozen=True, slots=True)
class MergedGroup:
    """Merged pull requests that are not finished and whose stacks overlap, in the order of their
    merges, with the titles that each touches.
    """

    pulls: tuple[PullRequest, ...]
    titles: Mapping[int, frozenset[str]]

    @property
    def authors(self) -> frozenset[str]:
        """Who wrote what is applied: none of them approves it."""
        return frozenset(pull.author.name for pull in self.pulls)


def apply(review: Review, number: int | None, base: str | None, terms: ApplyTerms) -> int:
    """Applies the plans of one pull request, or of all merged ones that are not finished. Returns
    the exit code: 0 also if plans wait for an approval or a window, 2 with `detailed_exitcode`.
    """
    pull = None if number is None else review.forge.pull(number)
    if pull is not None and pull.state is PullState.OPEN:
        return _apply_open(review, pull, terms)
    if pull is not None and pull.state is PullState.CLOSED:
        text = msg("Pull request {number} is closed: nothing is applied.", number=pull.number)
        review.console.result([Line(text)])
        return exit_codes.DONE
    branch = base if pull is None else pull.base
    assert branch is not None
    pulls = list(_unfinished(review, branch))
    if pull is not None and pull.number not in {each.number for each in pulls}:
        pulls.append(pull)
    groups = [each for each in _groups(review, pulls) if pull is None or pull.number in each.titles]
    if not groups:
        text = msg("No merged pull request waits for an apply.")
        review.console.result([Line(text, Tone.GOOD)])
    codes = [code for each in groups for code in _apply_merged(review, branch, each, terms)]
    return exit_codes.worst(codes)


# Merged pull requests
# ------------------------------------------------------------------------------------------------


def _unfinished(review: Review, base: str) -> Iterator[PullRequest]:
    """The merged pull requests that are not finished, in the order of their merges: those with a
    status of a stack that is not success, and the latest ones without any status.
    """
    merged = review.forge.merged_pulls(base)
    for number, pull in reversed(list(enumerate(merged))):
        found = review.forge.statuses(pull.head)
        own = [each for name, each in found.items() if name.startswith(markers.STATUS_PREFIX)]
        if (not own and number < _UNSEEN_MAX) or any(
            each.state is not StatusState.SUCCESS and each.name != markers.APPROVED_STATUS
            for each in own
        ):
            yield pull


def _groups(review: Review, pulls: Sequence[PullRequest]) -> list[MergedGroup]:
    """The pull requests in groups that share no stack. Those that touch none are finished, and
    their status says so.
    """
    titles = {pull.number: _titles(review, pull) for pull in pulls}
    groups: list[frozenset[int]] = []
    for pull in pulls:
        if not titles[pull.number]:
            board = PullBoard(pull, (), {}, pull_planning.notes_of(review, pull))
            pull_planning.publish(review, board)
            continue
        own = titles[pull.number]
        near = [one for one in groups if any(own & titles[number] for number in one)]
        groups = [one for one in groups if one not in near]
        groups.append(frozenset({pull.number}).union(*near))
    return [
        MergedGroup(
            tuple(pull for pull in pulls if pull.number in group),
            {number: titles[number] for number in group},
        )
        for group in groups
    ]


def _titles(review: Review, pull: PullRequest) -> frozenset[str]:
    """The stacks that a merged pull request touches: by its files, and those that have a status."""
    before = _before(review, pull)
    merged_as = review.commit(pull.merged_as or pull.head)
    tree = pull_tree.tree_of(review.repository, merged_as, before)
    with review.files_of(tree, before) as written:
        touched = {each.title for each in review.choose(written.changed).stacks}
        known = {each.title for each in review.choose(None).stacks}
    named = map(markers.title_of_status, review.forge.statuses(pull.head))
    return frozenset(touched | (known & {*named}))


def _before(review: Review, pull: PullRequest) -> str:
    """The commit of the base branch before a pull request was merged: its rules hold."""
    return review.commit(f"{pull.merged_as or pull.head}^1")


def _apply_merged(
    review: Review, base: str, group: MergedGroup, terms: ApplyTerms
) -> Iterator[int]:
    """Applies the plans of a group at the tip of the base branch, with the rules from before the
    first of its merges: no pull request changes the rules for itself.
    """
    rules = _before(review, group.pulls[0])
    if terms.before is not None and len(group.pulls) == 1:
        rules = review.commit(terms.before)
    tree = pull_tree.tree_of(review.repository, review.base_tip(base), rules)
    with review.files_of(tree, rules) as written:
        every = frozenset().union(*group.titles.values())
        chosen = narrowed(review.choose(None), every)
        with reviewed_stacks(chosen) as found:
            boards = [
                _board(review, pull, found, written, group.titles[pull.number], group.authors)
                for pull in group.pulls
            ]
        yield from _applied(review, boards, found, terms)


# An open pull request
# ------------------------------------------------------------------------------------------------


def _apply_open(review: Review, pull: PullRequest, terms: ApplyTerms) -> int:
    """Applies the plans of an open pull request as far as the rules say that they are applied
    before the merge. The comments of the others are renewed.
    """
    if pull.is_fork:
        number = pull.number
        text = msg("Pull request {number} is from a fork: it is not applied.", number=number)
        review.console.result([Line(text)])
        return exit_codes.DONE
    base = review.base_tip(pull.base)
    with (
        pull_planning.failures_shown(review, pull),
        pull_planning.merged_files(review, pull, base) as written,
    ):
        chosen = review.choose(written.changed)
        with reviewed_stacks(chosen) as found:
            board = pull_planning.board_of(review, pull, found, written)
        return exit_codes.worst(_applied(review, [board], found, terms))


# Both
# ------------------------------------------------------------------------------------------------


def _board(
    review: Review,
    pull: PullRequest,
    found: ReviewedStacks,
    written: WrittenTree,
    titles: frozenset[str],
    authors: frozenset[str],
) -> PullBoard:
    board = pull_planning.board_of(review, pull, found, written)
    own = tuple(each for each in board.stacks if each.title in titles)
    return replace(board, stacks=own, authors=authors)


def _applied(
    review: Review, boards: Sequence[PullBoard], found: ReviewedStacks, terms: ApplyTerms
) -> Iterator[int]:
    """Carries out what is approved in one of the pull requests, and shows it in all of them."""
    grants: dict[str, Grant] = {}
    for board in boards:
        comments = review.forge.comments(board.pull.number)
        for title, grant in board.ready(comments, by_hand=terms.by_hand):
            if title not in grants or not grants[title].approvals:
                grants[title] = grant
    many_plans.show(found.chosen, found.shown)
    again = command_line(["reconciler", "ci", "apply", "--pull", str(boards[0].pull.number)])
    audit = ApplyAudit(review, grants)
    run = approved_run.carry_out(found, grants, audit, again)
    later = _planned_again(found, run)
    for board in boards:
        stacks = tuple(later.get(each.title, each) for each in board.stacks)
        yield pull_planning.publish(review, replace(board, stacks=stacks, outcomes=run.outcomes))
    review.console.problems(list(run.problems))
    yield exit_codes.NOT_RECORDED if run.problems else exit_codes.DONE
    yield from (each.exit_code for each in run.results.values())
    yield from (each.shown.exit_code for each in found.stacks if each.title not in run.results)
    if terms.detailed_exitcode and any(_waits(each, run) for each in found.stacks):
        yield exit_codes.CHANGES


def _planned_again(found: ReviewedStacks, run: ApprovedRun) -> Mapping[str, ReviewedStack]:
    """New plans of the stacks whose plan is not the approved one, and of those that waited for a
    stack that was applied now.
    """
    done = {title for title, each in run.outcomes.items() if each.stage is ReviewStage.APPLIED}
    titles = [
        each.title
        for each in found.stacks
        if _stage(run, each.title) is ReviewStage.CHANGED
        or (each.title not in run.results and done.intersection(each.shown.after))
    ]
    if not titles:
        return {}
    with reviewed_stacks(narrowed(found.chosen, titles)) as again:
        return {each.title: each for each in again.stacks}


def _stage(run: ApprovedRun, title: str) -> ReviewStage | None:
    outcome = run.outcomes.get(title)
    return None if outcome is None else outcome.stage


def _waits(each: ReviewedStack, run: ApprovedRun) -> bool:
    stage = _stage(run, each.title)
    return stage is not ReviewStage.APPLIED and each.shown.status is not ShownStatus.UNCHANGED
