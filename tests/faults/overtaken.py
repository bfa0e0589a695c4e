"""A holder that stands still at one boundary while another run takes over and finishes, and that
then continues as if nothing had happened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.iwinv.network import Arrival
from reconciler.model import exit_codes, http
from reconciler.model.resource import Stack
from reconciler.model.resource_type import operation_of
from reconciler.model.state import Intent
from reconciler.store.shared.log.log_format import RecordsBody, decode_log_object
from tests.cloud_harness import said
from tests.doubles.memory_objects import StoreFault
from tests.faults import harness
from tests.faults.bench import Ended, Saved
from tests.faults.checks import AtSend
from tests.faults.ends import differences, end_of
from tests.faults.faults import Boundary
from tests.faults.harness import Calm
from tests.faults.operator import Operator
from tests.faults.shared_bench import KEYS, SharedBench

RUNS_MAX = 3
"""How many runs the one who takes over may need."""

OVERTAKEN = (exit_codes.LOCKED, exit_codes.NOT_RECORDED)


@dataclass(frozen=True, slots=True)
class Standstill:
    """At which boundary the holder stands still: before an operation of the store, or at an
    instant of a send (`leaving`, `left`, `arrived`).

    `asleep`: the machine sleeps, which its monotonic clock does not count. `beat_first`: when it
    continues, its beat is quicker than its run.
    """

    boundary: Boundary
    instant: str = ""
    asleep: bool = False
    beat_first: bool = False

    def __str__(self) -> str:
        how = "asleep" if self.asleep else "stopped"
        at = f"{self.boundary.place} {self.boundary.number} ({self.boundary.what}) {self.instant}"
        return f"{how} at {at}{', beat first' if self.beat_first else ''}"


@dataclass(frozen=True, slots=True)
class Overtaken:
    """How it ended. `held` is whether the holder had the lock when it stood still."""

    at: Standstill
    struck: bool
    held: bool
    ended: Ended
    runs: int
    violations: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.at}: ended with {self.ended.exit_code}"


class _ZombieSends(AtSend):
    """After it was overtaken, the open intents of the state are no longer those of this run; each
    request needs an intent of this run in the log all the same.
    """

    def __init__(self, bench: _Zombie) -> None:
        super().__init__(bench)
        self._zombie = bench

    def leaving(self, request: http.Request) -> None:
        zombie = self._zombie
        if request.method == "GET":
            self._pace()
            return
        zombie.writes[request.method, request.path] += 1
        if not zombie.struck:
            super().leaving(request)
        elif zombie.writes[request.method, request.path] > zombie.intents(request):
            self._violated(2, f"{request.method} {request.path} leaves without an intent")

    def end(self, ended: Ended) -> None:
        """What it left is looked at by the one who took over."""


class _Zombie(SharedBench):
    """The bench of the holder. `other` is that of the run that takes over."""

    def __init__(self, start_at: Calm, at: Standstill) -> None:
        self.at, self.struck, self.held = at, False, False
        self.writes = Counter[tuple[str, str]]()
        self.found: list[str] = []
        self.runs = 1
        self._start_at = start_at
        super().__init__(start_at.saved, switches=start_at.story.switches)
        self.check = _ZombieSends(self)
        self.nonces.update(dict.fromkeys(start_at.nonces, ""))

    def intents(self, request: http.Request) -> int:
        """How many intents of this run in the log ask for such a request."""
        number = 0
        for intent in self._logged():
            call = operation_of(self.kinds, intent.operation).encode(
                intent.target, dict(intent.inputs)
            )
            number += (call.method, call.path) == (request.method, request.path)
        return number

    def _logged(self) -> Iterator[Intent]:
        for key, data in self.place.objects.items():
            if not key.startswith(f"{KEYS}log/"):
                continue
            found = decode_log_object(data, name=key)
            if isinstance(found.body, RecordsBody) and found.header.token in self.tokens:
                yield from (each for each in found.body.records if isinstance(each, Intent))

    def _at_operation(self, number: int, operation: str, key: str) -> StoreFault | None:
        fault = super()._at_operation(number, operation, key)
        if not self.struck and (self.at.boundary.place, self.at.boundary.number) == (
            "store",
            self._deeds,
        ):
            self._stand_still()
        return fault

    def leaving(self, number: int, request: http.Request) -> None:
        self._at_send("leaving", number)
        super().leaving(number, request)

    def left(self, number: int, request: http.Request) -> None:
        self._at_send("left", number)
        super().left(number, request)

    def arrived(self, number: int, request: http.Request, arrival: Arrival) -> None:
        self._at_send("arrived", number)
        super().arrived(number, request, arrival)

    def _at_send(self, instant: str, number: int) -> None:
        boundary = self.at.boundary
        if (boundary.place, boundary.number, self.at.instant) == ("send", number, instant):
            self._stand_still()

    def _stand_still(self) -> None:
        self.struck, self.held = True, self.machine.clock.beating > 0
        if self.line is not None:
            self.line.carry_on()
        with self.machine.clock.frozen(asleep=self.at.asleep, beat_first=self.at.beat_first):
            other = _other(self, self._start_at.saved)
            ended, runs = _finish(other, self._start_at)
            self.runs += runs
            if ended.exit_code != 0:
                self.found.append(
                    f"the one who took over ended with {ended.exit_code}: {said(ended.problems)}"
                )
            self.found += other.violations


def _other(zombie: _Zombie, saved: Saved) -> SharedBench:
    """A bench on another machine, with the same account and the same place."""
    other = SharedBench(saved, switches=zombie.cloud.switches)
    other.share(zombie)
    return other


def _finish(bench: SharedBench, start_at: Calm) -> tuple[Ended, int]:
    """How the last of the runs that took over ended, and how many there were."""
    stack, story, operator = start_at.last, start_at.story, Operator()
    for number in range(1, RUNS_MAX + 1):
        ended = bench.run(
            stack, gone=operator.accept, duplicates=operator.duplicates, destroy=story.destroy
        )
        if ended.exit_code == 0 or number == RUNS_MAX:
            break
        operator.answer(bench, stack, ended, destroy=story.destroy)
    return ended, number


def trial(start_at: Calm, at: Standstill) -> Overtaken:
    """Lets the holder stand still there, be overtaken, and continue."""
    zombie = _Zombie(start_at, at)
    ended = zombie.run(start_at.stack, destroy=start_at.story.destroy)
    found = [*zombie.found, *zombie.violations]
    other = _other(zombie, start_at.saved)
    other.check.begin()
    found += harness.plan_again(other, start_at.last, start_at.story)
    found += differences(start_at.end, end_of(other))
    found += _how_it_ended(zombie, ended, start_at.last)
    return Overtaken(at, zombie.struck, zombie.held, ended, zombie.runs, tuple(found))


def _how_it_ended(zombie: _Zombie, ended: Ended, stack: Stack) -> list[str]:
    if not zombie.held or ended.exit_code in OVERTAKEN:
        told = zombie.held and not any(
            problem.code in ("locked", "state-write") for problem in ended.problems
        )
        return ["its message does not say that it was overtaken"] if told else []
    return [f"it ended with {ended.exit_code}: {said(ended.problems)}"]


def all_of(start_at: Calm) -> tuple[Standstill, ...]:
    """Every boundary once; how it stands still and how it continues take turns."""
    found = list[Standstill]()
    for boundary in start_at.boundaries:
        instants = ("leaving", "left", "arrived") if boundary.place == "send" else ("",)
        for instant in instants:
            number = len(found)
            found.append(
                Standstill(boundary, instant, asleep=number % 3 == 0, beat_first=number % 2 == 0)
            )
    return tuple(found)
