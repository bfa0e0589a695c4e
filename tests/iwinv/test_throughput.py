"""How calls go just now: what the exchange measured, and what of the quota is taken. Forecasts are
made of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.common.timing import IN_FLIGHT_MAX, LATENCY_SECONDS, OVERHEAD_SECONDS
from reconciler.iwinv.quota.quota_log import FileQuotaLog, MemoryQuotaLog
from reconciler.model import http
from reconciler.model.resource_type import Call
from tests.clouds import virtual_cloud

ZONES = Call("GET", "/v1/zones")


def test_before_any_answer_the_usual_latency_and_an_empty_quota_are_taken() -> None:
    # Goal: a forecast without a measurement.
    throughput = virtual_cloud().exchange.throughput()
    assert (throughput.latency_seconds, throughput.taken) == (LATENCY_SECONDS, ())


def test_answers_are_measured_and_their_slots_counted() -> None:
    # Goal: a slot is free 60 s after its answer (quota#quota).
    cloud = virtual_cloud(latency_seconds=0.5)
    for _ in range(3):
        cloud.call(ZONES)
    throughput = cloud.exchange.throughput()
    assert throughput.latency_seconds == pytest.approx(0.5)
    assert throughput.taken == pytest.approx((59.0, 59.5, 60.0))
    cloud.wait(59.2)
    assert cloud.exchange.throughput().taken == pytest.approx((0.3, 0.8))


def test_a_slot_held_for_the_next_send_is_not_in_its_way() -> None:
    # Goal: asking whether a call may be sent takes a slot, which is that call's own.
    cloud = virtual_cloud()
    assert cloud.exchange.ready_in() == 0.0
    assert cloud.exchange.throughput().taken == ()


def test_with_a_time_scale_both_are_shown_at_the_speed_of_the_cloud() -> None:
    # Goal: an estimate is the same at every speed of the local cloud.
    cloud = virtual_cloud(latency_seconds=0.01, time_scale=60.0)
    for _ in range(IN_FLIGHT_MAX + 1):
        cloud.call(ZONES)
    throughput = cloud.exchange.throughput()
    assert throughput.latency_seconds == pytest.approx(0.6)
    assert throughput.own_seconds == pytest.approx(60 * OVERHEAD_SECONDS)
    assert throughput.taken[-1] == pytest.approx(60.0)


@pytest.mark.parametrize(("scale", "seconds"), [(1.0, 0.08), (60.0, LATENCY_SECONDS), (2.0, 0.16)])
def test_if_only_first_answers_were_measured_no_scale_multiplies_the_connection_time(
    scale: float, seconds: float
) -> None:
    # Goal: connections, and the loading of this program, are no time of the cloud; a faster one
    # must not make much of them.
    cloud = virtual_cloud(latency_seconds=0.08, time_scale=scale)
    cloud.call(ZONES)
    assert cloud.exchange.throughput().latency_seconds == pytest.approx(seconds)


def test_first_answers_that_open_connections_decide_nothing() -> None:
    # Goal: what is slow once is not taken for how it will go on.
    slow = iter([2.0, 2.0, 2.0, 2.0])
    asked: dict[int, float] = {}

    def latency(request: http.Request) -> float:
        return asked.setdefault(id(request), next(slow, 0.1))

    cloud = virtual_cloud(latency_seconds=latency)
    for _ in range(8):
        cloud.call(ZONES)
    assert cloud.exchange.throughput().latency_seconds == pytest.approx(0.1)


def test_all_who_share_a_key_see_what_is_taken(tmp_path: Path) -> None:
    # Goal: the quota is one for all processes of a user.
    one, other = FileQuotaLog(tmp_path, "d" * 64), FileQuotaLog(tmp_path, "d" * 64)
    assert one.reserve(100.0) == 0.0
    one.answered(101.0)
    assert other.taken(111.0) == (50.0,)
    assert MemoryQuotaLog().taken(111.0) == ()
