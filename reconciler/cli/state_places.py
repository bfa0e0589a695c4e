"""The place of the states of a command's stacks: chosen, opened when it is first needed, and closed
at the end of the command.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.common.paths import shown_path
from reconciler.common.text import msg
from reconciler.model import ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, Severity, error, notice

if TYPE_CHECKING:
    from reconciler.config.project.project import Project
    from reconciler.model.ports import StatePlace
    from reconciler.model.ports.audit_ports import AuditLog
    from reconciler.store.place_choice import PlaceChoice

_PLACES: ContextVar[dict[tuple[Path, bool], StatePlace]] = ContextVar("places")
_CHECKED: ContextVar[dict[Path | None, tuple[Problem, ...]]] = ContextVar("checked")
_LISTED: ContextVar[dict[Path, frozenset[str]]] = ContextVar("listed")
"""The names of states that the stacks of a project use, by the project's file."""


@contextmanager
def open_places() -> Iterator[None]:
    """Keeps every place that a command opens for the next look, and closes them at the end. Raises
    `Abort` for what a place raised and nobody explained.
    """
    places: dict[tuple[Path, bool], StatePlace] = {}
    token, checked = _PLACES.set(places), _CHECKED.set({})
    listed = _LISTED.set({})
    try:
        yield
    except ports.StoreError as failure:
        from reconciler.commands.session import stop_for_store

        stop_for_store(failure)
    finally:
        _PLACES.reset(token)
        _CHECKED.reset(checked)
        _LISTED.reset(listed)
        for place in {id(place): place for place in places.values()}.values():
            place.close()


def place_of(
    stack: Path,
    environ: Mapping[str, str],
    problems: list[Problem] | None = None,
    notify: Callable[[str], None] = lambda text: None,
    *,
    simulated: bool,
) -> StatePlace:
    """The place of the states of a stack's project. Sends nothing. Raises `Abort` if what names the
    place is wrong. `stack` is its file or folder.

    Notices about other places that are named are added to `problems`, once in a command. `notify`
    takes a line for the user while the place does not answer.
    """
    known = _PLACES.get({})
    found = known.get((stack, simulated))
    if found is None:
        choice, project = chosen(stack, environ)
        shared = None if simulated else _shared_by(choice, project, stack)
        found = None if shared is None else known.get((shared, simulated))
        if found is None:
            found = _opened(stack, environ, notify, simulated=simulated)
            if problems is not None and not simulated:
                problems += _notices(choice)
        known[stack, simulated] = found
        if shared is not None:
            known[shared, simulated] = found
    return found


def _shared_by(choice: PlaceChoice, project: Project, stack: Path) -> Path | None:
    """What the stacks of a project are known by that use one database or bucket, so that it is
    opened once for all of them; None for a stack that the project does not list, and for a folder.
    """
    listed = any(entry.path == stack for entry in project.stacks.values())
    return project.file if choice.named.url is not None and listed else None


def _opened(
    stack: Path, environ: Mapping[str, str], notify: Callable[[str], None], *, simulated: bool
) -> StatePlace:
    from reconciler.config import loader
    from reconciler.store.folder_name import folder_name
    from reconciler.store.opening import Surroundings, open_place
    from reconciler.store.place_choice import Origin

    choice, project = chosen(stack, environ)
    around = Surroundings(
        environ,
        used=lambda: (
            frozenset(folder_name(*each) for each in loader.neighbors(stack))
            | _names_of_project(project)
        ),
        notify=notify,
    )
    try:
        return open_place(choice, project.name, around, simulated=simulated)
    except ports.PlaceUnusable as failure:
        from_file = choice.named.origin is Origin.PROJECT_FILE
        place = project.state.place if from_file and project.state is not None else None
        raise Abort(error("state-place", str(failure), place=place, hint=failure.hint)) from failure


def _names_of_project(project: Project) -> frozenset[str]:
    """The names of the states of all stacks that a project lists, with each environment of their
    files. They are read once in a command.
    """
    from reconciler.config import loader
    from reconciler.store.folder_name import folder_name

    if project.file is None or not project.stacks:
        return frozenset()
    known = _LISTED.get({})
    found = known.get(project.file)
    if found is None:
        names = set[str]()
        for entry in project.stacks.values():
            environments: tuple[str, ...] = entry.environments
            with suppress(Abort, OSError):
                environments = (*environments, *loader.identities(entry.path)[1])
            names |= {folder_name(entry.name, each) for each in environments or (None,)}
        found = known[project.file] = frozenset(names)
    return found


@contextmanager
def named(stack: Path, environ: Mapping[str, str], text: str) -> Iterator[StatePlace]:
    """The place that a text names as `RECONCILER_STATE` does, while the block runs. Raises `Abort`
    if it cannot be used.
    """
    place = _opened(
        stack, {**environ, "RECONCILER_STATE": text}, lambda line: None, simulated=False
    )
    try:
        yield place
    finally:
        place.close()


def audit_log(
    stack: Path,
    environ: Mapping[str, str],
    notify: Callable[[str], None] = lambda text: None,
    *,
    simulated: bool,
) -> AuditLog:
    """The audit log of a stack's project. It is beside the states; if the stacks of a project keep
    their states beside themselves, it is in `state/` beside the project's file. `stack` may also be
    the folder of the project. Raises as `place_of`.
    """
    from reconciler.store.place import FolderPlace

    choice, _ = chosen(stack, environ)
    if simulated:
        return FolderPlace(choice.simulator).audit
    if choice.named.url is None:
        return FolderPlace(choice.simulator.parent).audit
    return place_of(stack, environ, notify=notify, simulated=False).audit


def near(stack: Path, environ: Mapping[str, str], *, simulated: bool) -> StatePlace | None:
    """The place of a stack's states if it is on this machine, else None: a shell that completes a
    word cannot wait for a database. Raises as `place_of`.
    """
    is_folder = simulated or chosen(stack, environ)[0].named.url is None
    return place_of(stack, environ, simulated=simulated) if is_folder else None


def chosen(stack: Path, environ: Mapping[str, str]) -> tuple[PlaceChoice, Project]:
    """Which place has the states of a stack, and its project. Raises `Abort` if the file of the
    project has mistakes.
    """
    from reconciler.config.project import project_file
    from reconciler.store.place_choice import choose

    project = project_file.load(stack)
    state = None if project.state is None else project.state.text
    listed = bool(project.stacks)
    return choose(stack, environ, project.file, state, lists_stacks=listed), project


def mistakes(stack: Path, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """What is wrong with the file of the project, between it and the files of its stacks, in
    the files of its policies, and with the place that it names, as far as that shows without a look
    at the place.
    """
    try:
        _, project = chosen(stack, environ)
    except Abort as stop:
        return stop.problems
    return (*_between_stacks(project), *_of_policies(project), *_of_place(project))


def _between_stacks(project: Project) -> tuple[Problem, ...]:
    """The errors between a project and its stacks, looked for once in a command."""
    from reconciler.config.project import selection

    known = _CHECKED.get({})
    if project.file not in known:
        found = selection.mistakes(project)
        known[project.file] = tuple(each for each in found if each.severity is Severity.ERROR)
    return known[project.file]


def _of_policies(project: Project) -> tuple[Problem, ...]:
    if not project.policies:
        return ()
    from reconciler.policies import policy_set

    try:
        policy_set.load(project)
    except Abort as stop:
        return stop.problems
    return ()


def _of_place(project: Project) -> tuple[Problem, ...]:
    from reconciler.store.place_choice import is_url

    if project.state is None or not is_url(project.state.text):
        return ()
    from reconciler.store.objects import place_url

    try:
        place_url.parse(project.state.text)
    except place_url.BadAddress as failure:
        place, hint = project.state.place, failure.hint
        return (error("state-place", str(failure), place=place, hint=hint),)
    return ()


def named_by(stack: Path, environ: Mapping[str, str]) -> str:
    """What names the place of a stack's states. Raises as `chosen`."""
    from reconciler.store.place_choice import Origin

    choice, project = chosen(stack, environ)
    origin = choice.named.origin
    if origin is Origin.NOTHING:
        return msg("beside the stack")
    name = str(project.file) if origin is Origin.PROJECT_FILE else origin.value
    return msg("named by {origin}", origin=name)


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
