"""Answers of a bucket that are lost, wrong or late: what the caller may conclude from each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.store.objects import place_url
from reconciler.store.objects.port import AccessRefused, ObjectStoreError, Unreachable, Unsure
from reconciler.store.objects.s3 import S3Objects

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hunter2"}
Script = Callable[[socket.socket], None]


@contextmanager
def served(script: Script) -> Iterator[tuple[S3Objects, list[bytes]]]:
    """A bucket whose server does with each connection what the script says, and what it was
    sent.
    """
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                received.append(link.recv(65536))
                script(link)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    url = f"s3://bucket/pre?endpoint=http://127.0.0.1:{listener.getsockname()[1]}"
    store = S3Objects(place_url.parse(url), KEYS, operation_seconds=0.3)
    try:
        yield store, received
    finally:
        store.close()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def answer(status: str, body: str = "", *headers: str) -> Script:
    """Sends one answer, and ends the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return lambda link: link.sendall(("\r\n".join([*lines, "", body])).encode())


def refusal(status: str, code: str) -> Script:
    """An error of S3."""
    return answer(status, f"<Error><Code>{code}</Code><Message>in words</Message></Error>")


def cut(link: socket.socket) -> None:
    """Ends the connection without an answer."""


def stall(link: socket.socket) -> None:
    """Never answers."""
    link.settimeout(5)
    link.recv(1)


def half(link: socket.socket) -> None:
    """Ends the connection within the answer."""
    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n<List")


def noise(link: socket.socket) -> None:
    """Does not speak HTTP."""
    link.sendall(b"\x15\x03\x01\x00\x02\x02\x50")


CONDITION = "ConditionalRequestConflict"
CASES: list[tuple[str, Script, object, object]] = [
    # what is answered; what `create` concludes; what `names` concludes
    ("409", refusal("409 Conflict", CONDITION), False, Unreachable),
    ("412", refusal("412 Precondition Failed", "PreconditionFailed"), False, Unreachable),
    ("500", refusal("500 Internal Server Error", "InternalError"), Unsure, Unreachable),
    ("503", refusal("503 Slow Down", "SlowDown"), Unsure, Unreachable),
    ("429", answer("429 Too Many Requests"), Unsure, Unreachable),
    ("cut", cut, Unsure, Unreachable),
    ("stall", stall, Unsure, Unreachable),
    ("noise", noise, Unsure, Unreachable),
    ("no metadata", answer("200 OK"), Unsure, Unreachable),
    ("no XML", answer("200 OK", "<nope", 'ETag: "x"'), True, Unreachable),
    ("403", refusal("403 Forbidden", "AccessDenied"), AccessRefused, AccessRefused),
    ("404", answer("404 Not Found", "<html>"), AccessRefused, AccessRefused),
    ("501", refusal("501 Not Implemented", "NotImplemented"), AccessRefused, AccessRefused),
]


@pytest.mark.parametrize(("script", "created", "listed"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_what_an_answer_means(script: Script, created: object, listed: object) -> None:
    # Goal: a write whose answer is missing or says nothing is unsure, never "not done" or "done";
    # each request is sent once, with its condition.
    with served(script) as (store, received):
        assert _outcome(lambda: store.create("p/log/1", b"data")) == created
        assert len(received) == 1
        assert b"if-none-match: *" in received[0]
        assert b"PUT /bucket/pre/p/log/1 " in received[0]
        assert _outcome(lambda: store.names("p/log/")) == listed
        assert len(received) == 2


REFUSED = [
    ("404 Not Found", "NoSuchBucket", "there is no bucket bucket", "aws s3 mb s3://bucket"),
    ("403 Forbidden", "AccessDenied", "may not do this", "s3:ListBucket"),
    ("403 Forbidden", "InvalidAccessKeyId", "refuses the credentials", "AWS_ACCESS_KEY_ID"),
    ("403 Forbidden", "SignatureDoesNotMatch", "refuses the credentials", "AWS_SECRET_ACCESS_KEY"),
    ("400 Bad Request", "ExpiredToken", "have expired", "AWS_SESSION_TOKEN"),
    ("403 Forbidden", "RequestTimeTooSkewed", "the clocks", "set the clock"),
    ("400 Bad Request", "AuthorizationHeaderMalformed", "another region", "?region=REGION"),
    ("301 Moved Permanently", "PermanentRedirect", "another region", "?region=REGION"),
]


@pytest.mark.parametrize(("status", "code", "message", "hint"), REFUSED)
def test_a_refusal_is_named_with_the_way_out(
    status: str, code: str, message: str, hint: str
) -> None:
    # Goal: for reading, writing and listing, one message that says what to do, without a secret.
    with served(refusal(status, code)) as (store, _):
        for operation in (
            lambda: store.create("p/1", b""),
            lambda: store.read("p/1"),
            lambda: store.names("p/"),
            lambda: store.remove("p/1"),
        ):
            with pytest.raises(AccessRefused) as failure:
                operation()
            assert message in str(failure.value)
            assert hint in str(failure.value.hint)
            assert "hunter2" not in str(failure.value) + str(failure.value.hint)


@pytest.mark.parametrize("script", [cut, stall, noise, half, refusal("500 Oops", "InternalError")])
def test_a_read_that_fails_is_never_an_absent_object(script: Script) -> None:
    # Goal: only the store's own "no such key" means that there is none.
    with served(script) as (store, _):
        assert _outcome(lambda: store.read("p/1")) is Unreachable
    with served(refusal("404 Not Found", "NoSuchKey")) as (store, _):
        assert store.read("p/1", "p/2") == {}


def test_nothing_was_sent_to_a_server_that_is_away() -> None:
    # Goal: a refused connection is certain, for writes as well.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    store = S3Objects(place_url.parse(f"s3://bucket?endpoint=http://127.0.0.1:{port}"), KEYS)
    for operation in (lambda: store.create("p/1", b""), lambda: store.read("p/1")):
        with pytest.raises(Unreachable, match="connection refused"):
            operation()
    store.close()


def test_a_list_of_two_pages_is_read_to_its_end() -> None:
    # Goal: names behind the first answer are fetched with the token of that answer.
    def page(link: socket.socket) -> None:
        body = ("<ListBucketResult><IsTruncated>{}</IsTruncated>{}<Contents><Key>pre/p/{}</Key>"
                "<LastModified>2026-11-30T00:00:00Z</LastModified><ETag>x</ETag><Size>1</Size>"
                "</Contents></ListBucketResult>")  # fmt: skip
        first = len(received) == 1
        token = "<NextContinuationToken>T</NextContinuationToken>" if first else ""
        answer("200 OK", body.format(str(first).lower(), token, len(received)))(link)

    with served(page) as (store, received):
        assert list(store.names("p/", limit=5)) == ["p/1", "p/2"]
        assert b"continuation-token=T" in received[1]


def test_a_panic_of_the_client_library_is_an_answer_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Goal: a bug of the library loses no outcome and shows no traceback; an interrupt stays one.
    class PanicException(BaseException):
        pass

    store = S3Objects(place_url.parse("s3://bucket?endpoint=http://127.0.0.1:1"), KEYS)
    for raised, created, read in (
        (PanicException("unwrap"), Unsure, Unreachable),
        (ValueError("path"), Unsure, Unreachable),
        (KeyboardInterrupt(), KeyboardInterrupt, KeyboardInterrupt),
    ):

        def opened(raised: BaseException = raised) -> object:
            raise raised

        monkeypatch.setattr(store, "_store", opened)
        with pytest.raises(created):
            store.create("p/1", b"")
        with pytest.raises(read):
            store.read("p/1")


def test_credentials_come_from_the_usual_places(tmp_path: Path) -> None:
    # Goal: environment first, then the files of a profile; renewed ones are found after a refusal.
    aws = tmp_path / ".aws"
    aws.mkdir()
    file = aws / "credentials"
    (aws / "config").write_text(
        "[profile team]\nregion = kr-2\n[profile sso]\nsso_session = corp\n[default]\nregion = x\n"
    )
    file.write_text("[team]\naws_access_key_id = OLD\naws_secret_access_key = a\n")
    home = {"HOME": str(tmp_path)}
    with served(refusal("400 Bad Request", "ExpiredToken")) as (other, received):
        url = other.location

        def sent(environ: dict[str, str], more: str = "") -> str:
            store = S3Objects(place_url.parse(url + more), environ)
            with pytest.raises(AccessRefused):
                store.read("k")
            store.close()
            text = received[-1].decode()
            return text.partition("Credential=")[2].partition("/s3/")[0].replace("/", " ")

        assert sent({**home, **KEYS}).split()[::2] == ["AKIA", "us-east-1"]
        assert sent({**home, **KEYS, "AWS_REGION": "kr-1"}).split()[::2] == ["AKIA", "kr-1"]
        assert sent({**home, "AWS_PROFILE": "team"}).split()[::2] == ["OLD", "kr-2"]
        assert sent({**home, **KEYS}, "&profile=team&region=eu").split()[::2] == ["OLD", "eu"]
        store = S3Objects(place_url.parse(url + "&profile=team"), home)
        for key in ("OLD", "NEW"):
            file.write_text(f"[team]\naws_access_key_id = {key}\naws_secret_access_key = a\n")
            with pytest.raises(AccessRefused, match="expired"):
                store.read("k")
            assert f"Credential={key}/" in received[-1].decode()
        store.close()
        count = len(received)
        for environ, message, hint in (
            (home, "no credentials for the bucket", "AWS_ACCESS_KEY_ID"),
            ({**home, "AWS_PROFILE": "none"}, "no credentials for the profile none", "credentials"),
            ({**home, "AWS_PROFILE": "sso"}, "from another program", "export-credentials"),
        ):
            with pytest.raises(AccessRefused, match=message) as failure:
                S3Objects(place_url.parse(url), environ).read("k")
            assert hint in str(failure.value.hint)
        for environ, message in (
            ({**home, **KEYS, "AWS_SECRET_ACCESS_KEY": "hunter2\r"}, "^AWS_SECRET_ACCESS_KEY cont"),
            ({**home, **KEYS, "AWS_SESSION_TOKEN": "a\nb"}, "^AWS_SESSION_TOKEN cont"),
        ):  # each would end the client library in a panic
            with pytest.raises(AccessRefused, match=message) as failure:
                S3Objects(place_url.parse(url), environ).read("k")
        for endpoint in ("s3.local", "http://s3 local", "http://s3/a b"):
            environ = {**home, **KEYS, "AWS_ENDPOINT_URL": endpoint}
            with pytest.raises(AccessRefused, match="AWS_ENDPOINT_URL is not"):
                S3Objects(place_url.parse("s3://bucket"), environ).read("k")
        file.write_text("aws_secret_access_key = hunter2\n")
        with pytest.raises(AccessRefused, match="cannot be read") as failure:
            S3Objects(place_url.parse(url), home).read("k")
        assert "hunter2" not in str(failure.value)
        assert len(received) == count


def _outcome(operation: Callable[[], object]) -> object:
    try:
        return operation()
    except ObjectStoreError as failure:
        return type(failure)
