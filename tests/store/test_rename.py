"""Another name for a state: every operation of the disk stopped or failed in turn. The state is then
under one of the two names, whole, and the same rename completes it.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed
from reconciler.model.state import State
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import HOLDER, created, intent, note, open_writer

SHOP, STORE = Path("/state/shop"), Path("/state/store.prod")


def disk_with_a_state() -> MemoryDisk:
    """A disk with the state of `shop`, whose last record is still in the journal."""
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk, folder=SHOP))
    for record in (intent(1), created(2, of=1)):
        writer.append(record)
    writer.commit()
    writer.append(note(3))
    writer.close()
    return disk


def rename(
    disk: MemoryDisk, source: Path = SHOP, stack: str = "store", environment: str | None = "prod"
) -> State | None:
    return MemoryStore(disk, folder=source).rename(
        HOLDER, timeout_seconds=0.0, stack=stack, environment=environment
    )


def test_a_state_without_objects_is_put_aside() -> None:
    disk = disk_with_a_state()
    writer = MemoryStore(disk, folder=STORE).open(
        HOLDER, timeout_seconds=0.0, stack="store", environment="prod"
    )
    writer.append(note(1))
    writer.commit()
    writer.close()
    after = rename(disk)
    assert after is not None and MemoryStore(disk, folder=STORE).read() == after
    aside = [name for name in disk.names(SHOP.parent) if name.startswith(".store.prod.")]
    assert len(aside) == 1
    assert [each.state for each in MemoryStore(disk, folder=SHOP).others()] == [after]


@pytest.mark.parametrize("lasting", [False, True], ids=["a crash", "a failing disk"])
def test_a_rename_stopped_anywhere_leaves_one_whole_state(lasting: bool) -> None:
    calm = disk_with_a_state()
    start = calm.operations
    wanted = MemoryStore(calm, folder=SHOP).read()
    rename(calm)
    assert wanted is not None and calm.operations > start + 10
    faults = (Fault.BROKEN, Fault.FULL) if lasting else (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
    for deed in range(start + 1, calm.operations + 1):
        for fault in faults:
            for names in (False, True):
                disk = disk_with_a_state()
                disk.fault = lambda number, name, path, at=deed, what=fault: (  # type: ignore[misc]
                    what if number == at or (lasting and number > at) else None
                )
                with suppress(Crash, RecordFailed):
                    rename(disk)
                disk.fault = lambda number, name, path: None
                disk.reboot(names=names, data=Kept.ALL if names else Kept.NOTHING)
                found = [MemoryStore(disk, folder=folder).read() for folder in (SHOP, STORE)]
                state = next(state for state in found if state is not None)
                assert found.count(None) == 1, (deed, fault)
                assert (state.lineage, state.entries) == (wanted.lineage, wanted.entries)
                done = rename(disk) or state
                assert (done.stack, done.environment) == ("store", "prod"), (deed, fault)
                assert done.serial > wanted.serial and done.entries == wanted.entries
                assert MemoryStore(disk, folder=STORE).read() == done
