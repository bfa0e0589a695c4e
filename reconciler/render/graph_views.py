"""What waits for what in a stack, as text, DOT, Mermaid, JSON or an HTML page. The nodes are finer
than resources (stack-files#graph): see `config.dependencies`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from reconciler.config.dependencies import DependencyNode, edges, node_of
from reconciler.model import serialize
from reconciler.model.address import Address
from reconciler.model.resource import Stack
from reconciler.render import escape
from reconciler.render.documents.json_document import Document, DocumentType, document
from reconciler.render.format import phrase

_Graph: TypeAlias = Mapping[DependencyNode, tuple[DependencyNode, ...]]
"""Each node with those that it waits for."""


def graph_text(stack: Stack, form: str) -> str:
    """The graph of a stack in one of `FORMS`."""
    return FORMS[form](stack, _shown(stack))


def graph_document(stack: Stack) -> Document:
    """The graph of a stack as data."""
    return _document(stack, _shown(stack))


def _shown(stack: Stack) -> _Graph:
    """Every node that means something, in order, with the nodes it waits for. A part of an object
    that the file does not set, and that nothing waits for, is left out.
    """
    found = edges(stack)
    waited = {before for waits in found.values() for before in waits}

    def counts(node: DependencyNode) -> bool:
        attributes = stack.resources[node.address].attributes
        return (
            node.is_object
            or node in waited
            or any(node_of(node.address, name) == node for name in attributes)
        )

    return {
        node: tuple(sorted((before for before in found[node] if counts(before)), key=_place))
        for node in sorted(found, key=_place)
        if counts(node)
    }


def _place(node: DependencyNode) -> Any:
    return (
        node.address.sort_key,
        not node.is_object,
        node.facet,
    )


def _folded(nodes: _Graph) -> Mapping[str, Iterable[str]]:
    """The graph by names, with the rules of one collection as one node."""
    members: dict[Address, int] = {}
    for node in nodes:
        if node.address.rule is not None:
            members[_written(node)] = members.get(_written(node), 0) + 1

    def name(node: DependencyNode) -> str:
        number = members.get(_written(node), 0)
        if number < 2:
            return str(node)
        return phrase("{address} ({number} rules)", address=_written(node), number=number)

    found: dict[str, dict[str, None]] = {}
    for node, waits in nodes.items():
        found.setdefault(name(node), {}).update(dict.fromkeys(map(name, waits)))
    return found


def _written(node: DependencyNode) -> Address:
    """The address of a node, without the parts in brackets of a rule."""
    address = node.address
    return address if address.rule_key is None else address.owner.with_rule(address.rule_key)


def _text(stack: Stack, graph: _Graph) -> str:
    nodes = _folded(graph)
    lines = [" " + phrase("{stack}: what waits for what", stack=stack.title)]
    for node, waits in nodes.items():
        lines.append(f"  {escape.outside(node)}")
        lines += ["      " + phrase("after {node}", node=before) for before in waits]
    return "\n".join(lines) + "\n"


def _dot(stack: Stack, graph: _Graph) -> str:
    nodes = _folded(graph)
    lines = [
        f"digraph {_dot_quoted(stack.title)} {{",
        "  rankdir=LR;",
        '  node [shape=box, fontname="sans-serif"];',
    ]
    lines += [f"  {_dot_quoted(node)};" for node in nodes]
    lines += [
        f"  {_dot_quoted(before)} -> {_dot_quoted(node)};"
        for node, waits in nodes.items()
        for before in waits
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_quoted(item: object) -> str:
    return '"' + escape.outside(item).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mermaid(stack: Stack, graph: _Graph) -> str:
    nodes = _folded(graph)
    names = {node: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {name}["{_mermaid_escaped(node)}"]' for node, name in names.items()]
    lines += [
        f"  {names[before]} --> {names[node]}" for node, waits in nodes.items() for before in waits
    ]
    return "\n".join(lines) + "\n"


def _mermaid_escaped(node: str) -> str:
    """Everything but letters, digits and the signs of addresses as a numbered entity, so that
    nothing in a label takes effect.
    """
    return "".join(c if c.isalnum() or c in " ._-" else f"#{ord(c)};" for c in escape.outside(node))


def _json(stack: Stack, nodes: _Graph) -> str:
    return escape.json_text(_document(stack, nodes), indent=2) + "\n"


def _html(stack: Stack, nodes: _Graph) -> str:
    from reconciler.render.report import graph_page

    return graph_page.page(stack.title, _document(stack, nodes))


def _document(stack: Stack, nodes: _Graph) -> Document:
    members = {
        "stack": stack.name,
        "environment": stack.environment,
        "nodes": [
            {
                "id": str(node),
                "address": str(node.address),
                "part": node.facet,
                "place": serialize.place(stack.resources[node.address].place),
            }
            for node in nodes
        ],
        "edges": [
            {"from": str(before), "to": str(node)}
            for node, waits in nodes.items()
            for before in waits
        ],
    }
    return document(DocumentType.GRAPH, members)


FORMS: Mapping[str, Callable[[Stack, _Graph], str]] = {
    "text": _text,
    "dot": _dot,
    "mermaid": _mermaid,
    "json": _json,
    "html": _html,
}
"""The forms by name."""
