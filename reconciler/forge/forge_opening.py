"""Which forge: a value, and the adaptor for it. The libraries of the others are not imported."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from enum import Enum
from importlib.util import find_spec
from urllib.parse import urlsplit

from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.forge.forge_retry import ForgeWaits
from reconciler.forge.forge_token import token_of
from reconciler.model.ports.forge_ports import Forge, ForgeError


class ForgeKind(Enum):
    """The kinds of forges."""

    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class ForgeChoice:
    """A repository on a forge. `api_url` is empty for the public one of its kind. `token_name` is
    the variable of the environment that has the token.
    """

    kind: ForgeKind
    project: str
    api_url: str = ""
    token_name: str = ""


def open_forge(
    choice: ForgeChoice, environment: Mapping[str, str], waits: ForgeWaits | None = None
) -> Forge:
    """The forge that is chosen. Nothing is sent yet. Raises `ForgeError` if its library, its token
    or a usable address is missing.
    """
    match choice.kind:
        case ForgeKind.GITHUB:
            _check_library("github", "pygithub", extra="github")
            from reconciler.forge.github import GITHUB_API_URL, GitHubForge

            token = token_of(environment, choice.token_name or "GITHUB_TOKEN")
            url = checked_url(choice.api_url or GITHUB_API_URL)
            return GitHubForge(url, choice.project, token, waits=waits)


def checked_url(url: str) -> str:
    """The address of an API, without `/` at its end. Raises `ForgeError` unless it is one of https,
    or of this machine: a token is not sent in the clear.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if not (host and is_safe and is_plain and url.isascii() and url.isprintable()):
        shown = url if "@" not in url else msg("the address with a user or password in it")
        raise ForgeError(
            msg("{url} is not the address of a forge", url=shown),
            hint=msg(
                "give an https address without user, password or query; http is for this machine "
                "only"
            ),
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_library(module: str, library: str, *, extra: str) -> None:
    """Raises `ForgeError` if a library is not installed."""
    if find_spec(module) is None:
        hint = msg(
            "run: uv tool install 'iwinv-reconciler[{extra}]' (or, in a virtual environment: "
            "pip install 'iwinv-reconciler[{extra}]')",
            extra=extra,
        )
        text = msg("reviews on this forge need the Python package {library}", library=library)
        raise ForgeError(text, hint=hint)
