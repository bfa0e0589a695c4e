"""Opens the place of states that was chosen. What a place needs is imported only for that place."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.common.text import msg
from reconciler.model.ports import PlaceUnusable, StatePlace
from reconciler.store.place import FolderPlace
from reconciler.store.place_choice import PlaceChoice


def open_place(
    choice: PlaceChoice, project: str, *, simulated: bool, used: Callable[[], frozenset[str]]
) -> StatePlace:
    """The place of the states of a project. Sends nothing. Raises `PlaceUnusable` for a URL that
    cannot be used. `used` gives the names of folders whose stack or environment a file names.

    The states of the local cloud are always in its folder.
    """
    if simulated:
        return FolderPlace(choice.simulator, used=used)
    if choice.named.url is not None:
        message = msg("{place} is not a folder", place=choice.named.shown)
        raise PlaceUnusable(message, hint=msg("name a folder as the place of the states"))
    return FolderPlace(choice.named.folder, used=used)
