"""Starts the real program on a clock that the test moves, over a place of states that stands still,
dies or slows down where the test says so.

The clock is that of `launcher`, for the store too: a holder that is dead for 30 s is one for half a
second where time runs 60 times as fast. Its offset is read from a file, so a process that was
stopped meanwhile sees how late it is when it continues.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from pathlib import Path

from reconciler.iwinv import clock
from reconciler.store.objects import connection
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log import store_clock
from tests.processes.launcher import moved

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
PROBING = "probing/"
COUNTED = ("create", "remove", "replace", "read", "names")


class Strike:
    """Notes every operation in a file, and sends this process a signal before or after its n-th
    write. Beats are not counted: when they come depends on the machine. Nor is the check of the
    place before its first state, which leaves nothing.
    """

    def __init__(self, text: str, notes: Path) -> None:
        how, when, number = text.split() if text else ("kill", "before", "0")
        self._signal, self._when, self._number = SIGNALS[how], when, int(number)
        self._count, self._counting, self._notes = 0, threading.Lock(), notes

    def around(self, name: str, call: Callable[..., object]) -> Callable[..., object]:
        """The same operation, struck."""

        def struck(*arguments: object, **more: object) -> object:
            with self._counting:
                counts = name in ("create", "remove") and PROBING not in str(arguments[0])
                self._count += counts
                number = self._count if counts else 0
                with self._notes.open("a", encoding="utf-8") as file:
                    file.write(f"{name} {number} {arguments[0]}\n")
            self._strike("before", number)
            found = call(*arguments, **more)
            self._strike("after", number)
            return found

        return struck

    def _strike(self, when: str, number: int) -> None:
        if number and (when, number) == (self._when, self._number):
            os.kill(os.getpid(), self._signal)


class StruckObjects:
    """A connection to the place whose operations may be struck."""

    def __init__(self, objects: ObjectStore, strike: Strike) -> None:
        self._objects, self._strike = objects, strike

    def __getattr__(self, name: str) -> object:
        found = getattr(self._objects, name)
        return self._strike.around(name, found) if name in COUNTED else found


def main() -> None:
    """Moves the clocks, puts the strike before the place and runs the program's entry point."""
    epoch, rate = (float(os.environ[f"TEST_CLOCK_{name}"]) for name in ("EPOCH", "RATE"))
    offset = Path(os.environ["TEST_CLOCK_FILE"])
    _move(epoch, rate, lambda: float(offset.read_text()))
    strike = Strike(os.environ.get("TEST_STORE_STRIKE", ""), Path(os.environ["TEST_STORE_NOTES"]))
    connect = connection.connect

    def struck(address: PlaceAddress, environ: Mapping[str, str]) -> ObjectStore:
        return StruckObjects(connect(address, environ), strike)  # type: ignore[return-value]

    connection.connect = struck
    from reconciler.__main__ import main as program

    sys.argv[0] = "reconciler"
    program()


def _move(epoch: float, rate: float, offset: Callable[[], float]) -> None:
    def unix() -> float:
        return moved(epoch, rate, offset())

    clock.time = types.SimpleNamespace(  # type: ignore[assignment,attr-defined]
        time=unix, monotonic=lambda: time.monotonic() + offset()
    )
    machine, every = store_clock.MachineClock, store_clock.MachineClock.every
    machine.monotonic = machine.boottime = (  # type: ignore[method-assign]
        lambda self: time.monotonic() * rate + offset()
    )
    machine.time = lambda self: unix()  # type: ignore[method-assign]
    machine.sleep = lambda self, seconds: time.sleep(seconds / rate)  # type: ignore[method-assign]
    machine.every = (  # type: ignore[method-assign]
        lambda self, seconds, call: every(self, seconds / rate, call)
    )


if __name__ == "__main__":
    main()
