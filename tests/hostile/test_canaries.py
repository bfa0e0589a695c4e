"""Invariants 9 and 10: keys, signatures, first passwords and console links are nowhere, in no
spelling, whatever goes wrong.
"""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from reconciler.model.http import Request, Response
from reconciler.simulator import Fault
from tests.hostile.hostile_inputs import HostileSession, encodings, hostile_session
from tests.processes.bridge import desk, wait_for

FAULTS: dict[str, list[Fault]] = {
    "none": [],
    "refused keys": [
        Fault("refused_before", status=401, code="INVALID_SIGNATURE", message="no", number=4)
    ],
    "lost answer of a create": [Fault("answer_lost", method="POST", route="createInstance", nth=1)],
    "cut answer of a create": [Fault("answer_cut", method="POST", route="createInstance", nth=1)],
    "garbled answer of a create": [
        Fault("answer_garbled", method="POST", route="createInstance", nth=1)
    ],
    "an error after it was made": [
        Fault("executed_then_5xx", method="POST", route="createInstance", nth=1)
    ],
    "made twice": [Fault("executed_twice", method="POST", route="createInstance", nth=1)],
    "strange members": [Fault("extra_members"), Fault("numbers_as_text")],
}
COMMANDS = (
    ("validate",),
    ("plan", "--save", "--out", "x.plan"),
    ("state", "plans", "--format", "json"),
    ("plan", "--format", "json"),
    ("apply", "--yes"),
    ("apply", "--yes", "--format", "json"),
    ("plan", "--format", "markdown", "--report", "plan.html"),
    ("report", "--state", "--out", "state.html"),
    ("show", "x.plan", "--format", "json"),
    ("show",),
    ("show", "instances.web"),
    ("drift",),
    ("state", "list"),
    ("recover", "--no-wait"),
    ("doctor",),
    ("adopt",),
    ("output",),
    ("destroy", "--yes", "--accept", "delete", "--accept", "exposure"),
)


def texts(session: HostileSession) -> Iterable[tuple[str, str]]:
    """All that was said and all that was written, with where."""
    for command, out, err in session.said:
        yield f"stdout of {command}", out
        yield f"stderr of {command}", err
    for path in sorted(session.folder.rglob("*")):
        if path.is_file():
            yield (
                f"file {path.relative_to(session.folder)}",
                path.read_bytes().decode("utf-8", "replace"),
            )


def check(session: HostileSession, *, but: str = "") -> None:
    """None of the secrets is anywhere, in any spelling."""
    found = dict(texts(session))
    for secret in session.cloud.secrets:
        for spelling, text in encodings(secret).items():
            where = [name for name, said in found.items() if text in said and name != f"file {but}"]
            assert not where, (spelling, where)


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_no_command_at_any_verbosity_shows_or_keeps_a_secret(
    faults: list[Fault],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        session.cloud.set_faults(faults)
        for command in COMMANDS:
            session(*command, *(["-v"] if command[0] != "completion" else []))
        assert len(session.cloud.secrets) > 6, "secrets were on the wire"
        check(session)
        assert (tmp_path / "x").is_dir() and (tmp_path / "state" / "shop" / "history").is_dir(), (
            "files were looked at"
        )


def test_a_cloud_that_names_what_it_was_sent_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: error messages that hold the key, the signature, or somebody's password are shown
    without them.
    """

    def echo(request: Request, response: Response) -> Response | None:
        sent = f"{request.header('X-iwinv-Credential')} {request.header('X-iwinv-Signature')}"
        body = {
            "code": "0x8",
            "error_code": "INVALID_SIGNATURE",
            "message": f"bad {sent}",
            "result": {"password": "canary-pass-word"},
        }
        return Response(
            401, (("Content-Type", "application/json"), ("X-Echo", sent)), json.dumps(body).encode()
        )

    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        session.cloud.twist = echo
        session.cloud.secrets.add("canary-pass-word")
        for command in (
            ("plan", "-v"),
            ("plan", "--format", "json", "-v"),
            ("apply", "--yes", "-v"),
            ("doctor", "-v"),
        ):
            assert session(*command)[0] == 5
        check(session)


def test_the_file_of_first_passwords_is_the_only_place_that_has_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hostile_session(tmp_path, capsys, monkeypatch) as session:
        assert session("apply", "--yes", "-v", "--first-passwords", "first.jsonl")[0] == 0
        assert (
            json.loads((tmp_path / "first.jsonl").read_text())["password"] in session.cloud.secrets
        )
        check(session, but="first.jsonl")


def test_a_redirect_is_not_followed_and_takes_no_key_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: invariant 10: credentials go to the configured origin only."""
    came: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...

    other = http.server.HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(
        target=other.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    ).start()
    target = f"http://127.0.0.1:{other.server_port}/v1/zones"
    try:
        with hostile_session(tmp_path, capsys, monkeypatch) as session:
            session.cloud.twist = lambda request, response: Response(
                302, (("Location", target),), b""
            )
            for command in (("plan", "-v"), ("apply", "--yes"), ("doctor",)):
                assert session(*command)[0] != 0
            check(session)
    finally:
        other.shutdown()
        other.server_close()
    assert not came


def test_the_process_list_shows_no_key(tmp_path: Path) -> None:
    """Goal: keys are in the environment of the process, which only its owner may read, and never
    among its arguments.
    """
    with desk(tmp_path) as place:
        process = place.start("apply", "shop.yaml", "--yes", "-v")
        wait_for(
            lambda: len(place.cloud.requests) > 2 or process.poll() is not None,
            "its first requests",
        )
        line = Path(f"/proc/{process.pid}/cmdline")
        said = line.read_bytes().decode() if line.exists() else ""
        out, err = process.communicate(timeout=60)
        for key in (place.server.access_key, place.server.secret_key):
            assert key not in said + out + err
        assert os.sep in said or not line.exists()
