"""A state moves to another place, stopped at every write to either: exactly one place has it, or says
that the same command completes it; and that command does.
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
from reconciler.model.ports import StateMoved
from reconciler.model.state import State
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import HOLDER, created, intent, note, open_writer

HERE, THERE, BEYOND = "/state", "/there", "/beyond"
OPENING = Opening(HOLDER)
FAULTS = ((Fault.CRASH_BEFORE, False), (Fault.CRASH_AFTER, True), (Fault.BROKEN, False))
"""What goes wrong at an operation, and whether renames that were not synced are kept."""


def store(disk: MemoryDisk, place: str = HERE) -> MemoryStore:
    return MemoryStore(disk, folder=Path(place) / "shop")


def disk_with_a_state() -> MemoryDisk:
    """A disk with the state of `shop`: one object, one open request, the last record still in the
    journal.
    """
    disk = MemoryDisk()
    writer = open_writer(store(disk))
    for record in (intent(1), created(2, of=1), intent(3, index=1)):
        writer.append(record)
    writer.commit()
    writer.append(note(4))
    writer.close()
    return disk


def move(disk: MemoryDisk, source: str = HERE, target: str = THERE) -> Work:
    ends = [Site(store(disk, each), each) for each in (source, target)]
    return Relocation(ends[0], ends[1], "shop", None).run(OPENING)


def usable(disk: MemoryDisk, *places: str) -> list[str]:
    """The places from which a command would work with the state."""
    found = []
    for place in places:
        with suppress(StateMoved):
            if store(disk, place).read() is not None:
                found.append(place)
    return found


def content(disk: MemoryDisk, place: str) -> State:
    """The state without what each write changes."""
    state = store(disk, place).read()
    assert state is not None
    return replace(state, serial=0)


def apply(disk: MemoryDisk, place: str) -> None:
    writer = open_writer(store(disk, place))
    writer.append(note(writer.state.sequence + 1, name="more"))
    writer.commit()
    writer.close()


def test_the_state_keeps_all_but_its_serial_and_can_return() -> None:
    disk = disk_with_a_state()
    before = store(disk).read()
    assert before is not None
    assert move(disk) is Work.ALL and usable(disk, HERE, THERE) == [THERE]
    assert store(disk, THERE).read() == replace(before, serial=before.serial + 2)
    assert move(disk) is Work.NONE
    assert store(disk, THERE).history() == (before.serial + 2, *store(disk).history())
    assert store(disk, THERE).before_last_run() == store(disk).before_last_run() is not None
    with pytest.raises(StateMoved) as moved:
        open_writer(store(disk))
    assert moved.value.hint is not None and "RECONCILER_STATE=/there" in moved.value.hint
    apply(disk, THERE)
    assert move(disk, THERE, BEYOND) is Work.ALL and move(disk, BEYOND, HERE) is Work.ALL
    assert usable(disk, HERE, THERE, BEYOND) == [HERE]
    apply(disk, HERE)
    with pytest.raises(Abort, match="was moved to /beyond"):
        move(disk, THERE, "/elsewhere")


@pytest.mark.parametrize("back", [False, True], ids=["to a new place", "to a former place"])
def test_a_move_stopped_anywhere_leaves_one_truth(back: bool) -> None:
    start = disk_with_a_state()
    if back:
        move(start, HERE, BEYOND)
        apply(start, BEYOND)
    ends = (BEYOND, HERE) if back else (HERE, THERE)
    calm = start.after_crash()
    wanted = content(calm, ends[0])
    move(calm, *ends)
    assert calm.operations > 20
    for deed, (fault, names) in itertools.product(range(1, calm.operations + 1), FAULTS):
        disk = start.after_crash()
        disk.fault = lambda number, name, path, at=deed, what=fault: (  # type: ignore[misc]
            what if number == at else None
        )
        with suppress(Crash, Abort):
            move(disk, *ends)
        disk.fault = lambda number, name, path: None
        disk.reboot(names=names, data=Kept.ALL if names else Kept.NOTHING)
        where, found = (deed, fault, names), usable(disk, *ends)
        assert len(found) <= 1, where
        if not found:  # the source has given the state away, and the target names the command
            with pytest.raises(StateMoved) as pending:
                store(disk, ends[1]).read()
            assert f"state move --to {ends[1]}" in (pending.value.hint or ""), where
        if found == [ends[0]] and deed % 2:
            apply(disk, ends[0])  # the user goes on where the state is
        move(disk, *ends)
        assert usable(disk, *ends) == [ends[1]], where
        assert content(disk, ends[1]).entries == wanted.entries, where
        assert content(disk, ends[1]).open == wanted.open, where
        held = [store(disk, each).holder() for each in ends]
        assert not any(each is not None and each.alive for each in held), where
