"""The row of a quota in real databases: nobody else changes it meanwhile, its clock is that of the
database, and a process that dies or stops in a change holds up nobody for long (quota#quota).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from reconciler.model.ports import PlaceUnusable
from reconciler.store.objects import place_url
from reconciler.store.objects.port import AccessRefused, Unreachable
from reconciler.store.objects.postgres import PostgresObjects
from reconciler.store.objects.postgres_quota import PostgresQuota
from tests.servers import places

_opened: list[PostgresQuota] = []


@pytest.fixture(autouse=True)
def connections(place: places.Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    yield
    while _opened:
        _opened.pop().close()


def row(place: places.Place, key: str = "k", **options: float) -> PostgresQuota:
    _opened.append(PostgresQuota(place_url.parse(place.url), key, **options))
    return _opened[-1]


def added(text: str | None, now: float) -> str:
    return str(int(text or 0) + 1)


def text_of(place: places.Place, key: str = "k") -> str | None:
    found: list[str | None] = []

    def keep(text: str | None, now: float) -> str:
        found.append(text)
        return text or "null"

    row(place, key).change(keep)
    return found[0]


@places.each("postgres", "pgbouncer")
def test_changes_of_many_come_one_after_another(place: places.Place) -> None:
    def work() -> None:
        mine = row(place)
        for _ in range(10):
            mine.change(added)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert text_of(place) == "60"


@places.each("postgres", "pgbouncer")
def test_the_clock_is_that_of_the_database_when_the_row_is_had(place: places.Place) -> None:
    first, second = row(place), row(place)
    inside, leave, times = threading.Event(), threading.Event(), list[float]()

    def slow(text: str | None, now: float) -> str:
        times.append(now)
        inside.set()
        assert leave.wait(30.0)
        return "1"

    def late(text: str | None, now: float) -> str:
        times.append(now)
        return "2"

    holder = threading.Thread(target=first.change, args=(slow,))
    holder.start()
    assert inside.wait(30.0)
    waiter = threading.Thread(target=second.change, args=(late,))
    waiter.start()
    waiter.join(0.3)
    leave.set()
    holder.join()
    waiter.join()
    assert times[1] - times[0] >= 0.25
    assert abs(times[1] - time.time()) < 30.0


@places.each("postgres")
def test_a_change_that_raises_changes_nothing(place: places.Place) -> None:
    mine = row(place)
    mine.change(added)

    def broken(text: str | None, now: float) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine.change(broken)
    mine.change(added)
    assert text_of(place) == "2"
    assert text_of(place, "another key") is None


@places.each("postgres")
def test_a_process_that_stops_in_a_change_holds_the_row_for_seconds_only(
    place: places.Place,
) -> None:
    stopped, inside, leave = row(place), threading.Event(), threading.Event()
    failures: list[PlaceUnusable] = []

    def stop(text: str | None, now: float) -> str:
        inside.set()
        assert leave.wait(60.0)
        return "7"

    def work() -> None:
        try:
            stopped.change(stop)
        except PlaceUnusable as failure:
            failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(30.0)
    row(place, seconds=30.0).change(added)
    leave.set()
    thread.join()
    assert len(failures) == 1
    assert text_of(place) == "1"


@places.each("postgres")
def test_a_table_is_added_to_a_database_of_states_that_has_none(place: places.Place) -> None:
    with closing(PostgresObjects(place_url.parse(place.url))) as states:
        states.replace("state", b"")
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("drop table reconciler.quota")
    mine = row(place)
    mine.open()
    mine.change(added)
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("delete from reconciler.quota")
    mine.change(added)
    assert text_of(place) == "1"


@places.each("postgres")
def test_a_role_without_rights_is_refused_with_the_sql_of_the_owner(
    place: places.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    row(place).open()
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("revoke all on reconciler.quota from current_user")
    with pytest.raises(AccessRefused) as found:
        row(place).open()
    assert "reconciler.quota" in str(found.value.hint)
    with pytest.raises(PlaceUnusable):
        row(place).change(added)
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(AccessRefused):
        row(place).open()


@places.each("postgres")
def test_a_server_that_dies_is_unreachable_and_used_again_when_it_is_back(
    place: places.Place,
) -> None:
    mine = row(place)
    mine.change(added)
    place.server.kill()
    with pytest.raises(PlaceUnusable):
        mine.change(added)
    with pytest.raises(Unreachable):
        row(place).open()
    place.server.start()
    mine.change(added)
    assert text_of(place) == "2"
