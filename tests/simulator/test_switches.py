"""Every switch: its default, its other values, and what is wrong to write (contract#switches)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.model.http import Request
from reconciler.simulator import Cloud, Switches
from reconciler.simulator.switches import SwitchError
from reconciler.simulator.worldfile import world_from_data
from tests.simulator import harness
from tests.simulator.harness import FLAVOR, IMAGE, OTHER_ZONE, ZONE, Account, account, signature

TRIO = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE}
RULE = {"bound": "IN", "protocol": "TCP", "port": "443", "ip": "0.0.0.0/0", "title": "https"}
CHECKS: dict[str, Callable[[], None]] = {}


def checks(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register the check of one switch or several that belong together."""

    def register(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS.update(dict.fromkeys(names, check))
        return check

    return register


@pytest.mark.parametrize("name", [row.name for row in harness.table()])
def test_every_switch_has_its_documented_effect(name: str) -> None:
    """A switch without a check here fails."""
    CHECKS[name]()


def outcome(switches: Mapping[str, object], act: Callable[[Account], Any]) -> Any:
    return act(account(switches))


def compare(
    name: str, act: Callable[[Account], Any], wanted: Mapping[Any, Any], **others: object
) -> None:
    """What an act gives under each value; None is the default."""
    for value, expected in wanted.items():
        switches = others if value is None else {**others, name: value}
        assert outcome(switches, act) == expected, f"{name}={value}"


@checks("http_status")
def http_status() -> None:
    compare(
        "http_status",
        lambda one: one.get("/v1/block-storages").status,
        {None: 200, "live": 200, "doc": 202},
    )


@checks("clock_skew_limit")
def clock_skew_limit() -> None:
    def late(one: Account) -> int:
        answer = one.sent(one.request("GET", "/v1/zones", at=one.clock() - 200))
        return answer.status if answer else 0

    compare("clock_skew_limit", late, {None: 200, 300: 200, 100: 401, "1e3": 200})


@checks("allowlist")
def allowlist() -> None:
    def from_there(one: Account) -> tuple[int, object]:
        response = one.cloud.handle(one.request("GET", "/v1/zones"), peer="192.0.2.7")
        return response.status, json.loads(response.body)["error_code"]

    denied = (403, "CHECK_IP")
    compare(
        "allowlist",
        from_there,
        {
            None: (200, "SUCCESS"),
            "192.0.2.0/24": (200, "SUCCESS"),
            "192.0.2.8,::1": denied,
            "off": (200, "SUCCESS"),
        },
    )


def statuses(one: Account, count: int, key: str | None = None) -> list[int]:
    found = []
    for _ in range(count):
        request = one.request("GET", "/v1/zones")
        if key is not None:
            request = Request(
                "GET", request.path, (), (("X-iwinv-Credential", key), *request.headers), b""
            )
        found.append(one.cloud.handle(request).status)
    return found


@checks("rate_limit", "rate_seconds", "rate_window", "rate_counts_refused")
def rate() -> None:
    compare(
        "rate_limit",
        lambda one: statuses(one, 4),
        {"off": [200] * 4, 3: [200] * 3 + [429], 60: [200] * 4},
    )
    assert Switches().rate_limit == 60

    def later(one: Account) -> list[int]:
        one.wait(30)
        first = statuses(one, 1)
        one.wait(31)
        return first + statuses(one, 2)

    compare("rate_window", later, {None: [200, 429, 429], "fixed": [200, 200, 429]}, rate_limit=1)
    compare("rate_seconds", later, {None: [200, 429, 429], 20: [200, 200, 429]}, rate_limit=1)

    def patient(one: Account) -> list[int]:
        found = statuses(one, 1)
        for _ in range(4):
            one.wait(25)
            found += statuses(one, 1)
        return found

    compare(
        "rate_counts_refused",
        patient,
        {None: [200, 429, 429, 200, 429], "on": [200, 429, 429, 429, 429]},
        rate_limit=1,
    )


@checks("rate_scope")
def rate_scope() -> None:
    def two_keys(one: Account) -> list[int]:
        return statuses(one, 1) + statuses(one, 1, key="other")

    compare("rate_scope", two_keys, {None: [200, 401], "account": [200, 429]}, rate_limit=1)


@checks("rate_body", "retry_after")
def rate_body() -> None:
    def refused(one: Account) -> tuple[list[str], bool]:
        statuses(one, 1)
        answer = one.sent(one.request("GET", "/v1/zones"))
        assert answer is not None and answer.status == 429
        return sorted(answer.body), "Retry-After" in answer.headers

    compare(
        "rate_body",
        refused,
        {
            None: (["message"], True),
            "envelope": (["code", "error_code", "message", "result"], True),
        },
        rate_limit=1,
    )
    compare(
        "retry_after",
        refused,
        {None: (["message"], True), "off": (["message"], False)},
        rate_limit=1,
    )


@checks("error_http")
def error_http() -> None:
    def wrong(one: Account) -> tuple[int, str]:
        request = one.request("GET", "/v1/images/none")
        answer = one.sent(request)
        assert answer is not None
        return answer.status, answer.code

    compare("error_http", wrong, {None: (400, "ID_INVALID"), "always_200": (200, "ID_INVALID")})


@checks("error_result")
def error_result() -> None:
    def results(one: Account) -> list[str]:
        return [
            kind(one.get("/v1/images/none").body),
            kind(one.get("/v1/bill/BILL-live").body),
        ]

    def kind(body: dict[str, Any]) -> str:
        result = body["result"]
        if isinstance(result, dict):
            assert result == {"code": int(body["code"], 16), "message": body["message"]}
            return "object"
        return "error" if result == "error" else "message" if result == body["message"] else "?"

    compare(
        "error_result",
        results,
        {
            None: ["error", "object"],
            "strings": ["error"] * 2,
            "messages": ["message"] * 2,
            "objects": ["object"] * 2,
        },
    )


@checks("validation_body")
def validation_body() -> None:
    def wrong(one: Account) -> tuple[int, list[str]]:
        answer = one.post("/v1/security-groups", data={"title": "x", "content": "x"}, wrong=True)
        return answer.status, sorted(answer.body)

    compare(
        "validation_body",
        wrong,
        {
            None: (400, ["code", "error_code", "message", "result"]),
            "bare_422": (422, ["errors", "message"]),
        },
    )


@checks("default_fields")
def default_fields() -> None:
    def members(one: Account) -> int:
        one.instance()
        return len(one.get("/v1/instances").rows[0])

    compare("default_fields", members, {None: 6, 543: 6, 15: 4, 131071: 17})


@checks("flavor_fields")
def flavor_fields() -> None:
    compare(
        "flavor_fields",
        lambda one: len(one.get("/v1/flavors", fields=3).rows[0]),
        {None: 8, "sequence": 2},
    )
    compare(
        "flavor_fields", lambda one: len(one.get("/v1/flavors").rows[0]), {None: 8, "sequence": 8}
    )


@checks("page_size_cap")
def page_size_cap() -> None:
    def page(one: Account) -> tuple[int, int]:
        body = one.get("/v1/flavors", page_size=100).body
        return body["page_size"], body["count"]

    compare("page_size_cap", page, {None: (100, 15), 4: (4, 4), "off": (100, 15)})


@checks("instance_text_decoding")
def instance_text_decoding() -> None:
    def sent(one: Account) -> str:
        row = one.post("/v1/instances", form={**TRIO, "name": "a+b c"}).row
        return str(row["name"])

    compare(
        "instance_text_decoding", sent, {None: "a+b c", "once_form": "a+b c", "none": "a%2Bb%20c"}
    )

    def raw(one: Account) -> str:
        response = one.cloud.handle(
            one.cloud.signed("POST", "/v1/instances", body=json.dumps({**TRIO, "name": "a+b%2541"}))
        )
        return str(json.loads(response.body)["result"][0]["name"])

    compare(
        "instance_text_decoding", raw, {None: "a+b%41", "once_form": "a b%41", "none": "a+b%2541"}
    )


@checks("strict_content_type")
def strict_content_type() -> None:
    def as_json(one: Account) -> str:
        return (
            one.post("/v1/instances", data=TRIO, wrong=True).code
            if not one.cloud.switches.strict_content_type
            else refused(one)
        )

    def refused(one: Account) -> str:
        request = one.request("POST", "/v1/instances", data=TRIO)
        answer = one.sent(request)
        form = one.sent(
            one.request("POST", "/v1/security-groups", form={"title": "web-policy", "content": "x"})
        )
        assert (
            answer is not None and form is not None and form.code == "REQUIRED_POST_PARAM_MISSING"
        )
        assert one.post("/v1/instances", form=TRIO).status == 202
        return answer.code

    compare("strict_content_type", as_json, {None: "SUCCESS", "on": "REQUIRED_POST_PARAM_MISSING"})


@checks("max_name", "max_description")
def lengths() -> None:
    compare(
        "max_name",
        lambda one: one.post("/v1/instances", form={**TRIO, "name": "x" * 33}).code,
        {None: "SUCCESS", 32: "CHECK_LENGTH"},
    )
    compare(
        "max_description",
        lambda one: one.post("/v1/instances", form={**TRIO, "description": "x" * 51}).code,
        {None: "SUCCESS", 50: "CHECK_LENGTH"},
    )


@checks("api_zone_only")
def api_zone_only() -> None:
    zones: list[dict[str, Any]] = [
        {"zone_id": ZONE, "zone_name": "KR1-Z01", "status": "available"},
        {"zone_id": "console", "zone_name": "KR1", "api": False},
    ]
    zones[1]["status"] = "available"
    data = {
        "zones": zones,
        "instances": [{"name": "hidden", "zone_id": "console"}, {"name": "shown"}],
    }

    for value, expected in {
        None: (["shown"], "ID_INVALID", "ID_INVALID", 1),
        "off": (["hidden", "shown"], "SUCCESS", "SUCCESS", 2),
    }.items():
        one = account(
            {} if value is None else {"api_zone_only": value}, world=world_from_data(data)
        )
        hidden = one.world.find("hidden").instance_id
        names = [row["name"] for row in one.get("/v1/instances").rows]
        listed = one.get("/v1/zones").body["count"]
        assert (
            names,
            one.get(f"/v1/instances/{hidden}").code,
            one.post(f"/v1/instances/{hidden}/reboot").code,
            listed,
        ) == expected
        made = one.post("/v1/instances", form={**TRIO, "zone_id": "console"})
        assert made.code == ("ID_INVALID" if value is None else "UNAVAILABLE_COMBINATION")


@checks("restricted_zones")
def restricted_zones() -> None:
    def create(one: Account) -> tuple[int, Any]:
        answer = one.post("/v1/instances", form=TRIO)
        assert answer.status == 202 or one.world.instances == {}
        return answer.status, answer.body["result"]["code"] if answer.status == 500 else None

    compare(
        "restricted_zones",
        create,
        {
            None: (202, None),
            f"{OTHER_ZONE},{ZONE}": (500, 12),
            "none": (202, None),
            OTHER_ZONE: (202, None),
        },
    )


@checks("visibility_delay")
def visibility_delay() -> None:
    def seen(one: Account) -> list[int]:
        key = one.instance()
        group = one.group()
        volume = one.post(
            "/v1/block-storages", form={"instance_id": key, "type": "ssd", "size": 20}
        ).row["block_storage_id"]
        paths = (
            "/v1/security-groups",
            "/v1/block-storages",
            f"/v1/security-groups/{group}",
            f"/v1/security-groups/{group}/rules",
        )
        first = [
            len(one.get(path).body["result"]) if one.get(path).code == "SUCCESS" else -1
            for path in paths
        ]
        assert one.get(f"/v1/block-storages/{volume}").code == (
            "ID_INVALID" if first[0] == 0 else "SUCCESS"
        )
        one.wait(50)
        return first + [len(one.get(path).rows) for path in paths]

    compare(
        "visibility_delay", seen, {None: [1, 1, 1, 0, 1, 1, 1, 0], 45: [0, 0, 0, -1, 1, 1, 1, 0]}
    )

    def server(one: Account) -> list[object]:
        key = one.instance(ready=False)
        before = one.get(f"/v1/instances/{key}").code
        one.wait(60)
        return [before, one.get(f"/v1/instances/{key}").code]

    compare(
        "visibility_delay", server, {None: ["SUCCESS", "SUCCESS"], 45: ["ID_INVALID", "SUCCESS"]}
    )


@checks("ticks")
def ticks() -> None:
    def words(one: Account) -> list[str]:
        key = one.instance(ready=False)
        found = []
        for _ in range(4):
            found.append(one.get(f"/v1/instances/{key}").row["status"])
            one.wait(1)
        return found

    pending, active = "pending", "active"
    compare(
        "ticks",
        words,
        {
            None: [pending] * 4,
            "create:2": [pending] * 2 + [active] * 2,
            "create:3 reads": [pending] * 3 + [active],
        },
    )
    compare("ticks.create", words, {0: [active] * 4, "1 read": [pending] + [active] * 3})

    def joins(one: Account) -> list[int]:
        key, group = one.instance(), one.group()
        one.join(group, key)
        before = len(one.get(f"/v1/security-groups/{group}/instances").rows)
        one.settle()
        between = len(one.get(f"/v1/security-groups/{group}/instances").rows)
        one.post(f"/v1/security-groups/{group}/detach", data={"instance_id": key})
        leaving = len(one.get(f"/v1/security-groups/{group}/instances").rows)
        one.settle()
        return [
            before,
            between,
            leaving,
            len(one.get(f"/v1/security-groups/{group}/instances").rows),
        ]

    compare("ticks.group", joins, {None: [1, 1, 0, 0], 5: [0, 1, 1, 0]})


@checks("create_outcome")
def create_outcome() -> None:
    def create(one: Account) -> tuple[object, int, str]:
        answer = one.sent(one.request("POST", "/v1/instances", form=TRIO))
        one.settle()
        status = next(iter(one.world.instances.values())).status
        return answer.status if answer else None, len(one.world.instances), status

    compare(
        "create_outcome",
        create,
        {
            None: (202, 1, "active"),
            "error": (202, 1, "error"),
            "lost": (None, 1, "active"),
            "http_500": (500, 1, "active"),
        },
    )


@checks("instance_absent")
def instance_absent() -> None:
    def gone(one: Account) -> tuple[int, str, object, str]:
        key = one.instance()
        one.delete(f"/v1/instances/{key}")
        one.settle()
        answer = one.get(f"/v1/instances/{key}", fields=65)
        assert one.get("/v1/instances").rows == []
        return (
            answer.status,
            answer.code,
            answer.body["result"],
            one.delete(f"/v1/instances/{key}").code,
        )

    busy = "DELETED_OR_WORKING_INSTANCE"
    compare(
        "instance_absent",
        gone,
        {None: (400, "ID_INVALID", "error", busy), "empty": (200, "SUCCESS", [], busy)},
    )
    compare("instance_absent", gone, {"not_found": (404, "NOT_FOUND", "error", "NOT_FOUND")})
    status, _, rows, _ = outcome({"instance_absent": "tombstone"}, gone)
    assert status == 200 and rows[0]["stop_date"] == "2026-01-01 09:00:55"


@checks("block_storage_absent")
def block_storage_absent() -> None:
    def gone(one: Account) -> tuple[int, str]:
        answer = one.get("/v1/block-storages/BLOCKSTORAGE-none")
        return answer.status, answer.code

    compare(
        "block_storage_absent",
        gone,
        {None: (400, "ID_INVALID"), "empty": (202, "SUCCESS"), "not_found": (404, "NOT_FOUND")},
    )


@checks("delete_read_status")
def delete_read_status() -> None:
    def read(one: Account) -> str:
        key = one.instance()
        one.delete(f"/v1/instances/{key}")
        return str(one.get(f"/v1/instances/{key}").row["status"])

    compare("delete_read_status", read, {None: "work", "deleting": "deleting"})


@checks("instance_clear")
def instance_clear() -> None:
    def clear(one: Account) -> object:
        key = one.instance(description="text")
        answer = one.put(f"/v1/instances/{key}", form={"description": ""})
        return answer.row["description"] if answer.status == 200 else answer.code

    compare("instance_clear", clear, {None: "text", "clear": "", "error": "CHECK_PARAM"})


@checks("strict_power")
def strict_power() -> None:
    def again(one: Account) -> list[str]:
        key = one.instance()
        first = one.post(f"/v1/instances/{key}/start").code
        one.post(f"/v1/instances/{key}/shutdown")
        one.settle()
        return [
            first,
            one.post(f"/v1/instances/{key}/shutdown").code,
            one.post(f"/v1/instances/{key}/start").code,
        ]

    compare(
        "strict_power",
        again,
        {None: ["SUCCESS"] * 3, "on": ["CHECK_PARAM", "CHECK_PARAM", "SUCCESS"]},
    )


@checks("allow_shrink")
def allow_shrink() -> None:
    def shrink(one: Account) -> str:
        return one.post(
            f"/v1/instances/{one.instance()}/resize", form={"flavor_id": "std_1.2-g1"}
        ).code

    compare("allow_shrink", shrink, {None: "UNAVAILABLE_COMBINATION", "on": "SUCCESS"})


@checks("scripts_empty")
def scripts_empty() -> None:
    def scripts(one: Account) -> tuple[int, Any]:
        one.cloud.change(lambda world: world.user_scripts.clear())
        answer = one.get("/v1/instance/script")
        return answer.status, answer.body["result"]

    compare(
        "scripts_empty", scripts, {None: (404, "error"), "404": (404, "error"), "empty": (200, [])}
    )


@checks("size_step")
def size_step() -> None:
    def odd(one: Account) -> str:
        return one.post(
            "/v1/block-storages", form={"instance_id": one.instance(), "type": "ssd", "size": 25}
        ).code

    compare("size_step", odd, {None: "SUCCESS", 10: "CHECK_PARAM"})


@checks("delete_attached")
def delete_attached() -> None:
    compare(
        "delete_attached",
        lambda one: one.delete(f"/v1/block-storages/{one.volume(one.instance())}").code,
        {None: "IN_USE", "allow": "SUCCESS"},
    )


@checks("instance_delete_volumes")
def instance_delete_volumes() -> None:
    def left(one: Account) -> tuple[int, int]:
        key = one.instance()
        one.volume(key)
        receipt = one.delete(f"/v1/instances/{key}").row
        one.settle()
        return len(receipt["block_storage"]), len(one.world.block_storages)

    compare("instance_delete_volumes", left, {None: (1, 1), "delete": (0, 0)})


@checks("group_empty_content")
def group_empty_content() -> None:
    def empty(one: Account) -> object:
        answer = one.post("/v1/security-groups", data={"title": "web-policy"})
        return answer.code if answer.status != 200 else answer.row["content"]

    compare("group_empty_content", empty, {None: "CHECK_IP", "accept": None})


@checks("group_clear")
def group_clear() -> None:
    def clear(one: Account) -> object:
        key = one.group(content="a & b")
        one.put(
            f"/v1/security-groups/{key}", data={"title": "web-policy", "content": ""}, wrong=True
        )
        return one.get(f"/v1/security-groups/{key}").row["content"]

    compare("group_clear", clear, {None: "a &amp; b", "corrupt": "a &amp;amp; b", "clear": None})


@checks("escape_group_content")
def escape_group_content() -> None:
    def read(one: Account) -> object:
        return one.get(f"/v1/security-groups/{one.group(content='<&>')}").row["content"]

    compare("escape_group_content", read, {None: "&lt;&amp;&gt;", "off": "<&>"})


@checks("delete_attached_group")
def delete_attached_group() -> None:
    def delete(one: Account) -> str:
        group = one.group()
        one.join(group, one.instance())
        answer = one.delete(f"/v1/security-groups/{group}")
        assert len(one.world.memberships) == (0 if answer.status == 200 else 1)
        return answer.code

    compare("delete_attached_group", delete, {None: "IN_USE", "allow": "SUCCESS"})


@checks("attach_mode")
def attach_mode() -> None:
    def second(one: Account) -> tuple[str, int, int]:
        key, first, other = one.instance(), one.group("first"), one.group("other")
        one.join(first, key)
        answer = one.post(f"/v1/security-groups/{other}/attach", data={"instance_id": key})
        return answer.code, len(one.world.members(first)), len(one.world.members(other))

    compare(
        "attach_mode",
        second,
        {None: ("IN_USE", 1, 0), "single_replace": ("SUCCESS", 0, 1), "many": ("SUCCESS", 1, 1)},
    )


@checks("duplicate_key")
def duplicate_key() -> None:
    def twice(one: Account) -> list[str]:
        key = one.group()
        path = f"/v1/security-groups/{key}/rules"
        return [one.post(path, data=data).code for data in (RULE, {**RULE, "title": "other"}, RULE)]

    compare(
        "duplicate_key",
        twice,
        {
            None: ["SUCCESS", "CHECK_PARAM", "CHECK_PARAM"],
            "all": ["SUCCESS", "SUCCESS", "CHECK_PARAM"],
        },
    )


@checks("put_without_rules")
def put_without_rules() -> None:
    def put(one: Account) -> int:
        key = one.group()
        one.rule(key)
        return len(one.put(f"/v1/firewall/{key}", data={"title": "web-policy"}).row["rules"])

    compare("put_without_rules", put, {None: 0, "keep": 1})


@checks("old_firewall_paths")
def old_firewall_paths() -> None:
    def older(one: Account) -> list[int]:
        return [
            one.get("/v1/firewall").status,
            one.get("/v1/firewall/FIREWALL-x").status,
            one.get("/v1/security-groups").status,
        ]

    compare("old_firewall_paths", older, {None: [200, 200, 200], "off": [404, 404, 200]})


@checks("bill_page_meta")
def bill_page_meta() -> None:
    def page(one: Account) -> object:
        return one.get("/v1/bill", page_no=2).body["page_no"]

    compare("bill_page_meta", page, {None: "2", "integers": 2})


@checks("bill_detail")
def bill_detail() -> None:
    def detail(one: Account) -> list[str]:
        one.instance()
        one.cloud.advance(40 * 86_400)
        known = next(iter(one.world.bills))
        return [
            one.get(f"/v1/bill/{known}").code,
            one.get("/v1/bill/BILL-none").code,
            one.get("/v1/bill/BILL-live").code,
        ]

    compare(
        "bill_detail", detail, {None: ["CHECK_IP"] * 3, "ok": ["SUCCESS", "ID_INVALID", "SUCCESS"]}
    )


@checks("instances_max", "block_storages_max", "groups_max", "rules_max")
def maxima() -> None:
    full = {None: "SUCCESS", 0: "LIMIT_EXCEEDED", 1: "SUCCESS", "off": "SUCCESS"}
    compare("instances_max", lambda one: one.post("/v1/instances", form=TRIO).code, full)
    compare(
        "groups_max",
        lambda one: (
            one.post("/v1/security-groups", data={"title": "web-policy", "content": "x"}).code
        ),
        full,
    )
    compare(
        "rules_max",
        lambda one: one.post(f"/v1/security-groups/{one.group()}/rules", data=RULE).code,
        full,
    )
    compare(
        "block_storages_max",
        lambda one: (
            one.post(
                "/v1/block-storages",
                form={"instance_id": one.instance(), "type": "ssd", "size": 20},
            ).code
        ),
        full,
    )
    inline = {**TRIO, "block_storage.0.size": 20, "count": 2}
    compare(
        "block_storages_max",
        lambda one: one.post("/v1/instances", form=inline, wrong=True).code,
        {2: "SUCCESS", 1: "LIMIT_EXCEEDED"},
    )


# The table itself

CONTRACT = [
    "http_status",
    "clock_skew_limit",
    "allowlist",
    "rate_limit",
    "rate_window",
    "rate_scope",
    "rate_body",
    "retry_after",
    "error_http",
    "error_result",
    "default_fields",
    "flavor_fields",
    "instance_text_decoding",
    "strict_content_type",
    "max_name",
    "max_description",
    "api_zone_only",
    "restricted_zones",
    "visibility_delay",
    "ticks",
    "create_outcome",
    "instance_absent",
    "delete_read_status",
    "instance_clear",
    "strict_power",
    "allow_shrink",
    "scripts_empty",
    "size_step",
    "delete_attached",
    "instance_delete_volumes",
    "group_empty_content",
    "group_clear",
    "escape_group_content",
    "delete_attached_group",
    "attach_mode",
    "duplicate_key",
    "put_without_rules",
    "old_firewall_paths",
    "bill_page_meta",
    "bill_detail",
]


def test_every_switch_of_section_23_is_there() -> None:
    """By its name; ours beyond those come from other sections."""
    from tests.simulator.harness import API

    rows = (
        (API / "iwinv-api.md")
        .read_text(encoding="utf-8")
        .split("## 23.")[1]
        .split("## 24.")[0]
        .splitlines()
    )
    named = [
        name.strip(" `")
        for row in rows
        if row.startswith("| `")
        for name in row.split("|")[1].split("(")[0].split(",")
    ]
    assert named == CONTRACT
    assert set(CONTRACT) <= {row.name for row in harness.table()}
    assert all(row.meaning and row.section and row.allowed for row in harness.table())


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("nonsense", "on", "no such switch"),
        ("http_status", "both", "one of live, doc"),
        ("rate_limit", "0", "from 1"),
        ("rate_limit", "many", "from 1"),
        ("rate_limit", True, "from 1"),
        ("strict_power", "perhaps", "on or off"),
        ("default_fields", 1.5, "whole number"),
        ("visibility_delay", "-1", "from 0"),
        ("visibility_delay", "inf", "from 0"),
        ("ticks", "fast", "mapping"),
        ("ticks", {"create": -1}, "seconds"),
        ("ticks", {"sleep": 1}, "mapping"),
        ("ticks.create", "soon", "seconds"),
        ("ticks.sleep", 1, "no such operation"),
        ("allowlist", [1], "list"),
        ("restricted_zones", 5, "list"),
    ],
)
def test_an_invalid_switch_is_refused_with_the_valid_values(
    name: str, value: object, hint: str
) -> None:
    """From Python, YAML and the command line alike."""
    with pytest.raises(SwitchError, match=hint):
        Switches.parse({name: value})


def test_texts_and_yaml_booleans_mean_the_same() -> None:
    """`on` and `off` are booleans in YAML and words on a command line."""
    assert Switches.parse({"strict_power": True, "rate_limit": False}) == Switches.parse_texts(
        ["strict_power=on", "rate_limit=off"]
    )
    assert Switches.parse({"scripts_empty": 404}) == Switches()
    with pytest.raises(SwitchError, match="NAME=VALUE"):
        Switches.parse_texts(["strict_power"])


def test_what_is_changed_can_be_parsed_again() -> None:
    """For showing, and for handing on."""
    switches = Switches.parse(
        {
            "ticks": {"create": "3 reads"},
            "allowlist": "192.0.2.1",
            "rate_limit": "off",
            "max_name": 5,
        }
    )
    assert Switches.parse(switches.changed()) == switches
    assert Switches().changed() == {}


def test_the_signature_helper_of_the_cloud_agrees_with_ours() -> None:
    """`Cloud.signed` is for stories; it signs as the contract says."""
    cloud = Cloud(clock=lambda: 1_767_225_600.0)
    request = cloud.signed("GET", "/v1/zones")
    assert request.header("X-iwinv-Signature") == signature(
        cloud.secret_key, "1767225600", "/v1/zones"
    )
