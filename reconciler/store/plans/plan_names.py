"""The names of saved plans in a store: `plans/<id>.<unix second>`. A listing answers which plans
there are, and how old they are, without reading one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.model.ports.plan_ports import KeptPlan

PLANS = "plans"
PLAN_BYTES_MAX = 256 * 1024 * 1024
DRAFT = ".draft"
"""What follows the name of a plan while it is written."""

_NAME = re.compile(r"([0-9a-f]{64})\.([0-9]{1,12})")


def name_of(plan: KeptPlan) -> str:
    """The name of a plan: its id and its time."""
    return f"{plan.id}.{plan.at}"


def from_name(name: str) -> KeptPlan | None:
    """The plan of a name; None if it is not that of a plan."""
    found = _NAME.fullmatch(name)
    return None if found is None else KeptPlan(found[1], int(found[2]))


def newest(names: Iterable[str], start: str = "") -> tuple[KeptPlan, ...]:
    """Of each id that begins with a text the newest plan, the newest first."""
    found = dict[str, KeptPlan]()
    for plan in filter(None, map(from_name, names)):
        if plan.id.startswith(start) and (plan.id not in found or found[plan.id].at < plan.at):
            found[plan.id] = plan
    return tuple(sorted(found.values(), key=lambda plan: (-plan.at, plan.id)))


def outdated(names: Iterable[str], kept: KeptPlan) -> list[str]:
    """The names that are not needed once a plan is kept: the same plan of an earlier time, plans
    that have expired, and drafts of such plans, which a crash left.
    """
    found = []
    for name in names:
        plan, written = from_name(name), from_name(name.partition(DRAFT)[0])
        is_older = plan is not None and plan.id == kept.id and plan.at < kept.at
        if is_older or (written is not None and written.is_expired(kept.at)):
            found.append(name)
    return found
