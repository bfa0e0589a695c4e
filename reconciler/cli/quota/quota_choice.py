"""Which quota is in force for a command, and with which priority (quota#quota)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import state_places
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import joined, msg
from reconciler.common.timing import QUOTA_CALLS
from reconciler.iwinv.quota.quota_log import FileQuotaLog, QuotaOwner
from reconciler.iwinv.quota.quota_record import Priority
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem, error

if TYPE_CHECKING:
    from reconciler.config.project.project import Project
    from reconciler.model.ports import QuotaLog
    from reconciler.store.objects.place_url import PlaceAddress

PRIORITY_VARIABLE = "RECONCILER_PRIORITY"

_PRIORITIES: Mapping[str, Priority] = {
    "person": Priority.PERSON,
    "ci": Priority.CI,
    "watch": Priority.WATCH,
}


@dataclass(frozen=True, slots=True)
class QuotaChoice:
    """The quota in force. `calls` are those a minute that this machine may send at most; `address`
    is the database that all machines share, None for the file in `folder`.
    """

    folder: Path
    priority: Priority
    calls: int = QUOTA_CALLS
    address: PlaceAddress | None = None


def choose(
    stack: Path, environ: Mapping[str, str], folder: Path, *, simulated: bool
) -> QuotaChoice:
    """The quota in force for a stack, whose file or folder is given. `folder` contains the request
    log of this machine. Raises `Abort` if what names the quota is wrong.

    The local cloud is an account of its own, which no other machine sees.
    """
    priority = priority_of(environ)
    if simulated:
        return QuotaChoice(folder, priority)
    from reconciler.config.project import project_file
    from reconciler.config.project.project import QuotaKind

    project = project_file.load(stack)
    url, share = project.quota.url, project.quota.share
    if url is None and project.quota.kind is QuotaKind.SHARED:
        url = state_places.chosen(stack, environ)[0].named.url or ""
    if url is not None:
        return QuotaChoice(folder, priority, address=_address(url, project))
    return QuotaChoice(folder, priority, calls=share or QUOTA_CALLS)


def priority_of(environ: Mapping[str, str]) -> Priority:
    """The priority of this process: by `RECONCILER_PRIORITY`, else CI if `CI` is set or no terminal
    is there, else a person. Raises `Abort` for a name that is not one of a priority.
    """
    name = environ.get(PRIORITY_VARIABLE)
    if name:
        if name.lower() not in _PRIORITIES:
            message = msg(
                "{variable} is {name!r}, which is not a priority",
                variable=PRIORITY_VARIABLE,
                name=name,
            )
            hint = hint_for(name, _PRIORITIES) or msg("set it to person, ci or watch")
            raise Abort(error("usage", message, hint=hint))
        return _PRIORITIES[name.lower()]
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return Priority.CI
    return Priority.PERSON if any(map(_is_terminal, (0, 2))) else Priority.CI


def _is_terminal(number: int) -> bool:
    stream = (sys.stdin, sys.stdout, sys.stderr)[number]
    with suppress(ValueError):  # it is closed
        return stream is not None and stream.isatty()
    return False


def _address(url: str, project: Project) -> PlaceAddress:
    """The database of a URL. Raises `Abort` for another place, and if there is none."""
    from reconciler.store.objects import place_url

    try:
        address = place_url.parse(url) if url else None
    except place_url.BadAddress as failure:
        raise Abort(error("quota", str(failure), hint=failure.hint)) from failure
    if address is None or address.kind is not place_url.PlaceKind.POSTGRES:
        message = msg(
            "{file} shares the quota, and the states are not in PostgreSQL",
            file=project.file,
        )
        hint = msg(
            "write `quota: postgresql://host/database`, or the part of this machine: "
            "`quota: {share}`",
            share="{share: 20}",
        )
        raise Abort(error("quota", message, hint=hint))
    return address


@contextmanager
def opened(
    choice: QuotaChoice, digest: str, *, time_scale: float, problems: list[Problem]
) -> Iterator[QuotaLog]:
    """The quota log of the key with that digest, while the block runs. Warnings are added to
    `problems`. Raises `Abort` if the database refuses the access.
    """
    owner = QuotaOwner(None, choice.priority)
    if choice.address is None:
        yield _file(choice, digest, choice.calls, time_scale, owner, problems)
        return
    from reconciler.iwinv.quota.shared_quota_log import ALONE_CALLS, Alone, SharedQuotaLog
    from reconciler.store.objects import connection
    from reconciler.store.objects.port import AccessRefused, Unreachable

    try:
        row = connection.quota_row(choice.address, digest[:32])
        try:
            # Without an answer, the log itself tries again.
            with suppress(Unreachable):
                row.open()
            alone = _file(choice, digest, ALONE_CALLS, time_scale, owner, problems)
            yield SharedQuotaLog(
                row,
                Alone(alone, on_problem=problems.append),
                time_scale=time_scale,
                owner=owner,
            )
        finally:
            row.close()
    except AccessRefused as failure:
        raise Abort(error("quota", str(failure), hint=failure.hint)) from failure


def _file(
    choice: QuotaChoice,
    digest: str,
    calls: int,
    time_scale: float,
    owner: QuotaOwner,
    problems: list[Problem],
) -> FileQuotaLog:
    found = FileQuotaLog(
        choice.folder,
        digest,
        limit=calls,
        time_scale=time_scale,
        owner=owner,
        on_problem=problems.append,
    )
    found.clock = time.time
    return found


def described(choice: QuotaChoice, folder: str) -> str:
    """The quota in force, for people. `folder` is that of the request log as it is shown."""
    if choice.address is not None:
        where = joined(", ", (choice.address.location, msg("shared by all machines")))
    elif choice.calls < QUOTA_CALLS:
        share = msg(
            "{calls} of {quota} requests per minute for this machine",
            calls=choice.calls,
            quota=QUOTA_CALLS,
        )
        where = joined(", ", (folder, share))
    else:
        where = joined(", ", (folder, msg("for all runs on this machine")))
    who = {
        Priority.PERSON: msg("as a person"),
        Priority.CI: msg("as CI"),
        Priority.WATCH: msg("as watch"),
    }
    return joined(", ", (where, who[choice.priority]))
