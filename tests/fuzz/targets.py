"""The six decoders as functions of bytes: each ends well, or with what it documents; anything else
is a find.

State, journal and plan carry checksums that random bytes never fit. So each of them gets the bytes
as they are, and once more dressed with the checksum that they should have.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from reconciler.cli import program
from reconciler.config import loader, schema, stack_folder
from reconciler.config.builder import build
from reconciler.iwinv import envelope
from reconciler.iwinv.list_reader import reading
from reconciler.model import http, serialize
from reconciler.model.abort import Abort
from reconciler.model.ports import Accepted, StoreError
from reconciler.planner import saved_plan
from reconciler.planner.checks import approval
from reconciler.planner.checks.approval import GivenConsent
from reconciler.planner.saved_plan import Unreadable
from reconciler.render.plan import plan_json, plan_markdown, plan_text
from reconciler.render.plan.plan_text import PlanHeader
from reconciler.render.run import screen
from reconciler.render.run.screen import Style
from reconciler.resources import all_kinds
from reconciler.store import journal, state_format
from tests.render.plans import mixed

EXIT_CODES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 64, 130})
LOOK = Style(width=80, color=True, verbose=True)
KINDS = (all_kinds(), all_kinds("firewall"))
LISTS = (
    "instances",
    "block_storages",
    "firewalls",
    "rules:FIREWALL-1",
    "members:FIREWALL-1",
    "zones",
    "flavors",
    "images",
    "ssh_keys",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder: its name, the function, inputs to begin with, and words that its inputs are made
    of.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]


def stack(data: bytes) -> None:
    """A stack file: a stack, or every mistake with its place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.yaml"
        path.write_bytes(data)
        with contextlib.suppress(Abort):
            loader.load_stack(path, environment=None)
        document, problems = stack_folder.load(path)
        _, more = build(document, environment=None)
        for problem in (*problems, *schema.check(document), *more):
            serialize.problem(problem)


def state(data: bytes) -> None:
    """A state.json."""
    body = data.rpartition(b'"checksum": "sha256:')[0] or data
    dressed = body + b'"checksum": "sha256:' + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'
    for text in (data, dressed):
        with contextlib.suppress(StoreError):
            found = state_format.decode_snapshot(text)
            assert state_format.decode_snapshot(state_format.encode_snapshot(found)) == found


def log(data: bytes) -> None:
    """A journal."""
    lines = [line[9:] if line[8:9] == b" " else line for line in data.rstrip(b"\0").split(b"\n")]
    dressed = b"".join(journal.encode_line(line) for line in lines if line)
    for text in (data, dressed, dressed + bytes(64), dressed[:-3]):
        with contextlib.suppress(StoreError):
            for record in journal.decode_journal(text).records:
                assert state_format.decode_record(state_format.encode_record(record)) == record


def plan(data: bytes) -> None:
    """A saved plan, read, shown and compared with what would be done."""
    text = data.decode("latin-1")
    for candidate in (text, _dressed(text)):
        with contextlib.suppress(Unreadable):
            found = saved_plan.read(candidate)
            assert saved_plan.read(saved_plan.write(found)) == found
            _ = found.plan_options, saved_plan.differences(found, mixed())
            header = PlanHeader(key_suffix="", state="", at=found.made.at, saved="x.plan")
            given = GivenConsent(accept=found.accept, terminal=True)
            decision = approval.decide(found.plan, given, tracked=())
            screen.text(plan_text.plan_lines(found.plan, header, LOOK, decision), LOOK)
            plan_markdown.plan_markdown(found.plan, header, decision)
            plan_json.text(plan_json.plan_document(found.plan, given=found.accept))


def _dressed(text: str) -> str:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(body, dict):
        return text
    body.pop("checksum", None)
    try:
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return json.dumps({**body, "checksum": hashlib.sha256(canonical.encode("ascii")).hexdigest()})


def answer(data: bytes) -> None:
    """An answer of the cloud: the first bytes choose status and list, the rest is the body."""
    status = (200, 202, 400, 401, 404, 422, 429, 500)[data[0] % 8] if data else 200
    what = LISTS[data[1] % len(LISTS)] if len(data) > 1 else LISTS[0]
    response = http.Response(status, (("Retry-After", data[2:6].decode("latin-1")),), data[6:])
    judged = envelope.judge(response)
    repr(judged)
    for kinds in KINDS:
        one = reading(what, kinds)
        if one.next_call(0.0) is not None:
            one.take(judged, 1.0)
        if not isinstance(judged, Accepted):
            continue
        for kind in kinds.values():
            for operation in kind.operations.values():
                with contextlib.suppress(ValueError):
                    operation.receipt(judged.result)
            for row in judged.result if isinstance(judged.result, list) else [judged.result]:
                with contextlib.suppress(ValueError):
                    kind.decode(row)


def arguments(data: bytes) -> None:
    """A command line, in an empty folder and without keys, so that nothing can be sent and nobody
    is waited for.
    """
    words = [
        word for word in data.decode("utf-8", "replace").split("\0") if not _leaves_the_folder(word)
    ]
    if "serve" in words or any(word.startswith("--sim") for word in words):
        return  # a server is meant to run until it is stopped
    before = Path.cwd()
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("stack.yaml").write_text("version: 1\nstack: shop\n", encoding="utf-8")
        try:
            with (
                mock.patch.dict(
                    os.environ, {"HOME": folder, "PATH": os.environ.get("PATH", "")}, clear=True
                ),
                mock.patch("sys.stdin", io.StringIO()),
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
            ):
                code = program.run(words)
        finally:
            os.chdir(before)
    assert code in EXIT_CODES, code
    assert "error[internal]" not in said.getvalue() and "Traceback" not in said.getvalue(), (
        said.getvalue()
    )


def _leaves_the_folder(word: str) -> bool:
    value = word.rpartition("=")[2]
    return any(text.startswith(("/", "~")) or ".." in text for text in (word, value))
