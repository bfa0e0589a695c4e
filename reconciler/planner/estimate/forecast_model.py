"""A model of a run in time: steps, calls, lists and the quota, as apply goes about them, without a
cloud.

Every write is answered after the latency of a call, and what it starts takes as long as it usually
does. The model keeps the rhythm of `core.rhythm` and the rules of the loop that applies plans:
writes before waits, the step with most behind it first, one thing at a time on a server, a list
only while something in flight needs it, absence proved by two looks.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import field

from reconciler.common import timing
from reconciler.common.dataclass import dataclass

_SLIGHTLY = 1e-9


@dataclass(frozen=True, slots=True)
class Deed:
    """One operation: the lists that show its end (none: its answer is the end), how long it takes,
    and when that is looked at first.

    `calls` is 0 where nothing is sent but only waited. `looks` are the lists that must be fresh
    before. `gone` is whether its end is absence, proved by the list and, where `probed`, by a look
    at the object as well.
    """

    lists: tuple[str, ...] = ()
    seconds: float = 0.0
    first: float = 0.0
    calls: int = 1
    looks: tuple[str, ...] = ()
    gone: bool = False
    probed: bool = False


@dataclass(slots=True)
class Job:
    """A step on its way through the model.

    `deeds` are done in order, and `number` is the one that is next or under way. `once` are those
    of `after` that need only be accepted. Of the steps that could begin, the one with the largest
    `weight` does.

    `looking`: it waits for lists that are new enough to begin a deed on; `waiting`: for the end of
    one that was sent. Of the deed under way: the cloud took it when it was `accepted`, and it shows
    as done from `ready` on. Its lists are read again at `next_poll`; one that began before `judged`
    tells nothing new, one before `look_after` is too old to begin on. `first_absence` is when what
    goes was first not shown, `probe` how far the look at the object itself is: nothing, `asked`,
    `shown`.

    Times are seconds from the begin of the run.
    """

    key: str
    deeds: Sequence[Deed]
    weight: float
    after: Sequence[str]
    instances: Sequence[str]
    once: Sequence[str] = ()
    number: int = 0
    waiting: bool = False
    looking: bool = False
    accepted: float = 0.0
    ready: float = 0.0
    next_poll: float = 0.0
    judged: float = 0.0
    look_after: float = 0.0
    first_absence: float | None = None
    probe: str = ""

    @property
    def deed(self) -> Deed:
        """The operation that is under way or next."""
        return self.deeds[self.number]


@dataclass(slots=True)
class _List:
    pages: int
    due: float = math.inf
    reading: bool = False
    left: int = 0
    begun: float = -math.inf
    shown: float = -math.inf


@dataclass(slots=True)
class Model:
    """The run under way. `pages` gives the calls that a list takes; `taken` the seconds until each
    used slot of the quota is free.

    `own` is what the program takes by itself before a write and after its answer, one thing at a
    time.
    """

    jobs: Mapping[str, Job]
    pages: Mapping[str, int]
    latency: float
    taken: Sequence[float] = ()
    own: float = 0.0
    now: float = 0.0
    writes: int = 0
    reads: int = 0
    _lists: dict[str, _List] = field(default_factory=dict)
    _slots: list[float] = field(default_factory=list)
    _answers: list[tuple[float, int, str, str]] = field(default_factory=list)
    _ready: list[tuple[float, str]] = field(default_factory=list)
    _parked: dict[str, list[str]] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)
    _missing: dict[str, int] = field(default_factory=dict)
    _followers: dict[str, list[str]] = field(default_factory=dict)
    _watchers: dict[str, set[str]] = field(default_factory=dict)
    _to_read: list[tuple[str, str]] = field(default_factory=list)
    _open: int = 0

    def run(self) -> None:
        """To the end of the last step. Raises AssertionError where steps wait for each other."""
        self._slots = sorted(self.taken)
        heapq.heapify(self._slots)
        self._open = len(self.jobs)
        for key, job in self.jobs.items():
            self._missing[key] = len(job.after)
            for other in job.after:
                self._followers.setdefault(other, []).append(key)
            if not job.after:
                heapq.heappush(self._ready, (-job.weight, key))
        while self._open:
            self._send()
            self._pass_time()

    # Sending
    # ----------------------------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        while self._free_in() <= 0.0:
            job = self._next_job()
            if job is not None:
                self._begin(job)
                continue
            subject = self._next_read()
            if subject is None:
                return
            self.reads += 1
            self._call(*subject)

    def _free_in(self) -> float:
        """Seconds until a call may be sent: infinite while as many are in flight as may be."""
        if len(self._answers) >= timing.IN_FLIGHT_MAX:
            return math.inf
        while self._slots and self._slots[0] <= self.now:
            heapq.heappop(self._slots)
        return 0.0 if len(self._slots) < timing.QUOTA_CALLS else self._slots[0] - self.now

    def _call(self, what: str, name: str) -> None:
        heapq.heappush(self._slots, self.now + self.latency + timing.QUOTA_SECONDS)
        heapq.heappush(
            self._answers, (self.now + self.latency, self.writes + self.reads, what, name)
        )

    def _next_job(self) -> Job | None:
        while self._ready:
            job = self.jobs[heapq.heappop(self._ready)[1]]
            busy = next(
                (s for s in job.instances if self._holders.get(s, job.key) != job.key), None
            )
            if busy is None:
                return job
            self._parked.setdefault(busy, []).append(job.key)
        return None

    def _begin(self, job: Job) -> None:
        for instance in job.instances:
            self._holders[instance] = job.key
        if job.deed.looks and (unread := self._unread(job, self._fresh_since(job))):
            job.looking = True
            self._watch(job, job.deed.looks)
            self._ask_once(unread, job.look_after)
        elif job.deed.calls == 0:
            self._await(job, executed=self.now)
        else:
            self.writes += 1
            self.now += self.own
            self._call("write", job.key)

    def _unread(self, job: Job, since: float) -> list[str]:
        """The lists that a deed needs and that are too old: that of its object first."""
        first, *others = job.deed.looks
        return [
            what
            for what in ([first] if self._list(first).shown < since else others)
            if self._list(what).shown < since
        ]

    def _fresh_since(self, job: Job) -> float:
        job.look_after = job.look_after or max(0.0, self.now - timing.LOOK_AGE_SECONDS)
        return job.look_after

    def _next_read(self) -> tuple[str, str] | None:
        if self._to_read:
            return self._to_read.pop(0)
        due = [
            (found.due, what)
            for what, found in self._lists.items()
            if not found.reading and found.due <= self.now
        ]
        if not due:
            return None
        _, what = min(due)
        found = self._lists[what]
        found.reading, found.begun, found.due, found.left = (
            True,
            self.now,
            math.inf,
            self.pages.get(what.partition(":")[0], 1),
        )
        return "list", what

    # Time
    # ---------------------------------------------------------------------------------------------------------------------------

    def _pass_time(self) -> None:
        """On to the next answer, or to the time at which something may be sent."""
        times = [self._answers[0][0]] if self._answers else []
        free = self._free_in()
        if free != math.inf:
            waiting = self._to_read or self._ready
            dues = [found.due for found in self._lists.values() if not found.reading]
            times += [self.now + free] if waiting and free > 0.0 else []
            times += [max(min(dues), self.now + free)] if dues and min(dues) < math.inf else []
        assert times or not self._open, "steps wait for each other"
        if not times:
            return
        self.now = max(self.now, min(times))
        while self._answers and self._answers[0][0] <= self.now:
            _, _, what, name = heapq.heappop(self._answers)
            {"write": self._written, "list": self._page, "probe": self._probed}[what](name)

    def _written(self, key: str) -> None:
        job = self.jobs[key]
        executed = self.now - self.latency / 2
        self.now += self.own
        self._let_on(
            [other for other in self._followers.get(key, ()) if key in self.jobs[other].once]
        )
        if job.deed.lists:
            self._await(job, executed=executed)
        else:
            self._next(job)

    def _page(self, what: str) -> None:
        found = self._lists[what]
        found.left -= 1
        if found.left > 0:
            self._to_read.append(("list", what))
            return
        found.reading, found.shown = False, found.begun
        for key in sorted(self._watchers.get(what, ())):
            self._judge(self.jobs[key])

    def _probed(self, key: str) -> None:
        job = self.jobs[key]
        job.probe = "shown"
        self._judge(job)

    # Waiting
    # ------------------------------------------------------------------------------------------------------------------------

    def _list(self, what: str) -> _List:
        return self._lists.setdefault(what, _List(1))

    def _ask(self, lists: Sequence[str], at: float) -> None:
        for what in lists:
            found = self._list(what)
            found.due = min(found.due, at)

    def _ask_once(self, lists: Sequence[str], since: float) -> None:
        self._ask(
            [
                what
                for what in lists
                if not self._list(what).reading or self._list(what).begun < since
            ],
            self.now,
        )

    def _watch(self, job: Job, lists: Sequence[str]) -> None:
        for what in lists:
            self._watchers.setdefault(what, set()).add(job.key)

    def _unwatch(self, job: Job, lists: Sequence[str]) -> None:
        for what in lists:
            self._watchers[what].discard(job.key)
            if not self._watchers[what]:
                self._lists[what].due = math.inf

    def _await(self, job: Job, *, executed: float) -> None:
        deed = job.deed
        job.waiting, job.accepted, job.ready = True, self.now, executed + deed.seconds
        job.next_poll = self.now + (deed.first if deed.calls else 0.0)
        job.first_absence, job.probe = None, ""
        self._watch(job, deed.lists)
        self._ask(deed.lists, job.next_poll)

    def _judge(self, job: Job) -> None:
        if job.looking:
            unread = self._unread(job, job.look_after)
            self._ask_once(unread, job.look_after)
            if not unread:
                job.looking = False
                self._unwatch(job, job.deed.looks)
                heapq.heappush(self._ready, (-job.weight, job.key))
            return
        if not job.waiting:
            return
        shown = min(self._lists[what].shown for what in job.deed.lists)
        if shown < max(job.accepted, job.judged):
            self._ask(job.deed.lists, max(job.next_poll, self.now))
        elif shown + self.latency / 2 + _SLIGHTLY < job.ready:
            self._later(job, shown)
        elif job.deed.gone:
            self._absence(job, shown)
        else:
            self._next(job)

    def _later(self, job: Job, shown: float) -> None:
        job.judged = max(job.judged, shown + _SLIGHTLY)
        usual = job.deed.first if job.deed.calls else 0.0
        job.next_poll = max(
            job.next_poll,
            self.now + timing.interval(self.now - job.accepted, job.accepted + usual - self.now),
        )
        self._ask(job.deed.lists, job.next_poll)

    def _absence(self, job: Job, shown: float) -> None:
        """The list no longer shows it: a look at the object, and all of it once more."""
        if job.deed.probed and job.probe != "shown":
            if not job.probe:
                job.probe = "asked"
                self._to_read.append(("probe", job.key))
            return
        job.probe = ""
        if job.first_absence is not None and shown >= job.first_absence + timing.ABSENCE_SECONDS:
            self._next(job)
            return
        job.first_absence = shown if job.first_absence is None else job.first_absence
        job.judged = job.next_poll = job.first_absence + timing.ABSENCE_SECONDS
        self._later(job, -math.inf)

    def _next(self, job: Job) -> None:
        if job.waiting:
            job.waiting = False
            self._unwatch(job, job.deed.lists)
        job.number += 1
        job.judged = 0.0
        if job.number < len(job.deeds):
            heapq.heappush(self._ready, (-job.weight, job.key))
            return
        self._open -= 1
        self._let_go(job)
        self._let_on(
            [key for key in self._followers.get(job.key, ()) if job.key not in self.jobs[key].once]
        )

    def _let_on(self, followers: Sequence[str]) -> None:
        for key in followers:
            self._missing[key] -= 1
            if self._missing[key] == 0:
                heapq.heappush(self._ready, (-self.jobs[key].weight, key))

    def _let_go(self, job: Job) -> None:
        for instance in job.instances:
            if self._holders.get(instance) == job.key:
                del self._holders[instance]
                for key in self._parked.pop(instance, ()):
                    heapq.heappush(self._ready, (-self.jobs[key].weight, key))
