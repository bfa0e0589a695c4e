"""A place for objects in memory that several machines see, and whose operations fail where a test
says so.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from reconciler.store.objects.port import AccessRefused, Unreachable, Unsure
from tests.doubles.memory_store import Crash
from tests.doubles.store_clock import VirtualStoreClock

STALL_SECONDS = 30.0


class StoreFault(Enum):
    """What goes wrong at an operation. A read that fails in any way is `Unreachable`.

    `TWICE` does it twice and gives the answer of the second; `OWN_REFUSED` does it, and says that
    the key has an object. `LATE` does it after the next operation of this machine. After a crash
    every operation of the machine crashes until `restart`.
    """

    UNREACHABLE = "unreachable"
    ANSWER_LOST = "answer lost"
    UNSURE = "not done, no answer"
    LATE = "done late, no answer"
    TWICE = "done twice"
    OWN_REFUSED = "own object refused"
    REFUSED = "access refused"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    STALL = "stalled"
    STALE_LIST = "stale list"


ObjectChooser = Callable[[int, str, str], StoreFault | None]
"""Given the number of an operation of a machine (from 1), its name (`create replace read names
remove`) and its first key: what goes wrong.
"""


class MemoryPlace:
    """What all machines share: the objects, in the order in which they were made."""

    def __init__(self, location: str = "memory://place") -> None:
        self.location = location
        self.objects: dict[str, bytes] = {}
        self.lock = threading.RLock()

    def copy(self) -> MemoryPlace:
        """Another place with the same objects."""
        other = MemoryPlace(self.location)
        with self.lock:
            other.objects.update(self.objects)
        return other


class MemoryMachine:
    """One machine that uses a place. `operations` counts those of all its connections; `fault`
    says what goes wrong; `is_checked` is whether `after` is checked, as a database does.
    """

    def __init__(
        self,
        place: MemoryPlace | None = None,
        *,
        clock: VirtualStoreClock | None = None,
        fault: ObjectChooser = lambda number, operation, key: None,
        is_checked: bool = True,
    ) -> None:
        self.place = MemoryPlace() if place is None else place
        self.clock = VirtualStoreClock() if clock is None else clock
        self.fault = fault
        self.is_checked = is_checked
        self.operations = 0
        self.is_down = False
        self.late: list[Callable[[], object]] = []

    def connect(self) -> MemoryObjects:
        """A new connection: the factory that a store needs."""
        return MemoryObjects(self)

    def stop(self) -> None:
        """The machine stops at this instant: every operation crashes until `restart`, and nothing
        beats.
        """
        self.is_down = True
        self.clock.stop()

    def restart(self) -> None:
        """Starts again after a crash."""
        self.is_down = False

    def count(self, operation: str, key: str) -> StoreFault | None:
        """Counts an operation, and says what goes wrong."""
        if self.is_down:
            raise Crash("the machine has stopped")
        with self.place.lock:
            self.operations += 1
            number = self.operations
        return self.fault(number, operation, key)


class MemoryObjects:
    """A connection of one machine to a place in memory."""

    def __init__(self, machine: MemoryMachine | None = None) -> None:
        self.machine = MemoryMachine() if machine is None else machine
        self.is_closed = False

    @property
    def location(self) -> str:
        """The URL of the place."""
        return self.machine.place.location

    def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
        def deed() -> bool:
            objects = self.machine.place.objects
            if key in objects or (self.machine.is_checked and not _is_there(objects, after)):
                return False
            objects[key] = bytes(data)
            return True

        return self._write("create", key, deed)

    def replace(self, key: str, data: bytes) -> None:
        def deed() -> bool:
            self.machine.place.objects[key] = bytes(data)
            return True

        self._write("replace", key, deed)

    def read(self, *keys: str) -> Mapping[str, bytes]:
        self._read("read", keys[0] if keys else "")
        with self.machine.place.lock:
            objects = self.machine.place.objects
            return {key: objects[key] for key in keys if key in objects}

    def names(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        fault = self._read("names", prefix)
        with self.machine.place.lock:
            found = [key for key in self.machine.place.objects if key.startswith(prefix)]
        if fault is StoreFault.STALE_LIST:
            found = found[:-1]
        in_order = sorted(found, key=lambda key: key.encode())
        return tuple(key for key in in_order if key.encode() > after.encode())[:limit]

    def remove(self, *keys: str) -> None:
        def deed() -> bool:
            for key in keys:
                self.machine.place.objects.pop(key, None)
            return True

        self._write("remove", keys[0] if keys else "", deed)

    def close(self) -> None:
        self.is_closed = True

    def _read(self, operation: str, key: str) -> StoreFault | None:
        fault = self.machine.count(operation, key)
        if fault in (StoreFault.CRASH_BEFORE, StoreFault.CRASH_AFTER):
            self._crash(operation, key)
        if fault is StoreFault.REFUSED:
            raise AccessRefused("the place refuses the operation", hint="renew the credentials")
        if fault is StoreFault.STALL:
            self.machine.clock.sleep(STALL_SECONDS)
        elif fault not in (None, StoreFault.STALE_LIST, StoreFault.TWICE):
            raise Unreachable("no answer came")
        self._arrive()
        return fault

    def _write(self, operation: str, key: str, deed: Callable[[], bool]) -> bool:
        fault = self.machine.count(operation, key)
        if fault is StoreFault.CRASH_BEFORE:
            self._crash(operation, key)
        if fault is StoreFault.REFUSED:
            raise AccessRefused("the place refuses the operation", hint="renew the credentials")
        if fault is StoreFault.UNREACHABLE:
            raise Unreachable("the connection was refused")
        if fault is StoreFault.STALL:
            self.machine.clock.sleep(STALL_SECONDS)
        if fault in (StoreFault.UNSURE, StoreFault.LATE):
            self._arrive()
            if fault is StoreFault.LATE:
                self.machine.late.append(deed)
            raise Unsure("the connection was cut")
        with self.machine.place.lock:
            done = deed()
            if fault is StoreFault.TWICE:
                done = deed()
        self._arrive()
        if fault is StoreFault.CRASH_AFTER:
            self._crash(operation, key)
        if fault is StoreFault.ANSWER_LOST:
            raise Unsure("the connection was cut")
        return done and not (fault is StoreFault.OWN_REFUSED and operation == "create")

    def _arrive(self) -> None:
        """What was under way arrives after the operation that came behind it."""
        with self.machine.place.lock:
            for deed in self.machine.late:
                deed()
            self.machine.late.clear()

    def _crash(self, operation: str, key: str) -> None:
        self.machine.stop()
        raise Crash(f"at operation {self.machine.operations}: {operation} {key}")


def _is_there(objects: Mapping[str, bytes], after: str | None) -> bool:
    return after is None or after in objects
