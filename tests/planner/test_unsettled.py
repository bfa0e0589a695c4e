"""What a request of unknown outcome holds back: its own address and what depends on it, nothing
else (safety#requests).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.model.resource import Move, Removal
from reconciler.model.state import Deposed, Intent, Phase
from reconciler.planner.estimate import unmanaged
from tests.builders import Case, at, firewall, nothing, rule, server, settled, told, volume


def sent(operation: str, address: str, *, target: str | None = None, **inputs: Any) -> Intent:
    """A request of an earlier run."""
    return Intent(
        5,
        "run-0",
        f"{operation} {address}",
        address,
        operation,
        target,
        inputs,
        None,
        1_767_225_600,
    )


ROWS: list[tuple[str, Case, str | None, list[str], list[str]]] = [
    (
        "a server, and the volume that is to be on it",
        nothing(server("web"), volume("data", on="web"), server("db")).unsettled(
            sent("instance.create", "instances.web"), "unknown"
        ),
        "unknown",
        ["instance.create instances.db"],
        ["decide instances.web", "blocked block_storages.data"],
    ),
    (
        "a firewall, and the server that is to stand behind it",
        nothing(
            server("web", firewall="web"), firewall("web"), rule("web"), server("db")
        ).unsettled(sent("firewall.create", "firewalls.web"), None),
        None,
        ["instance.create instances.db"],
        ["decide firewalls.web", "blocked firewalls.web.rules.https", "blocked instances.web"],
    ),
    (
        "a rule alone: its firewall and the others go on",
        settled(firewall("web"), rule("web", "https"))
        .add(rule("web", "http", ports="80"), rule("web", "dns", ports="53"))
        .unsettled(sent("rule.create", "firewalls.web.rules.http", firewall="f-web"), "unknown"),
        "unknown",
        ["rule.create firewalls.web.rules.dns"],
        ["decide firewalls.web.rules.http"],
    ),
    (
        "an edit of a firewall: the rules that differ wait, and only they",
        settled(
            firewall("web"),
            rule("web", "https"),
            rule("web", "ssh", ports="22"),
            rule("web", "old", ports="81"),
        )
        .leave_out("firewalls.web.rules.old")
        .edit("firewalls.web.rules.ssh", ports="2222")
        .add(rule("web", "http", ports="80"), server("db"))
        .unsettled(
            sent("firewall.update", "firewalls.web", target="f-web", name="front"), "unknown"
        ),
        "unknown",
        ["instance.create instances.db"],
        [
            "decide firewalls.web",
            "blocked firewalls.web.rules.http",
            "blocked firewalls.web.rules.old",
            "blocked firewalls.web.rules.ssh",
        ],
    ),
    (
        "an edit of a server: its other edits wait, its firewall's rules do not",
        settled(server("web", firewall="web"), firewall("web"), rule("web"))
        .edit("instances.web", name="front", flavor="big")
        .add(rule("web", "http", ports="80"))
        .unsettled(
            sent("instance.resize", "instances.web", target="i-web", flavor="big"), "unknown"
        ),
        "unknown",
        ["rule.create firewalls.web.rules.http"],
        ["decide instances.web"],
    ),
    (
        "a volume on the way: the server that it is on is not removed",
        settled(server("web"), server("db"), volume("data", on="web"))
        .leave_out("instances.web")
        .edit("block_storages.data", instance="db")
        .unsettled(
            sent("block_storage.detach", "block_storages.data", target="v-data", instance="i-web"),
            "unknown",
        ),
        "unknown",
        [],
        ["decide block_storages.data", "blocked instances.web"],
    ),
    (
        "what depends on it by the file's own word",
        nothing(server("web"), server("db", after=("instances.web",)), server("log")).unsettled(
            sent("instance.create", "instances.web"), "unknown"
        ),
        "unknown",
        ["instance.create instances.log"],
        ["decide instances.web", "blocked instances.db"],
    ),
]


ASKED: dict[str, Any] = {"zone": "z1", "flavor": "small", "image": "ubuntu", "name": "shop-app"}
DISK: dict[str, Any] = {"type": "ssd", "size": 100, "instance": "i-web", "name": "shop-data"}
TRAFFIC = {
    "firewall": "f-web",
    "direction": "in",
    "protocol": "tcp",
    "ports": "443",
    "cidr": "0.0.0.0/0",
    "title": "https",
}
SERVER = sent("instance.create", "instances.app", **ASKED)
WALL = settled(firewall("web"))

ELSEWHERE: list[tuple[str, Case, list[str]]] = [
    ("a server", nothing(server("front")).unsettled(SERVER, "unknown"), ["decide instances.front"]),
    (
        "a server with a key",
        nothing(server('app["a"]')).unsettled(SERVER, None),
        ['decide instances.app["a"]'],
    ),
    (
        "a server that got a count",
        nothing(server("app[0]")).unsettled(SERVER, None),
        ["decide instances.app[0]"],
    ),
    (
        "a server of another flavor and the same name",
        nothing(server("front", flavor="big", name="shop-app")).unsettled(SERVER, None),
        ["decide instances.front"],
    ),
    (
        "a volume on the same server",
        settled(server("web"))
        .add(volume("disk"))
        .unsettled(sent("block_storage.create", "block_storages.data", **DISK), None),
        ["decide block_storages.disk"],
    ),
    (
        "a firewall, with its rules",
        nothing(firewall("edge"), rule("edge")).unsettled(
            sent("firewall.create", "firewalls.web", name="shop-web"), None
        ),
        ["decide firewalls.edge", "blocked firewalls.edge.rules.https"],
    ),
    (
        "a rule that lets the same traffic through",
        WALL.add(rule("web", "tls")).unsettled(
            sent("rule.create", "firewalls.web.rules.https", **TRAFFIC), None
        ),
        ["decide firewalls.web.rules.tls"],
    ),
]


@pytest.mark.parametrize(
    ("case", "held"), [row[1:] for row in ELSEWHERE], ids=[row[0] for row in ELSEWHERE]
)
def test_a_create_in_doubt_holds_back_what_may_be_the_same_object_elsewhere(
    case: Case, held: list[str]
) -> None:
    # Goal: the file gives the object another address while nobody knows whether it exists: a second
    # one must not be created.
    plan = case.plan()
    assert (sorted(told(plan).changes), plan.steps) == (sorted(held), ())
    doubt = next(
        problem for problem in plan.problems if problem.address == held[0].split(" ", 1)[1]
    )
    assert (doubt.code, doubt.hint) == ("open-intent", "reconciler recover")
    assert next(iter(case.open.values()))[0].address in doubt.message


def test_a_rename_stops_before_the_rest_of_a_resource_in_doubt_is_deleted() -> None:
    # Goal: of two servers one is there and the other is in doubt. A new name without `moved` must
    # not delete the one that is there, only because the other has no entry yet.
    case = (
        settled(server("app[0]"))
        .leave_out("instances.app[0]")
        .add(server("front[0]"), server("front[1]"))
    )
    case = case.unsettled(sent("instance.create", "instances.app[1]", **ASKED), None)
    plan = case.plan()
    assert plan.steps == ()
    (problem,) = [each for each in plan.problems if each.code == "rename"]
    assert "moved: [{from: instances.app, to: instances.front}]" in str(problem.hint)


@pytest.mark.parametrize("said", [True, False])
def test_an_unsettled_create_follows_a_moved_line(said: bool) -> None:
    # A move is certain: also an object of another flavor waits. Its old address is not reported
    # beside the new one.
    case = nothing(server("front", flavor="big")).unsettled(SERVER, "unknown")
    lines = (Move(at("instances.app"), at("instances.front")),) if said else ()
    found = told(replace(case, extra={"moved": lines}).plan())
    assert found.steps == ([] if said else ["instance.create instances.front"])
    assert found.problems == (
        ["error open-intent instances.front"] if said else ["error open-intent instances.app"]
    )


DIFFERENT: list[tuple[str, Case, str]] = [
    (
        "a server of another flavor",
        nothing(server("front", flavor="big")).unsettled(SERVER, None),
        "instance.create instances.front",
    ),
    (
        "a volume on another server",
        settled(server("web"), server("db"))
        .add(volume("disk", on="db"))
        .unsettled(sent("block_storage.create", "block_storages.data", **DISK), None),
        "block_storage.create block_storages.disk",
    ),
    (
        "a rule for other traffic",
        WALL.add(rule("web", "ssh", ports="22")).unsettled(
            sent("rule.create", "firewalls.web.rules.https", **TRAFFIC), None
        ),
        "rule.create firewalls.web.rules.ssh",
    ),
    (
        "one more of a count, beside the one in doubt",
        nothing(server("app[0]"), server("app[1]")).unsettled(
            sent("instance.create", "instances.app[0]", **ASKED), None
        ),
        "instance.create instances.app[1]",
    ),
    (
        "what the file says is no rename",
        replace(
            nothing(server("front")).unsettled(SERVER, None),
            extra={"removed": (Removal(at("instances.app"), keep=False),)},
        ),
        "instance.create instances.front",
    ),
]


@pytest.mark.parametrize(
    ("case", "step"), [row[1:] for row in DIFFERENT], ids=[row[0] for row in DIFFERENT]
)
def test_a_create_in_doubt_holds_back_nothing_that_is_another_object(case: Case, step: str) -> None:
    found = told(case.plan())
    assert found.steps == [step]
    assert f"error open-intent {next(iter(case.open.values()))[0].address}" in found.problems, (
        "the doubt itself is reported"
    )


@pytest.mark.parametrize(
    ("name", "case", "result", "steps", "held"), ROWS, ids=[row[0] for row in ROWS]
)
def test_doubt_holds_back_its_address_and_what_depends_on_it(
    name: str, case: Case, result: str | None, steps: list[str], held: list[str]
) -> None:
    found = told(case.plan())
    assert found.steps == steps
    assert sorted(
        line for line in found.changes if line.startswith(("decide", "blocked"))
    ) == sorted(held)


def test_an_accepted_request_is_not_unsettled() -> None:
    case = settled(server("web")).edit("instances.web", name="front")
    case = case.unsettled(
        sent("instance.resize", "instances.web", target="i-web", flavor="small"), "accepted"
    )
    assert told(case.plan()).steps == ["instance.update instances.web"]


def test_what_the_cloud_still_works_on_is_waited_for_before_anything_else() -> None:
    case = (
        settled(server("web"))
        .edit("instances.web", flavor="big")
        .drift("instances.web", ready=False, power=None)
    )
    case = case.unsettled(
        sent("instance.resize", "instances.web", target="i-web", flavor="big"), "accepted"
    )
    assert told(case.plan()).steps == [
        "instance.wait instances.web",
        "instance.resize instances.web",
    ]


def test_requests_under_way_are_waited_for_if_nothing_else_is_to_be_done() -> None:
    case = settled(server("web", power="off")).drift("instances.web", ready=False, power=None)
    assert told(case.plan()).steps == [], "somebody else works on it"
    case = case.unsettled(sent("instance.stop", "instances.web", target="i-web"), "accepted")
    assert told(case.plan()).steps == ["instance.wait instances.web"]


def test_rules_of_an_unsettled_firewall_need_no_decision_of_their_own() -> None:
    # Goal: one decision for the firewall, not forty errors with a way out that does nothing.
    rules = [rule("web", f"r{number}", ports=str(1000 + number)) for number in range(40)]
    plan = (
        nothing(firewall("web"), *rules)
        .unsettled(sent("firewall.create", "firewalls.web"), "unknown")
        .plan()
    )
    assert told(plan).problems == ["error open-intent firewalls.web"]
    held = [change for change in plan.changes if change.address.rule is not None]
    assert len(held) == 40 and {(change.reason, change.impact.blocked_by) for change in held} == {
        ("held back by firewalls.web", "firewalls.web")
    }


def test_an_unsettled_rule_that_the_file_no_longer_has_is_reported() -> None:
    case = settled(firewall("web"), rule("web", "ssh", ports="22"))
    plan = case.unsettled(sent("rule.create", "firewalls.web.rules.https", **TRAFFIC), None).plan()
    assert told(plan).problems == ["error open-intent firewalls.web.rules.https"]


def test_an_object_with_the_marker_of_an_unsettled_request_is_not_listed_as_unmanaged() -> None:
    case = (
        settled(server("web"))
        .foreign_object("instances", "i-other")
        .foreign_object("instances", "i-made")
    )
    row = replace(case.live["instances", "i-made"], nonce="abcdefghijkl")
    case = replace(case, live={**case.live, ("instances", "i-made"): row})
    case = case.unsettled(replace(SERVER, nonce="abcdefghijkl"), "unknown")
    assert [found.id for found in unmanaged.unmanaged(case.account(), case.state(), {})] == [
        "i-other"
    ]


@pytest.mark.parametrize("destroy", [True, False])
def test_an_unsettled_request_at_an_unknown_address_is_reported(destroy: bool) -> None:
    # It may have made something, which neither the file nor the state would ever name.
    case = settled(server("web")).unsettled(sent("instance.create", "instances.gone"), "unknown")
    found = told(case.plan(destroy=destroy))
    assert "error open-intent instances.gone" in found.problems
    assert found.steps == (["instance.delete instances.web"] if destroy else [])


def test_a_server_that_we_stopped_is_started_again_though_the_file_does_not_manage_its_power() -> (
    None
):
    off = settled(server("web")).drift("instances.web", power="off", status="off")
    assert told(off.plan()).steps == [], "somebody else turned it off"
    stopped = off.remember("instances.web", stopped=True)
    assert told(stopped.plan()).steps == ["instance.start instances.web"]
    resized = stopped.edit("instances.web", flavor="big")
    plan = resized.plan()
    assert told(plan).steps == ["instance.resize instances.web", "instance.start instances.web"]
    assert plan.steps[1].regardless_of == ("instance.resize instances.web",), (
        "also where the resize fails"
    )
    assert told(stopped.edit("instances.web", power="off").plan()).steps == [], (
        "as the file wants it now"
    )
    assert not told(settled(server("web")).remember("instances.web", stopped=True).plan()).steps, (
        "it runs"
    )


OLD = Deposed("instances.web", "instances", "i-old", phase=Phase.DELETING)


@pytest.mark.parametrize(
    ("name", "old", "options", "buried", "problems"),
    [
        ("deleted by us, and gone", OLD, {}, ["i-old"], []),
        (
            "deleted by us, gone is not proved yet",
            OLD,
            {"unproved": frozenset({"i-old"})},
            [],
            ["error incomplete instances.web"],
        ),
        (
            "deleted by us, and said to be gone",
            OLD,
            {"unproved": frozenset({"i-old"}), "accept": (("gone", "instances.web"),)},
            ["i-old"],
            [],
        ),
        (
            "missing, and not by us",
            replace(OLD, phase=Phase.READY),
            {},
            [],
            ["error missing-object instances.web"],
        ),
        (
            "missing, and said to be gone",
            replace(OLD, phase=Phase.READY),
            {"accept": (("gone", "instances.web"),)},
            ["i-old"],
            [],
        ),
    ],
)
def test_an_old_object_leaves_the_state_when_it_is_gone(
    name: str, old: Deposed, options: dict[str, Any], buried: list[str], problems: list[str]
) -> None:
    plan = settled(server("web")).left_behind(old).plan(**options)
    assert [effect.remove_deposed for effect in plan.records if effect.remove_deposed] == buried
    assert told(plan).problems == problems


@pytest.mark.parametrize("kind", ["instances.web", "block_storages.data"])
def test_an_object_that_an_earlier_run_still_deletes_is_waited_for_and_recreated(kind: str) -> None:
    case = settled(
        server("web"), volume("data", on=None) if kind.startswith("block") else server("db")
    )
    case = case.remember(kind, phase=Phase.DELETING)
    if kind.startswith("block"):
        case = case.edit(kind, instance="web")
    steps = told(case.plan()).steps
    assert [step.split(" ")[0].split(".")[1] for step in steps] == ["delete", "create"]
    assert not told(case.plan()).consents, "its deletion was agreed to"
