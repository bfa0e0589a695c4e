"""The places over which the contract is tested. Each opens the state of a stack as a process of its
own would.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from reconciler.model.ports import Holder, StateWriter, Store
from reconciler.model.ports.audit_ports import AuditLog
from reconciler.store import place as folder_place
from reconciler.store.audit.folder_audit import FolderAudit
from reconciler.store.audit.object_audit import ObjectAudit
from reconciler.store.folder_name import folder_name
from reconciler.store.folder_store import FileStore
from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace
from tests.doubles.memory_store import Kept, MemoryDisk
from tests.doubles.store_clock import VirtualStoreClock
from tests.store.builders import HOLDER

Connect = Callable[[], ObjectStore]
"""Opens a connection to a place."""


class Place(Protocol):
    """A place that keeps states."""

    name: str
    used: frozenset[str]
    """The names of the states that a file uses."""

    def store(self, stack: str = "shop", environment: str | None = None) -> Store:
        """The state of a stack, opened as another process would."""
        ...

    def audit(self) -> AuditLog:
        """The audit log of the project, opened as another process would."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Time passes for everybody."""
        ...

    def kill(self) -> None:
        """Every process that has opened a state is killed at this instant."""
        ...


class FolderPlace:
    """Folders on the real disk; a killed process lets go of its lock."""

    def __init__(self, folder: Path) -> None:
        self.name, self.used, self._folder = "folder", frozenset[str](), folder

    def store(self, stack: str = "shop", environment: str | None = None) -> FileStore:
        return FileStore(self._folder / folder_name(stack, environment), used=lambda: self.used)

    def audit(self) -> FolderAudit:
        return folder_place.FolderPlace(self._folder).audit

    def pass_time(self, seconds: float) -> None:
        """Nothing in a folder depends on time."""

    def kill(self) -> None:
        """The system closes the files of a killed process, and with them its locks."""
        nothing = os.open(os.devnull, os.O_RDONLY)
        for link in list(Path("/proc/self/fd").iterdir()):
            held = link.resolve()
            if held.name == "lock" and held.is_relative_to(self._folder.resolve()):
                os.dup2(nothing, int(link.name))
        os.close(nothing)


class MemoryFolderPlace:
    """Folders on a disk in memory."""

    def __init__(self, disk: MemoryDisk | None = None) -> None:
        self.name, self.used = "folder in memory", frozenset[str]()
        self.disk = MemoryDisk() if disk is None else disk

    def store(self, stack: str = "shop", environment: str | None = None) -> FileStore:
        return FileStore(
            Path("/state") / folder_name(stack, environment),
            disk=self.disk,
            token=self.disk.token,
            used=lambda: self.used,
        )

    def audit(self) -> FolderAudit:
        return FolderAudit(self.disk, Path("/state"), self.disk.token)

    def pass_time(self, seconds: float) -> None:
        """Nothing in a folder depends on time."""

    def kill(self) -> None:
        self.disk.reboot(names=True, data=Kept.ALL)


class SharedPlace:
    """A place of objects. Time is virtual, whatever the place is; each store has a clock of its
    own, on which its beats run. `connect` makes the factory of connections of one process.
    """

    def __init__(self, connect: Callable[[VirtualStoreClock], Connect], project: str = "p") -> None:
        self.name, self.used = "shared", frozenset[str]()
        self.world = VirtualClock()
        self._connect, self._project = connect, project
        self._clocks: list[VirtualStoreClock] = []
        self._opened: list[ObjectStore] = []
        self._tokens = itertools.count(1)

    def store(self, stack: str = "shop", environment: str | None = None) -> SharedStore:
        opened, runtime = self._process()
        name = folder_name(stack, environment)
        return SharedStore(opened, self._project, name, runtime=runtime)

    def audit(self) -> ObjectAudit:
        opened, runtime = self._process()
        return ObjectAudit(opened, f"{self._project}/", runtime)

    def _process(self) -> tuple[Connect, StoreRuntime]:
        clock = VirtualStoreClock(self.world)
        self._clocks.append(clock)
        runtime = StoreRuntime(
            clock=clock, token=lambda: f"{next(self._tokens):024d}", used=lambda: self.used
        )
        connect = self._connect(clock)

        def opened() -> ObjectStore:
            self._opened.append(connect())
            return self._opened[-1]

        return opened, runtime

    def pass_time(self, seconds: float) -> None:
        self.world.advance(seconds)

    def kill(self) -> None:
        for clock in self._clocks:
            clock.stop()
        self._clocks.clear()
        for objects in self._opened:  # the system closes the connections of a killed process
            objects.close()
        self._opened.clear()


def in_memory() -> SharedPlace:
    """A place of objects in memory."""
    place = MemoryPlace()
    return SharedPlace(lambda clock: MemoryMachine(place, clock=clock).connect)


def on_server(url: str, environment: Mapping[str, str]) -> SharedPlace:
    """A place on a real server, in virtual time all the same."""
    address = place_url.parse(url)
    return SharedPlace(lambda clock: lambda: connection.connect(address, environment))


MAKERS: dict[str, Callable[[Path], Place]] = {
    "folder": FolderPlace,
    "folder in memory": lambda folder: MemoryFolderPlace(),
    "shared, in memory": lambda folder: in_memory(),
}
"""How each place is made for one test, in a folder of its own."""

RENAMING = ("folder", "folder in memory", "shared, in memory")
"""The places that can give a state another name."""


def open_at(
    place: Place,
    stack: str = "shop",
    environment: str | None = None,
    *,
    holder: Holder = HOLDER,
    timeout_seconds: float = 0.0,
) -> StateWriter:
    """A writer, in a process of its own."""
    return place.store(stack, environment).open(
        holder, timeout_seconds=timeout_seconds, stack=stack, environment=environment
    )
