"""The invariants of safety#requests that hold at every instant: looked at before each send and at
the end of each process.

The numbers are those of the list in `docs/explanation/faults.md`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.iwinv.network import Arrival
from reconciler.model import exit_codes, http, marker
from reconciler.model.resource_type import operation_of
from reconciler.model.state import Intent, State
from tests.faults import foreign_objects

if TYPE_CHECKING:
    from tests.faults.bench import Bench, Ended

QUOTA, WINDOW_SECONDS = 60, 60.0
INTERRUPT_SECONDS = 5.0
RUN_SECONDS_MAX = 3600.0
CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 64, 130})
MAKES = {
    "/v1/instances": "instance_id",
    "/v1/block-storages": "block_storage_id",
    "/v1/security-groups": "firewall_id",
}


class AtSend:
    """Looks on at one bench and writes down what must not be."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._intents: set[int] = set()
        self._delivered: dict[str, str] = {}
        self._serial = 0
        self._foreign: dict[str, foreign_objects.Row] = {}
        self._planned_before = 0

    @property
    def known(self) -> object:
        """What the checks of further processes depend on."""
        return sorted(self._intents), self._delivered, self._serial, self._foreign

    def begin(self) -> None:
        """A process starts."""
        self._planned_before = len(self._bench.plans)
        # what was not synced is still there, unless the power was lost
        state = self._bench.unsynced()
        self._intents = set(() if state is None else state.open)
        for id, row in foreign_objects.theirs(self._bench.cloud.world, self._bench.nonces).items():
            self._foreign.setdefault(id, row)

    def leaving(self, request: http.Request) -> None:
        """Before a request leaves: what a power cut now would leave tells of it, and of everything
        that was made before.
        """
        self._pace()
        if request.method == "GET":
            return
        state = self._durable()
        if state is None:
            self._violated(2, f"{request.method} {request.path} leaves, and nothing is on record")
            return
        fresh = [
            intent
            for n, (intent, result) in state.open.items()
            if n not in self._intents and result is None
        ]
        if len(fresh) != 1:
            self._violated(
                2, f"{request.method} {request.path} leaves with {len(fresh)} new intents on record"
            )
            return
        self._intents.add(fresh[0].sequence)
        self._one_intent(state, fresh[0], request)
        self._is_recorded(state)

    def _one_intent(self, state: State, intent: Intent, request: http.Request) -> None:
        bench = self._bench
        call = operation_of(bench.kinds, intent.operation).encode(
            intent.target, dict(intent.inputs)
        )
        if (call.method, call.path) != (request.method, request.path):
            self._violated(
                2, f"{request.method} {request.path} leaves, and {intent.operation} is on record"
            )
        if intent.nonce is not None:
            bench.nonces[intent.nonce] = intent.address
        for other, result in state.open.values():
            if (
                other.sequence == intent.sequence
                or other.address != intent.address
                or result == "accepted"
            ):
                continue
            # Rules that somebody added are taken away side by side, under the address of their
            # firewall.
            doubtful = (
                result == "unknown"
                or other.run != intent.run
                or intent.operation.endswith(".create")
            )
            # a server that we stopped is started again, whatever came of the rest
            restores = intent.operation == "instance.start"
            if doubtful and not restores:
                self._violated(
                    1,
                    f"{intent.operation} {intent.address} is sent while {other.operation} is "
                    f"unsettled",
                )
        shown = {
            step.key
            for planned in bench.plans[self._planned_before :]
            for step in planned.plan.steps
        }
        if intent.step not in shown:
            self._violated(8, f"{intent.step} is done, and no plan has shown it")

    def _is_recorded(self, state: State) -> None:
        ids = {entry.id for entry in state.entries.values()} | set(state.deposed)
        world = self._bench.cloud.world
        for id, address in self._delivered.items():
            if id not in ids and (
                id in world.instances or id in world.block_storages or id in world.firewalls
            ):
                self._violated(
                    2, f"{id} of {address} was made and is not on record before the next write"
                )

    def _pace(self) -> None:
        times, now = self._bench.send_times, self._bench.clock.time()
        if len(times) == QUOTA and now - times[0] < WINDOW_SECONDS:
            self._violated(11, f"{QUOTA + 1} sends within {now - times[0]:.1f} s")
        times.append(now)

    def arrived(self, request: http.Request, arrival: Arrival) -> None:
        """An answer that the program gets: what it says was made must be on record from then on."""
        member = MAKES.get(request.path)
        if (
            request.method != "POST"
            or member is None
            or not isinstance(arrival, http.Response)
            or arrival.status >= 300
        ):
            return
        try:
            found = json.loads(arrival.body)["result"]
            self._delivered[str(found[0][member])] = request.path
        except (ValueError, KeyError, IndexError, TypeError):
            return

    def end(self, ended: Ended) -> None:
        """A process has ended, one way or the other."""
        bench = self._bench
        state = self._durable()
        if ended.exit_code is not None and ended.exit_code not in CODES:
            self._violated(12, f"exit code {ended.exit_code}")
        if ended.ended - ended.began > RUN_SECONDS_MAX:
            self._violated(11, f"a run of {ended.ended - ended.began:.0f} s")
        if ended.signal_at is not None:
            self._interrupted(ended, state)
        full = bench.full_at
        if ended.exit_code == exit_codes.NOT_RECORDED and full is not None and ended.sends > full:
            self._violated(
                2, f"{ended.sends - full} requests were sent after the record could not be written"
            )
        self._nothing_lost(state, ended)
        self._foreign_objects(state)
        self._no_secrets()

    def _interrupted(self, ended: Ended, state: State | None) -> None:
        assert ended.signal_at is not None
        after = ended.ended - ended.signal_at
        if ended.exit_code == exit_codes.INTERRUPTED and after > INTERRUPT_SECONDS + 1.0:
            self._violated(14, f"it took {after:.1f} s to end after a signal")
        off = [
            e.address
            for e in (state.entries.values() if state is not None else ())
            if getattr(e, "stopped", False)
        ]
        said = " ".join(p.message for p in ended.problems if p.code == "interrupted")
        if ended.exit_code == exit_codes.INTERRUPTED and not all(
            f"{address} is powered off" in said for address in off
        ):
            self._violated(14, f"{', '.join(off)} is off, and the message does not say so: {said}")

    def _nothing_lost(self, state: State | None, ended: Ended) -> None:
        """Everything that we made is on record, or is told."""
        ids = (
            {entry.id for entry in state.entries.values()} | set(state.deposed)
            if state is not None
            else set()
        )
        sent = {intent.nonce for intent, _ in state.open.values()} if state is not None else set()
        told = " ".join(problem.message for problem in ended.problems)
        for id, nonce in ours(self._bench).items():
            if (
                id not in ids
                and nonce not in sent
                and id not in told
                and not self._will_be_told(state, nonce)
            ):
                self._violated(
                    2,
                    f"{id} of {self._bench.nonces.get(nonce)} is in the account, and neither on "
                    f"record nor told",
                )

    def _will_be_told(self, state: State | None, nonce: str) -> bool:
        """A double, or one that came later than any evidence: the state still knows its nonce, so
        the next run tells of it.
        """
        if state is None:
            return False
        known = {entry.nonce for entry in state.entries.values()} | {
            old.nonce for old in state.deposed.values()
        }
        return nonce in known or any(
            nonce in f"{name} {value}" for name, value in state.facts.items()
        )

    def _foreign_objects(self, state: State | None) -> None:
        now = foreign_objects.theirs(self._bench.cloud.world, self._bench.nonces)
        for id, row in self._foreign.items():
            if now.get(id) != row:
                self._violated(4, f"{id} of somebody else was {row} and is {now.get(id)}")
        if state is not None:
            taken = sorted({entry.id for entry in state.entries.values()} & now.keys())
            if taken:
                self._violated(4, f"{', '.join(taken)} of somebody else stands in the state")

    def _no_secrets(self) -> None:
        secret = self._bench.cloud.secret_key.encode()
        for name, data in self._bench.files():
            if b"example-" in data or secret in data:
                self._violated(9, f"{name} holds a secret")

    def _durable(self) -> State | None:
        """What a power cut now would leave: always whole, never older than before (6)."""
        state = self._bench.durable()
        serial = 0 if state is None else state.serial
        if serial < self._serial:
            self._violated(6, f"the serial fell from {self._serial} to {serial}")
        self._serial = max(serial, self._serial)
        return state

    def _violated(self, number: int, text: str) -> None:
        self._bench.violations.append(f"{number}: {text}")


def ours(bench: Bench) -> dict[str, str]:
    """The objects in the account that bear a marker of ours, id to nonce."""
    world = bench.cloud.world
    found: dict[str, str] = {}
    for server in world.instances.values():
        _note(found, server.instance_id, server.description)
    for volume in world.block_storages.values():
        _note(found, volume.block_storage_id, volume.description)
    for group in world.firewalls.values():
        _note(found, group.firewall_id, group.content)
    return {id: nonce for id, nonce in found.items() if nonce in bench.nonces}


def _note(found: dict[str, str], id: str, text: str | None) -> None:
    nonce = marker.split(text)[1]
    if nonce is not None:
        found[id] = nonce
