"""A reader beside a writer: before each operation of the writer it sees a state that was."""

from __future__ import annotations

from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace
from tests.doubles.store_clock import VirtualStoreClock
from tests.store.builders import HOLDER, add_server

RUNS = 25
"""More than the snapshots that a clean-up keeps."""


def test_a_reader_beside_a_writer_sees_a_whole_state_that_never_goes_back() -> None:
    place, clock, seen = MemoryPlace(), VirtualStoreClock(), [(0, 0)]

    def look(number: int, operation: str, key: str) -> None:
        found = SharedStore(MemoryMachine(place).connect, "p", "shop").read()
        now = (0, 0) if found is None else (found.serial, found.sequence)
        assert now >= seen[-1], f"before {operation} {key}"
        seen.append(now)

    for index in range(RUNS):
        machine = MemoryMachine(place, clock=clock, fault=look)
        store = SharedStore(machine.connect, "p", "shop", runtime=StoreRuntime(clock=clock))
        writer = store.open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
        add_server(writer, index)
        wanted = writer.commit()
        writer.close()
        clock.sleep(3 * 24 * 3600.0)  # old objects are removed after 30 days
        assert store.read() == wanted
    assert len(seen) > 8 * RUNS and len(set(seen)) == 3 * RUNS + 1
