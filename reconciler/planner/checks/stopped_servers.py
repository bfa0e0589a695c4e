"""Instances that an earlier run stopped in the middle of a change, and that a plan does not
start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.common.text import msg
from reconciler.model.diagnostics import Problem, warning
from reconciler.model.plan import Step
from reconciler.planner.compare.assessment import Assessment
from reconciler.resources import instance as instance_kind


def left_off(assessment: Assessment, steps: Sequence[Step]) -> Iterator[Problem]:
    """A warning for each of them that is neither started nor deleted: held back, left out of the
    plan, or forgotten.
    """
    handled = {
        str(step.address)
        for step in steps
        if step.operation in (instance_kind.START, instance_kind.DELETE)
    }
    for address, item in assessment.items.items():
        off = (
            item.entry is not None
            and item.entry.stopped
            and item.live is not None
            and item.live.attributes.get("power") == "off"
        )
        if off and str(address) not in handled and item.wanted.get("power") != "off":
            message = msg(
                "{address} is powered off: an earlier run stopped it, and this plan does not "
                "start it",
                address=address,
            )
            yield warning(
                "stays-off",
                message,
                address=str(address),
                hint=msg("start it in the console, or finish the earlier change with an apply"),
            )
