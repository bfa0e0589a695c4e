"""Real processes on one real folder: one writer at a time, killed at will, stopped and gone on, out
of room.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.model.ports import Locked, RecordFailed
from reconciler.store.folder_store import FileStore
from tests.store.builders import add_server, created, intent, open_writer

WORKER = Path(__file__).parent / "worker.py"
TIMEOUT_SECONDS = 60


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, WORKER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock and an open intent."""
    process = start("hold", folder)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_SECONDS)


def test_racing_processes_lose_no_record_and_leave_no_gap(tmp_path: Path) -> None:
    """Goal: K processes on one stack; each commit has a serial of its own, each record is there at
    the end.
    """
    processes, times = 4, 4
    workers = [
        start("race", tmp_path / "shop", f"p{number}", str(times)) for number in range(processes)
    ]
    outputs = [worker.communicate(timeout=TIMEOUT_SECONDS)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * processes
    serials = sorted(int(line) for output in outputs for line in output.split())
    total = processes * times
    # each run: one at its first record, one at its end
    assert serials == [2 * number for number in range(1, total + 1)]
    found = FileStore(tmp_path / "shop").read()
    assert found is not None and (found.serial, found.sequence) == (2 * total, total)
    assert sorted(found.entries) == sorted(
        f"p{worker}-{number}" for worker in range(processes) for number in range(times)
    )


def test_kill_frees_the_lock_and_leaves_the_intent(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "shop")
    with holding(store.folder) as process:
        with pytest.raises(Locked):
            open_writer(store)
        held = store.holder()
        assert held is not None and held.alive
        process.send_signal(signal.SIGKILL)
        process.wait(TIMEOUT_SECONDS)
        held = store.holder()
        assert (
            held is not None
            and not held.alive
            and held.holder is not None
            and held.holder.step == "instance.create instances.web"
        )
        found = store.examine()
        writer = open_writer(store)
        assert sorted(writer.state.open) == [1] and found is not None and not found.torn
        writer.close()


def test_a_stopped_holder_that_continues_after_an_unlock_records_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "shop")
    with holding(store.folder) as process:
        process.send_signal(signal.SIGSTOP)
        store.unlock()
        writer = open_writer(store)
        writer.append(created(2, of=1))
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate("go on\n", timeout=TIMEOUT_SECONDS)
        assert output == "LostLock\n"
        assert store.read() == writer.state
        with pytest.raises(Locked):
            open_writer(store)
        wanted = writer.commit()
        writer.close()
    assert store.read() == wanted


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond a size: a disk that is full for real."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_answers_are_recorded_even_if_files_can_no_longer_grow(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "shop")
    writer = open_writer(store)
    writer.append(intent(1))
    with files_of_at_most(50_000):
        writer.append(created(2, of=1))
        with pytest.raises(RecordFailed):
            for index in range(1000):
                add_server(writer, index)
        done = writer.state
    assert store.read() == done
    assert not done.open
    writer.commit()
    writer.close()
    assert not list(store.folder.rglob("*.new"))


def test_a_reader_beside_a_writer_always_sees_a_whole_state(tmp_path: Path) -> None:
    """Goal: plan takes no lock; whatever it reads is a state that was, and never goes back."""
    store = FileStore(tmp_path / "shop")
    worker = start("race", store.folder, "p", "25")
    seen, reads = (0, 0), 0
    while worker.poll() is None:
        found = store.read()
        now = (0, 0) if found is None else (found.serial, found.sequence)
        assert now >= seen
        seen, reads = now, reads + 1
    assert worker.communicate(timeout=TIMEOUT_SECONDS)[0].split()[-1] == "50"
    assert reads > 0
