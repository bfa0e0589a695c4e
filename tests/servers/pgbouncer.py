"""PgBouncer in transaction mode, in front of a PostgreSQL server."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.servers.postgres import Postgres
from tests.servers.process import Unavailable, give, other_user
from tests.servers.server import Server

SETTINGS = """\
[databases]
* = host=127.0.0.1 port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 5
max_client_conn = 300
auth_type = scram-sha-256
auth_file = {folder}/users
auth_user = postgres
auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1
admin_users = postgres
"""


class PgBouncer(Server):
    """A running PgBouncer: each transaction gets any of five connections to the server."""

    name = "pgbouncer"
    end_by = signal.SIGTERM

    def __init__(self, server: Postgres) -> None:
        found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if found is None:
            raise Unavailable("PgBouncer is not installed: apt-get install pgbouncer")
        self._program, self._server = found, server
        super().__init__(user=other_user())

    @property
    def postgres(self) -> Postgres:
        """The server behind it."""
        return self._server

    def _command(self) -> Sequence[str | Path]:
        # The first start may have to try several ports.
        settings = SETTINGS.format(server=self._server.port, port=self.port, folder=self.folder)
        self._write("settings", settings)
        self._write("users", f'"postgres" "{self._server.password}"\n')
        return [self._program, self.folder / "settings"]

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        if self._user is not None:
            give(path, self._user)

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(
                host="127.0.0.1",
                port=self.port,
                dbname="pgbouncer",
                user="postgres",
                password=self._server.password,
                connect_timeout=2,
                autocommit=True,
            ).close()
        except psycopg.OperationalError:
            return False
        return True
