"""Objects in a table of PostgreSQL.

Each operation is one statement that commits by itself, and nothing of the session is used. A pooler
such as PgBouncer may therefore give each statement to another session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from reconciler.common.dataclass import dataclass
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import CONNECT_SECONDS, OPERATION_SECONDS
from reconciler.store.objects.postgres_link import DURABLE, PostgresLink

_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

_CREATE = (
    DURABLE
    + """insert into reconciler.objects (key, body)
select %(key)s::text, %(body)b::bytea from durable
where %(after)s::text is null
    or exists (select from reconciler.objects where key = %(after)s::text)
on conflict do nothing"""
)

_REPLACE = (
    DURABLE
    + """insert into reconciler.objects (key, body)
select %(key)s::text, %(body)b::bytea from durable
on conflict (key) do update set body = excluded.body, made = clock_timestamp()"""
)

_REMOVE = "".join(
    (DURABLE, "delete from reconciler.objects using durable where key = any(%(keys)s::text[])")
)

_READ = "select key, body from reconciler.objects where key = any(%(keys)s::text[])"

_NAMES = """\
select key from reconciler.objects
where key >= %(prefix)s::text and key > %(after)s::text
    and (%(end)s::text is null or key < %(end)s::text)
order by key limit %(limit)s::int"""

_FACTS = """\
select current_setting('server_version'), current_setting('fsync') = 'on',
    current_setting('full_page_writes') = 'on', current_setting('synchronous_commit'),
    (select count(*) from pg_stat_replication)::int,
    current_setting('synchronous_standby_names') <> ''"""


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """How durable a server is.

    `synchronous_commit` is the default of the session, which writes do not depend on. If
    `waits_for_standbys` is false, the `standbys` may lack what was acknowledged last.
    """

    version: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    standbys: int
    waits_for_standbys: bool


class PostgresObjects:
    """The object store in one database. Threads may share it; their operations take turns.

    It connects when it is used. After a broken connection, the next operation connects again.
    """

    def __init__(
        self,
        address: PlaceAddress,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        operation_seconds: float = OPERATION_SECONDS,
    ) -> None:
        self._link = PostgresLink(
            address, connect_seconds=connect_seconds, operation_seconds=operation_seconds
        )

    @property
    def location(self) -> str:
        """The URL of the database."""
        return self._link.location

    def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
        """As the port says. The database checks `after` in the same statement."""
        values = {"key": key, "body": data, "after": after}
        return self._run(_CREATE, values, writes=True)[0] == 1

    def replace(self, key: str, data: bytes) -> None:
        """As the port says."""
        self._run(_REPLACE, {"key": key, "body": data}, writes=True)

    def read(self, *keys: str) -> Mapping[str, bytes]:
        """As the port says."""
        return {key: bytes(body) for key, body in self._run(_READ, {"keys": list(keys)})[1]}

    def names(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """As the port says."""
        values = {"prefix": prefix, "after": after, "end": _end_of(prefix), "limit": limit}
        return [key for (key,) in self._run(_NAMES, values)[1]]

    def remove(self, *keys: str) -> None:
        """As the port says."""
        self._run(_REMOVE, {"keys": list(keys)}, writes=True)

    def facts(self) -> PostgresFacts:
        """How durable the server is. Raises as a reading operation does."""
        return PostgresFacts(*self._run(_FACTS, {})[1][0])

    def close(self) -> None:
        """Ends the connection."""
        with self._link.turn:
            self._link.drop()

    def _run(
        self, statement: str, values: Mapping[str, Any], *, writes: bool = False
    ) -> tuple[int, Sequence[tuple[Any, ...]]]:
        """The number of rows that a statement changed or found, and those that it found."""
        with self._link.turn:
            connection = self._link.connected()
            try:
                cursor = connection.execute(statement, values, binary=True)
                found = [] if writes else cursor.fetchall()
                return cursor.rowcount, found
            except psycopg.Error as failure:
                # An error of the server undoes the statement. Without one, or with one that also
                # ended the connection, the statement may have been done before.
                code = failure.sqlstate
                certain = code is not None and not connection.closed
                # A shutdown, or a pooler that lost the server, may be reported after the commit.
                certain = certain and not str(code).startswith(("08", "57P0", "40003"))
                raise self._link.failed(failure, unsure=writes and not certain) from failure
            except BaseException:
                self._link.drop()
                raise


def _end_of(prefix: str) -> str | None:
    """The first key after all those that begin with a prefix; None if there is none."""
    letters = prefix
    while letters:
        number = ord(letters[-1]) + 1
        letters = letters[:-1]
        if number in _SURROGATES:
            number = _SURROGATES.stop
        if number <= _LAST_CODE_POINT:
            return letters + chr(number)
    return None
