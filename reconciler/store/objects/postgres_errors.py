"""What an error of PostgreSQL means for the state, and what to do about it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import psycopg

from reconciler.common.text import msg
from reconciler.store.objects.place_url import PlaceAddress
from reconciler.store.objects.port import AccessRefused, ObjectStoreError, Unreachable

# libpq gives no code for an error of connecting, and servers may answer in Korean.
_WRONG_PASSWORD = re.compile(
    r"password authentication failed|SASL authentication failed|auth(entication)? failed"
    r"|비밀번호 인증|패스워드 인증|wrong password"
)
_NO_PASSWORD = re.compile(r"no password supplied|empty password")
_NO_ROLE = re.compile(r'role ".*" does not exist|no such user|롤\(?role\)? ?없음|롤이 없|롤 없음')
_NO_DATABASE = re.compile(
    r'database ".*" does not exist|no such database|데이터베이스 없음|데이터베이스가 없'
)
_NO_ENTRY = re.compile(r"no pg_hba\.conf entry|pg_hba\.conf")
_NO_CONNECT = re.compile(r"permission denied for database|데이터베이스.*권한")
_NO_TLS = re.compile(
    r"does not support SSL|certificate|SSL error|root\.crt|sslmode|SSL connection is required"
)
_ADDRESS = re.compile(r"^connection (failed|is bad): (connection to server .*? failed: )?(\w+:  )?")
_READ_ONLY = re.compile(r"session is read-only|not read-only|server is in hot standby")


def connect_failure(failure: psycopg.Error, address: PlaceAddress) -> ObjectStoreError:
    """The error of a connection that was not made: nothing was sent."""
    place, reason, link = address.location, _line(failure), failure.pgconn
    if _NO_PASSWORD.search(reason) or (link is not None and link.needs_password):
        return AccessRefused(msg("{place} asks for a password", place=place), hint=_password_hint())
    role = "public" if link is None else link.user.decode()
    for pattern, message, hint in (*_identity(address, reason, role), *_network(address, reason)):
        if pattern.search(reason):
            return AccessRefused(message, hint=hint)
    return Unreachable(msg("no connection to {place}: {reason}", place=place, reason=reason))


_Refusals = Iterator[tuple[re.Pattern[str], str, str]]


def _identity(address: PlaceAddress, reason: str, role: str) -> _Refusals:
    """What is wrong with role, password or database, with what to do about it."""
    place = address.location
    yield _WRONG_PASSWORD, msg("{place} refuses the password", place=place), _password_hint()
    yield (
        _NO_ROLE,
        msg("{place} has no such role: {reason}", place=place, reason=reason),
        msg("name the role in the URL (postgresql://role@host/database), or create it"),
    )
    yield (
        _NO_DATABASE,
        msg("there is no database {name}", name=address.name),
        msg("correct the URL, or run: {command}", command=_createdb(address)),
    )
    yield (
        _NO_CONNECT,
        msg("the role may not use the database {name}", name=address.name),
        msg(
            "let its owner run: grant connect on database {name} to {role};",
            name=identifier(address.name),
            role=identifier(role),
        ),
    )


def _network(address: PlaceAddress, reason: str) -> _Refusals:
    """What is wrong with the way to the server, with what to do about it."""
    place = address.location
    yield (
        _NO_ENTRY,
        msg("{place} admits no such connection: {reason}", place=place, reason=reason),
        msg("add a line for this machine and role to pg_hba.conf of the server"),
    )
    yield (
        _READ_ONLY,
        msg("{place} is a standby, which cannot be written", place=place),
        msg("name the primary in the URL"),
    )
    yield (
        _NO_TLS,
        msg("no encrypted connection to {place}: {reason}", place=place, reason=reason),
        msg("check sslmode and sslrootcert in the URL, and the certificate of the server"),
    )


def statement_failure(
    failure: psycopg.Error, address: PlaceAddress, setup: str
) -> ObjectStoreError:
    """The error of a statement. `setup` is the SQL that creates the tables and grants the rights.

    Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    reason = _line(failure)
    if failure.sqlstate in ("42501", "42P01", "3F000"):
        return AccessRefused(
            msg(
                "rights or tables are missing in {place}: {reason}",
                place=address.location,
                reason=reason,
            ),
            hint=msg("let the owner of the database run: {sql}", sql=setup),
        )
    if failure.sqlstate == "25006":
        return AccessRefused(
            msg("{place} is read-only, as a standby is", place=address.location),
            hint=msg(
                "name the primary in the URL, or all hosts with ?target_session_attrs=read-write"
            ),
        )
    return Unreachable(
        msg(
            "{place} did not complete the operation: {reason}",
            place=address.location,
            reason=reason,
        )
    )


def identifier(name: str) -> str:
    """A name, quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _createdb(address: PlaceAddress) -> str:
    words = ["createdb"]
    for option, name in (("-h", "host"), ("-p", "port"), ("-U", "user")):
        if name in address.options:
            words += [option, address.options[name]]
    return shlex.join([*words, address.name])


def _password_hint() -> str:
    return msg(
        "put the password into ~/.pgpass (host:port:database:user:password, mode 0600) or into "
        "PGPASSWORD"
    )


def _line(failure: psycopg.Error) -> str:
    """The reason in one line, without the address that libpq repeats in front of it."""
    text = failure.diag.message_primary or str(failure)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return type(failure).__name__
    return _ADDRESS.sub("", lines[0])[:300]
