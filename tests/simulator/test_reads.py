"""Lists and details: paging, filters, masks (contract#pagination, contract#fields, contract#zones,
contract#flavors, contract#images, contract#instances, contract#ssh-keys).
"""

from __future__ import annotations

import pytest

from tests.simulator.harness import FLAVOR, IMAGE, OTHER_ZONE, ZONE, Account, account


@pytest.fixture(scope="module")
def full() -> Account:
    """Twelve servers of which two are off, one a gpu, one a solution, one Windows in
    another zone.
    """
    one = account()
    for number in range(9):
        one.instance(f"web-{number:02}", ready=False)
    one.instance("학습", zone_id=OTHER_ZONE, flavor_id="gpu_8.32_a", ready=False)
    one.instance("블로그", image_id="PIMAGE-0Ex1WordPressSolutn00i", ready=False)
    one.instance(
        "win", zone_id=OTHER_ZONE, flavor_id="hpa_4.8-g2", image_id="PIMAGE-0Ex1Windows2022Std000h"
    )
    for key in list(one.world.instances)[:2]:
        one.post(f"/v1/instances/{key}/shutdown")
    one.settle()
    return one


PAGED = [
    "/v1/flavors",
    "/v1/images",
    "/v1/instances",
    "/v1/security-groups",
    "/v1/auth/ssh_key",
    "/v1/instance/script",
    "/v1/bill",
]


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize(
    "query",
    [{"page_no": 0}, {"page_no": -1}, {"page_no": "x"}, {"page_size": 0}, {"page_size": "1.5"}],
)
def test_an_invalid_page_is_check_param(path: str, query: dict[str, object]) -> None:
    """Section 7: 0, negative and text."""
    one = account()
    assert one.call("GET", path, query=query, wrong=True).code == "CHECK_PARAM"


def test_flavors_come_in_pages_of_ten_with_a_total() -> None:
    """Section 7: the only list with `total`; past the end it is empty."""
    one = account()
    first, second, third = (one.get("/v1/flavors", page_no=number) for number in (1, 2, 3))
    assert [answer.body["count"] for answer in (first, second, third)] == [10, 5, 0]
    assert {answer.body["total"] for answer in (first, second, third)} == {15}
    assert len({row["flavor_id"] for answer in (first, second) for row in answer.rows}) == 15


def test_any_page_size_is_echoed() -> None:
    """Section 4: no ceiling known."""
    one = account()
    answer = one.get("/v1/instances", page_size=5_000)
    assert (answer.body["page_size"], answer.body["page_no"], answer.body["count"]) == (5_000, 1, 0)


def test_security_groups_come_fifty_a_page_and_rules_always_whole() -> None:
    """Section 7, as seen live: 53 rules came whole, page parameters ignored."""
    one = account()
    group_id = one.group()
    for number in range(53):
        one.rule(group_id, port=str(1_000 + number), title=f"rule-{number}")
    for number in range(52):
        one.group(f"group-{number:02}")
    assert one.get("/v1/security-groups").body["count"] == 50
    assert one.get("/v1/security-groups").body["page_size"] == 50
    assert one.get("/v1/security-groups", page_no=2).body["count"] == 3
    rules = one.call(
        "GET",
        f"/v1/security-groups/{group_id}/rules",
        query={"page_no": 2, "page_size": 10},
        wrong=True,
    )
    assert rules.body["count"] == 53
    assert "page_no" not in rules.body


def test_unknown_query_names_and_empty_values_filter_nothing(full: Account) -> None:
    """Section 7: `status=` stands in the official sample call, `page` did no harm."""
    answer = full.call(
        "GET",
        "/v1/instances",
        query={"status": "", "ip": "", "page": 7, "page_size": 100},
        wrong=True,
    )
    assert answer.body["count"] == 12


FILTERS = [
    ({"status": "off"}, {"web-00", "web-01"}),
    ({"name": "web-0", "status": "active"}, {f"web-{number:02}" for number in range(2, 9)}),
    ({"name": "로그"}, {"블로그"}),
    ({"ip": "203.0.113.12"}, {"web-02"}),
    ({"ip": "203.0.113.12/31,10.200.0.6"}, {"web-02", "web-03", "web-04"}),
    ({"zone_id": OTHER_ZONE}, {"학습", "win"}),
    ({"zone_id": f"{OTHER_ZONE},{ZONE}", "core_type": "SINGLE_X4"}, {"win"}),
    ({"image_id": "PIMAGE-0Ex1WordPressSolutn00i"}, {"블로그"}),
    ({"type": "gpu"}, {"학습"}),
    ({"type": "gpu,solution"}, {"학습", "블로그"}),
    ({"type": "vdi"}, set()),
    ({"core_type": "MAXIO"}, set()),
    ({"min_vcpu": 4}, {"학습", "win"}),
    ({"max_vcpu": 4, "min_memory": 8192}, {"win"}),
    ({"min_disk": 51, "max_disk": 150}, {"win"}),
    ({"min_gpu": 1}, {"학습"}),
    ({"max_gpu": 0, "min_memory": 5000}, {"win"}),
]


@pytest.mark.parametrize(("query", "names"), FILTERS, ids=[str(query) for query, _ in FILTERS])
def test_instances_are_filtered(full: Account, query: dict[str, object], names: set[str]) -> None:
    """Section 14: every filter of the seed page."""
    assert {
        row["name"] for row in full.get("/v1/instances", page_size=100, fields=3, **query).rows
    } == names


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"status": "running"}, "CHECK_PARAM"),
        ({"type": "vm,toaster"}, "CHECK_PARAM"),
        ({"core_type": "DOUBLE"}, "CHECK_PARAM"),
        ({"ip": "example.org"}, "CHECK_PARAM"),
        ({"ip": "203.0.113.0/40"}, "CIDR_NOT_VALID"),
        ({"min_vcpu": "-1"}, "CHECK_PARAM"),
        ({"max_disk": "much"}, "CHECK_PARAM"),
        ({"fields": 0}, "CHECK_PARAM"),
        ({"fields": "all"}, "CHECK_PARAM"),
        ({"fields": "9" * 30}, "CHECK_PARAM"),
    ],
)
def test_a_bad_filter_is_an_error_and_not_an_empty_list(
    full: Account, query: dict[str, object], code: str
) -> None:
    """Section 7."""
    answer = full.call("GET", "/v1/instances", query=query, wrong=True)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(
    ("mask", "members"),
    [
        (None, {"instance_id", "name", "description", "status", "provide", "zone"}),
        (1, {"instance_id"}),
        (2, {"name"}),
        (9, {"instance_id", "status"}),
        (131_072, set()),
        (3599, {"instance_id", "name", "description", "status", "zone", "flavor", "image"}),
        (
            44927,
            {
                "instance_id",
                "name",
                "description",
                "status",
                "provide",
                "start_date",
                "stop_date",
                "ip",
                "zone",
                "flavor",
                "image",
            }
            | {"block_storage", "connection_limit"},
        ),
    ],
)
def test_the_mask_leaves_out_what_is_not_asked_for(
    full: Account, mask: int | None, members: set[str]
) -> None:
    """Section 9: bits in the order of the members, unknown ones ignored, 543 by default."""
    query = {} if mask is None else {"fields": mask}
    listed = full.get("/v1/instances", **query).rows[0]
    detailed = full.get(f"/v1/instances/{next(iter(full.world.instances))}", **query).row
    assert set(listed) == set(detailed) == members


def test_secrets_in_reads_are_masked(full: Account) -> None:
    """Section 14: the password is `********` in every read."""
    row = full.get("/v1/instances", fields=131071).rows[0]
    assert row["default_account"] == {"username": "root", "password": "********"}
    assert row["vnc"]["type"] == "novnc"


def test_an_embedded_zone_has_a_name_and_a_listed_one_a_zone_name(full: Account) -> None:
    """Section 11."""
    assert full.get("/v1/instances").rows[0]["zone"] == {"zone_id": ZONE, "name": "KR1-Z01"}
    assert full.get("/v1/zones").rows[0]["zone_name"] == "KR1-Z01"


FLAVOR_FILTERS = [
    ({"zone_id": "kr2-z01"}, {"std_1.2-g1", "std_2.4-g1", "std_4.8-g1", "sto_2.8_s", "sto_4.16_s"}),
    ({"type": "MAXIO,STORAGE", "max_vcpu": 2}, {"sto_2.8_s"}),
    ({"min_gpu": 2}, {"gpu_16.64_b"}),
    (
        {"image_type": "os_windows", "min_memory": 16384, "max_gpu": 0},
        {"hpa_8.16-g2", "hpa_16.32-g2", "mio_4.16-g1", "mio_8.32-g1"},
    ),
    ({"image_id": "PIMAGE-0Ex1WordPressSolutn00i", "min_vcpu": 5}, {"mio_8.32-g1"}),
    ({"image_id": "nothing"}, set()),
    ({"max_disk": 25}, {"std_1.1-g1", "std_1.2-g1"}),
]


@pytest.mark.parametrize(
    ("query", "names"), FLAVOR_FILTERS, ids=[str(query) for query, _ in FLAVOR_FILTERS]
)
def test_flavors_are_filtered(query: dict[str, object], names: set[str]) -> None:
    """Section 12."""
    answer = account().get("/v1/flavors", page_size=100, **query)
    assert {row["flavor_id"] for row in answer.rows} == names
    assert answer.body["total"] == len(names)


IMAGE_FILTERS = [
    ({"os": "ubuntu"}, 3),
    ({"os": "ubuntu,debian", "type": "os_linux"}, 3),
    ({"os": "windows"}, 1),
    ({"os": "fedora"}, 0),
    ({"name": "Rocky"}, 2),
    ({"visibility": "private"}, 1),
    ({"zone_id": "kr2-z01"}, 3),
    ({"type": "solution_linux"}, 1),
]


@pytest.mark.parametrize(
    ("query", "count"), IMAGE_FILTERS, ids=[str(query) for query, _ in IMAGE_FILTERS]
)
def test_images_are_filtered(query: dict[str, object], count: int) -> None:
    """Section 13."""
    assert account().get("/v1/images", **query).body["count"] == count


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/flavors", {"type": "HUGE"}),
        ("/v1/flavors", {"image_type": "tape"}),
        ("/v1/images", {"os": "templeos"}),
        ("/v1/images", {"type": "tape"}),
        ("/v1/images", {"visibility": "secret"}),
        ("/v1/block-storages/types", {"type": "nvme"}),
        ("/v1/block-storages", {"type": "nvme"}),
    ],
)
def test_an_unknown_word_in_a_closed_filter_is_check_param(
    path: str, query: dict[str, str]
) -> None:
    """Section 7: seen live on the volume types."""
    answer = account().call("GET", path, query=query, wrong=True)
    assert (answer.status, answer.code) == (400, "CHECK_PARAM")


def test_absence_looks_different_per_resource() -> None:
    """Section 22."""
    one = account()
    assert one.get("/v1/flavors/none").body["result"] == []
    assert one.get("/v1/images/none").code == "ID_INVALID"
    assert one.get("/v1/security-groups/FIREWALL-none").body["result"] == []
    assert one.get("/v1/security-groups/FIREWALL-none/rules").code == "CHECK_PARAM"
    assert (
        gone := one.get("/v1/security-groups/FIREWALL-none/instances")
    ).status == 404 and gone.code == "NOT_FOUND"
    assert one.get("/v1/firewall/FIREWALL-none").body["result"] == []
    assert one.get("/v1/instances/12345").code == "ID_INVALID"
    assert one.get("/v1/block-storages/none").code == "ID_INVALID"


def test_ssh_keys_are_listed_and_filtered_by_name() -> None:
    """Section 20: the default world has one named deploy."""
    one = account()
    assert one.get("/v1/auth/ssh_key").body["count"] == 3
    assert one.get("/v1/auth/ssh_key", name="deploy").row["name"] == "deploy"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/zones/", 404, "NOT_FOUND"),
        ("GET", "/v1/nothing", 404, "NOT_FOUND"),
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/v1/instances/x/y", 404, "NOT_FOUND"),
        ("GET", "/v1/instances//start", 404, "NOT_FOUND"),
        ("GET", "/v1//instances", 404, "NOT_FOUND"),
        ("POST", "/v1/zones", 405, "None"),
        ("PATCH", "/v1/instances", 405, "None"),
        ("DELETE", "/v1/auth/ssh_key", 405, "None"),
        ("PUT", "/v1/block-storages/x", 405, "None"),
        ("GET", "/v1/security-groups/x/rules/1", 405, "None"),
    ],
)
def test_unknown_paths_and_methods_are_refused(
    method: str, path: str, status: int, code: str
) -> None:
    """Section 6: 404 in the envelope, 405 without one."""
    answer = account().call(method, path, wrong=True)
    assert (answer.status, answer.code) == (status, code)


def test_flavors_and_images_do_not_change_what_they_are_for_the_next_reader() -> None:
    """Catalogue rows are shared between worlds: reading them leaves them alone."""
    one = account({"flavor_fields": "sequence"})
    assert set(one.get(f"/v1/flavors/{FLAVOR}", fields=1).row) == {"flavor_id"}
    assert len(account().get(f"/v1/flavors/{FLAVOR}").row) == 8
    assert len(account().get(f"/v1/images/{IMAGE}").row) == 5
