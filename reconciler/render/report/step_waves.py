"""Steps in waves, as a list and as the graph that a script may draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.common.text import Text, msg
from reconciler.render import escape, format
from reconciler.render.report import page_words as words
from reconciler.render.report.markup import Child, Markup, el
from reconciler.render.report.reported import Row, StackReport

_Kind: TypeAlias = tuple[str, str, int, str]
"""What nodes have in common: operation, label, wave and tone."""


def waves(after: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    """The wave of each key, from 1: one more than the last of those that it waits for. A key that
    is not there is passed over.
    """
    found: dict[str, int] = {}
    for start in after:
        waiting = [start]
        while waiting:
            key = waiting[-1]
            before = [each for each in after[key] if each in after]
            missing = [each for each in before if each not in found and each not in waiting]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            found[key] = 1 + max((found.get(each, 0) for each in before), default=0)
    return found


def steps_list(plan: Row) -> Markup:
    """The steps of a plan in waves. Those of one wave do not wait for each other."""
    of = waves({step["key"]: step["after"] for step in plan["steps"]})
    critical = frozenset(plan.get("critical", ()))
    groups: dict[int, list[Row]] = {}
    for step in plan["steps"]:
        groups.setdefault(of[step["key"]], []).append(step)
    return el(
        "ol",
        (
            el(
                "li",
                el("h4", msg("Wave {number}", number=number)),
                el("ul", (_step(step, critical) for step in groups[number])),
            )
            for number in sorted(groups)
        ),
        class_="waves",
    )


def _step(step: Row, critical: frozenset[str]) -> Markup:
    notes: list[Child] = [format.operation(step["operation"], old=step["deposed"])]
    if step["after"]:
        notes.append([msg("after"), ": ", words.codes(step["after"])])
    if step["after_accepted"]:
        accepted = words.codes(step["after_accepted"])
        notes.append([msg("as soon as the cloud has accepted"), ": ", accepted])
    if step["fallback"]:
        notes.append([msg("if the cloud refuses this"), ": ", words.codes(step["fallback"])])
    if step["calls"] != 1:
        notes.append(format.count(step["calls"], "api-call"))
    if step["key"] in critical:
        notes.append(msg("critical"))
    text = [["; ", note] if number else note for number, note in enumerate(notes)]
    return el("li", words.code(step["key"]), " ", el("small", text))


# The graph
# ------------------------------------------------------------------------------------------------


def graph_of(stack: StackReport) -> dict[str, Any] | None:
    """The data of the graph of a stack: of its steps, or of what the stack has. None if there is
    nothing to draw.
    """
    if stack.graph is not None:
        return _of_resources(stack.title, stack.graph)
    steps = () if stack.plan is None else stack.plan["steps"]
    if stack.plan is None or not steps:
        return None
    tones = {change["address"]: words.tone(change) for change in stack.plan["changes"]}
    of = waves({step["key"]: step["after"] for step in steps})
    nodes = {
        step["key"]: (
            step["address"],
            (
                step["operation"],
                format.operation(step["operation"], old=step["deposed"]),
                of[step["key"]],
                tones.get(step["address"], "plain"),
            ),
        )
        for step in steps
    }
    edges = [(before, step["key"]) for step in steps for before in step["after"] if before in of]
    return _data(stack.title, nodes, edges)


def _of_resources(title: str, graph: Row) -> dict[str, Any] | None:
    after: dict[str, list[str]] = {node["id"]: [] for node in graph["nodes"]}
    for edge in graph["edges"]:
        after[edge["to"]].append(edge["from"])
    of = waves(after)
    nodes = {
        node["id"]: (
            node["address"],
            (node["part"], escape.visible(part_of(node)), of[node["id"]], "plain"),
        )
        for node in graph["nodes"]
    }
    edges = [(edge["from"], edge["to"]) for edge in graph["edges"]]
    return _data(title, nodes, edges) if nodes else None


def _data(
    title: str,
    nodes: Mapping[str, tuple[str, _Kind]],
    edges: Sequence[tuple[str, str]],
) -> dict[str, Any]:
    """A graph as the package's docstring has it: what repeats is a number."""
    kinds: dict[_Kind, int] = {}
    places = {id: place for place, id in enumerate(nodes)}
    rows: list[list[str | int]] = []
    for id, (address, kind) in nodes.items():
        shown = escape.visible(address)
        own = [] if id == f"{kind[0]} {shown}" else [id]
        rows.append([shown, kinds.setdefault(kind, len(kinds)), *own])
    return {
        "stack": escape.visible(title),
        "kinds": [list(kind) for kind in kinds],
        "nodes": rows,
        "edges": [[places[before], places[after]] for before, after in edges],
    }


def part_of(node: Row) -> Text:
    """What a node of a graph of resources is: an instance, its membership in a firewall."""
    return Text(node["part"].replace("_", " "), {})
