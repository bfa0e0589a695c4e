"""Undo: a kept state planned back to. The world is as it was then but for what the plan names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.commands import plan as planning
from reconciler.commands import undo as undoing
from reconciler.model.abort import Abort
from reconciler.model.diagnostics import Problem
from reconciler.model.plan import Plan
from reconciler.model.resource import Stack
from reconciler.planner.compare.assessment import PlanOptions
from reconciler.simulator.edits import edit
from tests.cloud_harness import CloudHarness, said, shown
from tests.doubles.memory_store import MemoryStore
from tests.scenarios.world import SHOP, world_of

BASE = (
    SHOP
    + """\
instances:
  web: {count: 2, firewall: web, description: 웹 서버}
  db: {flavor: std_4.8-g1, firewall: web, power: on}
block_storages:
  data: {type: ssd, size: 100, instance: db}
outputs:
  web_ips: {value: "${instances.web.map(w, w.public_ip)}"}
"""
)


def back(
    harness: CloudHarness, stack: Stack, serial: str = undoing.LAST
) -> tuple[Stack, PlanOptions, tuple[Problem, ...]]:
    return undoing.back(stack, harness.store, harness.kinds, PlanOptions(), serial)


def undo(harness: CloudHarness, stack: Stack, serial: str = undoing.LAST) -> Plan:
    """Plans back, checks that the plan is done whole, and gives it."""
    former, options, _ = back(harness, stack, serial)
    chosen: Mapping[str, Any] = {"undo": options.undo, "pinned": options.pinned}
    plan = harness.plan(former, **chosen)
    result = harness.apply(former, **chosen)
    assert result.exit_code == 0, (result.failed, result.skipped, said(result.problems))
    return plan


EDITS: list[tuple[str, list[tuple[str, str]], list[str]]] = [
    ("texts", [("웹 서버", "새 웹 서버")], ["update instances.web[0]", "update instances.web[1]"]),
    (
        "a bigger server",
        [("flavor: std_4.8-g1, f", "flavor: mio_4.16-g1, f")],
        ["resize instances.db"],
    ),
    ("power", [("power: on", "power: off")], ["power instances.db"]),
    (
        "rules",
        [
            ("ports: 443", "ports: 8443"),
            ("      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}\n", ""),
        ],
        ["update firewalls.web.rules.https", "create firewalls.web.rules.ssh"],
    ),
    ("one server more", [("count: 2", "count: 3")], ["delete instances.web[2]"]),
    (
        "a firewall taken off",
        [("flavor: std_4.8-g1, firewall: web", "flavor: std_4.8-g1, firewall: none")],
        ["attach instances.db"],
    ),
    ("a volume moved", [("instance: db}", 'instance: "web[1]"}')], ["detach block_storages.data"]),
    (
        "another image",
        [("power: on", 'power: on, image: {os: ubuntu, version: "24.04"}')],
        ["rebuild instances.db"],
    ),
]


@pytest.mark.parametrize(("what", "edits", "wanted"), EDITS, ids=[what for what, _, _ in EDITS])
def test_what_an_apply_did_is_undone(
    what: str, edits: list[tuple[str, str]], wanted: list[str], tmp_path: Path
) -> None:
    # Goal: apply, edit, apply, undo: the world is the one before the edit.
    harness, text = CloudHarness(), BASE
    assert harness.apply(harness.stack(text, tmp_path)).exit_code == 0
    before = world_of(harness.cloud)
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    stack = harness.stack(text, tmp_path)
    assert harness.apply(stack).exit_code == 0
    assert world_of(harness.cloud) != before or what == "another image"

    plan = undo(harness, stack)

    assert shown(plan) == wanted
    assert world_of(harness.cloud) == before
    assert harness.plan(harness.stack(BASE, tmp_path)).is_empty


def test_what_cannot_come_back_is_named_for_each_object(tmp_path: Path) -> None:
    harness = CloudHarness()
    assert harness.apply(harness.stack(BASE, tmp_path)).exit_code == 0
    before, ids = (
        world_of(harness.cloud),
        {e.address: e.id for e in harness.state.entries.values()} if harness.state else {},
    )
    less = BASE.replace("count: 2", "count: 1").replace(
        "block_storages:\n  data: {type: ssd, size: 100, instance: db}\n", ""
    )
    stack = harness.stack(less, tmp_path)
    assert harness.apply(stack).exit_code == 0

    former, options, _ = back(harness, stack)
    planned = planning.plan(former, harness.connection(), harness.store, options)
    told = {
        problem.address: problem.message for problem in planned.problems if problem.code == "undo"
    }
    undo(harness, stack)

    assert (
        told["instances.web[1]"]
        == "is created again as a new object: new id, new addresses, and an empty disk"
    )
    assert told["block_storages.data"] == "is created again as a new object: new id, and empty"
    assert world_of(harness.cloud) == before
    now = {e.address: e.id for e in harness.state.entries.values()} if harness.state else {}
    assert {address for address in ids if ids[address] != now[address]} == {
        "instances.web[1]",
        "block_storages.data",
    }


def test_an_undo_is_undone_by_another(tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(BASE, tmp_path))
    stack = harness.stack(BASE.replace("std_4.8-g1", "mio_4.16-g1"), tmp_path)
    harness.apply(stack)
    after = world_of(harness.cloud)

    undo(harness, stack)
    undo(harness, stack)

    assert world_of(harness.cloud) == after


def test_any_serial_that_was_kept_is_planned_back_to(tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(BASE, tmp_path))
    first = world_of(harness.cloud)
    assert harness.state is not None
    serial = harness.state.serial
    for count in (3, 4):
        harness.apply(harness.stack(BASE.replace("count: 2", f"count: {count}"), tmp_path))

    undo(harness, harness.stack(BASE, tmp_path), str(serial))

    assert world_of(harness.cloud) == first


def test_objects_that_were_not_managed_then_are_kept_and_reported(tmp_path: Path) -> None:
    harness = CloudHarness()
    harness.apply(harness.stack(BASE, tmp_path))
    stack = harness.stack(BASE.replace("power: on", "power: on, description: new"), tmp_path)
    harness.apply(stack)

    former, options, notices = back(harness, stack)

    assert [(n.address, n.message) for n in notices] == [
        (
            "instances.db",
            "description was not managed then; its previous value is unknown and it is left "
            "unchanged",
        )
    ]
    assert harness.plan(former, undo=options.undo, pinned=options.pinned).steps == ()


@pytest.mark.parametrize(
    ("serial", "said_"),
    [
        ("last", "nothing to undo"),
        *(
            (serial, f"the state with serial {serial} is not kept")
            for serial in ("7", "x", "²", "9" * 5000)
        ),
    ],
)
def test_a_serial_that_was_never_kept_is_a_usage_error(
    serial: str, said_: str, tmp_path: Path
) -> None:
    harness = CloudHarness()

    with pytest.raises(Abort) as stopped:
        back(harness, harness.stack(BASE, tmp_path), serial)

    assert stopped.value.exit_code == 64 and said_ in stopped.value.problems[0].message


def test_what_is_not_referred_to_any_more_is_left_as_it_is(tmp_path: Path) -> None:
    # Goal: told in the plan, not found out in the middle of an apply, when the server is off its
    # firewall.
    harness = CloudHarness()
    harness.apply(
        harness.stack(
            "version: 1\nstack: theirs\nfirewalls:\n  office: {name: office}\n", tmp_path / "theirs"
        )
    )
    harness.store = MemoryStore()
    referred = BASE.replace(
        "firewalls:\n", "existing: {firewalls: {office: {name: office}}}\nfirewalls:\n", 1
    )
    referred = referred.replace(
        "db: {flavor: std_4.8-g1, firewall: web",
        "db: {flavor: std_4.8-g1, firewall: existing.firewalls.office",
    )
    assert harness.apply(harness.stack(referred, tmp_path)).exit_code == 0
    stack = harness.stack(BASE, tmp_path)
    assert harness.apply(stack).exit_code == 0
    _, _, told = back(harness, stack)
    assert [
        str(one.address) for one in told if "existing.firewalls.office then" in one.message
    ] == ["instances.db"]
    assert undo(harness, stack).steps == ()


def test_an_object_whose_address_another_one_has_now_is_named(tmp_path: Path) -> None:
    # Goal: it does not come back, nor does what was attached to it go to the one that has its
    # address.
    harness = CloudHarness()
    head = BASE.partition("firewalls:")[0]
    disk = "block_storages:\n  data: {type: ssd, size: 100, instance: %s}\n"
    assert (
        harness.apply(
            harness.stack(head + "instances:\n  a: {}\n  b: {}\n" + disk % "a", tmp_path)
        ).exit_code
        == 0
    )
    assert harness.state is not None
    serial = str(harness.state.serial)
    assert (
        harness.apply(
            harness.stack(head + "instances:\n  b: {}\n" + disk % "none", tmp_path)
        ).exit_code
        == 0
    )
    stack = harness.stack(
        head
        + "instances:\n  a: {}\n"
        + disk % "none"
        + "moved: [{from: instances.b, to: instances.a}]\n",
        tmp_path,
    )
    assert harness.apply(stack).exit_code == 0
    _, _, told = back(harness, stack, serial)
    assert {str(one.address) for one in told} == {"instances.a", "block_storages.data"}
    assert undo(harness, stack, serial).steps == ()


def test_what_was_taken_over_since_is_let_go_of_and_not_deleted(tmp_path: Path) -> None:
    # Goal: an undo brings back what was there before, and what somebody made by hand was there.
    harness = CloudHarness()
    theirs = BASE.replace("stack: shop\n", "stack: theirs\n").partition("outputs:")[0]
    assert harness.apply(harness.stack(theirs, tmp_path / "theirs")).exit_code == 0
    ids = (
        {}
        if harness.state is None
        else {text: entry.id for text, entry in harness.state.entries.items()}
    )
    harness.store = MemoryStore()
    mine = "version: 1\nstack: mine\nfirewalls:\n  own: {icmp: true}\n"
    assert harness.apply(harness.stack(mine, tmp_path)).exit_code == 0
    before = world_of(harness.cloud)
    adopted = SHOP.replace("stack: shop", "stack: mine").replace(
        "    icmp: true\n", f"    import: {ids['firewalls.web']}\n"
    )
    adopted += f"  own: {{icmp: true}}\ninstances:\n  db: {{flavor: std_4.8-g1, firewall: web, import: {ids['instances.db']}}}\n"
    adopted += f"block_storages:\n  data: {{import: {ids['block_storages.data']}}}\n"
    stack = harness.stack(adopted, tmp_path)
    agreed = tuple(
        f"shared={text}" for text in ("firewalls.web", "instances.db", "block_storages.data")
    )
    assert harness.apply(stack, accept=agreed).exit_code == 0
    assert world_of(harness.cloud) == before

    plan = undo(harness, stack)

    assert world_of(harness.cloud) == before
    assert harness.state is not None and set(harness.state.entries) == {"firewalls.own"}
    assert {row.split()[0] for row in shown(plan)} == {"forget"}


def test_a_rule_that_was_taken_over_since_stays(tmp_path: Path) -> None:
    # Goal: nobody is locked out by an undo of the apply that only wrote a rule of theirs into the
    # state.
    harness = CloudHarness()
    alone = BASE.replace(
        "      ssh: {direction: in, protocol: tcp, ports: 22, cidr: 203.0.113.7/32}\n", ""
    )
    assert harness.apply(harness.stack(alone, tmp_path)).exit_code == 0
    values = {"bound": "IN", "protocol": "TCP", "port": "22", "ip": "203.0.113.7/32"}
    harness.cloud.change(lambda world: edit(world, "create", "rule", "shop-web/ssh", values))
    stack = harness.stack(BASE, tmp_path)
    assert harness.apply(stack).exit_code == 0
    before = world_of(harness.cloud)

    plan = undo(harness, stack)

    assert plan.steps == () and world_of(harness.cloud) == before
