"""Opens the place of states that was chosen. What a place needs is imported only for that place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.model.ports import PlaceUnusable, StatePlace, StateReader
from reconciler.store.folder_name import name_of_folder
from reconciler.store.folder_store import FileStore
from reconciler.store.place import FolderPlace
from reconciler.store.place_choice import PlaceChoice


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a place is opened with: the variables of the environment, the names `<stack>[.<env>]`
    that a file uses, and a function that takes a line for the user while a place does not answer.
    """

    variables: Mapping[str, str]
    used: Callable[[], frozenset[str]] = frozenset
    notify: Callable[[str], None] = lambda text: None


def open_place(
    choice: PlaceChoice, project: str, around: Surroundings, *, simulated: bool
) -> StatePlace:
    """The place of the states of a project. Sends nothing. Raises `PlaceUnusable` for a URL that
    cannot be used.

    The states of the local cloud are always in its folder.
    """
    if simulated:
        return FolderPlace(choice.simulator, used=around.used)
    if choice.named.url is None:
        return FolderPlace(choice.named.folder, used=around.used)
    return _shared(choice.named.url, project, around)


def _shared(url: str, project: str, around: Surroundings) -> StatePlace:
    from reconciler.store.objects.place_url import BadAddress, PlaceKind, parse
    from reconciler.store.shared_place import SharedPlace

    try:
        address = parse(url)
    except BadAddress as failure:
        raise PlaceUnusable(str(failure), hint=failure.hint) from failure
    if address.kind is PlaceKind.FOLDER:
        message = msg("{place} is neither a folder nor the URL of a place", place=url)
        hint = msg("write ./{place} for a folder of that name", place=url)
        raise PlaceUnusable(message, hint=hint)
    return SharedPlace(
        address,
        project,
        around.variables,
        used=around.used,
        notify=around.notify,
        elsewhere=lambda location: _state_at(location, around),
    )


def _state_at(location: str, around: Surroundings) -> StateReader:
    """The state at a location in another place. Raises `PlaceUnusable`."""
    if "://" not in location:
        return FileStore(Path(location))
    path, mark, parameters = location.partition("?")
    place, _, rest = path.partition("://")
    parts = rest.rsplit("/", 2)
    if len(parts) < 3 or not all(parts) or parts[2].startswith("."):
        message = msg("{place} is not the place of a state", place=location)
        raise PlaceUnusable(message, hint=msg("restore an older state (docs/how-to/recover.md)"))
    place, (project, name) = f"{place}://{parts[0]}", parts[1:]
    return _shared(place + mark + parameters, project, around).store(*name_of_folder(name))
