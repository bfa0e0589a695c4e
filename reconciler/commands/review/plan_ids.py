"""The id by which a plan is approved.

It is the id of the saved plan, unless more than that must be agreed to: the consent that policies
want is not part of a saved plan, and a provisional plan cannot be saved.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.common import json_text
from reconciler.model import serialize
from reconciler.model.plan import Consent
from reconciler.planner.saved_plan import SavedPlan

PROVISIONAL = "reconciler-provisional-plan"
JUDGED = "reconciler-judged-plan"


def review_id(saved: SavedPlan, after: Iterable[str] = ()) -> str:
    """The hex SHA-256 by which a plan is approved. `after` are the titles of the stacks whose apply
    decides values of it: with any, the plan is provisional.

    Another plan, other consent that policies want, and other stacks to wait for have another id.
    """
    asked = sorted(map(_consent, saved.plan.asked))
    waits = sorted(after)
    if waits:
        return json_text.checksum(
            {
                "kind": PROVISIONAL,
                "plan": saved.id,
                "problems": sorted(each.code for each in saved.plan.problems),
                "after": waits,
                "asked": asked,
            }
        )
    if asked:
        return json_text.checksum({"kind": JUDGED, "plan": saved.id, "asked": asked})
    return saved.id


def same_extent(shown: SavedPlan, now: SavedPlan) -> bool:
    """Whether a plan does what a provisional one showed: the same actions at the same addresses,
    and no more consent. Its values may differ, because they were not known.
    """
    return _extent(now) == _extent(shown) and _consents(now) <= _consents(shown)


def is_part(shown: SavedPlan, now: SavedPlan) -> bool:
    """Whether a plan does nothing that an earlier one did not show: what is left of it."""
    return {*_extent(now)} <= {*_extent(shown)} and _consents(now) <= _consents(shown)


def _extent(saved: SavedPlan) -> list[tuple[str, str]]:
    rows = serialize.content(saved.plan)["changes"]
    return sorted((str(row["address"]), str(row["action"])) for row in rows)


def _consents(saved: SavedPlan) -> set[str]:
    return set(map(_consent, saved.plan.consents))


def _consent(item: Consent) -> str:
    return f"{item.risk.value}={item.address}"
