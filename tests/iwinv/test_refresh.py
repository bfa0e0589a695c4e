"""Reading an account: each list once, side by side, and no conclusion from what could not
be read.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from reconciler.iwinv.driver import ReadFailed
from reconciler.model import http
from reconciler.model.ports import Accepted, RefreshScope
from reconciler.resources import FIREWALL_APIS
from tests.clouds import VirtualCloud, virtual_cloud

CREATE = {"zone": "kr1-z01", "flavor": "std_2.4-g1", "image": "PIMAGE-0Ex1UbuntuJammy22LTS0a"}
EVERYTHING = RefreshScope(kinds=frozenset({"instances", "block_storages", "firewalls"}))


def made(cloud: VirtualCloud, operation: str, inputs: Mapping[str, object]) -> str:
    """The id of what a create made."""
    answer = cloud.do(operation, inputs)
    assert isinstance(answer, Accepted), answer
    singular, _, verb = operation.partition(".")
    kind = next(kind for kind in cloud.kinds.values() if kind.singular == singular)
    id: str | None = kind.operations[verb].receipt(answer.result)
    assert id is not None
    return id


def paths(cloud: VirtualCloud) -> Counter[str]:
    """How often each path was read since the log was last cleared."""
    return Counter(request.path for request in cloud.requests if request.method == "GET")


def with_groups(
    count: int, *, firewall_api: str = "security-groups"
) -> tuple[VirtualCloud, list[str], list[str]]:
    """A cloud with that many groups, and a server in the last of them: groups, servers."""
    cloud = virtual_cloud(firewall_api=firewall_api)
    rule = {
        "direction": "in",
        "protocol": "tcp",
        "ports": "443",
        "cidr": "0.0.0.0/0",
        "title": "https",
    }
    groups = []
    for n in range(count):
        groups.append(made(cloud, "firewall.create", {"name": f"group-{n}", "rules": (rule,)}))
        if firewall_api == "security-groups":
            made(cloud, "rule.create", {"firewall": groups[-1], **rule})
    server = made(cloud, "instance.create", CREATE)
    cloud.wait(60.0)
    assert isinstance(
        cloud.do("firewall.attach", {"firewall": groups[-1], "instance": server}), Accepted
    )
    cloud.wait(60.0)
    cloud.requests.clear()
    return cloud, groups, [server]


def test_an_empty_account_is_three_lists_and_nothing_else() -> None:
    cloud = virtual_cloud()
    account = cloud.read(EVERYTHING)
    assert paths(cloud) == {"/v1/instances": 1, "/v1/block-storages": 1, "/v1/security-groups": 1}
    assert (account.calls, account.complete) == (
        3,
        frozenset({"instances", "block_storages", "firewalls"}),
    )
    assert account.find("instances", "INSTANCE-1") is None


def test_only_what_is_wanted_is_read() -> None:
    cloud = virtual_cloud()
    account = cloud.read(
        RefreshScope(kinds=frozenset({"block_storages"}), catalogue=frozenset({"zones"}))
    )
    assert paths(cloud) == {"/v1/block-storages": 1, "/v1/zones": 1}
    assert set(account.objects) == {"block_storages"}
    assert account.catalogue.flavors is None
    assert [row["id"] for row in account.catalogue.zones or ()] == [
        "kr1-z01",
        "kr1_z02",
        "kr2-z01",
        "kr3-z01",
    ]
    assert [row["available"] for row in account.catalogue.zones or ()] == [True, True, True, False]


def test_lists_are_read_side_by_side() -> None:
    cloud = virtual_cloud(latency_seconds=1.0)
    cloud.read(
        RefreshScope(
            kinds=frozenset({"instances", "block_storages", "firewalls"}),
            catalogue=frozenset({"zones"}),
        )
    )
    assert cloud.clock.monotonic() == 1.0
    alone = virtual_cloud(latency_seconds=1.0, limit=1)
    alone.read(
        RefreshScope(
            kinds=frozenset({"instances", "block_storages", "firewalls"}),
            catalogue=frozenset({"zones"}),
        )
    )
    assert alone.clock.monotonic() == 4.0


def test_the_catalogue_comes_in_the_forms_that_plans_use() -> None:
    names = frozenset({"zones", "flavors", "images", "ssh_keys", "user_scripts", "storage_types"})
    catalogue = virtual_cloud().read(RefreshScope(catalogue=names)).catalogue
    assert catalogue.flavors is not None
    flavor = next(row for row in catalogue.flavors if row["id"] == "std_2.4-g1")
    assert {
        "vcpu": 2,
        "memory_mb": 4096,
        "disk_gb": 50,
        "available": True,
    }.items() <= flavor.items()
    assert "kr1-z01" in flavor["zones"]
    assert isinstance(flavor["price_month"], int)
    assert catalogue.images is not None
    ubuntu = next(row for row in catalogue.images if row["id"] == "PIMAGE-0Ex1UbuntuJammy22LTS0a")
    assert (ubuntu["os"], ubuntu["version"], ubuntu["name"], ubuntu["public"]) == (
        "UBUNTU",
        "22.04",
        "Ubuntu 22.04.5 LTS",
        True,
    )
    assert [
        (row["id"], row["min_gb"], row["max_gb"], row["zones"])
        for row in catalogue.storage_types or ()
    ] == [
        ("sata", 10, 20000, ("kr1-z01",)),
        ("ssd", 10, 2000, None),
    ]
    for rows in (
        catalogue.zones,
        catalogue.flavors,
        catalogue.images,
        catalogue.ssh_keys,
        catalogue.user_scripts,
    ):
        assert rows
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


@pytest.mark.parametrize("form", [6600, "6600", {"price": 6600, "vat": 660, "total": 7260}])
def test_a_price_is_read_in_each_of_its_forms(form: object) -> None:
    row = {"flavor_id": "f", "price": {"full": {"type": "MONTH", "KRW": form}}}
    body = {
        "code": "0x00",
        "error_code": "SUCCESS",
        "result": [row],
        "total": 1,
        "page_size": 100,
        "page_no": 1,
    }
    cloud = virtual_cloud(
        middle=lambda request, on: http.Response(200, (), json.dumps(body).encode())
    )
    flavors = cloud.read(RefreshScope(catalogue=frozenset({"flavors"}))).catalogue.flavors
    assert flavors is not None
    assert flavors[0]["price_month"] == 6600


def test_a_script_list_that_cannot_be_read_is_none_and_not_empty() -> None:
    body = {"code": "0x1", "error_code": "NOT_FOUND", "message": "", "result": "error"}
    cloud = virtual_cloud(
        middle=lambda request, on: http.Response(404, (), json.dumps(body).encode())
    )
    assert (
        cloud.read(RefreshScope(catalogue=frozenset({"user_scripts"}))).catalogue.user_scripts
        is None
    )


def test_rules_and_members_are_read_of_the_groups_asked_for_alone() -> None:
    cloud, groups, servers = with_groups(3)
    account = cloud.read(
        RefreshScope(
            kinds=frozenset({"firewalls"}),
            rules_of=frozenset(groups[:2]),
            members_of=frozenset(groups[2:]),
        )
    )
    assert paths(cloud) == {
        "/v1/security-groups": 1,
        f"/v1/security-groups/{groups[0]}/rules": 1,
        f"/v1/security-groups/{groups[1]}/rules": 1,
        f"/v1/security-groups/{groups[2]}/instances": 1,
    }
    assert {rule.attributes["firewall"] for rule in account.objects["rules"].values()} == set(
        groups[:2]
    )
    assert account.members == {groups[2]: tuple(servers)}
    assert "rules" in account.complete


def test_groups_are_read_until_the_firewall_of_a_server_is_found() -> None:
    cloud, groups, servers = with_groups(9)
    order = [
        group.id
        for group in cloud.read(RefreshScope(kinds=frozenset({"firewalls"})))
        .objects["firewalls"]
        .values()
    ]
    place = order.index(groups[-1])
    cloud.requests.clear()
    account = cloud.read(
        RefreshScope(
            kinds=frozenset({"firewalls"}),
            members_of=frozenset(groups[:1]),
            members_for=frozenset(servers),
        )
    )
    assert account.members[groups[-1]] == tuple(servers)
    assert len(account.members) <= place + 4
    again = cloud.read(
        RefreshScope(
            kinds=frozenset({"firewalls"}),
            members_of=frozenset(groups[-1:]),
            members_for=frozenset(servers),
        )
    )
    assert set(again.members) == {groups[-1]}


def test_all_groups_are_read_for_a_server_without_one() -> None:
    cloud, groups, _ = with_groups(5)
    account = cloud.read(
        RefreshScope(kinds=frozenset({"firewalls"}), members_for=frozenset({"INSTANCE-nowhere"}))
    )
    assert set(account.members) == set(groups)


def test_rules_come_free_with_the_older_list() -> None:
    cloud, groups, servers = with_groups(3, firewall_api="firewall")
    account = cloud.read(
        RefreshScope(
            kinds=frozenset({"firewalls"}), rules_of=frozenset(groups), members_of=frozenset(groups)
        )
    )
    assert paths(cloud) == {"/v1/firewall": 1} | {
        f"/v1/security-groups/{group}/instances": 1 for group in groups
    }
    assert Counter(
        rule.attributes["firewall"] for rule in account.objects["rules"].values()
    ) == dict.fromkeys(groups, 1)
    assert account.members[groups[-1]] == tuple(servers)
    assert "rules" in account.complete


@pytest.mark.parametrize("firewall_api", FIREWALL_APIS)
def test_a_group_missing_from_its_list_is_not_a_failure(firewall_api: str) -> None:
    cloud, groups, _ = with_groups(2, firewall_api=firewall_api)
    gone = groups[0]
    assert isinstance(cloud.do("firewall.delete", {}, gone), Accepted)
    account = cloud.read(
        RefreshScope(
            kinds=frozenset({"firewalls"}), rules_of=frozenset({gone}), members_of=frozenset({gone})
        )
    )
    assert set(account.objects["firewalls"]) == {groups[1]}
    assert account.members == {}
    assert "rules" not in account.complete


def test_a_group_that_is_listed_but_refuses_its_rules_stops_the_read() -> None:
    cloud, groups, _ = with_groups(1)
    refusal = json.dumps(
        {"code": "0xe", "error_code": "CHECK_PARAM", "message": "", "result": "error"}
    ).encode()

    def middle(request: http.Request, on: http.Send) -> http.Response:
        return http.Response(400, (), refusal) if request.path.endswith("/rules") else on(request)

    broken = virtual_cloud(cloud=cloud.cloud, clock=cloud.clock, middle=middle)
    with pytest.raises(ReadFailed, match="although the list of firewalls shows it"):
        broken.read(RefreshScope(kinds=frozenset({"firewalls"}), rules_of=frozenset(groups)))


def test_a_failed_list_fails_the_whole_read_and_leaves_nothing_in_flight() -> None:
    def middle(request: http.Request, on: http.Send) -> http.Response:
        return (
            http.Response(502, (), b"<html>")
            if request.path == "/v1/block-storages"
            else on(request)
        )

    cloud = virtual_cloud(middle=middle)
    with pytest.raises(ReadFailed) as caught:
        cloud.read(EVERYTHING)
    assert caught.value.problem.code == "cloud"
    assert "block storages" in caught.value.problem.message
    assert cloud.exchange.in_flight == 0
    assert paths(cloud) == {"/v1/instances": 1, "/v1/security-groups": 1, "/v1/block-storages": 5}


def test_a_wrong_clock_is_named_as_what_it_is() -> None:
    from tests.doubles.clock import VirtualClock

    cloud = virtual_cloud(clock=VirtualClock(offset=-900.0))
    with pytest.raises(ReadFailed) as caught:
        cloud.read(RefreshScope(kinds=frozenset({"instances"})))
    assert caught.value.problem.code == "clock"
    assert "900 s behind" in caught.value.problem.message
