"""The plans of a pull request as files, which a CI system keeps as artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

from reconciler.cli.review.reviewed_stacks import ReviewedStack, ReviewedStacks
from reconciler.commands.saved_plans import kept_plans, plan_file
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Severity, error
from reconciler.render.plan import plan_json
from reconciler.render.project import project_json, project_markdown
from reconciler.render.report import report_page, reported


def prepare(folder: Path) -> None:
    """Makes the folder, before anything is planned. Stops if nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as failure:
        raise _stop(folder, failure) from failure


def write(folder: Path, found: ReviewedStacks) -> None:
    """Writes the saved plan of each stack, `shop.prod.plan`, and the plans of all for people and
    programs: `plans.html`, `plans.md` and `plans.json`. Stops if that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        document = project_json.project_document(found.shown, verbose=False)
        plan_file.put_file(folder / "plans.json", plan_json.text(document).encode())
        report = report_page.page(reported.of_document(document))
        plan_file.put_file(folder / "plans.html", report)
        text = project_markdown.project_markdown(found.shown)
        plan_file.put_file(folder / "plans.md", text.encode())
    except OSError as failure:
        raise _stop(folder, failure) from failure
    for each in found.stacks:
        _write_plan(folder, each)


def keep(found: ReviewedStacks) -> None:
    """Keeps each plan in the store of its stack, as `plan --save` does, so that any machine can
    show or apply it. One that cannot be kept is a warning: `ci apply` plans again anyway.
    """
    by_title = {each.title: each for each in found.chosen.stacks}
    for each in found.stacks:
        if each.saved is None or each.part.after or not each.needs_approval:
            continue
        own = by_title[each.title]
        try:
            kept_plans.keep(own.session.store(own.name, own.environment), each.saved)
        except Abort as stop:
            problems = [replace(one, severity=Severity.WARNING) for one in stop.problems]
            found.chosen.console.problems(problems)


def _write_plan(folder: Path, each: ReviewedStack) -> None:
    if each.saved is not None and not each.part.after:
        plan_file.write(folder / f"{each.title.replace('/', '.')}.plan", each.saved)


def _stop(folder: Path, failure: OSError) -> Abort:
    message = msg(
        "the plans cannot be written to {folder}: {reason}",
        folder=folder,
        reason=failure.strerror or failure,
    )
    hint = msg("name a folder that can be written with --out")
    return Abort(error("usage", message, hint=hint))
