"""One account under test: the program's own `apply` as one process after another, on what the one
before left behind.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from reconciler.commands import apply as applying
from reconciler.commands import context
from reconciler.commands import recover as recovering
from reconciler.commands.recover import Answers
from reconciler.iwinv.client import HttpClient
from reconciler.iwinv.network import Arrival
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog
from reconciler.iwinv.quota.quota_record import QuotaRecord
from reconciler.iwinv.signing import Keys
from reconciler.model import http, ports
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from reconciler.model.events import ProblemFound
from reconciler.model.plan import RiskClass
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.planner.checks.approval import Acceptance, GivenConsent
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.world import World
from tests.cloud_harness import EVERYTHING, START, CloudHarness, Interrupts, said
from tests.doubles import memory_store
from tests.doubles.clock import VirtualClock
from tests.doubles.memory_store import Crash, Kept, MemoryDisk, MemoryStore
from tests.faults import faults, foreign_objects
from tests.faults.checks import AtSend
from tests.faults.faults import Boundary, Break
from tests.faults.line import Line

SENDS_MAX = 600
"""More sends than any run of these stories may make: a loop without end is a violation, not a
hanging test.
"""


class Endless(BaseException):
    """A run does not end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one process ended. `exit_code` is None where it was killed; seconds are virtual."""

    exit_code: int | None
    problems: tuple[Problem, ...]
    began: float
    ended: float
    sends: int
    signal_at: float | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """An account and its state at rest, to start from again and again. `content` is the disk or
    the place of the state.
    """

    world: World
    content: Any
    passed: float
    numbers: int


@dataclass(slots=True)
class Armed:
    """The break that waits for its boundary in this run, and whether it came."""

    one: Break
    struck: bool = False


@dataclass(slots=True)
class Counted:
    """The boundaries of one run."""

    sends: list[Boundary] = field(default_factory=list)
    operations: list[Boundary] = field(default_factory=list)
    writes: int = 0

    @property
    def boundaries(self) -> tuple[Boundary, ...]:
        """All of them, sends first."""
        return (*self.sends, *self.operations)


class Bench(CloudHarness):
    """The cloud harness with a wire and a disk that may fail, and a check before each send."""

    def __init__(self, saved: Saved | None = None, *, switches: Any = None) -> None:
        super().__init__(switches=switches)
        self.violations: list[str] = []
        self.counted = Counted()
        self.armed: Armed | None = None
        self.kept = (True, Kept.ALL)
        self.signal_at: float | None = None
        self.send_times: deque[float] = deque(maxlen=60)
        self.full_at: int | None = None
        self.nonces: dict[str, str] = {}
        self.meanwhile: Callable[[], None] | None = None
        self.lies: Callable[[http.Request, http.Response], http.Response] | None = None
        self.line: Line | None = None
        self.quota = QuotaRecord()
        self.interrupted = self._is_interrupted
        self._sends = 0
        self._deeds = 0
        if saved is not None:
            self._restore(saved)
        self.begin_store(None if saved is None else saved.content)
        self.check: AtSend = AtSend(self)

    def _restore(self, saved: Saved) -> None:
        self.clock = VirtualClock(START)
        self.clock.advance(saved.passed)
        self.cloud = Cloud(
            saved.world.copy(), clock=self.clock.time, switches=self.cloud.switches, seed=7
        )
        self._numbers = itertools.count(saved.numbers)

    def save(self) -> Saved:
        """The account and the state as they are now."""
        numbers = next(self._numbers)
        return Saved(
            self.cloud.snapshot(),
            self.content(),
            self.clock.monotonic(),
            numbers,
        )

    # The state: on a disk in memory here, in a shared place in `shared_bench`
    # ----------------------------------------------------------------------------------------------------------------

    def begin_store(self, content: Any) -> None:
        """Takes a copy of what `content` gave; None is nothing."""
        if content is not None:
            self.store = MemoryStore(content.after_crash(names=True, data=Kept.ALL))
        self.store.disk.fault = self._at_deed

    def content(self) -> Any:
        """A copy of what there is of the state."""
        return self.store.disk.after_crash(names=True, data=Kept.ALL)

    def open_store(self) -> None:
        """A new process uses the state."""

    def stop_store(self, number: int) -> None:
        """The process ends at this instant, at a send of that number."""
        self.kept = (True, Kept.ALL) if number % 2 else (False, Kept.NOTHING)
        self.store.disk.stop()

    def restart_store(self) -> None:
        """The machine of a process that has ended starts again."""
        self.store.disk.reboot(names=self.kept[0], data=self.kept[1])
        self.store = MemoryStore(self.store.disk, folder=self.store.folder)

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Everything that is kept, by name."""
        for path, data in self.store.disk.files_after_crash(names=True):
            yield path.name, data

    def durable(self) -> State | None:
        """The state that a power cut at this instant would leave."""
        return _read(self.store.disk.files_after_crash(), self.store.folder)

    def unsynced(self) -> State | None:
        """The state as another process would read it at this instant."""
        files = self.store.disk.files_after_crash(names=True, data=Kept.ALL)
        return _read(files, self.store.folder)

    # One process
    # ----------------------------------------------------------------------------------------------------------------

    def exchange(self) -> HttpClient:
        """A new exchange over a wire of its own."""
        self.line = Line(self._carry, self.clock, self, itertools.count(1))
        keys = Keys(access=self.cloud.access_key, secret=self.cloud.secret_key)
        return HttpClient(
            self.line, self.clock, keys, MemoryQuotaLog(record=self.quota), limit=self.limit
        )

    def run(
        self,
        stack: Stack,
        *,
        armed: Break | None = None,
        gone: tuple[str, ...] = (),
        duplicates: tuple[str, ...] = (),
        destroy: bool = False,
        wait: bool = True,
    ) -> Ended:
        """One process from start to end, with one fault or none; killed, it is ended and the
        machine started again.
        """
        self.armed = None if armed is None else Armed(armed)
        self.counted, self.signal_at, self.full_at, self._sends, self._deeds = (
            Counted(),
            None,
            None,
            0,
            0,
        )
        wait = wait and (armed is None or not armed.fault.endswith(faults.NOT_WAITED))
        began = self.clock.monotonic()
        self.open_store()
        self.events.clear()
        self.check.begin()
        code: int | None = None
        problems: tuple[Problem, ...] = ()
        try:
            accepted = (
                *(("gone", text) for text in gone),
                *(("duplicate", text) for text in duplicates),
            )
            code, problems = self._apply(stack, accepted, wait=wait, destroy=destroy)
        except Abort as stop:
            code, problems = stop.exit_code, (*stop.problems, *self._said())
        except Crash:
            if self.line is not None:
                self.line.die()
            self.restart_store()
        except Endless as endless:
            self.violations.append(f"11: {endless}")
        self.armed = None
        ended = Ended(code, problems, began, self.clock.monotonic(), self._sends, self.signal_at)
        self.check.end(ended)
        return ended

    def recover(self, stack: Stack, words: Answers) -> None:
        """A `recover` with a person's words."""
        self.open_store()
        number = next(self._runs)
        holder = ports.Holder("tester", "lab", number, "recover", self.clock.time())
        run = context.Run(
            f"run-{number}", holder, self.nonce, Interrupts(self), "reconciler recover"
        )
        talk = recovering.RecoveryPrompter(
            emit=self.events.append, show=lambda _: None, ask=lambda _: False
        )
        found = recovering.recover(stack, self.connection(), self.store, words, run, talk)
        if found.exit_code != 0:
            self.violations.append(
                f"3: recover ended with {found.exit_code}: {said(found.problems)}"
            )

    def _apply(
        self, stack: Stack, accepted: tuple[tuple[str, str], ...], *, wait: bool, destroy: bool
    ) -> tuple[int, tuple[Problem, ...]]:
        classes = tuple(Acceptance(RiskClass(name)) for name in EVERYTHING)
        by_address = tuple(Acceptance(RiskClass(name), address) for name, address in accepted)
        number = next(self._runs)
        run = context.Run(
            id=f"run-{number}",
            holder=ports.Holder("tester", "lab", number, "apply", self.clock.time()),
            nonce=self.nonce,
            interrupts=Interrupts(self),
            again="reconciler apply",
            wait=wait,
        )
        talk = context.Prompter(
            show=lambda planned, decision: self.plans.append(planned),
            ask=lambda *_: False,
            emit=self.events.append,
        )
        options = PlanOptions(destroy=destroy, accept=accepted)
        given = GivenConsent(
            accept=classes + by_address, yes=True, allow_empty=True, destroy=destroy
        )
        applied = applying.apply(
            stack, self.connection(), self.store, options, context.Execution(run, given, talk)
        )
        found = () if applied.result is None else applied.result.problems
        return applied.exit_code, (*found, *self._said())

    def _said(self) -> tuple[Problem, ...]:
        last = self.plans[-1] if self.plans else None
        told = tuple(event.problem for event in self.events if isinstance(event, ProblemFound))
        return told if last is None else (*told, *last.plan.problems, *last.problems)

    def nonce(self) -> str:
        """A new nonce; which ones were given out is kept."""
        made = super().nonce()
        self.nonces[made] = ""
        return made

    # The wire
    # -------------------------------------------------------------------------------------------------------------------

    def _fault_of(self, number: int) -> str | None:
        armed = self.armed
        if (
            armed is None
            or armed.one.boundary.place != "send"
            or armed.one.boundary.number != number
        ):
            return None
        return armed.one.fault

    def leaving(self, number: int, request: http.Request) -> None:
        """Before a request leaves the process."""
        self._sends = number
        if number > SENDS_MAX:
            raise Endless(f"{number} sends in one run")
        what = faults.what_of(request)
        self.counted.sends.append(Boundary("send", number, what, self.counted.writes))
        self.counted.writes += self.counted.sends[-1].is_write
        self.check.leaving(request)
        self._kill("leaving", number)

    def left(self, number: int, request: http.Request) -> None:
        """When it has left."""
        self._kill("left", number)
        if self._fault_of(number) == faults.INTERRUPT:
            self._strike()
            self.signal_at = self.clock.monotonic()

    def arrived(self, number: int, request: http.Request, arrival: Arrival) -> None:
        """When its answer is there."""
        self._kill("arrived", number)
        self.check.arrived(request, arrival)

    def _kill(self, instant: str, number: int) -> None:
        fault = self._fault_of(number)
        after = instant == "leaving" and self._fault_of(number - 1) == faults.KILLED_NEXT
        if after or (fault is not None and faults.kills(fault) == instant):
            self._strike()
            self.stop_store(number)
            raise Crash(f"{instant} send {number}")

    def _strike(self) -> None:
        if self.armed is not None:
            self.armed.struck = True

    def _is_interrupted(self) -> bool:
        return self.signal_at is not None

    def _carry(self, number: int, request: http.Request) -> http.Response:
        self.sends.append((self.clock.time(), request))
        if self.meanwhile is not None:
            self.meanwhile()
        fault = self._fault_of(number)
        if fault is None:
            answer = self.cloud.handle(request)
            return answer if self.lies is None else self.lies(request, answer)
        self._strike()
        if fault in faults.LIES:
            return lie(self.cloud.handle(request), faults.LIES[fault])
        if request.method == "POST":
            foreign_objects.twin(self.cloud, request)
        return self._spoil(fault, request)

    def _spoil(self, fault: str, request: http.Request) -> http.Response:
        found = faults.on_the_way(fault)
        if found is not None:
            self.cloud.set_faults([replace(found, nth=1)])
        if fault in faults.SEEN_LATE:
            self.cloud.set_switches({"visibility_delay": faults.SEEN_LATE[fault][0]})
        try:
            response = self.cloud.handle(request)
        finally:
            self.cloud.set_faults([])
            if fault in faults.SEEN_LATE:
                self.cloud.set_switches({"visibility_delay": 0})
        if fault == faults.TWICE_LOST:
            raise http.WireError("the connection was cut after the request was executed", sent=True)
        return response

    # The disk
    # -------------------------------------------------------------------------------------------------------------------

    def _at_deed(self, number: int, name: str, path: Path) -> memory_store.Fault | None:
        self._deeds += 1
        what = f"{name} {path.name if path.parent.name != 'history' else 'history/' + path.name}"
        here = Boundary("deed", self._deeds, what, self.counted.writes)
        self.counted.operations.append(here)
        armed = self.armed
        if armed is None or armed.one.boundary.place != "deed":
            return None
        on = self._deeds == armed.one.boundary.number
        if not on and not (armed.struck and armed.one.fault.endswith("from here on")):
            return None
        self._strike()
        if self.full_at is None and path.name in (
            "journal",
            "journal.new",
            "state.json",
            "state.json.new",
        ):
            self.full_at = self._sends
        fault, names, data = faults.DEED_FAULTS[armed.one.fault]
        self.kept = (names, data)
        return fault


@lru_cache(maxsize=10_000)
def _read(files: tuple[tuple[Path, bytes], ...], folder: Path) -> State | None:
    """The state in these files. Trials of one story share most of what lies on their disks."""
    disk = MemoryDisk()
    for path, content in files:
        disk.put(path, content)
    return MemoryStore(disk, folder=folder).read()


def lie(response: http.Response, how: str) -> http.Response:
    """A list that says less than is there (`emptied`, `shortened`), in itself consistent."""
    body = json.loads(response.body)
    rows = body.get("result")
    if not isinstance(rows, list) or not rows:
        return response
    body["result"] = [] if how == "emptied" else rows[:-1]
    for member in ("count", "total"):
        if member in body:
            body[member] = len(body["result"])
    return http.Response(response.status, response.headers, json.dumps(body).encode())
