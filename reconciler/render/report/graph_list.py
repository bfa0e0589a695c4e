"""The dependencies in a stack as a list, for readers without the drawing."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.common.text import msg
from reconciler.render.report import page_words as words
from reconciler.render.report import step_waves
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row


def nodes_list(graph: Row) -> Markup:
    """Every node with those that it waits for."""
    if not graph["nodes"]:
        return el("p", msg("The stack has no resources."))
    names = {node["id"]: _name(node) for node in graph["nodes"]}
    after: dict[str, list[str]] = {id: [] for id in names}
    for edge in graph["edges"]:
        after[edge["to"]].append(edge["from"])
    rows = [
        el(
            "li",
            names[node["id"]],
            words.place(node["place"]),
            _waits([names[id] for id in after[node["id"]]]),
        )
        for node in graph["nodes"]
    ]
    return el("ul", rows, class_="nodes")


def _name(node: Row) -> list[Markup | str]:
    name = words.code(node["address"])
    if node["id"] == node["address"]:
        return [name]
    return [name, " ", el("span", step_waves.part_of(node), class_="faint")]


def _waits(names: Sequence[Child]) -> Markup | None:
    if not names:
        return None
    listed = [[", " if number else "", name] for number, name in enumerate(names)]
    return el("ul", el("li", msg("after"), ": ", listed), class_="notes")
