"""Use cases where no cloud is needed: whose account a state is of, what failures of the store end
with, addresses that are nowhere.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from reconciler.commands import plan as planning
from reconciler.commands import session
from reconciler.commands.context import Connection
from reconciler.model import exit_codes, ports
from reconciler.model.abort import Abort
from reconciler.model.address import Address
from reconciler.model.diagnostics import Problem
from reconciler.model.kinds import Kinds
from reconciler.model.resource import Account, LiveResource, Resource, Stack
from reconciler.model.state import Entry, Neighbor, State
from reconciler.planner.compare.assessment import PlanOptions
from tests.doubles.memory_store import MemoryStore

CONNECTION = Connection(
    exchange=cast("Any", None),
    reads=cast("Any", None),
    kinds=Kinds(()),
    account="new",
    key_suffix="9f41",
    endpoint="https://api.example",
)
ENTRY = Entry("instances.web", "instances", "7")
OURS = Account(objects={"instances": {"7": LiveResource("instances", "7", {})}})
OTHERS = Account(objects={"instances": {"8": LiveResource("instances", "8", {})}})


def state(
    *,
    account: str | None = "new",
    endpoint: str | None = "https://api.example",
    entries: tuple[Entry, ...] = (ENTRY,),
) -> State:
    return State(
        "l",
        1,
        "shop",
        None,
        account=account,
        endpoint=endpoint,
        entries={entry.address: entry for entry in entries},
    )


@pytest.mark.parametrize(
    ("name", "kept", "seen", "wanted"),
    [
        ("no state", None, OTHERS, ""),
        ("the same key", state(), OTHERS, ""),
        (
            "an empty state goes anywhere",
            state(account="old", endpoint="https://b.example", entries=()),
            OTHERS,
            "",
        ),
        ("another key that shows an object of ours", state(account="old"), OURS, "notice"),
        ("another key that shows none", state(account="old"), OTHERS, "stop"),
        ("another endpoint", state(endpoint="https://b.example"), OURS, "stop"),
    ],
)
def test_a_state_is_used_only_with_the_account_it_belongs_to(
    name: str, kept: State | None, seen: Account, wanted: str
) -> None:
    found: tuple[Problem, ...] = ()
    try:
        found = tuple(session.account_problems(kept, seen, CONNECTION))
        ended = found[0].severity.value if found else ""
    except Abort as stop:
        ended = "stop"
        assert (stop.exit_code, stop.problems[0].code) == (exit_codes.ACCOUNT, "account")

    assert ended == wanted, name


@pytest.mark.parametrize(
    ("failure", "code", "exit_code"),
    [
        (ports.Locked("busy", holder=None), "locked", exit_codes.LOCKED),
        (ports.LostLock("lost"), "locked", exit_codes.LOCKED),
        (ports.StateDamaged("torn"), "state-damaged", exit_codes.ERROR),
        (ports.StateNewer("newer"), "state-newer", exit_codes.ERROR),
        (ports.RecordFailed("full"), "state-write", exit_codes.NOT_RECORDED),
        (ports.PlaceUnusable("away"), "state-place", exit_codes.ACCOUNT),
    ],
)
def test_a_failure_of_the_store_ends_with_its_own_code(
    failure: ports.StoreError, code: str, exit_code: int
) -> None:
    class Broken(MemoryStore):
        def read(self) -> State | None:
            raise failure

        def others(self) -> tuple[Neighbor, ...]:
            return ()

    with pytest.raises(Abort) as stop:
        session.read_state(Broken())

    assert (stop.value.problems[0].code, stop.value.exit_code) == (code, exit_code)


def options(name: str, *addresses: str) -> PlanOptions:
    given: dict[str, Any] = {name: frozenset(addresses)}
    return PlanOptions(**given)


@pytest.mark.parametrize("option", ["replace", "unprotect"])
def test_an_address_that_is_nowhere_is_refused_with_the_nearest_one(option: str) -> None:
    web = Address("instances", "web", 0)
    stack = Stack("shop", None, {web: Resource(web, {})})

    planning._check_addresses(stack, state(), options(option, "instances.web[0]", "instances.web"))
    with pytest.raises(Abort) as stop:
        planning._check_addresses(stack, None, options(option, "instances.web[1]"))

    assert stop.value.problems[0].hint == "did you mean `instances.web[0]`?"


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ([], 0),
        ([0, 2], 2),
        ([2, 1], 1),
        ([1, 4], 4),
        ([4, 3], 3),
        ([3, 6], 6),
        ([6, 5], 5),
        ([5, 130], 130),
        ([130, 7], 7),
        ([7, 64], 64),
    ],
)
def test_of_several_exit_codes_the_order_of_the_contract_decides(
    codes: list[int], wanted: int
) -> None:
    assert exit_codes.worst(codes) == wanted
