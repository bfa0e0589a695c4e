"""The person who is asked where no evidence tells: answers from the world's own truth, and is
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.commands.recover import Answers
from reconciler.iwinv import refresh
from reconciler.model.diagnostics import Problem
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.planner import planner as planning
from reconciler.recovery import absence, evidence, signature_fence
from reconciler.recovery.evidence import Finding, Observation, Settlement
from reconciler.simulator.world import World
from tests.faults.bench import Bench, Ended
from tests.faults.checks import ours

ANSWERED = frozenset({"doubled", "missing-object", "mass-absence", "state-missing"})
"""The problems that leave something to a person."""


@dataclass(slots=True)
class Operator:
    """What was asked and answered in one trial. `accept` goes into the next run."""

    answers: list[str] = field(default_factory=list)
    accept: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    def answer(self, bench: Bench, stack: Stack, ended: Ended, *, destroy: bool = False) -> None:
        """Whatever the last run left to a person."""
        self._open_intents(bench, stack, destroy=destroy)
        for problem in dict.fromkeys(ended.problems):
            if problem.code == "doubled":
                self._delete_double(bench, problem)
            elif problem.code in ("missing-object", "mass-absence") and problem.address is not None:
                self._gone(bench, problem.address)
            elif problem.code == "state-missing" and problem.address is not None:
                self._not_ours(bench, problem)

    def _open_intents(self, bench: Bench, stack: Stack, *, destroy: bool) -> None:
        """What the person says with one `recover`: past the fence, before which nobody can know."""
        state = bench.state
        if state is None or not state.open:
            return
        found = [
            one
            for one in _settlements(bench, stack, state, destroy=destroy)
            if one.finding is Finding.NEEDS_DECISION
        ]
        adopt, not_created = {}, []
        for one in found:
            bench.clock.advance(max(0.0, signature_fence.fence(one.intent) - bench.clock.time()))
            if one.intent.operation.endswith(".delete"):
                self._followed(bench, one)
            elif (made := self._made(bench, one)) is not None:
                adopt[one.intent.address] = made
            else:
                not_created.append(one.intent.address)
        if adopt or not_created:
            bench.recover(stack, Answers(adopt=adopt, not_created=tuple(not_created)))

    def _made(self, bench: Bench, found: Settlement) -> str | None:
        """The object of an open create in the account, and what was said of it."""
        intent, world = found.intent, bench.cloud.snapshot()
        made = sorted(
            id
            for id, nonce in ours(bench).items()
            if nonce == intent.nonce and _is_visible(world, id)
        )
        self.answers.append(
            f"{'adopt' if made else 'not created'} {intent.address} ({found.reason})"
        )
        if not made and any(live.id not in ours(bench) for live in found.candidates):
            # seen meanwhile, and known to be somebody else's
            self.duplicates = (*self.duplicates, intent.address)
        return made[0] if made else None

    def _followed(self, bench: Bench, found: Settlement) -> None:
        if not _is_there(bench.cloud.snapshot(), found.intent.target or ""):
            self.answers.append(f"gone={found.intent.address}")
            self.accept = (*self.accept, found.intent.address)

    def _delete_double(self, bench: Bench, problem: Problem) -> None:
        id = problem.message.split()[0]
        state = bench.state
        kept = (
            {entry.id for entry in state.entries.values()} | set(state.deposed)
            if state is not None
            else set()
        )
        if id in kept or id not in ours(bench):
            bench.violations.append(f"1: {id} is called a double and is none")
            return
        self.answers.append(f"deleted the double of {problem.address}")
        world, now = bench.cloud.world, bench.cloud.world.time
        if id in world.instances:
            bench.cloud.change(lambda world: world.remove("instance", id, now))
        elif id in world.block_storages:
            bench.cloud.change(lambda world: world.remove("block_storage", id, now))
        elif id in world.firewalls:
            bench.cloud.change(lambda world: world.remove("firewall", id))

    def _gone(self, bench: Bench, address: str) -> None:
        state = bench.state
        entry = None if state is None else state.entries.get(address)
        if entry is not None and not _is_there(bench.cloud.world, entry.id):
            self.answers.append(f"gone={address}")
            self.accept = (*self.accept, address)

    def _not_ours(self, bench: Bench, problem: Problem) -> None:
        id = problem.message.split()[0]
        if id not in ours(bench):
            self.answers.append(f"duplicate={problem.address}")
            self.duplicates = (*self.duplicates, problem.address or "")


def _is_there(world: World, id: str) -> bool:
    rules = {str(rule.rule_id) for group in world.firewalls.values() for rule in group.rules}
    return (
        id in world.instances or id in world.block_storages or id in world.firewalls or id in rules
    )


def _is_visible(world: World, id: str) -> bool:
    """A person sees in the console what the lists show, and no more."""
    record = world.instances.get(id) or world.block_storages.get(id) or world.firewalls.get(id)
    return record is not None and record.visible_from <= world.time


def _settlements(
    bench: Bench, stack: Stack, state: State, *, destroy: bool
) -> Sequence[Settlement]:
    """What `recover` sees: the account read once more."""
    connection = bench.connection()
    at = connection.exchange.unix()
    account = refresh.read_account(
        connection.exchange,
        planning.refresh_scope(stack, state, planning.PlanOptions()),
        bench.kinds,
    )
    wanted = set() if destroy else {str(address) for address in stack.resources}
    return evidence.settle(
        state,
        (Observation(account, at, frozenset(absence.pending_deletes(state, account))),),
        bench.kinds,
        now=bench.clock.time(),
        followed=wanted,
    )
