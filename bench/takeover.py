"""How long the next run waits for a shared state, on the real clock.

    python -m bench.takeover

After a holder was killed (kill -9), after one that ended, and with `state unlock`. A fourth figure
is of virtual time: a holder whose beats come late, as on a machine with ten times the load that its
processors can carry, and a run that tries for an hour to take the state.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from bench.races import PROJECT, STACK
from reconciler.model.ports import Holder, Locked
from reconciler.model.state import Note
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.beat import BEAT_SECONDS
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace
from tests.doubles.store_clock import VirtualStoreClock
from tests.processes.shared_desk import connector
from tests.servers import places

GOALS = {"killed": 35.0, "ended": 1.0, "unlocked": 1.0}
LOAD = 10
"""Times as many threads as processors: a beat waits for its turn behind so many others."""
TURN_SECONDS = 0.1
"""How long each of the others keeps the processor, which is long."""


def holder() -> Holder:
    """This bench, as others see it."""
    return Holder("bench", "bench", 1, "bench", time.time())


def hold(connect: Callable[[], ObjectStore], told: Connection, *, end: bool) -> None:
    """Takes the state, records something and tells so; ends, or works until it is killed."""
    writer = SharedStore(connect, PROJECT, STACK).open(
        holder(), timeout_seconds=0.0, stack=STACK, environment=None
    )
    writer.append(Note(writer.state.sequence + 1, "bench", "bench"))
    writer.commit()
    if end:
        writer.close()
    told.send(True)
    if not end:
        time.sleep(3600.0)


def waited(place: places.Place, how: str) -> float:
    """Seconds from the end of a holder to the next writer."""
    connect = connector(place.url, place.environment)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_hold, args=(place.url, dict(place.environment), theirs, how == "ended")
    )
    process.start()
    ours.recv()
    if how == "killed":
        time.sleep(BEAT_SECONDS * 1.5)  # so that it has beaten
        process.kill()
        process.join()
    store = SharedStore(connect, PROJECT, STACK)
    began = time.monotonic()
    if how == "unlocked":
        assert store.unlock() is not None
    store.open(holder(), timeout_seconds=0.0, stack=STACK, environment=None).close()
    took = time.monotonic() - began
    store.close()
    process.kill()
    process.join()
    return took


def _hold(url: str, environment: Mapping[str, str], told: Connection, end: bool) -> None:
    hold(connector(url, environment), told, end=end)


def under_load(seed: int, *, seconds: float = 3600.0) -> tuple[int, float]:
    """How often the state was tried in vain in an hour of virtual time, and the longest pause
    between two beats. Raises `AssertionError` if the holder was taken over.
    """
    chance, world = random.Random(seed), VirtualClock()
    place = MemoryPlace()
    clocks = [_LoadedClock(world, chance), VirtualStoreClock(world)]
    stores = [
        SharedStore(
            MemoryMachine(place, clock=clock).connect,
            PROJECT,
            STACK,
            runtime=StoreRuntime(clock=clock),
        )
        for clock in clocks
    ]
    stores[0].open(holder(), timeout_seconds=0.0, stack=STACK, environment=None)
    tries = 0
    while world.monotonic() < seconds:
        try:
            stores[1].open(holder(), timeout_seconds=0.0, stack=STACK, environment=None)
        except Locked:
            tries += 1
        else:
            raise AssertionError(f"seed {seed}: taken over after {world.monotonic():.0f} s")
    return tries, max(clocks[0].pauses)  # type: ignore[attr-defined]


class _LoadedClock(VirtualStoreClock):
    """The clock of a machine on which a beat waits for up to `LOAD` turns of other threads before
    each of its operations, and those take ten times as long.
    """

    def __init__(self, world: VirtualClock, chance: random.Random) -> None:
        super().__init__(world)
        self._chance, self.pauses = chance, list[float]()

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        over: list[Callable[[], None]] = []

        def late() -> float:
            return sum(self._chance.uniform(0, LOAD * TURN_SECONDS) for _ in range(4))

        def again() -> None:
            over.pop()()
            call()
            begin()

        def begin() -> None:
            pause = seconds + late()
            self.pauses.append(pause)
            over.append(super(_LoadedClock, self).every(pause, again))

        begin()

        def end() -> None:
            over[0]()

        return end


def main() -> int:
    """0 if every goal was met, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.takeover", description=__doc__)
    parser.add_argument("--place", choices=places.PLACES, action="append")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    wrong = 0
    print("place         after      goal s  most s  runs")
    for kind in options.place or ("postgres", "pgbouncer", "moto", "ceph"):
        with places.Places() as all_places:
            for how, goal in GOALS.items():
                fresh = [all_places.fresh(kind) for _ in range(options.runs)]
                with ThreadPoolExecutor(options.runs) as threads:
                    found = list(threads.map(lambda place, how=how: waited(place, how), fresh))
                wrong += max(found) > goal
                print(
                    f"{kind:<12}  {how:<9}  {goal:>6.0f}  {max(found):>6.2f}  {len(found):>4}",
                    flush=True,
                )
    tries, pauses = zip(*(under_load(seed) for seed in range(20)), strict=True)
    print(
        f"a loaded holder: 20 hours of virtual time, {sum(tries)} tries to take over, 0 of them "
        f"did; at most {max(pauses):.1f} s between two beats"
    )
    print("every goal is met" if not wrong else f"{wrong} goals are MISSED")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
