"""Every deed of the disk gone wrong in turn, in every way: what was acknowledged is there, whole,
and the next run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed, StoreError
from reconciler.model.state import Record, State, fold
from reconciler.store import folder_writer
from reconciler.store.disk import File
from reconciler.store.folder_writer import FileWriter
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk, MemoryStore
from tests.store.builders import created, intent, note, open_writer

RECORDS: tuple[Record, ...] = (
    intent(1),
    intent(2, index=1),
    created(3, of=1),
    created(4, of=2, index=1),
    note(5, value="x" * 60_000),  # the journal has to grow
    intent(6, index=2),
    created(7, of=6, index=2),
)
COMMIT_AFTER = (4, 7)


@dataclass(slots=True)
class Ledger:
    """What the store has acknowledged to one run: how many records, which serial."""

    records: int = 0
    serial: int = 0
    failed: bool = False
    states: list[State] = field(default_factory=list)


def run(disk: MemoryDisk, ledger: Ledger) -> None:
    """A run of seven records and two commits, which stops at the first refusal."""
    writer: FileWriter | None = None
    try:
        writer = open_writer(MemoryStore(disk))
        for record in RECORDS:
            writer.append(record)
            ledger.records, ledger.serial = record.sequence, writer.state.serial
            if record.sequence in COMMIT_AFTER:
                ledger.serial = writer.commit(account=f"key-{record.sequence}").serial
    except RecordFailed:
        ledger.failed = True
    if writer is not None:
        writer.close()


def complaint(disk: MemoryDisk, ledger: Ledger) -> str | None:
    """What is wrong with what lies on the disk after a run, or None; then a further run is tried
    upon it.
    """
    try:
        found = MemoryStore(disk).read()
    except StoreError as error:
        return f"unreadable: {error}"
    if found is None:
        return "no state" if ledger.records else _further(disk, 0, 0)
    wanted = fold(
        State(found.lineage, found.serial, "shop", None, account=found.account),
        RECORDS[: found.sequence],
    )
    if found != wanted:
        return "not the fold of what was recorded"
    if not ledger.records <= found.sequence <= ledger.records + 1:
        return f"{found.sequence} records, {ledger.records} were acknowledged"
    if found.serial < ledger.serial:
        return f"serial {found.serial} after {ledger.serial}"
    return _further(disk, found.sequence, found.serial)


def _further(disk: MemoryDisk, sequence: int, serial: int) -> str | None:
    writer = open_writer(MemoryStore(disk))
    writer.append(note(sequence + 1))
    after = writer.commit(account="next")
    writer.close()
    if MemoryStore(disk).read() != after or after.serial <= serial:
        return "the next run does not go on from it"
    return None


def crashes(operations: int) -> Iterator[tuple[int, Fault, str, Kept]]:
    """Every deed, stopped before and after, with every survival of what was not synced."""
    for deed in range(1, operations + 1):
        for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER):
            for names in ("synced", "all", "the last too"):
                for kept in Kept:
                    yield deed, fault, names, kept


def explore(make: Callable[[], MemoryDisk]) -> Iterator[str | None]:
    """What was wrong after each crash, or None."""
    calm = make()
    run(calm, Ledger())
    for deed, fault, names, kept in crashes(calm.operations):
        disk, ledger = make(), Ledger()
        disk.fault = lambda number, name, path, at=deed, what=fault: what if number == at else None  # type: ignore[misc]
        with pytest.raises(Crash):
            run(disk, ledger)
        disk.fault = lambda number, name, path: None
        disk.reboot(names=names == "all", last_name=names == "the last too", data=kept)
        found = complaint(disk, ledger)
        yield found and f"deed {deed} {fault.value}, names {names}, {kept.value}: {found}"


@pytest.fixture(autouse=True)
def _snapshots_within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_writer, "RECORDS_PER_SNAPSHOT", 3)


def test_a_crash_at_any_disk_operation_loses_nothing_that_was_acknowledged() -> None:
    found = list(explore(MemoryDisk))
    assert [wrong for wrong in found if wrong] == []
    assert len(found) > 500


class _NoFolderSync(MemoryDisk):
    def sync_folder(self, folder: Path) -> None:
        self.do("sync_folder", folder, lambda: None)


class _NoFileSync(MemoryDisk):
    def create(self, path: Path) -> File:
        file = super().create(path)
        file.sync = lambda: None  # type: ignore[method-assign]
        return file


@pytest.mark.parametrize("careless", [_NoFolderSync, _NoFileSync])
def test_this_test_sees_a_sync_that_is_left_out(careless: type[MemoryDisk]) -> None:
    """Goal: the test is tested; a store that forgets to sync turns it red."""
    assert any(explore(careless))


@pytest.mark.parametrize("fault", [Fault.FULL, Fault.BROKEN, Fault.SHORT])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from then on"])
def test_a_disk_that_fails_at_any_operation_gives_no_false_acknowledgement(
    fault: Fault, lasting: bool
) -> None:
    calm = MemoryDisk()
    run(calm, Ledger())
    for deed in range(1, calm.operations + 1):
        for power_lost in (False, True):
            disk, ledger = MemoryDisk(), Ledger()
            disk.fault = lambda number, name, path, at=deed: (
                fault if number == at or (lasting and number > at) else None
            )  # type: ignore[misc]
            try:
                run(disk, ledger)
            except RecordFailed:
                ledger.failed = True
            disk.fault = lambda number, name, path: None
            if power_lost:
                disk.reboot()
            assert complaint(disk, ledger) is None, (deed, power_lost)
            assert ledger.failed or ledger.records == len(RECORDS)


def test_one_failure_of_the_journal_costs_no_record() -> None:
    """Goal: where the journal cannot take a record, the whole state is written anew with it."""
    for name in ("write", "sync"):
        disk = MemoryDisk()
        writer = open_writer(MemoryStore(disk))
        writer.append(intent(1))
        at = disk.operations + (1 if name == "write" else 2)
        disk.fault = lambda number, name, path, at=at: Fault.BROKEN if number == at else None  # type: ignore[misc]
        writer.append(created(2, of=1))
        assert writer.state.serial == 2
        disk.reboot()
        found = MemoryStore(disk).read()
        assert found is not None and list(found.entries) == ["instances.web[0]"]


def test_an_interrupt_within_an_append_ends_the_recording() -> None:
    """Goal: Ctrl-C between the disk and what is remembered of it; a record after it could only make
    damage.
    """

    def interrupt(number: int, name: str, path: Path) -> None:
        if name == "sync":
            raise KeyboardInterrupt

    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    writer.append(intent(1))
    disk.fault = interrupt
    with pytest.raises(KeyboardInterrupt):
        writer.append(created(2, of=1))
    disk.fault = lambda number, name, path: None
    with pytest.raises(RecordFailed):
        writer.append(created(2, of=1))
    writer.close()
    found = MemoryStore(disk).read()
    assert found is not None and found.sequence in (1, 2)


def test_nothing_is_acknowledged_after_a_snapshot_that_failed_half_way() -> None:
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    writer.append(intent(1))
    disk.fault = lambda number, name, path: (
        Fault.BROKEN if name == "sync_folder" and path.name == "shop" else None
    )
    with pytest.raises(RecordFailed):
        writer.commit()
    disk.fault = lambda number, name, path: None
    for deed in (writer.commit, lambda: writer.append(created(2, of=1))):
        with pytest.raises(RecordFailed):
            deed()
    writer.close()
    found = MemoryStore(disk).read()
    assert found is not None and replace(found, serial=1) == replace(writer.state, serial=1)
