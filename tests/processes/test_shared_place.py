"""Real runs over a real place of states: overtaken while they stand still, and with a database that
dies under them. Every boundary: `python -m bench.struck`, `python -m bench.outages`.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.processes.bridge import RATE, ended
from tests.processes.overtaking import APPLY, TAKEN, Boundary, overtaken, violations
from tests.processes.shared_desk import AtWrite, resume, shared_desk, wait_until_stopped, writes
from tests.servers import places

CALM = {
    "instances": {"shop-web": "std_2.4-g1 active '웹 서버'"},
    "volumes": {},
    "firewalls": {
        "shop-web": {"rules": ["https: IN TCP/443 0.0.0.0/0"], "members": ["shop-web"], "icmp": "N"}
    },
}
AFTER_AN_INTENT = Boundary("store", 2, is_after=True)
BEFORE_AN_INTENT = Boundary("store", 2)
AT_A_REQUEST = Boundary("write", 2, is_after=True)


@pytest.mark.parametrize(
    ("place", "at", "unlocked"),
    [
        pytest.param("postgres", AFTER_AN_INTENT, False, marks=pytest.mark.xdist_group("postgres")),
        pytest.param("moto", AT_A_REQUEST, True, marks=pytest.mark.xdist_group("moto")),
    ],
    indirect=["place"],
)
def test_a_stopped_run_that_was_overtaken_sends_nothing_unrecorded(
    place: places.Place, at: Boundary, unlocked: bool, tmp_path: Path
) -> None:
    with shared_desk(tmp_path, place, rate=RATE) as desk:
        found = overtaken(desk, at, CALM, unlocked=unlocked)
    assert found.struck and not found.violations, found.violations
    assert found.ended.code in (5, 6, 7) and TAKEN in found.ended.err, found.ended.text


@places.each("postgres")
def test_a_run_waits_for_a_database_that_died_and_continues(
    place: places.Place, tmp_path: Path
) -> None:
    with shared_desk(tmp_path, place, rate=6.0) as desk:

        def die() -> None:
            place.server.kill()
            threading.Thread(target=place.server.start).start()

        desk.cloud.strike = AtWrite(2, die)
        done = desk.apply()
        assert done.code == 0, done.text
        assert "waiting for the place of the state" in done.err
        assert not violations(desk, CALM)


@places.each("postgres")
def test_a_database_that_stays_away_ends_the_run_before_the_next_request(
    place: places.Place, tmp_path: Path
) -> None:
    with shared_desk(tmp_path, place, rate=RATE) as desk:
        process = desk.start(*APPLY, more=BEFORE_AN_INTENT.strike("stop"))
        assert wait_until_stopped(process)
        place.server.kill()
        resume(process)
        done = ended(process)
        place.server.start()
        assert done.code == 7, done.text
        assert "waiting for the place of the state" in done.err
        assert writes(desk.cloud.requests) == 0
