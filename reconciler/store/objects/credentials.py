"""The credentials for a bucket, from the usual places of S3 clients: the environment, and the files
of a profile.

Roles of a web identity, of a container and of an instance are left to the client library.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import pasted
from reconciler.common.text import Text, joined, msg
from reconciler.store.objects.place_url import has_control
from reconciler.store.objects.port import AccessRefused

if TYPE_CHECKING:
    from obstore.store import S3Credential

_LIBRARY_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_OTHER_PROGRAMS = ("credential_process", "sso_session", "sso_start_url", "role_arn")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys for a bucket, and the region of the profile. Without keys, the library looks for a role
    itself.
    """

    access_key: str | None
    secret_key: str | None
    token: str | None
    region: str | None

    def __repr__(self) -> str:
        return "Credentials(...)"

    def provide(self) -> S3Credential:
        """The keys as the client library wants them. They replace those that it finds itself, so
        that no token of other keys is sent with them.
        """
        return {
            "access_key_id": self.access_key or "",
            "secret_access_key": self.secret_key or "",
            "token": self.token,
            "expires_at": None,
        }


def find(environ: Mapping[str, str], profile: str | None, *, instance: bool) -> Credentials:
    """The credentials for a bucket; those of a profile if one is named, in the URL or by
    `AWS_PROFILE`. Files are read each time, so that renewed ones are found.

    `instance`: the machine may have a role of its own, as those of AWS do. Raises `AccessRefused`
    if there are none, or if another program would have to fetch them.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if profile is None and access and secret:
        return _usable(Credentials(access, secret, environ.get("AWS_SESSION_TOKEN"), region))
    chosen = profile or environ.get("AWS_PROFILE")
    values = _profile(environ, chosen or "default")
    region = region or values.get("region")
    access, secret = values.get("aws_access_key_id"), values.get("aws_secret_access_key")
    if access and secret:
        return _usable(Credentials(access, secret, values.get("aws_session_token"), region))
    other = [name for name in _OTHER_PROGRAMS if name in values]
    if other:
        raise AccessRefused(
            msg(
                "the profile {profile} gets its credentials from another program ({names})",
                profile=chosen or "default",
                names=joined(", ", other),
            ),
            hint=_hint_for_other_program(chosen or "default", is_in_url=profile is not None),
        )
    if chosen is not None:
        raise AccessRefused(
            msg("there are no credentials for the profile {profile}", profile=chosen),
            hint=msg("add it to ~/.aws/credentials, or correct the name of the profile"),
        )
    if not instance and not any(environ.get(name) for name in _LIBRARY_ROLES):
        raise AccessRefused(
            msg("there are no credentials for the bucket"),
            hint=msg(
                "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write ~/.aws/credentials"
            ),
        )
    return _usable(Credentials(None, None, None, region))


def _usable(found: Credentials) -> Credentials:
    """The same credentials. Raises `AccessRefused` if a value cannot be in a header, because a line
    end was copied with it.
    """
    values = {
        "AWS_ACCESS_KEY_ID": found.access_key,
        "AWS_SECRET_ACCESS_KEY": found.secret_key,
        "AWS_SESSION_TOKEN": found.token,
        "AWS_REGION": found.region,
    }
    wrong = [name for name, value in values.items() if has_control(value or "")]
    if wrong:
        raise AccessRefused(
            msg("{names} contains a line end or a control character", names=joined(", ", wrong)),
            hint=msg("set it again, without what follows the value"),
        )
    return found


def _profile(environ: Mapping[str, str], name: str) -> dict[str, str]:
    """What the two files say of a profile; the one for credentials wins."""
    home = Path(environ.get("HOME") or "/") / ".aws"
    config = environ.get("AWS_CONFIG_FILE") or home / "config"
    shared = environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"
    section = name if name == "default" else f"profile {name}"
    return {**_section(Path(config), section), **_section(Path(shared), name)}


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        text = path.read_text(encoding="utf-8")
        parser.read_string(text)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, configparser.Error):
        # The reason of a parser quotes the line, and with it a secret.
        raise AccessRefused(
            msg("the file {path} cannot be read", path=path),
            hint=msg("correct it, or fix its permissions"),
        ) from None
    return dict(parser.items(name)) if parser.has_section(name) else {}


def _hint_for_other_program(profile: str, *, is_in_url: bool) -> Text:
    hint = msg(
        'run: eval "$(aws configure export-credentials --profile {profile} --format env)"',
        profile=pasted(profile),
    )
    if is_in_url:  # the variables count only without it
        hint = msg("take `profile` out of the URL, and {hint}", hint=hint)
    return hint
