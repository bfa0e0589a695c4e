"""The lists that a run has read: used again only as long as a reading of its own would show the
same.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from reconciler.iwinv import refresh
from reconciler.iwinv.driver import ReadFailed
from reconciler.iwinv.list_reader import Need
from reconciler.iwinv.shared.account_pool import AGE_SECONDS_MAX, AccountPool, PoolView, joined
from reconciler.model.ports import RefreshScope, Seen
from reconciler.model.resource import Account
from reconciler.simulator import Fault
from tests.clouds import VirtualCloud, virtual_cloud
from tests.iwinv.test_refresh import EVERYTHING, paths, with_groups

INSTANCES = RefreshScope(kinds=frozenset({"instances"}))
FLAVORS = RefreshScope(catalogue=frozenset({"flavors"}))


def read(cloud: VirtualCloud, scope: RefreshScope, view: PoolView | None) -> Account:
    """The account by a reading that may use the pool."""
    return refresh.read_account(cloud.exchange, scope, cloud.kinds, pool=view)


def test_a_list_is_read_once_for_all_stacks_and_shows_them_the_same() -> None:
    cloud, groups, servers = with_groups(6)
    scope = replace(
        EVERYTHING,
        rules_of=frozenset(groups[:2]),
        members_of=frozenset(groups[:2]),
        members_for=frozenset(servers),
    )
    pool = AccountPool()
    shop, web = pool.view("shop", 1), pool.view("web", 7)
    first, second = read(cloud, scope, shop), read(cloud, scope, web)
    alone = read(cloud, scope, None)
    assert (first.calls, second.calls) == (alone.calls, 0)
    assert replace(first, calls=0) == replace(alone, calls=0)
    without = replace(alone, calls=0, members=second.members)
    assert replace(second, calls=0) == without, "but for members that are not looked for"
    assert second.firewalls_of(servers[0]) == alone.firewalls_of(servers[0])


def test_the_moment_of_a_reading_is_that_of_its_oldest_list() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    began = cloud.exchange.unix()
    view = pool.view("shop", 1)
    read(cloud, INSTANCES, view)
    cloud.wait(100.0)
    account = read(cloud, EVERYTHING, view)
    assert account.at == began
    assert account.calls == 2


def test_a_list_that_a_write_of_the_run_may_have_changed_is_read_again() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    view = pool.view("shop", 1)
    scope = joined((EVERYTHING, FLAVORS))
    read(cloud, scope, view)
    pool.touched({"instances", "members"})
    cloud.requests.clear()
    read(cloud, scope, view)
    assert set(paths(cloud)) == {"/v1/instances"}


def test_a_list_that_was_begun_before_a_write_is_not_used_when_it_ends_after_it() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    claim = pool.view("shop", 1).claim({"instances": Need()}, cloud.exchange)
    pool.touched({"instances"})
    pool.keep("instances", Seen(complete=True), Need(), claim.begin)
    pool.release(claim)
    again = pool.view("shop", 1).claim({"instances": Need()}, cloud.exchange)
    assert (again.own, dict(again.found)) == (("instances",), {})


def test_a_list_is_not_used_when_it_is_older_than_five_minutes() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    view = pool.view("shop", 1)
    read(cloud, INSTANCES, view)
    cloud.wait(AGE_SECONDS_MAX - 10.0)
    assert read(cloud, INSTANCES, view).calls == 0
    cloud.wait(20.0)
    assert read(cloud, INSTANCES, view).calls == 1


def test_a_state_that_another_run_wrote_is_compared_with_lists_from_after_that() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    scope = joined((INSTANCES, FLAVORS))
    read(cloud, scope, pool.view("shop", ("a", 1)))
    assert read(cloud, scope, pool.view("shop", ("a", 1))).calls == 0
    changed = pool.view("shop", ("a", 2))
    cloud.requests.clear()
    read(cloud, scope, changed)
    assert set(paths(cloud)) == {"/v1/instances"}, "the catalog does not depend on a state"
    assert read(cloud, scope, pool.view("web", 1)).calls == 1, "its state was known after the list"
    assert read(cloud, scope, pool.view("shop", ("a", 2))).calls == 0


def test_what_a_fresh_reading_finds_serves_the_others() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    view = pool.view("shop", 1)
    read(cloud, INSTANCES, view)
    assert read(cloud, INSTANCES, pool.fresh()).calls == 1
    assert read(cloud, INSTANCES, view).calls == 0


def test_an_id_that_the_list_lacks_is_looked_for_once() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    cloud.do("firewall.create", {"name": "web", "rules": ()})
    cloud.wait(60.0)
    view = pool.view("shop", 1)
    scope = RefreshScope(kinds=frozenset({"firewalls"}))
    read(cloud, scope, view)
    tracking = replace(scope, tracked={"firewalls": frozenset({"SECURITYGROUP-gone"})})
    assert read(cloud, tracking, view).calls > 0, "the first reading did not look for it"
    assert read(cloud, tracking, view).calls == 0
    assert read(cloud, scope, view).calls == 0


def test_a_list_that_proves_something_is_one_that_was_read_whole() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    view = pool.view("shop", 1)
    read(cloud, INSTANCES, view)
    whole = replace(INSTANCES, whole=frozenset({"instances"}))
    assert read(cloud, whole, view).calls > 0
    assert read(cloud, whole, view).calls == 0


def test_a_list_of_objects_that_is_not_complete_is_not_kept() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    view = pool.view("shop", 1)
    scope = RefreshScope(rules_of=frozenset({"SECURITYGROUP-gone"}))
    read(cloud, scope, view)
    assert read(cloud, scope, view).calls == 1


def test_a_list_of_prices_that_cannot_be_read_is_not_asked_for_by_each_stack() -> None:
    cloud = virtual_cloud(faults=(Fault("executed_then_5xx", route="/v1/flavors"),))
    pool = AccountPool()
    view = pool.view("shop", 1)
    prices = RefreshScope(optional=frozenset({"flavors"}))
    assert read(cloud, prices, view).calls > 0
    assert read(cloud, prices, view).calls == 0
    with pytest.raises(ReadFailed):
        read(cloud, FLAVORS, view)


def test_what_only_some_stacks_need_does_not_stop_all_of_them() -> None:
    cloud = virtual_cloud(faults=(Fault("executed_then_5xx", route="/v1/flavors"),))
    pool = AccountPool()
    view = pool.view("shop", 1)
    refresh.prepare(cloud.exchange, [INSTANCES, FLAVORS], cloud.kinds, view)
    assert read(cloud, INSTANCES, view).calls == 0
    broken = virtual_cloud(faults=(Fault("executed_then_5xx", route="/v1/instances"),))
    with pytest.raises(ReadFailed):
        refresh.prepare(broken.exchange, [INSTANCES, FLAVORS], broken.kinds, pool.fresh())


def test_the_firewall_of_an_instance_is_looked_for_in_what_was_read() -> None:
    cloud, groups, servers = with_groups(9)
    pool = AccountPool()
    view = pool.view("network", 1)
    read(cloud, replace(EVERYTHING, members_of=frozenset(groups[-1:])), view)
    account = read(cloud, replace(EVERYTHING, members_for=frozenset(servers)), view)
    assert account.calls == 0
    assert account.firewalls_of(servers[0]) == [groups[-1]]


def test_a_stack_waits_for_a_list_that_another_one_is_reading() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    first, second = pool.view("shop", 1), pool.view("web", 1)
    claim = first.claim({"instances": Need()}, cloud.exchange)
    found: list[Account] = []
    waiting = threading.Thread(
        target=lambda: found.append(read(cloud, INSTANCES, second)), daemon=True
    )
    waiting.start()
    pool.keep("instances", Seen(complete=True), Need(), claim.begin)
    pool.release(claim)
    waiting.join(10.0)
    assert found[0].calls == 0 and found[0].complete == {"instances"}


def test_a_reading_that_fails_is_left_to_the_one_that_waits_for_it() -> None:
    cloud, pool = virtual_cloud(), AccountPool()
    first, second = pool.view("shop", 1), pool.view("web", 1)
    claim = first.claim({"instances": Need()}, cloud.exchange)
    assert second.claim({"instances": Need()}, cloud.exchange).busy == ("instances",)
    pool.release(claim)
    assert second.claim({"instances": Need()}, cloud.exchange).own == ("instances",)
