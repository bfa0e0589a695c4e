"""The bench of a state in a place that many machines see: each process has a machine of its own,
with its own clock, and any of its operations may go wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from reconciler.model.state import State
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace, StoreFault
from tests.doubles.store_clock import VirtualStoreClock
from tests.faults import faults
from tests.faults.bench import Bench
from tests.faults.faults import Boundary

KEYS = "p/shop/"


class SharedBench(Bench):
    """The bench over a place of objects in memory. `is_checked`: whether it checks `after`, as a
    database does and a bucket does not.
    """

    place: MemoryPlace
    machine: MemoryMachine
    is_checked = True

    def begin_store(self, content: Any) -> None:
        """Takes a copy of the place that `content` gave; None is an empty one."""
        self.place = MemoryPlace() if content is None else content.copy()
        self._numbers_of_tokens = itertools.count(1 + len(self.place.objects))
        self.tokens = set[str]()
        self.open_store()

    def content(self) -> MemoryPlace:
        """A copy of the place."""
        return self.place.copy()

    def open_store(self) -> None:
        """A new machine, which has not read anything yet."""
        self.machine = MemoryMachine(
            self.place,
            clock=VirtualStoreClock(self.clock),
            fault=self._at_operation,
            is_checked=self.is_checked,
        )
        runtime = StoreRuntime(clock=self.machine.clock, token=self._token)
        self.store = SharedStore(  # type: ignore[assignment]
            self.machine.connect, "p", "shop", runtime=runtime
        )

    def stop_store(self, number: int) -> None:
        """The process is killed."""
        self.machine.stop()

    def restart_store(self) -> None:
        """The next process is on another machine."""
        self.machine.stop()
        self.open_store()

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All objects."""
        yield from self.place.objects.items()

    def durable(self) -> State | None:
        """The state as everybody reads it."""
        with self.place.lock:
            return _read(tuple(self.place.objects.items()))

    def unsynced(self) -> State | None:
        """What was put is there for all."""
        return self.durable()

    @property
    def state(self) -> State | None:
        """The state as everybody reads it."""
        return self.durable()

    def plan(self, *arguments: Any, **options: Any) -> Any:
        """A plan of a process of its own."""
        self.open_store()
        return super().plan(*arguments, **options)

    def share(self, other: SharedBench) -> None:
        """Uses the account and the place of another bench, as another machine does."""
        self.clock, self.cloud, self.place = other.clock, other.cloud, other.place
        self.nonces, self._numbers, self._runs = other.nonces, other._numbers, other._runs
        self._numbers_of_tokens = other._numbers_of_tokens
        self.open_store()

    def _token(self) -> str:
        made = f"{next(self._numbers_of_tokens):024d}"
        self.tokens.add(made)
        return made

    def _at_operation(self, number: int, operation: str, key: str) -> StoreFault | None:
        self._deeds += 1
        what = f"{operation} {key.removeprefix(KEYS).split('/')[0] or '/'}"
        self.counted.operations.append(Boundary("store", self._deeds, what, self.counted.writes))
        armed = self.armed
        if armed is None or armed.one.boundary.place != "store":
            return None
        on = self._deeds == armed.one.boundary.number
        lasting = armed.struck and armed.one.fault.endswith("from here on")
        if not on and not lasting:
            return None
        self._strike()
        return faults.STORE_FAULTS[armed.one.fault]


class BucketBench(SharedBench):
    """The same over a place that cannot check whether the object before is there."""

    is_checked = False


@lru_cache(maxsize=64)
def _read(objects: tuple[tuple[str, bytes], ...]) -> State | None:
    place = MemoryPlace()
    place.objects.update(objects)
    return SharedStore(MemoryMachine(place).connect, "p", "shop").read()
