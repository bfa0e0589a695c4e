"""Two machines with copies of one state: wherever the apply of the other one falls, no object of
the stack stands untracked and unsaid.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.model import http
from reconciler.model.abort import Abort
from reconciler.model.resource import Stack
from tests.cloud_harness import CloudHarness
from tests.doubles.memory_store import MemoryStore
from tests.faults.stacks import ONE, WALL


class Second(CloudHarness):
    """A machine; another one, whose state is a copy of the empty state of this one, applies the
    same file before its n-th request.
    """

    def __init__(self, place: int | None = None) -> None:
        super().__init__()
        self.place, self.requests = place, 0
        self.other: MemoryStore | None = None
        self.wanted: Stack | None = None

    def _send(self, request: http.Request) -> http.Response:
        self.requests += 1
        if self.requests == self.place and self.wanted is not None:
            mine, self.store = self.store, MemoryStore()
            with suppress(Abort):  # it has seen what this machine made
                self.apply(self.wanted)
            self.other, self.store = self.store, mine
        return super()._send(request)


def told(harness: CloudHarness, stack: Stack) -> set[str]:
    """The ids that the plan of a machine names as objects of the stack that its state does not
    hold.
    """
    found = harness.plan(stack).problems
    return {
        word
        for problem in found
        if problem.code in ("untracked", "state-missing")
        for word in problem.message.split()
        if "-" in word
    }


@pytest.mark.parametrize("text", [ONE, WALL], ids=["one server", "a server behind a firewall"])
def test_each_plan_names_untracked_objects_of_another_machine(text: str, tmp_path: Path) -> None:
    calm = Second()
    stack = calm.stack(text, tmp_path)
    calm.apply(stack)
    twice = 0
    for place in range(1, calm.requests + 1):
        harness = Second(place)
        harness.wanted = stack
        with suppress(Abort):
            harness.apply(stack)
        world = harness.cloud.snapshot()
        made = set(world.instances) | set(world.firewalls)
        assert harness.other is not None
        for store in (harness.store, harness.other):
            harness.store, state = store, store.read()
            tracked = set() if state is None else {entry.id for entry in state.entries.values()}
            assert made - tracked <= told(harness, stack), f"request {place}"
        twice += len(world.instances) == 2
    assert twice, "the two were at work at once at one place at least"
