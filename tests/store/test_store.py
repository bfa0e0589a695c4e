"""The contract of a store, over every implementation: what is recorded stays, whole, in order, by
one writer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.ports import Locked, LostLock, RecordFailed, StateDamaged, StateNewer
from reconciler.model.state import Record, fold
from reconciler.store import folder_writer
from reconciler.store.folder_store import FileStore
from reconciler.store.state_format import Snapshot, encode_snapshot
from tests.doubles.memory_store import MemoryDisk, MemoryStore
from tests.store.builders import (
    HOLDER,
    add_server,
    created,
    intent,
    note,
    open_writer,
    records,
)

Make = Callable[[], FileStore]
"""Opens the same place anew, as another process would."""


@pytest.fixture(params=["memory", "files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "files":
        return lambda: FileStore(tmp_path / "state" / "shop")
    disk = MemoryDisk()
    return lambda: MemoryStore(disk)


def lay(store: FileStore, name: str, data: bytes) -> None:
    """Puts a file into the store's folder from outside."""
    if isinstance(store, MemoryStore):
        store.disk.put(store.folder / name, data)
    else:
        (store.folder / name).write_bytes(data)


def take(store: FileStore, name: str) -> bytes:
    """A file of the store's folder."""
    if isinstance(store, MemoryStore):
        return store.disk.read(store.folder / name, 2**30) or b""
    return (store.folder / name).read_bytes()


def test_a_store_gives_its_location_for_people(make: Make) -> None:
    assert make().location == str(make().folder)


def test_a_store_without_records_has_no_state(make: Make) -> None:
    assert make().read() is None
    assert make().history() == ()
    assert make().holder() is None


def test_opening_and_closing_leaves_no_state_behind(make: Make) -> None:
    writer = open_writer(make())
    assert (writer.state.serial, writer.state.stack, writer.state.is_empty) == (0, "shop", True)
    writer.close()
    assert make().read() is None


def test_a_record_is_there_for_others_as_soon_as_append_returns(make: Make) -> None:
    writer = open_writer(make())
    writer.append(intent(1))
    seen = make().read()
    assert seen == writer.state
    assert seen is not None and seen.open[1][0] == intent(1)


def test_a_run_raises_the_serial_at_its_first_record_and_at_its_end(make: Make) -> None:
    writer = open_writer(make())
    serials = [writer.state.serial]
    add_server(writer, 0)
    serials.append(writer.state.serial)
    serials.append(writer.commit(account="9f41", endpoint="https://api.example").serial)
    writer.close()
    assert serials == [0, 1, 2]
    found = make().read()
    assert found is not None
    assert (found.serial, found.account, found.endpoint, found.sequence) == (
        2,
        "9f41",
        "https://api.example",
        2,
    )
    assert list(found.entries) == ["instances.web[0]"]


def test_a_commit_without_a_change_leaves_the_serial(make: Make) -> None:
    writer = open_writer(make())
    add_server(writer, 0)
    writer.commit(account="9f41")
    assert writer.commit(account="9f41").serial == writer.commit().serial == 2
    writer.close()
    again = open_writer(make())
    assert again.commit().serial == 2
    assert again.commit(account="other").serial == 3


def test_an_empty_stack_gets_a_state_by_commit(make: Make) -> None:
    writer = open_writer(make())
    assert writer.commit().serial == 1
    writer.close()
    found = make().read()
    assert found is not None and found.is_empty and found.lineage


def test_records_that_were_not_committed_are_there_after_the_run(make: Make) -> None:
    """Goal: a run that dies is the normal case; the next one goes on with the sequence and folds
    what it found.
    """
    writer = open_writer(make())
    add_server(writer, 0)
    writer.append(intent(3, index=1))
    writer.close()
    again = open_writer(make())
    assert sorted(again.state.open) == [3]
    again.append(created(4, of=3, index=1))
    assert again.state.serial == 2
    again.close()
    found = make().read()
    assert (
        found is not None
        and sorted(found.entries) == ["instances.web[0]", "instances.web[1]"]
        and not found.open
    )


def test_lineage_stays_for_life(make: Make) -> None:
    lineages = set()
    for index in range(3):
        writer = open_writer(make())
        add_server(writer, index)
        lineages.add(writer.commit().lineage)
        writer.close()
    assert len(lineages) == 1


def test_a_record_out_of_sequence_is_an_internal_error(make: Make) -> None:
    writer = open_writer(make())
    with pytest.raises(AssertionError):
        writer.append(intent(2))


def test_a_record_that_could_not_be_read_again_is_not_written(make: Make) -> None:
    writer = open_writer(make())
    with pytest.raises(AssertionError):
        writer.append(
            replace(created(1, of=0), result="perhaps")  # type: ignore[arg-type]
        )
    writer.append(intent(1))
    assert make().read() == writer.state


def test_nothing_is_recorded_by_a_closed_writer(make: Make) -> None:
    writer = open_writer(make())
    writer.close()
    writer.close()
    with pytest.raises(AssertionError):
        writer.append(intent(1))


def test_every_thousand_records_are_folded_into_a_snapshot(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_writer, "RECORDS_PER_SNAPSHOT", 4)
    writer = open_writer(make())
    for index in range(5):
        add_server(writer, index)
    assert writer.state.serial == 3
    assert make().read() == writer.state


def test_an_answer_is_recorded_before_a_snapshot_is_tried(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_writer, "RECORDS_PER_SNAPSHOT", 1)
    writer = open_writer(make())
    writer.append(intent(1))
    writer.append(created(2, of=1))
    assert writer.state.serial == 1
    writer.append(note(3))
    assert writer.state.serial == 2


@settings(max_examples=40, deadline=None)
@given(found=st.lists(records, max_size=6), commits=st.sets(st.integers(0, 6)))
def test_any_records_come_back_as_they_were_folded(found: list[Record], commits: set[int]) -> None:
    """Goal: save and load is identity, wherever snapshots fall between the records."""
    disk = MemoryDisk()
    writer = open_writer(MemoryStore(disk))
    numbered = [replace(record, sequence=number) for number, record in enumerate(found, start=1)]
    empty = writer.state
    for place, record in enumerate(numbered):
        if place in commits:
            writer.commit()
        writer.append(record)
    wanted = fold(empty, numbered)
    assert replace(writer.state, serial=0) == wanted
    writer.close()
    read = MemoryStore(disk).read()
    assert read is None if not numbered else read is not None and replace(read, serial=0) == wanted


# --- one writer ---


def test_a_second_writer_is_reported_who_holds_the_lock(make: Make) -> None:
    writer = open_writer(make())
    writer.append(intent(1, index=4))
    with pytest.raises(Locked) as caught:
        open_writer(make())
    assert caught.value.holder == replace(HOLDER, step="instance.create instances.web[4]")
    for part in (
        "kim",
        "build-7",
        "4121",
        "reconciler apply shop.yaml",
        "instances.web[4]",
        "2025-11-23 13:00 KST",
    ):
        assert part in str(caught.value)
    assert "state unlock" in (caught.value.hint or "")


def test_a_plan_sees_who_works_and_disturbs_nobody(make: Make) -> None:
    writer = open_writer(make())
    writer.append(intent(1))
    held = make().holder()
    assert (
        held is not None
        and held.alive
        and held.holder is not None
        and held.holder.step == "instance.create instances.web[0]"
    )
    writer.append(created(2, of=1))
    writer.close()
    assert make().holder() is None


def test_a_lock_that_was_let_go_is_free(make: Make) -> None:
    open_writer(make()).close()
    open_writer(make()).close()


def test_unlock_stops_the_holder_before_its_next_record_and_lets_another_in(make: Make) -> None:
    stale = open_writer(make())
    stale.append(intent(1))
    lost = make().unlock()
    assert lost is not None and lost.alive and lost.holder is not None and lost.holder.user == "kim"
    fresh = open_writer(make(), holder=replace(HOLDER, user="lee"))
    for deed in (stale.check, lambda: stale.append(created(2, of=1)), stale.commit):
        with pytest.raises(LostLock):
            deed()
    fresh.append(created(2, of=1, index=9))
    stale.close()
    held = make().holder()
    assert held is not None and held.holder is not None and held.holder.user == "lee"
    with pytest.raises(Locked):
        open_writer(make())
    assert fresh.commit() == make().read()


def test_unlock_without_a_holder_changes_nothing(make: Make) -> None:
    writer = open_writer(make())
    add_server(writer, 0)
    writer.close()
    assert make().unlock() is None
    open_writer(make()).close()


def test_an_unreadable_holder_record_hides_no_lock(make: Make) -> None:
    store = make()
    writer = open_writer(store)
    for garbage in (
        b"",
        b"\xff",
        b"[]",
        b'{"user":1}',
        b'{"user":"a","host":"b","command":"c","pid":1,"since":1e300}',
        b"[" * 5000,
    ):
        lay(store, "holder", garbage)
        held = make().holder()
        assert held is not None and held.holder is None and held.alive
        with pytest.raises(Locked):
            open_writer(make())
    writer.close()


def test_a_state_that_was_replaced_during_a_run_is_not_written_over(make: Make) -> None:
    """Goal: the conditional write; somebody pulled, or put a copy back, while a run was at work."""
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    other = encode_snapshot(Snapshot(replace(writer.state, serial=9)))
    lay(store, "state.json", other)
    with pytest.raises(LostLock):
        writer.commit()
    assert take(store, "state.json") == other


# --- history ---


def test_history_keeps_the_start_and_the_end_of_runs(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_writer, "HISTORY_STATES_MAX", 3)
    for index in range(3):
        writer = open_writer(make())
        add_server(writer, index)
        writer.commit()
        writer.close()
    assert make().history() == (6, 5, 4)
    assert make().past(6) == make().read()
    before = make().before_last_run()
    assert before is not None and sorted(before.entries) == ["instances.web[0]", "instances.web[1]"]
    with pytest.raises(StateDamaged) as caught:
        make().past(2)
    assert caught.value.hint == "kept are: 6, 5, 4"


def test_a_state_of_the_history_can_be_put_back(make: Make) -> None:
    """Goal: the repair that the documentation tells: the kept file over state.json, and the journal
    away.
    """
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    kept = writer.commit()
    writer.close()
    lay(store, "state.json", b"gone")
    with pytest.raises(StateDamaged):
        make().read()
    lay(store, "state.json", take(store, f"history/{kept.serial}.json"))
    assert make().read() == kept


# --- what others do to the folder ---


def test_an_older_copy_that_was_put_back_is_noticed(make: Make) -> None:
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    older = take(store, "state.json")
    writer.commit()
    writer.close()
    lay(store, "state.json", older)
    with pytest.raises(StateDamaged, match="older copy") as caught:
        make().read()
    assert caught.value.hint
    with pytest.raises(StateDamaged):
        open_writer(make())
    lay(store, "state.json", older)
    assert make().holder() is None  # a refused writer lets the lock go


def test_the_journal_of_the_snapshot_before_is_passed_over(make: Make) -> None:
    """Goal: stopped between the two renames of a snapshot."""
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    before = take(store, "journal")
    wanted = writer.commit()
    writer.close()
    lay(store, "journal", before)
    assert make().read() == wanted


def test_an_older_journal_with_records_that_the_state_lacks_is_damage(make: Make) -> None:
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    lacking = encode_snapshot(Snapshot(replace(writer.state, serial=5, sequence=1)))
    writer.close()
    lay(store, "state.json", lacking)
    with pytest.raises(StateDamaged, match="lacks"):
        make().read()


def test_the_journal_of_another_state_is_refused(make: Make) -> None:
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    lay(store, "state.json", encode_snapshot(Snapshot(replace(writer.state, lineage="another"))))
    with pytest.raises(StateDamaged, match="lineage"):
        make().read()


def test_a_journal_without_its_state_is_refused(make: Make) -> None:
    store = make()
    writer = open_writer(store)
    add_server(writer, 0)
    alone = take(store, "journal")
    writer.close()
    other = MemoryStore()
    lay(other, "journal", alone)
    with pytest.raises(StateDamaged, match="missing"):
        other.read()


def test_a_newer_format_is_refused_and_left_alone(make: Make) -> None:
    store = make()
    open_writer(store).close()
    newer = json.dumps({"format": 2, "lineage": ["unlike", "ours"]}).encode()
    lay(store, "state.json", newer)
    for deed in (store.read, lambda: open_writer(store)):
        with pytest.raises(StateNewer) as caught:
            deed()
        assert "format 2" in str(caught.value) and caught.value.hint
    assert take(store, "state.json") == newer


def test_the_state_of_another_stack_is_not_taken_for_ours(make: Make) -> None:
    writer = open_writer(make())
    writer.commit()
    writer.close()
    with pytest.raises(StateDamaged, match="shop"):
        make().open(HOLDER, timeout_seconds=0, stack="shop", environment="prod")
    open_writer(make()).close()


# --- the file store alone ---


def test_the_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state" / "shop"
    writer = open_writer(FileStore(folder))
    add_server(writer, 0)
    writer.commit()
    found = [folder, *folder.rglob("*")]
    assert {path.name for path in found} >= {
        "state.json",
        "journal",
        "lock",
        "holder",
        "epoch",
        "history",
        "2.json",
    }
    modes = {
        path.relative_to(folder.parent).as_posix(): path.stat().st_mode & 0o777 for path in found
    }
    assert set(modes.values()) == {0o600, 0o700}
    assert all(
        mode == (0o700 if (folder.parent / name).is_dir() else 0o600)
        for name, mode in modes.items()
    )


def test_a_folder_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir(mode=0o755)
    open_writer(FileStore(folder)).close()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_clean_end_leaves_a_small_journal_and_no_scratch_files(tmp_path: Path) -> None:
    writer = open_writer(FileStore(tmp_path / "shop"))
    add_server(writer, 0)
    writer.commit()
    writer.close()
    assert (tmp_path / "shop" / "journal").stat().st_size < 200
    assert not list((tmp_path / "shop").rglob("*.new"))


def test_a_folder_that_cannot_be_made_is_a_record_that_failed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FileStore(tmp_path / "file" / "shop")
    assert store.read() is None
    with pytest.raises(RecordFailed):
        open_writer(store)


def test_a_state_that_is_not_a_file_is_damage(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StateDamaged):
        FileStore(tmp_path).read()
