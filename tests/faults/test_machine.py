"""A long life at random: edits, applies, kills, other people's edits, lag and jumps of the clock in
any order; at the end all is as the file says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconciler.model.resource import Stack
from reconciler.model.state import Phase
from reconciler.simulator.kinds.records import Rule, is_busy
from reconciler.simulator.world import World
from tests.cloud_harness import said, shown
from tests.faults import faults, foreign_objects
from tests.faults.bench import Bench, Ended
from tests.faults.checks import ours
from tests.faults.faults import Boundary, Break
from tests.faults.operator import Operator
from tests.faults.stacks import GROUP, HEAD, OTHER_GROUP

SEND_FAULTS = (
    *faults.KILLS,
    "never arrives",
    "answer lost",
    "500, not executed",
    "429",
    "garbage",
    "executed 290 s late, killed",
)
RUNS_MAX = 6


@dataclass(frozen=True)
class DesiredObject:
    """What the file says."""

    servers: int = 1
    wall: str = "web"
    text: str = "하나"
    power: str = "on"
    volume: str = "absent"

    def file(self) -> str:
        """The stack's text."""
        name = 'name: "shop-web-${count.index}"'
        server = f"{{count: {self.servers}, {name}, firewall: {self.wall}, description: {self.text}, power: {self.power}}}"
        parts = [
            HEAD,
            "firewalls:",
            *(f"  {line}" for line in (GROUP + OTHER_GROUP).splitlines() if line),
            f"instances:\n  web: {server}",
        ]
        if self.volume != "absent":
            parts.append(
                f'block_storages:\n  data: {{type: ssd, size: 10, instance: "{self.volume}"}}'
            )
        return "\n".join(parts) + "\n"


@dataclass
class Life:
    """The bench with what the file says now, and what somebody took away."""

    bench: Bench
    desired: DesiredObject = DesiredObject()
    missing: dict[str, str] = field(default_factory=dict)
    operator: Operator = field(default_factory=Operator)
    stacks: dict[str, Stack] = field(default_factory=dict)

    def stack(self) -> Stack:
        """What the file says, built once."""
        text = self.desired.file()
        if text not in self.stacks:
            with tempfile.TemporaryDirectory() as folder:
                self.stacks[text] = self.bench.stack(text, Path(folder))
        return self.stacks[text]

    def run(self, armed: Break | None = None) -> Ended:
        """One apply with what a person has said since the last one; then the person is asked what
        is left open.
        """
        accepted = self.operator.accept
        ended = self.bench.run(
            self.stack(), armed=armed, gone=accepted, duplicates=self.operator.duplicates
        )
        state = self.bench.state
        for address, id in list(self.missing.items()):
            entry = None if state is None else state.entries.get(address)
            if address in accepted:
                del self.missing[address]  # a run that is killed may have acted upon it
            elif entry is None or entry.id != id:
                self.bench.violations.append(
                    f"5: {id} of {address} was taken as gone, and nobody had said so"
                )
        self.operator = Operator()
        if ended.exit_code not in (0, None):
            self.operator.answer(self.bench, self.stack(), ended)
        return ended


class Story(RuleBasedStateMachine):
    """Rules that may come in any order; after each of them no invariant is broken."""

    life: Life

    @initialize()
    def begin(self) -> None:
        bench = Bench()
        foreign_objects.settle_in(bench.cloud)
        self.life = Life(bench)
        assert self.life.run().exit_code == 0

    # The file and the program
    # -----------------------------------------------------------------------------------------------------

    @rule(
        servers=st.integers(1, 3),
        wall=st.sampled_from(["web", "api", "none"]),
        text=st.sampled_from(["하나", "둘"]),
        power=st.sampled_from(["on", "off"]),
        volume=st.sampled_from(["absent", "web[0]", "kept", "none"]),
    )
    def edit(self, servers: int, wall: str, text: str, power: str, volume: str) -> None:
        if volume == "kept" or (volume == "none" and not self._has_volume()):
            volume = self.life.desired.volume
        self.life.desired = DesiredObject(servers, wall, text, power, volume)

    def _has_volume(self) -> bool:
        state = self.life.bench.state
        return (
            state is not None
            and "block_storages.data" in state.entries
            and "block_storages.data" not in self.life.missing
        )

    @rule()
    def apply(self) -> None:
        self.life.run()

    @rule(number=st.integers(5, 30), fault=st.sampled_from(SEND_FAULTS))
    def apply_with_a_broken_request(self, number: int, fault: str) -> None:
        self.life.run(Break(Boundary("send", number, "one of them"), fault))

    @rule(number=st.integers(1, 120), fault=st.sampled_from(sorted(faults.DEED_FAULTS)))
    def apply_on_a_broken_disk(self, number: int, fault: str) -> None:
        self.life.run(Break(Boundary("deed", number, "one of them"), fault))

    @rule(number=st.integers(5, 30))
    def apply_interrupted(self, number: int) -> None:
        self.life.run(Break(Boundary("send", number, "one of them"), faults.INTERRUPT))

    # Somebody else, and time
    # ------------------------------------------------------------------------------------------------------

    @rule()
    def somebody_renames_a_server(self) -> None:
        self._change_a_server(
            lambda world, id: world.put(replace(world.instances[id], name="renamed"))
        )

    @rule()
    def somebody_adds_a_rule(self) -> None:
        bench = self.life.bench
        for id in ours(bench):
            group = bench.cloud.world.firewalls.get(id)
            if group is not None:
                more = Rule(
                    bench.cloud.world.new_rule_id(), "IN", "TCP", "9999", "192.0.2.0/24", "theirs"
                )
                rules = (*group.rules, more)
                bench.cloud.change(partial(_put_rules, id, rules))
                return

    @precondition(lambda self: not self.life.missing)
    @rule()
    def somebody_deletes_a_server(self) -> None:
        state = self.life.bench.state
        deleting = (
            {intent.target for intent, _ in state.open.values()} if state is not None else set()
        )
        for entry in () if state is None else state.entries.values():
            server = self.life.bench.cloud.world.instances.get(entry.id)
            if (
                server is not None
                and not is_busy(server)
                and entry.phase is not Phase.DELETING
                and entry.id not in deleting
            ):
                self.life.missing[entry.address] = entry.id
                self.life.bench.cloud.change(partial(_remove_instance, entry.id))
                return

    def _change_a_server(self, act: Callable[[Any, str], None]) -> None:
        bench = self.life.bench
        for id in ours(bench):
            if id in bench.cloud.world.instances and not is_busy(bench.cloud.world.instances[id]):
                bench.cloud.change(lambda world, id=id: act(world, id))  # type: ignore[misc]
                return

    @rule(seconds=st.sampled_from([0.0, 20.0, 50.0]))
    def new_objects_show_late(self, seconds: float) -> None:
        self.life.bench.cloud.set_switches({"visibility_delay": seconds})

    @rule(seconds=st.sampled_from([1.0, 61.0, 500.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.life.bench.clock.advance(seconds)

    # What holds
    # -------------------------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        assert not self.life.bench.violations, self.life.bench.violations

    def teardown(self) -> None:
        if not hasattr(self, "life"):
            return
        life = self.life
        life.bench.cloud.set_switches({"visibility_delay": 0})
        life.bench.clock.advance(200.0)
        ended = life.run()
        for _ in range(RUNS_MAX):
            if ended.exit_code == 0:
                break
            ended = life.run()
        assert ended.exit_code == 0, said(ended.problems)
        assert not life.bench.violations, life.bench.violations
        plan = life.bench.plan(life.stack())
        assert plan.is_empty and not plan.records, (shown(plan), plan.records)
        assert seen(life.bench) == wanted(life.desired)


def _put_rules(id: str, rules: Sequence[Rule], world: World) -> None:
    world.put_rules(id, rules)


def _remove_instance(id: str, world: World) -> None:
    world.remove("instance", id, world.time)


def seen(bench: Bench) -> dict[str, Any]:
    """What the account holds of ours, in few words."""
    world = bench.cloud.snapshot()
    mine, names = ours(bench), {id: server.name for id, server in world.instances.items()}
    return {
        "servers": sorted(
            (s.name, s.status, (s.description or "").split(" rc-")[0])
            for id, s in world.instances.items()
            if id in mine
        ),
        "volumes": sorted(
            (v.name, v.size, names.get(v.instance_id or ""))
            for id, v in world.block_storages.items()
            if id in mine
        ),
        "groups": {
            group.title: (
                sorted(rule.title for rule in group.rules),
                sorted(names[member] for member in world.members(id)),
            )
            for id, group in world.firewalls.items()
            if id in mine
        },
    }


def wanted(desired: DesiredObject) -> dict[str, Any]:
    """What it is to hold by the file."""
    names = [f"shop-web-{number}" for number in range(desired.servers)]
    volume = {
        "absent": [],
        "none": [("shop-data", 10, None)],
        "web[0]": [("shop-data", 10, "shop-web-0")],
    }
    return {
        "servers": [
            (name, {"on": "active", "off": "off"}[desired.power], desired.text) for name in names
        ],
        "volumes": volume[desired.volume],
        "groups": {
            "shop-web": (["https", "ssh"], names if desired.wall == "web" else []),
            "shop-api": (["api"], names if desired.wall == "api" else []),
        },
    }


Story.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestStory = Story.TestCase
