"""The place that contains the states of a project, for many machines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from reconciler.model.ports import StoreError
from reconciler.store.folder_name import folder_name
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.retry_reads import read_again
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from reconciler.store.shared.siblings import stacks


class SharedPlace:
    """The states below `<project>/` of a place. `connect` opens a connection to the place."""

    def __init__(
        self,
        connect: Callable[[], ObjectStore],
        project: str,
        *,
        runtime: StoreRuntime | None = None,
    ) -> None:
        self._connect, self._project = connect, project
        self._runtime = StoreRuntime() if runtime is None else runtime
        self._opened: ObjectStore | None = None

    @property
    def location(self) -> str:
        """The URL of the place, without a secret, with the project."""
        return f"{self._objects.location.rstrip('/')}/{self._project}"

    def store(self, stack: str, environment: str | None) -> SharedStore:
        """The store of the state of that stack and environment."""
        return self._store(folder_name(stack, environment))

    def environments(self, stack: str) -> tuple[str, ...]:
        """The environments of a stack that have a state, sorted, even if no file defines them.
        Raises `PlaceUnusable`.
        """
        prefix, found = f"{stack}.", []
        names = read_again(
            lambda: tuple(stacks(self._objects, self._project)),
            self._runtime.clock,
            self._runtime.notify,
        )
        for name in names:
            with suppress(StoreError):
                if name.startswith(prefix) and self._store(name).read() is not None:
                    found.append(name.removeprefix(prefix))
        return tuple(sorted(found))

    def close(self) -> None:
        """Ends the connection. Raises nothing."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _objects(self) -> ObjectStore:
        if self._opened is None:
            self._opened = self._connect()
        return self._opened

    def _store(self, name: str) -> SharedStore:
        return SharedStore(
            self._connect, self._project, name, runtime=self._runtime, objects=self._objects
        )
