"""The stage: the local cloud on a socket whose every answer and request is heard, and the program
run in this process.
"""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from reconciler.cli import program
from reconciler.model.http import Request, Response
from reconciler.simulator import Cloud, SimulatorServer
from reconciler.simulator.answers import Answer
from reconciler.simulator.kinds.records import BlockStorage, Firewall, Instance, Rule
from reconciler.simulator.world import World
from tests.stackfiles import WEB_HEAD

ACCESS = "CANARY+ACCESS/0123456789"
SECRET = "canary&secret=9876543210"
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_CI_COMMAND = re.compile(r"^\s*::[A-Za-z]|##\[|##vso\[|##teamcity\[", re.MULTILINE)

STACK = (
    WEB_HEAD
    + """\
instances:
  web:
    zone: kr1-z01
    flavor: std_2.4-g1
    image: {os: ubuntu, version: "22.04"}
    firewall: web
outputs:
  name: {value: "${instances.web.name}"}
"""
)


class HeardCloud(Cloud):
    """A cloud that remembers what must stay secret, and can put its own words into answers."""

    def __init__(self) -> None:
        self.secrets: set[str] = {ACCESS, SECRET}
        self.twist: Callable[[Request, Response], Response | None] = lambda request, response: None
        super().__init__(
            access_key=ACCESS,
            secret_key=SECRET,
            time_scale=3000.0,
            switches={"rate_limit": "off", "ticks.create": 1, "ticks.delete": 1},
        )

    def exchange(self, request: Request, *, peer: str = "127.0.0.1") -> Answer:
        """Executes a request, hears the signature, passwords and links, and twists the answer."""
        signature = request.header("X-iwinv-Signature")
        self.secrets |= {signature} if signature else set()
        answer = super().exchange(request, peer=peer)
        if answer.response is not None:
            self.secrets |= set(_secrets(answer.response.body))
            twisted = self.twist(request, answer.response)
            answer = replace(answer, response=twisted) if twisted is not None else answer
        return answer


def _secrets(body: bytes) -> Iterator[str]:
    try:
        todo = [json.loads(body)]
    except ValueError:
        return
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            yield from (
                text
                for name in ("password", "link")
                if isinstance(text := value.get(name), str) and text.strip("*")
            )
            todo += value.values()
        elif isinstance(value, list):
            todo += value


@dataclass
class HostileSession:
    """Runs commands; `said` gathers everything that came out of them, as (command, stdout,
    stderr).
    """

    cloud: HeardCloud
    folder: Path
    capsys: pytest.CaptureFixture[str]
    said: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """One command."""
        self.capsys.readouterr()
        code = program.run(arguments)
        shown = self.capsys.readouterr()
        self.said.append((" ".join(arguments), shown.out, shown.err))
        assert "Traceback" not in shown.err and "error[internal]" not in shown.out + shown.err, (
            arguments,
            shown.err,
        )
        return code, shown.out, shown.err

    def write(self, text: str, name: str = "stack.yaml") -> None:
        """Writes a file into the stack's folder."""
        (self.folder / name).write_text(text, encoding="utf-8")


@contextmanager
def hostile_session(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostileSession]:
    """A stage in a folder of its own, with a home of its own."""
    with SimulatorServer(HeardCloud()) as server:
        assert isinstance(server.cloud, HeardCloud)
        monkeypatch.chdir(folder)
        more = {
            "HOME": str(folder),
            "RECONCILER_TIME_SCALE": "3000",
            "XDG_STATE_HOME": str(folder / "x"),
            "XDG_CACHE_HOME": str(folder / "c"),
        }
        for name, value in {**server.environment, **more}.items():
            monkeypatch.setenv(name, value)
        for name in ("RECONCILER_SIMULATE", "RECONCILER_STATE_DIR", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        made = HostileSession(server.cloud, folder, capsys)
        made.write(STACK)
        yield made


def encodings(secret: str) -> Mapping[str, str]:
    """The secret in the spellings in which it might slip through."""
    raw = secret.encode()
    # as a part of something longer, whatever stands before it
    inner = b64encode(b"x" + raw).decode()[2:].rstrip("=")[:-2]
    return {
        "as it is": secret,
        "base64": b64encode(raw).decode().rstrip("="),
        "base64 for URLs": urlsafe_b64encode(raw).decode().rstrip("="),
        "base64 within a text": inner,
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "URL": quote(secret, safe=""),
        "backwards": secret[::-1],
        "JSON": json.dumps(secret)[1:-1],
    }


def obeyed(text: str) -> list[str]:
    """What a terminal or a CI system would obey in a text, instead of showing it."""
    found = [
        repr(letter)
        for letter in sorted(set(text))
        if letter != "\n" and unicodedata.category(letter) in HIDDEN
    ]
    return found + [match[0] for match in _CI_COMMAND.finditer(text)]


def add_foreign_objects(world: World, text: str) -> None:
    """Objects of somebody else, with that text wherever a text may stand."""
    image = next(iter(world.images))
    world.put(
        Instance(
            "INSTANCE-else",
            text,
            text,
            "active",
            "kr1-z01",
            "std_1.2-g1",
            image,
            world.time,
            "203.0.113.9",
            "10.0.0.9",
        )
    )
    world.put(
        BlockStorage(
            "BLOCKSTORAGE-else",
            text,
            text,
            "ssd",
            100,
            "active",
            "kr1-z01",
            "INSTANCE-else",
            world.time,
        )
    )
    world.put(
        Firewall(
            "FIREWALL-else",
            text,
            text,
            "N",
            (Rule(77, "IN", "TCP", "22", "0.0.0.0/0", text, text),),
        )
    )


def spoil(world: World, text: str) -> None:
    """Our own objects, as somebody in the console has changed them."""
    (web,) = (server for server in world.instances.values() if server.name == "shop-web")
    world.put(replace(web, name=text, description=text))
    (group,) = (group for group in world.firewalls.values() if group.title == "shop-web")
    world.put(
        replace(
            group,
            title=text,
            rules=(*group.rules, Rule(78, "IN", "TCP", "23", "0.0.0.0/0", text, text)),
        )
    )
