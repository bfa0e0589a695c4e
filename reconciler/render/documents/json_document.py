"""The envelope of every JSON document that a command prints: the version of the format, and the
type that says which schema the document fits (plan-format#documents).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NewType

from reconciler.common.text import msg

FORMAT_VERSION = "1.0"
"""Grows in its second number when members are added; see plan-format."""

Document = NewType("Document", dict[str, Any])
"""A JSON object with `format_version` and `type`. Only `document` makes one."""


class DocumentType(StrEnum):
    """What a document describes. `schemas/<value>.schema.json` is its schema; that of a `drift` is
    the schema of a `plan`.
    """

    PLAN = "plan"
    DRIFT = "drift"
    ERROR = "error"
    VALIDATION = "validation"
    STATE = "state"
    FREEZES = "freezes"
    HISTORY = "history"
    ENTRY = "entry"
    EXPLANATION = "explanation"
    OUTPUTS = "outputs"
    GRAPH = "graph"
    RECOVERY = "recovery"
    DIAGNOSIS = "diagnosis"
    CATALOG = "catalog"
    FIELD = "field"
    BILL = "bill"
    BILLS = "bills"
    RESOURCES = "resources"
    CONTRACT = "contract"
    PLANS = "plans"
    PROJECT_PLAN = "project_plan"
    PROJECT_OUTPUTS = "project_outputs"
    WATCH = "watch"
    POLICY_LIST = "policy_list"
    POLICY_TEST = "policy_test"
    AUDIT = "audit"

    @property
    def schema(self) -> str:
        """The name of the schema, as `schemas/<name>.schema.json` has it."""
        return DocumentType.PLAN.value if self is DocumentType.DRIFT else self.value


PRINTED_BY: Mapping[DocumentType, str] = {
    DocumentType.PLAN: msg("plan, drift, show PLAN"),
    DocumentType.ERROR: msg("every command that stops before it has a result"),
    DocumentType.VALIDATION: "validate",
    DocumentType.STATE: msg("state list, show"),
    DocumentType.FREEZES: "freeze, unfreeze",
    DocumentType.HISTORY: msg("state history"),
    DocumentType.ENTRY: "show ADDRESS",
    DocumentType.EXPLANATION: "show ADDRESS --why",
    DocumentType.OUTPUTS: "output",
    DocumentType.GRAPH: "graph",
    DocumentType.RECOVERY: "recover",
    DocumentType.DIAGNOSIS: "doctor",
    DocumentType.CATALOG: "catalog",
    DocumentType.FIELD: "explain",
    DocumentType.BILL: "bill",
    DocumentType.BILLS: "bill --history",
    DocumentType.RESOURCES: "ls",
    DocumentType.CONTRACT: "doctor --contract",
    DocumentType.PLANS: msg("state plans"),
    DocumentType.PROJECT_PLAN: msg("plan and drift of several stacks"),
    DocumentType.PROJECT_OUTPUTS: msg("output of several stacks"),
    DocumentType.WATCH: "watch",
    DocumentType.POLICY_LIST: msg("policy list"),
    DocumentType.POLICY_TEST: msg("policy test"),
    DocumentType.AUDIT: "audit",
}
"""The commands that print a document of each type with `--format json`, as text."""


def document(type: DocumentType, members: Mapping[str, Any]) -> Document:
    """The members behind `format_version` and `type`."""
    return Document({"format_version": FORMAT_VERSION, "type": type.value, **members})


def problems_document(problems: Sequence[Mapping[str, Any]], *, exit_code: int) -> Document:
    """What a command prints instead of its result if an error came before it. `problems` are rows
    of `serialize.problem`.
    """
    return document(DocumentType.ERROR, {"problems": list(problems), "exit_code": exit_code})
