"""What a plan costs: calls, time, money; nothing is guessed as zero."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.model.plan import Cost
from reconciler.model.resource import Lifecycle
from tests.builders import CATALOGUE, Case, firewall, nothing, server, settled, volume

PRICED = {"prices": {"ssd": 120}}
KEPT = Lifecycle(protect=("resize",))


def priced(case: Case) -> Case:
    return replace(case, extra=PRICED)


ROWS: list[tuple[str, Case, Cost]] = [
    ("a new server", nothing(server("web")), Cost(0, 10_000, ())),
    ("one goes", settled(server("web"), server("db")).leave_out("instances.db"), Cost(20_000, 10_000, ())),
    ("a bigger flavor", settled(server("web")).edit("instances.web", flavor="big"), Cost(10_000, 30_000, ())),
    ("a bigger flavor, held back", settled(server("web", life=KEPT)).edit("instances.web", flavor="big"), Cost(10_000, 10_000, ())),
    ("a server that is off costs the same", settled(server("web", power="off")), Cost(10_000, 10_000, ())),
    ("a flavor without a price", settled(server("web", flavor="odd")), Cost(0, 0, ("instances.web",))),
    ("a volume without a price", settled(server("web"), volume("data")), Cost(10_000, 10_000, ("block_storages.data",))),
    ("a volume with one", priced(settled(server("web"), volume("data"))), Cost(22_000, 22_000, ())),
    ("a detached volume costs the same", priced(settled(server("web"), volume("data", on=None))), Cost(22_000, 22_000, ())),
    ("the catalogue was not read", replace(settled(server("web")), catalogue=replace(CATALOGUE, flavors=None)), Cost()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "wanted"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_a_plan_states_the_monthly_cost(case: Case, wanted: Cost) -> None:
    # Goal: before and after, the unknown named.
    assert case.plan().cost == wanted


def test_nothing_to_do_takes_no_time_and_no_calls() -> None:
    # Goal: missing numbers are None, never 0.
    plan = settled(server("web")).plan()
    assert (plan.eta_seconds, plan.calls.write, plan.calls.wait) == (None, 0, 0)


def test_ten_servers_take_about_as_long_as_one() -> None:
    # Goal: the critical path, not the sum; those that are not ready at the first look are there at
    # the next, a second later.
    one = nothing(server("web")).plan()
    ten = nothing(*(server(f"s[{n}]") for n in range(10))).plan()
    assert (one.eta_seconds, ten.eta_seconds) == (41, 42)
    assert (one.calls.write, ten.calls.write) == (1, 10)


def test_more_calls_than_a_minute_allows_take_another_minute() -> None:
    # Goal: 60 in any 60 seconds bounds the time from below, looks included.
    plan = nothing(*(server(f"s[{n}]") for n in range(130))).plan()
    assert plan.eta_seconds is not None and 160 <= plan.eta_seconds <= 200


def test_the_first_way_of_a_step_is_what_is_reckoned_with() -> None:
    # Goal: a resize as it stands; but of a switch of firewalls the longer way, until it is known
    # which one the account takes (planning#steps).
    assert settled(server("web")).edit("instances.web", flavor="big").plan().calls.write == 1
    switch = settled(server("web", firewall="a"), firewall("a"), firewall("b")).edit(
        "instances.web", firewall="b"
    )
    assert switch.plan().calls.write == 3
    assert switch.with_facts(attach="replace").plan().calls.write == 1
    assert sum(step.calls for step in switch.plan().steps) == 3


def test_the_steps_that_decide_the_time_are_named() -> None:
    # Goal: the longest chain of steps that wait for each other, from its first step to the last.
    plan = nothing(
        server("web"), volume("data"), server("db", firewall="db"), firewall("db")
    ).plan()
    assert plan.critical == (
        "instance.create instances.web",
        "block_storage.create block_storages.data",
    )


def test_what_is_not_ours_is_counted_with_its_price() -> None:
    # Goal: servers, volumes and firewalls of the account that stand in no entry.
    case = (
        settled(server("web"))
        .foreign_object("instances", "i-x", flavor="small")
        .foreign_object("firewalls", "f-x")
        .foreign_object("block_storages", "v-x")
    )
    assert case.plan().unmanaged[0] == 3


def test_what_a_plan_binds_is_not_counted_among_what_is_not_ours() -> None:
    # Goal: an object of the stack is told once, with its `=`; a destroy binds nothing.
    case = settled(server("web")).foreign_object(
        "instances", "i-x", name="x", flavor="small", zone="z1", image="ubuntu", power="on"
    )
    bound = case.add(replace(server("x"), import_id="i-x"))
    assert (case.plan().unmanaged, bound.plan().unmanaged) == ((1, 10_000), (0, 0))
    assert bound.plan(destroy=True).unmanaged == (1, 10_000)
