"""The dependencies in a stack as an HTML page: drawn by the script of a report, and as a list."""

from __future__ import annotations

from reconciler.common.text import msg
from reconciler.render.report import graph_list, report_page, step_waves
from reconciler.render.report.reported import Row, StackReport
from reconciler.render.report.stack_sections import figure


def page(title: str, graph: Row) -> str:
    """The page of a graph as `graph --format json` prints it. `title` is that of the stack."""
    stack = StackReport(title, graph=graph)
    drawn = step_waves.graph_of(stack)
    content = [figure(stack) if drawn else None, graph_list.nodes_list(graph)]
    return report_page.document(msg("Graph of {stack}", stack=title), [], content, [drawn])
