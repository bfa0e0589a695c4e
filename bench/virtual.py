"""Calls and seconds of whole runs in virtual time, against `bench.bounds`. Nothing here depends on
the machine but `cpu_seconds`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bench import bounds, stacks
from reconciler.commands import plan as planning
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog, QuotaOwner
from reconciler.iwinv.quota.quota_record import QuotaRecord
from reconciler.model.resource import Stack
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.store.cache import FileAccountCache
from tests.cloud_harness import CloudHarness

EXAMPLES = Path(__file__).parents[1] / "examples" / "stacks"


@dataclass(frozen=True, slots=True)
class Reads:
    """A plan that finds nothing to do. `one_by_one` are the calls of a tool that reads object by
    object; minutes are those of the quota.
    """

    servers: int
    objects: int
    calls: int
    least: int
    one_by_one: int
    minutes: float
    minutes_one_by_one: float


@dataclass(frozen=True, slots=True)
class Creation:
    """Planning and applying all of a stack in an empty account. `waits` are the reads while
    applying; `eta` is what the plan said.
    """

    servers: int
    latency: float
    calls: int
    writes: int
    waits: int
    least_waits: int
    seconds: float
    bound: float
    eta: float
    cpu_ms_a_step: float

    @property
    def calls_ratio(self) -> float:
        """Calls of the apply to writes and the fewest waits."""
        return (self.writes + self.waits) / (self.writes + self.least_waits)

    @property
    def time_ratio(self) -> float:
        """Seconds to the bound."""
        return self.seconds / self.bound


@dataclass(frozen=True, slots=True)
class Destruction:
    """Planning and deleting all of a stack. The members are those of `Creation`; `bound` and
    `least_waits` are None for a stack of which they are not known.
    """

    name: str
    latency: float
    writes: int
    waits: int
    least_waits: int | None
    seconds: float
    bound: float | None
    eta: float
    forecast_waits: int

    @property
    def calls_ratio(self) -> float:
        """Calls of the destroy to writes and the fewest waits; 0 if these are not known."""
        if self.least_waits is None:
            return 0.0
        return (self.writes + self.waits) / (self.writes + self.least_waits)

    @property
    def time_ratio(self) -> float:
        """Seconds to the bound; 0 if it is not known."""
        return 0.0 if self.bound is None else self.seconds / self.bound


@dataclass(frozen=True, slots=True)
class Sharing:
    """Two runs that share a key and always have something to send: their calls, and the most in any
    minute by both together.
    """

    first: int
    second: int
    most_in_a_minute: int

    @property
    def ratio(self) -> float:
        """How many times as many calls the one had that had more."""
        return max(self.first, self.second) / min(self.first, self.second)


def stack_of(harness: CloudHarness, servers: int) -> Stack:
    """The stack of so many servers."""
    with tempfile.TemporaryDirectory() as folder:
        return harness.stack(stacks.stack(servers), Path(folder))


def create(servers: int, latency: float) -> tuple[CloudHarness, Stack, Creation]:
    """Plans and applies in an empty account."""
    harness = CloudHarness(latency_seconds=latency)
    stack = stack_of(harness, servers)
    began, cpu = harness.clock.monotonic(), time.process_time()
    result = harness.apply(stack)
    seconds, cpu = harness.clock.monotonic() - began, time.process_time() - cpu
    assert result.exit_code == 0, result.problems
    writes = sum(request.method != "GET" for _, request in harness.sends)
    plan, bound = harness.plans[-1].plan, bounds.creating(servers, latency)
    return (
        harness,
        stack,
        Creation(
            servers,
            latency,
            calls=len(harness.sends),
            writes=writes,
            waits=len(harness.sends) - writes - plan.calls.read,
            least_waits=bounds.fewest_waits(servers),
            seconds=seconds,
            bound=bound.seconds,
            eta=float(plan.eta_seconds or 0),
            cpu_ms_a_step=cpu / len(plan.steps) * 1000,
        ),
    )


def creations(servers: Iterable[int], latencies: Iterable[float]) -> Iterator[Creation]:
    """Every size with every latency."""
    chosen = tuple(latencies)
    for number in servers:
        for latency in chosen:
            yield create(number, latency)[2]


def destroy(servers: int, latency: float) -> Destruction:
    """Deletes all of it, a while after it was created."""
    harness = CloudHarness(latency_seconds=latency)
    stack = stack_of(harness, servers)
    assert harness.apply(stack).exit_code == 0
    found = _destroyed(harness, stack, f"{servers}")
    bound = bounds.destroying(servers, latency, harness.plans[-1].plan.calls.read)
    waits = bounds.fewest_destroying_waits(servers)
    return replace(found, least_waits=waits, bound=bound.seconds)


def destroy_example(name: str, latency: float) -> Destruction:
    """The same for an example."""
    harness = CloudHarness(latency_seconds=latency)
    stack = harness.stack_in(EXAMPLES / name)
    assert harness.apply(stack).exit_code == 0
    return _destroyed(harness, stack, name)


def destructions(servers: Iterable[int], latencies: Iterable[float]) -> Iterator[Destruction]:
    """Every size with every latency, and an example."""
    chosen = tuple(latencies)
    for number in servers:
        for latency in chosen:
            yield destroy(number, latency)
    for latency in chosen:
        yield destroy_example("web-tier", latency)


def _destroyed(harness: CloudHarness, stack: Stack, name: str) -> Destruction:
    harness.clock.advance_to(harness.clock.monotonic() + 600.0)
    harness.sends.clear()
    began = harness.clock.monotonic()
    result = harness.apply(stack, destroy=True)
    seconds = harness.clock.monotonic() - began
    assert result.exit_code == 0, result.problems
    writes = sum(request.method != "GET" for _, request in harness.sends)
    plan = harness.plans[-1].plan
    return Destruction(
        name,
        harness.latency,
        writes,
        waits=len(harness.sends) - writes - plan.calls.read,
        least_waits=None,
        seconds=seconds,
        bound=None,
        eta=float(plan.eta_seconds or 0),
        forecast_waits=plan.calls.wait,
    )


def empty_plans(servers: Iterable[int]) -> Iterator[Reads]:
    """What a plan reads that finds nothing to do."""
    for number in servers:
        harness, stack, _ = create(number, 0.2)
        yield read(harness, stack, number)


def read(harness: CloudHarness, stack: Stack, servers: int) -> Reads:
    """What the next plan reads when it may send at once, a plan of the same day having kept the
    catalogue.
    """
    with tempfile.TemporaryDirectory() as folder:
        cache = FileAccountCache(Path(folder), "bench", origin="bench", clock=harness.clock.time)
        for _ in range(2):
            harness.clock.advance_to(harness.clock.monotonic() + 120.0)
            harness.sends.clear()
            began = harness.clock.monotonic()
            planned = planning.plan(
                stack, replace(harness.connection(), cache=cache), harness.store, PlanOptions()
            )
            assert planned.plan.is_empty
    minutes = (harness.clock.monotonic() - began) / 60
    one_by_one = bounds.per_resource_reads(servers)
    return Reads(
        servers,
        stacks.objects_of(servers),
        calls=len(harness.sends),
        least=bounds.empty_plan_reads(servers),
        one_by_one=one_by_one,
        minutes=minutes,
        minutes_one_by_one=bounds.last_send(one_by_one, 0, 0.0) / 60,
    )


def sharing(seconds: float = 600.0, latency: float = 0.3, head_start: float = 30.0) -> Sharing:
    """Two senders over one log, the second `head_start` seconds late; each sends whenever it is
    let.
    """
    book = QuotaRecord()
    logs = {
        name: MemoryQuotaLog(record=book, owner=QuotaOwner(name)) for name in ("first", "second")
    }
    wake = {"first": 0.0, "second": head_start}
    answers: list[tuple[float, str]] = []
    sends: list[tuple[float, str]] = []
    now = 0.0
    while now < seconds:
        for due, name in [answer for answer in answers if answer[0] <= now]:
            answers.remove((due, name))
            logs[name].answered(now)
        for name in [name for name in logs if wake[name] <= now]:
            wait = logs[name].reserve(now)
            wake[name] = now + wait
            if wait <= 0.0:
                sends.append((now, name))
                answers.append((now + latency, name))
        now = min([due for due, _ in answers] + [max(at, now + 1e-6) for at in wake.values()])
    both = [(at, name) for at, name in sends if at >= head_start]
    most = max(sum(1 for at, _ in sends if begin <= at < begin + 60.0) for begin, _ in sends)
    assert most <= bounds.QUOTA_CALLS
    return Sharing(
        sum(name == "first" for _, name in both), sum(name == "second" for _, name in both), most
    )
