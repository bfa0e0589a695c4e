"""The plans of a pull request as files, which a CI system keeps as artifacts."""

from __future__ import annotations

from pathlib import Path

from reconciler.cli.review.reviewed_stacks import ReviewedStack, ReviewedStacks
from reconciler.commands.saved_plans import plan_file
from reconciler.common.text import msg
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.render.plan import plan_json
from reconciler.render.project import project_json, project_markdown
from reconciler.render.report import report_page, reported


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
        message = msg(
            "the plans cannot be written to {folder}: {reason}",
            folder=folder,
            reason=failure.strerror or failure,
        )
        raise Abort(error("usage", message)) from failure
    for each in found.stacks:
        _write_plan(folder, each)


def _write_plan(folder: Path, each: ReviewedStack) -> None:
    if each.saved is not None and not each.part.after:
        plan_file.write(folder / f"{each.title.replace('/', '.')}.plan", each.saved)
