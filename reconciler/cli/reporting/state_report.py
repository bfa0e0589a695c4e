"""The report of what is there: the objects of stacks, who can reach them, their cost and drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli import plan_output
from reconciler.cli.many import many_plans
from reconciler.cli.many.chosen_stacks import ChosenStacks
from reconciler.cli.reporting import report_output
from reconciler.cli.run_context import Session
from reconciler.commands import plan as planning
from reconciler.commands.session import read_state
from reconciler.model.resource import title_of
from reconciler.planner.estimate import resource_list
from reconciler.render import graph_views
from reconciler.render.documents.json_document import DocumentType
from reconciler.render.documents.resource_rows import ResourceListing, resources_document
from reconciler.render.plan import plan_json
from reconciler.render.project import project_json
from reconciler.render.report import reported

if TYPE_CHECKING:
    from reconciler.commands.context import Planned
    from reconciler.render.report.reported import Report, Row


def of_stack(session: Session) -> tuple[Report, int]:
    """The report of one stack, and the exit code. Stops if it cannot be read."""
    wanted = session.load()
    session.problems.clear()
    store = session.store(wanted.name, wanted.environment)
    with session.connect() as connection:
        planned = planning.drift(wanted, connection, store, plan_output.running(store))
    code = plan_output.exit_code(planned, detailed=False)
    plan = plan_output.with_problems(planned, session)
    document = plan_json.plan_document(plan, exit_code=code, type=DocumentType.DRIFT)
    drift = reported.of_document(
        document, report_output.made(planned.at), simulated=connection.simulated
    )
    return reported.of_state(drift, {plan.title: _found(session, planned)}), code


def of_stacks(chosen: ChosenStacks) -> tuple[Report, int]:
    """The report of several stacks, and the exit code. One that cannot be read has its problems."""
    with many_plans.planned_stacks(chosen, None) as found:
        shown = many_plans.shown_project(chosen, found, None, detailed=False)
        listed = {
            each.title: _found(each.session, planned)
            for each in chosen.stacks
            if (planned := found.plan.part(each.title).planned) is not None
        }
    made = None if shown.header is None else report_output.made(shown.header.at)
    document = project_json.project_document(shown)
    drift = reported.of_document(document, made, simulated=chosen.simulate)
    return reported.of_state(drift, listed), shown.exit_code


def _found(session: Session, planned: Planned) -> tuple[Row, Row]:
    """The objects of a stack as the account shows them, and its graph."""
    stack = planned.stack
    state = read_state(session.store(stack.name, stack.environment))
    title = title_of(stack.name, stack.environment)
    rows = resource_list.of_stack(stack, state, planned.account, title=title)
    listing = ResourceListing(
        rows, stack.name, stack.environment, planned.at, planned.account.calls
    )
    return resources_document(listing), graph_views.graph_document(stack)
