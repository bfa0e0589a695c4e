"""Which place has the states, at the command line: named, shown, refused, and used over a real
database and a real bucket.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli import composition
from reconciler.store import shared_place
from reconciler.store.objects import connection
from reconciler.store.shared.log import retry_reads
from tests.cli.sessions import begin, call
from tests.servers import places

FIREWALL = """\
version: 1
stack: shop
firewalls:
  web: {rules: {ssh: {direction: in, protocol: tcp, ports: 22, cidr: 10.0.0.0/8}}}
"""
PROJECT = "version: 1\nproject: infra\nstate: {}\n"


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A repository with one stack, and nothing that a user has set."""
    begin(monkeypatch, tmp_path, {"stacks/shop.yaml": FIREWALL})
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGPASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retry_reads, "READ_SECONDS", 0.0)
    return monkeypatch


def at_the_cloud(session: pytest.MonkeyPatch, url: str) -> None:
    """From now on, commands use a cloud at that address, as the real one is used."""
    session.delenv("RECONCILER_SIMULATE")
    for name, value in (
        ("IWINV_ENDPOINT", url),
        ("IWINV_ACCESS_KEY", "local-access-key"),
        ("IWINV_SECRET_KEY", "local-secret-key"),
    ):
        session.setenv(name, value)


def test_a_project_keeps_the_states_of_its_stacks_in_one_folder(
    session: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reconciler.yaml").write_text(PROJECT.format("states"))
    assert call(capsys, "apply", "stacks/shop.yaml", "--yes")[0] == 0
    assert (tmp_path / "states" / ".simulator" / "shop" / "state.json").is_file()
    assert not (tmp_path / "stacks" / "state").exists()
    session.delenv("RECONCILER_SIMULATE")
    session.setenv("RECONCILER_STATE_DIR", "elsewhere")
    _, out, err = call(capsys, "doctor", "stacks/shop.yaml")
    assert "states, named by reconciler.yaml" in out
    assert "RECONCILER_STATE_DIR (elsewhere) is not used: reconciler.yaml names states" in out + err


def test_a_mistake_in_the_file_of_the_project_stops_every_command(
    session: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "reconciler.yaml").write_text("version: 1\nproject: infra\nstat: x\n")
    for command in ("plan", "apply", "output", "doctor", "ls", "validate"):
        code, out, err = call(capsys, command, "stacks/shop.yaml")
        assert code == 1, command
        assert "reconciler.yaml:3:1" in out + err, command
        assert "did you mean `state`?" in out + err, command


REFUSED = [
    ("another database", "mysql://db/x", "mysql://", "postgresql"),
    ("no slashes", "postgres:/x", "must be followed by //", "postgresql://host/database"),
    ("a password", "postgresql://me:hunter2@db/x", "contains a password", "~/.pgpass"),
    ("a secret key", "s3://key:hunter2@bucket", "contains an access key", "AWS_ACCESS_KEY_ID"),
    ("no database", "postgresql://db", "names no database", "postgresql://host/database"),
    ("no credentials", "s3://bucket/x?region=kr", "no credentials", "AWS_ACCESS_KEY_ID"),
    ("nobody listens", "postgresql://127.0.0.1:1/x", "no connection", "check the network"),
    ("a path with a colon", "shop:states", "neither a folder nor", "./shop:states"),
]


@pytest.mark.parametrize(
    ("place", "message", "hint"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_place_that_cannot_be_used_ends_the_command_before_anything_is_sent(
    session: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: str,
    message: str,
    hint: str,
) -> None:
    # Port 9 of this machine: a request to the cloud would fail with another message.
    at_the_cloud(session, "http://127.0.0.1:9")
    session.setenv("RECONCILER_STATE", place)
    for command in (["plan"], ["apply", "--yes"], ["state", "list"], ["recover"]):
        stack = ["stacks/shop.yaml"] if command[0] != "state" else ["--stack", "stacks/shop.yaml"]
        code, out, err = call(capsys, *command, *stack)
        assert code == 5, (command, out, err)
        assert message in out + err and hint in out + err, (command, out, err)
        assert out.count("error[") + err.count("error[") == 1
        assert "hunter2" not in out + err


def test_a_place_in_the_file_of_the_project_is_refused_at_its_line(
    session: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at_the_cloud(session, "http://127.0.0.1:9")
    (tmp_path / "reconciler.yaml").write_text(PROJECT.format("postgresql://me:hunter2@db/x"))
    for command in ("plan", "validate"):
        code, out, err = call(capsys, command, "stacks/shop.yaml")
        assert code == 5
        assert "reconciler.yaml:3:8" in out + err and "hunter2" not in out + err
        assert (out + err).count("error[") == 1


def test_a_completion_does_not_wait_for_a_distant_place(
    session: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from reconciler.cli import state_places

    environ = {"RECONCILER_STATE": "postgresql://127.0.0.1:1/x"}
    stack = tmp_path / "stacks" / "shop.yaml"
    assert state_places.near(stack, environ, simulated=False) is None
    assert state_places.near(stack, environ, simulated=True) is not None


def test_a_place_on_this_machine_loads_nothing_of_the_distant_ones() -> None:
    code = """
import sys
from pathlib import Path
from reconciler.cli import state_places
state_places.place_of(Path("x.yaml"), {}, simulated=False).store("shop", None).read()
bad = [n for n in sys.modules if n.startswith(("psycopg", "obstore", "reconciler.store.objects",
       "reconciler.store.shared", "reconciler.config.schema", "jsonschema"))]
print(bad)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def counted(patched: pytest.MonkeyPatch) -> list[str]:
    """The operations of every connection from now on."""
    found: list[str] = []
    connect = connection.connect

    class Counting:
        def __init__(self, *values: Any) -> None:
            self._inner = connect(*values)

        def __getattr__(self, name: str) -> Any:
            if name in ("create", "replace", "read", "names", "remove", "facts"):
                found.append(name)
            return getattr(self._inner, name)

    patched.setattr(shared_place, "connect", Counting)
    return found


@places.each("postgres", "moto")
def test_a_stack_lives_in_a_place_that_many_machines_see(
    session: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    place: places.Place,
) -> None:
    stack = tmp_path / "stacks" / "shop.yaml"
    with composition.local_cloud(stack, {}, time_scale=3000.0) as variables:
        at_the_cloud(session, variables["IWINV_ENDPOINT"])
        for name, value in (*variables.items(), *place.environment.items()):
            session.setenv(name, value)
        (tmp_path / "reconciler.yaml").write_text(PROJECT.format(place.url))

        assert call(capsys, "apply", "stacks/shop.yaml", "--yes")[0] == 0
        with session.context() as patched:
            operations = counted(patched)
            code, out, _ = call(capsys, "plan", "stacks/shop.yaml")
        assert code == 0 and "No changes" in out
        assert operations == ["names", "read", "names"]
        assert "/infra/shop" in out and "hunter2" not in out
        code, out, _ = call(capsys, "doctor", "stacks/shop.yaml")
        assert code == 0 and "named by reconciler.yaml" in out and ", checked" in out
        assert not (tmp_path / "stacks" / "state" / "shop").exists()

        session.setenv("RECONCILER_STATE", "states")
        code, out, err = call(capsys, "plan", "stacks/shop.yaml")
        assert code == 4  # the objects exist, and this place does not know them
        assert "RECONCILER_STATE names states" in out + err
