"""The commands, files and SQL of `docs/how-to/share.md` as they stand there, on a real database and
a real bucket: only the host and the port are those of the test.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.processes.bridge import desk
from tests.servers.places import Places
from tests.servers.postgres import Postgres, of_debian, of_path, of_wheel
from tests.servers.s3 import REGION

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "share.md").read_text(encoding="utf-8")
ROLE_PASSWORD = "opensesame"


def blocks(kind: str, wanted: str) -> list[str]:
    """The blocks of that kind in which a text occurs."""
    found = re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    return [block for block in found if wanted in block]


def commands(wanted: str) -> list[list[str]]:
    """The commands of the only block in which a text occurs."""
    (block,) = blocks("console", wanted)
    return [shlex.split(line[2:]) for line in block.splitlines() if line.startswith("$ ")]


def test_a_database_is_prepared_and_named_as_the_page_says(tmp_path: Path, places: Places) -> None:
    server = places.server("postgres")
    assert isinstance(server, Postgres)
    programs = next(each() for each in (of_wheel, of_path, of_debian) if each() is not None)
    assert programs is not None
    admin = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.port),
        "PGUSER": "postgres",
        "PGPASSWORD": server.password,
    }
    try:
        for command in commands("createdb"):
            subprocess.run(
                command,
                env=admin,
                input=f"{ROLE_PASSWORD}\n" * 2,
                text=True,
                check=True,
                capture_output=True,
                start_new_session=True,  # without a terminal, the password is read from the pipe
            )
        with desk(tmp_path) as place:
            plain, encrypted = blocks("yaml", "postgresql://")
            host = f"127.0.0.1:{server.port}"
            assert "sslmode" not in plain and "sslmode=verify-full" in encrypted
            (tmp_path / ".git").mkdir()
            file = tmp_path / "reconciler.yaml"
            file.write_text(plain.replace("db.example.com", host))
            passwords = tmp_path / "home" / ".pgpass"
            passwords.parent.mkdir(exist_ok=True)
            passwords.write_text(f"*:*:states:reconciler:{ROLE_PASSWORD}\n")
            passwords.chmod(0o600)
            (doctor,) = commands("reconciler doctor")
            first = place.run(*doctor[1:], "shop.yaml")
            said = "named by reconciler.yaml, PostgreSQL"
            assert first.code == 0 and said in first.out and "not checked yet" in first.out
            applied = place.apply()
            assert applied.code == 0, applied.text
            assert "postgresql://reconciler@" in applied.text and ROLE_PASSWORD not in applied.text

            before = len(place.cloud.requests)
            file.write_text(encrypted.replace("db.example.com", host))
            refused = place.run("plan", "shop.yaml")
            assert refused.code == 5 and "sslmode" in refused.text, refused.text
            assert len(place.cloud.requests) == before
    finally:
        for command in (["dropdb", "--if-exists", "states"], ["dropuser", "reconciler"]):
            subprocess.run(command, env=admin, check=False, capture_output=True)


def test_a_bucket_is_named_as_the_page_says(tmp_path: Path, places: Places) -> None:
    made = places.fresh("moto")
    (text,) = blocks("yaml", "s3://")
    bucket, endpoint = re.findall(r"s3://([^/]+)/.*endpoint=(\S+)", made.url)[0]
    for former, mine in (
        ("shop-states", bucket),
        ("kr-standard", REGION),
        ("https://s3.example.com", endpoint),
    ):
        assert former in text
        text = text.replace(former, mine)
    with desk(tmp_path) as place:
        (tmp_path / ".git").mkdir()
        (tmp_path / "reconciler.yaml").write_text(text)
        aws = tmp_path / "home" / ".aws"
        aws.mkdir(parents=True)
        keys = (f"{name.lower()} = {value}\n" for name, value in made.environment.items())
        (aws / "credentials").write_text("".join(("[default]\n", *keys)))
        applied = place.apply()
        assert applied.code == 0, applied.text
        assert f"s3://{bucket}/reconciler/shop-infra/shop" in applied.text
        assert place.run("plan", "shop.yaml", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("extra", ["postgres", "s3"])
def test_the_page_installs_what_the_message_asks_for(extra: str) -> None:
    assert ["uv", "tool", "install", f"iwinv-reconciler[{extra}]"] in commands("tool install")
