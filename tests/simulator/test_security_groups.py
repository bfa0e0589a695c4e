"""Security groups, rules and members (contract#security-groups), the older firewall form (18), and
the bill (19).
"""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.simulator.kinds.records import Rule
from tests.simulator.harness import OTHER_ZONE, Account, account

RULE = {"bound": "IN", "protocol": "TCP", "port": "443", "ip": "192.0.2.1/24", "title": "https"}


def rules_of(one: Account, group_id: str) -> list[dict[str, Any]]:
    return list(one.get(f"/v1/security-groups/{group_id}/rules").rows)


def test_a_group_is_made_edited_and_deleted_at_once() -> None:
    """Changes are immediate, ids stable, the result of a delete is a string."""
    one = account()
    row = one.post("/v1/security-groups", data={"title": "web-policy", "content": "text"}).row
    assert row == {
        "firewall_id": row["firewall_id"],
        "title": "web-policy",
        "content": "text",
        "icmp": "N",
    }
    path = f"/v1/security-groups/{row['firewall_id']}"
    assert one.put(path, data={"title": "next", "icmp": "Y"}).row == {
        **row,
        "title": "next",
        "icmp": "Y",
    }
    assert one.put(path, data={"title": "next", "content": "other"}).row == {
        **row,
        "title": "next",
        "icmp": "Y",
        "content": "other",
    }
    one.rule(row["firewall_id"])
    answer = one.delete(path)
    assert (answer.status, answer.body["result"]) == (200, "success")
    assert one.get(path).body["result"] == []
    assert one.get(path + "/rules").code == "CHECK_PARAM"
    assert one.put(path, data={"title": "again"}).code == "ID_INVALID"
    assert one.delete(path).code == "ID_INVALID"


def test_texts_of_a_group_come_back_as_they_do_there() -> None:
    """Section 8: the description HTML-escaped with numeric quotes, the title and all rule texts
    verbatim, nothing normalised.
    """
    one = account()
    title, content = "<a> & 'b' \"c\"", "a < b > c & 'd' \"e\" &amp; %EA 각 각"
    row = one.post("/v1/security-groups", data={"title": title, "content": content}).row
    assert row["title"] == title
    assert row["content"] == "a &lt; b &gt; c &amp; &#039;d&#039; &quot;e&quot; &amp;amp; %EA 각 각"
    one.post(
        f"/v1/security-groups/{row['firewall_id']}/rules",
        data={**RULE, "title": "<b> &amp; 'x'", "content": "<&amp;>"},
    )
    rule = rules_of(one, row["firewall_id"])[0]
    assert (rule["title"], rule["content"]) == ("<b> &amp; 'x'", "<&amp;>")


@pytest.mark.parametrize("content", [None, ""])
def test_a_group_without_a_description_is_check_ip(content: str | None) -> None:
    """Seen live: 403, nested wording of a temporary failure, and nothing was made."""
    one = account()
    data = (
        {"title": "web-policy"} if content is None else {"title": "web-policy", "content": content}
    )
    answer = one.post("/v1/security-groups", data=data, wrong=True)
    assert (answer.status, answer.code, answer.body["result"]["code"]) == (403, "CHECK_IP", 9)
    assert "일시적인" in answer.body["result"]["message"]
    assert one.world.firewalls == {}


@pytest.mark.parametrize("content", ["", None])
def test_a_description_cannot_be_cleared(content: str | None) -> None:
    """Section 1: 200, and the old text stays."""
    one = account()
    key = one.group(content="stays")
    assert (
        one.put(
            f"/v1/security-groups/{key}", data={"title": "next", "content": content}, wrong=True
        ).row["content"]
        == "stays"
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "REQUIRED_POST_PARAM_MISSING"),
        ({"title": None, "content": "x"}, "REQUIRED_POST_PARAM_MISSING"),
        ({"title": "abc", "content": "x"}, "CHECK_LENGTH"),
        ({"title": "가" * 33, "content": "x"}, "CHECK_LENGTH"),
        ({"title": 1234, "content": "x"}, "CHECK_PARAM"),
        ({"title": "web-policy", "content": "가" * 51}, "CHECK_LENGTH"),
        ({"title": "web-policy", "content": ["x"]}, "CHECK_PARAM"),
        ({"title": "web-policy", "content": "x", "icmp": "yes"}, "CHECK_PARAM_ENUM"),
        ({"title": "web-policy", "content": "x", "icmp": True}, "CHECK_PARAM_ENUM"),
        ([], "CHECK_PARAM"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/security-groups", "/v1/firewall"])
def test_invalid_groups_are_refused(path: str, data: Any, code: str) -> None:
    """Sections 4, 17: lengths in code points."""
    one = account()
    answer = one.post(path, data=data, wrong=True)
    assert (answer.status, answer.code) == (400, code)
    assert one.world.firewalls == {}


def test_half_a_surrogate_pair_is_refused_and_not_a_crash() -> None:
    """JSON can say what UTF-8 cannot."""
    one = account()
    request = one.cloud.signed(
        "POST", "/v1/security-groups", body='{"title": "web\\ud800policy", "content": "x"}'
    )
    assert one.cloud.handle(request).status == 400
    whole = one.cloud.signed(
        "POST",
        "/v1/security-groups",
        body='{"title": "\\ud83d\\ude00\\ud83d\\ude00 ok", "content": "x"}',
    )
    assert one.cloud.handle(whole).status == 200


def test_the_longest_texts_pass() -> None:
    """32, 50, 25 and 25 code points; titles need not be unique."""
    one = account()
    for _ in range(2):
        key = one.group("가" * 32, content="나" * 50)
    one.rule(key, title="다" * 25, content="라" * 25)
    assert len(one.world.firewalls) == 2


def test_a_rule_is_edited_in_place() -> None:
    """PUT is partial, keeps the id, and cannot clear the text."""
    one = account()
    key = one.group()
    rule_id = one.rule(key, **RULE, content="text")
    path = f"/v1/security-groups/{key}/rules/{rule_id}"
    before = rules_of(one, key)[0]
    assert before == {**RULE, "rule_id": rule_id, "content": "text"}
    for member, value in (
        ("bound", "OUT"),
        ("protocol", "UDP"),
        ("port", "1-65535"),
        ("ip", "0.0.0.0/0"),
        ("title", "새"),
        ("content", "b"),
    ):
        before[member] = value
        assert one.put(path, data={member: value}).row == before
    assert one.put(path, data={"content": ""}).row == before
    assert one.put(path, data={"content": None}, wrong=True).row == before
    assert one.put(path, data={}).code == "REQUIRED_POST_PARAM_MISSING"


def test_a_rule_text_left_out_or_empty_reads_back_null() -> None:
    """Seen live."""
    one = account()
    key = one.group()
    one.rule(key, port="1")
    one.rule(key, port="2", content="")
    assert [row["content"] for row in rules_of(one, key)] == [None, None]


WRONG_RULES = [
    ({"bound": None}, "REQUIRED_POST_PARAM_MISSING"),
    ({"title": None}, "REQUIRED_POST_PARAM_MISSING"),
    ({"bound": "inbound"}, "CHECK_PARAM_ENUM"),
    ({"bound": "in"}, "CHECK_PARAM_ENUM"),
    ({"bound": ["IN"]}, "CHECK_PARAM_ENUM"),
    ({"protocol": "tcp"}, "CHECK_PARAM_ENUM"),
    ({"protocol": "ICMP"}, "CHECK_PARAM_ENUM"),
    ({"port": "0"}, "CHECK_PARAM"),
    ({"port": "0-65535"}, "CHECK_PARAM"),
    ({"port": "65536"}, "CHECK_PARAM"),
    ({"port": "20-10"}, "CHECK_PARAM"),
    ({"port": "080"}, "CHECK_PARAM"),
    ({"port": 443}, "CHECK_PARAM"),
    ({"ip": "192.0.2.1"}, "CHECK_PARAM"),
    ({"ip": "2001:db8::/32"}, "IPV6_NOT_SUPPORTED"),
    ({"ip": "2001:db8::1"}, "IPV6_NOT_SUPPORTED"),
    ({"ip": "192.0.2.0/33"}, "CIDR_NOT_VALID"),
    ({"ip": "192.0.2.256/24"}, "CIDR_NOT_VALID"),
    ({"ip": "office/24"}, "CIDR_NOT_VALID"),
    ({"ip": "192.0.2.0/٢٤"}, "CIDR_NOT_VALID"),
    ({"ip": 5}, "CHECK_PARAM"),
    ({"title": ""}, "CHECK_LENGTH"),
    ({"title": "가" * 26}, "CHECK_LENGTH"),
    ({"content": "가" * 26}, "CHECK_LENGTH"),
    ({"content": 5}, "CHECK_PARAM"),
]


@pytest.mark.parametrize(
    ("members", "code"), WRONG_RULES, ids=[str(members) for members, _ in WRONG_RULES]
)
def test_invalid_rules_are_refused(members: dict[str, Any], code: str) -> None:
    """Section 17, each refused with the code seen live, on create and on edit, in both forms."""
    one = account()
    key = one.group()
    data = {name: value for name, value in {**RULE, **members}.items() if value is not None}
    answer = one.post(f"/v1/security-groups/{key}/rules", data=data, wrong=True)
    assert (answer.status, answer.code) == (400, code)
    older = one.post(
        "/v1/firewall", data={"title": "older", "content": "x", "rules": [data]}, wrong=True
    )
    assert older.code == code
    assert len(one.world.firewalls) == 1 and rules_of(one, key) == []
    if None not in members.values():
        rule_id = one.rule(key, port="1")
        assert (
            one.put(f"/v1/security-groups/{key}/rules/{rule_id}", data=members, wrong=True).code
            == code
        )


def test_an_exact_duplicate_is_refused_on_create_and_on_edit() -> None:
    """Section 17: bound, protocol, port and range; host bits count, as they are kept."""
    one = account()
    key = one.group()
    one.rule(key, **RULE)
    assert (
        one.post(f"/v1/security-groups/{key}/rules", data={**RULE, "title": "other"}).code
        == "CHECK_PARAM"
    )
    second = one.rule(key, **{**RULE, "ip": "192.0.2.0/24"})
    assert (
        one.put(f"/v1/security-groups/{key}/rules/{second}", data={"ip": RULE["ip"]}).code
        == "CHECK_PARAM"
    )
    assert (
        one.put(f"/v1/security-groups/{key}/rules/{second}", data={"title": "same"}).status == 200
    )


def test_a_rule_typed_without_a_mask_in_the_console_counts_as_one_address() -> None:
    """Section 17: `203.0.113.5` equals `203.0.113.5/32`, `0.0.0.0` equals `0.0.0.0/0`."""
    one = account()
    key = one.group()
    rules = [
        Rule(number, "IN", "TCP", "22", bare, "by hand")
        for number, bare in ((901, "203.0.113.5"), (902, "0.0.0.0"))
    ]
    one.cloud.change(lambda world: world.put_rules(key, rules))
    for masked in ("203.0.113.5/32", "0.0.0.0/0"):
        body = {**RULE, "bound": "IN", "protocol": "TCP", "port": "22", "ip": masked}
        assert one.post(f"/v1/security-groups/{key}/rules", data=body).code == "CHECK_PARAM"


def test_rules_of_missing_groups_and_missing_rules_are_not_found() -> None:
    """Sections 17, 22."""
    one = account()
    key = one.group()
    assert one.post("/v1/security-groups/FIREWALL-none/rules", data=RULE).code == "CHECK_PARAM"
    assert (
        one.put("/v1/security-groups/FIREWALL-none/rules/1", data={"port": "1"}).code
        == "CHECK_PARAM"
    )
    assert one.delete("/v1/security-groups/FIREWALL-none/rules/1").code == "CHECK_PARAM"
    assert one.put(f"/v1/security-groups/{key}/rules/1", data={"port": "1"}).code == "ID_INVALID"
    assert one.delete(f"/v1/security-groups/{key}/rules/nothing").code == "ID_INVALID"
    rule_id = one.rule(key)
    assert one.delete(f"/v1/security-groups/{key}/rules/{rule_id}").body["result"] == "success"
    assert rules_of(one, key) == []


def test_a_server_is_in_one_group_and_the_group_knows() -> None:
    """Section 17: membership is seen from the group only; a second group is IN_USE; a group with
    members is not deleted.
    """
    one = account()
    key, first, second = one.instance(), one.group("first"), one.group("second")
    answer = one.post(f"/v1/security-groups/{first}/attach", data={"instance_id": key})
    assert (answer.status, answer.row) == (202, {"firewall_id": first, "instance_id": key})
    members = one.get(f"/v1/security-groups/{first}/instances")
    assert members.rows == [{"instance_id": key, "name": "web", "status": "active"}]
    assert (
        one.post(f"/v1/security-groups/{first}/attach", data={"instance_id": key}).code
        == "CHECK_PARAM"
    )
    assert (
        one.post(f"/v1/security-groups/{second}/attach", data={"instance_id": key}).code == "IN_USE"
    )
    assert (
        one.post(f"/v1/security-groups/{second}/detach", data={"instance_id": key}).code
        == "CHECK_PARAM"
    )
    assert one.delete(f"/v1/security-groups/{first}").code == "IN_USE"
    assert one.delete(f"/v1/firewall/{first}").code == "IN_USE"
    assert one.post(f"/v1/security-groups/{first}/detach", data={"instance_id": key}).status == 202
    assert one.get(f"/v1/security-groups/{first}/instances").rows == []
    assert one.delete(f"/v1/security-groups/{first}").status == 200


@pytest.mark.parametrize("action", ["attach", "detach"])
def test_invalid_members_are_refused(action: str) -> None:
    """A missing, malformed, busy or absent server, and an absent group."""
    one = account()
    key, group = one.instance(ready=False), one.group()
    path = f"/v1/security-groups/{group}/{action}"
    assert one.post(path, data={}, wrong=True).code == "REQUIRED_POST_PARAM_MISSING"
    assert one.post(path, wrong=True).code == "REQUIRED_POST_PARAM_MISSING"
    assert one.post(path, data={"instance_id": 5}, wrong=True).code == "CHECK_PARAM"
    assert one.post(path, data={"instance_id": "4711"}).code == "ID_INVALID"
    assert one.post(path, data={"instance_id": key}).code == "DELETED_OR_WORKING_INSTANCE"
    assert (
        one.post(f"/v1/security-groups/FIREWALL-none/{action}", data={"instance_id": key}).code
        == "ID_INVALID"
    )


# The older form
# --------------------------------------------------------------------------------------------------------------


def test_both_forms_are_over_one_store() -> None:
    """Section 18: what one makes the other shows, rules included."""
    one = account()
    row = one.post(
        "/v1/firewall",
        data={
            "title": "web-policy",
            "content": "a & b",
            "icmp": "Y",
            "rules": [RULE, {**RULE, "port": "22"}],
        },
    ).row
    assert row["content"] == "a &amp; b"
    assert [rule["port"] for rule in row["rules"]] == ["443", "22"]
    assert one.get(f"/v1/security-groups/{row['firewall_id']}/rules").rows == row["rules"]
    assert one.get("/v1/firewall").rows == [row]
    one.rule(row["firewall_id"], port="80")
    assert len(one.get(f"/v1/firewall/{row['firewall_id']}").row["rules"]) == 3


def test_an_edit_in_the_older_form_rewrites_every_rule() -> None:
    """Section 18: only those sent remain, under new ids; a refused one changes nothing."""
    one = account()
    key = one.group()
    old = {one.rule(key, port=str(port)) for port in (1, 2, 3)}
    path = f"/v1/firewall/{key}"
    refused = one.put(path, data={"title": "next", "rules": [RULE, RULE]})
    assert refused.code == "CHECK_PARAM"
    assert {row["rule_id"] for row in rules_of(one, key)} == old
    row = one.put(path, data={"title": "next", "rules": [RULE]}).row
    assert row["title"] == "next" and len(row["rules"]) == 1
    assert row["rules"][0]["rule_id"] not in old
    again = one.put(path, data={"title": "next", "rules": [RULE]}).row
    assert again["rules"][0]["rule_id"] != row["rules"][0]["rule_id"]
    assert one.put(path, data={"title": "next"}).row["rules"] == []
    assert one.put(path, data={"title": "next", "rules": "all"}, wrong=True).code == "CHECK_PARAM"
    assert (
        one.put("/v1/firewall/FIREWALL-none", data={"title": "next", "rules": []}).code
        == "ID_INVALID"
    )


def test_the_older_form_takes_the_server_in_the_path_too() -> None:
    """Section 18: path and body were not recorded, so both are accepted."""
    one = account()
    key, group = one.instance(), one.group()
    assert one.call("POST", f"/v1/firewall/{group}/attach/{key}", wrong=True).status == 202
    assert one.world.members(group) == [key]
    assert one.call("POST", f"/v1/firewall/{group}/detach/{key}", wrong=True).status == 202
    assert one.world.members(group) == []


# The bill
# --------------------------------------------------------------------------------------------------------------------


def live_price(one: Account) -> int:
    return int(one.get("/v1/bill/live").row["price"])


def test_the_live_bill_counts_begun_days_of_everything_that_exists() -> None:
    """Sections 19, 25: by the day, powered off or detached all the same, until it is gone."""
    one = account()
    assert live_price(one) == 0
    key = one.instance()
    assert live_price(one) == 880
    volume = one.volume(key, size=150)
    assert live_price(one) == 880 + 600
    one.wait(86_400)
    assert live_price(one) == 2 * (880 + 600)
    one.post(f"/v1/instances/{key}/shutdown")
    one.post(f"/v1/block-storages/{volume}/detach")
    one.wait(86_400)
    assert live_price(one) == 3 * (880 + 600)
    one.delete(f"/v1/instances/{key}")
    one.settle()
    assert live_price(one) == 3 * (880 + 600)
    one.wait(86_400)
    assert live_price(one) == 3 * 880 + 4 * 600


def test_a_resize_charges_the_new_price_from_the_next_day() -> None:
    """No day is charged twice."""
    one = account()
    key = one.instance()
    one.post(f"/v1/instances/{key}/resize", form={"flavor_id": "std_4.8-g1"})
    one.settle()
    assert live_price(one) == 880
    one.wait(86_400)
    assert live_price(one) == 880 + 1760


def test_a_month_that_ends_becomes_a_bill() -> None:
    """The live bill starts again, and the list has one more."""
    one = account()
    one.instance()
    live = one.get("/v1/bill/live").row
    assert (live["bill_id"], live["start_date"], live["end_date"], live["currency"]) == (
        "BILL-live",
        "2026-01-01",
        "2026-01-01",
        "KRW",
    )
    one.cloud.advance(31 * 86_400)
    bill = one.get("/v1/bill").row
    assert (bill["usage_start"], bill["usage_end"], bill["bill_date"]) == (
        "2026-01-01",
        "2026-01-31",
        "2026-02-01",
    )
    assert (bill["price"], bill["vat"], bill["payment_price"]) == (31 * 880, 2728, 31 * 880 + 2728)
    assert one.get("/v1/bill/live").row["start_date"] == "2026-02-01"
    assert live_price(one) == 880
    one.cloud.advance(28 * 86_400)
    assert [row["bill_date"] for row in one.get("/v1/bill").rows] == ["2026-03-01", "2026-02-01"]


BILL_FILTERS = [
    ({}, 3),
    ({"start_date": "2026-10-02"}, 1),
    ({"start_date": "2026-10-01", "end_date": "2026-10-01"}, 1),
    ({"end_date": "2026-10-01"}, 2),
    ({"min_price": 198500}, 2),
    ({"min_price": -10, "max_price": 50000}, 1),
]


@pytest.fixture
def billed() -> Account:
    from reconciler.simulator.worldfile import world_from_data
    from tests.simulator.harness import fixture

    return account(world=world_from_data({"bills": fixture("bills.json")["result"]}))


@pytest.mark.parametrize(
    ("query", "count"), BILL_FILTERS, ids=[str(query) for query, _ in BILL_FILTERS]
)
def test_bills_are_filtered(billed: Account, query: dict[str, Any], count: int) -> None:
    """Section 19: dates against `bill_date`, prices against the price without VAT, both
    inclusive.
    """
    answer = billed.get("/v1/bill", **query)
    assert answer.body["count"] == count
    assert (answer.body["page_no"], answer.body["page_size"]) == ("1", "10")


def test_missing_bills_are_not_found(billed: Account) -> None:
    """Section 19: EMPTY_SET on page 1, an empty list past the end, bad dates refused, the detail
    always denied.
    """
    empty = billed.get("/v1/bill", min_price=10**9)
    assert (empty.status, empty.code) == (400, "EMPTY_SET")
    assert billed.get("/v1/bill", page_no=2).rows == []
    assert billed.get("/v1/bill", start_date="2026-13-01").code == "CHECK_PARAM"
    assert billed.get("/v1/bill", end_date="yesterday").code == "CHECK_PARAM"
    assert (
        billed.call("GET", "/v1/bill", query={"min_price": "1e3"}, wrong=True).code == "CHECK_PARAM"
    )
    denied = billed.get("/v1/bill/BILL-live")
    assert (denied.status, denied.code, denied.body["result"]["code"]) == (403, "CHECK_IP", 9)
    assert account().get("/v1/bill").code == "EMPTY_SET"


def test_prices_of_another_zone_are_the_flavors_own() -> None:
    """Section 25: flavors carry their own prices."""
    one = account()
    one.instance(zone_id=OTHER_ZONE, flavor_id="hpa_4.8-g2")
    assert live_price(one) == 2200
