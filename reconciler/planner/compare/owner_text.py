"""The text of an owner in the description of an object, after its stack or environment got another
name (stack-files#marker).
"""

from __future__ import annotations

from reconciler.model import marker
from reconciler.model.resource_type import Edit
from reconciler.planner.compare.assessment import Assessment, Disposition, ManagedObject

DESCRIPTION = "description"


def own(assessment: Assessment, item: ManagedObject) -> str:
    """The text before the marker if the user wrote none."""
    key = str(item.address).removeprefix(f"{item.address.kind}.")
    stack = assessment.stack
    return marker.owner_text(stack.name, stack.environment, key)[: marker.USER_LIMIT]


def renewed(assessment: Assessment, item: ManagedObject) -> str | None:
    """The text that replaces the one that names another stack or environment, None if there is
    nothing to replace.

    The object is surely ours, because it carries the marker in the state. A text that the user
    wrote is never replaced, nor one that the API cannot change: that of block storages.
    """
    live, entry, field = item.live, item.entry, item.kind.fields.get(DESCRIPTION)
    if (
        item.disposition is not Disposition.KEEP
        or item.resource is None
        or live is None
        or entry is None
        or field is None
        or field.edit is not Edit.IN_PLACE
    ):
        return None
    written = item.wanted.get(DESCRIPTION) or entry.applied.get(DESCRIPTION)
    if written or DESCRIPTION in item.resource.lifecycle.ignore:
        return None
    parts = marker.owner_parts(live.marked)
    stack = assessment.stack
    if (
        live.nonce is None
        or live.nonce != entry.nonce
        or parts is None
        or parts[:2] == (stack.name, stack.environment)
    ):
        return None
    return own(assessment, item)
