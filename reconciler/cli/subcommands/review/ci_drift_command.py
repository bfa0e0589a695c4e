"""`ci drift`: keeps an issue or a pull request about the drift of each stack."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.arguments.stack_choice import StackChoice

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks

forge_option = click.option(
    "--forge",
    type=click.Choice(("github", "gitlab", "forgejo", "files")),
    help="The kind of the forge (default: that of the CI job).",
)


@click.command(
    epilog="""\b
Examples:
  reconciler ci drift
  reconciler ci drift --env prod
  reconciler ci drift --forge github --base main"""
)
@options.project_stacks_argument
@options.environment_option
@options.variable_options
@forge_option
@click.option(
    "--base",
    metavar="BRANCH",
    help="The branch that pull requests are for (default: that of the CI job).",
)
@click.option(
    "--remote",
    metavar="NAME",
    default="origin",
    help="The remote repository that branches with drift are pushed to (default: origin).",
)
@options.exit_code_option
@options.simulate_options
@options.output_options
def drift(**values: Any) -> int:
    """Find what was changed outside of reconciler, and keep one issue about each stack and
    environment that has drift. The issue is closed when the drift is gone.

    If the rules say `drift: {then: pull-request}`, a branch with the drift in the files is pushed
    instead, and a pull request is kept. Without STACK, all stacks of the project are read. A stack
    that cannot be read whole changes nothing.
    """
    from reconciler.cli.many.chosen_stacks import on_chosen

    named = tuple(values.pop("stacks"))
    return on_chosen(_drift, StackChoice(named, all=not named and _lists_stacks()), values)


def _lists_stacks() -> bool:
    """Whether there is a project here that lists stacks. Its mistakes are reported later."""
    from reconciler.config.project import project_file
    from reconciler.model.abort import Abort

    try:
        return bool(project_file.load(Path()).stacks)
    except Abort:
        return True


def _drift(
    chosen: ChosenStacks,
    *,
    forge: str | None,
    base: str | None,
    remote: str,
    detailed_exitcode: bool,
) -> int:
    from reconciler.cli.quota.quota_choice import PRIORITY_VARIABLE
    from reconciler.cli.review import ci_context, forge_choice
    from reconciler.cli.review.ci_context import CiGiven
    from reconciler.cli.review.drift import ci_drift, drift_branch

    # the calls give way to those of persons and of other jobs
    environ = {PRIORITY_VARIABLE: "watch", **os.environ}
    stacks = [
        replace(each, session=replace(each.session, environ=environ)) for each in chosen.stacks
    ]
    repository = drift_branch.RemoteBranches(Path(), remote, environ)
    given = CiGiven(forge, base=base, remote=repository.url())
    context = ci_context.read(environ, given)
    with forge_choice.failures_stop():
        opened = forge_choice.open_place(context.place, environ, chosen.console.remark)
        job = ci_drift.DriftJob(
            opened,
            repository,
            context.base,
            context.run_url or "",
            detailed_exitcode,
            _pause,
        )
        return ci_drift.run(replace(chosen, stacks=tuple(stacks)), job)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)
