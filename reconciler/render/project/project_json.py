"""The JSON document of the plans of several stacks, `project_plan`
(plan-format#several-stacks).
"""

from __future__ import annotations

from typing import Any

from reconciler.model import serialize
from reconciler.model.plan import Action
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.plan import plan_json
from reconciler.render.project import shown_project
from reconciler.render.project.shown_project import ShownProject, ShownStack, ShownStatus


def project_document(project: ShownProject, *, verbose: bool = False) -> Document:
    """The plans as data: each in the form of `plan --format json`, and the figures of all of
    them.
    """
    cost = shown_project.cost(project.plans)
    found = shown_project.calls(project)
    numbers = shown_project.counts(project.plans)
    members = {
        "project": project.name,
        "environment": project.environment,
        "command": "drift" if project.drift else "plan",
        "order": [list(titles) for titles in project.order],
        "stacks": [_stack(each, project, verbose=verbose) for each in project.stacks],
        "summary": {
            "stacks": {status.value: len(project.of(status)) for status in ShownStatus},
            "resources": {action.value: numbers.number(action) for action in Action},
        },
        "calls": {"read": found.read, "write": found.write, "wait": found.wait},
        "eta_seconds": shown_project.eta_seconds(project),
        "cost": {
            "before": cost.before,
            "after": cost.after,
            "currency": "KRW",
            "vat": "excluded",
            "complete": not cost.unknown
            and not project.of(ShownStatus.WAITING, ShownStatus.FAILED),
        },
        "consent": {
            "needed": [
                {"stack": title, "class": item.risk.value, "address": item.address}
                for title, item in shown_project.consents(project)
            ],
            "given": [
                {"class": each.risk.value, "address": each.address} for each in project.given
            ],
        },
        "exit_code": project.exit_code,
    }
    return document(DocumentType.PROJECT_PLAN, members)


def _stack(each: ShownStack, project: ShownProject, *, verbose: bool) -> dict[str, Any]:
    return {
        "title": each.title,
        "stack": each.stack,
        "environment": each.environment,
        "path": each.path,
        "status": each.status.value,
        "needs": list(each.needs),
        "after": list(each.after),
        "plan": _plan(each, project, verbose=verbose),
        "problems": [serialize.problem(item) for item in each.problems],
        "exit_code": each.exit_code,
    }


def _plan(each: ShownStack, project: ShownProject, *, verbose: bool) -> Document | None:
    """The document that `plan` or `drift` of this stack alone prints."""
    if each.shown is None:
        return None
    found = plan_json.plan_document(
        each.shown.plan,
        given=project.given,
        exit_code=each.exit_code,
        verbose=verbose,
        unmanaged=each.shown.unmanaged,
        type=DocumentType.DRIFT if project.drift else DocumentType.PLAN,
    )
    return found if project.drift else plan_json.with_id(found, each.shown.header.id)
