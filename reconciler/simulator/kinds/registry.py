"""The registry: what a kind of object is, which kinds there are, and which route answers a request.

`operation` of a route is the operationId of openapi.yaml; the status seen live is given next to
the documented one (contract#statuses).
"""

from __future__ import annotations

import functools
import re
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


def finished(_world: object, record: Any, _now: float) -> Any:
    """The record when its background work is done, or None when it is gone."""
    pending = record.pending
    if pending.operation == "delete":
        return None
    done = replace(record, status=pending.status, pending=None)
    target = KINDS[record.kind].targets.get(pending.operation)
    return done if target is None else replace(done, **{target: pending.target or None})


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One kind of object.

    `section` is its table in the world and in world files, `key` the member with its id, `label`
    the member by which people name it (empty when nobody does). `record` is its dataclass; without
    one, objects are plain rows as the API prints them. `words` are other names for members, and
    `refers` says which member holds the id of which other kind; `targets` which member an operation
    changes.

    `defaults` gives the members that an entry of a world file may leave out, `finished` what
    becomes of a record when its background work is done, `removed` does what else happens when it
    is gone, and `daily_price` is KRW a day without VAT (None for what costs nothing).
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
    targets: Mapping[str, str] = field(default_factory=dict)
    defaults: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] = lambda world, entry: {}
    finished: Callable[[Any, Any, float], Any] = finished
    removed: Callable[[Any, Any, float], None] = lambda world, record, now: None
    daily_price: Callable[[Any, Any], int] | None = None


# Every kind by its name, in the order of world files. One that is added here is served from then
# on, in every world.
KINDS: dict[str, Kind] = {}


@functools.lru_cache(maxsize=4)
def _patterns(kinds: tuple[Kind, ...]) -> list[tuple[re.Pattern[str], dict[str, Route]]]:
    """Paths with their routes by method; a fixed segment wins over a placeholder."""
    by_template: dict[str, dict[str, Route]] = {}
    for route in sorted(
        (route for kind in kinds for route in kind.routes),
        key=lambda each: each.template.count("{"),
    ):
        by_template.setdefault(route.template, {})[route.method] = route
    return [
        (re.compile(re.sub(r"\{\w+\}", "([^/]+)", template)), by_method)
        for template, by_method in by_template.items()
    ]


def find_route(method: str, path: str, switches: Switches) -> tuple[Route, tuple[str, ...]]:
    """The route of a request and the ids in its path; ApiError NOT_FOUND or MethodNotAllowed
    otherwise.
    """
    hidden = not switches.old_firewall_paths and (path + "/").startswith("/v1/firewall/")
    matches = (
        (pattern.fullmatch(path), by_method)
        for pattern, by_method in _patterns(tuple(KINDS.values()))
    )
    match, by_method = next((each for each in matches if each[0] and not hidden), (None, {}))
    if match is None:
        raise ApiError("NOT_FOUND")
    if method not in by_method:
        raise MethodNotAllowed(", ".join(sorted(by_method)))
    return by_method[method], tuple(unquote(each, errors="replace") for each in match.groups())
