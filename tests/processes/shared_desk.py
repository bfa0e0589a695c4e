"""A desk whose state is in a place that many machines see, and a run that is stopped or killed at a
boundary of that place or of the cloud.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from reconciler.model.http import Request
from reconciler.model.state import Intent
from reconciler.simulator.answers import Answer
from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log.keys import StackKeys
from reconciler.store.shared.log.log_format import (
    FenceBody,
    LogObject,
    RecordsBody,
    decode_log_object,
)
from reconciler.store.shared.shared_store import SharedStore
from tests.processes.bridge import PYTHON, STACK, Desk, Ended, StruckCloud, desk, ended
from tests.servers.places import Place

LAUNCHER = Path(__file__).with_name("store_launcher.py")
PROJECT, NAME = "default", "shop"


@dataclass
class SharedDesk(Desk):
    """The state is in `place`; both clocks can jump while a run is stopped."""

    place: Place = field(kw_only=True)

    @property
    def environment(self) -> dict[str, str]:
        """With the place, and the files by which the test moves the clock and counts operations."""
        return {
            **super().environment,
            **self.place.environment,
            "RECONCILER_STATE": self.place.url,
            "TEST_CLOCK_FILE": str(self.folder / "offset"),
            "TEST_STORE_NOTES": str(self.notes),
        }

    @property
    def notes(self) -> Path:
        """The operations of the runs on the place, one a line."""
        return self.folder / "operations"

    @cached_property
    def store(self) -> SharedStore:  # type: ignore[override]
        """The state in the place."""
        return SharedStore(self.connect, PROJECT, NAME)

    def connect(self) -> ObjectStore:
        """A connection of this process to the place."""
        return connector(self.place.url, self.place.environment)()

    def advance(self, seconds: float) -> None:
        """All clocks go ahead, those of running processes too."""
        super().advance(seconds)
        self._keep_offset()

    def run(self, *arguments: str, more: Mapping[str, str] | None = None) -> Ended:
        """Runs the program to its end, as a process: it has a launcher of its own."""
        return ended(self.start(*arguments, more=more))

    def start(
        self, *arguments: str, more: Mapping[str, str] | None = None, **options: object
    ) -> subprocess.Popen[str]:
        """Starts the program; its output is gathered."""
        self._keep_offset()
        streams: dict[str, object] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **options,
        }
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [PYTHON, LAUNCHER, *arguments],
            cwd=self.folder,
            env={**self.environment, **(more or {})},
            text=True,
            encoding="utf-8",
            **streams,
        )

    def log(self) -> list[LogObject]:
        """Every object of the log."""
        keys = StackKeys(f"{PROJECT}/{NAME}/")
        objects = self.connect()
        try:
            names = list(objects.names(keys.logs))
            found = objects.read(*names)
        finally:
            objects.close()
        return [decode_log_object(found[name], name=name) for name in names]

    def intents_of(self, pid: int) -> list[Intent]:
        """What the run of that process recorded before it sent anything."""
        log, found = self.log(), list[Intent]()
        tokens = {
            each.header.token
            for each in log
            if isinstance(each.body, FenceBody)
            and each.body.holder is not None
            and each.body.holder.pid == pid
        }
        for each in log:
            if each.header.token in tokens and isinstance(each.body, RecordsBody):
                found += [one for one in each.body.records if isinstance(one, Intent)]
        return found

    def _keep_offset(self) -> None:
        new = self.folder / "offset.new"
        new.write_text(repr(self.offset[0]), encoding="utf-8")
        new.replace(self.folder / "offset")


def connector(url: str, environment: Mapping[str, str]) -> Callable[[], ObjectStore]:
    """Connects with the credentials of that environment. libpq would take them only from the
    variables of this very process.
    """
    address = place_url.parse(url)
    if "PGUSER" in environment:
        options = {"user": environment["PGUSER"], "password": environment["PGPASSWORD"]}
        address = replace(address, options={**address.options, **options})
    return lambda: connection.connect(address, environment)


@contextmanager
def shared_desk(
    folder: Path, place: Place, text: str = STACK, *, rate: float = 1.0
) -> Iterator[SharedDesk]:
    """A stack, a cloud, a place and a clock."""
    with desk(folder, text, rate=rate) as plain:
        shared = SharedDesk(
            plain.folder,
            plain.cloud,
            plain.server,
            plain.epoch,
            plain.offset,
            plain.rate,
            place=place,
        )
        try:
            yield shared
        finally:
            shared.store.close()


class AtWrite:
    """Calls something when the n-th write reaches the cloud, which executes it in any case."""

    def __init__(self, number: int, call: Callable[[], object]) -> None:
        self._left, self._call = number, call

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Lets the request through."""
        if request.method != "GET":
            self._left -= 1
            if self._left == 0:
                self._call()
        return None


def writes(requests: Sequence[Request]) -> int:
    """How many of the requests change something."""
    return sum(request.method != "GET" for request in requests)


def wait_until_stopped(process: subprocess.Popen[str]) -> bool:
    """Whether a process was stopped by SIGSTOP; False if it ended instead."""
    found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return found is not None and found.si_code == os.CLD_STOPPED


def resume(process: subprocess.Popen[str]) -> None:
    """Lets a stopped process continue."""
    process.send_signal(signal.SIGCONT)
