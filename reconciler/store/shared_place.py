"""The place of states in a database or a bucket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.common.text import joined, msg
from reconciler.model.ports import PlaceFacts, PlaceUnusable, StateReader, StoreError
from reconciler.store.audit.object_audit import ObjectAudit
from reconciler.store.folder_name import folder_name
from reconciler.store.objects import probe
from reconciler.store.objects.connection import connect
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import ObjectStore, ObjectStoreError
from reconciler.store.shared.log.retry_reads import unusable
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore

_FRESH_SECONDS = 5.0
_LAST = "\U0010ffff"


class SharedPlace:
    """The states of a project below `<project>/` of a database or a bucket. `used` gives the names
    `<stack>[.<env>]` that a file uses, `elsewhere` opens the state at a location in another place.

    It connects when it is used. A store is opened once, so that its looks share a connection.
    Raises `PlaceUnusable` if the library for the place, or every credential, is missing.
    """

    def __init__(
        self,
        address: PlaceAddress,
        project: str,
        environ: Mapping[str, str],
        *,
        used: Callable[[], frozenset[str]] = frozenset,
        elsewhere: Callable[[str], StateReader],
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._address, self._project, self._environ = address, project, environ
        self._runtime = StoreRuntime(
            spill=_spill_folder(environ),
            check_place=self._require_checked,
            used=used,
            elsewhere=elsewhere,
            notify=notify,
            fresh_seconds=_FRESH_SECONDS,
        )
        self._stores: dict[str, SharedStore] = {}
        try:
            self._objects = self._connect()
        except ObjectStoreError as failure:
            raise unusable(failure) from failure

    @property
    def location(self) -> str:
        """The URL of the place, without a secret."""
        return self._address.location

    @property
    def audit(self) -> ObjectAudit:
        """The audit log beside the states of the project."""
        return ObjectAudit(self._connect, f"{self._project}/", self._runtime)

    def store(self, stack: str, environment: str | None) -> SharedStore:
        """The store of the state of that stack and environment."""
        name = folder_name(stack, environment)
        if name not in self._stores:
            self._stores[name] = SharedStore(
                self._connect,
                self._project,
                name,
                runtime=self._runtime,
                objects=self._objects,
            )
        return self._stores[name]

    def environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted, even if no file defines them.
        Raises `PlaceUnusable`.
        """
        prefix = f"{self._project}/{stack}."
        found, after = [], ""
        try:
            while names := self._objects.names(prefix, after=after, limit=1):
                environment = names[0].removeprefix(prefix).partition("/")[0]
                found.append(environment)
                after = f"{prefix}{environment}/{_LAST}"
        except ObjectStoreError as failure:
            raise unusable(failure) from failure
        return tuple(each for each in found if self._has_state(stack, each))

    def facts(self) -> PlaceFacts:
        """What is known of the place. Raises `PlaceUnusable`."""
        try:
            checked = probe.is_checked(self._objects)
            facts = getattr(self._objects, "facts", None)
            server = None if facts is None else facts()
        except ObjectStoreError as failure:
            raise unusable(failure) from failure
        check = msg("checked") if checked else msg("not checked yet: the first apply does it")
        if server is None:
            return PlaceFacts(check)
        warnings = []
        if not (server.fsync and server.full_page_writes):
            warnings.append(
                msg(
                    "the database runs with fsync=off or full_page_writes=off: a power failure can "
                    "lose what it acknowledged"
                )
            )
        if server.standbys and not server.waits_for_standbys:
            warnings.append(
                msg("the database does not wait for its standbys: a failover can lose records")
            )
        text = joined(", ", (f"PostgreSQL {server.version}", check))
        return PlaceFacts(text, tuple(warnings))

    def close(self) -> None:
        """Ends the connection of the readers; each writer has ended its own."""
        self._objects.close()

    def _connect(self) -> ObjectStore:
        return connect(self._address, self._environ)

    def _has_state(self, stack: str, environment: str) -> bool:
        try:
            return self.store(stack, environment).read() is not None
        except PlaceUnusable:
            raise
        except StoreError:
            return True  # a damaged state is one

    def _require_checked(self, objects: ObjectStore) -> None:
        """Checks the place before the first state of a stack. Raises `PlaceUnusable`."""
        try:
            if not probe.is_checked(objects):
                token = os.urandom(12).hex()
                probe.check(probe.Probing(self._connect, token, time.time()))
        except ObjectStoreError as failure:
            raise unusable(failure) from failure


def _spill_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder of this user for outcomes that the place could not take; None without a home."""
    base, home = environ.get("XDG_STATE_HOME"), environ.get("HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "reconciler" / "spill"
    return Path(home) / ".local" / "state" / "reconciler" / "spill" if home else None
