"""The quota: never more than 60 in any 60 seconds, whatever the latency and however many processes
share the key (quota#quota).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.iwinv.client import HttpClient
from reconciler.iwinv.quota import quota_log
from reconciler.iwinv.quota.quota_log import FileQuotaLog, MemoryQuotaLog, QuotaOwner
from reconciler.iwinv.quota.quota_record import ANSWER_SECONDS_MAX, Priority
from reconciler.iwinv.signing import Keys
from reconciler.model import http
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import QuotaLog
from reconciler.model.resource_type import Call
from tests.doubles.clock import VirtualClock
from tests.doubles.network import VirtualNetwork

KEYS = Keys("access", "secret")
READ = Call("GET", "/v1/zones")
OK = http.Response(200, (), b'{"code": "0x00", "error_code": "SUCCESS", "result": []}')
MakeLog = Callable[..., QuotaLog]


@pytest.fixture(params=["memory", "file"])
def make_log(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLog:
    """The same suite for both implementations."""
    return (
        MemoryQuotaLog
        if request.param == "memory"
        else lambda **options: FileQuotaLog(tmp_path, KEYS.digest, **options)
    )


class Server:
    """Counts arrivals as a strict server would, at the moment of execution."""

    def __init__(self, clock: VirtualClock, *, refuse_above: int | None = None) -> None:
        self.clock = clock
        self.arrivals: list[float] = []
        self.refuse_above = refuse_above

    def __call__(self, request: http.Request) -> http.Response:
        now = self.clock()
        self.arrivals.append(now)
        if (
            self.refuse_above is not None
            and len([at for at in self.arrivals if at > now - 60]) > self.refuse_above
        ):
            return http.Response(429, (), b"")
        return OK

    def most_in(self, seconds: float) -> int:
        """The most arrivals in any window of that length, both ends counted."""
        return max(
            sum(1 for at in self.arrivals if start <= at <= start + seconds)
            for start in self.arrivals
        )


def busy(exchange: HttpClient, calls: int, seconds_max: float = 10_000.0) -> int:
    """Sends that many calls as fast as the exchange allows; returns how many were sent."""
    token = 0
    until = exchange.now() + seconds_max
    while (token < calls or exchange.in_flight) and exchange.now() < until:
        wait = exchange.ready_in() if token < calls else float("inf")
        if wait == 0.0:
            token += 1
            exchange.send(token, READ)
            continue
        exchange.next(min(wait, 60.0))
    return token


@pytest.mark.parametrize("latency", [0.01, 0.1, 0.5, 2.0, 17.0, 70.0])
@pytest.mark.parametrize("limit", [1, 4])
def test_a_server_never_counts_more_than_60_in_any_60_seconds(
    make_log: MakeLog, latency: float, limit: int
) -> None:
    clock = VirtualClock()
    server = Server(clock)
    exchange = HttpClient(
        VirtualNetwork(server, clock, latency), clock, KEYS, make_log(), limit=limit
    )
    assert busy(exchange, 200, seconds_max=600.0) >= 9
    assert server.most_in(60.0) <= 60


def test_latencies_that_jump_do_not_let_a_61st_through(make_log: MakeLog) -> None:
    clock = VirtualClock()
    server = Server(clock)
    jumps: Iterator[float] = iter([0.05, 30.0, 0.05, 9.0, 0.05, 0.05, 55.0, 0.05] * 100)
    latencies: dict[int, float] = {}

    def latency(request: http.Request) -> float:
        return latencies.setdefault(id(request), next(jumps))

    exchange = HttpClient(VirtualNetwork(server, clock, latency), clock, KEYS, make_log(), limit=4)
    busy(exchange, 250)
    assert server.most_in(60.0) <= 60


def test_the_whole_quota_is_used(make_log: MakeLog) -> None:
    clock = VirtualClock()
    server = Server(clock)
    exchange = HttpClient(VirtualNetwork(server, clock, 0.1), clock, KEYS, make_log(), limit=4)
    busy(exchange, 180)
    assert clock.monotonic() < 130.0


def test_a_time_scale_divides_the_window(make_log: MakeLog) -> None:
    clock = VirtualClock()
    exchange = HttpClient(
        VirtualNetwork(Server(clock), clock, 0.001), clock, KEYS, make_log(time_scale=60.0), limit=4
    )
    busy(exchange, 180)
    assert clock.monotonic() < 2.5


def test_after_a_429_the_rate_halves_for_a_minute(make_log: MakeLog) -> None:
    log = make_log()
    log.slow_down(1000.0)
    taken = 0
    while log.reserve(1000.0) == 0.0:
        log.answered(1000.0)
        taken += 1
    assert taken == 30
    assert log.reserve(1061.0) == 0.0


def test_a_slot_without_an_answer_is_free_after_the_longest_request_and_a_minute(
    make_log: MakeLog,
) -> None:
    log = make_log(limit=1)
    assert log.reserve(1000.0) == 0.0
    wait = log.reserve(1001.0)
    assert wait == pytest.approx(ANSWER_SECONDS_MAX + 59.0)
    log.answered(1002.0)
    assert log.reserve(1003.0) == pytest.approx(59.0)
    assert log.reserve(1062.5) == 0.0


def test_a_slot_given_back_is_free_at_once(make_log: MakeLog) -> None:
    log = make_log(limit=1)
    assert log.reserve(1000.0) == 0.0
    log.release(1000.0)
    assert log.reserve(1000.0) == 0.0


def test_a_clock_that_was_set_back_blocks_nobody_for_longer_than_a_window(
    make_log: MakeLog,
) -> None:
    log = make_log(limit=1)
    assert log.reserve(50_000.0) == 0.0
    log.answered(50_000.0)
    assert 0.0 < log.reserve(1000.0) <= 60.0
    assert log.reserve(1061.0) == 0.0


def two_runs(tmp_path: Path, latency: tuple[float, float], calls: int) -> tuple[list[int], Server]:
    """Two exchanges with one file, interleaved on one clock; returns how many each had sent when
    the first was done.
    """
    clock = VirtualClock()
    server = Server(clock)
    sides = []
    for place in (0, 1):
        log = FileQuotaLog(tmp_path, KEYS.digest, owner=QuotaOwner(f"run-{place}"))
        sides.append(
            HttpClient(VirtualNetwork(server, clock, latency[place]), clock, KEYS, log, limit=4)
        )
    sent = [0, 0]
    while max(sent) < calls:
        for place, side in enumerate(sides):
            if side.ready_in() == 0.0:
                sent[place] += 1
                side.send(sent[place], READ)
            side.next(0.0)
        clock.advance(0.05)
    return sent, server


@pytest.mark.parametrize("latency", [(0.1, 0.1), (0.05, 1.0), (2.0, 0.1)])
def test_two_runs_that_share_a_key_stay_within_the_quota_and_neither_starves(
    tmp_path: Path, latency: tuple[float, float]
) -> None:
    sent, server = two_runs(tmp_path, latency, 150)
    assert server.most_in(60.0) <= 60
    assert max(sent) <= 2 * min(sent)


def test_what_is_not_the_share_of_a_machine_is_taken_without_an_end(make_log: MakeLog) -> None:
    # Goal: a forecast counts with the share only.
    log = make_log(limit=20)
    assert log.reserve(1000.0) == 0.0
    log.answered(1000.0)
    assert log.taken(1010.0) == (50.0, *(float("inf"),) * 40)


def test_a_lower_priority_leaves_room_on_one_machine(tmp_path: Path) -> None:
    ci, person = (
        FileQuotaLog(tmp_path, KEYS.digest, owner=QuotaOwner(name, priority))
        for name, priority in (("c", Priority.CI), ("p", Priority.PERSON))
    )
    while ci.reserve(1000.0) == 0.0:
        ci.answered(1000.0)
    assert person.reserve(1000.0) > 0.0
    taken = {"c": 0, "p": 0}
    for _ in range(60):
        for name, log in (("c", ci), ("p", person)):
            if log.reserve(1060.5) == 0.0:
                log.answered(1060.5)
                taken[name] += 1
    assert taken["p"] >= 2 * taken["c"] > 0


def test_another_key_has_another_quota(tmp_path: Path) -> None:
    first, second = (
        FileQuotaLog(tmp_path, "a" * 64, limit=1),
        FileQuotaLog(tmp_path, "b" * 64, limit=1),
    )
    assert first.reserve(1000.0) == 0.0
    assert second.reserve(1000.0) == 0.0
    assert first.reserve(1000.0) > 0.0


def test_what_one_process_sent_is_known_to_the_next(tmp_path: Path) -> None:
    first = FileQuotaLog(tmp_path, KEYS.digest)
    for _ in range(60):
        assert first.reserve(1000.0) == 0.0
        first.answered(1000.0)
    assert FileQuotaLog(tmp_path, KEYS.digest).reserve(1001.0) == pytest.approx(59.0)


def test_the_wait_for_the_file_frees_no_slot_of_others_early(tmp_path: Path) -> None:
    # Goal: a process that asks at 100 and has the file at 103 knows that it is 103.
    one = FileQuotaLog(tmp_path, KEYS.digest, limit=1)
    other = FileQuotaLog(tmp_path, KEYS.digest, limit=1)
    other.clock = lambda: 103.0
    assert one.reserve(100.0) == 0.0
    one.answered(102.0)
    assert other.reserve(100.0) > 0.0
    assert one.reserve(161.9) > 0.0 and one.reserve(162.1) == 0.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"slots": 7}',
        b'{"slots": [[1]], "claims": {}, "slow_until": 0}',
        b'{"slots": [["x", "y", null]], "claims": {}, "slow_until": 0}',
        b'{"slots": [], "claims": [], "slow_until": 0}',
        b'{"slots": [], "claims": {}, "slow_until": 1' + b"0" * 400 + b"}",
        b"\xff\xfe",
        b"[" * 60_000,
        b" " * 200_000,
    ],
)
def test_a_damaged_log_is_restarted_at_half_the_rate(tmp_path: Path, content: bytes) -> None:
    log = FileQuotaLog(tmp_path, KEYS.digest)
    assert log.reserve(1000.0) == 0.0
    next(tmp_path.glob("*.json")).write_bytes(content)
    taken = 0
    while log.reserve(1000.0) == 0.0:
        taken += 1
    assert taken == 30
    assert log.problem is None


def test_the_log_stays_small_and_holds_no_key(tmp_path: Path) -> None:
    log = FileQuotaLog(tmp_path, KEYS.digest)
    now = 1000.0
    for _ in range(500):
        now += log.reserve(now) or 0.1
        log.answered(now)
    path = next(tmp_path.glob("*.json"))
    assert path.stat().st_size < 8192
    assert len(json.loads(path.read_text())["slots"]) <= 60
    assert path.stat().st_mode & 0o777 == 0o600
    assert "access" not in path.name + path.read_text()
    assert {found.suffix for found in tmp_path.iterdir()} == {".json", ".lock"}


def test_without_a_writable_log_six_runs_stay_within_the_quota_and_warn_once(
    tmp_path: Path,
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    said: list[Problem] = []
    log = FileQuotaLog(blocked / "quota", KEYS.digest, on_problem=said.append)
    taken = 0
    while log.reserve(1000.0) == 0.0:
        log.answered(1000.0)
        taken += 1
    log.slow_down(1000.0)
    log.release(1000.0)
    assert 6 * taken == 60
    assert [problem.code for problem in said] == ["quota"]
    assert "10 requests per minute" in said[0].message


@pytest.mark.parametrize(
    "boot", ["this start", "another"], ids=["the machine ran on", "it was started anew"]
)
@pytest.mark.parametrize("jump", [3600.0, -3600.0], ids=["forward", "back"])
def test_a_clock_that_is_set_frees_no_slot_before_its_time(
    jump: float, boot: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: whoever corrects the clock in the middle of a run does not make the cloud count a 61st
    # call.
    monkeypatch.setattr(quota_log, "clock_offset", lambda: ("this start", 1000.0))
    log = FileQuotaLog(tmp_path, KEYS.digest, limit=1)
    assert log.reserve(10_000.0) == 0.0
    log.answered(10_000.0)
    monkeypatch.setattr(quota_log, "clock_offset", lambda: (boot, 1000.0 + jump))
    wait = FileQuotaLog(tmp_path, KEYS.digest, limit=1).reserve(10_010.0 + jump)
    assert (
        wait == pytest.approx(50.0)
        if boot == "this start"
        else wait == (0.0 if jump > 0 else pytest.approx(60.0))
    )
