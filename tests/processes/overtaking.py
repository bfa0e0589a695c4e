"""Real runs that are killed or stopped at one boundary: what the world, the log and the next runs
show afterwards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.simulator.cloud import Cloud
from tests.processes.bridge import (
    Ended,
    Killer,
    bring_to_the_end,
    ended,
)
from tests.processes.shared_desk import AtWrite, SharedDesk, resume, wait_until_stopped, writes
from tests.scenarios.world import world_of

APPLY = ("apply", "shop.yaml", "--yes")
TAKEN = "the lock on this stack was taken by somebody else"
ENDS = (0, 3, 5, 6, 7)
SETTLE_SECONDS = 0.1
"""For requests that were under way when a process was stopped."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Before or after the n-th write to the place, or at the n-th read or write of the cloud
    (`after`: it is executed in any case).
    """

    where: str  # "store", "read" or "write"
    number: int
    is_after: bool = False

    def __str__(self) -> str:
        return f"{'after' if self.is_after else 'before'} {self.where} {self.number}"

    def strike(self, how: str) -> Mapping[str, str]:
        """The environment of the run that is struck at a write to the place."""
        if self.where != "store":
            return {}
        when = "after" if self.is_after else "before"
        return {"TEST_STORE_STRIKE": f"{how} {when} {self.number}"}


@dataclass(frozen=True, slots=True)
class Calm:
    """An undisturbed apply: the world after it, and the boundaries that it passed."""

    world: Mapping[str, Any]
    store_writes: int
    reads: int
    writes: int

    def boundaries(self, *, reads: bool) -> list[Boundary]:
        """Every boundary, in the order of their kinds."""
        kinds = [("store", self.store_writes), ("write", self.writes)]
        kinds += [("read", self.reads)] if reads else []
        return [
            Boundary(where, number, is_after)
            for where, count in kinds
            for number in range(1, count + 1)
            for is_after in ((False,) if where == "read" else (False, True))
        ]


@dataclass(frozen=True, slots=True)
class Struck:
    """How it ended. `late` are the writes that the stopped run sent after it continued."""

    boundary: Boundary
    struck: bool
    ended: Ended
    answers: int
    late: int
    violations: tuple[str, ...]


def told_world(cloud: Cloud) -> Any:
    """`world_of`, with the names of servers for their private addresses, which depend on the order
    of the creates.
    """
    text = json.dumps(world_of(cloud), ensure_ascii=False)
    for server in cloud.snapshot().instances.values():
        text = text.replace(f"{server.private_address}/32", server.name)
    found = json.loads(text)
    for group in found["firewalls"].values():
        group["rules"].sort()
    return found


def calm(desk: SharedDesk) -> Calm:
    """An undisturbed apply of an empty account."""
    assert (done := desk.apply()).code == 0, done.text
    operations = desk.notes.read_text(encoding="utf-8").splitlines()
    changes = writes(desk.cloud.requests)
    return Calm(
        told_world(desk.cloud),
        max(int(line.split()[1]) for line in operations),
        len(desk.cloud.requests) - changes,
        changes,
    )


def killed(desk: SharedDesk, at: Boundary, end: Mapping[str, Any]) -> Struck:
    """A run that dies (kill -9) at a boundary, and those that come to the end after it."""
    if at.where != "store":
        desk.cloud.strike = killer = Killer(at.where, at.number, done=at.is_after)
        first = ended(killer.aim(desk.start(*APPLY)))
    else:
        first = ended(desk.start(*APPLY, more=at.strike("kill")))
    desk.cloud.strike = None
    answers = bring_to_the_end(desk, f"killed {at}")
    return Struck(at, first.code == -9, first, len(answers), 0, violations(desk, end))


def overtaken(desk: SharedDesk, at: Boundary, end: Mapping[str, Any], *, unlocked: bool) -> Struck:
    """A run that is stopped (SIGSTOP) at a boundary, overtaken by others that come to the end, and
    continued then. `unlocked`: the others take the lock with `state unlock` and apply once, and
    come to the end only after it continued.
    """
    process = desk.start(*APPLY, more=at.strike("stop"))
    if at.where != "store":
        desk.cloud.strike = AtWrite(at.number, lambda: process.send_signal(19))
    is_struck = wait_until_stopped(process)
    desk.cloud.strike = None
    time.sleep(SETTLE_SECONDS)
    before = writes(desk.cloud.requests)
    answers = list[str]()
    if unlocked:
        freed = desk.run("state", "unlock", "--stack", "shop.yaml", "--yes")
        assert freed.code in (0, 3), freed.text
        done = desk.apply()
        assert done.code in (0, 3), done.text
    else:
        answers = bring_to_the_end(desk, f"overtaken {at}")
    after = len(desk.cloud.requests)
    resume(process)
    last = ended(process)
    late = writes(desk.cloud.requests[after:])
    found = list[str]()
    recorded = len(desk.intents_of(process.pid))
    if before + late > recorded:
        found.append(f"{before + late} writes, {recorded} intents")
    if last.code not in ENDS or (last.code and TAKEN not in last.text):
        found.append(f"ended with {last.code}: {last.text}")
    if unlocked:
        answers = bring_to_the_end(desk, f"overtaken {at}")
    found += violations(desk, end)
    return Struck(at, is_struck, last, len(answers), late, tuple(found))


def violations(desk: SharedDesk, end: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not as after an undisturbed run: duplicates, orphans, open intents, a plan."""
    found = list[str]()
    world, state = desk.cloud.snapshot(), desk.state
    if (now := told_world(desk.cloud)) != end:
        found.append(f"another world: {now}")
    ids = {
        *world.instances,
        *world.block_storages,
        *world.firewalls,
        *(str(rule.rule_id) for group in world.firewalls.values() for rule in group.rules),
    }
    known = {entry.id for entry in state.entries.values()}
    found += [f"not in the state: {id}" for id in sorted(ids - known)]
    found += [f"not in the account: {id}" for id in sorted(map(str, known - ids))]
    found += [f"sent twice: {body}" for body in desk.cloud.twice()]
    if state.open:
        found.append(f"open: {sorted(state.open)}")
    planned = desk.planned()
    if planned.exit_code or planned.has_changes:
        found.append("the plan is not empty")
    return tuple(found)
