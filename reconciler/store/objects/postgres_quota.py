"""The quota's record of one key in a table of PostgreSQL.

Each change is one short transaction that has the row for itself. Nothing of the session outlives
it, so a pooler such as PgBouncer may give each transaction to another session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import psycopg

from reconciler.model.ports import PlaceUnusable
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import ObjectStoreError
from reconciler.store.objects.postgres_link import (
    DURABLE,
    ONE_AT_A_TIME,
    QUOTA_TABLE,
    PostgresLink,
)

CHANGE_SECONDS = 5.0
"""How long connecting, and each statement of a change, may take."""

# The row is locked before the outer select reads the clock. A process that is stopped in between
# loses the row, and with it the transaction, after three seconds.
_TAKE = """\
with taken as materialized (
    select record from reconciler.quota where key = %(key)s::text for update
)
select record::text, extract(epoch from clock_timestamp())::float8,
    set_config('idle_in_transaction_session_timeout', '3000', true)
from taken"""

_ADD = """\
insert into reconciler.quota (key, record) values (%(key)s::text, 'null') on conflict do nothing"""

_KEEP = "".join(
    (
        DURABLE,
        "update reconciler.quota set record = %(record)s::jsonb from durable ",
        "where key = %(key)s::text",
    )
)

_Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"


class PostgresQuota:
    """The row of a key, as the port `QuotaRow` says. Threads may share it."""

    def __init__(self, address: PlaceAddress, key: str, *, seconds: float = CHANGE_SECONDS) -> None:
        self._link = PostgresLink(address, connect_seconds=seconds, operation_seconds=seconds)
        self._key = {"key": key}

    @property
    def location(self) -> str:
        """The URL of the database."""
        return self._link.location

    def open(self) -> None:
        """Connects, and creates the table if there is none. Raises `AccessRefused` and
        `Unreachable`.
        """
        with self._link.turn:
            connection = self._link.connected()
            try:
                self._has_row(connection)
            except psycopg.Error as failure:
                raise self._link.failed(failure, unsure=False) from failure

    def change(self, change: Callable[[str | None, float], str]) -> None:
        """As the port says."""
        with self._link.turn:
            try:
                self._change(self._link.connected(), change)
            except psycopg.Error as failure:
                error = self._link.failed(failure, unsure=False)
                self._link.drop()
                raise _unusable(error) from failure
            except ObjectStoreError as failure:
                raise _unusable(failure) from failure
            except BaseException:
                self._link.drop()
                raise

    def close(self) -> None:
        """Ends the connection."""
        with self._link.turn:
            self._link.drop()

    def _change(self, connection: _Connection, change: Callable[[str | None, float], str]) -> None:
        while not self._changed(connection, change):
            self._has_row(connection)

    def _changed(self, connection: _Connection, change: Callable[[str | None, float], str]) -> bool:
        """Changes the row; False if there is none."""
        try:
            with connection.transaction():
                found = connection.execute(_TAKE, self._key).fetchone()
                if found is not None:
                    text = None if found[0] == "null" else str(found[0])
                    record = change(text, float(found[1]))
                    connection.execute(_KEEP, {**self._key, "record": record})
                return found is not None
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return False

    def _has_row(self, connection: _Connection) -> None:
        """Adds the row if there is none, and the table."""
        try:
            connection.execute(_ADD, self._key)
        except psycopg.errors.UndefinedTable:
            connection.execute(ONE_AT_A_TIME + QUOTA_TABLE)
            connection.execute(_ADD, self._key)


def _unusable(failure: ObjectStoreError) -> PlaceUnusable:
    return PlaceUnusable(str(failure), hint=failure.hint)
