"""What may go wrong, and where: boundaries of a run (its sends and the deeds of its disk), and the
faults of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.model import http
from reconciler.simulator.faults import Fault
from tests.doubles import memory_store
from tests.doubles.memory_objects import StoreFault
from tests.doubles.memory_store import Kept


@dataclass(frozen=True, slots=True)
class Boundary:
    """A send (its request), a deed of the disk or an operation of the shared place, by its number
    in the run, from 1. `what` is for people; `after` is how many writes were sent before it.
    """

    place: str
    number: int
    what: str
    after: int = field(default=0, compare=False)

    @property
    def is_write(self) -> bool:
        """Whether it is a send that changes the cloud."""
        return self.place == "send" and not self.what.startswith("GET")

    @property
    def is_create(self) -> bool:
        """Whether it is a send that makes an object which bears a marker."""
        return self.what in (
            "POST /v1/instances",
            "POST /v1/block-storages",
            "POST /v1/security-groups",
        )


@dataclass(frozen=True, slots=True)
class Break:
    """One fault at one boundary."""

    boundary: Boundary
    fault: str

    def __str__(self) -> str:
        return f"{self.boundary.place} {self.boundary.number} ({self.boundary.what}): {self.fault}"


KILLS = ("killed before it leaves", "killed when it has left", "killed when its answer is there")
"""Faults of a send that end the process."""

_ON_THE_WAY: dict[str, Fault] = {
    "never arrives": Fault("lost_before"),
    "answer lost": Fault("answer_lost"),
    "500, not executed": Fault("refused_before", status=500),
    "502, executed": Fault("executed_then_5xx"),
    "429": Fault("refused_before", status=429, seconds=5),
    "garbage": Fault("answer_garbled"),
    "answer cut": Fault("answer_cut"),
    "executed 20 s late": Fault("executed_late", seconds=20),
    "executed 100 s late": Fault("executed_late", seconds=100),
    "executed 290 s late": Fault("executed_late", seconds=290),
    "executed twice": Fault("executed_twice"),
}

NOT_WAITED = " (not waited for)"
"""The run has `--no-wait`, and what it could not settle is left to the next one."""

_LATE_KILLED = "executed 290 s late, killed"
_LOST_KILLED = "never arrives, killed"
SEEN_LATE = {
    "seen 45 s late": (45.0, None),
    "answer lost, seen 45 s late": (45.0, "answer_lost"),
    "killed, seen 45 s late": (45.0, "killed"),
    "seen 90 s late, killed at the next send": (90.0, None),
    "answer lost, seen 900 s late": (900.0, "answer_lost"),
}
"""Faults of creates: for how long lists and details do not show what was made, and what happens to
the answer.
"""

TWICE_LOST = "executed twice, answer lost"
INTERRUPT = "interrupted"
LIES = {"an empty list": "emptied", "a list without its last row": "shortened"}
REFUSED_READS = {"403": 403, "404": 404}

WRITE_FAULTS = (
    *KILLS,
    *_ON_THE_WAY,
    "never arrives" + NOT_WAITED,
    "executed 290 s late" + NOT_WAITED,
    _LATE_KILLED,
    _LOST_KILLED,
    INTERRUPT,
)
CREATE_FAULTS = (*SEEN_LATE, TWICE_LOST)
READ_FAULTS = (
    KILLS[0],
    KILLS[2],
    "never arrives",
    "500, not executed",
    "429",
    "garbage",
    "answer cut",
    *REFUSED_READS,
    *LIES,
    INTERRUPT,
)

DEED_FAULTS: dict[str, tuple[memory_store.Fault, bool, Kept]] = {
    "power lost before": (memory_store.Fault.CRASH_BEFORE, False, Kept.NOTHING),
    "killed after": (memory_store.Fault.CRASH_AFTER, True, Kept.ALL),
    "power lost after, half of it on the disk": (memory_store.Fault.CRASH_AFTER, True, Kept.HALF),
    "disk full": (memory_store.Fault.FULL, False, Kept.NOTHING),
    "disk full from here on": (memory_store.Fault.FULL, False, Kept.NOTHING),
    "disk fails": (memory_store.Fault.BROKEN, False, Kept.NOTHING),
    "disk fails from here on": (memory_store.Fault.BROKEN, False, Kept.NOTHING),
    "half written": (memory_store.Fault.SHORT, False, Kept.NOTHING),
}
"""Fault, whether renames that were not synced stay, and what of the data does."""

STORE_FAULTS: dict[str, StoreFault] = {
    "killed before": StoreFault.CRASH_BEFORE,
    "killed after": StoreFault.CRASH_AFTER,
    "unreachable": StoreFault.UNREACHABLE,
    "unreachable from here on": StoreFault.UNREACHABLE,
    "access refused": StoreFault.REFUSED,
    "access refused from here on": StoreFault.REFUSED,
    "stalled for 30 s": StoreFault.STALL,
    "answer lost": StoreFault.ANSWER_LOST,
    "answer lost from here on": StoreFault.ANSWER_LOST,
    "not done, no answer": StoreFault.UNSURE,
    "done late, no answer": StoreFault.LATE,
    "done twice": StoreFault.TWICE,
    "own object refused": StoreFault.OWN_REFUSED,
    "a list without the newest": StoreFault.STALE_LIST,
}
"""Faults of an operation of a shared place."""

_OF_EVERY_OPERATION = tuple(STORE_FAULTS)[:7]
_OF_A_WRITE = tuple(STORE_FAULTS)[7:12]


def all_breaks(boundaries: tuple[Boundary, ...]) -> Iterator[Break]:
    """Every fault at every boundary."""
    for boundary in boundaries:
        for fault in faults_of(boundary):
            yield Break(boundary, fault)


def faults_of(boundary: Boundary) -> tuple[str, ...]:
    """The faults that a boundary may have."""
    if boundary.place == "send":
        more = CREATE_FAULTS if boundary.is_create else ()
        return (*WRITE_FAULTS, *more) if boundary.is_write else READ_FAULTS
    if boundary.place == "store":
        return _store_faults_of(boundary.what.split()[0])
    writes = boundary.what.startswith("write")
    return tuple(name for name in DEED_FAULTS if writes or "half" not in name)


def _store_faults_of(operation: str) -> tuple[str, ...]:
    if operation == "read":
        return _OF_EVERY_OPERATION
    if operation == "names":
        return (*_OF_EVERY_OPERATION, "a list without the newest")
    own = ("own object refused",) if operation == "create" else ()
    return (*_OF_EVERY_OPERATION, *_OF_A_WRITE, *own)


def on_the_way(fault: str) -> Fault | None:
    """What the cloud does with the request, where the fault is the cloud's or the wire's."""
    if fault in (_LATE_KILLED, _LOST_KILLED):
        return _ON_THE_WAY[fault.removesuffix(", killed")]
    if fault in SEEN_LATE:
        instant = SEEN_LATE[fault][1]
        return Fault(instant) if instant not in (None, "killed") else None
    if fault in REFUSED_READS:
        return Fault(
            "refused_before",
            status=REFUSED_READS[fault],
            code="CHECK_IP" if fault == "403" else "NOT_FOUND",
        )
    return _ON_THE_WAY.get(
        fault.removesuffix(NOT_WAITED),
        _ON_THE_WAY["executed twice"] if fault == TWICE_LOST else None,
    )


BEYOND = "answer lost, seen 900 s late"
"""Later than any evidence reaches: what comes then is told, and never touched."""

KILLED_NEXT = "seen 90 s late, killed at the next send"


def kills(fault: str) -> str | None:
    """At which instant of the send the process ends: `leaving`, `left`, `arrived`; None where it
    does not.
    """
    if fault in KILLS:
        return ("leaving", "left", "arrived")[KILLS.index(fault)]
    return "left" if fault.endswith(", killed") or fault == "killed, seen 45 s late" else None


def what_of(request: http.Request) -> str:
    """Method and path, ids left out."""
    parts = [part if part.islower() else "*" for part in request.path.strip("/").split("/")]
    return f"{request.method} /{'/'.join(parts)}"
