"""Opens the place that an address names. Its library is loaded only then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.common.text import msg
from reconciler.store.objects.place_url import PlaceAddress, PlaceKind
from reconciler.store.objects.port import AccessRefused

if TYPE_CHECKING:
    from reconciler.store.objects.port import ObjectStore
    from reconciler.store.objects.postgres_quota import PostgresQuota


def connect(address: PlaceAddress, environ: Mapping[str, str]) -> ObjectStore:
    """The object store at an address of PostgreSQL or of a bucket; nothing is sent yet. Raises
    `AccessRefused` if the library for it is not installed.
    """
    if address.kind is PlaceKind.POSTGRES:
        try:
            from reconciler.store.objects.postgres import PostgresObjects
        except ImportError as failure:
            raise _missing(failure, "psycopg", "postgres") from failure
        return PostgresObjects(address)
    if address.kind is PlaceKind.S3:
        try:
            from reconciler.store.objects.s3 import S3Objects
        except ImportError as failure:
            raise _missing(failure, "obstore", "s3") from failure
        return S3Objects(address, environ)
    raise AssertionError(f"{address.location} is a folder")


def quota_row(address: PlaceAddress, key: str) -> PostgresQuota:
    """The row of the quota of a key in a database; nothing is sent yet. Raises `AccessRefused` if
    the library for it is not installed.
    """
    try:
        from reconciler.store.objects.postgres_quota import PostgresQuota
    except ImportError as failure:
        raise _missing(failure, "psycopg", "postgres") from failure
    return PostgresQuota(address, key)


def _missing(failure: ImportError, library: str, extra: str) -> Exception:
    # psycopg without its compiled part fails with another text, but has the same remedy.
    if not (failure.name or library).startswith(library):
        return failure
    return AccessRefused(
        msg("a state in this place needs the Python package {library}", library=library),
        hint=msg(
            "run: uv tool install 'iwinv-reconciler[{extra}]' (or, in a virtual environment: "
            "pip install 'iwinv-reconciler[{extra}]')",
            extra=extra,
        ),
    )
