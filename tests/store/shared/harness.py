"""A place in memory, machines that use it, and shared stores on them: say only what matters."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.model.ports import Holder
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from reconciler.store.shared.shared_writer import SharedWriter
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace
from tests.doubles.store_clock import VirtualStoreClock
from tests.store.builders import HOLDER

ROOT = "default/shop/"


class World:
    """A place and the time that its machines share; tokens repeat from run to run."""

    def __init__(self, place: MemoryPlace | None = None) -> None:
        self.place = MemoryPlace() if place is None else place
        self.time = VirtualClock()
        self._tokens = itertools.count(1)

    def machine(self, **options: Any) -> MemoryMachine:
        """A machine with its own clock."""
        return MemoryMachine(self.place, clock=VirtualStoreClock(self.time), **options)

    def token(self) -> str:
        """A text that was never given before."""
        return f"{next(self._tokens):024d}"

    def store(
        self, machine: MemoryMachine | None = None, *, name: str = "shop", spill: Path | None = None
    ) -> SharedStore:
        """A store on a machine; on a new one if none is given."""
        machine = self.machine() if machine is None else machine
        runtime = StoreRuntime(clock=machine.clock, token=self.token, spill=spill)
        return SharedStore(machine.connect, "default", name, runtime=runtime)

    def names(self, part: str = "") -> list[str]:
        """The keys of the stack's objects, without their beginning, sorted."""
        return sorted(
            key.removeprefix(ROOT) for key in self.place.objects if key.startswith(ROOT + part)
        )


def opened(
    store: SharedStore, *, timeout_seconds: float = 0.0, holder: Holder = HOLDER, **options: Any
) -> SharedWriter:
    """A writer of the stack `shop`."""
    return store.open(
        holder, timeout_seconds=timeout_seconds, stack="shop", environment=None, **options
    )


def other(user: str) -> Holder:
    """A holder of that name."""
    return replace(HOLDER, user=user)
