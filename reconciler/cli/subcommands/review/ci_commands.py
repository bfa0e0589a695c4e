"""`ci`: plans, approvals and applies of pull requests, inside the CI system that a team has."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.console import Console
from reconciler.cli.run_context import ends, stop_usage
from reconciler.cli.subcommands.review import ci_drift_command
from reconciler.cli.subcommands.review.ci_drift_command import forge_option
from reconciler.common.text import msg

if TYPE_CHECKING:
    from reconciler.cli.review.review_context import Review

_pull_option = click.option(
    "--pull",
    type=click.IntRange(min=1),
    metavar="N",
    help="The number of the pull request (default: that of the CI job).",
)


@click.group()
def ci() -> None:
    """Plan, approve and apply pull requests inside a CI system.

    Tokens of the forge are read from the environment: GITHUB_TOKEN, GITLAB_TOKEN, FORGEJO_TOKEN or
    GITEA_TOKEN. Rules come from the base branch, and nothing of a pull request is executed.
    """


ci.add_command(ci_drift_command.drift)


def _on_review(function: Callable[..., int]) -> Callable[..., int]:
    """A command on the pull requests of the job's repository: it receives a `Review`."""

    @wraps(function)
    def opened(
        console: Console,
        *,
        forge: str | None,
        pull: int | None,
        **values: Any,
    ) -> int:
        from reconciler.cli.review import ci_context, forge_choice, review_context
        from reconciler.cli.review.ci_context import CiGiven

        given = {name: values.pop(name) for name in ("base",) if name in values}
        local: dict[str, Any] = {
            name: values.pop(name) for name in ("simulate", "time_scale") if name in values
        }
        with forge_choice.failures_stop():
            repository, inside = review_context.checkout(Path.cwd())
            remote = review_context.remote_url(repository)
            wanted = CiGiven(forge, pull, remote=remote, **given)
            context = ci_context.read(os.environ, wanted)
            review = review_context.Review(
                console,
                forge_choice.open_place(context.place, os.environ, console.remark),
                context,
                repository,
                inside,
                os.environ,
                local,
                _pause,
            )
            return function(review, **values)

    return ends(opened)


def _pull(review: Review) -> int:
    number = review.context.pull
    if number is None:
        message = msg("this job is for no pull request")
        raise stop_usage(message, msg("name one with --pull N"))
    return number


@ci.command(
    epilog="""\b
Examples:
  reconciler ci plan
  reconciler ci plan --out plans
  reconciler ci plan --forge gitlab --pull 12"""
)
@_pull_option
@forge_option
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the plans into a folder that the CI system keeps.",
)
@click.option(
    "--report-url",
    metavar="URL",
    help="Where the CI system shows plans.html of that folder; the comments link it.",
)
@options.simulate_options
@options.output_options
@_on_review
def plan(review: Review, *, out: Path | None, report_url: str | None) -> int:
    """Plan the stacks that a pull request changes, and show it there: one comment and one status
    for each stack and environment.

    Comments are edited in place. A pull request from a fork is validated only. The exit code is 0
    also if approvals are missing.
    """
    from reconciler.cli.review import pull_planning

    target = None if out is None else Path.cwd() / out
    return pull_planning.plan(review, _pull(review), out=target, report_url=report_url)


@ci.command(
    epilog="""\b
Examples:
  reconciler ci approve 788e4c1d2f90 --pull 12"""
)
@click.argument("id", metavar="ID")
@_pull_option
@forge_option
@options.output_options
@_on_review
def approve(review: Review, *, id: str) -> int:
    """Approve a plan of a pull request: write `/approve ID` there, as the owner of the token.

    The comment about a stack shows the id of its plan. Whether an approval counts is decided by the
    rules of the base branch, when the plan is applied.
    """
    from reconciler.cli.review import approving

    return approving.approve(review, _pull(review), id)


@ci.command(
    epilog="""\b
Examples:
  reconciler ci apply
  reconciler ci apply --pull 12
  reconciler ci apply --pull 12 --by-hand"""
)
@_pull_option
@forge_option
@click.option(
    "--base",
    metavar="BRANCH",
    help="The branch whose merged pull requests are applied (default: that of the CI job).",
)
@click.option(
    "--before",
    metavar="REV",
    help="With --pull: the commit of the base branch before the merge, for a forge that made no "
    "merge commit.",
)
@click.option("--by-hand", is_flag=True, help="Also apply stacks of the mode `by-hand`.")
@options.exit_code_option
@options.simulate_options
@options.output_options
@_on_review
def apply(review: Review, *, before: str | None, by_hand: bool, detailed_exitcode: bool) -> int:
    """Apply exactly what was approved: of the merged pull requests that are not finished, or of
    one.

    Each stack is planned again under its lock. A plan that is not the approved one is not applied:
    it is shown, and waits for a new approval.
    """
    from reconciler.cli.review.applying import pull_apply
    from reconciler.cli.review.applying.pull_apply import ApplyTerms

    context = review.context
    if context.pull is None and context.base is None:
        message = msg("this job is for no branch")
        raise stop_usage(message, msg("name a pull request with --pull N, or --base BRANCH"))
    terms = ApplyTerms(before, by_hand=by_hand, detailed_exitcode=detailed_exitcode)
    return pull_apply.apply(review, context.pull, context.base, terms)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
