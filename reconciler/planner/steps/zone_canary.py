"""The first instance in a zone where the stack has none is created alone (planning#feasibility).

Whether an account may create instances in a zone shows only when it tries (contract#zones): a
listed zone is not a permission. So the other creates of such a zone wait until the cloud has
accepted one. If it does not, they are not sent, and the restricted zone has cost one request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.model.plan import Step
from reconciler.model.resource_type import creates
from reconciler.planner.steps.plan_builder import PlanBuilder

_ZONE = "zone"
"""The field of the kinds that are created in a zone; others follow what they are attached to."""


def alone(builder: PlanBuilder, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The same steps, in the same order, the creates of a new zone after the first of them."""
    known = _zones(builder)
    first: dict[str, str] = {}
    found = []
    for step in steps:
        zone = _zone(builder, step)
        if zone is None or zone in known:
            found.append(step)
        elif zone not in first:
            first[zone] = step.key
            found.append(step)
        elif first[zone] in step.after:
            # it needs the first itself (a reference, `depends_on`): that the cloud accepted it is
            # not enough
            found.append(step)
        else:
            key = first[zone]
            found.append(
                replace(
                    step,
                    after=tuple(sorted({*step.after, key})),
                    after_accepted=(*step.after_accepted, key),
                )
            )
    return tuple(found)


def _zones(builder: PlanBuilder) -> frozenset[object]:
    """The zones in which the stack has an instance."""
    items = builder.assessment.items.values()
    rows = [item.live for item in items if _ZONE in item.kind.fields and item.entry is not None]
    rows += [
        live
        for old, live in builder.assessment.deposed()
        if _ZONE in builder.assessment.kinds[old.kind].fields
    ]
    return frozenset(live.attributes.get(_ZONE) for live in rows if live is not None)


def _zone(builder: PlanBuilder, step: Step) -> str | None:
    if not creates(step.operation):
        return None
    zone = builder.assessment.items[step.address].wanted.get(_ZONE)
    return zone if isinstance(zone, str) else None
