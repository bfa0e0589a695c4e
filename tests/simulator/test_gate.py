"""The gate: signature, clock, credential, source address and quota (contract#authentication,
contract#limits).
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reconciler.model.http import Request
from reconciler.simulator import Cloud, VirtualClock
from reconciler.simulator.gate import signature
from tests.simulator.harness import START, Account, account, reply

VECTORS = [
    (
        "test-secret-0001",
        "1767225600",
        "/v1/zones",
        "113f40c367596c5fc59835f6989d53c8fe4214828914f38b8530579cf17c94ea",
    ),
    (
        "test-secret-0001",
        "1767225600",
        "/v1/instances",
        "9f27ade7cf8f130265b58b37ad778e1206ec38d7e480b6ef7edd4e40952f3005",
    ),
    (
        "test-secret-0001",
        "1767225601",
        "/v1/instances",
        "43eaa2264e7489fe23b61d87840f7ef10415b24840cdf500fdfebf76ee495da1",
    ),
    (
        "test-secret-0001",
        "1767225600",
        "/v1/instances/INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7",
        "f12f3ccaf90258012a0b4dcfc908616ed31dbd9e6bdab0bf4697661b67ddd554",
    ),
    (
        "test-secret-0001",
        "1767225600",
        "/v1/flavors/std_2.4-g1",
        "6a2b9923a67d57025768f64bab005745803274281c874e19068711985c262a3d",
    ),
    (
        "test-secret-0001",
        "1767225600",
        "/v1/block-storages/BLOCKSTORAGE-1aB2cD3eF4gH5iJ6kL7mN8/attach/INSTANCE-0aB1cD2eF3gH4iJ5kL6mN7",
        "420d5c44905b1ade7e33077c4b327fecfc8ba90a8e1262cb9863e01e3b72e768",
    ),
    (
        "비밀키-test",
        "1767225600",
        "/v1/auth/ssh_key",
        "026190464644541a69311c40a4ce9abfb718b788798187c61a2809c0ca7e6f95",
    ),
]
WRONG = [
    ("/v1/zones", (), "dd178fcd1d2ac822d39e6b68fbd31c28ea5fe2d572180576c0c67dc3ade9eb68"),
    (
        "/v1/instances",
        (("page_no", "1"),),
        "112e6582a18e8ebdcb46a567ad59747cd3c282a8e43a930c5da9cf034cbcf0c8",
    ),
]


def signed(
    path: str, timestamp: str, sent: str, query: tuple[tuple[str, str], ...] = ()
) -> Request:
    return Request(
        "GET",
        path,
        query,
        (
            ("x-IWINV-timestamp", timestamp),
            ("X-iwinv-Credential", "local-access-key"),
            ("X-iwinv-Signature", sent),
        ),
    )


@pytest.mark.parametrize(("secret", "timestamp", "path", "expected"), VECTORS)
def test_every_signature_vector_of_the_contract_passes(
    secret: str, timestamp: str, path: str, expected: str
) -> None:
    """The vectors of section 3, as a function and through a cloud; a query is never signed."""
    assert signature(secret, timestamp, path) == expected
    cloud = Cloud(clock=VirtualClock(START), secret_key=secret)
    status = reply(
        cloud.handle(
            Request("GET", path, (("page_no", "1"),), signed(path, timestamp, expected).headers)
        )
    ).status
    assert status not in {401, 403}


@pytest.mark.parametrize(("path", "query", "sent"), WRONG)
def test_a_signature_over_a_slash_or_a_query_is_rejected(
    path: str, query: tuple[tuple[str, str], ...], sent: str
) -> None:
    """The two wrong vectors of section 3."""
    cloud = Cloud(clock=VirtualClock(START), secret_key="test-secret-0001")
    answer = reply(cloud.handle(signed(path, "1767225600", sent, query)))
    assert (answer.status, answer.code) == (401, "INVALID_SIGNATURE")


@pytest.mark.parametrize(
    ("offset", "status"), [(0, 200), (300, 200), (-300, 200), (301, 401), (-301, 401), (-600, 401)]
)
def test_the_clock_may_differ_by_300_seconds_inclusive(offset: int, status: int) -> None:
    """Section 3: five minutes either way, the border included."""
    one = account()
    answer = one.sent(one.request("GET", "/v1/zones", at=START + offset))
    assert answer is not None
    assert answer.status == status
    assert answer.code == ("SUCCESS" if status == 200 else "INVALID_SIGNATURE")


def test_the_clock_window_is_not_scaled() -> None:
    """A time scale makes background work faster, not signatures older."""
    one = account(time_scale=1_000)
    answer = one.sent(one.request("GET", "/v1/zones", at=START - 299))
    assert answer is not None and answer.status == 200


def without(request: Request, name: str) -> Request:
    return replace(request, headers=tuple(each for each in request.headers if each[0] != name))


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(without(request, name), headers=(*without(request, name).headers, (name, value)))


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("X-iwinv-Credential", None, "CHECK_CREDENTIAL"),
        ("X-iwinv-Credential", "another", "CHECK_CREDENTIAL"),
        ("X-iwinv-Timestamp", None, "CHECK_SIGNATURE"),
        ("X-iwinv-Timestamp", "yesterday", "CHECK_SIGNATURE"),
        ("X-iwinv-Timestamp", "-5", "CHECK_SIGNATURE"),
        ("X-iwinv-Signature", None, "CHECK_SIGNATURE"),
        ("X-iwinv-Signature", "ABC", "CHECK_SIGNATURE"),
        ("X-iwinv-Signature", "0" * 64, "INVALID_SIGNATURE"),
    ],
)
def test_a_bad_header_is_401_with_its_own_code(header: str, value: str | None, code: str) -> None:
    """Section 6: credential, signature missing or unusable, signature that does not match."""
    one = account()
    request = one.request("GET", "/v1/zones")
    answer = one.sent(
        without(request, header) if value is None else with_header(request, header, value)
    )
    assert answer is not None
    assert (answer.status, answer.code) == (401, code)


def test_a_signature_may_be_used_again_inside_the_window() -> None:
    """Section 3: there is no nonce."""
    one = account()
    request = one.request("GET", "/v1/zones")
    assert [answer.status for _ in range(3) if (answer := one.sent(request))] == [200, 200, 200]


def test_unsigned_requests_learn_nothing_about_routes() -> None:
    """Order of checks: the caller before the route."""
    one = account()
    answer = one.sent(without(one.request("GET", "/v1/nothing"), "X-iwinv-Signature"))
    assert answer is not None and answer.status == 401


def test_a_path_is_signed_as_it_was_received() -> None:
    """Section 3: a percent-encoded id is verified raw and understood decoded."""
    one = account()
    assert one.get("/v1/flavors/std_2%2E4-g1").row["flavor_id"] == "std_2.4-g1"


def statuses(one: Account, count: int) -> list[int]:
    return [
        answer.status for _ in range(count) if (answer := one.sent(one.request("GET", "/v1/zones")))
    ]


def test_the_61st_call_in_a_minute_is_429_without_an_envelope() -> None:
    """Section 4: 60 in any 60 seconds, a bare body, Retry-After; a slot frees 60 s after
    its call.
    """
    one = account({"rate_limit": 60})
    assert statuses(one, 30) == [200] * 30
    one.wait(20)
    assert statuses(one, 31) == [200] * 30 + [429]
    answer = one.sent(one.request("GET", "/v1/zones"))
    assert answer is not None
    assert set(answer.body) == {"message"}
    assert answer.headers["Retry-After"] == "40"
    one.wait(39.9)
    assert statuses(one, 1) == [429]
    one.wait(0.1)
    assert statuses(one, 31) == [200] * 30 + [429]


def test_refused_callers_use_up_the_quota_too() -> None:
    """Order of checks: the quota comes first, so a 401 has used a slot."""
    one = account({"rate_limit": 2})
    wrong = with_header(one.request("GET", "/v1/zones"), "X-iwinv-Signature", "0" * 64)
    assert [answer.status for _ in range(3) if (answer := one.sent(wrong))] == [401, 401, 429]


def test_a_429_executes_nothing() -> None:
    """Section 6: a refused create made nothing."""
    one = account({"rate_limit": 1})
    assert one.get("/v1/zones").status == 200
    answer = one.sent(
        one.request("POST", "/v1/security-groups", data={"title": "web-policy", "content": "x"})
    )
    assert answer is not None and answer.status == 429
    assert one.world.firewalls == {}


def test_the_window_is_scaled_and_retry_after_counts_the_clouds_seconds() -> None:
    """A scale of 60 makes the window one second; the wait asked for is scaled by the client like
    every other.
    """
    one = account({"rate_limit": 1}, time_scale=60)
    assert statuses(one, 2) == [200, 429]
    answer = one.sent(one.request("GET", "/v1/zones"))
    assert answer is not None and answer.headers["Retry-After"] == "60"
    one.wait(1)
    assert statuses(one, 1) == [200]


def test_the_answer_says_when_it_was_given() -> None:
    """A client may learn its clock's offset from `Date`."""
    one = account()
    response = one.cloud.handle(one.request("GET", "/v1/zones"))
    assert response.header("date") == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert response.header("content-type") == "application/json"
    assert json.loads(response.body)["code"] == "0x00"
