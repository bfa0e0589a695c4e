"""Another key than the state was written with: it goes on where it shows an object of ours, and is
noted (safety#account).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.commands import context
from reconciler.commands import plan as planning
from reconciler.model.abort import Abort
from reconciler.model.events import Event, StepDone
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.faults import Fault
from reconciler.simulator.kinds.records import Firewall
from tests.cloud_harness import CloudHarness

STACK = """\
version: 1
stack: shop
firewalls:
  web:
    rules:
      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}
"""


class OtherKey(CloudHarness):
    """The same account by a key that is another from now on."""

    digest = "lab"

    def connection(self) -> context.Connection:
        """With the digest of the key that is used."""
        return replace(super().connection(), account=self.digest)


def test_the_next_apply_records_a_new_key_even_if_nothing_else_changes(tmp_path: Path) -> None:
    harness = OtherKey()
    stack = harness.stack(STACK, tmp_path)
    assert harness.apply(stack).exit_code == 0
    assert harness.state is not None and harness.state.account == "lab"
    serial = harness.state.serial

    harness.digest = "new"
    assert [
        problem.code
        for problem in planning.plan(
            stack, harness.connection(), harness.store, PlanOptions()
        ).problems
    ] == ["account"]
    assert harness.state.account == "lab", "a plan writes nothing"
    assert harness.apply(stack).exit_code == 0
    assert (harness.state.account, harness.state.serial) == ("new", serial + 1)
    assert not planning.plan(stack, harness.connection(), harness.store, PlanOptions()).problems
    assert harness.apply(stack).exit_code == 0 and harness.state.serial == serial + 1, "noted once"


def test_a_key_that_shows_nothing_of_ours_stops_everything(tmp_path: Path) -> None:
    harness = OtherKey()
    stack = harness.stack(STACK, tmp_path)
    assert harness.apply(stack).exit_code == 0
    before, sent = harness.state, len(harness.sends)
    harness.digest, harness.cloud = "another", Cloud(clock=harness.clock.time)
    with pytest.raises(Abort) as stop:
        harness.apply(stack)
    assert stop.value.exit_code == 5 and harness.state == before
    assert {request.method for _, request in harness.sends[sent:]} == {"GET"}


class _Killed(BaseException):
    """The process is no more."""


class _DiesAtTheFirstStep(list[Event]):
    def append(self, event: Event) -> None:
        if isinstance(event, StepDone):
            raise _Killed


def test_a_first_run_that_was_killed_has_noted_whose_its_objects_are(tmp_path: Path) -> None:
    # Goal: with a state that did not say so yet, the next run went on with the keys of another
    # account, and made the rest there.
    harness = OtherKey()
    stack = harness.stack(STACK, tmp_path)
    harness.events = _DiesAtTheFirstStep()
    with pytest.raises(_Killed):
        harness.apply(stack)
    harness.events = []
    harness.store.disk.reboot()
    assert harness.state is not None and harness.state.entries
    harness.digest, harness.cloud = "another", Cloud(clock=harness.clock.time)
    harness.cloud.change(lambda world: world.put(Firewall("FIREWALL-theirs", "office", None, "N")))
    with pytest.raises(Abort) as stop:
        harness.apply(stack)
    assert stop.value.exit_code == 5 and harness.state.account == "lab"


def test_an_object_that_an_open_request_has_made_shows_that_a_new_key_is_of_the_same_account(
    tmp_path: Path,
) -> None:
    # Goal: after a first run whose only answer was lost the state holds no object yet, and a new
    # key must not be refused for that.
    harness = OtherKey(
        faults=(Fault("answer_lost", method="POST", route="createSecurityGroup", nth=1),)
    )
    stack = harness.stack(STACK, tmp_path)
    harness.interrupted = lambda: bool(harness.cloud.snapshot().firewalls)
    assert harness.apply(stack, wait=False).exit_code == 130
    assert harness.state is not None and harness.state.open and not harness.state.entries
    harness.interrupted, harness.digest = (lambda: False), "new"
    assert harness.apply(stack).exit_code == 0
    assert harness.state.account == "new" and len(harness.cloud.snapshot().firewalls) == 1
