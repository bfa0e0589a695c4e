"""The store of folders, in memory and on a real disk: its files, and what others do to them. What
every store does is in `contract/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.model.ports import Locked, LostLock, RecordFailed, StateDamaged, StateNewer
from reconciler.store import folder_writer
from reconciler.store.folder_store import FileStore
from reconciler.store.state_format import Snapshot, encode_snapshot
from tests.doubles.memory_store import MemoryDisk, MemoryStore
from tests.store.builders import (
    add_server,
    created,
    intent,
    note,
    open_writer,
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


# --- one writer ---


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
