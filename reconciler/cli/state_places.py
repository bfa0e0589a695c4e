"""The place of the states of a command's stacks: chosen, opened when it is first needed, and closed
at the end of the command.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.common.paths import shown_path
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error, notice

if TYPE_CHECKING:
    from reconciler.config.project.project_file import Project
    from reconciler.model.ports import StatePlace
    from reconciler.store.place_choice import PlaceChoice

_PLACES: ContextVar[dict[tuple[Path, bool], StatePlace]] = ContextVar("places")


@contextmanager
def open_places() -> Iterator[None]:
    """Keeps every place that a command opens for the next look, and closes them at the end."""
    places: dict[tuple[Path, bool], StatePlace] = {}
    token = _PLACES.set(places)
    try:
        yield
    finally:
        _PLACES.reset(token)
        for place in places.values():
            place.close()


def place_of(
    stack: Path,
    environ: Mapping[str, str],
    *,
    simulated: bool,
    problems: list[Problem] | None = None,
) -> StatePlace:
    """The place of the states of a stack's project. Sends nothing. Raises `Abort` if what names the
    place is wrong. `stack` is its file or folder.

    Notices about other places that are named are added to `problems`, once in a command.
    """
    known = _PLACES.get({})
    found = known.get((stack, simulated))
    if found is None:
        found = known[stack, simulated] = _opened(stack, environ, simulated, problems)
    return found


def _opened(
    stack: Path, environ: Mapping[str, str], simulated: bool, problems: list[Problem] | None
) -> StatePlace:
    from reconciler.config import loader
    from reconciler.store.folder_name import folder_name
    from reconciler.store.opening import open_place
    from reconciler.store.place_choice import Origin

    choice, project = chosen(stack, environ)
    if problems is not None and not simulated:
        problems += _notices(choice)
    try:
        return open_place(
            choice,
            project.name,
            simulated=simulated,
            used=lambda: frozenset(folder_name(*each) for each in loader.neighbors(stack)),
        )
    except ports.PlaceUnusable as failure:
        place = project.state_at if choice.named.origin is Origin.PROJECT_FILE else None
        raise Abort(error("state-place", str(failure), place=place, hint=failure.hint)) from failure


@contextmanager
def named(stack: Path, environ: Mapping[str, str], text: str) -> Iterator[StatePlace]:
    """The place that a text names as `RECONCILER_STATE` does, while the block runs. Raises `Abort`
    if it cannot be used.
    """
    place = _opened(stack, {**environ, "RECONCILER_STATE": text}, False, None)
    try:
        yield place
    finally:
        place.close()


def chosen(stack: Path, environ: Mapping[str, str]) -> tuple[PlaceChoice, Project]:
    """Which place has the states of a stack, and its project. Raises `Abort` if the file of the
    project has mistakes.
    """
    from reconciler.config.project import project_file
    from reconciler.store.place_choice import choose

    project = project_file.load(stack)
    return choose(stack, environ, project.file, project.state), project


def _notices(choice: PlaceChoice) -> Iterator[Problem]:
    for each in choice.unused:
        message = msg(
            "{variable} ({place}) is not used: {origin} names {used}",
            variable=each.origin.value,
            place=each.shown,
            origin=choice.named.origin.value,
            used=choice.named.shown,
        )
        yield notice("state-place", message)


def kept_environments(place: StatePlace, stack: str) -> tuple[str, ...]:
    """The environments of a stack that have a state, sorted. Raises `Abort` if the place cannot be
    used.
    """
    from reconciler.commands.session import stop_for_store

    try:
        return place.environments(stack)
    except ports.StoreError as failure:
        stop_for_store(failure)


@dataclass(frozen=True, slots=True)
class CheckedPlace:
    """A place that was checked; a folder needs no check."""

    location: str
    is_folder: bool


def check_place(stack: Path, environ: Mapping[str, str], url: str | None) -> CheckedPlace:
    """Checks the place that a URL names, without one that of the states of a stack. Raises `Abort`
    if it is refused or cannot be used.
    """
    from reconciler.store.objects import connection, place_url, probe
    from reconciler.store.objects.port import ObjectStoreError

    if url is None:
        named = chosen(stack, environ)[0].named
        if named.url is None:
            return CheckedPlace(shown_path(named.shown), is_folder=True)
        url = named.url
    try:
        address = place_url.parse(url)
        if address.kind is place_url.PlaceKind.FOLDER:
            return CheckedPlace(address.location, is_folder=True)
        probe.check(
            probe.Probing(
                lambda: connection.connect(address, environ), secrets.token_hex(6), time.time()
            )
        )
    except (place_url.BadAddress, ObjectStoreError) as failure:
        raise Abort(error("state-place", str(failure), hint=failure.hint)) from failure
    return CheckedPlace(address.location, is_folder=False)
