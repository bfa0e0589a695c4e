"""Every operation on a shared place gone wrong in turn, in every way: what was acknowledged is
there, whole, and the next run continues from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed, StoreError
from reconciler.model.state import Intent, State, fold
from reconciler.store.shared import shared_writer
from reconciler.store.shared.shared_writer import SharedWriter
from tests.doubles.memory_objects import MemoryMachine, StoreFault
from tests.doubles.memory_store import Crash
from tests.store.builders import created, note
from tests.store.shared.harness import ROOT, World, opened
from tests.store.test_faults import COMMIT_AFTER, RECORDS

ONCE = (
    StoreFault.UNREACHABLE,
    StoreFault.ANSWER_LOST,
    StoreFault.UNSURE,
    StoreFault.LATE,
    StoreFault.TWICE,
    StoreFault.OWN_REFUSED,
    StoreFault.REFUSED,
    StoreFault.STALL,
    StoreFault.STALE_LIST,
)
CRASHES = (StoreFault.CRASH_BEFORE, StoreFault.CRASH_AFTER)
LASTING = (StoreFault.UNREACHABLE, StoreFault.ANSWER_LOST, StoreFault.UNSURE, StoreFault.REFUSED)


@dataclass(slots=True)
class Acknowledged:
    """What the store has acknowledged to one run."""

    records: int = 0
    serial: int = 0
    failed: StoreError | None = None


def run(world: World, machine: MemoryMachine, known: Acknowledged) -> None:
    """A run of seven records and two commits, which stops at the first refusal."""
    writer: SharedWriter | None = None
    try:
        writer = opened(world.store(machine))
        for record in RECORDS:
            writer.append(record)
            known.records, known.serial = record.sequence, writer.state.serial
            if record.sequence in COMMIT_AFTER:
                known.serial = writer.commit(account=f"key-{record.sequence}").serial
    except StoreError as error:
        known.failed = error
    if writer is not None:
        writer.close()


def complaint(world: World, known: Acknowledged) -> str | None:
    """What is wrong with the place after a run, or None; a further run is then tried there."""
    try:
        found = world.store().read()
    except StoreError as error:
        return f"unreadable: {error}"
    if found is None:
        return "no state" if known.records else further(world, 0, 0)
    wanted = fold(
        State(found.lineage, found.serial, "shop", None, account=found.account),
        RECORDS[: found.sequence],
    )
    if found != wanted:
        return "not the fold of what was recorded"
    if not known.records <= found.sequence <= known.records + 1:
        return f"{found.sequence} records, {known.records} were acknowledged"
    if not known.serial <= found.serial <= known.serial + 1:
        return f"serial {found.serial} after {known.serial}"
    return further(world, found.sequence, found.serial)


def further(world: World, sequence: int, serial: int) -> str | None:
    """What is wrong with a run that continues."""
    writer = opened(world.store())
    writer.append(note(sequence + 1))
    after = writer.commit(account="next")
    writer.close()
    if world.store().read() != after or after.serial != serial + 2:
        return "the next run does not continue from it"
    return gaps(world)


def gaps(world: World) -> str | None:
    """Whether a position of the log is missing."""
    names = world.names("log/")
    wanted = [f"log/{position:012d}" for position in range(1, len(names) + 1)]
    return None if names == wanted else f"gaps: {names}"


@pytest.fixture(autouse=True)
def _snapshots_within_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_writer, "OBJECTS_PER_SNAPSHOT", 3)


def operations() -> int:
    """How many operations a run needs."""
    world = World()
    machine, known = world.machine(), Acknowledged()
    run(world, machine, known)
    assert known.failed is None and complaint(world, known) is None
    return machine.operations


def faulty(
    fault: StoreFault, at: int, *, lasting: bool = False, is_checked: bool = True
) -> tuple[World, MemoryMachine]:
    """A world, and a machine whose operation fails."""
    world = World()

    def choose(number: int, operation: str, key: str) -> StoreFault | None:
        return fault if number == at or (lasting and number > at) else None

    return world, world.machine(fault=choose, is_checked=is_checked)


def positions() -> Iterator[int]:
    """The number of every operation of a run."""
    yield from range(1, operations() + 1)


@pytest.mark.parametrize("is_checked", [True, False], ids=["database", "bucket"])
@pytest.mark.parametrize("fault", ONCE, ids=lambda fault: fault.name)
def test_a_run_survives_any_operation_that_fails_once(fault: StoreFault, is_checked: bool) -> None:
    for at in positions():
        world, machine = faulty(fault, at, is_checked=is_checked)
        known = Acknowledged()
        run(world, machine, known)
        if fault is not StoreFault.REFUSED:
            assert known.failed is None, (at, known.failed)
            assert known.records == len(RECORDS), at
        assert complaint(world, known) is None, at


@pytest.mark.parametrize("fault", CRASHES, ids=lambda fault: fault.name)
def test_a_crash_at_any_operation_loses_nothing_that_was_acknowledged(fault: StoreFault) -> None:
    for at in positions():
        world, machine = faulty(fault, at)
        known = Acknowledged()
        try:
            run(world, machine, known)
        except Crash:
            assert complaint(world, known) is None, at


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: fault.name)
def test_a_place_that_fails_from_then_on_gives_no_false_acknowledgement(fault: StoreFault) -> None:
    for at in positions():
        world, machine = faulty(fault, at, lasting=True)
        known = Acknowledged()
        run(world, machine, known)
        assert known.failed is not None or known.records == len(RECORDS)
        assert complaint(world, known) is None, (at, known.failed)


def test_an_intent_is_tried_for_a_minute_and_an_outcome_for_ten() -> None:
    waits = {}
    for record in RECORDS[:3]:
        world = World()
        machine = world.machine()
        writer = opened(world.store(machine))
        for before in RECORDS[: record.sequence - 1]:
            writer.append(before)
        machine.fault = lambda number, operation, key: StoreFault.UNREACHABLE
        began = world.time.monotonic()
        with pytest.raises(RecordFailed, match="gives no answer"):
            writer.append(record)
        waits[type(record).__name__] = world.time.monotonic() - began
        writer.close()
    assert waits["Intent"] == pytest.approx(60.0, abs=0.1)
    assert waits["Outcome"] == pytest.approx(600.0, abs=0.1)


def test_an_outcome_that_the_place_did_not_take_is_added_by_the_next_run(tmp_path: Path) -> None:
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine, spill=tmp_path))
    writer.append(RECORDS[0])
    machine.fault = lambda number, operation, key: StoreFault.UNREACHABLE
    with pytest.raises(RecordFailed):
        writer.append(created(2, of=1))
    writer.close()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600]
    later = opened(world.store(spill=tmp_path))
    assert list(later.state.entries) == ["instances.web[0]"] and not later.state.open
    later.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_kept_outcome_is_not_added_to_another_request(tmp_path: Path) -> None:
    # Goal: the place lost its tail, and another request has the number of the first one.
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine, spill=tmp_path))
    writer.append(RECORDS[0])
    machine.fault = lambda number, operation, key: StoreFault.UNREACHABLE
    with pytest.raises(RecordFailed):
        writer.append(created(2, of=1))
    writer.close()
    del world.place.objects["default/shop/log/000000000002"]
    second = opened(world.store())
    first = RECORDS[0]
    assert isinstance(first, Intent)
    other = Intent(1, "run-2", first.step, first.address, first.operation, None, {}, None, 7)
    second.append(other)
    second.close()
    third = opened(world.store(spill=tmp_path))
    assert list(third.state.open) == [1] and not third.state.entries
    # it may be all that is known of the object
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".unmatched"]


def test_a_spilled_outcome_disappears_when_the_place_takes_it_after_all(tmp_path: Path) -> None:
    world = World()
    machine = world.machine()
    writer = opened(world.store(machine, spill=tmp_path))
    writer.append(RECORDS[0])
    start = machine.operations
    machine.fault = lambda number, operation, key: (
        StoreFault.UNREACHABLE if number <= start + 5 else None
    )
    writer.append(created(2, of=1))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert world.store().read() == writer.state


def test_nothing_is_written_past_a_tail_that_the_place_lost() -> None:
    world = World()
    writer = opened(world.store())
    writer.append(RECORDS[0])
    del world.place.objects["default/shop/log/000000000002"]
    with pytest.raises(RecordFailed, match="the last objects of the log are gone"):
        writer.append(RECORDS[1])
    with pytest.raises(RecordFailed, match="nothing more is recorded"):
        writer.append(RECORDS[1])
    writer.close()
    assert world.names("log/") == ["log/000000000001"]
    assert opened(world.store()).state.sequence == 0


def test_an_interrupt_within_an_append_ends_the_recording() -> None:
    def interrupt(number: int, operation: str, key: str) -> StoreFault | None:
        raise KeyboardInterrupt

    world = World()
    machine = world.machine()
    writer = opened(world.store(machine))
    machine.fault = interrupt
    with pytest.raises(KeyboardInterrupt):
        writer.append(RECORDS[0])
    machine.fault = lambda number, operation, key: None
    with pytest.raises(RecordFailed):
        writer.append(RECORDS[0])
    writer.close()


def test_an_outcome_whose_append_is_interrupted_is_kept_on_this_machine(tmp_path: Path) -> None:
    # Goal: Ctrl-C while the first attempt hangs, before the place has failed in any way.
    def interrupt(number: int, operation: str, key: str) -> StoreFault | None:
        raise KeyboardInterrupt

    world = World()
    machine = world.machine()
    writer = opened(world.store(machine, spill=tmp_path))
    writer.append(RECORDS[0])
    machine.fault = interrupt
    with pytest.raises(KeyboardInterrupt):
        writer.append(created(2, of=1))
    machine.fault = lambda number, operation, key: None
    writer.close()
    machine.stop()
    later = opened(world.store(spill=tmp_path))
    assert not later.state.open and later.state.entries
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_snapshot_that_the_place_did_not_take_replaces_no_other_one() -> None:
    # Goal: a database that failed over at the end of a run, which changed nothing.
    def lose_the_end(number: int, operation: str, key: str) -> StoreFault | None:
        if operation == "create" and "/snap/" in key:
            del world.place.objects[ROOT + world.names("log/")[-1]]
        return None

    world = World()
    writer = opened(world.store())
    writer.append(note(1))
    state = writer.commit()
    writer.close()
    before = world.names("snap/")
    machine = world.machine(fault=lose_the_end)
    opened(world.store(machine)).close()
    assert world.names("snap/") == before
    assert world.store().read() == state
