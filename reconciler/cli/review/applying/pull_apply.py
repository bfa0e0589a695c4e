"""`ci apply`: applies what was approved, and nothing else.

All stacks are planned again, at the tip of the base branch or at the merge of an open pull request.
A plan whose id is approved is carried out under its lock, where it is planned once more: if it is
another one then, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.cli.arguments.piped_arguments import stop_usage
from reconciler.cli.many import many_plans
from reconciler.cli.review import pull_planning, pull_tree
from reconciler.cli.review.applying import approved_run, merged_pulls
from reconciler.cli.review.applying.apply_audit import ApplyAudit
from reconciler.cli.review.applying.approved_run import ApprovedRun
from reconciler.cli.review.applying.merged_pulls import MergedGroup
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
from reconciler.model.abort import Abort
from reconciler.model.ports.forge_ports import PullRequest, PullState
from reconciler.render.project.shown_project import ShownStatus
from reconciler.render.review.shown_review import ReviewStage
from reconciler.render.run.screen import Line, Tone


@dataclass(frozen=True, slots=True)
class ApplyTerms:
    """The options of `ci apply`. `before` is the commit of the base branch before the merge; with
    `by_hand` a person started the job, so that stacks of the mode `by-hand` are applied too.
    """

    before: str | None = None
    by_hand: bool = False
    detailed_exitcode: bool = False


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
    if terms.before is not None and pull is None:
        raise stop_usage(msg("--before is about one pull request"), msg("name it with --pull N"))
    groups = merged_pulls.groups(review, branch, pull, terms.before)
    if not groups:
        text = msg("No merged pull request waits for an apply.")
        review.console.result([Line(text, Tone.GOOD)])
    codes = [code for each in groups for code in _apply_group(review, each, terms)]
    return exit_codes.worst(codes)


# Merged pull requests
# ------------------------------------------------------------------------------------------------


def _apply_group(review: Review, group: MergedGroup, terms: ApplyTerms) -> list[int]:
    """Applies the plans of a group. Where it stops, its pull requests show why, and others are
    applied nevertheless.
    """
    try:
        return list(_apply_merged(review, group, terms))
    except Abort as stop:
        for pull in group.pulls:
            pull_planning.show_failure(review, pull, stop)
        review.console.problems(list(stop.problems))
        return [stop.exit_code]


def _apply_merged(review: Review, group: MergedGroup, terms: ApplyTerms) -> Iterator[int]:
    """Applies the plans of a group at the tip of the base branch, with the rules of the group."""
    tree = pull_tree.tree_of(review.repository, group.tip, group.rules)
    with review.files_of(tree, group.rules) as written:
        every = frozenset[str]().union(*group.titles.values())
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
