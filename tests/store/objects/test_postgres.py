"""What is particular to a database: rights, durability, and servers that end in the middle."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from reconciler.store.objects import place_url
from reconciler.store.objects.port import AccessRefused, ObjectStoreError, Unreachable, Unsure
from reconciler.store.objects.postgres import PostgresObjects
from tests.servers import places
from tests.servers.pgbouncer import PgBouncer
from tests.servers.postgres import Postgres

SLEEPER = """\
create function public.waits() returns trigger language plpgsql as
'begin perform pg_advisory_lock(1); return new; end';
create trigger waits before insert on reconciler.objects
for each row when (new.key = 'p/slow') execute function public.waits();
"""
RECORDED = """\
create table public.seen (setting text);
create function public.record() returns trigger language plpgsql as
'begin insert into public.seen values (current_setting(''synchronous_commit'')); return null; end';
create constraint trigger record after insert or update or delete on reconciler.objects
deferrable initially deferred for each row execute function public.record();
"""


@pytest.fixture(autouse=True)
def credentials(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the place, where libpq looks for them."""
    for name, value in request.getfixturevalue("place").environment.items():
        monkeypatch.setenv(name, value)


def opened(place: places.Place, more: str = "", *, seconds: float = 30.0) -> PostgresObjects:
    """A store in the place."""
    return PostgresObjects(place_url.parse(place.url + more), operation_seconds=seconds)


def admin(place: places.Place) -> psycopg.Connection[tuple[object, ...]]:
    """A connection of the administrator to the database of the place."""
    server = place.server
    database = place_url.parse(place.url).name
    owner = server.postgres if isinstance(server, PgBouncer) else server
    assert isinstance(owner, Postgres)
    return psycopg.connect(owner.admin, dbname=database, autocommit=True)


def _refused(operation: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(AccessRefused) as failure:
        operation()
    return str(failure.value), str(failure.value.hint)


@places.each("postgres")
def test_a_role_without_rights_gets_the_sql_to_grant_them(
    place: places.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: the SQL of the hint works when the owner pastes it, before and after the tables exist.
    with admin(place) as owner:
        owner.execute('drop role if exists "some one"; create role "some one" login password \'x\'')
        monkeypatch.setenv("PGUSER", "some one")
        monkeypatch.setenv("PGPASSWORD", "x")
        store = opened(place)
        for operation in (lambda: store.names(""), lambda: store.create("p/1", b"")):
            message, hint = _refused(operation)
            assert "permission denied" in message
            owner.execute(hint.removeprefix("let the owner of the database run: "))
            operation()
            owner.execute('revoke all on reconciler.objects from "some one"')
        message, hint = _refused(lambda: store.create("p/2", b""))
        assert "permission denied for table objects" in message
        owner.execute(hint.removeprefix("let the owner of the database run: "))
        assert store.create("p/2", b"")
        assert list(store.names("")) == ["p/1", "p/2"]
        store.close()
        owner.execute('drop owned by "some one"; drop role "some one"')


@places.each("postgres")
def test_what_cannot_be_entered_is_refused_with_the_way_out(
    place: places.Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Goal: password, role, database, encryption: each one message; no password in any of them.
    password = place.environment["PGPASSWORD"]
    name = place_url.parse(place.url).name
    cases = [
        ({"PGPASSWORD": "wrong-one"}, "", "refuses the password", "~/.pgpass"),
        ({"PGPASSWORD": ""}, "", "asks for a password", "PGPASSWORD"),
        ({"PGUSER": "nobody-at-all"}, "", "refuses the password", "~/.pgpass"),
        ({}, "x", f"there is no database {name}x", f"createdb -h 127.0.0.1 -p "
         f"{place.server.port} {name}x"),
        ({}, "?sslmode=require", "no encrypted connection", "sslmode"),
    ]  # fmt: skip
    for variables, more, message, hint in cases:
        with monkeypatch.context() as changed:
            for variable, value in variables.items():
                changed.setenv(variable, value)
            found = _refused(lambda: opened(place, more).names(""))  # noqa: B023
        assert message in found[0]
        assert hint in found[1]
        assert password not in "".join(found)
        assert "wrong-one" not in "".join(found)


@places.each("postgres")
def test_a_database_that_cannot_be_used_is_refused(place: places.Place) -> None:
    # Goal: a newer version of the tables, and a server that only reads, are reported as that.
    store = opened(place)
    assert store.create("p/1", b"")
    with admin(place) as owner:
        name = place_url.parse(place.url).name
        owner.execute(f'alter database "{name}" set default_transaction_read_only = on')
        other = opened(place)
        assert other.read("p/1") == {"p/1": b""}
        message, hint = _refused(lambda: other.create("p/2", b""))
        assert "is read-only" in message
        assert "target_session_attrs=read-write" in hint
        other.close()
        owner.execute(f'alter database "{name}" reset default_transaction_read_only')
        owner.execute("update reconciler.format set number = 2")
        store.close()
        message, hint = _refused(lambda: store.read("p/1"))
        assert "newer reconciler (version 2)" in message
        assert "newer version" in hint


@places.each("postgres", "pgbouncer")
def test_every_write_waits_for_the_disk(place: places.Place) -> None:
    # Goal: a database that acknowledges early does not do so here; nothing stays in the session,
    # which a pooler gives to somebody else. A stronger setting is kept.
    name = place_url.parse(place.url).name
    with admin(place) as owner:
        for early, wanted in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
            owner.execute(f'alter database "{name}" set synchronous_commit = {early}')
            # Sessions of a pooler that were opened before have the earlier setting.
            owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
            store = opened(place)
            _until_connected(store)
            if early == "off":
                owner.execute(RECORDED)
                owner.execute("grant insert on public.seen to public")
            store.create(f"p/{early}", b"", after=None)
            store.replace(f"p/{early}", b"1")
            store.remove(f"p/{early}")
            seen = owner.execute("delete from public.seen returning setting").fetchall()
            assert seen == [(wanted,)] * 3
            assert store.facts().synchronous_commit == early
            store.close()


def _until_connected(store: PostgresObjects) -> None:
    for _ in range(5):
        try:
            store.names("")
            return
        except Unreachable:
            continue
    store.names("")


@places.each("postgres")
def test_a_connection_that_ends_within_a_write_leaves_it_unsure(place: places.Place) -> None:
    # Goal: unsure, not "not done"; the same store then connects again and sends nothing twice.
    store = opened(place)
    store.names("")
    with admin(place) as owner, admin(place) as holder:
        owner.execute(SLEEPER)
        holder.execute("select pg_advisory_lock(1)")
        with ThreadPoolExecutor(1) as threads:
            writing = threads.submit(store.create, "p/slow", b"")
            _wait_for_lock(owner)
            owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where wait_event = 'advisory' and datname = current_database()"
            )
            with pytest.raises(Unsure):
                writing.result()
    assert store.read("p/slow") == {}
    assert store.create("p/other", b"")
    store.close()


def _wait_for_lock(owner: psycopg.Connection[tuple[object, ...]]) -> None:
    pause = threading.Event()
    for _ in range(500):
        found = owner.execute(
            "select count(*) from pg_stat_activity "
            "where wait_event = 'advisory' and datname = current_database()"
        ).fetchone()
        if found == (1,):
            return
        pause.wait(0.01)
    raise AssertionError("the statement never waited")


@places.each("postgres")
def test_a_server_that_was_killed_is_found_again(place: places.Place) -> None:
    # Goal: an idle connection that ended is replaced before anything is sent, so that a write is
    # certain not to have happened; what was acknowledged before is there.
    store = opened(place)
    assert store.create("p/1", b"data")
    place.server.kill()
    for operation in (lambda: store.create("p/2", b""), lambda: store.read("p/1")):
        with pytest.raises(Unreachable, match="no connection to"):
            operation()
    place.server.start()
    assert store.create("p/2", b"")
    place.server.restart()
    assert store.create("p/3", b"", after="p/2")
    assert store.read("p/1") == {"p/1": b"data"}
    store.close()


@places.each("postgres")
def test_a_server_that_stalls_does_not_hold_the_run(place: places.Place) -> None:
    # Goal: every operation ends in time, as unsure if it wrote; connecting is bounded as well.
    store = opened(place, seconds=0.3)
    other = PostgresObjects(place_url.parse(place.url + "?connect_timeout=1"))
    for each in (store, other):
        each.names("")
    other.close()
    place.server.stall()
    found = [_outcome(lambda: store.create("p/1", b""))]
    found.append(_outcome(lambda: other.read("p/1")))
    place.server.resume()
    assert found == [Unsure, Unreachable]
    assert store.read("p/1") in ({}, {"p/1": b""})
    store.close()


@places.each("postgres")
def test_tables_are_created_once_by_whoever_comes_first(place: places.Place) -> None:
    # Goal: machines that use a new database at the same instant do not disturb each other.
    stores = [opened(place) for _ in range(8)]
    start = threading.Barrier(len(stores))

    def first(number: int) -> bool:
        start.wait()
        return stores[number].create("p/1", b"")

    with ThreadPoolExecutor(len(stores)) as threads:
        assert sum(threads.map(first, range(len(stores)))) == 1
    for store in stores:
        store.close()


@places.each("postgres")
def test_facts_say_how_durable_the_server_is(place: places.Place) -> None:
    # Goal: `doctor` can warn of a server that may lose what it acknowledged.
    store = opened(place)
    facts = store.facts()
    assert re.match(r"\d+", facts.version)
    assert (facts.fsync, facts.full_page_writes, facts.standbys) == (True, True, 0)
    assert not facts.waits_for_standbys
    store.close()


def _outcome(operation: Callable[[], object]) -> object:
    try:
        return operation()
    except ObjectStoreError as failure:
        return type(failure)
