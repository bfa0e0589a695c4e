"""The order of steps: a dependency graph, its cycles, and how much depends on each step.

networkx is loaded only if there are steps. `tails` and `dependants` are loops of their own: the
library's longest path is one path, not the rest after each step, and its descendants do not say
which root comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx


class Cycle(Exception):
    """Steps wait for each other in a cycle; `path` names them, the first again at the end."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" -> ".join(path))
        self.path = path


def order(
    hard: Mapping[str, frozenset[str]], soft: Mapping[str, frozenset[str]]
) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The keys in an order in which they can be done one after another, and for each what it waits
    for.

    `hard` and `soft` map every key to the keys it comes after. A soft edge gives way where it would
    close a circle; a circle of hard edges raises `Cycle`. Ties go by key, so equal graphs give
    equal orders.
    """
    if not hard:
        return (), {}
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(hard))
    for key in sorted(hard):
        graph.add_edges_from((before, key, {"soft": False}) for before in sorted(hard[key]))
    _refuse_cycle(graph)
    for key in sorted(soft):
        graph.add_edges_from(
            (before, key, {"soft": True})
            for before in sorted(soft[key])
            if not graph.has_edge(before, key)
        )
    _give_way(graph)
    keys = tuple(nx.lexicographical_topological_sort(graph))
    return keys, {key: tuple(sorted(graph.predecessors(key))) for key in keys}


def _refuse_cycle(graph: nx.DiGraph[str]) -> None:
    import networkx as nx

    if nx.is_directed_acyclic_graph(graph):
        return
    edges = nx.find_cycle(graph)
    raise Cycle((*(edge[0] for edge in edges), edges[0][0]))


def _give_way(graph: nx.DiGraph[str]) -> None:
    """Drops soft edges that lie on circles, one a circle, until there is none; at most as many
    rounds as soft edges.
    """
    import networkx as nx

    while not nx.is_directed_acyclic_graph(graph):
        edges = [edge[:2] for edge in nx.find_cycle(graph)]
        graph.remove_edge(*min(edge for edge in edges if graph.edges[edge]["soft"]))


def tails(after: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """For each key the seconds from its start to the end of everything that depends on it: the
    longer, the sooner it should be sent.

    `after` is in topological order (as `order` gives it). The greatest value is the critical path.
    """
    waiting: dict[str, float] = dict.fromkeys(after, 0.0)
    for key in reversed(list(after)):
        total = waiting[key] + seconds.get(key, 0.0)
        for before in after[key]:
            waiting[before] = max(waiting[before], total)
    return {key: waiting[key] + seconds.get(key, 0.0) for key in after}


def dependants(after: Mapping[str, Sequence[str]], roots: frozenset[str]) -> dict[str, str]:
    """Every key that comes, directly or through others, after one of `roots`, with the root it
    comes after (the first by order).
    """
    found: dict[str, str] = {}
    for key in after:
        for before in after[key]:
            if before in roots or before in found:
                found[key] = before if before in roots else found[before]
                break
    return {key: root for key, root in found.items() if key not in roots}
