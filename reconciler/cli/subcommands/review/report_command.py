"""`report`: a plan, or the state of stacks, as one HTML file."""

from __future__ import annotations

import click

from reconciler.cli import options
from reconciler.cli.run_context import Session, on_stack
from reconciler.model import exit_codes


@click.command(
    epilog="""\b
Examples:
  reconciler report prod.plan --out plan.html
  reconciler report plan.json --out plan.html"""
)
@click.argument("plan", metavar="PLAN")
@options.stack_argument
@options.environment_option
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
@on_stack
def report(session: Session, *, plan: str, file: str) -> int:
    """Write a plan as one HTML file, for people who review it.

    PLAN is a saved plan (FILE.plan, or plan://ID for one that `plan --save` has kept), or a file
    with what `plan` or `drift` printed with `--format json`, also for several stacks. The file
    needs no network and no JavaScript.
    """
    from reconciler.cli.arguments import plan_reference
    from reconciler.cli.reporting import report_output
    from reconciler.commands.saved_plans import kept_plans

    if kept_plans.is_reference(plan):
        saved = plan_reference.read(session, plan)
        found = report_output.of_saved(saved, id=saved.id)
    else:
        found = report_output.of_file(plan)
    report_output.write(session.console, found, file)
    return exit_codes.DONE
