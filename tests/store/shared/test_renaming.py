"""Another name for a state in a shared place, with every operation stopped in turn: one name has the
state, or says that the same command completes the rename; and that command does.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace

import pytest

from reconciler.commands.relocation import rename
from reconciler.model.abort import Abort
from reconciler.model.ports import StateMoved, StoreError
from reconciler.model.state import State
from reconciler.store.folder_name import folder_name
from reconciler.store.shared.shared_store import SharedStore
from reconciler.store.shared.shared_writer import SharedWriter
from tests.doubles.memory_objects import StoreFault
from tests.doubles.memory_store import Crash
from tests.store.builders import HOLDER, created, intent, note
from tests.store.shared.harness import World

SHOP: rename.Name = ("shop", None)
STORE: rename.Name = ("store", "prod")
FAULTS = (StoreFault.CRASH_BEFORE, StoreFault.CRASH_AFTER, StoreFault.ANSWER_LOST)


class Renaming:
    """A world with a state of one object and one open request, named `shop`."""

    def __init__(self, world: World | None = None) -> None:
        self.world = World() if world is None else world
        self.machine = self.world.machine()
        if world is None:
            writer = self.open(SHOP)
            for record in (intent(1), created(2, of=1), intent(3, index=1)):
                writer.append(record)
            writer.commit()
            writer.close()

    def copy(self) -> Renaming:
        """The same content."""
        return Renaming(World(self.world.place.copy()))

    def restart(self) -> None:
        """Another process on another machine, some time later."""
        self.world.time.advance(120.0)
        self.machine = self.world.machine()

    def store(self, name: rename.Name) -> SharedStore:
        """The store of the state of that name."""
        return self.world.store(self.machine, name=folder_name(*name))

    def open(self, name: rename.Name) -> SharedWriter:
        """A writer of the state of that name."""
        stack, environment = name
        return self.store(name).open(
            HOLDER, timeout_seconds=0.0, stack=stack, environment=environment
        )

    def apply(self, name: rename.Name) -> None:
        """A run that records something."""
        writer = self.open(name)
        writer.append(note(writer.state.sequence + 1, name="more"))
        writer.commit()
        writer.close()

    def run(self, former: rename.Name = SHOP, name: rename.Name = STORE) -> int:
        """What `state rename-stack` does. Returns how many states it renamed."""
        found = rename.find([(former, name)], self.store)
        for each in found:
            rename.carry_out(each, self.store, HOLDER, timeout_seconds=0.0)
        return len(found)

    def usable(self) -> dict[rename.Name, State]:
        """The names under which a command would work with the state."""
        found = dict[rename.Name, State]()
        for name in (SHOP, STORE):
            with suppress(StateMoved):
                state = self.store(name).read()
                if state is not None:
                    found[name] = state
        return found


def test_a_rename_stopped_anywhere_leaves_one_truth() -> None:
    start = Renaming()
    wanted = start.usable()[SHOP]
    calm = start.copy()
    calm.run()
    count = calm.machine.operations
    assert count > 20
    halves = set()
    for number, fault in itertools.product(range(1, count + 1), FAULTS):
        here, where = start.copy(), (number, fault)
        here.machine.fault = lambda at, name, key, n=number, f=fault: f if at == n else None  # type: ignore[misc]
        with suppress(Crash, Abort, StoreError):
            here.run()
        here.restart()
        found = here.usable()
        assert len(found) <= 1, where
        halves.add(frozenset(found))
        if not found:
            for name in (SHOP, STORE):
                with pytest.raises(StateMoved) as stopped:
                    here.open(name)
                assert "state rename-stack shop store" in (stopped.value.hint or ""), where
        if SHOP in found and number % 2:
            here.apply(SHOP)  # the user goes on under the former name
        assert here.run() == (0 if STORE in found else 1), where
        after = here.usable()
        assert list(after) == [STORE], where
        assert (after[STORE].entries, after[STORE].open) == (wanted.entries, wanted.open), where
        assert here.run() == 0
        here.apply(STORE)
        assert here.store(STORE).was_moved(replace(wanted, stack="shop"))
        assert here.store(SHOP).neighbors()[0].stack == "store"
    assert halves == {frozenset({SHOP}), frozenset({STORE}), frozenset()}


def test_a_former_name_can_be_used_again() -> None:
    here = Renaming()
    here.run()
    writer = here.open(SHOP)  # another stack of that name
    writer.append(intent(1))
    writer.commit()
    writer.close()
    both = here.usable()
    assert set(both) == {SHOP, STORE} and both[SHOP].lineage != both[STORE].lineage
    with pytest.raises(Abort, match="cannot become"):
        here.run(STORE, SHOP)
    assert here.usable() == both


def test_a_rename_that_was_given_up_is_overtaken_by_another_one() -> None:
    """Stopped before the departure, then the state gets a third name instead."""
    other = ("third", None)
    for number in range(1, 60):
        here = Renaming()
        here.restart()
        here.machine.fault = lambda at, name, key, n=number: (  # type: ignore[misc]
            StoreFault.CRASH_AFTER if at == n else None
        )
        with suppress(Crash):
            here.run()
        here.restart()
        if SHOP not in here.usable() or here.store(STORE).transit() is None:
            continue
        here.apply(SHOP)
        assert here.run(SHOP, other) == 1
        assert (
            here.store(SHOP).rename(HOLDER, timeout_seconds=0.0, stack="store", environment="prod")
            is None
        )
        assert here.store(other).read() is not None
        assert here.run(other, STORE) == 1 and list(here.usable()) == [STORE]
        break
    else:
        raise AssertionError("no rename was stopped between the two")
