"""The journal's lines: torn at any byte, damaged at any byte, and what is then still known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.ports import RecordFailed, StateDamaged
from reconciler.model.state import Intent, Record
from reconciler.store.journal import Header, Journal, decode_journal
from tests.doubles.memory_store import Fault, MemoryDisk, MemoryStore
from tests.store.builders import add_server, created, intent, note, open_writer

RECORDS: tuple[Record, ...] = (
    intent(1),
    created(2, of=1),
    intent(3, index=1),
    note(4, value="한글"),
)
PATH = Path("/state/shop/journal")


def written(records: tuple[Record, ...] = RECORDS) -> tuple[bytes, list[int]]:
    """The bytes of a journal, and where each of its lines ends."""
    disk = MemoryDisk()
    journal = Journal.create(disk, PATH, Header("line", 1, 0), owed={})
    ends = [journal.end]
    for record in records:
        journal.append(record)
        ends.append(journal.end)
    return disk.read(PATH, 2**30) or b"", ends


def test_a_journal_gives_back_its_records() -> None:
    found = decode_journal(written()[0])
    assert (found.header, found.records, found.torn) == (Header("line", 1, 0), RECORDS, False)


@pytest.mark.parametrize("padding", [b"", bytes(3000)], ids=["cut", "zeros"])
def test_a_journal_torn_at_any_byte_gives_the_records_before(padding: bytes) -> None:
    """Goal: whatever part of the last append reached the disk, all that was appended before it is
    known, and the tear is told.
    """
    data, ends = written()
    for place in range(ends[0], ends[-1] + 1):
        found = decode_journal(data[:place] + padding)
        # a line that lacks only its newline is whole
        complete = sum(end - 1 <= place for end in ends[1:])
        assert found.records == RECORDS[:complete], place
        assert found.torn == (place not in ends and place + 1 not in ends), place


def test_a_last_line_whose_blocks_arrived_in_another_order_is_torn() -> None:
    data, ends = written()
    for gap in range(ends[-2], ends[-1] - 8, 5):
        holed = data[:gap] + bytes(8) + data[gap + 8 :]
        found = decode_journal(holed)
        assert found.torn and found.records == RECORDS[:-1]


def test_a_changed_byte_is_damage_that_names_the_line() -> None:
    """Goal: a record that was once durable is never taken for one that was being written (but for
    its very last byte).
    """
    data, ends = written()
    for place in range(ends[-1] - 1):
        changed = bytearray(data)
        changed[place] ^= 0x01
        line = 1 + sum(end <= place for end in ends)
        with pytest.raises(StateDamaged, match=f"line {line}") as caught:
            decode_journal(bytes(changed))
        assert caught.value.hint


def test_a_line_that_is_missing_or_twice_is_damage() -> None:
    data, ends = written()
    for first, second in ((1, 2), (2, 3)):
        line = data[ends[first - 1] : ends[second - 1]]
        missing = data[: ends[first - 1]] + data[ends[second - 1] :]
        twice = data[: ends[second - 1]] + line + data[ends[second - 1] :]
        for changed in (missing, twice):
            with pytest.raises(StateDamaged, match="out of order"):
                decode_journal(changed)


def test_a_journal_without_a_whole_first_line_is_damage() -> None:
    data, ends = written(())
    for place in range(ends[0] - 1):
        with pytest.raises(StateDamaged):
            decode_journal(data[:place])


def test_a_torn_record_is_reported_and_the_next_run_continues() -> None:
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    add_server(writer, 0)
    whole = writer.state
    end = len((disk.read(PATH, 2**30) or b"").rstrip(b"\0"))
    writer.append(intent(3, index=1))
    disk.put(PATH, (disk.read(PATH, 2**30) or b"")[: end + 20])
    disk.reboot()
    found = MemoryStore(disk).examine()
    assert found is not None and found.state == whole and found.torn and found.records == 2
    again = open_writer(MemoryStore(disk))
    again.append(intent(3, index=1))
    assert MemoryStore(disk).read() == again.state


def test_remains_of_failed_appends_are_not_damage() -> None:
    """Goal: short writes of several lengths one after another, then a good append over them."""
    disk = MemoryDisk()
    journal = Journal.create(disk, PATH, Header("line", 1, 0), owed={})
    journal.append(intent(1))
    for size in (900, 500, 100):
        disk.fault = lambda number, name, path: Fault.BROKEN if name == "sync" else None
        with pytest.raises(OSError):
            journal.append(note(2, value="x" * size))
        disk.fault = lambda number, name, path: Fault.SHORT if name == "write" else None
        with pytest.raises(OSError):
            journal.append(note(2, value="x" * size))
        disk.fault = lambda number, name, path: None
    journal.append(note(2, value="y"))
    found = decode_journal(disk.read(PATH, 2**30) or b"")
    assert found.records == (intent(1), note(2, value="y")) and not found.torn


# --- a full disk ---


def fill(disk: MemoryDisk) -> None:
    """Something else takes every free byte."""
    disk.capacity_bytes = disk.used_bytes


def test_a_full_disk_takes_no_record_of_an_answer() -> None:
    """Goal: whatever was sent before the disk filled up, its answers are recorded: four under way,
    large ones, in two stages.
    """
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    rules = {
        f"rule-{number}": {"ports": "443", "cidr": "203.0.113.7/32", "protocol": "tcp"}
        for number in range(200)
    }
    for number in range(4):
        writer.append(intent(number + 1, index=number, inputs={"rules": rules}))
    fill(disk)
    for number in range(4):
        done = created(writer.state.sequence + 1, of=number + 1, index=number, size=40_000)
        writer.append(replace(done, result="accepted"))
        writer.append(replace(done, sequence=done.sequence + 1))
    assert MemoryStore(disk).read() == writer.state
    assert len(writer.state.entries) == 4 and not writer.state.open


def test_on_a_full_disk_an_intent_is_refused_before_its_request_could_be_sent() -> None:
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    add_server(writer, 0)
    fill(disk)
    done = writer.state
    with pytest.raises(RecordFailed) as caught:
        for number in range(1000):
            sequence = writer.state.sequence + 1
            writer.append(intent(sequence, index=number, inputs={"text": "x" * 1000}))
            done = writer.state
    assert "space" in str(caught.value) and caught.value.hint
    for index, sequence in enumerate(sorted(done.open)):
        writer.append(created(writer.state.sequence + 1, of=sequence, index=index))
    assert not writer.state.open
    found = MemoryStore(disk).read()
    assert found == writer.state
    with pytest.raises(RecordFailed):
        writer.commit()
    assert MemoryStore(disk).read() == found
    disk.capacity_bytes = None
    writer.commit()
    writer.close()
    assert not any(
        isinstance(record, Intent)
        for record in decode_journal(disk.read(PATH, 2**30) or b"").records
    )


def test_a_full_disk_at_the_first_record_sends_nothing() -> None:
    disk = MemoryDisk(capacity_bytes=2000)
    writer = open_writer(MemoryStore(disk))
    with pytest.raises(RecordFailed):
        writer.append(intent(1))
    writer.close()
    assert MemoryStore(disk).read() is None
