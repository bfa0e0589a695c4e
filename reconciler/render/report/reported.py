"""What a report shows: JSON documents, and what only the command knows besides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from reconciler.common.dataclass import dataclass
from reconciler.model.resource import title_of
from reconciler.planner.saved_plan import Made
from reconciler.render.documents.json_document import DocumentType

Row: TypeAlias = "Mapping[str, Any]"
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class StackReport:
    """One stack of a report. `plan` is its JSON plan or drift, None if there is none. `row` is its
    object in the plan of a project; `listing` and `graph` are what `ls` and `graph` print.
    """

    title: str
    plan: Row | None = None
    row: Row | None = None
    listing: Row | None = None
    graph: Row | None = None

    @property
    def problems(self) -> tuple[Row, ...]:
        """The problems with and without a plan, each once."""
        found: list[Row] = []
        for source in (self.row, self.listing, self.plan):
            found += [each for each in (source or {}).get("problems", ()) if each not in found]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Report:
    """All stacks of a report. `project` is the JSON plan of several stacks, if it is one. `made`
    and `simulated` are None if nobody can say.
    """

    stacks: tuple[StackReport, ...]
    project: Row | None = None
    made: Made | None = None
    simulated: bool | None = None
    of_state: bool = False

    @property
    def of_drift(self) -> bool:
        """Whether the plans show only what was changed outside."""
        if self.project is not None:
            return bool(self.project["command"] == "drift")
        plans = [each.plan for each in self.stacks if each.plan is not None]
        return not self.of_state and any(plan["type"] == DocumentType.DRIFT for plan in plans)


def of_document(
    document: Row, made: Made | None = None, *, simulated: bool | None = None
) -> Report:
    """The report of a JSON plan: a document of the type `plan`, `drift` or `project_plan`."""
    if document["type"] != DocumentType.PROJECT_PLAN:
        title = title_of(document["stack"], document["environment"])
        return Report((StackReport(title, document),), made=made, simulated=simulated)
    stacks = tuple(StackReport(row["title"], row["plan"], row) for row in document["stacks"])
    return Report(stacks, document, made, simulated)


def of_state(drift: Report, found: Mapping[str, tuple[Row, Row]]) -> Report:
    """The report of what is there: a report of drift, with the objects and the graph of each stack
    by title.
    """
    stacks = []
    for stack in drift.stacks:
        listing, graph = found.get(stack.title, (None, None))
        stacks.append(replace(stack, listing=listing, graph=graph))
    return replace(drift, stacks=tuple(stacks), of_state=True)
