"""HTTP for real: one request, one response, through `requests`, which is imported here and nowhere
else.

Nothing is resent: no redirect is followed, no library retries, and a write goes over a connection
of its own, so that a kept-alive one that the server has just closed cannot leave its outcome in
doubt. Keys go to the configured origin only; nothing of the user's netrc is read. TLS is verified
always.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from reconciler.iwinv.endpoint import Endpoint
from reconciler.iwinv.envelope import BODY_BYTES_MAX
from reconciler.model import http

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 60.0
"""The longest silence of the other side."""

WHOLE_SECONDS_MAX = 80.0
"""The longest time for a whole response, however busily it trickles."""

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name trusted certificates; the first one that is set counts."""

_CHUNK_BYTES = 65536

_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})
"""Numbers of OpenSSL for why a certificate was refused (X509_V_ERR_...)."""


class HttpTransport:
    """A `wire.Send` to one endpoint. Each thread has a session of its own."""

    def __init__(self, endpoint: Endpoint, *, agent: str = "reconciler") -> None:
        self._endpoint = endpoint
        self._agent = agent
        self._local = threading.local()

    def __call__(self, request: http.Request) -> http.Response:
        """Sends a request once. Raises `WireError`, `sent` False only where it is certain that
        nothing left.
        """
        import requests
        from urllib3.exceptions import HTTPError

        bundle = _bundle(self._endpoint)
        session = self._session(fresh=request.method != "GET")
        try:
            with session.send(
                self._prepare(session, request), verify=bundle, **self._options()
            ) as response:
                headers = tuple((str(name), str(value)) for name, value in response.headers.items())
                return http.Response(response.status_code, headers, _read(response))
        except requests.RequestException as failure:
            raise http.WireError(
                _reason(failure, self._endpoint), sent=_may_have_left(failure)
            ) from None
        except (HTTPError, OSError, ValueError) as failure:
            # While the body is read the library below speaks for itself: a cut chunk, a missing
            # end, a reset connection.
            raise http.WireError(
                f"the answer was truncated ({type(failure).__name__})", sent=True
            ) from None

    def _session(self, *, fresh: bool) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _new_session()
            self._local.session = session
        elif fresh:
            session.close()  # drops its connections; the next request opens a new one
        return session

    def _prepare(
        self, session: requests.Session, request: http.Request
    ) -> requests.PreparedRequest:
        import requests

        headers = {
            "User-Agent": self._agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **dict(request.headers),
        }
        plain = requests.Request(
            request.method,
            self._endpoint.origin + request.path,
            headers=headers,
            data=request.body or None,
        )
        prepared = session.prepare_request(plain)
        # The address is set as it stands, so that what was signed is what is sent.
        query = "?" + urlencode(request.query) if request.query else ""
        prepared.url = f"{self._endpoint.origin}{request.path}{query}"
        return prepared

    def _options(self) -> dict[str, Any]:
        return {
            "stream": True,
            "allow_redirects": False,
            "timeout": (CONNECT_SECONDS_MAX, READ_SECONDS_MAX),
            "proxies": _proxies(self._endpoint),
        }


def _bundle(endpoint: Endpoint) -> str | bool:
    """The certificates that are trusted: those of the first of `BUNDLES` that is set, else the
    library's own.

    Raises `WireError` where that variable names no file or folder of certificates.
    """
    name = next((name for name in BUNDLES if os.environ.get(name)), None)
    if name is None or not endpoint.origin.startswith("https://"):
        return True
    chosen = Path(os.environ[name])
    try:
        ssl.create_default_context(
            cafile=None if chosen.is_dir() else chosen, capath=chosen if chosen.is_dir() else None
        )
    except OSError:  # ssl.SSLError is one
        raise http.WireError(
            f"{name} does not name a readable certificate file", sent=False
        ) from None
    return str(chosen)


def _new_session() -> requests.Session:
    import requests
    from requests.adapters import HTTPAdapter

    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(_no_cookies())
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))
    return session


def _no_cookies() -> Any:
    from http.cookiejar import DefaultCookiePolicy

    return DefaultCookiePolicy(allowed_domains=[])


def _proxies(endpoint: Endpoint) -> dict[str, str]:
    """The proxy of the environment for https, through which TLS goes end to end; none for this
    machine itself.
    """
    if endpoint.loopback or not endpoint.origin.startswith("https://"):
        return {}
    from requests.utils import get_environ_proxies

    return {
        str(scheme): str(proxy) for scheme, proxy in get_environ_proxies(endpoint.origin).items()
    }


def _read(response: requests.Response) -> bytes:
    """The body as it came, not decompressed. Raises `WireError` where it is too large or takes too
    long.
    """
    until = time.monotonic() + WHOLE_SECONDS_MAX
    found = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        found += chunk
        if len(found) > BODY_BYTES_MAX:
            raise http.WireError("the answer is too large", sent=True)
        if time.monotonic() > until:
            raise http.WireError(f"the answer took more than {WHOLE_SECONDS_MAX:.0f} s", sent=True)
    return bytes(found)


def _may_have_left(failure: Exception) -> bool:
    """Whether the other side may have got the request: not where no connection came about, or its
    certificate was refused.
    """
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(
        failure,
        requests.ConnectTimeout | requests.exceptions.InvalidURL | requests.exceptions.ProxyError,
    ):
        return False
    return not any(
        isinstance(cause, NewConnectionError | ssl.SSLCertVerificationError)
        for cause in _causes(failure)
    )


def _reason(failure: Exception, endpoint: Endpoint) -> str:
    """A short text for people; never the library's own, which holds the whole address."""
    import requests
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    causes = tuple(_causes(failure))
    refused = next(
        (cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None
    )
    if refused is not None:
        return _of_certificate(
            getattr(refused, "verify_code", None), urlsplit(endpoint.origin).hostname
        )
    proxy = _proxy_of(endpoint)
    if isinstance(failure, requests.exceptions.ProxyError) or (
        proxy is not None and isinstance(failure, requests.ConnectTimeout)
    ):
        return f"no connection through the proxy {proxy or 'of the environment'} (HTTPS_PROXY, NO_PROXY)"
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return "the endpoint's name could not be resolved"
    if isinstance(failure, requests.ConnectTimeout):
        return f"no connection within {CONNECT_SECONDS_MAX:.0f} s"
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return "no connection to the endpoint"
    if isinstance(failure, requests.Timeout):
        return f"no answer within {READ_SECONDS_MAX:.0f} s"
    if isinstance(failure, requests.exceptions.SSLError):
        return "no secure connection: the endpoint does not answer with TLS, or with a version of it that is not supported"
    return f"the connection broke ({type(failure).__name__})"


def _of_certificate(number: int | None, host: str | None) -> str:
    if number == _EXPIRED:
        return "the endpoint's certificate has expired (or this machine's clock is wrong)"
    if number == _NOT_YET:
        return "the endpoint's certificate is not valid yet (or this machine's clock is wrong)"
    if number in _OTHER_NAME:
        return f"the endpoint's certificate is not for {host}"
    if number in _UNKNOWN_AUTHORITY:
        return f"the endpoint's certificate is from an authority that is not trusted; set {BUNDLES[0]} to the file of your own authority"
    return "the endpoint's certificate was not accepted"


def _proxy_of(endpoint: Endpoint) -> str | None:
    """Host and port of the proxy, without user and password."""
    proxy = _proxies(endpoint).get("https")
    if proxy is None:
        return None
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        return f"{parts.hostname}:{parts.port}" if parts.port is not None else parts.hostname
    except ValueError:
        return None


def _causes(failure: BaseException | None, depth_max: int = 12) -> list[BaseException]:
    """A failure and what lies under it: the library hides causes in arguments and `reason` as well
    as in the chain.
    """
    found: list[BaseException] = []
    waiting = [failure]
    while waiting and len(found) < depth_max:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
        waiting += [argument for argument in one.args if isinstance(argument, BaseException)]
        waiting = [item for item in waiting if isinstance(item, BaseException)]
    return found
