"""The saved plans in the folder of a state. A plan is written under a name of its own first,
because no lock is taken: a reader never finds half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from reconciler.common.text import msg
from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.model.ports.plan_ports import KeptPlan
from reconciler.store.disk import Disk, write_whole
from reconciler.store.plans.plan_names import (
    DRAFT,
    PLAN_BYTES_MAX,
    PLANS,
    from_name,
    name_of,
    newest,
    outdated,
)

_FOR_GIT = {".gitignore": "*\n"}
"""A commit of the state's folder never contains a plan, also if the folder is older than this."""
_HINT = msg("free up disk space or fix the permissions of the folder")


class FolderPlans:
    """The saved plans in the folder of a state. `token` gives a text that was never given
    before.
    """

    def __init__(self, disk: Disk, state: Path, token: Callable[[], str]) -> None:
        self._disk, self._state, self._token = disk, state, token
        self._folder = state / PLANS

    def keep(self, plan: KeptPlan, data: bytes) -> None:
        """Keeps a plan durably, also if it is there already, and removes expired ones. Raises
        `RecordFailed`.
        """
        disk, path = self._disk, self._folder / name_of(plan)
        try:
            is_new = not disk.names(self._state)
            disk.make_folder(self._state)
            if is_new:
                disk.add_for_git(self._state)
            disk.make_folder(self._folder)
            disk.add_for_git(self._folder, _FOR_GIT)
            draft = self._folder / f"{path.name}{DRAFT}{self._token()}.new"
            write_whole(disk, draft, data)
            disk.rename(draft, path)
            disk.sync_folder(self._folder)
        except OSError as error:
            message = msg("the plan cannot be saved beside the state: {reason}", reason=error)
            raise RecordFailed(message, hint=_HINT) from error
        with suppress(OSError):  # one too many does no harm
            for name in outdated(disk.names(self._folder), plan):
                disk.remove(self._folder / name)

    def kept(self, start: str = "") -> tuple[KeptPlan, ...]:
        """The plans whose ids begin with a text, the newest first. Raises `StateDamaged`."""
        return newest(self._names(), start)

    def read(self, *plans: KeptPlan) -> Mapping[str, bytes]:
        """What was kept, by id; plans that are no longer there are left out. Raises
        `StateDamaged`.
        """
        found = dict[str, bytes]()
        try:
            for plan in plans:
                data = self._disk.read(self._folder / name_of(plan), PLAN_BYTES_MAX)
                if data is not None:
                    found[plan.id] = data
        except OSError as error:
            raise _unreadable(error) from error
        return found

    def remove(self, *plans: KeptPlan) -> None:
        """Removes plans; those that are not there are passed over. Raises `RecordFailed`."""
        wanted = {plan.id for plan in plans}
        try:
            for name in self._disk.names(self._folder):
                found = from_name(name)
                if found is not None and found.id in wanted:
                    self._disk.remove(self._folder / name)
        except OSError as error:
            message = msg("the saved plan cannot be removed: {reason}", reason=error)
            raise RecordFailed(message) from error

    def _names(self) -> tuple[str, ...]:
        try:
            return self._disk.names(self._folder)
        except OSError as error:
            raise _unreadable(error) from error


def _unreadable(error: OSError) -> StateDamaged:
    message = msg("the saved plans beside the state cannot be read: {reason}", reason=error)
    return StateDamaged(message, hint=msg("fix the permissions of the state's folder"))
