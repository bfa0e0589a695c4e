"""The order of steps: a dependency graph, its cycles, and how much depends on each step.

Cycles are found by graphlib. It leaves open which of several keys comes first, so the order is a
loop of its own.
"""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import pairwise


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
    if (cycle := _cycle(hard, {})) is not None:
        raise Cycle(cycle)
    gives_way = {key: set(soft.get(key, ())) - hard[key] for key in hard}
    _drop_cycles(hard, gives_way)
    waits = {key: hard[key] | gives_way[key] for key in hard}
    keys = tuple(_in_order(waits))
    return keys, {key: tuple(sorted(waits[key])) for key in keys}


def _cycle(hard: Mapping[str, Set[str]], soft: Mapping[str, Set[str]]) -> tuple[str, ...] | None:
    """One cycle, each key before those that wait for it and the first again at the end; None if
    there is none. Equal graphs give equal cycles.
    """
    sorter = graphlib.TopologicalSorter(dict.fromkeys(sorted(hard), ()))
    for waits in (hard, soft):
        for key in sorted(waits):
            sorter.add(key, *sorted(waits[key]))
    try:
        sorter.prepare()
    except graphlib.CycleError as failure:
        return tuple(failure.args[1])
    return None


def _drop_cycles(hard: Mapping[str, Set[str]], soft: Mapping[str, set[str]]) -> None:
    """Drops soft edges that lie on cycles, one a cycle, until there is none; at most as many
    rounds as soft edges.
    """
    while (cycle := _cycle(hard, soft)) is not None:
        before, key = min(edge for edge in pairwise(cycle) if edge[0] in soft[edge[1]])
        soft[key].remove(before)


def _in_order(waits: Mapping[str, Set[str]]) -> Iterator[str]:
    """The keys of a graph without cycles, each after those that it waits for; of several that could
    come next the first by name.
    """
    left = {key: len(before) for key, before in waits.items()}
    followers: dict[str, list[str]] = {key: [] for key in waits}
    for key, before in waits.items():
        for other in before:
            followers[other].append(key)
    ready = [key for key, number in left.items() if not number]
    heapq.heapify(ready)
    while ready:
        key = heapq.heappop(ready)
        yield key
        for follower in followers[key]:
            left[follower] -= 1
            if not left[follower]:
                heapq.heappush(ready, follower)


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
