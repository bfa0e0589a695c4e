"""Objects in a table of PostgreSQL.

Each operation is one statement that commits by itself, and nothing of the session is used. A pooler
such as PgBouncer may therefore give each statement to another session.
"""

from __future__ import annotations

import math
import select
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import (
    CONNECT_SECONDS,
    OPERATION_SECONDS,
    AccessRefused,
    ObjectStoreError,
    Unsure,
)
from reconciler.store.objects.postgres_errors import (
    connect_failure,
    identifier,
    statement_failure,
)

FORMAT = 1
"""The version of the tables."""


_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)

_FORMAT = "select max(number) from reconciler.format"

_TABLES = """\
create schema if not exists reconciler;
create table if not exists reconciler.objects (
    key text collate "C" primary key,
    body bytea not null,
    made timestamptz not null default clock_timestamp()
);
create table if not exists reconciler.format (number int not null);
insert into reconciler.format
select 1 where not exists (select from reconciler.format);
"""

# Two sessions that create the tables at once would fail; this lock ends with the transaction.
_ONE_AT_A_TIME = "select pg_advisory_xact_lock(7308895213651);"

# The setting holds for this transaction only. It keeps a database or role that acknowledges before
# the log is on disk from doing so here, and leaves one that waits for its standbys to apply it.
_DURABLE = """\
with durable as (
    select set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'remote_apply' then 'remote_apply' else 'on' end, true)
) """

_CREATE = (
    _DURABLE
    + """insert into reconciler.objects (key, body)
select %(key)s::text, %(body)b::bytea from durable
where %(after)s::text is null
    or exists (select from reconciler.objects where key = %(after)s::text)
on conflict do nothing"""
)

_REPLACE = (
    _DURABLE
    + """insert into reconciler.objects (key, body)
select %(key)s::text, %(body)b::bytea from durable
on conflict (key) do update set body = excluded.body, made = clock_timestamp()"""
)

_REMOVE = "".join(
    (_DURABLE, "delete from reconciler.objects using durable where key = any(%(keys)s::text[])")
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


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements end in time, even if the network swallows their answers."""

    seconds = OPERATION_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.seconds if timeout is None else timeout)


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
        self._address = address
        self._options: dict[str, Any] = {
            "connect_timeout": math.ceil(connect_seconds),
            "application_name": "reconciler",
            **address.options,
            "client_encoding": "UTF8",
        }
        self._seconds = operation_seconds
        self._turn = threading.Lock()
        self._connection: _Connection | None = None

    @property
    def location(self) -> str:
        """The URL of the database."""
        return self._address.location

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
        with self._turn:
            self._drop()

    def _run(
        self, statement: str, values: Mapping[str, Any], *, writes: bool = False
    ) -> tuple[int, Sequence[tuple[Any, ...]]]:
        """The number of rows that a statement changed or found, and those that it found."""
        with self._turn:
            connection = self._connected()
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
                raise self._failed(failure, unsure=writes and not certain) from failure
            except BaseException:
                self._drop()
                raise

    def _failed(self, failure: psycopg.Error, *, unsure: bool) -> ObjectStoreError:
        connection = self._connection
        role = "" if connection is None else connection.info.user
        found = statement_failure(failure, self._address, setup_sql(role))
        if connection is None or connection.closed or failure.sqlstate is None:
            self._drop()
        return Unsure(str(found)) if unsure else found

    def _connected(self) -> _Connection:
        """A connection to tables of a known version. What was found broken is replaced before
        anything is sent, so that the statement after it is not unsure.
        """
        if self._connection is not None and (
            self._connection.closed or _has_ended(self._connection.pgconn.socket)
        ):
            self._drop()
        if self._connection is None:
            self._connection = self._connect()
            try:
                self._check(self._connection)
            except BaseException:
                self._drop()
                raise
        return self._connection

    def _connect(self) -> _Connection:
        try:
            made = _Connection.connect(autocommit=True, prepare_threshold=None, **self._options)
        except psycopg.Error as failure:
            raise connect_failure(failure, self._address) from failure
        except ValueError as failure:  # of a host: the codec of its name, or a number in it
            raise AccessRefused(
                msg("the URL {place} names no host that can be looked up", place=self.location),
                hint=msg("correct the host in the URL"),
            ) from failure
        made.seconds = self._seconds
        return made

    def _check(self, connection: _Connection) -> None:
        """Creates the tables if there are none. Raises if they are of a newer version, or if the
        database cannot store every letter.
        """
        encoding = connection.info.parameter_status("server_encoding") or "UTF8"
        if encoding not in ("UTF8", "SQL_ASCII"):
            raise AccessRefused(
                msg(
                    "the database {name} stores text as {encoding}, not as UTF-8",
                    name=self._address.name,
                    encoding=encoding,
                ),
                hint=msg(
                    "use another database: create database {name} encoding 'UTF8' template "
                    "template0;",
                    name=identifier(f"{self._address.name}_utf8"),
                ),
            )
        try:
            number = self._version(connection)
        except psycopg.Error as failure:
            raise self._failed(failure, unsure=False) from failure
        if number > FORMAT:
            raise AccessRefused(
                msg(
                    "the tables in {place} were written by a newer reconciler (version {number})",
                    place=self.location,
                    number=number,
                ),
                hint=msg("install the newer version on this machine too"),
            )

    def _version(self, connection: _Connection) -> int:
        try:
            row = connection.execute(_FORMAT).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            row = None
        if row is not None and row[0] is not None:
            return int(row[0])
        connection.execute(_ONE_AT_A_TIME + _TABLES)
        return FORMAT

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def setup_sql(role: str) -> str:
    """The SQL by which the owner of a database prepares it for a role. It may be run twice."""
    quoted = identifier(role)
    return (
        " ".join(_TABLES.split())
        + f" grant usage on schema reconciler to {quoted};"
        + f" grant select, insert, update, delete on reconciler.objects to {quoted};"
        + f" grant select on reconciler.format to {quoted};"
    )


def _has_ended(descriptor: int) -> bool:
    """Whether the server has sent anything to an idle connection: only the end of it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


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
