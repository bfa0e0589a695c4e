"""A place for objects by key, of which one condition is required: create this object if there is
none. It is the only conditional write that databases and object stores have in common.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

CONNECT_SECONDS = 10.0
OPERATION_SECONDS = 30.0
"""How long connecting, and one operation, may take."""


class ObjectStore(Protocol):
    """Objects by key in a place that many machines see. What was put by `create` never changes.

    Keys are texts of `/`-separated parts; their order is that of their UTF-8 bytes. No operation is
    tried a second time here, and each is bounded in time. Every one raises `Unreachable` and
    `AccessRefused`; the writing ones also `Unsure`.
    """

    @property
    def location(self) -> str:
        """The URL of the place, without a secret."""
        ...

    def create(self, key: str, data: bytes, *, after: str | None = None) -> bool:
        """Puts an object where there is none. True: it is durable. False: nothing was put, because
        the key has an object, or, in a place that can check it, `after` has none.
        """
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Puts an object, in place of the one that the key has; the last one wins."""
        ...

    def read(self, *keys: str) -> Mapping[str, bytes]:
        """The objects of these keys; keys without one are left out."""
        ...

    def names(self, prefix: str, *, after: str = "", limit: int = 1000) -> Sequence[str]:
        """The first keys that begin with the prefix and come after `after`, ascending."""
        ...

    def remove(self, *keys: str) -> None:
        """Removes objects; keys without one are passed over."""
        ...

    def close(self) -> None:
        """Ends the connection. Raises nothing."""
        ...


class ObjectStoreError(Exception):
    """An operation on the place failed. `hint` says what to do, None if only waiting helps."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Unreachable(ObjectStoreError):
    """The place gave no answer, and nothing was written for certain."""


class Unsure(ObjectStoreError):
    """Whether the write happened is not known: no answer came, or one that does not say."""


class AccessRefused(ObjectStoreError):
    """The place refuses the operation: credentials, rights, a missing table or bucket."""
