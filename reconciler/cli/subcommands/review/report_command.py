"""`report`: a plan, or the state of stacks, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli import options
from reconciler.cli.run_context import Session, on_stack
from reconciler.common.text import msg
from reconciler.model import exit_codes

if TYPE_CHECKING:
    from reconciler.render.report.reported import Report


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
    write(session, _of_plan(session, plan), file)
    return exit_codes.DONE


def _of_plan(session: Session, named: str) -> Report:
    from reconciler.cli.arguments import plan_reference
    from reconciler.commands.review import report_file
    from reconciler.commands.saved_plans import kept_plans
    from reconciler.planner.saved_plan import SavedPlan
    from reconciler.render.plan import plan_json
    from reconciler.render.report import reported

    is_kept = kept_plans.is_reference(named)
    found = plan_reference.read(session, named) if is_kept else report_file.read(Path(named))
    if not isinstance(found, SavedPlan):
        return reported.of_document(found)
    document = plan_json.plan_document(found.plan, given=found.accept, exit_code=found.exit_code)
    return reported.of_document(
        plan_json.with_id(document, found.id), found.made, simulated=found.simulated
    )


def write(session: Session, found: Report, file: str) -> None:
    """Writes a report and says where. Stops if that is not possible."""
    from reconciler.commands.review import report_file
    from reconciler.render import escape
    from reconciler.render.report import report_page
    from reconciler.render.run.screen import Line, Tone

    report_file.write(Path(file), report_page.page(found))
    text = msg(" Report written to {file}", file=escape.outside(file))
    session.console.note([Line(text, Tone.GOOD)])
