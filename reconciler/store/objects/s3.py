"""Objects in a bucket of AWS S3, or of a store that speaks its protocol.

The client sends each request once: only the caller knows its own bytes, and so whether an object
that is there already is its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit, urlunsplit

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from reconciler.common.text import msg
from reconciler.store.objects import credentials
from reconciler.store.objects.place_url import PlaceAddress, is_endpoint
from reconciler.store.objects.port import (
    CONNECT_SECONDS,
    OPERATION_SECONDS,
    AccessRefused,
    ObjectStoreError,
)
from reconciler.store.objects.s3_errors import StoreAnswer, failure_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config


SIDE_BY_SIDE_MAX = 16
"""Requests of one operation at once."""

_PAGE_MAX = 1000
_LAST = "\U0010ffff"

Result = TypeVar("Result")


class S3Objects:
    """The object store in one bucket, below a prefix. Threads may share it.

    It cannot check `after`: a store of this protocol has no condition on another object.
    """

    def __init__(
        self,
        address: PlaceAddress,
        environ: Mapping[str, str],
        *,
        connect_seconds: float = CONNECT_SECONDS,
        operation_seconds: float = OPERATION_SECONDS,
    ) -> None:
        self._address, self._environ = address, environ
        self._connect_seconds, self._seconds = connect_seconds, operation_seconds
        self._opening = threading.Lock()
        self._opened: S3Store | None = None
        self._threads: ThreadPoolExecutor | None = None

    @property
    def location(self) -> str:
        """The URL of the bucket and prefix."""
        return self._address.location

    def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
        """As the port says, without a look at `after`. False also if the store refused because
        somebody else was writing the key.
        """

        def put(store: S3Store) -> bool:
            # Without this, an object of more than 5 MB would be sent in parts, unconditionally.
            try:
                store.put(key, data, mode="create", use_multipart=False)
            except AlreadyExistsError as failure:
                if StoreAnswer.of(failure).status not in (409, 412):
                    raise
                return False
            return True

        return self._run(put, writes=True)

    def replace(self, key: str, data: bytes) -> None:
        """As the port says."""
        self._run(lambda store: store.put(key, data, use_multipart=False), writes=True)

    def read(self, *keys: str) -> Mapping[str, bytes]:
        """As the port says. Several keys are read side by side."""
        found = self._each(self._read_one, keys)
        return {key: data for key, data in zip(keys, found, strict=True) if data is not None}

    def names(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """As the port says."""
        if limit < 1:
            return []
        return self._run(lambda store: self._names(store, prefix, after, limit))

    def remove(self, *keys: str) -> None:
        """As the port says."""
        self._each(self._remove_one, keys)

    def close(self) -> None:
        """Ends the connections."""
        with self._opening:
            self._opened = None
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)

    def _read_one(self, key: str) -> bytes | None:
        def get(store: S3Store) -> bytes | None:
            try:
                return bytes(store.get(key).bytes())
            except FileNotFoundError as failure:
                if StoreAnswer.of(failure).is_missing_object:
                    return None
                raise

        return self._run(get)

    def _remove_one(self, key: str) -> None:
        def delete(store: S3Store) -> None:
            try:
                store.delete(key)
            except FileNotFoundError as failure:
                if not StoreAnswer.of(failure).is_missing_object:
                    raise

        self._run(delete, writes=True)

    @staticmethod
    def _names(store: S3Store, prefix: str, after: str, limit: int) -> Sequence[str]:
        # The library lists whole folders only: the rest of the prefix is compared here.
        folder, _, rest = prefix.rpartition("/")
        start = max(after, _before(prefix) if rest else "")
        pages = store.list(folder or None, offset=start or None, chunk_size=min(limit, _PAGE_MAX))
        names = (found["path"] for page in pages for found in page)
        wanted = _while_prefix(names, prefix) if rest else names
        return list(islice((name for name in wanted if name > after), limit))

    def _each(self, action: Callable[[str], Result], keys: Sequence[str]) -> Sequence[Result]:
        if len(keys) < 2:
            return [action(key) for key in keys]
        with self._opening:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(SIDE_BY_SIDE_MAX, "bucket")
            threads = self._threads
        return list(threads.map(action, keys))

    def _run(self, action: Callable[[S3Store], Result], *, writes: bool = False) -> Result:
        try:
            return action(self._store())
        except (BaseError, OSError, ValueError) as failure:
            raise self._failed(failure, writes=writes) from failure
        except BaseException as failure:
            if type(failure).__name__ != "PanicException":  # of the library, which exports no name
                raise
            raise self._failed(failure, writes=writes) from None

    def _failed(self, failure: BaseException, *, writes: bool) -> ObjectStoreError:
        found = failure_of(failure, self._address, writes=writes)
        if isinstance(found, AccessRefused):
            with self._opening:  # the next operation looks for renewed credentials
                self._opened = None
        return found

    def _store(self) -> S3Store:
        with self._opening:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> S3Store:
        options = self._address.options
        endpoint = options.get("endpoint") or (
            self._environ.get("AWS_ENDPOINT_URL_S3") or self._environ.get("AWS_ENDPOINT_URL")
        )
        if endpoint is not None and not is_endpoint(endpoint, path=True):
            raise AccessRefused(
                msg("AWS_ENDPOINT_URL is not the URL of a server"),
                hint=msg("write it with https://"),
            )
        keys = credentials.find(self._environ, options.get("profile"), instance=endpoint is None)
        by_path = options.get("path_style") != "false"
        config: S3Config = {
            "region": options.get("region") or keys.region or "us-east-1",
            "virtual_hosted_style_request": not by_path,
            "conditional_put": "etag",
            "disable_bulk_delete": True,
            "skip_signature": False,
        }
        if endpoint is not None:
            config["endpoint"] = endpoint if by_path else _with_bucket(endpoint, self._address.name)
        client: ClientConfig = {
            "connect_timeout": timedelta(seconds=self._connect_seconds),
            "timeout": timedelta(seconds=self._seconds),
            "allow_http": endpoint is not None and endpoint.startswith("http://"),
        }
        once: RetryConfig = {"max_retries": 0, "retry_timeout": timedelta(seconds=self._seconds)}
        return S3Store(
            self._address.name,
            prefix=self._address.prefix or None,
            config=config,
            client_options=client,
            retry_config=once,
            credential_provider=keys.provide if keys.access_key is not None else None,
        )


def _with_bucket(endpoint: str, bucket: str) -> str:
    parts = urlsplit(endpoint)
    return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))


def _before(prefix: str) -> str:
    """A text before all names with the prefix, and after most of those that come before them."""
    number = ord(prefix[-1]) - 1
    is_letter = number > 0 and not 0xD800 <= number < 0xE000
    return prefix[:-1] + chr(number) + _LAST if is_letter and prefix[-2:-1] != "" else ""


def _while_prefix(names: Iterable[str], prefix: str) -> Iterator[str]:
    """Those of the sorted names that begin with the prefix."""
    for name in names:
        if name.startswith(prefix):
            yield name
        elif name > prefix:
            return
