"""What a request of unknown outcome holds back: its own address and what depends on it, nothing else (SPEC 5, state)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.state import Deposed, Intent, Phase
from tests.builders import Case, firewall, nothing, rule, server, settled, told, volume


def sent(operation: str, address: str, *, target: str | None = None, **inputs: Any) -> Intent:
    """A request of an earlier run."""
    return Intent(5, "run-0", f"{operation} {address}", address, operation, target, inputs, None, 1_767_225_600)


ROWS: list[tuple[str, Case, str | None, list[str], list[str]]] = [
    (
        "a server, and the volume that is to be on it",
        nothing(server("web"), volume("data", on="web"), server("db")).unsettled(sent("instance.create", "instances.web"), "unknown"),
        "unknown",
        ["instance.create instances.db"],
        ["decide instances.web", "blocked block_storages.data"],
    ),
    (
        "a firewall, and the server that is to stand behind it",
        nothing(server("web", firewall="web"), firewall("web"), rule("web"), server("db")).unsettled(
            sent("firewall.create", "firewalls.web"), None
        ),
        None,
        ["instance.create instances.db"],
        ["decide firewalls.web", "decide firewalls.web.rules.https", "blocked instances.web"],
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
        "an edit of a server: its other edits wait, its firewall's rules do not",
        settled(server("web", firewall="web"), firewall("web"), rule("web"))
        .edit("instances.web", name="front", flavor="big")
        .add(rule("web", "http", ports="80"))
        .unsettled(sent("instance.resize", "instances.web", target="i-web", flavor="big"), "unknown"),
        "unknown",
        ["rule.create firewalls.web.rules.http"],
        ["decide instances.web"],
    ),
    (
        "a volume on the way: the server that it is on is not removed",
        settled(server("web"), server("db"), volume("data", on="web"))
        .leave_out("instances.web")
        .edit("block_storages.data", instance="db")
        .unsettled(sent("block_storage.detach", "block_storages.data", target="v-data", instance="i-web"), "unknown"),
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


@pytest.mark.parametrize(("name", "case", "result", "steps", "held"), ROWS, ids=[row[0] for row in ROWS])
def test_doubt_holds_back_its_address_and_what_depends_on_it(
    name: str, case: Case, result: str | None, steps: list[str], held: list[str]
) -> None:
    found = told(case.plan())
    assert found.steps == steps
    assert sorted(line for line in found.changes if line.startswith(("decide", "blocked"))) == sorted(held)


def test_what_the_cloud_has_taken_is_no_doubt() -> None:
    case = settled(server("web")).edit("instances.web", name="front")
    case = case.unsettled(sent("instance.resize", "instances.web", target="i-web", flavor="small"), "accepted")
    assert told(case.plan()).steps == ["instance.update instances.web"]


def test_what_the_cloud_still_works_on_is_waited_for_before_anything_else() -> None:
    case = settled(server("web")).edit("instances.web", flavor="big").outside("instances.web", ready=False, power=None)
    case = case.unsettled(sent("instance.resize", "instances.web", target="i-web", flavor="big"), "accepted")
    assert told(case.plan()).steps == ["instance.wait instances.web", "instance.resize instances.web"]


def test_what_is_under_way_is_waited_for_where_nothing_else_is_to_be_done() -> None:
    case = settled(server("web", power="off")).outside("instances.web", ready=False, power=None)
    assert told(case.plan()).steps == [], "somebody else works on it"
    case = case.unsettled(sent("instance.stop", "instances.web", target="i-web"), "accepted")
    assert told(case.plan()).steps == ["instance.wait instances.web"]


@pytest.mark.parametrize("destroy", [True, False])
def test_a_request_at_an_address_that_nothing_has_is_told(destroy: bool) -> None:
    # It may have made something, which neither the file nor the state would ever name.
    case = settled(server("web")).unsettled(sent("instance.create", "instances.gone"), "unknown")
    found = told(case.plan(destroy=destroy))
    assert "error open-intent instances.gone" in found.problems
    assert found.steps == (["instance.delete instances.web"] if destroy else [])


def test_a_server_that_we_stopped_is_started_again_though_the_file_does_not_manage_its_power() -> None:
    off = settled(server("web")).outside("instances.web", power="off", status="off")
    assert told(off.plan()).steps == [], "somebody else turned it off"
    stopped = off.remember("instances.web", stopped=True)
    assert told(stopped.plan()).steps == ["instance.start instances.web"]
    resized = stopped.edit("instances.web", flavor="big")
    plan = resized.plan()
    assert told(plan).steps == ["instance.resize instances.web", "instance.start instances.web"]
    assert plan.steps[1].even_if == ("instance.resize instances.web",), "also where the resize fails"
    assert told(stopped.edit("instances.web", power="off").plan()).steps == [], "as the file wants it now"
    assert not told(settled(server("web")).remember("instances.web", stopped=True).plan()).steps, "it runs"


OLD = Deposed("instances.web", "instances", "i-old", phase=Phase.DELETING)


@pytest.mark.parametrize(
    ("name", "old", "options", "buried", "problems"),
    [
        ("deleted by us, and gone", OLD, {}, ["i-old"], []),
        ("deleted by us, gone is not proved yet", OLD, {"unproved": frozenset({"i-old"})}, [], ["error incomplete instances.web"]),
        (
            "deleted by us, and said to be gone",
            OLD,
            {"unproved": frozenset({"i-old"}), "accept": (("gone", "instances.web"),)},
            ["i-old"],
            [],
        ),
        ("missing, and not by us", replace(OLD, phase=Phase.READY), {}, [], ["error missing-object instances.web"]),
        ("missing, and said to be gone", replace(OLD, phase=Phase.READY), {"accept": (("gone", "instances.web"),)}, ["i-old"], []),
    ],
)
def test_an_old_object_leaves_the_state_when_it_is_gone(
    name: str, old: Deposed, options: dict[str, Any], buried: list[str], problems: list[str]
) -> None:
    plan = settled(server("web")).left_behind(old).plan(**options)
    assert [effect.bury for effect in plan.records if effect.bury] == buried
    assert told(plan).problems == problems


@pytest.mark.parametrize("kind", ["instances.web", "block_storages.data"])
def test_what_an_earlier_run_still_deletes_is_waited_for_and_made_anew(kind: str) -> None:
    case = settled(server("web"), volume("data", on=None) if kind.startswith("block") else server("db"))
    case = case.remember(kind, phase=Phase.DELETING)
    if kind.startswith("block"):
        case = case.edit(kind, instance="web")
    steps = told(case.plan()).steps
    assert [step.split(" ")[0].split(".")[1] for step in steps] == ["delete", "create"]
    assert not told(case.plan()).consents, "its deletion was agreed to"
