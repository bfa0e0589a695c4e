"""Writes reports: of plans that a command shows, of saved plans, and of the state of stacks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import composition
from reconciler.cli.console import Console
from reconciler.commands.review import report_file
from reconciler.common.text import msg
from reconciler.planner.saved_plan import Made, SavedPlan
from reconciler.render import escape
from reconciler.render.plan import plan_json
from reconciler.render.project import project_json
from reconciler.render.report import report_page, reported
from reconciler.render.run.screen import Line, Tone

if TYPE_CHECKING:
    from reconciler.planner.estimate.unmanaged import Unmanaged
    from reconciler.render.project.shown_project import ShownProject
    from reconciler.render.report.reported import Report


def write(console: Console, found: Report, file: str) -> None:
    """Writes a report and says where. Stops if that is not possible."""
    report_file.write(Path(file), report_page.page(found))
    text = msg(" Report written to {file}", file=escape.outside(file))
    console.note([Line(text, Tone.GOOD)])


def of_file(file: str) -> Report:
    """The report of a file: a saved plan, or a JSON plan. Stops if it is neither."""
    found = report_file.read(Path(file))
    if isinstance(found, SavedPlan):
        return of_saved(found, id=found.id)
    return reported.of_document(found)


def of_saved(
    saved: SavedPlan,
    *,
    id: str | None,
    verbose: bool = False,
    unmanaged: Sequence[Unmanaged] | None = None,
) -> Report:
    """The report of a plan as it is saved. `id` is that of a plan that is only shown: None if it
    cannot be saved. `unmanaged` are other objects of the account, if they are to be shown.
    """
    document = plan_json.plan_document(
        saved.plan,
        given=saved.accept,
        exit_code=saved.exit_code,
        verbose=verbose,
        unmanaged=unmanaged,
    )
    return reported.of_document(
        plan_json.with_id(document, id), saved.made, simulated=saved.simulated
    )


def of_project(project: ShownProject, *, simulated: bool, verbose: bool = False) -> Report:
    """The report of the plans of several stacks."""
    document = project_json.project_document(project, verbose=verbose)
    found = None if project.header is None else made(project.header.at)
    return reported.of_document(document, found, simulated=simulated)


def made(at: float) -> Made:
    """That a report was made now, from what was read at that unix second."""
    who = composition.holder("reconciler report")
    return Made(int(at), f"{who.user}@{who.host}")
