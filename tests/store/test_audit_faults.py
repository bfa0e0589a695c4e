"""The audit log when the disk or the place fails at any of its operations: no gap, no entry twice,
and nothing is reported as written that is not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.store.audit.folder_audit import FolderAudit
from reconciler.store.audit.object_audit import ObjectAudit
from reconciler.store.objects import connection, place_url
from reconciler.store.place import FolderPlace
from reconciler.store.shared import siblings
from reconciler.store.shared.runtime import StoreRuntime
from tests.doubles.memory_objects import MemoryMachine, MemoryPlace, StoreFault
from tests.doubles.memory_store import Crash, Fault, Kept, MemoryDisk
from tests.servers import places
from tests.store.audits import entry, require_whole

WORKER = Path(__file__).parent / "audit_worker.py"
TIMEOUT_SECONDS = 60
OPERATIONS_MAX = 20


# A place of objects
# ------------------------------------------------------------------------------------------------


def log_of(machine: MemoryMachine, token: str) -> ObjectAudit:
    """The log as one process sees it; `token` begins its tokens."""
    count = iter(range(1000))
    runtime = StoreRuntime(clock=machine.clock, token=lambda: f"{token}-{next(count)}")
    return ObjectAudit(machine.connect, "p/", runtime)


@pytest.mark.parametrize("fault", list(StoreFault))
@pytest.mark.parametrize("is_checked", [True, False], ids=["database", "bucket"])
def test_a_fault_at_any_operation_loses_and_doubles_nothing(
    fault: StoreFault, is_checked: bool
) -> None:
    for number in range(1, OPERATIONS_MAX):
        shared = MemoryPlace()
        before = log_of(MemoryMachine(shared), "before")
        machine = MemoryMachine(
            shared,
            fault=lambda at, name, key, number=number: fault if at == number else None,  # type: ignore[misc]
            is_checked=is_checked,
        )
        before.append(entry(1))
        before.append(entry(2))
        known, maybe = ["kim-1", "kim-2"], ["kim-3"]
        try:
            written = log_of(machine, "this").append(entry(3))
            assert written.position == 3
            known, maybe = [*known, "kim-3"], []
        except (Crash, RecordFailed):
            assert fault in (StoreFault.CRASH_AFTER, StoreFault.CRASH_BEFORE, StoreFault.REFUSED)
        machine.restart()
        after = log_of(MemoryMachine(shared), "after")
        after.append(entry(4))
        found = [record.entry.run.id for record in after.entries().records]
        require_whole(after, found)
        assert set(known) <= set(found) <= {*known, *maybe, "kim-4"}
        if machine.operations < number:
            return
    raise AssertionError("an append takes more operations than this test expects")


def test_a_writer_whose_position_was_taken_meanwhile_takes_the_next() -> None:
    shared = MemoryPlace()
    other = log_of(MemoryMachine(shared), "other")

    def fault(at: int, name: str, key: str) -> StoreFault | None:
        if name == "create" and len(shared.objects) < 3:
            other.append(entry(10 + at))  # somebody is faster, again and again
        return StoreFault.UNSURE if name == "create" and at % 2 else None

    written = log_of(MemoryMachine(shared, fault=fault), "this").append(entry(1))
    require_whole(other, [record.entry.run.id for record in other.entries().records])
    assert written.position == len(other.entries().records) == 4


def test_a_place_that_gives_no_answer_is_tried_for_a_minute() -> None:
    shared = MemoryPlace()
    machine = MemoryMachine(shared, fault=lambda at, name, key: StoreFault.UNREACHABLE)
    with pytest.raises(RecordFailed, match="cannot be added"):
        log_of(machine, "this").append(entry(1))
    assert 60 <= machine.clock.monotonic() - MemoryMachine().clock.monotonic() <= 75
    assert not shared.objects


def test_it_is_said_if_the_entry_may_be_there() -> None:
    shared = MemoryPlace()

    def fault(at: int, name: str, key: str) -> StoreFault | None:
        if name == "create":
            return StoreFault.ANSWER_LOST
        return StoreFault.UNREACHABLE if shared.objects else None

    with pytest.raises(RecordFailed, match="not known"):
        log_of(MemoryMachine(shared, fault=fault), "this").append(entry(1))
    require_whole(log_of(MemoryMachine(shared), "after"), ["kim-1"])


def test_a_list_that_lags_behind_makes_no_gap() -> None:
    shared = MemoryPlace()
    for number in (1, 2, 3):
        log_of(MemoryMachine(shared), f"m{number}").append(entry(number))
    lagging = MemoryMachine(
        shared, fault=lambda at, name, key: StoreFault.STALE_LIST if name == "names" else None
    )
    assert log_of(lagging, "this").append(entry(4)).position == 4
    require_whole(log_of(MemoryMachine(shared), "after"), [f"kim-{n}" for n in (1, 2, 3, 4)])


def test_a_place_is_checked_before_its_first_entry() -> None:
    checked: list[object] = []
    machine = MemoryMachine()
    runtime = StoreRuntime(clock=machine.clock, check_place=checked.append)
    log = ObjectAudit(machine.connect, "p/", runtime)
    log.append(entry(1))
    log.append(entry(2))
    assert len(checked) == 1


def test_the_log_is_not_among_the_stacks_of_a_project() -> None:
    machine = MemoryMachine()
    log_of(machine, "this").append(entry(1))
    objects = machine.connect()
    objects.create("p/shop/log/000000000001", b"")
    assert list(siblings.stacks(objects, "p")) == ["shop"]


# A folder
# ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", list(Fault))
def test_a_disk_that_fails_at_any_operation_leaves_a_whole_log(fault: Fault) -> None:
    for number in range(1, OPERATIONS_MAX):
        for names, kept in ((False, Kept.NOTHING), (True, Kept.NOTHING), (True, Kept.ALL)):
            disk = MemoryDisk()
            log = FolderAudit(disk, Path("/state"), disk.token)
            log.append(entry(1))
            at = disk.operations + number
            disk.fault = lambda seen, name, path, at=at: fault if seen == at else None  # type: ignore[misc]
            known, is_done = ["kim-1"], False
            try:
                log.append(entry(2))
                known.append("kim-2")
                is_done = disk.operations < at
            except RecordFailed as failure:
                assert fault not in (Fault.CRASH_AFTER, Fault.CRASH_BEFORE)
                is_known = "not known" not in str(failure)
                assert is_known == ("kim-2" not in runs_of(log)), number
            except Crash:
                pass
            disk.reboot(names=names, data=kept)
            disk.fault = lambda seen, name, path: None
            log.append(entry(3))
            found = runs_of(log)
            require_whole(log, found)
            assert {*known, "kim-3"} <= set(found) <= {"kim-1", "kim-2", "kim-3"}
        if is_done:
            return
    raise AssertionError("an append takes more operations than this test expects")


def runs_of(log: FolderAudit) -> list[str | None]:
    return [record.entry.run.id for record in log.entries().records]


def test_a_draft_that_a_crash_left_is_no_entry(tmp_path: Path) -> None:
    log = FolderPlace(tmp_path).audit
    log.append(entry(1))
    (tmp_path / ".audit" / "0123.new").write_bytes(b"{")
    log.append(entry(2))
    require_whole(log, ["kim-1", "kim-2"])


def test_the_folder_is_private_and_a_link_is_refused(tmp_path: Path) -> None:
    log = FolderPlace(tmp_path / "state").audit
    log.append(entry(1))
    folder = tmp_path / "state" / ".audit"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "000000000001.json").stat().st_mode & 0o777 == 0o600
    assert not list(folder.glob("*.new"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".audit").symlink_to(folder)
    with pytest.raises(RecordFailed, match="symbolic link"):
        FolderPlace(tmp_path / "other").audit.append(entry(2))
    require_whole(log, ["kim-1"])


def test_a_folder_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".audit" / "000000000001.json").mkdir(parents=True)
    with pytest.raises(StateDamaged, match="cannot be read"):
        FolderPlace(tmp_path).audit.entries()


# Processes
# ------------------------------------------------------------------------------------------------


def race(place: str) -> list[str]:
    """Three processes append as fast as they can; two of them are killed. Returns the runs whose
    entries were reported as written.
    """
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, place, name, times],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, times in (("a", "10000"), ("b", "10000"), ("c", "8"))
    ]
    done = workers[2].communicate(timeout=TIMEOUT_SECONDS)[0].split()
    assert len(done) == 8
    for worker in workers[:2]:
        worker.kill()
        done += worker.communicate(timeout=TIMEOUT_SECONDS)[0].split()
    return done


def test_killed_processes_lose_nothing_that_they_reported(tmp_path: Path) -> None:
    done = race(str(tmp_path))
    log = FolderPlace(tmp_path).audit
    found = runs_of(log)
    require_whole(log, found)
    assert len(found) == len(set(found)) and set(done) <= set(found) and len(found) - len(done) <= 2


@places.each("postgres", "moto")
def test_killed_processes_lose_nothing_on_a_server(
    place: places.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    done = race(place.url)
    address = place_url.parse(place.url)
    log = ObjectAudit(lambda: connection.connect(address, place.environment), "p/", StoreRuntime())
    found = [record.entry.run.id for record in log.entries().records]
    require_whole(log, found)
    assert len(found) == len(set(found)) and set(done) <= set(found) and len(found) - len(done) <= 2
