"""The code table: which request provokes which code, and which only a fault script can
(contract#errors).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.simulator import Fault
from reconciler.simulator.errors import CODES
from tests.simulator.harness import FLAVOR, IMAGE, ZONE, Account, Reply, account, fixture, openapi

TRIO = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE}


def wrong_rule(**members: str) -> Callable[[Account], Reply]:
    data = {
        "bound": "IN",
        "protocol": "TCP",
        "port": "443",
        "ip": "0.0.0.0/0",
        "title": "x",
        **members,
    }
    return lambda one: one.post(f"/v1/security-groups/{one.group()}/rules", data=data, wrong=True)


def unsigned(header: str) -> Callable[[Account], Reply]:
    def run(one: Account) -> Reply:
        request = one.request("GET", "/v1/zones")
        kept = tuple(each for each in request.headers if each[0] != header)
        answer = one.sent(type(request)("GET", "/v1/zones", (), kept))
        assert answer is not None
        return answer

    return run


def stale(one: Account) -> Reply:
    answer = one.sent(one.request("GET", "/v1/zones", at=one.clock() - 600))
    assert answer is not None
    return answer


REQUESTS: dict[str, Callable[[Account], Reply]] = {
    "NOT_FOUND": lambda one: one.call("GET", "/v1/nothing", wrong=True),
    "CIDR_NOT_VALID": wrong_rule(ip="192.0.2.0/99"),
    "IPV6_NOT_SUPPORTED": wrong_rule(ip="2001:db8::/64"),
    "CHECK_CREDENTIAL": unsigned("X-iwinv-Credential"),
    "CHECK_SIGNATURE": unsigned("X-iwinv-Signature"),
    "INVALID_SIGNATURE": stale,
    "CHECK_IP": lambda one: one.post("/v1/security-groups", data={"title": "web-policy"}),
    "REQUIRED_POST_PARAM_MISSING": lambda one: one.post(
        "/v1/instances", form={"zone_id": ZONE}, wrong=True
    ),
    "DEV_CHECK_RETURN": lambda one: one.post("/v1/instances", form=TRIO),
    "UNAVAILABLE_FLAVOR": lambda one: one.post(
        "/v1/instances", form={**TRIO, "flavor_id": "hpa_16.32-g2"}
    ),
    "CHECK_PARAM": wrong_rule(port="0"),
    "CHECK_PARAM_ENUM": wrong_rule(protocol="ICMP"),
    "UNAVAILABLE_COMBINATION": lambda one: one.post(
        "/v1/instances", form={**TRIO, "flavor_id": "sto_2.8_s"}
    ),
    "CHECK_LENGTH": wrong_rule(title="x" * 26),
    "UNAVAILABLE_SSH_KEY": lambda one: one.post(
        "/v1/instances", form={**TRIO, "ssh_key_id": "none"}
    ),
    "DELETED_OR_WORKING_INSTANCE": lambda one: one.delete(
        "/v1/instances/INSTANCE-0000000000000000000000"
    ),
    "EMPTY_SET": lambda one: one.get("/v1/bill"),
    "IN_USE": lambda one: one.delete(f"/v1/block-storages/{one.volume(one.instance())}"),
    "ID_INVALID": lambda one: one.get("/v1/images/none"),
    "LIMIT_EXCEEDED": lambda one: one.post(
        "/v1/security-groups", data={"title": "web-policy", "content": "x"}
    ),
}
SWITCHES: dict[str, dict[str, object]] = {
    "DEV_CHECK_RETURN": {"restricted_zones": ZONE},
    "LIMIT_EXCEEDED": {"groups_max": 0},
}
BY_SCRIPT = {
    "CIDR_NOT_REGISTERED",
    "CHECK_REQUEST_IP",
    "REQUIRED_GET_PARAM_MISSING",
    "CHECK_CONSOLE",
}


def test_the_table_is_the_published_one() -> None:
    """All 23 failures, with their numbers, and the fixtures' status and shape."""
    published = openapi()["components"]["schemas"]["KnownErrorCode"]["x-code-values"]
    assert {name: hex(code.number) for name, code in CODES.items()} == published
    for name, sample in fixture("errors.json").items():
        if name in CODES:
            assert CODES[name].status == sample["http_status"], name
            assert CODES[name].shape == (
                "object" if isinstance(sample["body"]["result"], dict) else "string"
            ), name


def test_each_code_is_either_provoked_by_a_request_or_by_a_script_only() -> None:
    """The columns of the documentation's table."""
    assert set(REQUESTS) | BY_SCRIPT == set(CODES)
    assert {name for name, code in CODES.items() if code.provoked_by} == set(REQUESTS)
    assert {name for name, code in CODES.items() if not code.provoked_by} == BY_SCRIPT


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_a_documented_request_provokes_the_code(name: str) -> None:
    """With its status, its number, and a Korean message."""
    answer = REQUESTS[name](account(SWITCHES.get(name, {})))
    code = CODES[name]
    assert (answer.status, answer.body["code"], answer.code) == (
        code.status,
        hex(code.number),
        name,
    )
    assert any("가" <= letter <= "힣" for letter in answer.body["message"])
    assert "count" not in answer.body


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_script_can_give_any_code(name: str) -> None:
    """Also those that no request gives."""
    one = account(faults=[Fault("refused_before", code=name)])
    answer = one.get("/v1/zones")
    assert (answer.status, answer.body["code"], answer.code) == (
        CODES[name].status,
        hex(CODES[name].number),
        name,
    )


def test_messages_may_hold_markup_and_script() -> None:
    """Section 6: never render them."""
    texts = " ".join(code.message for code in CODES.values())
    assert "<script>" in texts and "<br/>" in texts


def test_the_busy_form_of_not_found() -> None:
    """Section 6: seen on other services; by script, with the message repeated in `result`."""
    fault = Fault("refused_before", code="NOT_FOUND", message="다른 작업이 진행 중입니다.")
    one = account({"error_result": "messages"}, faults=[fault])
    answer = one.get("/v1/zones")
    assert (answer.status, answer.body["message"], answer.body["result"]) == (
        404,
        fault.message,
        fault.message,
    )
