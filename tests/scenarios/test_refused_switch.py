"""From one firewall to another where the cloud takes one at a time: a server that was taken off the old one does not stay without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler import wire
from reconciler.core.events import Told
from tests.lab import Lab, shown
from tests.scenarios.test_when_things_go_wrong import HEAD

GROUPS = "firewalls:\n" + "".join(
    f"  {key}: {{rules: {{ssh: {{direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}}}}}\n" for key in ("one", "two")
)
FULL = {"code": "0x17", "error_code": "LIMIT_EXCEEDED", "message": "full", "result": "error"}


class FullLab(Lab):
    """A cloud that lets no server behind the group `full` once it is free."""

    full: str | None = None

    def _send(self, request: wire.Request) -> wire.Response:
        server = json.loads(request.body)["instance_id"] if request.path == f"/v1/security-groups/{self.full}/attach" else None
        if server is not None and not any(member == server for _, member in self.cloud.snapshot().memberships):
            self.sends.append((self.clock.time(), request))
            return wire.Response(400, (), json.dumps(FULL).encode())
        return super()._send(request)


def behind(a: str, b: str) -> str:
    return HEAD + f"instances:\n  a: {{firewall: {a}}}\n  b: {{firewall: {b}}}\n" + GROUPS


@pytest.mark.parametrize("known", [False, True], ids=["the way is not known", "it is known"])
def test_a_server_whose_new_firewall_is_refused_goes_back_behind_the_old_one(known: bool, tmp_path: Path) -> None:
    # Goal: a yes was given to some seconds without a firewall, not to a server that stands open until somebody looks.
    lab = FullLab()
    lab.apply(lab.stack(behind("one", "one"), tmp_path))
    now = "one"
    if known:
        now = "two"
        assert lab.apply(lab.stack(behind("one", now), tmp_path)).exit_code == 0
        assert lab.state is not None and lab.state.facts["attach"] == "refuse"
    assert lab.state is not None
    one, lab.full = lab.state.entries["firewalls.one"].id, lab.state.entries["firewalls.two"].id
    stack = lab.stack(behind("two", now), tmp_path)
    result = lab.apply(stack)
    assert result.exit_code == 3 and result.failed["firewall.attach instances.a"].error_code == "LIMIT_EXCEEDED"
    assert lab.state is not None and not lab.state.open and lab.state.facts.get("attach", "refuse") == "refuse"
    assert (one, lab.state.entries["instances.a"].id) in lab.cloud.snapshot().memberships
    assert any(isinstance(event, Told) and "goes back" in event.message for event in lab.events)
    lab.full = None
    assert lab.apply(stack).exit_code == 0 and shown(lab.plan(stack)) == []
