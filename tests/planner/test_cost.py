"""What a plan says of money: before and after, by object, what is not known, and what goes on
costing unseen.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.model.diagnostics import Severity
from reconciler.model.plan import Cost, Plan, Price
from reconciler.model.resource import Lifecycle, LiveResource
from reconciler.model.state import Deposed
from tests.builders import CATALOGUE, OMIT, Case, server, settled, volume

PRICED = {"prices": {"ssd": 120}}


def priced(case: Case) -> Case:
    """The same with a price for volumes of type ssd."""
    return replace(case, extra={**case.extra, **PRICED})


def billed(plan: Plan) -> list[str]:
    """What the plan says will go on being billed."""
    assert all(
        problem.severity is Severity.NOTICE for problem in plan.problems if problem.code == "billed"
    )
    return [problem.message for problem in plan.problems if problem.code == "billed"]


def test_each_object_has_its_price_before_and_after() -> None:
    # Goal: the total can be explained; what nobody knows stays unknown and is never 0.
    case = priced(
        settled(
            server("web"),
            server("db"),
            volume("data", on="db"),
            volume("slow", on="db", type="sata"),
        )
    )
    plan = case.edit("instances.web", flavor="big").leave_out("instances.db").plan()
    assert plan.cost.parts == (
        Price("block_storages.data", 12_000, 12_000),
        Price("block_storages.slow", None, None),
        Price("instances.db", 10_000, 0),
        Price("instances.web", 10_000, 30_000),
    )
    assert plan.cost == Cost(32_000, 42_000, ("block_storages.slow",))


def test_an_old_server_that_a_replacement_left_behind_costs_until_it_is_deleted() -> None:
    # Goal: the account's bill, not the file's wish.
    old = LiveResource(
        "instances",
        "i-old",
        {"id": "i-old", "name": "old", "flavor": "big", "power": "on", "zone": "z1"},
    )
    case = settled(server()).left_behind(Deposed("instances.web", "instances", "i-old"), old)
    assert case.plan().cost == Cost(40_000, 10_000, ())
    kept = case.foreign_object("block_storages", "v-theirs", instance="i-old", type="ssd", size=10)
    assert kept.plan().cost == Cost(40_000, 40_000, ())


def test_a_volume_that_its_server_leaves_is_named() -> None:
    # Goal: a trap of money: the receipt of a delete lists survivors, and they go on costing
    # (contract#instances).
    case = priced(
        settled(
            server("web"),
            server("db"),
            volume("data", on="db"),
            volume("slow", on="db", type="sata"),
        )
    )
    gone = (
        case.leave_out("instances.db")
        .edit("block_storages.data", instance="none")
        .edit("block_storages.slow", instance=OMIT)
    )
    assert billed(gone.plan()) == [
        "block_storages.data, block_storages.slow will be detached and still billed (at least "
        "12,000 KRW a month)"
    ]
    moved = (
        case.leave_out("instances.db")
        .edit("block_storages.data", instance="web")
        .edit("block_storages.slow", instance="web")
    )
    assert billed(moved.plan()) == []


def test_what_is_forgotten_is_named_with_what_it_costs() -> None:
    # Goal: nobody is to find out from the bill.
    case = priced(
        settled(
            server("web", life=Lifecycle(retain=True)),
            volume("data", life=Lifecycle(retain=True)),
            server("db"),
        )
    )
    plan = case.leave_out("instances.web", "block_storages.data").plan()
    assert billed(plan) == [
        "block_storages.data, instances.web will belong to no stack and still be billed (22,000 "
        "KRW a month)"
    ]
    dear = replace(case, catalogue=replace(CATALOGUE, flavors=()))
    plan = dear.leave_out("instances.web", "block_storages.data").plan()
    assert billed(plan) == [
        "block_storages.data, instances.web will belong to no stack and still be billed (at least "
        "12,000 KRW a month)"
    ]


def test_what_nobody_manages_is_priced_as_far_as_that_is_known() -> None:
    # Goal: servers by the catalogue, volumes by the stack's prices.
    case = (
        priced(settled(server()))
        .foreign_object("instances", "i-x", flavor="big")
        .foreign_object("block_storages", "v-x", type="ssd", size=50)
    )
    assert case.plan().unmanaged == (2, 36_000)
    assert replace(case, catalogue=replace(CATALOGUE, flavors=None)).plan().unmanaged == (2, None)


def test_an_object_that_the_plan_binds_is_managed_and_an_unknown_price_is_counted() -> None:
    # Goal: a plan of `adopt`ed files does not list its own servers among those of others.
    case = (
        priced(settled(server()))
        .foreign_object("instances", "i-x", flavor="big")
        .foreign_object("block_storages", "v-x", type="tape", size=50)
    )
    plan = case.plan()
    assert plan.unmanaged == (2, 30_000) and plan.unpriced == 1
    web = replace(server("x", flavor="big"), import_id="i-x")
    bound = case.add(web).plan()
    assert [
        change.action.value for change in bound.changes if str(change.address) == "instances.x"
    ] == ["import"]
    assert bound.unmanaged == (1, 0) and bound.unpriced == 1
