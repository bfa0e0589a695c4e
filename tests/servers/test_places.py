"""Each kind of place starts, is fresh, survives what its tests do to it, and leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.servers import places
from tests.servers.process import Process, Unavailable, descendants, wait_until
from tests.servers.s3 import Endpoint


def endpoint(place: places.Place) -> Endpoint:
    return Endpoint(
        parse_qs(urlsplit(place.url).query)["endpoint"][0],
        place.environment["AWS_ACCESS_KEY_ID"],
        place.environment["AWS_SECRET_ACCESS_KEY"],
    )


def put(place: places.Place) -> None:
    if place.url.startswith("postgresql:"):
        with connect(place) as database:
            database.execute("CREATE TABLE kept (word text)")
    else:
        answer = endpoint(place).request("PUT", f"{urlsplit(place.url).netloc}/kept", b"word")
        answer.raise_for_status()


def count(place: places.Place) -> int:
    """How many tables or objects the place has."""
    if place.url.startswith("postgresql:"):
        with connect(place) as database:
            row = database.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            ).fetchone()
            assert row is not None
            return int(row[0])
    answer = endpoint(place).request("GET", urlsplit(place.url).netloc)
    answer.raise_for_status()
    return answer.text.count("<Key>")


def connect(place: places.Place) -> psycopg.Connection:
    user, password = place.environment["PGUSER"], place.environment["PGPASSWORD"]
    return psycopg.connect(place.url, user=user, password=password)


@places.each(*places.PLACES, *places.BAD_PLACES)
def test_each_place_is_fresh_and_keeps_what_it_got(
    place: places.Place, places: places.Places
) -> None:
    put(place)
    other = places.fresh(place.kind)
    assert (count(place), count(other)) == (1, 0)


@places.each("postgres", "pgbouncer", "debian-postgres", "ceph")
def test_a_killed_server_starts_again_with_all_that_it_acknowledged(place: places.Place) -> None:
    put(place)
    place.server.kill()
    place.server.start()
    assert count(place) == 1


@places.each("moto", "postgres", "ceph")
def test_a_stalled_server_answers_again_when_it_resumes(place: places.Place) -> None:
    place.server.stall()
    assert place.server.pid is not None
    place.server.resume()
    put(place)
    assert count(place) == 1


def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process(["sh", "-c", "echo first; echo the reason >&2; exit 3"], folder=tmp_path)
    with pytest.raises(Unavailable, match="sh ended while starting\nfirst\nthe reason"):
        wait_until(lambda: False, seconds=20, process=process)
    process.stop()


def test_even_stalled_servers_end_with_the_block_and_leave_no_folder() -> None:
    with places.Places() as all_places:
        server = all_places.fresh("postgres").server
        ids = [each for pid in server.pids for each in (pid, *descendants(pid))]
        server.stall()
    assert not alive(ids)
    assert not server.folder.exists()


PROGRAM = """
import sys
from tests.servers.places import Places
places = Places()
servers = [places.server(kind) for kind in sys.argv[1:]]
print(*(f"{pid} {server.folder}" for server in servers for pid in server.pids), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(("postgres", "moto", "rclone"), id="first-part"),
        pytest.param(
            tuple(places.SECOND_PART), marks=pytest.mark.servers("Ceph"), id="second-part"
        ),
    ],
)
def test_servers_end_with_tests_that_are_killed(kinds: tuple[str, ...]) -> None:
    tests = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *kinds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert tests.stdout is not None
    words = tests.stdout.readline().split()
    folders = [Path(each) for each in words[1::2]]
    ids = [each for pid in map(int, words[::2]) for each in (pid, *descendants(pid))]
    assert len(set(folders)) == len(kinds)
    tests.kill()
    tests.communicate()
    limit = time.monotonic() + 20
    while (alive(ids) or any(map(Path.exists, folders))) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not alive(ids)
    assert not any(map(Path.exists, folders))


def alive(ids: list[int]) -> list[int]:
    found = []
    for pid in ids:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        found.append(pid)
    return found
