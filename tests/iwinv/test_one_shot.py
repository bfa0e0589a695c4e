"""Single reads: the bill and the console's link, asked with patience and shown to nobody by
accident.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.iwinv.driver import ReadFailed
from reconciler.iwinv.single_reader import console_link, live_bill
from reconciler.model import http
from reconciler.model.ports import Accepted
from tests.clouds import virtual_cloud

CREATE = {"zone": "kr1-z01", "flavor": "std_2.4-g1", "image": "PIMAGE-0Ex1UbuntuJammy22LTS0a"}


def scripted(*answers: tuple[int, Any]) -> Any:
    """A cloud that gives these answers in turn, the last one for ever."""
    left = list(answers)

    def middle(request: http.Request, on: http.Send) -> http.Response:
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return http.Response(
            status, (), body if isinstance(body, bytes) else json.dumps(body).encode()
        )

    return virtual_cloud(middle=middle)


def ok(result: Any) -> dict[str, Any]:
    return {"code": "0x00", "error_code": "SUCCESS", "message": "", "result": result}


def test_the_bill_of_the_local_cloud_grows_with_what_runs() -> None:
    cloud = virtual_cloud()
    before = live_bill(cloud.exchange)
    assert isinstance(cloud.do("instance.create", CREATE), Accepted)
    cloud.wait(3 * 86_400.0)
    after = live_bill(cloud.exchange)
    assert (before.currency, before.price) == ("KRW", 0)
    assert after.price > 0


def test_the_link_of_a_console_is_a_secret_until_it_is_asked_for() -> None:
    cloud = virtual_cloud()
    answer = cloud.do("instance.create", CREATE)
    assert isinstance(answer, Accepted)
    cloud.wait(60.0)
    link = console_link(cloud.exchange, cloud.kinds["instances"], answer.result[0]["instance_id"])
    assert str(link.reveal()).startswith("https://")
    assert "https://" not in f"{link} {link!r}"


def test_a_read_that_fails_for_a_moment_is_asked_again() -> None:
    cloud = scripted(
        (502, b"<html>"), (429, b""), (200, ok([{"price": "12000", "currency": "KRW"}]))
    )
    assert live_bill(cloud.exchange).price == 12000
    assert cloud.exchange.sent == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((502, b"<html>"), "502"),
        ((200, ok([])), "not as documented"),
        ((200, ok([{"price": "much"}])), "no price"),
        (
            (403, {"code": "0x9", "error_code": "CHECK_IP", "message": "", "result": "error"}),
            "refused this key or address",
        ),
    ],
)
def test_a_bill_that_cannot_be_read_is_a_problem_with_its_reason(
    answer: tuple[int, Any], said: str
) -> None:
    cloud = scripted(answer)
    with pytest.raises(ReadFailed, match=said):
        live_bill(cloud.exchange)
    assert cloud.exchange.sent <= 5


@pytest.mark.parametrize(
    "result",
    [
        [],
        [{}],
        [{"link": None}],
        [{"link": 5}],
        [{"link": "https://a\x1b[2J"}],
        [{"link": "::x"}],
        "success",
    ],
)
def test_a_console_without_a_link_is_a_problem(result: Any) -> None:
    cloud = scripted((200, ok(result)))
    with pytest.raises(ReadFailed, match="console"):
        console_link(cloud.exchange, cloud.kinds["instances"], "INSTANCE-1")
