"""The address of a place: a folder, `postgresql://host/db` or `s3://bucket/prefix`. It never has a
secret in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from enum import Enum
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for
from reconciler.common.text import Text, msg

POSTGRES_PARAMETERS = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssdelegation", "gssencmode",
        "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "krbsrvname", "load_balance_hosts", "passfile", "port",
        "require_auth", "service", "ssl_max_protocol_version", "ssl_min_protocol_version",
        "sslcert", "sslcertmode", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation",
        "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip
"""The parameters of libpq that may be in a URL: those that are neither a secret nor a setting of
the session, which a pooler would not keep.
"""

S3_PARAMETERS = frozenset({"endpoint", "path_style", "profile", "region"})

_SECRETS = ("password", "secret", "token", "access_key", "accesskey")
_SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "s3": "s3"}
_BUCKET, _HOST = re.compile(r"[\w.-]+"), re.compile(r"[\w.:\[\]-]+")
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class PlaceKind(Enum):
    """What keeps the state."""

    FOLDER = "folder"
    POSTGRES = "postgresql"
    S3 = "s3"


@dataclass(frozen=True, slots=True)
class PlaceAddress:
    """Where a state is stored.

    `location` is the text for people. `name` is the folder as it was written, the database or the
    bucket; `prefix` is what comes before each key in a bucket. `options` are the parameters of
    libpq, or those of the URL of a bucket.
    """

    kind: PlaceKind
    location: str
    name: str
    prefix: str
    options: Mapping[str, str]


class BadAddress(Exception):
    """The text is not the address of a place. The message never has a secret in it; `hint` says
    what to write.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse(text: str) -> PlaceAddress:
    """The place that a text names. Raises `BadAddress`."""
    scheme, colon, rest = text.partition(":")
    known = _SCHEMES.get(scheme.lower())
    if not colon or (known is None and not rest.startswith("//")):
        if not text.strip() or "\0" in text:
            raise BadAddress(msg("the place of the state is empty"), hint=_forms())
        return PlaceAddress(PlaceKind.FOLDER, text, text, "", {})
    if known is None:
        raise BadAddress(
            msg("a state cannot be stored in a place of the type {scheme}://", scheme=scheme),
            hint=hint_for(scheme, _SCHEMES) or _forms(),
        )
    if not rest.startswith("//"):
        raise BadAddress(msg("{scheme}: must be followed by //", scheme=scheme), hint=_forms())
    try:
        parts = urlsplit(f"{known}:{rest}")
        pairs = parse_qsl(parts.query, keep_blank_values=True, errors="strict")
        netloc, path = parts.netloc, unquote(parts.path, errors="strict")
    except ValueError:
        # The reason may quote the text, and with it a secret.
        raise BadAddress(msg("the URL of the place cannot be read"), hint=_forms()) from None
    if parts.fragment:
        raise BadAddress(
            msg("the URL of the place contains #"), hint=msg("write # as %23 in a URL")
        )
    if any(has_control(unquote(each)) for each in (netloc, path, *(value for _, value in pairs))):
        raise BadAddress(msg("the URL of the place contains a control character"), hint=_forms())
    read = _postgres if known == "postgresql" else _bucket
    return read(netloc, path, pairs)


def _postgres(netloc: str, path: str, pairs: list[tuple[str, str]]) -> PlaceAddress:
    user, _, hosts = netloc.rpartition("@")
    if ":" in user or _has_secret(pairs):
        raise BadAddress(
            msg("the URL of the place contains a password"),
            hint=msg(
                "remove it from the URL, and put it into ~/.pgpass (host:port:database:user:"
                "password, mode 0600) or into PGPASSWORD"
            ),
        )
    options = _known(pairs, POSTGRES_PARAMETERS)
    database = path.removeprefix("/")
    if not database:
        raise BadAddress(
            msg("the URL of the place names no database"),
            hint=msg("add it: postgresql://host/database"),
        )
    if user:
        options["user"] = unquote(user)
    if hosts:
        if "host" in options:
            raise BadAddress(
                msg("the URL of the place names a host twice"), hint=msg("remove ?host=")
            )
        options.update(_hosts(hosts))
    options["dbname"] = database
    shown = _quoted(options["user"]) + "@" if user else ""
    location = f"postgresql://{shown}{hosts}/{_quoted(database)}{_query(pairs)}"
    return PlaceAddress(PlaceKind.POSTGRES, location, database, "", options)


def _hosts(text: str) -> dict[str, str]:
    """The parameters `host` and `port` of one host or several."""
    hosts, ports = [], []
    for each in text.split(","):
        if each.startswith("["):
            host, _, port = each[1:].partition("]")
            port = port.removeprefix(":")
        else:
            host, _, port = each.partition(":")
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise BadAddress(
                # It is not shown: without an `@` it may be a password.
                msg("the URL of the place has a port that is not a number"),
                hint=msg("write a number from 1 to 65535"),
            )
        hosts.append(unquote(host))
        ports.append(port)
    found = {"host": ",".join(hosts)}
    if any(ports):
        found["port"] = ",".join(ports)
    return found


def _bucket(netloc: str, path: str, pairs: list[tuple[str, str]]) -> PlaceAddress:
    options = dict(pairs)
    endpoint = options.get("endpoint")
    if "@" in netloc or ":" in netloc or "@" in (endpoint or "") or _has_secret(pairs):
        raise BadAddress(
            msg("the URL of the place contains an access key"),
            hint=msg(
                "remove it from the URL, and put it into AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or into ~/.aws/credentials"
            ),
        )
    options = _known(pairs, S3_PARAMETERS)
    bucket = unquote(netloc)
    if not bucket:
        raise BadAddress(
            msg("the URL of the place names no bucket"), hint=msg("add it: s3://bucket/prefix")
        )
    if not _BUCKET.fullmatch(bucket):
        raise BadAddress(
            msg("{name} is not a name of a bucket", name=bucket),
            hint=msg("a name of a bucket has letters, digits, `.`, `_` and `-`"),
        )
    if endpoint is not None and not is_endpoint(endpoint):
        raise BadAddress(
            msg("the endpoint is not the URL of a server"),
            hint=msg("write it with https:// and without a path, as in {example}", example=_SAMPLE),
        )
    style = options.get("path_style", "true").lower()
    if style not in _TRUE | _FALSE:
        raise BadAddress(
            msg("path_style is neither true nor false"), hint=msg("remove it, or write true")
        )
    options["path_style"] = "true" if style in _TRUE else "false"
    if endpoint is not None and style in _FALSE and _is_number(endpoint):
        raise BadAddress(
            msg("a bucket has no name of a host below the address {endpoint}", endpoint=endpoint),
            hint=msg("remove path_style=false"),
        )
    prefix = path.strip("/")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise BadAddress(
            msg("the prefix {prefix} has an empty part, or one of dots", prefix=prefix),
            hint=msg("write names between single slashes: s3://bucket/team/states"),
        )
    behind = f"/{_quoted(prefix, safe='/')}" if prefix else ""
    location = f"s3://{_quoted(bucket)}{behind}{_query(pairs)}"
    return PlaceAddress(PlaceKind.S3, location, bucket, prefix, options)


_SAMPLE = "s3://bucket/prefix?endpoint=https://s3.example.com"


def is_endpoint(text: str, *, path: bool = False) -> bool:
    """Whether a text is the URL of a server; without a path, unless `path` allows one."""
    try:
        parts = urlsplit(text)
        usable = parts.port is None or 0 < parts.port < 65536
    except ValueError:
        return False
    return (
        usable
        and text.isprintable()
        and " " not in text
        and _HOST.fullmatch(parts.netloc) is not None
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and (path or parts.path in ("", "/"))
        and not parts.query
        and not parts.fragment
    )


def has_control(text: str) -> bool:
    """Whether a text has a line end or another control character."""
    return any(unicodedata.category(letter) == "Cc" for letter in text)


def _is_number(endpoint: str) -> bool:
    """Whether the server is named by its IP address."""
    with suppress(ValueError):
        ip_address(urlsplit(endpoint).hostname or "")
        return True
    return False


def _has_secret(pairs: list[tuple[str, str]]) -> bool:
    """Whether a parameter is a secret by its name, or a line of a password file."""
    return any(
        any(word in name.lower().replace("-", "_") for word in _SECRETS)
        or (name.lower() == "passfile" and value.count(":") > 2)
        for name, value in pairs
    )


def _known(pairs: list[tuple[str, str]], names: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in names:
            raise BadAddress(
                msg("the URL of the place has an unknown parameter: {name}", name=name),
                hint=hint_for(name, names) or _forms(),
            )
        if name in found:
            raise BadAddress(
                msg("the URL of the place has {name} twice", name=name),
                hint=msg("remove one of them"),
            )
        if not value:
            raise BadAddress(
                msg("the URL of the place has {name} without a value", name=name),
                hint=msg("write a value, or remove {name}=", name=name),
            )
        found[name] = value
    return found


def _query(pairs: list[tuple[str, str]]) -> str:
    texts = list(_parameters(pairs))
    return "?" + "&".join(texts) if texts else ""


def _parameters(pairs: list[tuple[str, str]]) -> Iterator[str]:
    for name, value in sorted(pairs):
        yield f"{name}={_quoted(value, safe='/:,')}"


def _quoted(text: str, *, safe: str = "") -> str:
    """The text as a part of a URL, in which other letters than those of ASCII stay readable."""
    return "".join(quote(letter, safe=safe) if letter.isascii() else letter for letter in text)


def _forms() -> Text:
    return msg(
        "name a folder, postgresql://host/database, or s3://bucket/prefix?region=REGION"
        "&endpoint=URL"
    )
