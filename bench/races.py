"""Many processes on one shared state, killed at random: is all that was acknowledged in the log?

    python -m bench.races --place postgres --runs 20

Each process takes the state, writes some records, and ends, over and over. Twice a second one of
them is killed (`kill -9`) and another one begins. What a process was told to be durable it notes in
a file; at the end every note is compared with the log.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from reconciler.model.ports import Holder, StoreError
from reconciler.model.state import Note
from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_fold import LogEnd, require_next
from reconciler.store.shared.log.log_format import FenceBody, RecordsBody, decode_log_object
from reconciler.store.shared.log.store_clock import MachineClock
from reconciler.store.shared.runtime import StoreRuntime
from reconciler.store.shared.shared_store import SharedStore
from tests.servers import places

PROJECT, STACK = "bench", "raced"
KILL_EVERY_SECONDS = 0.5
TIME_SCALE = 30.0
"""A dead holder is taken over after one second instead of thirty, so that much happens."""


class QuickClock(MachineClock):
    """The clock of a machine on which every second counts for thirty."""

    def monotonic(self) -> float:
        """Scaled seconds."""
        return super().monotonic() * TIME_SCALE

    def boottime(self) -> float:
        """Scaled seconds."""
        return super().boottime() * TIME_SCALE

    def sleep(self, seconds: float) -> None:
        """Waits a thirtieth."""
        super().sleep(seconds / TIME_SCALE)

    def every(self, seconds: float, call: Callable[[], object]) -> Callable[[], None]:
        """Beats thirty times as often."""
        return super().every(seconds / TIME_SCALE, call)


@dataclass(frozen=True, slots=True)
class Raced:
    """What one run showed. All but the first four should be 0."""

    positions: int
    takeovers: int
    acknowledged: int
    kills: int
    lost: int = 0
    two_owners: int = 0
    gaps: int = 0
    wrong_serials: int = 0

    @property
    def is_right(self) -> bool:
        """Whether nothing was lost, doubled or left out."""
        return not (self.lost or self.two_owners or self.gaps or self.wrong_serials)


def race(place: places.Place, *, processes: int, seconds: float, seed: int) -> Raced:
    """One run on a fresh place."""
    chance = random.Random(seed)
    url, environment = place.url, dict(place.environment)
    connect = connector(url, environment)
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="races-") as name:
        folder = Path(name)
        running: list[BaseProcess] = []
        started = 0

        def start() -> None:
            nonlocal started
            started += 1
            made = context.Process(target=work, args=(connect, folder, seed * 10_000 + started))
            made.start()
            running.append(made)

        for _ in range(processes):
            start()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(KILL_EVERY_SECONDS)
            victim = running.pop(chance.randrange(len(running)))
            _kill(victim)
            start()
        for each in running:
            _kill(each)
        return judged(place, folder, started - processes)


def judged(place: places.Place, folder: Path, kills: int) -> Raced:
    """What the log contains of what processes noted in a folder."""
    # Apart: a client of S3 has threads, which a process that is forked later would lack.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as judge:
        found = _acknowledged(folder), kills
        return judge.submit(_judged, place.url, dict(place.environment), *found).result()


def connector(url: str, environment: Mapping[str, str]) -> Callable[[], ObjectStore]:
    """Connects to a place with the credentials of an environment."""
    address = place_url.parse(url)

    def connect() -> ObjectStore:
        os.environ.update(environment)
        return connection.connect(address, os.environ)

    return connect


def store_at(connect: Callable[[], ObjectStore], clock: MachineClock) -> SharedStore:
    """The state that all processes share."""
    return SharedStore(connect, PROJECT, STACK, runtime=StoreRuntime(clock=clock))


def work(connect: Callable[[], ObjectStore], folder: Path, number: int) -> None:
    """Takes the state, writes and ends, over and over; notes in a file what was acknowledged."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    chance, store = random.Random(number), store_at(connect, QuickClock())
    notes = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    holder = Holder("bench", "bench", os.getpid(), "bench", time.time())
    count = 0
    while True:
        with suppress(StoreError):
            if chance.random() < 0.1:
                store.unlock()
            writer = store.open(holder, timeout_seconds=600.0, stack=STACK, environment=None)
            try:
                for _ in range(chance.randint(1, 8)):
                    count += 1
                    reason, sequence = f"{number}-{count}", writer.state.sequence + 1
                    writer.append(Note(sequence, str(number), reason))
                    os.write(notes, f"record {sequence} {reason}\n".encode())
                if chance.random() < 0.7:
                    os.write(notes, f"serial {writer.commit().serial} {number}-{count}\n".encode())
            finally:
                writer.close()


def _kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def _acknowledged(folder: Path) -> list[tuple[str, int, str]]:
    found = []
    for path in folder.iterdir():
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):  # the process may have been killed while it noted one
                kind, number, reason = line.split()
                found.append((kind, int(number), reason))
    return found


def _judged(
    url: str, environment: Mapping[str, str], acknowledged: list[tuple[str, int, str]], kills: int
) -> Raced:
    connect = connector(url, environment)
    objects, keys = connect(), StackKeys(f"{PROJECT}/{STACK}/")
    names: list[str] = []
    while found := objects.names(keys.logs, after=names[-1] if names else ""):
        names.extend(found)
    bodies = dict[str, bytes]()
    for start in range(0, len(names), 200):
        bodies |= objects.read(*names[start : start + 200])
    gaps = sum(name != keys.log(at) for at, name in enumerate(names, start=1))
    before: LogEnd | None = None
    records, serials, takeovers = dict[int, str](), [0], 0
    for name in names:
        each = decode_log_object(bodies[name], name=name)
        require_next(before, each, name)
        takeovers += isinstance(each.body, FenceBody)
        if isinstance(each.body, RecordsBody):
            records |= {one.sequence: _reason(one) for one in each.body.records}
            serials += [] if each.body.serial is None else [each.body.serial]
        before = LogEnd.of(each)
    told = {(number, reason) for kind, number, reason in acknowledged if kind == "record"}
    state = store_at(connect, QuickClock()).read()
    last = 0 if state is None else state.sequence
    return Raced(
        positions=len(names),
        takeovers=takeovers,
        acknowledged=len(acknowledged),
        kills=kills,
        lost=sum(records.get(number) != reason for number, reason in told),
        two_owners=sum(times - 1 for times in Counter(a[:2] for a in acknowledged).values()),
        gaps=gaps + (last != len(records)) + (sorted(records) != list(range(1, last + 1))),
        wrong_serials=sum(b != a + 1 for a, b in itertools.pairwise(serials)),
    )


def _reason(record: object) -> str:
    return record.reason if isinstance(record, Note) else ""


def main() -> int:
    """0 if every run was right, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench.races", description=__doc__)
    parser.add_argument("--place", choices=places.PLACES, action="append")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--processes", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    wrong = 0
    print("place         run  positions  takeovers  acknowledged  kills  lost  two owners  gaps")
    for kind in options.place or ("postgres", "pgbouncer", "ceph", "moto"):
        for run in range(1, options.runs + 1):
            with places.Places() as all_places:
                found = race(
                    all_places.fresh(kind),
                    processes=options.processes,
                    seconds=options.seconds,
                    seed=run,
                )
            wrong += not found.is_right
            print(
                f"{kind:<12} {run:>4}  {found.positions:>9}  {found.takeovers:>9}  "
                f"{found.acknowledged:>12}  {found.kills:>5}  {found.lost:>4}  "
                f"{found.two_owners:>10}  {found.gaps + found.wrong_serials:>4}",
                flush=True,
            )
    print("every run is right" if not wrong else f"{wrong} runs are WRONG")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
