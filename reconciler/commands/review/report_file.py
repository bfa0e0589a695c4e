"""The file of a report, and the JSON documents that a report can be made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.commands.saved_plans import plan_file
from reconciler.common.text import msg
from reconciler.config import schema
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import error
from reconciler.planner import saved_plan
from reconciler.planner.saved_plan import SavedPlan
from reconciler.policies import plan_document_file
from reconciler.render.documents.json_document import DocumentType

_TYPES = (DocumentType.PLAN, DocumentType.DRIFT, DocumentType.PROJECT_PLAN)


def read(file: Path) -> SavedPlan | Mapping[str, Any]:
    """What a file has: a saved plan, or a JSON plan of one or several stacks. Raises `Abort` if it
    is none of them.
    """
    found = plan_document_file.parsed(file)
    members = found if isinstance(found, dict) else {}
    if members.get("kind") == saved_plan.KIND:
        return plan_file.read(file)
    hint = msg("give a saved plan, or a JSON plan, as the command plan prints it")
    type = next((each for each in _TYPES if each.value == members.get("type")), None)
    if type is None:
        message = msg("{file} is neither a saved plan nor a JSON plan", file=file)
        raise Abort(error("plan-unreadable", message, hint=hint))
    wrong = schema.first_mistake(found, type.schema)
    if wrong is not None:
        message = msg("{file} is not a JSON plan: {path}", file=file, path=wrong)
        raise Abort(error("plan-unreadable", message, hint=hint))
    return members


def write(path: Path, page: bytes) -> None:
    """Writes a report as a whole, readable for all, over an existing one. Raises `Abort` if that is
    not possible; then the file is as before.
    """
    try:
        plan_file.put_file(path, page)
    except OSError as failure:
        message = msg(
            "the report cannot be written to {path}: {reason}",
            path=path,
            reason=failure.strerror or failure,
        )
        hint = msg("name a file in a folder that can be written")
        raise Abort(error("usage", message, hint=hint)) from failure
