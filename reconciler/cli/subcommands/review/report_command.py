"""`report`: a plan, or the state of stacks, as one HTML file."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli import options
from reconciler.cli.arguments.stack_choice import several_stacks_options
from reconciler.cli.many.dispatch import on_one_or_many
from reconciler.cli.run_context import Session
from reconciler.common.text import msg
from reconciler.model import exit_codes

if TYPE_CHECKING:
    from reconciler.cli.many.chosen_stacks import ChosenStacks


def _plan_or_stacks(command: Callable[..., int]) -> Callable[..., int]:
    """With `--state`, the argument PLAN is the first STACK. Without it, there is one PLAN, and at
    most one STACK, whose store keeps it.
    """

    @wraps(command)
    def understand(*, plan: str | None, of_state: bool, **values: Any) -> int:
        others = tuple(values["stacks"])
        if of_state:
            if plan is not None:
                values["stacks"] = (plan, *(others if others != (".",) else ()))
            return command(plan=None, **values)
        if plan is None:
            raise click.UsageError(msg("name a PLAN, or add --state to report what is there"))
        if Path(plan).is_dir():
            message = msg(
                "{plan} is a folder, not a plan: add --state to report what is there", plan=plan
            )
            raise click.UsageError(message)
        chosen = {"--all": values["all_stacks"], "--changed-since": values["changed_since"]}
        chosen |= {"--var": values["variables"], "--var-file": values["variable_files"]}
        wrong = [name for name, value in chosen.items() if value]
        if wrong or len(others) > 1:
            names = ", ".join(wrong) or msg("several STACKs")
            raise click.UsageError(msg("{options} can be given only with --state", options=names))
        return command(plan=plan, **values)

    return understand


def _report_many(chosen: ChosenStacks, *, plan: str | None, file: str) -> int:
    from reconciler.cli.reporting import report_output, state_report

    found, code = state_report.of_stacks(chosen)
    report_output.write(chosen.console, found, file)
    return code


@click.command(
    epilog="""\b
Examples:
  reconciler report prod.plan --out plan.html
  reconciler report plan.json --out plan.html
  reconciler report --state shop --out shop.html
  reconciler report --state --all --env prod --out prod.html"""
)
@click.argument("plan", required=False, metavar="[PLAN]")
@options.stacks_argument
@several_stacks_options
@options.environment_option
@options.variable_options
@click.option(
    "--state",
    "of_state",
    is_flag=True,
    help="Report what is there: objects, who can reach them, cost, drift.",
)
@click.option(
    "--out",
    "file",
    required=True,
    metavar="FILE.html",
    type=click.Path(),
    help="The file to write; an existing one is replaced.",
)
@options.simulate_options
@options.output_options
@_plan_or_stacks
@on_one_or_many(_report_many)
def report(session: Session, *, plan: str | None, file: str) -> int:
    """Write a plan, or what stacks have, as one HTML file for people who review it.

    PLAN is a saved plan (FILE.plan, or plan://ID for one that `plan --save` has kept), or a file
    with what `plan` or `drift` printed with `--format json`, also for several stacks. With --state,
    the account is read and nothing is changed. The file needs no network and no JavaScript.
    """
    from reconciler.cli.arguments import plan_reference
    from reconciler.cli.reporting import report_output, state_report
    from reconciler.commands.saved_plans import kept_plans

    code = exit_codes.DONE
    if plan is None:
        found, code = state_report.of_stack(session)
    elif kept_plans.is_reference(plan):
        saved = plan_reference.read(session, plan)
        found = report_output.of_saved(saved, id=saved.id)
    else:
        found = report_output.of_file(plan)
    report_output.write(session.console, found, file)
    return code
