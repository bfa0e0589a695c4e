"""What hangs on a server that is to go: volumes of ours, which leave it first, and volumes of others, for which it stays (SPEC 4)."""

from __future__ import annotations

from reconciler.core.address import Address
from reconciler.core.changes import Action, Impact
from reconciler.core.model import LiveResource
from reconciler.core.planning.draft import Draft
from reconciler.core.planning.rows import change
from reconciler.core.problems import Problem, error
from reconciler.core.survey import Fate, Item


def volumes_on(draft: Draft, instance_id: str) -> dict[Address, Item]:
    """Our volumes that hang on a server now, by address."""
    return dict(draft.index.volumes.get(instance_id, {}))


def no_foreign_volumes(draft: Draft, item: Item) -> bool:
    """Whether every volume on a server is ours; else the server's change is blocked, with the volumes listed."""
    if item.live is None:
        return True
    foreign = foreign_volumes(draft, item.live)
    doubtful = [str(a) for a, volume in volumes_on(draft, item.live.id).items() if volume.fate is Fate.DOUBT]
    if doubtful:
        draft.blocked[item.address] = f"{doubtful[0]} on it is in doubt"
        change(draft, item, Action.BLOCKED, draft.blocked[item.address], impact=Impact(blocked_by=doubtful[0]))
        return False
    if not foreign:
        return True
    draft.blocked[item.address] = "a volume that this stack does not own hangs on it"
    draft.problems.append(foreign_volume(item.address, item.live.id, foreign))
    change(draft, item, Action.BLOCKED, draft.blocked[item.address])
    return False


def foreign_volumes(draft: Draft, server: LiveResource) -> list[str]:
    """Ids of the volumes on a server that this stack does not own, by the list of volumes and by the server's own row."""
    there = set(draft.index.rows.get(server.id, ()))
    shown = server.attributes.get("volumes")
    there |= {str(id) for id in shown} if isinstance(shown, tuple) else set()
    ours = {volume.live.id for volume in volumes_on(draft, server.id).values() if volume.live is not None}
    return sorted(there - ours - set(draft.survey.state.deposed))


def foreign_volume(address: Address, server_id: str, foreign: list[str]) -> Problem:
    """The error of a server that stays, because volumes hang on it that are not the stack's."""
    return error(
        "foreign-volume",
        f"{address} ({server_id}) is not removed: {', '.join(foreign)} hangs on it and does not belong to this stack",
        address=str(address),
        hint="detach it in the console, or import it into the stack",
    )
