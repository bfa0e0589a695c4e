"""How the server of each kind of place is started, and a fresh place made on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.servers.ceph import Ceph
from tests.servers.moto import Moto
from tests.servers.pgbouncer import PgBouncer
from tests.servers.places import Place, Places
from tests.servers.postgres import Postgres, of_debian
from tests.servers.process import Unavailable
from tests.servers.rclone import Rclone
from tests.servers.s3 import REGION
from tests.servers.server import Server


def _debian(_: Places) -> Postgres:
    programs = of_debian()
    if programs is None:
        raise Unavailable("Debian's PostgreSQL is not installed: apt-get install postgresql")
    return Postgres(programs)


def _postgres(places: Places) -> Postgres:
    server = places.server("postgres")
    assert isinstance(server, Postgres)
    return server


SERVERS: Mapping[str, Callable[[Places], Server]] = {
    "postgres": lambda _: Postgres(),
    "pgbouncer": lambda places: PgBouncer(_postgres(places)),
    "debian-postgres": _debian,
    "ceph": lambda _: Ceph(),
    "moto": lambda _: Moto(),
    "moto-unconditional": lambda _: Moto(is_conditional=False),
    "rclone": lambda _: Rclone(),
}
"""Starts the server of a kind."""


def fresh(places: Places, kind: str, name: str) -> Place:
    """An empty database or bucket of that name on the server of the kind."""
    server = places.server(kind)
    if isinstance(server, Postgres | PgBouncer):
        owner = server if isinstance(server, Postgres) else _postgres(places)
        password = owner.create(name)
        url = f"postgresql://127.0.0.1:{server.port}/{name}"
        return Place(kind, url, {"PGUSER": name, "PGPASSWORD": password}, server)
    assert isinstance(server, Ceph | Moto | Rclone)
    endpoint = server.endpoint
    endpoint.create_bucket(name)
    url = f"s3://{name}/state?region={REGION}&endpoint={endpoint.url}"
    credentials = {
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
    }
    return Place(kind, url, credentials, server)
