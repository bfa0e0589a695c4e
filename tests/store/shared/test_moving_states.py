"""A state moves from a folder to a shared place and back, stopped at every operation of both: one
place has it, or says that the same command completes it; and that command does.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands.relocation.to_place import Relocation, Site, Work
from reconciler.commands.relocation.transfer import Opening
from reconciler.model.abort import Abort
from reconciler.model.ports import (
    Arrival,
    Departure,
    Holder,
    KeptStates,
    Locked,
    StateMoved,
    Store,
    StoreError,
    Transit,
)
from reconciler.model.state import State
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.doubles.memory_objects import MemoryMachine, StoreFault
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import HOLDER, created, intent, note
from tests.store.shared.harness import World

FOLDER, SHARED = "/state", "memory://place"
OPENING = Opening(HOLDER)


class Machines:
    """A folder and a shared place, as one machine after the other uses them."""

    def __init__(self, disk: MemoryDisk | None = None, world: World | None = None) -> None:
        self.disk = MemoryDisk() if disk is None else disk
        self.world = World() if world is None else world
        self.machine: MemoryMachine = self.world.machine()

    def copy(self) -> Machines:
        """The same content."""
        return Machines(self.disk.after_crash(), World(self.world.place.copy()))

    def restart(self, *, names: bool = False) -> None:
        """Another process, or another machine, after a crash of this one."""
        self.disk.fault = lambda number, name, path: None
        self.disk.reboot(names=names, data=Kept.ALL if names else Kept.NOTHING)
        self.world.time.advance(120.0)
        self.machine = self.world.machine()

    def store(self, place: str) -> Store:
        """The store of the state in that place."""
        if place == SHARED:
            return self.world.store(self.machine)
        return MemoryStore(self.disk, folder=Path(place) / "shop")

    def move(self, source: str, target: str) -> Work:
        """What `state move --to` does."""
        one, other = (Site(self.store(each), each) for each in (source, target))
        return Relocation(one, other, "shop", None).run(OPENING)

    def usable(self) -> list[str]:
        """The places from which a command would work with the state."""
        found = []
        for place in (FOLDER, SHARED):
            with suppress(StateMoved):
                if self.store(place).read() is not None:
                    found.append(place)
        return found

    def apply(self, place: str) -> None:
        """A run that records something."""
        writer = self.store(place).open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
        writer.append(note(writer.state.sequence + 1, name="more"))
        writer.commit()
        writer.close()

    def state(self, place: str) -> State:
        """The state there."""
        found = self.store(place).read()
        assert found is not None
        return found


def with_a_state() -> Machines:
    """One object and one open request, in the folder."""
    made = Machines()
    writer = made.store(FOLDER).open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    for record in (intent(1), created(2, of=1), intent(3, index=1)):
        writer.append(record)
    writer.commit()
    writer.close()
    return made


def test_a_state_goes_to_a_shared_place_and_back() -> None:
    here = with_a_state()
    before = here.state(FOLDER)
    assert here.move(FOLDER, SHARED) is Work.ALL and here.usable() == [SHARED]
    assert here.state(SHARED) == replace(before, serial=before.serial + 1)
    assert here.store(SHARED).holder() is None and here.move(FOLDER, SHARED) is Work.NONE
    with pytest.raises(StateMoved) as moved:
        here.store(FOLDER).read()
    assert "RECONCILER_STATE=memory://place" in (moved.value.hint or "")
    here.apply(SHARED)
    kept = here.store(SHARED).versions()
    assert [each.serial for each in kept] == [before.serial + 3, before.serial + 1]
    assert kept[0].by == HOLDER and kept[1].by is None
    now = here.state(SHARED)
    assert here.move(SHARED, FOLDER) is Work.ALL and here.usable() == [FOLDER]
    assert here.state(FOLDER) == replace(now, serial=now.serial + 1)
    assert here.store(SHARED).holder() is None and here.move(SHARED, FOLDER) is Work.NONE
    here.apply(FOLDER)
    assert here.move(FOLDER, SHARED) is Work.ALL and here.usable() == [SHARED]
    here.apply(SHARED)


def disturbed(here: Machines, number: int, fault: Fault | StoreFault) -> None:
    """Lets an operation go wrong: of the disk, or of the shared place."""
    if isinstance(fault, Fault):
        start = here.disk.operations
        here.disk.fault = lambda at, name, path: fault if at == start + number else None
    else:
        here.machine.fault = lambda at, name, key: fault if at == number else None


SHARED_FAULTS = (StoreFault.CRASH_BEFORE, StoreFault.CRASH_AFTER, StoreFault.ANSWER_LOST)
DISK_FAULTS = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.BROKEN)


@pytest.mark.parametrize("faults", [DISK_FAULTS, SHARED_FAULTS], ids=["disk", "place"])
@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
def test_a_move_stopped_anywhere_leaves_one_truth(
    back: bool, faults: tuple[Fault | StoreFault, ...]
) -> None:
    start = with_a_state()
    if back:
        start.move(FOLDER, SHARED)
        start.apply(SHARED)
    source, target = (SHARED, FOLDER) if back else (FOLDER, SHARED)
    calm = start.copy()
    wanted, before = calm.state(source), (calm.disk.operations, calm.machine.operations)
    calm.move(source, target)
    is_disk = isinstance(faults[0], Fault)
    count = (calm.disk.operations - before[0]) if is_disk else calm.machine.operations
    assert count > 8
    for number, fault in itertools.product(range(1, count + 1), faults):
        here = start.copy()
        disturbed(here, number, fault)
        with suppress(Crash, Abort, StoreError):
            here.move(source, target)
        here.restart(names=fault is Fault.CRASH_AFTER)
        where, found = (number, fault), here.usable()
        assert len(found) <= 1, where
        if not found:
            with pytest.raises(StateMoved, match="being moved here"):
                here.store(target).read()
        if found == [source] and number % 2:
            here.apply(source)  # the user goes on where the state is
        here.move(source, target)
        assert here.usable() == [target], where
        after = here.state(target)
        assert (after.entries, after.open) == (wanted.entries, wanted.open), where
        here.apply(target)


def test_of_two_movers_one_moves_and_a_run_is_never_moved_away() -> None:
    here = with_a_state()
    running = here.store(FOLDER).open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    with pytest.raises(Abort) as stopped:
        here.move(FOLDER, SHARED)
    assert isinstance(stopped.value.__cause__, Locked) and here.usable() == [FOLDER]
    running.close()
    source = here.store(FOLDER)
    stalled = source.open(HOLDER, timeout_seconds=0.0, stack="shop", environment=None)
    source.unlock()
    here.move(FOLDER, SHARED)
    here.apply(SHARED)
    now = here.state(SHARED)
    with pytest.raises(StoreError):  # the mover that stood still cannot decide any more
        stalled.commit()
        stalled.append(note(stalled.state.sequence + 1))
    assert here.state(SHARED) == now and here.usable() == [SHARED]


def test_a_reading_is_not_older_than_what_was_seen_of_a_move() -> None:
    # A command that has read the state a moment ago sees that another mover took it away.
    here = with_a_state()
    here.move(FOLDER, SHARED)
    machine = here.world.machine()
    runtime = StoreRuntime(clock=machine.clock, token=here.world.token, fresh_seconds=5.0)
    store = SharedStore(machine.connect, "default", "shop", runtime=runtime)
    assert store.read() is not None
    here.move(SHARED, FOLDER)
    assert isinstance(store.transit(), Departure)
    with pytest.raises(StateMoved):
        store.read()


def test_a_place_that_returns_something_else_gets_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    here, put = with_a_state(), SharedStore.receive

    def distort(
        store: SharedStore,
        arrival: Arrival,
        holder: Holder,
        *,
        instead_of: Transit | None,
        **more: KeptStates,
    ) -> None:
        other = replace(arrival, state=replace(arrival.state, entries={}))
        put(store, other, holder, instead_of=instead_of, **more)

    monkeypatch.setattr(SharedStore, "receive", distort)
    with pytest.raises(Abort, match="does not return what was written there"):
        here.move(FOLDER, SHARED)
    assert here.usable() == [FOLDER]
    here.apply(FOLDER)
    monkeypatch.undo()
    assert here.move(FOLDER, SHARED) is Work.ALL and here.usable() == [SHARED]
