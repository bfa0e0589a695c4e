"""Passes of `watch` over a stack on the local cloud, in one process and in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from reconciler.commands import context
from reconciler.commands.project.gate_values import Gates
from reconciler.commands.watch import memory, watch_pass
from reconciler.config import loader
from reconciler.iwinv.shared.account_pool import AccountPool
from reconciler.model import http, ports
from reconciler.model.resource import Stack
from reconciler.model.state import State
from reconciler.model.watching import Allowed, Memory, Passed
from reconciler.simulator.edits import edit
from tests.cloud_harness import CloudHarness, Interrupts

STACK = """\
version: 1
stack: shop
defaults:
  instances: {zone: kr1-z01, image: {os: ubuntu, version: "22.04"}, ssh_keys: [deploy], flavor: std_1.2-g1}
firewalls:
  web:
    icmp: true
    rules:
      https: {direction: in, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}
instances:
  web: {firewall: web, description: web, power: on}
  db: {description: db, power: on}
block_storages:
  data: {type: ssd, size: 10, instance: db}
"""

ALL = frozenset({"firewalls", "instances", "block_storages", "rules", "power", "exposure"})


class Watcher:
    """One stack that was applied, and passes over it."""

    def __init__(self, tmp: Path, text: str = STACK) -> None:
        self.harness, self.folder = CloudHarness(), tmp
        tmp.mkdir(parents=True, exist_ok=True)
        self.allowed = Allowed(revert=ALL)
        self.text = text
        self.gates: Gates | None = None
        self.pool: AccountPool | None = None
        assert self.harness.apply(self.stack()).exit_code == 0
        self.harness.cloud.forget_quota()
        self.writes: list[http.Request] = []
        self.before_apply: Callable[[], None] = lambda: None

    def stack(self) -> Stack:
        """The stack of the files as they are now. Stops with their mistakes."""
        file = self.folder / "stack.yaml"
        file.write_text(self.text, encoding="utf-8")
        return loader.load_stack(file, environment=None).stack

    @property
    def memory(self) -> Memory:
        return memory.read(self.harness.store.notes.read(memory.NOTE))

    def change(self, action: str, kind: str, name: str, /, **values: object) -> None:
        """Somebody changes the account by hand."""
        self.harness.cloud.change(lambda world: edit(world, action, kind, name, values))

    def wait(self, minutes: float) -> None:
        self.harness.clock.advance(minutes * 60)
        self.harness.cloud.forget_quota()

    def look(self) -> Passed:
        """One pass. `writes` has what it sent besides reads."""
        harness = self.harness
        begin = len(harness.sends)
        run = context.Run(
            id="watch",
            holder=ports.Holder("watcher", "lab", 1, "watch", harness.clock.time()),
            nonce=harness.nonce,
            interrupts=Interrupts(harness),
            again="reconciler watch",
            wait=False,
        )
        watched = watch_pass.Watched(
            title="shop",
            load=self.stack,
            store=harness.store,
            allowed=self._allowed,
            concurrent=lambda: None,
            gates=self.gates,
        )
        connection = replace(harness.connection(), pool=self.pool)
        passed = watch_pass.watch(watched, connection, run, lambda event: None)
        sent = [request for _, request in harness.sends[begin:]]
        self.writes = [request for request in sent if request.method != "GET"]
        return passed

    def _allowed(self, state: State | None) -> Allowed:
        return self.allowed
