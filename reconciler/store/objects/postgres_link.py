"""A connection to PostgreSQL that is made when it is used, and made again after it broke."""

from __future__ import annotations

import math
import select
import threading
from typing import Any

import psycopg

from reconciler.common.text import msg
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import (
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

_FORMAT = "select max(number) from reconciler.format"


TABLES = """\
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

QUOTA_TABLE = """\
create table if not exists reconciler.quota (key text primary key, record jsonb not null);
"""


# Two sessions that create the tables at once would fail; this lock ends with the transaction.
ONE_AT_A_TIME = "select pg_advisory_xact_lock(7308895213651);"


# The setting holds for this transaction only. It keeps a database or role that acknowledges before
# the log is on disk from doing so here, and leaves one that waits for its standbys to apply it.
DURABLE = """\
with durable as (
    select set_config('synchronous_commit', case current_setting('synchronous_commit')
        when 'remote_apply' then 'remote_apply' else 'on' end, true)
) """


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements end in time, even if the network swallows their answers."""

    seconds = OPERATION_SECONDS

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.seconds if timeout is None else timeout)


class PostgresLink:
    """The connection to one database, for whoever has the `turn`. A pooler may give each
    transaction on it to another session.
    """

    def __init__(
        self, address: PlaceAddress, *, connect_seconds: float, operation_seconds: float
    ) -> None:
        self._address = address
        self._options: dict[str, Any] = {
            "connect_timeout": math.ceil(connect_seconds),
            "application_name": "reconciler",
            **address.options,
            "client_encoding": "UTF8",
        }
        self._seconds = operation_seconds
        self._connection: _Connection | None = None
        self.turn = threading.Lock()

    @property
    def location(self) -> str:
        """The URL of the database."""
        return self._address.location

    def connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to tables of a known version. What was found broken is replaced before
        anything is sent, so that the statement after it is not unsure.
        """
        if self._connection is not None and (
            self._connection.closed or _has_ended(self._connection.pgconn.socket)
        ):
            self.drop()
        if self._connection is None:
            self._connection = self._connect()
            try:
                self._check(self._connection)
            except BaseException:
                self.drop()
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
            raise self.failed(failure, unsure=False) from failure
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
        connection.execute(ONE_AT_A_TIME + TABLES + QUOTA_TABLE)
        return FORMAT

    def drop(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def failed(self, failure: psycopg.Error, *, unsure: bool) -> ObjectStoreError:
        """The error for whoever used the connection, which is dropped if it broke."""
        connection = self._connection
        role = "" if connection is None else connection.info.user
        found = statement_failure(failure, self._address, setup_sql(role))
        if connection is None or connection.closed or failure.sqlstate is None:
            self.drop()
        return Unsure(str(found)) if unsure else found


def setup_sql(role: str) -> str:
    """The SQL by which the owner of a database prepares it for a role. It may be run twice."""
    quoted = identifier(role)
    return (
        " ".join((TABLES + QUOTA_TABLE).split())
        + f" grant usage on schema reconciler to {quoted};"
        + f" grant select, insert, update, delete on reconciler.objects to {quoted};"
        + f" grant select, insert, update on reconciler.quota to {quoted};"
        + f" grant select on reconciler.format to {quoted};"
    )


def _has_ended(descriptor: int) -> bool:
    """Whether the server has sent anything to an idle connection: only the end of it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
