"""The registry: what a kind of object is, which kinds there are, and which route answers a request.

`operation` of a route is the operationId of openapi.yaml; the status seen live stands beside the
documented one (contract#statuses).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from reconciler.simulator.errors import ApiError, MethodNotAllowed
from reconciler.simulator.switches import Switches


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the contract. `handler` is a function from a `Call` to a `Reply`."""

    method: str
    template: str
    operation: str
    handler: Callable[[Any], Any]
    live: int = 200
    doc: int = 200

    def status(self, switches: Switches) -> int:
        """The HTTP status of a success."""
        return self.doc if switches.http_status == "doc" else self.live


def finished(_world: object, record: Any, _now: float) -> Any:
    """The record when its background work is done, or None when it is gone."""
    if record.pending.operation == "delete":
        return None
    return replace(record, status=record.pending.status, pending=None)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object.

    `section` is its table in the world and in world files, `key` the member with its id, `label`
    the member by which people name it (empty when nobody does). `record` is its dataclass; without
    one, objects are plain rows as the API prints them. `words` are other names for members, and
    `refers` says which member holds the id of which other kind.
    """

    name: str
    section: str
    key: str
    label: str = "name"
    prefix: str = ""
    record: Any = None
    routes: tuple[Route, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)
    defaults: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] = lambda world, entry: {}
    """The members that an entry of a world file may leave out."""
    finished: Callable[[Any, Any, float], Any] = finished
    removed: Callable[[Any, Any, float], None] = lambda world, record, now: None
    """What else happens in the world when an object is gone."""
    daily_price: Callable[[Any, Any], int] | None = None
    """KRW a day without VAT; None for what costs nothing."""


KINDS: dict[str, Kind] = {}
"""Every kind by its name, in the order of world files."""


def register(kind: Kind) -> None:
    """Let the local cloud serve one more kind, from now on and in every world."""
    KINDS[kind.name] = kind
    _tree.cache_clear()


def unregister(name: str) -> None:
    """Serve this kind no longer."""
    del KINDS[name]
    _tree.cache_clear()


def routes() -> list[Route]:
    """The routes of all kinds."""
    return [route for kind in KINDS.values() for route in kind.routes]


@dataclass(slots=True)
class _Node:
    """One segment of the tree of paths; a fixed segment wins over a placeholder."""

    fixed: dict[str, _Node] = field(default_factory=dict)
    placeholder: _Node | None = None
    by_method: dict[str, Route] = field(default_factory=dict)


@functools.cache
def _tree() -> _Node:
    root = _Node()
    for route in routes():
        node = root
        for segment in route.template.split("/")[1:]:
            if segment.startswith("{"):
                node.placeholder = node.placeholder or _Node()
                node = node.placeholder
            else:
                node = node.fixed.setdefault(segment, _Node())
        node.by_method[route.method] = route
    return root


def find_route(method: str, path: str, switches: Switches) -> tuple[Route, tuple[str, ...]]:
    """The route of a request and the ids in its path; ApiError NOT_FOUND or MethodNotAllowed
    otherwise.
    """
    node: _Node | None = _tree()
    ids: list[str] = []
    for segment in path.split("/")[1:]:
        assert node is not None
        following = node.fixed.get(segment)
        if following is None and node.placeholder is not None and segment:
            following = node.placeholder
            ids.append(unquote(segment, errors="replace"))
        node = following
        if node is None:
            break
    hidden = not switches.old_firewall_paths and (
        path == "/v1/firewall" or path.startswith("/v1/firewall/")
    )
    if node is None or not node.by_method or hidden or not path.startswith("/"):
        raise ApiError("NOT_FOUND")
    route = node.by_method.get(method)
    if route is None:
        raise MethodNotAllowed(", ".join(sorted(node.by_method)))
    return route, tuple(ids)
