"""Every fault at every instant, how it is aimed, and that chance repeats
(contract#switches, end).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from reconciler.model.http import Request, WireError
from reconciler.simulator import Cloud, Fault, VirtualClock
from reconciler.simulator.faults import DISTORTIONS, INSTANTS, KINDS, FaultError, parse_faults
from tests.simulator.harness import FLAVOR, IMAGE, ZONE, Account, account, reply

TRIO = {"zone_id": ZONE, "flavor_id": FLAVOR, "image_id": IMAGE, "name": "web"}
CHECKS: dict[str, Callable[[], None]] = {}


def check(run: Callable[[], None]) -> Callable[[], None]:
    """Register the check of the fault that bears the function's name."""
    CHECKS[run.__name__] = run
    return run


@pytest.mark.parametrize("instant", list(KINDS))
def test_every_fault_has_its_documented_effect(instant: str) -> None:
    """A fault without a check here fails."""
    CHECKS[instant]()


def struck(fault: Fault, **switches: object) -> Account:
    one = account(switches, faults=[fault])
    one.strict = False
    return one


def create(one: Account) -> Request:
    return one.request("POST", "/v1/instances", form=TRIO)


def made(one: Account) -> int:
    return len(one.world.instances)


@check
def refused_before() -> None:
    """By status, by code, as a 429 burst, as 422, as HTML; nothing is executed."""
    for fault, status, members in [
        (Fault("refused_before", status=429, times=2), 429, ["message"]),
        (Fault("refused_before", status=422), 422, ["errors", "message"]),
        (
            Fault("refused_before", code="LIMIT_EXCEEDED"),
            400,
            ["code", "error_code", "message", "result"],
        ),
        (
            Fault("refused_before", code="CHECK_CONSOLE", status=409),
            409,
            ["code", "error_code", "message", "result"],
        ),
        (Fault("refused_before", status=405), 405, ["message"]),
    ]:
        one = struck(fault)
        answer = one.sent(create(one))
        assert answer is not None and (answer.status, sorted(answer.body)) == (status, members)
        assert made(one) == 0
    one = struck(Fault("refused_before", status=500))
    response = one.cloud.handle(create(one))
    assert (response.status, response.header("Content-Type"), made(one)) == (500, "text/html", 0)
    burst = struck(Fault("refused_before", status=429, times=2, seconds=7))
    answers = [burst.sent(create(burst)) for _ in range(3)]
    assert [answer.status for answer in answers if answer] == [429, 429, 202]
    assert answers[0] is not None and answers[0].headers["Retry-After"] == "7"


@check
def lost_before() -> None:
    """No answer, nothing executed, and nobody can tell that from an answer lost."""
    one = struck(Fault("lost_before", times=1))
    assert one.sent(create(one)) is None
    assert made(one) == 0


@check
def answer_lost() -> None:
    """No answer, but executed."""
    one = struck(Fault("answer_lost", method="POST"))
    assert one.sent(create(one)) is None
    assert made(one) == 1


@check
def executed_then_5xx() -> None:
    """Executed, and a gateway's HTML comes back, or whatever the fault brings."""
    one = struck(Fault("executed_then_5xx"))
    response = one.cloud.handle(create(one))
    assert (response.status, response.header("Content-Type")) == (502, "text/html")
    assert response.body.startswith(b"<html>") and made(one) == 1
    one = struck(Fault("executed_then_5xx", status=500, body='{"message": "x"}'))
    response = one.cloud.handle(create(one))
    assert (response.status, reply(response).body, made(one)) == (500, {"message": "x"}, 1)


@check
def executed_late() -> None:
    """Executed after so many seconds of the clock, whatever the time scale; the signature counts
    when it arrives.
    """
    one = struck(Fault("executed_late", seconds=100, method="POST"))
    assert one.sent(create(one)) is None
    one.wait(99)
    assert made(one) == 0
    assert one.cloud.next_change() == one.clock() + 1
    one.wait(1)
    assert made(one) == 1
    assert next(iter(one.world.instances.values())).created == one.clock()
    stale = struck(Fault("executed_late", seconds=301))
    assert stale.sent(create(stale)) is None
    stale.wait(400)
    assert made(stale) == 0
    gateway = struck(Fault("executed_late", seconds=5, status=504))
    answer = gateway.cloud.handle(create(gateway))
    assert (answer.status, made(gateway)) == (504, 0)
    gateway.wait(5)
    assert made(gateway) == 1


@check
def executed_twice() -> None:
    """Two servers, one receipt."""
    one = struck(Fault("executed_twice"))
    answer = one.sent(create(one))
    assert answer is not None and answer.row["instance_id"] == next(iter(one.world.instances))
    assert made(one) == 2


@check
def answer_cut() -> None:
    """Executed; half the answer came, which is none in process."""
    one = struck(Fault("answer_cut"))
    assert one.sent(create(one)) is None
    assert made(one) == 1
    answer = one.cloud.exchange(create(one))
    assert answer.response is not None and answer.keep == len(answer.response.body) // 2


@check
def answer_garbled() -> None:
    """Executed; the right status, no JSON."""
    one = struck(Fault("answer_garbled"))
    response = one.cloud.handle(create(one))
    assert (response.status, made(one)) == (202, 1)
    with pytest.raises(ValueError):
        json.loads(response.body)
    assert struck(Fault("answer_garbled", body="")).cloud.handle(create(one)).body == b""


@check
def answer_slow() -> None:
    """Executed; the answer comes later, and too late for a client that has a timeout."""
    one = struck(Fault("answer_slow", seconds=30))
    before = one.clock()
    assert one.cloud.handle(create(one)).status == 202
    assert one.clock() == before + 30
    clock = VirtualClock()
    cloud = Cloud(
        clock=clock,
        sleep=clock.sleep,
        timeout_seconds=10,
        faults=[Fault("answer_slow", seconds=30)],
    )
    with pytest.raises(WireError) as problem:
        cloud.handle(cloud.signed("POST", "/v1/instances", body=TRIO))
    assert problem.value.sent and clock() == before + 10
    assert len(cloud.world.instances) == 1


@check
def stale_read() -> None:
    """A read from before the last change, or from long enough ago."""
    one = struck(Fault("stale_read", method="GET"))
    one.instance("first")
    one.instance("second")
    assert [row["name"] for row in one.get("/v1/instances").rows] == ["first"]
    old = struck(Fault("stale_read", seconds=60, method="GET"))
    for name in ("a", "b", "c"):
        old.instance(name)
    assert [row["name"] for row in old.get("/v1/instances").rows] == ["a"]
    assert made(old) == 3


@check
def duplicate_rows() -> None:
    """A page begins with the last row of the one before; the first page is whole."""
    one = struck(Fault("duplicate_rows", route="listFlavors"))
    first, second = (one.get("/v1/flavors", page_no=number).rows for number in (1, 2))
    assert second[0] == first[-1]
    assert len(second) == 6
    full = struck(Fault("duplicate_rows"))
    pages = [full.get("/v1/flavors", page_no=number, page_size=5) for number in (1, 2, 3)]
    assert [page.body["count"] for page in pages] == [5, 5, 5]
    assert pages[1].rows[0] == pages[0].rows[-1]


@check
def changed_total() -> None:
    """`total` moves in the middle of a walk."""
    one = struck(Fault("changed_total", count=-1))
    assert [one.get("/v1/flavors", page_no=number).body["total"] for number in (1, 2)] == [15, 14]


@check
def unknown_status() -> None:
    """Rows carry a status outside the known set."""
    one = struck(Fault("unknown_status", method="GET", message="이전 중"))
    one.instance()
    assert one.get("/v1/instances").rows[0]["status"] == "이전 중"
    assert next(iter(one.world.instances.values())).status == "active"


@check
def unknown_code() -> None:
    """A code outside the table, nothing executed, after the gate."""
    one = struck(Fault("unknown_code", method="POST"))
    answer = one.sent(create(one))
    assert answer is not None and (answer.status, answer.body["code"], answer.code) == (
        400,
        "0x99",
        "SOMETHING_NEW",
    )
    assert made(one) == 0


@check
def extra_members() -> None:
    """Members nobody knows, in the envelope and in every row."""
    one = struck(Fault("extra_members", method="GET"))
    body = one.get("/v1/zones").body
    assert "request_time" in body and all("x_future" in row for row in body["result"])


@check
def null_lists() -> None:
    """Lists in rows are null; so is an empty result."""
    one = struck(Fault("null_lists", method="GET"))
    one.instance()
    answer = one.sent(one.request("GET", "/v1/instances", query={"fields": 8192 + 256}))
    assert answer is not None and answer.rows[0] == {"ip": None, "block_storage": None}
    empty = one.sent(one.request("GET", "/v1/block-storages"))
    assert empty is not None and empty.body["result"] is None


@check
def numbers_as_text() -> None:
    """Every number is text, booleans and nulls are not."""
    one = struck(Fault("numbers_as_text", method="GET"))
    answer = one.sent(one.request("GET", "/v1/flavors", query={"page_size": 1}))
    assert answer is not None
    assert (
        answer.body["count"],
        answer.body["total"],
        answer.row["spec"]["vcpu"],
        answer.row["spec"]["gpu"],
    ) == ("1", "15", "1", None)


@check
def masked_password() -> None:
    """The receipt holds no password worth keeping."""
    one = struck(Fault("masked_password"))
    answer = one.sent(create(one))
    assert answer is not None and answer.row["default_account"]["password"] == "********"


# Aiming
# ----------------------------------------------------------------------------------------------------------------------


def strikes(fault: Fault, requests: list[tuple[str, str]]) -> list[bool]:
    """Which requests of a sequence are struck by a fault that answers 503 in their place."""
    one = account(faults=[fault])
    return [one.cloud.handle(one.request(method, path)).status == 418 for method, path in requests]


ZONES, SERVERS, NEW = ("GET", "/v1/zones"), ("GET", "/v1/instances"), ("POST", "/v1/instances")
START, STOP = (
    ("POST", "/v1/instances/INSTANCE-a/start"),
    ("POST", "/v1/instances/INSTANCE-a/shutdown"),
)


@pytest.mark.parametrize(
    ("aim", "expected"),
    [
        ({}, [True] * 6),
        ({"method": "post"}, [False, False, True, True, True, False]),
        ({"route": "/v1/instances"}, [False, True, True, False, False, False]),
        ({"route": "createInstance"}, [False, False, True, False, False, False]),
        ({"route": "/v1/instances/{instance_id}/start"}, [False, False, False, True, False, False]),
        ({"route": "/v1/instances/*/start"}, [False, False, False, True, False, False]),
        ({"route": "/v1/instances/**"}, [False, False, False, True, True, False]),
        ({"route": "/v1/*"}, [True, True, True, False, False, True]),
        ({"nth": 2}, [False, True, False, False, False, False]),
        ({"method": "POST", "nth": 2}, [False, False, False, True, False, False]),
        ({"method": "POST", "nth": 2, "times": 5}, [False, False, False, True, True, False]),
        ({"number": 5}, [False, False, False, False, True, False]),
        ({"method": "GET", "number": 5}, [False, False, False, False, False, True]),
        ({"times": 2}, [True, True, False, False, False, False]),
        ({"probability": 0}, [False] * 6),
        ({"probability": 1, "nth": 3}, [False, False, True, False, False, False]),
    ],
)
def test_a_fault_is_aimed_by_method_route_number_and_chance(
    aim: dict[str, Any], expected: list[bool]
) -> None:
    """Six requests in a row; the fault answers 418 in place of those it strikes."""
    assert (
        strikes(
            Fault("refused_before", status=418, **aim), [ZONES, SERVERS, NEW, START, STOP, ZONES]
        )
        == expected
    )


def test_chance_repeats_for_a_seed_and_differs_between_seeds() -> None:
    """About half of 100 requests, the same half again."""

    def run(seed: int) -> list[bool]:
        one = account(faults=[Fault("refused_before", status=418, probability=0.5)], seed=seed)
        return [one.cloud.handle(one.request("GET", "/v1/zones")).status == 418 for _ in range(100)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 30 < sum(run(1)) < 70


def test_one_instant_and_any_number_of_distortions_strike_together() -> None:
    """The first of two instants wins; strange answers add up."""
    faults = [
        Fault("answer_slow", seconds=5),
        Fault("answer_lost"),
        Fault("extra_members"),
        Fault("numbers_as_text"),
    ]
    one = account(faults=faults)
    answer = one.sent(one.request("GET", "/v1/zones"))
    assert answer is not None and answer.body["count"] == "4" and "request_time" in answer.body
    assert one.cloud.faults.struck == [1, 0, 1, 1]
    assert one.cloud.log[-1].faults == ("answer_slow", "extra_members", "numbers_as_text")


def test_faults_do_not_strike_what_was_never_sent_again() -> None:
    """After a fault used up, the cloud is as it was."""
    one = account(faults=[Fault("answer_lost", method="POST", nth=1)])
    assert one.sent(create(one)) is None
    assert one.sent(create(one)) is not None
    one.cloud.set_faults([])
    assert one.cloud.faults.faults == []


# Scripts
# ---------------------------------------------------------------------------------------------------------------------


def test_a_script_equals_the_same_faults_in_python() -> None:
    """YAML, as a list or under `faults`; and back."""
    text = """
    faults:
      - {instant: answer_lost, method: POST, route: /v1/instances, nth: 1}
      - instant: refused_before
        status: 429
        times: 3
    """
    faults = parse_faults(yaml.safe_load(text))
    assert faults == [
        Fault("answer_lost", method="POST", route="/v1/instances", nth=1),
        Fault("refused_before", status=429, times=3),
    ]
    assert parse_faults([fault.to_data() for fault in faults]) == faults
    assert parse_faults(None) == parse_faults({}) == []


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ("x", "list of faults"),
        ([1], "fault 1: a fault is a mapping"),
        ([{}], "needs an instant"),
        ([{"instant": "sometime"}], "no such instant"),
        ([{"instant": "answer_lost", "metod": "GET"}], "unknown: metod"),
        ([{"instant": "answer_lost", "nth": 0}], "count from 1"),
        ([{"instant": "answer_lost", "nth": "1"}], "nth may not be"),
        ([{"instant": "answer_lost", "probability": 2}], "between 0 and 1"),
        ([{"instant": "answer_slow", "seconds": -1}], "from 0"),
        (
            [{"instant": "answer_lost"}, {"instant": "refused_before", "status": 99}],
            "fault 2: .*HTTP status",
        ),
    ],
)
def test_an_invalid_script_is_refused_with_place_and_reason(script: object, hint: str) -> None:
    """Never a fault that silently does nothing."""
    with pytest.raises(FaultError, match=hint):
        parse_faults(script)


def test_every_kind_of_fault_is_described_in_a_sentence() -> None:
    """For the documentation; no name is used twice."""
    assert not set(INSTANTS) & set(DISTORTIONS)
    assert all(KINDS.values())
