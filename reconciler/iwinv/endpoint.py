"""The endpoint: the only origin that keys are sent to."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg

DEFAULT = "https://api-kr.iwinv.kr"
"""The endpoint of the real cloud (contract#transport)."""

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]+")


class EndpointRefused(ValueError):
    """Keys may not be sent there. The text says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go: `origin` is `scheme://host[:port]` without a slash at its end, `loopback`
    whether it is this machine.
    """

    origin: str
    loopback: bool

    @property
    def identity(self) -> str:
        """What is kept and compared: the origin; on loopback without its port, which differs from
        start to start (local-cloud#the-local-cloud).
        """
        if not self.loopback:
            return self.origin
        parts = urlsplit(self.origin)
        return f"{parts.scheme}://{_bracketed(parts.hostname or '')}"


def parse(text: str) -> Endpoint:
    """The endpoint that a text names. Raises `EndpointRefused` unless it is https, or http to this
    machine (commands#environment).
    """
    text = text.strip()
    # `urlsplit` drops line breaks and tabs, which leads to another host than was written.
    if not text.isprintable():
        raise EndpointRefused(
            msg("the endpoint contains a line break or another control character")
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as failure:
        raise EndpointRefused(
            msg("the endpoint is not a URL: {reason}", reason=failure)
        ) from failure
    host = (parts.hostname or "").lower()
    _check_shape(parts, host)
    loopback = is_loopback(host)
    if parts.scheme not in ("https", "http"):
        raise EndpointRefused(
            msg("the endpoint must start with https:// (for example {example})", example=DEFAULT)
        )
    if parts.scheme == "http" and not loopback:
        raise EndpointRefused(
            msg("the endpoint must be https: keys are sent unencrypted only to this machine itself")
        )
    default = {"https": 443, "http": 80}[parts.scheme]
    suffix = "" if port in (None, default) else f":{port}"
    return Endpoint(f"{parts.scheme}://{_bracketed(host)}{suffix}", loopback)


def is_loopback(host: str) -> bool:
    """Whether a host is certainly this machine: `localhost`, or a loopback address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_shape(parts: SplitResult, host: str) -> None:
    if not host or _HOST.fullmatch(host) is None:
        raise EndpointRefused(
            msg("the endpoint has no host (for example {example})", example=DEFAULT)
        )
    if parts.username is not None or parts.password is not None:
        raise EndpointRefused(
            msg("the endpoint must not contain a user or password; keys come from the environment")
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise EndpointRefused(
            msg(
                "the endpoint is an origin alone, without a path or query (for example {example})",
                example=DEFAULT,
            )
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
