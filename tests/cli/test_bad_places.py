"""A place of states that cannot be used, at the command line: every command says so once, with the
way out, and sends nothing to the cloud.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from reconciler.model import exit_codes
from reconciler.simulator import SimulatorServer
from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import ObjectStore
from reconciler.store.shared.log import retry_reads
from tests.cli.sessions import WEB, begin, call
from tests.processes.bridge import StruckCloud
from tests.servers import places
from tests.servers.places import Place, Places
from tests.servers.postgres import Postgres
from tests.store.objects.test_s3_answers import refusal, served

CANARY = "hunter2"
COMMANDS = {
    "plan": ("plan", "shop.yaml"),
    "apply": ("apply", "shop.yaml", "--yes"),
    "state list": ("state", "list", "--stack", "shop.yaml"),
    "doctor": ("doctor", "shop.yaml"),
}


@dataclass
class Bench:
    """A folder with one stack, the servers of places, and what a user has set."""

    folder: Path
    session: pytest.MonkeyPatch
    places: Places
    ends: ExitStack
    cloud: StruckCloud = field(default_factory=lambda: StruckCloud(time_scale=3000.0))

    def name(self, url: str, **variables: str) -> None:
        """The user names a place, with credentials."""
        self.session.setenv("RECONCILER_STATE", url)
        for name, value in variables.items():
            self.session.setenv(name, value)

    def place(self, kind: str) -> Place:
        """An empty place of that kind, named with its credentials."""
        found = self.places.fresh(kind)
        self.name(found.url, **found.environment)
        return found

    def answers(self, status: str, code: str) -> None:
        """A bucket whose server refuses everything."""
        store, _ = self.ends.enter_context(served(refusal(status, code)))
        self.name(store.location, AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY=CANARY)

    def owner(self, place: Place) -> psycopg.Connection[tuple[object, ...]]:
        """The administrator, in the database of the place."""
        assert isinstance(place.server, Postgres)
        link = psycopg.connect(
            place.server.admin, dbname=place_url.parse(place.url).name, autocommit=True
        )
        self.ends.callback(link.close)
        return link


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: Places) -> Iterator[Bench]:
    """A user on a machine with nothing set, whose cloud counts the requests."""
    begin(monkeypatch, tmp_path, {"shop.yaml": WEB})
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGUSER", "PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("RECONCILER_SIMULATE")
    monkeypatch.setenv("RECONCILER_TIME_SCALE", "3000")
    monkeypatch.setattr(retry_reads, "READ_SECONDS", 0.0)
    with ExitStack() as ends:
        made = Bench(tmp_path, monkeypatch, places, ends)
        server = ends.enter_context(SimulatorServer(made.cloud))
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def in_file(bench: Bench) -> None:
    """A password in the file of the project."""
    text = f"version: 1\nproject: infra\nstate: postgresql://me:{CANARY}@db/x\n"
    (bench.folder / "reconciler.yaml").write_text(text)


def url(text: str) -> Callable[[Bench], None]:
    """A place that no server is needed for."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": CANARY}
    return lambda bench: bench.name(text, PGPASSWORD=CANARY, **keys)


def database(more: str = "", **variables: str) -> Callable[[Bench], None]:
    """A real database, and what is wrong with how it is used."""

    def prepare(bench: Bench) -> None:
        found = bench.place("postgres")
        bench.name(found.url + more, **variables)

    return prepare


def stranger(bench: Bench, place: Place) -> None:
    """The user is a role without any right in the database."""
    role = f"stranger-{place.environment['PGUSER']}"
    bench.owner(place).execute(f"create role \"{role}\" login password '{CANARY}'".encode())
    bench.name(place.url, PGUSER=role, PGPASSWORD=CANARY)


def no_tables(bench: Bench) -> None:
    """A role that may not create the tables."""
    found = bench.place("postgres")
    stranger(bench, found)


def no_rights(bench: Bench) -> None:
    """A role that may not use the tables of another one."""
    found = bench.place("postgres")
    objects(found).close()
    stranger(bench, found)


def objects(place: Place) -> ObjectStore:
    """The objects of a place, which is prepared for them."""
    found = connection.connect(place_url.parse(place.url), place.environment)
    found.names("")
    return found


def newer_tables(bench: Bench) -> None:
    """Tables of a newer version."""
    found = bench.place("postgres")
    objects(found).close()
    bench.owner(found).execute("update reconciler.format set number = 99")


def log(kind: str, change: Callable[[bytes], bytes]) -> Callable[[Bench], None]:
    """A state whose first record is changed."""

    def prepare(bench: Bench) -> None:
        found = bench.place(kind)
        key = "default/shop/log/000000000001"
        fence = {"began": 1, "epoch": 1, "format": 1, "kind": "fence", "lineage": "a" * 24}
        fence |= {"at": 0, "position": 1, "previous": None, "token": "b" * 24}
        fence |= {"environment": None, "holder": None, "stack": "shop"}
        store = objects(found)
        store.create(key, change(json.dumps(fence).encode()))
        store.close()

    return prepare


def moto_bucket(more: str) -> Callable[[Bench], None]:
    """A server of buckets that has none of that name."""

    def prepare(bench: Bench) -> None:
        found = bench.place("moto")
        bench.name(found.url.replace("s3://", f"s3://{more}"))

    return prepare


def refuses(status: str, code: str) -> Callable[[Bench], None]:
    """A bucket whose server refuses everything."""
    return lambda bench: bench.answers(status, code)


def without(library: str, text: str) -> Callable[[Bench], None]:
    """A machine without a library."""

    def prepare(bench: Bench) -> None:
        module = {"psycopg": "postgres", "obstore": "s3"}[library]
        bench.session.delitem(sys.modules, f"reconciler.store.objects.{module}", raising=False)
        for name in [name for name in sys.modules if name.partition(".")[0] == library]:
            bench.session.delitem(sys.modules, name)
        bench.session.setitem(sys.modules, library, None)
        url(text)(bench)

    return prepare


PLACE, NEWER, ERROR = exit_codes.ACCOUNT, exit_codes.ERROR, exit_codes.ERROR
BAD: list[tuple[str, Callable[[Bench], None], str, str, int]] = [
    ("a wrong URL", url("postgresql:/x"), "followed by //", "postgresql://host/database", PLACE),
    ("an unknown scheme", url("mysql://db/x"), "mysql://", "postgresql", PLACE),
    ("a password", url(f"postgresql://me:{CANARY}@db/x"), "a password", "~/.pgpass", PLACE),
    ("a secret key", url(f"s3://k:{CANARY}@b"), "an access key", "AWS_ACCESS_KEY_ID", PLACE),
    ("a password in the file", in_file, "a password", "~/.pgpass", PLACE),
    ("no such host", url("postgresql://127.0.0.1:1/x"), "no connection", "the network", PLACE),
    ("no such endpoint", url("s3://b?endpoint=http://127.0.0.1:1"), "no answer", "network", PLACE),
    ("a wrong password", database(PGPASSWORD=CANARY), "the password", "~/.pgpass", PLACE),
    ("a wrong role", database(PGUSER="nobody"), "the password", "~/.pgpass", PLACE),
    ("no such database", database("x"), "there is no database", "createdb -h", PLACE),
    ("no encryption", database("?sslmode=require"), "no encrypted", "sslmode", PLACE),
    ("no right to create", no_tables, "rights or tables are missing", "create schema", PLACE),
    ("no right to use", no_rights, "rights or tables are missing", "grant select", PLACE),
    ("newer tables", newer_tables, "newer reconciler", "install the newer version", PLACE),
    ("no bucket", moto_bucket("x"), "there is no bucket", "aws s3 mb s3://x", PLACE),
    ("no list", refuses("403 Forbidden", "AccessDenied"), "may not", "s3:ListBucket", PLACE),
    ("keys", refuses("403 Forbidden", "InvalidAccessKeyId"), "credentials", "correct", PLACE),
    ("signature", refuses("403 No", "SignatureDoesNotMatch"), "credentials", "correct", PLACE),
    ("expired", refuses("400 Bad Request", "ExpiredToken"), "have expired", "log in", PLACE),
    ("clocks", refuses("403 No", "RequestTimeTooSkewed"), "the clocks", "set the clock", PLACE),
    ("no psycopg", without("psycopg", "postgresql://db/x"), "psycopg", "[postgres]", PLACE),
    ("no obstore", without("obstore", "s3://b"), "obstore", "[s3]", PLACE),
    ("a damaged record", log("moto", lambda data: data[:-9]), "000000000001", "backup", ERROR),
    (
        "a newer record",
        log("postgres", lambda data: data.replace(b'"format": 1', b'"format": 99')),
        "newer",
        "newer",
        NEWER,
    ),
]


@pytest.mark.xdist_group("bad-places")
@pytest.mark.parametrize(
    ("prepare", "message", "hint", "code"),
    [row[1:] for row in BAD],
    ids=[row[0].replace(" ", "-") for row in BAD],
)
def test_a_bad_place_is_reported_once_with_the_way_out_and_nothing_is_sent(
    bench: Bench,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Bench], None],
    message: str,
    hint: str,
    code: int,
) -> None:
    prepare(bench)
    for name, command in COMMANDS.items():
        before = len(bench.cloud.requests)
        ended, out, err = call(capsys, *command)
        said = out + err
        assert ended == code, (name, said)
        assert re.search(re.escape(message), said), (name, said)
        assert hint in said, (name, said)
        assert said.count("error[") == 1, (name, said)
        assert CANARY not in said, name
        if name != "doctor":
            assert len(bench.cloud.requests) == before, name


@pytest.mark.xdist_group("bad-places")
@pytest.mark.parametrize("prepare", [no_tables, no_rights])
def test_the_sql_of_the_hint_works_when_the_owner_pastes_it(
    bench: Bench, capsys: pytest.CaptureFixture[str], prepare: Callable[[Bench], None]
) -> None:
    prepare(bench)
    _, out, err = call(capsys, *COMMANDS["plan"])
    found = re.search(r"let the owner of the database run: (.*)", out + err)
    assert found is not None, out + err
    name = place_url.parse(os.environ["RECONCILER_STATE"]).name
    server = bench.places.server("postgres")
    assert isinstance(server, Postgres)
    with psycopg.connect(server.admin, dbname=name, autocommit=True) as owner:
        owner.execute(found[1].encode())
    assert call(capsys, *COMMANDS["apply"])[0] == 0
    assert call(capsys, *COMMANDS["plan"])[0] == 0


@pytest.mark.xdist_group("bad-places")
def test_a_place_that_ignores_conditions_is_refused_before_the_first_record(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.place("moto-unconditional")
    assert call(capsys, *COMMANDS["plan"])[0] == 0
    code, out, err = call(capsys, *COMMANDS["apply"])
    assert code == exit_codes.ACCOUNT and "If-None-Match" in out + err
    assert "use PostgreSQL, AWS S3 or Ceph" in out + err
    assert all(request.method == "GET" for request in bench.cloud.requests)


@places.each("postgres", "moto")
def test_a_state_of_the_same_name_in_another_project_is_not_passed_over_in_silence(
    bench: Bench, capsys: pytest.CaptureFixture[str], place: places.Place
) -> None:
    bench.name(place.url, **place.environment)
    file = bench.folder / "reconciler.yaml"
    file.write_text("version: 1\nproject: infra\n")
    assert call(capsys, *COMMANDS["apply"])[0] == 0
    assert "state-place" not in "".join(call(capsys, *COMMANDS["plan"])[1:])

    file.unlink()
    before = len(bench.cloud.requests)
    for name in ("plan", "apply"):
        code, out, err = call(capsys, *COMMANDS[name])
        assert code == 4, name  # the account shows objects that this state does not know
        assert (out + err).count("warning[state-place]") == 1, (name, out + err)
        assert "the project infra of the same place has one of shop" in " ".join(
            (out + err).split()
        )
        assert "write `project: infra` in reconciler.yaml" in " ".join((out + err).split())
    assert all(each.method == "GET" for each in bench.cloud.requests[before:])

    file.write_text("version: 1\nproject: infra\n")
    assert call(capsys, *COMMANDS["plan"])[0] == 0
