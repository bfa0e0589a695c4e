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
from reconciler.forge.forge_token import ForgeToken, token_of
from reconciler.model.ports.forge_ports import Forge, ForgeError

_FORGEJO_TOKENS = ("FORGEJO_TOKEN", "GITEA_TOKEN")
"""The variables with a token of Forgejo or Gitea; the first that is set is taken."""


class ForgeKind(Enum):
    """The kinds of forges."""

    GITHUB = "github"
    GITLAB = "gitlab"
    FORGEJO = "forgejo"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class ForgeChoice:
    """A repository on a forge. `api_url` is empty for the public one of its kind. `token_name` is
    the variable of the environment that has the token. For `FILES`, `project` is a folder.
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
        case ForgeKind.GITLAB:
            _check_library("gitlab", "python-gitlab", extra="gitlab")
            from reconciler.forge.gitlab import GITLAB_API_URL, GitLabForge

            token = _gitlab_token(environment, choice.token_name or "GITLAB_TOKEN")
            url = checked_url(choice.api_url or GITLAB_API_URL)
            return GitLabForge(url, choice.project, token, waits=waits)
        case ForgeKind.FORGEJO:
            from reconciler.forge.forgejo import FORGEJO_API_URL, ForgejoForge

            names = (choice.token_name,) if choice.token_name else _FORGEJO_TOKENS
            name = next((one for one in names if environment.get(one, "").strip()), names[0])
            url = checked_url(choice.api_url or FORGEJO_API_URL)
            return ForgejoForge(url, choice.project, token_of(environment, name), waits=waits)
        case ForgeKind.FILES:
            from reconciler.forge.folder.folder_opening import open_folder

            return open_folder(choice.project, environment, waits)


def _gitlab_token(environment: Mapping[str, str], name: str) -> ForgeToken:
    if not environment.get(name, "").strip() and environment.get("CI_JOB_TOKEN"):
        raise ForgeError(
            msg("no token for the forge: {name} is not set", name=name),
            hint=msg(
                "set {name} to a project access token as a CI/CD variable, masked and protected; "
                "the CI_JOB_TOKEN of a job may not write comments or statuses",
                name=name,
            ),
        )
    return token_of(environment, name)


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
