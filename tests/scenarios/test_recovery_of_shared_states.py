"""The damages of a shared place that `docs/how-to/recover.md` describes, done to real states of a
database and a bucket: each way out of the page ends with an empty plan and one set of objects.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import program
from reconciler.simulator.cloud import Cloud
from reconciler.simulator.server import SimulatorServer
from reconciler.store import shared_place
from reconciler.store.objects import connection, place_url
from reconciler.store.objects.port import AccessRefused, ObjectStore
from reconciler.store.shared import shared_writer
from reconciler.store.shared.log import retry_reads
from tests.cli.sessions import begin
from tests.servers import places

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "recover.md").read_text(encoding="utf-8")
ROOT = "shop-infra/shop/"
Objects = dict[str, bytes]
FIREWALL = """\
  {}:
    rules:
      ssh: {{direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}
"""


class Team:
    """A machine of a team whose state is in a place, and what may happen to the place."""

    def __init__(
        self,
        place: places.Place,
        cloud: Cloud,
        capsys: pytest.CaptureFixture[str],
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.place, self.cloud, self._capsys, self.patch = place, cloud, capsys, patch
        self.objects: ObjectStore = connection.connect(place_url.parse(place.url), dict(os.environ))

    def write(self, *firewalls: str) -> None:
        """Writes the file of the stack."""
        text = "version: 1\nstack: shop\nfirewalls:\n" + "".join(map(FIREWALL.format, firewalls))
        Path("stack.yaml").write_text(text, encoding="utf-8")

    def run(self, line: str, *, code: int = 0) -> str:
        """Runs a command, which ends with that exit code, and returns what it printed."""
        shutil.rmtree(Path(".local/state/reconciler/quota"), ignore_errors=True)  # not waited for
        self._capsys.readouterr()
        ended = program.run(line.split())
        out, err = self._capsys.readouterr()
        assert ended == code, out + err
        return out if line.startswith("state pull") else out + err

    def content(self) -> Objects:
        """All objects of the stack's state, by key."""
        return dict(self.objects.read(*self.objects.names(ROOT)))

    def put(self, content: Mapping[str, bytes]) -> None:
        """Makes these the objects of the stack's state, as a backup or a mishap does."""
        names = self.objects.names(ROOT)
        if names:
            self.objects.remove(*names)
        for key, data in content.items():
            self.objects.replace(key, data)

    def newest_snapshot(self) -> bytes:
        """What the command of the page writes that fetches the newest snapshot."""
        if self.place.kind == "moto":
            assert f"aws s3 ls s3://shop-states/reconciler/{ROOT}snap/" in PAGE
            key = self.objects.names(ROOT + "snap/", limit=1)[0]
            return self.objects.read(key)[key]
        # psql -At ends each row with a line feed
        return str(self._sql("select")).encode() + b"\n"

    def put_aside(self) -> None:
        """What the command of the page does that puts the objects aside."""
        if self.place.kind == "moto":
            assert f"aws s3 mv --recursive s3://shop-states/reconciler/{ROOT} " in PAGE
            self.objects.remove(*self.objects.names(ROOT))
        else:
            self._sql("update")
        assert not self.objects.names(ROOT)

    def _sql(self, begins: str) -> Any:
        import psycopg

        found = re.search(rf'\$ psql states -\w+ "({begins} [^"]+)"', PAGE)
        assert found is not None
        with psycopg.connect(self.place.url, autocommit=True) as database:
            cursor = database.execute(found[1].encode())
            return cursor.fetchall()[0][0] if cursor.description else None

    def end(self, *firewalls: str) -> None:
        """The next plan is empty, and the account has each of these firewalls once."""
        self.run("apply --yes")
        assert "No changes" in self.run("plan --detailed-exitcode")
        names = sorted(each.title for each in self.cloud.world.firewalls.values())
        assert names == sorted(f"shop-{name}" for name in firewalls)


@pytest.fixture
def team(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: places.Place,
) -> Iterator[Team]:
    begin(monkeypatch, tmp_path)
    (tmp_path / "reconciler.yaml").write_text(
        f"version: 1\nproject: shop-infra\nstate: {place.url}\n", encoding="utf-8"
    )
    for name in ("RECONCILER_SIMULATE", "PGPASSWORD", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(retry_reads, "READ_SECONDS", 0.0)
    cloud = Cloud(switches={"rate_limit": "off"}, time_scale=3000.0)
    with SimulatorServer(cloud) as server:
        for name, value in {**server.environment, **place.environment}.items():
            monkeypatch.setenv(name, value)
        made = Team(place, cloud, capsys, monkeypatch)
        yield made
        made.objects.close()


def _keys(content: Objects, part: str) -> list[str]:
    return sorted(key for key in content if key.startswith(ROOT + part))


@places.each("postgres", "moto")
def test_what_is_left_of_a_state_is_continued_as_the_page_says(team: Team) -> None:
    team.write("web")
    team.run("apply --yes")
    older = team.content()
    team.write("web", "api")
    team.run("apply --yes")
    whole = team.content()
    logs, snapshots = _keys(whole, "log/"), _keys(whole, "snap/")

    def without(*keys: str) -> Objects:
        return {key: data for key, data in whole.items() if key not in keys}

    # one object of the log is gone: from the newest snapshot that is left
    team.put(without(snapshots[0], logs[-2]))
    found = team.run("apply --yes", code=1)
    assert "log/000000000004 is missing" in PAGE and " is missing: somebody, or a" in found
    assert found.partition("hint: ")[2].strip() in PAGE
    Path("shop.json").write_bytes(team.newest_snapshot())
    team.put_aside()
    team.run("state push shop.json --yes")
    assert "error[state-missing]" in team.run("plan", code=4)
    assert "1 object bound" in team.run("recover --rebuild --yes")
    team.end("web", "api")

    # the end of the log is gone, the newest snapshot is there
    team.put(without(logs[-1]))
    team.run("apply --yes", code=1)
    Path("shop.json").write_text(team.run("state pull"), encoding="utf-8")
    team.put_aside()
    team.run("state push shop.json --yes")
    team.end("web", "api")

    # nothing is left that could be continued
    for content in ({}, without(*snapshots, *logs[:2])):
        team.put(content)
        team.run("plan", code=1 if content else 4)
        if content:
            team.put_aside()
        assert "2 objects bound" in team.run("recover --rebuild --yes")
        team.end("web", "api")

    # without a snapshot, the log is read; a damaged one is moved away
    team.put(without(*snapshots))
    team.end("web", "api")
    team.put({**whole, snapshots[0]: whole[snapshots[0]][:100]})
    found = team.run("plan", code=1)
    assert "cannot be read" in found and f"hint: move {snapshots[0]} elsewhere" in found
    team.objects.remove(snapshots[0])
    team.end("web", "api")

    # a backup: the account has an object that the state does not know
    team.put(older)
    assert "error[state-missing]" in team.run("plan", code=4)
    assert "1 object bound" in team.run("recover --rebuild --yes")
    team.end("web", "api")


@places.each("postgres")
def test_a_second_place_is_joined_as_the_page_says(team: Team) -> None:
    team.write("web")
    team.run("apply --yes")
    team.patch.setenv("RECONCILER_STATE", "states")
    team.write("web", "db")
    found = team.run("plan", code=4)
    assert "is not used: RECONCILER_STATE names states" in found
    assert "error[state-missing]" in found
    team.run("recover --rebuild --yes")  # the mistake
    team.run("apply --yes")
    team.patch.delenv("RECONCILER_STATE")
    assert "error[state-missing]" in team.run("plan", code=4)
    assert "1 object bound" in team.run("recover --rebuild --yes")
    team.end("web", "db")


def _at_log_objects(patch: pytest.MonkeyPatch, number: int, happens: Callable[[], None]) -> None:
    """Something happens before each log object from that position on is written."""
    connect = connection.connect

    class Connection:
        def __init__(self, *values: Any) -> None:
            self._inner = connect(*values)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
            if "/log/" in key and int(key[-12:]) >= number:
                happens()
            return bool(self._inner.create(key, data, after=after))

    patch.setattr(shared_place, "connect", Connection)


@pytest.mark.parametrize("has_file", [True, False], ids=["this machine", "another machine"])
@places.each("moto")
def test_credentials_that_expired_are_renewed_and_the_run_is_repeated(
    team: Team, has_file: bool
) -> None:
    team.write("web")
    team.run("apply --yes")
    last = int(_keys(team.content(), "log/")[-1][-12:])
    team.write("web", "api")

    def refuse() -> None:
        raise AccessRefused("the token has expired", hint="renew it")

    with team.patch.context() as patched:
        patched.setattr(shared_writer, "OUTCOME_SECONDS", 0.0)
        patched.setattr(shared_writer, "_CLOSE_SECONDS", 0.0)
        _at_log_objects(patched, last + 3, refuse)  # the outcome of the create
        found = team.run("apply --yes", code=7)
    assert "gives no answer: the token has expired" in found
    spilled = [path for path in Path(".local/state/reconciler/spill").rglob("*") if path.is_file()]
    assert len(spilled) == 1 and spilled[0].stat().st_mode & 0o077 == 0
    if not has_file:
        spilled[0].unlink()
    team.patch.setattr("reconciler.store.shared.beat.DEAD_SECONDS", 0.0)
    team.end("web", "api")


@places.each("postgres")
def test_a_run_whose_last_records_were_lost_ends_and_the_next_finds_its_objects(
    team: Team,
) -> None:
    team.write("web")
    team.run("apply --yes")
    before = team.content()
    last = int(_keys(before, "log/")[-1][-12:])
    team.write("web", "api")
    with team.patch.context() as patched:
        _at_log_objects(patched, last + 4, lambda: team.put(before))
        found = team.run("apply --yes", code=7)
    assert "error[state-write]  the last objects of the log are gone" in found
    assert "error[state-write]  the last objects of the log are gone" in PAGE
    assert "error[state-missing]" in team.run("plan", code=4)
    team.run("recover --rebuild --yes")
    team.end("web", "api")
