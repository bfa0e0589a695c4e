"""The exchange and its networks: one send each, answers one at a time, and what a 429 does to the
pace.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable

import pytest

from reconciler.iwinv.client import HttpClient, Pacing
from reconciler.iwinv.clock import SystemClock
from reconciler.iwinv.network import ThreadNetwork
from reconciler.iwinv.quota.quota_log import MemoryQuotaLog
from reconciler.iwinv.signing import Keys, UnsafePath
from reconciler.model import http
from reconciler.model.ports import Accepted, NoAnswer, Refused
from reconciler.model.resource_type import Call
from tests.doubles.clock import VirtualClock
from tests.doubles.network import VirtualNetwork

KEYS = Keys("access", "secret")
READ = Call("GET", "/v1/zones")
OK = http.Response(200, (), b'{"code": "0x00", "error_code": "SUCCESS", "result": []}')


def request(path: str = "/v1/zones") -> http.Request:
    return http.Request("GET", path)


def exchange_with(
    answers: Iterable[http.Response | http.WireError], clock: VirtualClock, *, limit: int = 4
) -> HttpClient:
    """An exchange whose cloud gives these answers in turn."""
    left = iter(answers)

    def send(request: http.Request) -> http.Response:
        answer = next(left)
        if isinstance(answer, http.WireError):
            raise answer
        return answer

    return HttpClient(VirtualNetwork(send, clock, 1.0), clock, KEYS, MemoryQuotaLog(), limit=limit)


def send(exchange: HttpClient, token: int = 1) -> None:
    assert exchange.ready_in() == 0.0
    exchange.send(token, READ)


def test_answers_come_one_at_a_time_in_the_order_in_which_they_arrive() -> None:
    clock = VirtualClock()
    network = VirtualNetwork(
        lambda request: OK, clock, lambda request: 3.0 if request.path.endswith("slow") else 1.0
    )
    network.start(1, request("/v1/slow"))
    network.start(2, request())
    assert [network.next(10.0), clock.monotonic()] == [(2, OK), 1.0]
    assert [network.next(0.5), clock.monotonic()] == [None, 1.5]
    assert [network.next(10.0), clock.monotonic()] == [(1, OK), 3.0]
    assert [network.next(7.0), clock.monotonic()] == [None, 10.0]


def test_a_request_is_executed_half_a_latency_after_its_start() -> None:
    clock = VirtualClock()
    at: list[float] = []

    def send(request: http.Request) -> http.Response:
        at.append(clock.monotonic())
        return OK

    network = VirtualNetwork(send, clock, 2.0)
    network.start(1, request())
    assert network.next(1.5) is None
    assert at == [1.0]


def test_an_endless_wait_with_nothing_in_flight_is_an_internal_error() -> None:
    with pytest.raises(AssertionError):
        VirtualNetwork(lambda request: OK, VirtualClock()).next(math.inf)


def test_what_is_lost_on_the_wire_comes_back_as_a_value_from_both_networks() -> None:
    def send(request: http.Request) -> http.Response:
        raise http.WireError("cut", sent=True)

    for network in (VirtualNetwork(send, VirtualClock()), ThreadNetwork(send, 2)):
        network.start(7, request())
        arrived = network.next(5.0)
        assert arrived is not None
        assert arrived[0] == 7
        assert isinstance(arrived[1], http.WireError)
        network.close()


def test_threads_keep_as_many_requests_in_flight_as_they_may_and_no_more() -> None:
    gate, entered = threading.Event(), threading.Semaphore(0)
    inside: list[int] = []

    def send(request: http.Request) -> http.Response:
        inside.append(1)
        entered.release()
        assert gate.wait(5.0)
        return OK

    network = ThreadNetwork(send, 2)
    for token in range(3):
        network.start(token, request())
    assert entered.acquire(timeout=5.0)
    assert entered.acquire(timeout=5.0)
    assert not entered.acquire(timeout=0.05)
    assert network.next(0.0) is None
    gate.set()
    arrived = [network.next(5.0) for _ in range(3)]
    assert sorted(found[0] for found in arrived if found is not None) == [0, 1, 2]
    network.close()


def test_a_request_that_takes_too_long_is_given_up_and_its_late_answer_is_dropped() -> None:
    gate = threading.Event()

    def send(request: http.Request) -> http.Response:
        if request.path.endswith("stuck"):
            gate.wait(5.0)
        return OK

    network = ThreadNetwork(send, 1, seconds_max=0.05)
    network.start(1, request("/v1/stuck"))
    arrived = network.next(5.0)
    assert arrived is not None
    assert isinstance(arrived[1], http.WireError)
    assert arrived[1].sent
    network.start(2, request())
    gate.set()
    assert network.next(5.0) == (2, OK)
    assert network.next(0.0) is None
    network.close()


def test_an_internal_error_in_a_thread_reaches_the_waiting_caller() -> None:
    def send(request: http.Request) -> http.Response:
        raise KeyError("ours")

    network = ThreadNetwork(send, 1)
    network.start(1, request())
    with pytest.raises(KeyError, match="ours"):
        network.next(5.0)
    network.close()


def test_each_call_is_sent_once_signed_at_that_second_and_counted() -> None:
    clock = VirtualClock(1_767_225_600.0)
    seen: list[http.Request] = []

    def send_and_note(request: http.Request) -> http.Response:
        seen.append(request)
        return OK

    exchange = HttpClient(VirtualNetwork(send_and_note, clock, 1.0), clock, KEYS, MemoryQuotaLog())
    clock.advance(100.0)
    send(exchange)
    assert (exchange.sent, exchange.in_flight) == (1, 1)
    assert exchange.next(5.0) == (1, Accepted(200, [], {}))
    assert (exchange.sent, exchange.in_flight) == (1, 0)
    assert [found.header("X-iwinv-Timestamp") for found in seen] == ["1767225700"]


def test_nothing_more_is_sent_while_as_many_are_in_flight_as_may_be() -> None:
    exchange = exchange_with([OK] * 3, VirtualClock(), limit=2)
    send(exchange, 1)
    send(exchange, 2)
    assert exchange.ready_in() == math.inf
    exchange.next(5.0)
    assert exchange.ready_in() == 0.0


def test_a_send_that_was_not_allowed_is_an_internal_error() -> None:
    with pytest.raises(AssertionError):
        exchange_with([], VirtualClock()).send(1, READ)


def test_an_unsafe_path_is_refused_and_the_slot_is_still_there() -> None:
    exchange = exchange_with([OK], VirtualClock())
    assert exchange.ready_in() == 0.0
    with pytest.raises(UnsafePath):
        exchange.send(1, Call("GET", "/v1/a b"))
    assert (exchange.sent, exchange.in_flight) == (0, 0)
    exchange.send(1, READ)


@pytest.mark.parametrize("sent", [True, False])
def test_a_missing_response_records_whether_the_request_was_sent(sent: bool) -> None:
    exchange = exchange_with([http.WireError("cut", sent=sent)], VirtualClock())
    send(exchange)
    assert exchange.next(5.0) == (1, NoAnswer("cut", sent=sent))


@pytest.mark.parametrize("asked", [17.0, 300.0])
def test_a_429_stops_sending_for_as_long_as_it_asks(asked: float) -> None:
    clock = VirtualClock()
    exchange = exchange_with(
        [http.Response(429, (("Retry-After", f"{asked:.0f}"),), b""), OK], clock
    )
    send(exchange)
    answered = exchange.next(5.0)
    assert answered == (1, Refused(429, None, "too many requests", retry_after=asked))
    assert exchange.ready_in() == pytest.approx(asked)
    assert exchange.next(asked) is None
    assert exchange.ready_in() == 0.0


def test_429s_that_ask_for_nothing_are_waited_out_longer_and_longer() -> None:
    clock = VirtualClock()
    exchange = exchange_with(
        [http.Response(429, (), b"")] * 5 + [OK, http.Response(429, (), b"")], clock
    )
    waits = []
    for token in range(7):
        while (wait := exchange.ready_in()) > 0.0:
            exchange.next(wait)
        exchange.send(token, READ)
        exchange.next(5.0)
        waits.append(exchange.ready_in())
    assert waits == [5.0, 10.0, 20.0, 40.0, 40.0, 0.0, 5.0]


def test_429s_of_requests_that_were_under_way_together_count_as_one() -> None:
    clock = VirtualClock()
    exchange = exchange_with([http.Response(429, (), b"")] * 4, clock)
    for token in range(4):
        send(exchange, token)
    for _ in range(4):
        assert exchange.next(5.0) is not None
    assert exchange.ready_in() == 5.0


def test_a_time_scale_divides_the_pause() -> None:
    clock = VirtualClock()
    network = VirtualNetwork(
        lambda request: http.Response(429, (("Retry-After", "60"),), b""), clock, 0.01
    )
    exchange = HttpClient(
        network, clock, KEYS, MemoryQuotaLog(time_scale=60.0), pacing=Pacing(60.0)
    )
    send(exchange)
    exchange.next(1.0)
    assert exchange.ready_in() == pytest.approx(1.0)


@pytest.mark.parametrize(("offset", "wanted"), [(0.0, 0.0), (600.0, 600.0), (-400.0, -400.0)])
def test_a_401_shows_how_far_ahead_the_clock_of_this_machine_is(
    offset: float, wanted: float
) -> None:
    clock = VirtualClock(1_767_225_600.0, offset=offset)
    refused = http.Response(401, (("Date", "Thu, 01 Jan 2026 00:00:01 GMT"),), b"")
    exchange = exchange_with([refused], clock)
    send(exchange)
    arrived = exchange.next(5.0)
    assert arrived is not None
    assert isinstance(arrived[1], Refused)
    assert arrived[1].clock_ahead == pytest.approx(wanted, abs=1.0)


def test_a_date_without_a_zone_is_one_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        exchange = exchange_with(
            [http.Response(200, (("Date", "Thu, 01 Jan 2026 00:00:01 -0000"),), OK.body)],
            VirtualClock(),
        )
        send(exchange)
        exchange.next(5.0)
        assert exchange.clock_ahead == pytest.approx(0.0, abs=2.0)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_call_is_signed_with_the_second_that_is_given() -> None:
    seen: list[http.Request] = []
    clock = VirtualClock()

    def answer(request: http.Request) -> http.Response:
        seen.append(request)
        return OK

    exchange = HttpClient(VirtualNetwork(answer, clock, 0.01), clock, KEYS, MemoryQuotaLog())
    assert exchange.ready_in() == 0.0
    exchange.send(1, Call("POST", "/v1/instances"), signed=1_767_000_000)
    exchange.next(1.0)
    assert seen[0].header("X-iwinv-Timestamp") == "1767000000"


def test_an_invalid_date_is_ignored() -> None:
    exchange = exchange_with(
        [http.Response(200, (("Date", "yesterday"),), OK.body)], VirtualClock()
    )
    send(exchange)
    assert exchange.next(5.0) == (1, Accepted(200, [], {}))
    assert exchange.clock_ahead is None


def test_a_slot_that_was_not_used_is_given_back_at_the_end() -> None:
    log = MemoryQuotaLog(limit=1)
    clock = VirtualClock()
    exchange = HttpClient(VirtualNetwork(lambda request: OK, clock), clock, KEYS, log)
    assert exchange.ready_in() == 0.0
    assert log.reserve(clock.time()) > 0.0
    exchange.close()
    assert log.reserve(clock.time()) == 0.0


def test_the_machines_clock_is_a_clock() -> None:
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.time() > 1_700_000_000


def test_a_request_that_never_left_gives_its_slot_back() -> None:
    # Goal: a minute without a network used up the quota of the minute after it.
    clock = VirtualClock()
    offline = http.WireError("no connection to the endpoint", sent=False)
    exchange = exchange_with([offline] * 200 + [OK], clock)
    for token in range(200):
        send(exchange, token)
        assert exchange.next(10.0) == (token, NoAnswer("no connection to the endpoint", sent=False))
    send(exchange, 200)
    assert isinstance((exchange.next(10.0) or (0, None))[1], Accepted)
    assert len(exchange.throughput().taken) == 1
