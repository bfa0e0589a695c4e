"""`ci plan`: the plans of a pull request, in comments and statuses. Nothing is changed in the
account, and nothing of the pull request is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.cli.many import many_plans
from reconciler.cli.review import approval_rules, fork_check, plan_files, pull_tree
from reconciler.cli.review.pull_board import PullBoard
from reconciler.cli.review.pull_tree import WrittenTree
from reconciler.cli.review.review_context import Review
from reconciler.cli.review.reviewed_stacks import ReviewedStacks, reviewed_stacks
from reconciler.commands.review import publishing
from reconciler.commands.review.publishing import Postings, Published, PublishingEnd
from reconciler.common.text import Text, msg
from reconciler.model import exit_codes
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Severity, error, in_order
from reconciler.model.ports.forge_ports import (
    CommitStatus,
    ForgeComment,
    PullRequest,
    PullState,
)
from reconciler.render.review.shown_review import ReviewNotes
from reconciler.render.run.screen import Line, Tone

_ROUNDS_MAX = 3
"""How often a job plans, if the pull request or a state changes meanwhile."""


def plan(
    review: Review, number: int, *, out: Path | None = None, report_url: str | None = None
) -> int:
    """Plans the stacks that a pull request changes, and writes what was found about it.
    `report_url` is where the CI system shows the report. Returns the exit code: 0 also if approvals
    are missing.
    """
    if out is not None:
        plan_files.prepare(out)
    for _ in range(_ROUNDS_MAX):
        pull = review.forge.pull(number)
        if pull.state is not PullState.OPEN:
            text = msg(
                "Pull request {number} is not open: there is nothing to plan.", number=number
            )
            review.console.result([Line(text)])
            return exit_codes.DONE
        code, done = _planned(review, pull, out, report_url or "")
        if not _is_late(done) or not _has_commit(review, review.forge.pull(number).head):
            break
    if done.end is PublishingEnd.OVERTAKEN:
        message = msg("pull request {number} got a newer commit during this job", number=number)
        hint = msg("run the job of that commit again, so that the comments are about it")
        problem = error("pull-request", message, hint=hint)
        review.console.problems([problem])
        return exit_codes.worst([code, exit_codes.of_problem(problem)])
    return code


def _is_late(done: Published) -> bool:
    """Whether the pull request or a state has changed since the plans were made."""
    return done.end in (PublishingEnd.OUTDATED, PublishingEnd.OVERTAKEN)


def _has_commit(review: Review, commit: str) -> bool:
    try:
        review.commit(commit)
    except Abort:
        return False
    return True


def _planned(
    review: Review, pull: PullRequest, out: Path | None, report_url: str
) -> tuple[int, Published]:
    """Plans one commit of a pull request. Returns the exit code, and what was written."""
    base_commit = review.base_tip(pull.base)
    with failures_shown(review, pull), merged_files(review, pull, base_commit) as written:
        if pull.is_fork:
            board = fork_check.board_of(review, pull, written, notes_of(review, pull))
            problems = in_order(one for each in board.checked for one in each.problems)
            review.console.problems(list(problems))
            codes = [exit_codes.of_problems(problems)]
            done = published(review, board)
        else:
            chosen = review.choose(written.changed)
            with reviewed_stacks(chosen) as found:
                many_plans.show(chosen, found.shown)
                plan_files.keep(found)
                if out is not None:
                    plan_files.write(out, found)
                board = board_of(review, pull, found, written)
                board = replace(board, notes=replace(board.notes, report_url=report_url))
                codes = [each.shown.exit_code for each in found.stacks]
            done = published(review, board, found.is_current)
    return exit_codes.worst([*codes, exit_codes.of_problems(done.problems)]), done


@contextmanager
def merged_files(review: Review, pull: PullRequest, base_commit: str) -> Iterator[WrittenTree]:
    """The files of a pull request, merged into a commit of its base."""
    tree = pull_tree.merged(review.repository, base_commit, review.commit(pull.head))
    with review.files_of(tree, base_commit) as written:
        yield written


@contextmanager
def failures_shown(review: Review, pull: PullRequest) -> Iterator[None]:
    """Shows at the pull request why there are no plans of it, if the block stops."""
    try:
        yield
    except Abort as stop:
        show_failure(review, pull, stop)
        raise


def show_failure(review: Review, pull: PullRequest, stop: Abort) -> None:
    """Shows at a pull request why there are no plans of it."""
    errors = [each for each in stop.problems if each.severity is Severity.ERROR]
    why = errors[0].message if errors else msg("the job failed")
    board = PullBoard(pull, (), {}, notes_of(review, pull), failure=str(why))
    publish(review, board)


def board_of(
    review: Review, pull: PullRequest, found: ReviewedStacks, written: WrittenTree
) -> PullBoard:
    """What is shown about a pull request with these plans. Raises `ForgeError`."""
    project = found.chosen.project
    titles = [each.title for each in found.stacks]
    rules = approval_rules.of_stacks(project, review.forge, titles)
    notes = replace(notes_of(review, pull), rules_changed=written.rules_changed)
    modes = {title: project.settings(title).apply for title in titles}
    return PullBoard(pull, found.stacks, rules, notes, modes)


def notes_of(review: Review, pull: PullRequest) -> ReviewNotes:
    """What is shown besides every plan of a pull request."""
    is_merged = pull.state is PullState.MERGED
    return ReviewNotes(pull.head, is_merged=is_merged, run_url=review.context.run_url or "")


def publish(review: Review, board: PullBoard) -> int:
    """Writes the comments and statuses of a pull request. Returns the exit code."""
    return exit_codes.of_problems(published(review, board).problems)


def published(
    review: Review, board: PullBoard, is_current: Callable[[], bool] = lambda: True
) -> Published:
    """Writes the comments and statuses of a pull request, and says which. Nothing is written about
    plans that are not current any more.
    """
    statuses: list[CommitStatus] = []

    def look(pull: PullRequest, comments: tuple[ForgeComment, ...]) -> Postings | None:
        if not is_current():
            return None
        found = board.look(pull, comments)
        statuses[:] = [*(each.status for each in found.stacks), *found.statuses]
        return found

    number, commit = board.pull.number, board.pull.head
    done = publishing.publish(review.forge, number, commit, look, review.pause)
    review.console.problems(list(done.problems))
    lines = [Line(_summary(done, number), Tone.FAINT)]
    if done.end is PublishingEnd.DONE:
        lines += [Line(f"  {each.name}  {each.state.value}: {each.text}") for each in statuses]
    review.console.note(lines)
    return done


def _summary(done: Published, number: int) -> Text:
    if done.end in (PublishingEnd.OUTDATED, PublishingEnd.OVERTAKEN):
        return msg(
            "Pull request {number} or a state has changed since it was planned.", number=number
        )
    if not done.writes:
        return msg("Pull request {number}: its comments are up to date.", number=number)
    return msg(
        "Pull request {number}: comments and statuses are written ({count} requests).",
        number=number,
        count=done.writes,
    )
