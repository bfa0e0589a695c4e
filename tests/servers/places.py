"""Places for one test each: a fresh, empty database or bucket of a real server.

    from tests.servers import places

    @places.each("postgres", "moto", "ceph")           # or @places.each(), all of PLACES
    def test_two_machines(place: places.Place) -> None:
        subprocess.run([...], env=os.environ | place.environment)   # place.url is the place
        place.server.kill()                            # kill -9; started again after the test
        place.server.stall()                           # no answers until resume()

`PLACES` and `BAD_PLACES` name the kinds. The fixture `place` (of `tests/servers/fixtures.py`) starts
a server when the first test asks for it and keeps it for the worker. Kinds of `SECOND_PART` need
Debian packages: their tests have the marker `servers`, which `.ci/run-servers` runs.

Outside pytest:

    with places.Places() as all_places:
        place = all_places.fresh("ceph")

Files of servers are in memory; `SERVERS_FOLDER=/var/tmp` puts them on a disk, for figures.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType

import pytest

from tests.servers.server import Server

PLACES = ("postgres", "pgbouncer", "debian-postgres", "moto", "ceph")
BAD_PLACES = ("rclone", "moto-unconditional")
SECOND_PART = {
    "pgbouncer": "PgBouncer",
    "debian-postgres": "Debian's PostgreSQL",
    "ceph": "Ceph",
}
"""Kinds whose servers are Debian packages, with their names for people."""


@dataclass(frozen=True, slots=True)
class Place:
    """A fresh, empty place. `url` has no secret; `environment` has the credentials, in the
    variables of libpq or of the S3 clients. `server` can be killed, stalled and started again.
    """

    kind: str
    url: str
    environment: Mapping[str, str]
    server: Server


class Places(AbstractContextManager["Places"]):
    """Starts each server when it is first needed and ends all of them with the block."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}
        self._count = itertools.count(1)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def fresh(self, kind: str) -> Place:
        """A fresh place of the kind. Raises `Unavailable` if its server is not installed or does
        not start.
        """
        name = f"place{next(self._count)}-{secrets.token_hex(4)}"
        from tests.servers import kinds  # loads the clients of the servers

        return kinds.fresh(self, kind, name)

    def server(self, kind: str) -> Server:
        """The server of the kind; it runs."""
        if kind not in self._servers:
            from tests.servers import kinds

            self._servers[kind] = kinds.SERVERS[kind](self)
            self._stack.callback(self._servers[kind].stop)
        self._servers[kind].start()
        return self._servers[kind]

    def start_again(self) -> None:
        """Starts the servers that a test killed or stalled."""
        for server in self._servers.values():
            server.resume()
            server.start()


def each(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test, which has a parameter `place`, once for each kind; without any: all `PLACES`."""
    return pytest.mark.parametrize(
        "place", [param(kind) for kind in kinds or PLACES], indirect=True
    )


def param(kind: str) -> pytest.ParameterSet:
    """One kind as a parameter, with the marks that decide where its tests run."""
    marks = [pytest.mark.xdist_group(kind)]
    if kind in SECOND_PART:
        marks.append(pytest.mark.servers(SECOND_PART[kind]))
    return pytest.param(kind, marks=marks, id=kind)
