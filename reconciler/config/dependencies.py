"""The dependency graph of a stack. Its nodes are finer than resources, so that a rule of a firewall
can contain the address of an instance that the firewall protects (stack-files#graph).

A facet is a part of an object that is created after the object itself: an instance exists before it
is a member of its firewall, and before its power is as requested. The tables of the kinds name
them.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from reconciler.common.text import Text, msg
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem, error
from reconciler.model.resource import Deferred, Link, Ref, Resource, Stack
from reconciler.model.resource_type import Edit
from reconciler.resources import all_kinds

_CYCLES_REPORTED_MAX = 10


class DependencyNode(NamedTuple):
    """One facet of one object. The object itself has the name of its kind as its facet (`rule`)."""

    facet: str
    address: Address

    @property
    def is_object(self) -> bool:
        """Whether this is the object itself."""
        return self.facet == all_kinds().of(self.address).singular

    def __str__(self) -> str:
        if self.is_object:
            return str(self.address)
        return msg("{facet} of {address}", facet=Text(self.facet, {}), address=self.address)


Edges = Mapping[DependencyNode, frozenset[DependencyNode]]


def node_of(address: Address, attribute: str = "") -> DependencyNode:
    """The node of an object, or of the facet that one of its attributes belongs to."""
    kinds = all_kinds()
    kind = kinds.of(address)
    return DependencyNode(kinds.facets[kind.name].get(attribute, kind.singular), address)


def facets(address: Address) -> tuple[DependencyNode, ...]:
    """All nodes of an object, itself first. The objects inside it are not included."""
    kinds = all_kinds()
    names = dict.fromkeys(kinds.facets[kinds.of(address).name].values())
    return (node_of(address), *(DependencyNode(name, address) for name in names))


def edges(stack: Stack) -> Edges:
    """Every node of a stack, sorted by address, with the nodes that it waits for.

    A membership also waits for the rules of its firewall, so that the instance stays reachable, but
    only if this closes no cycle.
    """
    waits = _Waits(stack)
    hard = {node: waits.of(node) for address in stack.resources for node in facets(address)}
    return _with_rules(hard, waits.owned, stack)


class _Waits:
    """The nodes that one node waits for. `owned` are the nodes inside each object."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.owned: dict[Address, list[DependencyNode]] = {}
        for address in stack.resources:
            if address.rule is not None:
                self.owned.setdefault(address.owner, []).append(node_of(address))

    def of(self, node: DependencyNode) -> set[DependencyNode]:
        """The nodes of this stack that must exist before a node."""
        resource = self._stack.resources[node.address]
        found = set(self._of_object(resource)) if node.is_object else {node_of(node.address)}
        for name, value in resource.attributes.items():
            if node_of(node.address, name) == node:
                found.update(self._of_value(value))
        found.discard(node)
        return {before for before in found if before.address in self._stack.resources}

    def _of_object(self, resource: Resource) -> Iterator[DependencyNode]:
        address = resource.address
        if address.rule is not None:
            yield node_of(address.owner)
        for field in all_kinds().of(address).fields.values():
            # A block storage is created attached (contract#block-storages).
            target = resource.attributes.get(field.name) if field.required else None
            if isinstance(target, Link):
                yield node_of(target.address)
        for named in resource.depends_on:
            yield from self._all_of(named)

    def _all_of(self, named: Address) -> Iterator[DependencyNode]:
        """All facets of what `depends_on` names, with the objects inside it."""
        if named.rule is not None:
            yield from map(node_of, self._stack.rules(named))
            return
        for owner in self._stack.addresses(named.owner):
            yield from facets(owner)
            yield from self.owned.get(owner, ())

    def _of_value(self, value: Any) -> Iterator[DependencyNode]:
        if isinstance(value, Link):
            yield node_of(value.address)
        elif isinstance(value, Deferred):
            for ref in value.references:
                yield from self._of_reference(ref)
        elif isinstance(value, tuple):
            for item in value:
                yield from self._of_value(item)

    def _of_reference(self, ref: Ref) -> Iterator[DependencyNode]:
        if ref.stack is not None:
            return  # nothing in this stack
        for address in self._stack.addresses(ref.address):
            yield from (
                facets(address) if ref.attribute is None else (node_of(address, ref.attribute),)
            )


def _with_rules(
    hard: dict[DependencyNode, set[DependencyNode]],
    rules: Mapping[Address, list[DependencyNode]],
    stack: Stack,
) -> dict[DependencyNode, frozenset[DependencyNode]]:
    """The graph in which memberships also wait for the rules of their firewall."""
    import networkx as nx

    graph: nx.DiGraph[DependencyNode] = nx.DiGraph()
    graph.add_nodes_from(hard)
    graph.add_edges_from((node, before) for node, waits in hard.items() for before in waits)
    memberships = dict(_memberships(stack))
    # Only a rule that waits for a membership, even indirectly, can close a cycle.
    risky = {
        node
        for group in rules.values()
        for node in group
        if len(hard[node]) > 1 and not memberships.keys().isdisjoint(nx.descendants(graph, node))
    }
    for membership, firewall in memberships.items():
        for rule in rules.get(firewall, ()):
            if rule not in risky or membership not in nx.descendants(graph, rule):
                graph.add_edge(membership, rule)
    return {node: frozenset(graph[node]) for node in hard}


def _memberships(stack: Stack) -> Iterator[tuple[DependencyNode, Address]]:
    """Each membership that the stack sets, with the firewall."""
    kinds = all_kinds()
    fields = {
        kind.name: [field.name for field in kind.fields.values() if field.edit is Edit.MEMBER]
        for kind in kinds.values()
    }
    for address, resource in stack.resources.items():
        for name in fields[kinds.of(address).name]:
            link = resource.attributes.get(name)
            if isinstance(link, Link):
                yield node_of(address, name), link.address


def cycles(stack: Stack) -> tuple[Problem, ...]:
    """Each dependency cycle as an error that shows it as a path. Of cycles that share a node, one
    is reported.
    """
    graph = _suspects(stack)
    found: list[Problem] = []
    while len(found) < _CYCLES_REPORTED_MAX and (path := _cycle(graph)) is not None:
        found.append(_problem(path, stack))
        for node in path:
            del graph[node]
        for waits in graph.values():
            waits.difference_update(path)
    return tuple(found)


def _suspects(stack: Stack) -> dict[DependencyNode, set[DependencyNode]]:
    """The nodes of the resources with expressions or `depends_on`, and all that they wait for. No
    other node can be part of a cycle.
    """
    waits = _Waits(stack)
    graph: dict[DependencyNode, set[DependencyNode]] = {}
    waiting = [
        node
        for address, resource in stack.resources.items()
        if resource.depends_on
        or any(isinstance(value, Deferred) for value in resource.attributes.values())
        for node in facets(address)
    ]
    while waiting:
        node = waiting.pop()
        if node not in graph:
            graph[node] = waits.of(node)
            waiting.extend(graph[node])
    return graph


def _cycle(graph: Mapping[DependencyNode, set[DependencyNode]]) -> list[DependencyNode] | None:
    """One cycle, each node before the one that it waits for, starting with the smallest. None if
    there is none.
    """
    if _any_cycle(graph) is None:
        return None
    # Again in a fixed order, so that equal stacks give equal messages.
    ordered = {node: sorted(graph[node], key=_key) for node in sorted(graph, key=_key)}
    cycle = _any_cycle(ordered) or []
    first = cycle.index(min(cycle, key=_key))
    return cycle[first:] + cycle[:first]


def _any_cycle(
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


def _problem(path: list[DependencyNode], stack: Stack) -> Problem:
    def shown(node: DependencyNode) -> str:
        place = stack.resources[node.address].place
        return f"{node} ({place})" if place is not None else str(node)

    first = stack.resources[path[0].address]
    return error(
        "cycle",
        msg("dependency cycle: {cycle}", cycle=" -> ".join(map(shown, (*path, path[0])))),
        place=first.place,
        address=str(first.address),
        hint=msg("remove one of these references or `depends_on` entries"),
    )
