"""HTTP over the network: one request, one response, through `requests`, which only this module
imports.

Nothing is sent again: no redirect is followed, and no library retries. A write opens a new
connection, because an idle one that the server has just closed would leave its outcome unknown.
Keys go to the configured origin only, and the user's netrc is not read. TLS is always verified.
"""

from __future__ import annotations

import functools
import os
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from reconciler.common.text import msg
from reconciler.iwinv.endpoint import Endpoint
from reconciler.iwinv.envelope import BODY_BYTES_MAX
from reconciler.model import http

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS_MAX = 10.0
READ_SECONDS_MAX = 60.0
"""The longest time without a byte from the server."""

WHOLE_SECONDS_MAX = 80.0
"""The longest time for a whole response, even if bytes keep arriving."""

BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Variables that name trusted certificates; the first one that is set applies."""

_CHUNK_BYTES = 65536

_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_OTHER_NAME = frozenset({62, 64})
"""Numbers of OpenSSL for why a certificate was refused (X509_V_ERR_...)."""


class _Stage(threading.local):
    """How far the request of this thread is."""

    connecting = False
    """Whether its connection is being opened: name, proxy, TCP and TLS. Nothing has left then."""


_stage = _Stage()


class HttpTransport:
    """An `http.Send` to one endpoint. Each thread has its own session."""

    def __init__(self, endpoint: Endpoint, *, agent: str = "reconciler") -> None:
        self._endpoint = endpoint
        self._agent = agent
        self._local = threading.local()

    def __call__(self, request: http.Request) -> http.Response:
        """Sends a request once. Raises `WireError`, with `sent` False only if certainly nothing was
        sent.
        """
        import requests
        from urllib3.exceptions import HTTPError

        bundle = _bundle(self._endpoint)
        session = self._session(fresh=request.method != "GET")
        _stage.connecting = False
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
            # While the body is read, urllib3 raises its own errors: a cut chunk, a missing end, a
            # reset connection.
            raise http.WireError(
                msg("the answer was truncated ({error})", error=type(failure).__name__), sent=True
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
        # The URL is set without further encoding, so that the signed path is what is sent.
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
    """The trusted certificates: those of the first of `BUNDLES` that is set, otherwise those of the
    library. Raises `WireError` if that variable does not name a file or folder of certificates.
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
            msg("{name} does not name a readable certificate file", name=name), sent=False
        ) from None
    return str(chosen)


def _new_session() -> requests.Session:
    import requests

    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(_no_cookies())
    adapter = _adapter()
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter(pool_connections=1, pool_maxsize=1, max_retries=0))
    return session


@functools.cache
def _adapter() -> Any:
    """An adapter whose connections note while they are opened: whatever fails in between, the
    request was not sent.
    """
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool

    def pool(base: Any) -> Any:
        class NotedConnection(base.ConnectionCls):  # type: ignore[misc]
            def connect(self) -> None:
                _stage.connecting = True
                super().connect()
                _stage.connecting = False

        return type(base.__name__, (base,), {"ConnectionCls": NotedConnection})

    pools = {"http": pool(HTTPConnectionPool), "https": pool(HTTPSConnectionPool)}

    class NotedAdapter(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
            manager = super().proxy_manager_for(*arguments, **options)
            manager.pool_classes_by_scheme = pools
            return manager

    return NotedAdapter


def _no_cookies() -> Any:
    from http.cookiejar import DefaultCookiePolicy

    return DefaultCookiePolicy(allowed_domains=[])


def _proxies(endpoint: Endpoint) -> dict[str, str]:
    """The proxy of the environment for https, through which TLS is end to end. A local endpoint has
    none.
    """
    if endpoint.loopback or not endpoint.origin.startswith("https://"):
        return {}
    from requests.utils import get_environ_proxies

    return {
        str(scheme): str(proxy) for scheme, proxy in get_environ_proxies(endpoint.origin).items()
    }


def _read(response: requests.Response) -> bytes:
    """The body without decompression. Raises `WireError` if it is too large or takes too long."""
    until = time.monotonic() + WHOLE_SECONDS_MAX
    found = bytearray()
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        found += chunk
        if len(found) > BODY_BYTES_MAX:
            raise http.WireError(msg("the answer is too large"), sent=True)
        if time.monotonic() > until:
            reason = msg("the answer took more than {seconds:.0f} s", seconds=WHOLE_SECONDS_MAX)
            raise http.WireError(reason, sent=True)
    return bytes(found)


def _may_have_left(failure: Exception) -> bool:
    """Whether the server may have received the request: not if there was no connection, or it
    broke while it was opened, during the TLS handshake for example.
    """
    import requests
    from urllib3.exceptions import NewConnectionError

    if _stage.connecting or isinstance(
        failure,
        requests.ConnectTimeout | requests.exceptions.InvalidURL | requests.exceptions.ProxyError,
    ):
        return False
    return not any(
        isinstance(cause, NewConnectionError | ssl.SSLCertVerificationError)
        for cause in _causes(failure)
    )


def _reason(failure: Exception, endpoint: Endpoint) -> str:
    """A short reason for people; the library's own would contain the whole URL."""
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
        return msg(
            "no connection through the proxy {proxy} (HTTPS_PROXY, NO_PROXY)",
            proxy=proxy or msg("of the environment"),
        )
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return msg("the endpoint's name could not be resolved")
    if isinstance(failure, requests.ConnectTimeout):
        return msg("no connection within {seconds:.0f} s", seconds=CONNECT_SECONDS_MAX)
    if any(isinstance(cause, NewConnectionError) for cause in causes):
        return msg("no connection to the endpoint")
    if isinstance(failure, requests.Timeout):
        return msg("no answer within {seconds:.0f} s", seconds=READ_SECONDS_MAX)
    if isinstance(failure, requests.exceptions.SSLError):
        return msg(
            "no secure connection: the endpoint does not answer with TLS, or with a version of it "
            "that is not supported"
        )
    return msg("the connection broke ({error})", error=type(failure).__name__)


def _of_certificate(number: int | None, host: str | None) -> str:
    if number == _EXPIRED:
        return msg("the endpoint's certificate has expired (or this machine's clock is wrong)")
    if number == _NOT_YET:
        return msg("the endpoint's certificate is not valid yet (or this machine's clock is wrong)")
    if number in _OTHER_NAME:
        return msg("the endpoint's certificate is not for {host}", host=host)
    if number in _UNKNOWN_AUTHORITY:
        return msg(
            "the endpoint's certificate is from an authority that is not trusted; set {variable} "
            "to the file of your own authority",
            variable=BUNDLES[0],
        )
    return msg("the endpoint's certificate was not accepted")


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
    """A failure and its causes, which the library also hides in arguments and in `reason`."""
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
