"""How a process of a story is run, on which machine, and what is checked at its requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.commands.context import Planned
from reconciler.model import http
from reconciler.model.state import State
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import Decision, TypedAnswer
from tests.doubles.memory_store import MemoryDisk
from tests.faults import foreign_objects
from tests.faults.bench import Ended
from tests.faults.checks import MAKES, AtSend

if TYPE_CHECKING:
    from tests.stories.life import Life

FIXED = re.compile(
    r"/v1/(?:instances|block-storages|security-groups)/([^/]+)(?:/(rebuild|resize|shutdown|detach))?$"
)
"""Requests on one object that destroy, empty or stop something: DELETE, and these verbs."""

RULE = re.compile(r"/v1/security-groups/[^/]+/rules/([^/]+)$")
"""Requests on one rule."""

RISKY = ("delete", "rebuild", "resize", "stop", "detach", "update")
"""Ends of operations before which somebody likes to act on the object."""

_ATTACH = re.compile(r"/v1/security-groups/[^/]+/attach$")
PLACES: dict[str, Callable[[http.Request], bool]] = {
    "write": lambda request: request.method != "GET",
    "read": lambda request: request.method == "GET",
    "create": lambda request: (
        request.method == "POST" and (request.path in MAKES or request.path.endswith("/rules"))
    ),
    "attach": lambda request: _ATTACH.match(request.path) is not None,
    "delete": lambda request: request.method == "DELETE",
}
"""Requests among which a fault counts."""

PATIENT_RUNS = 3
"""Runs with `--no-wait` at the end of a story in which no person is asked: a delete settles by
looks alone.
"""

MOVED = re.compile(r"\{from: '?([^,'}]+)'?, to: '?([^,'}]+)'?\}")
GONE = re.compile(r"--accept '?gone=([^'\s]+)'?")


@dataclass(frozen=True, slots=True)
class How:
    """How the next process is run.

    `fault` breaks the request of that number among those of a `place`, or the deed of the disk.
    `typed` is what somebody types at the question; None is `--yes`. `meddle` is what somebody does
    to the account when the plan is shown, or at the request `meddle_at` after it.
    """

    fault: str | None = None
    place: str = "write"
    number: int = 1
    wait: bool = True
    only: tuple[str, ...] = ()
    typed: str | None = None
    destroy: bool = False
    meddle: Callable[[], str | None] | None = None
    meddle_at: int = 0

    def consents(self, planned: Planned, decision: Decision) -> bool:
        """What the typed text answers to the question."""
        title, by_name = planned.plan.title, bool(decision.open)
        return approval.reply(self.typed, title, by_name=by_name) is TypedAnswer.CONSENT


@dataclass(slots=True)
class Machine:
    """A computer with a disk of its own. `made` maps the nonces that it gave out to the state they
    belong to; `kept` are former disks.
    """

    name: str
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    made: dict[str, str] = field(default_factory=dict)
    kept: list[MemoryDisk] = field(default_factory=list)


class StorySends(AtSend):
    """The checks of the fault harness, with what only a story knows."""

    life: Life

    def leaving(self, request: http.Request) -> None:
        """Before a request leaves."""
        super().leaving(request)
        if "//" in request.path or request.path.endswith("/"):
            self._violated(3, f"{request.method} {request.path} names no object")
        if request.method != "GET":
            self.life.before_write(request)

    def fresh(self) -> None:
        """Another disk is at work from here on."""
        self._serial = 0
        self._intents = set()
        self._delivered = {}

    def _nothing_lost(self, state: State | None, ended: Ended) -> None:
        everything = self._bench.nonces
        made, title = self.life.machine.made, self.life.title
        self._bench.nonces = {
            nonce: address for nonce, address in everything.items() if made.get(nonce) == title
        }
        try:
            super()._nothing_lost(state, ended)
        finally:
            self._bench.nonces = everything

    def _foreign_objects(self, state: State | None) -> None:
        for id in self.life.given:
            self._foreign.pop(id, None)
        world, given = self._bench.cloud.world, self.life.given
        now = {
            id: row
            for id, row in foreign_objects.theirs(world, self._bench.nonces).items()
            if id not in given
        }
        for id, row in self._foreign.items():
            if now.get(id) != row:
                self._violated(4, f"{id} of somebody else was {row} and is {now.get(id)}")
        for id in sorted(
            {entry.id for entry in state.entries.values()} & now.keys() if state is not None else ()
        ):
            self._violated(4, f"{id} of somebody else stands in the state")
