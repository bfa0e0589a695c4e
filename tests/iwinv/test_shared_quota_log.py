"""The quota in a place that many machines see, while that place answers and while it does not
(quota#quota).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.iwinv.client import HttpClient
from reconciler.iwinv.quota.quota_log import FileQuotaLog, QuotaOwner
from reconciler.iwinv.quota.quota_record import decode
from reconciler.iwinv.quota.shared_quota_log import ALONE_CALLS, Alone, SharedQuotaLog
from reconciler.iwinv.signing import Keys
from reconciler.model import http
from reconciler.model.diagnostics import Problem
from reconciler.model.ports import PlaceUnusable
from reconciler.model.resource_type import Call
from tests.doubles.clock import VirtualClock
from tests.doubles.network import VirtualNetwork

KEYS = Keys("access", "secret")
READ = Call("GET", "/v1/zones")
OK = http.Response(200, (), b'{"code": "0x00", "error_code": "SUCCESS", "result": []}')


class Row:
    """A row of a database. `away`: it does not answer; `mute`: it changes, and its answer is lost."""

    location = "postgresql://db/infra"

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.text = clock, None
        self.away = self.mute = False
        self.changes = 0

    text: str | None

    def change(self, change: Callable[[str | None, float], str]) -> None:
        if self.away:
            raise PlaceUnusable("no connection to db", hint="start it")
        self.changes += 1
        self.text = change(self.text, self.clock() + 1e6)
        if self.mute:
            raise PlaceUnusable("no answer from db")


class Machine:
    """A machine with a home of its own and a clock that is `shift` seconds ahead."""

    def __init__(self, row: Row, home: Path, shift: float = 0.0) -> None:
        self.clock, self.shift = row.clock, shift
        self.said: list[Problem] = []
        alone = FileQuotaLog(home, KEYS.digest, limit=ALONE_CALLS)
        self.log = SharedQuotaLog(
            row,
            Alone(alone, row.clock.monotonic, self.said.append),
            owner=QuotaOwner(home.name),
        )

    def reserve(self) -> float:
        return self.log.reserve(self.clock() + self.shift)

    def answered(self) -> None:
        self.log.answered(self.clock() + self.shift)

    def send_all(self) -> int:
        """Sends until it must wait; each send is answered at once."""
        sent = 0
        while self.reserve() == 0.0:
            self.answered()
            sent += 1
        return sent


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def row(clock: VirtualClock) -> Row:
    return Row(clock)


def test_machines_with_wrong_clocks_share_one_quota(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    early, late = Machine(row, tmp_path / "a", -300.0), Machine(row, tmp_path / "b", 300.0)
    assert early.send_all() + late.send_all() == 60
    clock.advance(59.0)
    assert early.send_all() + late.send_all() == 0
    clock.advance(1.5)
    assert early.send_all() + late.send_all() == 60


def test_a_client_uses_the_whole_quota_through_a_row(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    machine = Machine(row, tmp_path)
    network = VirtualNetwork(lambda request: OK, clock, 0.1)
    exchange = HttpClient(network, clock, KEYS, machine.log, limit=4)
    token = 0
    while token < 120:
        wait = exchange.ready_in()
        if wait == 0.0:
            token += 1
            exchange.send(token, READ)
        else:
            exchange.next(min(wait, 60.0))
    assert clock.monotonic() < 70.0


def test_nothing_is_sent_for_a_minute_after_the_row_was_last_reached(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    # Others may have sent 60 with the row just before it went away.
    machine = Machine(row, tmp_path)
    assert machine.reserve() == 0.0
    machine.answered()
    row.away = True
    for _ in range(59):
        assert 0.0 < machine.reserve() <= 60.0
        clock.advance(1.0)
    assert machine.said == []


def test_then_a_machine_takes_a_sixth_with_all_its_processes_and_warns_once(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    row.away = True
    processes = [Machine(row, tmp_path) for _ in range(3)]
    assert sum(each.send_all() for each in processes) == 0
    clock.advance(61.0)
    assert sum(each.send_all() for each in processes) == ALONE_CALLS == 10
    clock.advance(61.0)
    assert sum(each.send_all() for each in processes) == 10
    said = [problem for each in processes for problem in each.said]
    assert [problem.code for problem in said] == ["quota"] * 3
    assert "10 requests per minute" in said[0].message
    assert said[0].hint == "start it"


@pytest.mark.parametrize(("seconds", "machines"), [(10.0, 3), (60.0, 2), (70.0, 3), (130.0, 3)])
def test_machines_stay_within_the_quota_while_the_row_is_away_and_when_it_comes_back(
    seconds: float, machines: int, row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    fleet = [Machine(row, tmp_path / str(number)) for number in range(machines)]
    due, sent = dict.fromkeys(fleet, 0.0), list[float]()
    back = 70.0 + seconds
    while clock.monotonic() < back + 140.0:
        row.away = 70.0 <= clock.monotonic() < back
        for machine in fleet:
            if due[machine] <= clock.monotonic():
                wait = machine.reserve()
                due[machine] = clock.monotonic() + wait
                if wait == 0.0:
                    sent.append(clock.monotonic())
                    machine.answered()
        clock.advance(0.5)
    assert max(sum(1 for at in sent if start <= at < start + 60.0) for start in sent) <= 60
    assert sum(1 for at in sent if at >= back + 80.0) >= 55
    alone = sum(1 for at in sent if 70.0 <= at < back)
    assert alone == machines * ALONE_CALLS * round((seconds - 5.0) // 60.0)


def test_an_answer_that_came_while_the_row_was_away_is_kept_for_it(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    machine = Machine(row, tmp_path)
    assert machine.reserve() == 0.0
    row.away = True
    machine.answered()
    row.away = False
    clock.advance(6.0)
    machine.send_all()
    clock.advance(61.0)
    assert machine.send_all() == 60


def test_a_lost_acknowledgement_leaves_no_slot_open_and_frees_none_too_early(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    machine, other = Machine(row, tmp_path / "a"), Machine(row, tmp_path / "b")
    assert machine.reserve() == machine.reserve() == 0.0
    row.mute = True
    assert machine.reserve() > 0.0  # the row has a slot for it
    row.mute = False
    clock.advance(6.0)
    row.mute = True
    machine.answered()  # so has its answer, and the second one is not to be taken for another
    row.mute = False
    clock.advance(6.0)
    assert machine.reserve() == 0.0
    assert row.text is not None
    assert decode(json.loads(row.text)).open_of("a") == 2
    assert other.send_all() > 0


def test_a_slot_that_was_given_back_is_free_at_once(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    machine = Machine(row, tmp_path)
    for _ in range(60):
        assert machine.reserve() == 0.0
    machine.log.release(clock())
    assert machine.reserve() == 0.0
    assert machine.reserve() > 0.0


@pytest.mark.parametrize("text", ["7", "[]", '{"slots": 7}', "{}", '{"slots": [], "claims": {}}'])
def test_a_row_that_cannot_be_read_starts_at_half_the_rate(
    text: str, row: Row, tmp_path: Path
) -> None:
    row.text = text
    assert Machine(row, tmp_path).send_all() == 30


def test_a_429_slows_all_machines(row: Row, clock: VirtualClock, tmp_path: Path) -> None:
    one, other = Machine(row, tmp_path / "a"), Machine(row, tmp_path / "b")
    one.log.slow_down(clock())
    assert other.send_all() == 30


def test_a_row_that_does_not_answer_is_asked_every_few_seconds_only(
    row: Row, clock: VirtualClock, tmp_path: Path
) -> None:
    machine = Machine(row, tmp_path)
    row.mute = True
    for _ in range(100):
        machine.reserve()
        clock.advance(0.1)
    assert row.changes <= 3
