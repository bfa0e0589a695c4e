"""TLS for real, on loopback, with certificates made here: which ones are trusted, and what is said
of those that are not.
"""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.iwinv.endpoint import parse
from reconciler.iwinv.transport import BUNDLES, HttpTransport
from reconciler.model import http

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="the certificates are made with openssl"
)

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@dataclass(frozen=True)
class Authority:
    """Certificates made in a folder; `bundle` is the file of the authority itself."""

    folder: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "ca.pem"

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def found(self) -> Authority:
        """Makes the authority."""
        (self.folder / "ca.cnf").write_text(CONFIGURATION)
        (self.folder / "index.txt").write_text("")
        self._key("ca")
        self._openssl(
            "req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test authority", "-days", "3650",
            "-config", "ca.cnf", "-extensions", "authority", "-out", "ca.pem",
        )  # fmt: skip
        return self

    def certificate(self, name: str, host: str, *, until: str = "20991231235959Z") -> Path:
        """A certificate for a host with its key, in one file."""
        self._key(name)
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        self._openssl(
            "req",
            "-new",
            "-key",
            f"{name}.key",
            "-subj",
            f"/CN={host}",
            "-config",
            "ca.cnf",
            "-out",
            f"{name}.csr",
        )
        self._openssl(
            "ca", "-batch", "-config", "ca.cnf", "-in", f"{name}.csr", "-extfile", f"{name}.ext", "-out", f"{name}.crt",
            "-startdate", "20200101000000Z", "-enddate", until, "-create_serial", "-notext",
        )  # fmt: skip
        both = self.folder / f"{name}.pem"
        both.write_text(
            (self.folder / f"{name}.key").read_text() + (self.folder / f"{name}.crt").read_text()
        )
        return both

    def _key(self, name: str) -> None:
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")


CONFIGURATION = """
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = one
[one]
database = index.txt
new_certs_dir = .
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority")).found()


@pytest.fixture(autouse=True)
def _no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *BUNDLES,
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
    ):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def server(certificate: Path) -> Iterator[HttpTransport]:
    """A server on loopback with that certificate, which answers every request alike."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                secure.settimeout(5.0)
                secure.recv(65536)
                secure.sendall(ANSWER)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield HttpTransport(parse(f"https://localhost:{listener.getsockname()[1]}"))
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


GET = http.Request("GET", "/v1/zones")


def refused(send: HttpTransport) -> str:
    """Why a request was not sent."""
    with pytest.raises(http.WireError) as caught:
        send(GET)
    assert not caught.value.sent
    return caught.value.reason


@pytest.mark.parametrize("name", BUNDLES)
def test_an_own_authority_is_trusted_by_each_of_the_variables(
    name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(authority.certificate("good", "localhost")) as send:
        said = refused(send)
        assert "authority that is not trusted" in said and "REQUESTS_CA_BUNDLE" in said
        monkeypatch.setenv(name, str(authority.bundle))
        assert send(GET).status == 200


def test_the_first_variable_that_is_set_counts(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority(tmp_path).found()
    with server(authority.certificate("good", "localhost")) as send:
        for earlier, later in itertools.pairwise(BUNDLES):
            with monkeypatch.context() as patch:
                patch.setenv(earlier, str(other.bundle))
                patch.setenv(later, str(authority.bundle))
                assert "not trusted" in refused(send), (earlier, later)


@pytest.mark.parametrize("content", [None, "no certificate"])
@pytest.mark.parametrize("name", BUNDLES)
def test_a_variable_without_certificates_is_named(
    name: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv(name, str(file))
    assert name in refused(HttpTransport(parse("https://localhost:1")))


def test_an_expired_certificate_is_called_expired(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with server(authority.certificate("old", "localhost", until="20210101000000Z")) as send:
        assert "has expired" in refused(send)


def test_a_certificate_for_another_name_is_called_so(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    with server(authority.certificate("else", "elsewhere.example")) as send:
        assert "is not for localhost" in refused(send)


def test_a_dead_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret-word@127.0.0.1:{port}")
    said = refused(HttpTransport(parse("https://api.example.invalid")))
    assert f"proxy 127.0.0.1:{port}" in said and "secret-word" not in said


def test_a_proxy_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(
                        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
                    )

        threading.Thread(target=refuse, daemon=True).start()
        port = listener.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        assert f"proxy 127.0.0.1:{port}" in refused(
            HttpTransport(parse("https://api.example.invalid"))
        )


def test_a_tls_failure_after_the_handshake_may_have_come_after_the_request(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLES[0], str(authority.bundle))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate("good", "localhost"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def break_off() -> None:
            connection, _ = listener.accept()
            secure = context.wrap_socket(connection, server_side=True)
            secure.recv(65536)
            with socket.socket(fileno=secure.detach()) as plain:
                plain.sendall(b"no record of TLS")

        threading.Thread(target=break_off, daemon=True).start()
        with pytest.raises(http.WireError) as caught:
            HttpTransport(parse(f"https://localhost:{listener.getsockname()[1]}"))(GET)
    assert caught.value.sent
