"""The three headers that sign a call (contract#authentication)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import field

from reconciler.common.dataclass import dataclass

_PATH = re.compile(r"/v1(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
_ACCESS = re.compile(r"[!-~]{1,256}")
_SECRET_LENGTH_MAX = 1024


class UnsafePath(ValueError):
    """A path contains what may be signed wrongly (contract#authentication does not say how
    percent-encoded paths are signed). Nothing was sent.
    """


@dataclass(frozen=True, slots=True)
class Keys:
    """The access key and the secret key; neither is part of a repr. Raises ValueError if they
    cannot be keys.
    """

    access: str = field(repr=False)
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if _ACCESS.fullmatch(self.access) is None:
            raise ValueError(
                "the access key is empty or contains blanks, line breaks or characters outside "
                "ASCII"
            )
        if (
            not self.secret
            or len(self.secret) > _SECRET_LENGTH_MAX
            or any(ord(letter) < 32 for letter in self.secret)
        ):
            raise ValueError("the secret key is empty, too long, or contains line breaks")

    @property
    def digest(self) -> str:
        """The identity of an account: the SHA-256 of its access key, in hex (safety#account)."""
        return hashlib.sha256(self.access.encode()).hexdigest()


def check_path(path: str) -> None:
    """Raises `UnsafePath` unless a path is `/v1/...` of safe characters, without query and trailing
    slash.
    """
    if _PATH.fullmatch(path) is None:
        raise UnsafePath(f"a path contains characters that cannot be sent safely: {path[:200]!r}")


def sign(secret: str, timestamp: int, path: str) -> str:
    """The signature of a path at a unix second: lower-case hex HMAC-SHA256 over timestamp and path
    (contract#authentication).
    """
    return hmac.new(secret.encode(), f"{timestamp}{path}".encode(), hashlib.sha256).hexdigest()


def headers(keys: Keys, timestamp: int, path: str) -> tuple[tuple[str, str], ...]:
    """The three headers of a call. Raises `UnsafePath`."""
    check_path(path)
    return (
        ("X-iwinv-Timestamp", str(timestamp)),
        ("X-iwinv-Credential", keys.access),
        ("X-iwinv-Signature", sign(keys.secret, timestamp, path)),
    )
