"""Lookups against a cached catalog of an earlier run: what may be wrong with a stack, without the
network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.common.text import msg
from reconciler.config import requirements
from reconciler.model.diagnostics import Problem, Severity
from reconciler.model.resource import Catalogue, Lookup, Resource, Stack
from reconciler.model.state import State
from reconciler.planner.compare import lookup


def unanswered(stack: Stack, catalogue: Catalogue | None) -> Iterator[Problem]:
    """A warning for each lookup that a cached catalog does not answer. The cache may be a day old,
    so it is never an error. Without a catalog there are no warnings.
    """
    if catalogue is None:
        return
    for resource in stack.resources.values():
        yield from _of(resource, catalogue)


def of_new_objects(
    stack: Stack, state: State | None, catalogue: Catalogue | None
) -> tuple[Problem, ...]:
    """What the objects of a stack that are not in its state lack, and the lookups that a cached
    catalog does not answer.
    """
    known = () if state is None else state.entries
    lacking = (
        demand.problem for demand in requirements.demands(stack) if str(demand.address) not in known
    )
    return (*lacking, *unanswered(stack, catalogue))


def _of(resource: Resource, catalogue: Catalogue) -> Iterator[Problem]:
    zone = resource.attributes.get("zone")
    here: str | None = zone if isinstance(zone, str) else None
    if isinstance(zone, Lookup) and catalogue.zones is not None:
        found = lookup.find(zone, catalogue, zone=None, address=str(resource.address))
        here = found if isinstance(found, str) else None
    for value in resource.attributes.values():
        for desired in value if isinstance(value, tuple) else (value,):
            if not isinstance(desired, Lookup) or getattr(catalogue, desired.catalogue) is None:
                continue
            found = lookup.find(desired, catalogue, zone=here, address=str(resource.address))
            if isinstance(found, Problem):
                # Reported once for all that share the line.
                yield replace(
                    found,
                    severity=Severity.WARNING,
                    address=None,
                    message=msg("{message}, as it was seen last", message=found.message),
                )
