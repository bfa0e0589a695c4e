"""What waits for what: a graph finer than resources, so that a firewall may name the address of a
server it protects (stack-files#graph).

A facet is a part of an object that comes into being by itself: a server is there before it is in
its firewall, and before its power is as asked.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.common.text import msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Deferred, Link, Ref, Resource, Stack

_OBJECT = {"firewalls": "firewall", "instances": "instance", "block_storages": "volume"}

READ_FACETS = {
    ("instances", "firewall"): "membership",
    ("instances", "status"): "power",
    ("block_storages", "instance"): "attachment",
}
"""By kind and attribute: the facet that decides what a reference reads, where that is not the
object itself.
"""

_WRITTEN_FACETS = {
    ("instances", "firewall"): "membership",
    ("instances", "power"): "power",
    ("block_storages", "instance"): "attachment",
}
"""By kind and field: the facet that a field of the file is about, where that is not the object
itself.
"""

_CYCLES_TOLD_MAX = 10


class DependencyNode(NamedTuple):
    """One facet of one object: the object itself (`firewall`, `rule`, `instance`, `volume`), or its
    `membership`, `attachment`, `power`.
    """

    facet: str
    address: Address

    def __str__(self) -> str:
        return (
            f"{self.address}"
            if self.facet in ("firewall", "rule", "instance", "volume")
            else f"{self.facet} of {self.address}"
        )


Edges = Mapping[DependencyNode, frozenset[DependencyNode]]


def node_of(address: Address) -> DependencyNode:
    """The node of the object itself."""
    return DependencyNode("rule" if address.rule is not None else _OBJECT[address.kind], address)


def facets(address: Address) -> tuple[DependencyNode, ...]:
    """All nodes of an object, itself first; a firewall's rules are objects of their own."""
    if address.rule is not None or address.kind == "firewalls":
        return (node_of(address),)
    more = ("membership", "power") if address.kind == "instances" else ("attachment",)
    return (node_of(address), *(DependencyNode(facet, address) for facet in more))


def edges(stack: Stack) -> Edges:
    """Every node of a stack, sorted by address, with the nodes that it waits for.

    A membership waits for the rules of its firewall too, so that a server is not locked out for a
    moment, but only where that closes no circle.
    """
    waits = _Waits(stack)
    hard = {node: waits.of(node) for address in stack.resources for node in facets(address)}
    return _softened(hard, stack)


class _Waits:
    """What one node waits for, by its nature and by what its object's attributes and `depends_on`
    say.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._everything = _Everything(stack)

    def of(self, node: DependencyNode) -> set[DependencyNode]:
        """The nodes that must be there before; those of objects that are not the stack's own are
        left out.
        """
        address = node.address
        resource = self._stack.resources[address]
        found = (
            set(self._of_object(address, resource))
            if node == node_of(address)
            else {node_of(address)}
        )
        for field, value in resource.attributes.items():
            if _facet_of_field(address, field) == node.facet:
                found.update(_waits(value, self._stack))
        found.discard(node)
        return {before for before in found if before.address in self._stack.resources}

    def _of_object(self, address: Address, resource: Resource) -> Iterator[DependencyNode]:
        yield from _by_nature(address, resource)
        for waited in resource.depends_on:
            yield from self._everything.of(waited)


def _facet_of_field(address: Address, field: str) -> str:
    if address.rule is not None:
        return "rule"
    return _WRITTEN_FACETS.get((address.kind, field)) or _OBJECT[address.kind]


def _by_nature(address: Address, resource: Resource) -> Iterator[DependencyNode]:
    if address.rule is not None:
        yield node_of(address.owner)
    elif address.kind == "block_storages":
        # A volume is born attached (contract#block-storages).
        server = resource.attributes.get("instance")
        if isinstance(server, Link):
            yield node_of(server.address)


def _waits(value: Any, stack: Stack) -> Iterator[DependencyNode]:
    if isinstance(value, Link):
        yield node_of(value.address)
    elif isinstance(value, Deferred):
        for ref in value.references:
            yield from _read(ref, stack)
    elif isinstance(value, tuple):
        for item in value:
            yield from _waits(item, stack)


def _read(ref: Ref, stack: Stack) -> Iterator[DependencyNode]:
    for address in stack.addresses(ref.address):
        if ref.attribute is None:
            yield from facets(address)
        else:
            yield DependencyNode(
                READ_FACETS.get((address.kind, ref.attribute), _OBJECT[address.kind]), address
            )


class _Everything:
    """All facets of what `depends_on` names, a firewall's rules included."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._rules = _rules(stack)

    def of(self, waited: Address) -> Iterator[DependencyNode]:
        for owner in self._stack.addresses(waited.owner):
            if waited.rule is not None:
                yield node_of(owner.with_rule(waited.rule))
            else:
                yield from facets(owner)
                yield from self._rules.get(owner, ())


def _rules(stack: Stack) -> dict[Address, list[DependencyNode]]:
    """The rules of each firewall that has some."""
    found: dict[Address, list[DependencyNode]] = {}
    for address in stack.resources:
        if address.rule is not None:
            found.setdefault(address.owner, []).append(node_of(address))
    return found


def _softened(
    hard: dict[DependencyNode, set[DependencyNode]], stack: Stack
) -> dict[DependencyNode, frozenset[DependencyNode]]:
    import networkx as nx

    graph: nx.DiGraph[DependencyNode] = nx.DiGraph()
    graph.add_nodes_from(hard)
    graph.add_edges_from((node, before) for node, waits in hard.items() for before in waits)
    rules = _rules(stack)
    # Only a rule that waits, through others, for a membership can close a circle: all others are
    # added without looking.
    risky = {
        node
        for group in rules.values()
        for node in group
        if len(hard[node]) > 1
        and any(other.facet == "membership" for other in nx.descendants(graph, node))
    }
    for address, resource in stack.resources.items():
        link = resource.attributes.get("firewall")
        if address.kind != "instances" or not isinstance(link, Link):
            continue
        membership = DependencyNode("membership", address)
        for rule in rules.get(link.address, ()):
            if rule not in risky or membership not in nx.descendants(graph, rule):
                graph.add_edge(membership, rule)
    return {node: frozenset(graph[node]) for node in hard}


def cycles(stack: Stack) -> tuple[Problem, ...]:
    """Each circle of things that wait for each other, as an error that shows it as a path; one for
    each knot of circles.
    """
    graph = _suspects(stack)
    found: list[Problem] = []
    while len(found) < _CYCLES_TOLD_MAX and (path := _circle(graph)) is not None:
        found.append(_told(path, stack))
        for node in path:
            del graph[node]
        for waits in graph.values():
            waits.difference_update(path)
    return tuple(found)


def _suspects(stack: Stack) -> dict[DependencyNode, set[DependencyNode]]:
    """The nodes that what the file says lets wait for something, and all that those wait for: no
    other can be on a circle.
    """
    waits = _Waits(stack)
    graph: dict[DependencyNode, set[DependencyNode]] = {}
    waiting = [
        node
        for address, resource in stack.resources.items()
        if _says_order(resource)
        for node in facets(address)
    ]
    while waiting:
        node = waiting.pop()
        if node not in graph:
            graph[node] = waits.of(node)
            waiting.extend(graph[node])
    return graph


def _says_order(resource: Resource) -> bool:
    if resource.depends_on:
        return True
    return any(isinstance(value, Deferred) for value in resource.attributes.values())


def _circle(graph: Mapping[DependencyNode, set[DependencyNode]]) -> list[DependencyNode] | None:
    """One circle, each node before the one that it waits for and the least first; None if there is
    none.
    """
    if _any_circle(graph) is None:
        return None
    # Again in a fixed order, so that equal stacks give equal messages.
    ordered = {node: sorted(graph[node], key=_key) for node in sorted(graph, key=_key)}
    circle = _any_circle(ordered) or []
    first = circle.index(min(circle, key=_key))
    return circle[first:] + circle[:first]


def _any_circle(
    graph: Mapping[DependencyNode, Iterable[DependencyNode]],
) -> list[DependencyNode] | None:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as failure:
        nodes: list[DependencyNode] = failure.args[1]
        return nodes[:0:-1]
    return None


def _key(node: DependencyNode) -> tuple[Any, str]:
    return (node.address.sort_key, node.facet)


def _told(path: list[DependencyNode], stack: Stack) -> Problem:
    def shown(node: DependencyNode) -> str:
        place = stack.resources[node.address].place
        return f"{node} ({place})" if place is not None else str(node)

    words = " -> ".join(shown(node) for node in (*path, path[0]))
    hint = msg("remove one of these references or `depends_on` entries")
    first = stack.resources[path[0].address]
    return error(
        "cycle",
        msg("dependency cycle: {cycle}", cycle=words),
        place=first.place,
        address=str(first.address),
        hint=hint,
    )
