"""Order among objects: depends_on, removal in reverse, circles; and that a plan is the same bytes
whatever came first.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import pytest

from reconciler.model import serialize
from reconciler.model.resource import Deferred, Ref
from reconciler.model.state import Entry, Phase
from reconciler.planner.compare.refresh_scope import refresh_scope
from reconciler.planner.estimate.forecast import weights_of
from reconciler.planner.planner import PlanOptions
from tests.builders import (
    KINDS,
    Case,
    at,
    firewall,
    nothing,
    rule,
    server,
    settled,
    step,
    told,
    volume,
    waits,
)


def test_depends_on_waits_for_all_of_what_it_names() -> None:
    # Goal: the server, its firewall and its power (stack-files#references).
    web = server("web", image="rocky", after=("instances.db",))
    plan = nothing(
        server("db", image="rocky", firewall="db", power="off"), firewall("db"), web
    ).plan()
    before = waits(plan, "instance.create instances.web")
    assert {
        "instance.create instances.db",
        "firewall.attach instances.db",
        "instance.stop instances.db",
    } <= before


@pytest.mark.parametrize(
    ("after", "wanted"),
    [
        (
            "firewalls.db",
            {
                "firewall.create firewalls.db",
                "rule.create firewalls.db.rules.a",
                "rule.create firewalls.db.rules.b",
            },
        ),
        (
            "firewalls.db.rules.a",
            {"firewall.create firewalls.db", "rule.create firewalls.db.rules.a"},
        ),
        (
            "instances.many",
            {"instance.create instances.many[0]", "instance.create instances.many[1]"},
        ),
        ("instances.many[1]", {"instance.create instances.many[1]"}),
        (
            "block_storages.data",
            {"instance.create instances.many[0]", "block_storage.create block_storages.data"},
        ),
    ],
)
def test_depends_on_takes_any_address(after: str, wanted: set[str]) -> None:
    # Goal: a firewall with its rules, one rule, all of a count, one of it, a volume.
    case = settled(server("old")).add(
        firewall("db"),
        rule("db", "a", ports="1"),
        rule("db", "b", ports="2"),
        server("many[0]", image="rocky"),
        server("many[1]", image="rocky"),
        volume("data", on="many[0]"),
        server("web", image="rocky", after=(after,)),
    )
    assert waits(case.plan(), "instance.create instances.web") == wanted


def test_depends_on_orders_edits_too() -> None:
    # Goal: what is changed waits for what it depends on to be changed.
    case = settled(server("db", name="a"), server("web", name="a2", after=("instances.db",)))
    plan = case.edit("instances.db", flavor="big").edit("instances.web", name="b2").plan()
    assert waits(plan, "instance.update instances.web") == {"instance.resize instances.db"}


def test_a_circle_of_wishes_is_an_error_with_its_path() -> None:
    # Goal: where only the plan can see it (edits of what exists), steps that wait for each other
    # are told.
    case = nothing(
        server("a", image="rocky", after=("instances.b",)),
        server("b", image="rocky", after=("instances.a",)),
    )
    plan = case.plan()
    assert told(plan).problems == ["error cycle None"]
    assert "instance.create instances.a" in plan.problems[0].message
    assert plan.steps == ()


def test_destroy_goes_in_reverse_of_what_the_state_remembers() -> None:
    # Goal: dependants first, from the state alone: the file may be empty.
    case = settled(
        server("db"),
        server("app", after=("instances.db",)),
        server("web", after=("instances.app",)),
    )
    plan = replace(case, file={}).plan(destroy=True)
    assert told(plan).steps == [
        "instance.delete instances.web",
        "instance.delete instances.app",
        "instance.delete instances.db",
    ]
    assert waits(plan, "instance.delete instances.db") == {
        "instance.delete instances.web",
        "instance.delete instances.app",
    }


def test_a_dependency_on_all_of_a_count_is_remembered_for_each() -> None:
    # Goal: `depends_on: [instances.db]` under count: every one of them outlives what needs it.
    case = settled(server("db[0]"), server("db[1]"), server("web", after=("instances.db",)))
    plan = case.plan(destroy=True)
    for key in ("instance.delete instances.db[0]", "instance.delete instances.db[1]"):
        assert waits(plan, key) == {"instance.delete instances.web"}


def test_a_dependency_through_a_value_is_remembered() -> None:
    # Goal: what a rule reads outlives the rule.
    value = Deferred("${instances.db.private_ip}/32", (Ref(at("instances.db"), "private_ip"),))
    case = settled(server("db"), firewall("web"), rule("web", "own", cidr="10.0.0.4/32"))
    entry = case.edit("firewalls.web.rules.own", cidr=value).plan().records[0].put
    assert isinstance(entry, Entry)
    assert entry.depends_on == ("instances.db",)


def test_what_is_removed_does_not_wait_for_what_is_made() -> None:
    # Goal: side by side, where nothing ties them.
    plan = (
        settled(server("old"), server("web"))
        .leave_out("instances.old")
        .add(server("new", image="rocky"))
        .plan()
    )
    assert all(step.after == () for step in plan.steps)


K = TypeVar("K")
V = TypeVar("V")

# The same bytes
# ----------------------------------------------------------------------------------------------------------------------


def canonical(case: Case) -> str:
    plan = case.plan()
    body = {
        "plan": serialize.document(plan),
        "steps": serialize.steps_exactly(plan),
        "changes": serialize.changes_exactly(plan),
    }
    return json.dumps(
        [body, plan.fingerprints, repr(plan.records)], ensure_ascii=False, default=str
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_order_in_which_things_come_changes_nothing(seed: int) -> None:
    # Goal: file, state and account in any order give the same plan, byte for byte.
    case = settled(
        *(server(f"s[{n}]", firewall="web") for n in range(12)),
        *(volume(f"d[{n}]", on=f"s[{n}]") for n in range(6)),
        firewall("web"),
        *(rule("web", f"r{n}", ports=str(1000 + n)) for n in range(8)),
    )
    case = case.leave_out("instances.s[11]", "firewalls.web.rules.r3")
    case = (
        case.edit("instances.s[2]", zone="z2")
        .edit("instances.s[7]", flavor="big")
        .edit("block_storages.d[2]", instance=None)
    )
    case = case.edit("firewalls.web.rules.r1", ports="1002").edit(
        "firewalls.web.rules.r2", ports="1001"
    )
    case = case.add(server("new", image="rocky", firewall="web")).drift(
        "instances.s[4]", power="off"
    )
    row = {
        "firewall": "f-web",
        "direction": "in",
        "protocol": "tcp",
        "ports": "9",
        "cidr": "0.0.0.0/0",
        "title": "x",
    }
    case = case.foreign_object("rules", "r-x", **row)
    shuffle = random.Random(seed)

    def mixed(rows: Mapping[K, V]) -> dict[K, V]:
        pairs = list(rows.items())
        shuffle.shuffle(pairs)
        return dict(pairs)

    other = replace(
        case, entries=mixed(case.entries), live=mixed(case.live), members=mixed(case.members)
    )
    shuffled = {a: replace(r, attributes=mixed(r.attributes)) for a, r in mixed(case.file).items()}
    assert canonical(other) == canonical(case)
    assert canonical(replace(other, file=shuffled)) == canonical(case)


def test_a_server_without_its_firewall_gets_the_new_one_before_anything_else() -> None:
    # Goal: the seconds of exposure that a plan says are those of two calls, whatever else waits for
    # the server.
    case = settled(
        server("web", firewall="a"),
        server("db"),
        volume("data", on="db"),
        firewall("a"),
        firewall("b"),
    ).with_facts(attach="refuse")
    plan = (
        case.edit("instances.web", firewall="b", flavor="big", image="rocky")
        .edit("block_storages.data", instance="web")
        .plan()
    )
    weights = weights_of(plan.steps, KINDS)
    assert max(weights, key=weights.__getitem__) == "firewall.attach instances.web"
    assert step(plan, "firewall.attach instances.web").after == ("firewall.detach instances.web",)


# What is read
# ------------------------------------------------------------------------------------------------------------------------


def test_only_what_the_plan_looks_at_is_read() -> None:
    # Goal: groups of ours with their rules and members, servers whose firewall is managed, no
    # catalogue where nothing is looked up.
    case = settled(server("web", firewall="web"), server("db"), firewall("web"))
    wants = refresh_scope(case.stack(), case.state(), PlanOptions())
    assert [set(ids) for ids in (wants.rules_of, wants.members_of, wants.members_for)] == [
        {"f-web"},
        {"f-web"},
        {"i-web"},
    ]
    assert wants.catalogue == frozenset()
    assert wants.tracked["instances"] == {"i-web", "i-db"}


@pytest.mark.parametrize(
    ("name", "case", "lists"),
    [
        ("a new server", settled(server("web")).add(server("new")), {"flavors", "images", "zones"}),
        ("a new volume", settled(server("web")).add(volume("new")), {"storage_types"}),
        (
            "another size of a volume",
            settled(server("web"), volume("data")).edit("block_storages.data", size=200),
            {"storage_types"},
        ),
        (
            "a server that has to be made again",
            settled(server("web")).remember("instances.web", phase=Phase.DELETING),
            set(),
        ),
    ],
)
def test_the_catalogue_is_read_for_what_is_made(name: str, case: Case, lists: set[str]) -> None:
    # Goal: feasibility has what it looks at.
    assert refresh_scope(case.stack(), case.state(), PlanOptions()).catalogue == lists, name
