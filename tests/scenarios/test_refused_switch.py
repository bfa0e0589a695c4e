"""From one firewall to another where the cloud takes one at a time: a server that was taken off the
old one does not stay without any.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.model import http
from reconciler.model.events import Message
from reconciler.simulator.kinds.records import Membership
from reconciler.simulator.world import World
from tests.cloud_harness import CloudHarness, shown
from tests.scenarios.test_second_look import id_of, meanwhile
from tests.scenarios.test_when_things_go_wrong import HEAD

GROUPS = "firewalls:\n" + "".join(
    f"  {key}: {{rules: {{ssh: {{direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}}}}}\n"
    for key in ("one", "two")
)
FULL = {"code": "0x17", "error_code": "LIMIT_EXCEEDED", "message": "full", "result": "error"}


class FullLab(CloudHarness):
    """A cloud that lets no server behind the group `full` once it is free."""

    full: str | None = None

    def _send(self, request: http.Request) -> http.Response:
        server = (
            json.loads(request.body)["instance_id"]
            if request.path == f"/v1/security-groups/{self.full}/attach"
            else None
        )
        if server is not None and not any(
            member == server for _, member in self.cloud.snapshot().memberships
        ):
            self.sends.append((self.clock.time(), request))
            return http.Response(400, (), json.dumps(FULL).encode())
        return super()._send(request)


def behind(a: str, b: str) -> str:
    return HEAD + f"instances:\n  a: {{firewall: {a}}}\n  b: {{firewall: {b}}}\n" + GROUPS


@pytest.mark.parametrize("known", [False, True], ids=["the way is not known", "it is known"])
def test_a_server_whose_new_firewall_is_refused_goes_back_behind_the_old_one(
    known: bool, tmp_path: Path
) -> None:
    # Goal: a yes was given to some seconds without a firewall, not to a server that stands open
    # until somebody looks.
    harness = FullLab()
    harness.apply(harness.stack(behind("one", "one"), tmp_path))
    now = "one"
    if known:
        now = "two"
        assert harness.apply(harness.stack(behind("one", now), tmp_path)).exit_code == 0
        assert harness.state is not None and harness.state.facts["attach"] == "refuse"
    assert harness.state is not None
    one, harness.full = (
        harness.state.entries["firewalls.one"].id,
        harness.state.entries["firewalls.two"].id,
    )
    stack = harness.stack(behind("two", now), tmp_path)
    result = harness.apply(stack)
    assert (
        result.exit_code == 3
        and result.failed["firewall.attach instances.a"].error_code == "LIMIT_EXCEEDED"
    )
    assert (
        harness.state is not None
        and not harness.state.open
        and harness.state.facts.get("attach", "refuse") == "refuse"
    )
    assert (one, harness.state.entries["instances.a"].id) in harness.cloud.snapshot().memberships
    assert any(
        isinstance(event, Message) and "reattaching" in event.message for event in harness.events
    )
    harness.full = None
    assert harness.apply(stack).exit_code == 0 and shown(harness.plan(stack)) == []


def one_way(tmp: Path, harness: CloudHarness, *, known: bool) -> CloudHarness:
    """Two servers behind `one`; where it is `known`, `b` has been switched to `two`, so that plans
    detach first.
    """
    assert harness.apply(harness.stack(behind("one", "one"), tmp)).exit_code == 0
    if known:
        assert harness.apply(harness.stack(behind("one", "two"), tmp)).exit_code == 0
    return harness


def memberships(harness: CloudHarness) -> set[tuple[str, str]]:
    """Who is behind what, by address."""
    assert harness.state is not None
    names = {entry.id: address for address, entry in harness.state.entries.items()}
    return {(names[group], names[server]) for group, server in harness.cloud.snapshot().memberships}


def posts(harness: CloudHarness, since: int) -> list[str]:
    """The last words of the writes sent since then."""
    return [
        request.path.rsplit("/", 1)[-1]
        for _, request in harness.sends[since:]
        if request.method != "GET"
    ]


@pytest.mark.parametrize("known", [False, True], ids=["the way is not known", "it is known"])
@pytest.mark.parametrize("reads", [0, 1], ids=["at the answer", "when the list shows it"])
def test_an_interrupt_within_a_switch_names_the_server_that_the_next_run_closes_first(
    known: bool, reads: int, tmp_path: Path
) -> None:
    # Goal: Ctrl-C leaves no server open in silence; what else is to be done comes after it
    # (safety#exposed-instances).
    harness = one_way(tmp_path, CloudHarness(), known=known)
    since = len(harness.sends)

    def interrupted() -> bool:
        paths = [request.path.rsplit("/", 1)[-1] for _, request in harness.sends[since:]]
        return "detach" in paths and len(paths) - paths.index("detach") > reads

    harness.interrupted = interrupted
    result = harness.apply(harness.stack(behind("two", "two" if known else "one"), tmp_path))
    assert result.exit_code == 130 and ("firewalls.two", "instances.a") not in memberships(harness)
    said = next(problem.message for problem in result.problems if problem.code == "interrupted")
    assert said.startswith("instances.a ") and "no firewall" in said and "apply" in said
    harness.interrupted, since = (lambda: False), len(harness.sends)
    more = "".join(f"  c{number}: {{}}\n" for number in range(3))
    text = behind("two", "two").replace("firewalls:\n", more + "firewalls:\n")
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    assert posts(harness, since)[0] == "attach" and ("firewalls.two", "instances.a") in memberships(
        harness
    )


class DeafLab(FullLab):
    """A cloud that takes an attach to `deaf` and does nothing, or does not answer it at all."""

    deaf: str | None = None
    silent = False

    def _send(self, request: http.Request) -> http.Response:
        if request.path == f"/v1/security-groups/{self.deaf}/attach":
            server = json.loads(request.body)["instance_id"]
            if not any(member == server for _, member in self.cloud.snapshot().memberships):
                self.sends.append((self.clock.time(), request))
                if self.silent:
                    raise http.WireError("cut", sent=True)
                return http.Response(
                    200,
                    (),
                    b'{"code": "0x00", "error_code": "SUCCESS", "message": "", "result": []}',
                )
        return super()._send(request)


@pytest.mark.parametrize("known", [False, True], ids=["the way is not known", "it is known"])
@pytest.mark.parametrize("silent", [False, True], ids=["it never shows", "no answer"])
def test_a_server_whose_new_firewall_does_not_show_is_named_and_closed_by_the_next_run(
    silent: bool, known: bool, tmp_path: Path
) -> None:
    # Goal: a failed step among others does not say that a server stands open; the run says so in
    # its own words.
    harness = DeafLab()
    one_way(tmp_path, harness, known=known)
    assert harness.state is not None
    harness.deaf, harness.silent = harness.state.entries["firewalls.two"].id, silent
    stack = harness.stack(behind("two", "two" if known else "one"), tmp_path)
    result = harness.apply(stack, wait=False)
    assert result.exit_code == 3
    said = next(problem.message for problem in result.problems if problem.code == "exposed")
    assert said.startswith("instances.a may have no firewall")
    harness.deaf, since = None, len(harness.sends)
    assert harness.apply(stack).exit_code == 0 and posts(harness, since) == ["attach"]
    assert ("firewalls.two", "instances.a") in memberships(harness) and shown(
        harness.plan(stack)
    ) == []


def test_a_server_behind_another_firewall_is_not_reported_as_unprotected(
    tmp_path: Path,
) -> None:
    # Goal: the cloud refuses a second one with the reason; nothing stands open.
    harness = CloudHarness()
    assert (
        harness.apply(
            harness.stack(behind("one", "one").replace("a: {firewall: one}", "a: {}"), tmp_path)
        ).exit_code
        == 0
    )
    harness.plans = meanwhile(
        harness,
        lambda world: world.put(
            Membership(id_of(harness, "firewalls.two"), id_of(harness, "instances.a"))
        ),
    )
    result = harness.apply(harness.stack(behind("one", "one"), tmp_path))
    assert (
        result.failed["firewall.attach instances.a"].error_code == "IN_USE"
        and result.problems == ()
    )


THREE = "  three:\n    rules:\n      db: {direction: in, protocol: tcp, ports: 3306, cidr: 10.0.0.0/8}\n"


@pytest.mark.parametrize("known", [False, True], ids=["the way is not known", "it is known"])
@pytest.mark.parametrize("mode", ["single_refuse", "single_replace", "many"])
def test_a_server_that_somebody_has_moved_to_a_third_firewall_meanwhile_stays_there(
    mode: str, known: bool, tmp_path: Path
) -> None:
    # Goal: the attach would overwrite that move, or leave the server behind two, and what was
    # learned of it would be wrong.
    harness = CloudHarness(switches={"attach_mode": mode})
    assert harness.apply(harness.stack(behind("one", "one") + THREE, tmp_path)).exit_code == 0
    now = "two" if known else "one"
    assert harness.apply(harness.stack(behind("one", now) + THREE, tmp_path)).exit_code == 0
    a, one, three = (
        id_of(harness, "instances.a"),
        id_of(harness, "firewalls.one"),
        id_of(harness, "firewalls.three"),
    )

    def move(world: World) -> None:
        world.remove("membership", (one, a))
        world.put(Membership(three, a))

    assert harness.state is not None
    learned = dict(harness.state.facts)
    harness.plans, stack = (
        meanwhile(harness, move),
        harness.stack(behind("two", now) + THREE, tmp_path),
    )
    assert harness.apply(stack).exit_code == 3
    assert {group for group, server in memberships(harness) if server == "instances.a"} == {
        "firewalls.three"
    }
    assert harness.state.facts == learned
    harness.plans = []
    assert shown(harness.plan(stack)) == ["attach instances.a"]
    assert harness.apply(stack).exit_code == 0 and shown(harness.plan(stack)) == []


@pytest.mark.parametrize("second", ["two", "three"])
def test_a_server_that_somebody_has_put_behind_a_second_firewall_is_taken_off_it(
    second: str, tmp_path: Path
) -> None:
    # Goal: a file names one firewall a server; a second one is shown as drift, whatever the order
    # of the lists, and an apply ends it.
    harness = CloudHarness(switches={"attach_mode": "many"})
    stack = harness.stack(behind("two" if second == "three" else "one", "one") + THREE, tmp_path)
    assert harness.apply(stack).exit_code == 0
    a, other, before = (
        id_of(harness, "instances.a"),
        id_of(harness, f"firewalls.{second}"),
        memberships(harness),
    )
    harness.cloud.change(lambda world: world.put(Membership(other, a)))
    plan = harness.plan(stack)
    assert [(row.address, row.fields[0].after) for row in plan.drift] == [
        (plan.steps[0].address, f"firewalls.{second}")
    ]
    since = len(harness.sends)
    assert harness.apply(stack, accept=()).exit_code == 0 and posts(harness, since) == ["detach"]
    assert memberships(harness) == before and shown(harness.plan(stack)) == []


def test_a_switch_that_was_interrupted_while_the_server_was_behind_both_is_ended_by_the_next_run(
    tmp_path: Path,
) -> None:
    # Goal: the state says that the new one is there; the old one was left for good, and the next
    # plan had nothing to say of it.
    harness = CloudHarness(switches={"attach_mode": "many"})
    one_way(tmp_path, harness, known=True)
    since = len(harness.sends)
    harness.interrupted = lambda: "attach" in posts(harness, since)
    stack = harness.stack(behind("two", "two"), tmp_path)
    assert harness.apply(stack).exit_code == 130 and posts(harness, since) == ["attach"]
    harness.interrupted = lambda: False
    harness.clock.advance(60)
    assert harness.apply(stack).exit_code == 0
    assert (
        memberships(harness) == {("firewalls.two", "instances.a"), ("firewalls.two", "instances.b")}
        and shown(harness.plan(stack)) == []
    )
