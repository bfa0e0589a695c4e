"""The program moves a state from a folder to a database, to a bucket and back: by its own command
line, over real servers, killed on the way, and twice at once.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.model.ports import StateMoved
from reconciler.model.state import State
from reconciler.store.folder_store import FileStore
from reconciler.store.objects import connection, place_url
from tests.processes.bridge import BYTECODE, PYTHON
from tests.processes.wiretap import Relay, Trigger
from tests.servers.places import Places
from tests.store.builders import HOLDER, add_server, intent
from tests.store.contract.places import SharedPlace

TIMEOUT_SECONDS = 90.0
STACK = "version: 1\nstack: shop\nenvironments: {prod: {}, staging: {}}\n"
NAMES = ("prod", "staging")
KILLED_AT = (62, 150, 40)
"""The message at which each move is killed."""


@dataclass
class Machine:
    """A folder with a stack, and its places: `urls` as the program gets them, over a relay."""

    folder: Path
    urls: Mapping[str, str]
    direct: Mapping[str, str]
    secrets: Mapping[str, str]
    trigger: Trigger

    def start(self, *words: str, place: str | None = None) -> subprocess.Popen[str]:
        """Starts a command; `place` is what `RECONCILER_STATE` names."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder / "home"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **{name: os.environ[name] for name in BYTECODE if name in os.environ},
            **self.secrets,
            **({} if place is None else {"RECONCILER_STATE": place}),
        }
        return subprocess.Popen(
            [PYTHON, "-m", "reconciler", *words],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, place: str | None = None) -> tuple[int, str]:
        """The exit code of a command, and what it says."""
        started = self.start(*words, place=place)
        said, _ = started.communicate(timeout=TIMEOUT_SECONDS)
        assert "Traceback" not in said, said
        return started.returncode, said

    def killed(self, at: int, *words: str, place: str | None = None) -> None:
        """A command that is killed at its n-th message to a server."""
        self.trigger.arm(at)
        started = self.start(*words, place=place)
        self.trigger.aim(started)
        started.communicate(timeout=TIMEOUT_SECONDS)
        self.trigger.arm(0)

    def unlock(self, name: str) -> None:
        """What `state unlock` does, so that nobody waits for a process that was killed."""
        if name != "folder":
            place = opened(self.direct[name], self.secrets)
            for environment in NAMES:
                with suppress(StateMoved):
                    place.store("shop", environment).unlock()
            place.kill()

    def states(self, environment: str) -> dict[str, State]:
        """The places from which a command would work with the state."""
        found = dict[str, State]()
        for name, url in self.direct.items():
            shared = None if name == "folder" else opened(url, self.secrets)
            store = (
                FileStore(Path(url) / f"shop.{environment}")
                if shared is None
                else shared.store("shop", environment)
            )
            try:
                state = store.read()
            except StateMoved:
                state = None
            finally:
                if shared is not None:
                    shared.kill()
            if state is not None:
                found[name] = state
        return found


def opened(url: str, secrets: Mapping[str, str]) -> SharedPlace:
    """The place that a URL names."""
    address = place_url.parse(url)
    return SharedPlace(lambda clock: lambda: connection.connect(address, secrets), "default")


@pytest.fixture
def machine(tmp_path: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Two environments with a server and an open request each, in the folder `state`."""
    (tmp_path / "shop.yaml").write_text(STACK, encoding="utf-8")
    folder = str((tmp_path / "state").resolve())
    for environment in NAMES:
        writer = FileStore(Path(folder) / f"shop.{environment}").open(
            HOLDER, timeout_seconds=0.0, stack="shop", environment=environment
        )
        add_server(writer, 0)
        writer.append(intent(writer.state.sequence + 1, index=1))
        writer.commit()
        writer.close()
    trigger, secrets = Trigger(), dict[str, str]()
    urls, direct = {"folder": folder}, {"folder": folder}
    with ExitStack() as held:
        for kind in ("postgres", "moto"):
            place = places.fresh(kind)
            secrets |= place.environment
            for name, value in place.environment.items():
                monkeypatch.setenv(name, value)
            port = re.search(r"127\.0\.0\.1:(\d+)", place.url)
            assert port is not None
            relay = held.enter_context(Relay(int(port[1]), trigger))
            direct[kind] = place.url
            urls[kind] = place.url.replace(port[0], f"127.0.0.1:{relay.port}")
        yield Machine(tmp_path, urls, direct, secrets, trigger)


def test_a_move_killed_on_the_way_is_completed_by_the_same_command(machine: Machine) -> None:
    before = {name: machine.states(name)["folder"] for name in NAMES}
    reached = set()
    hops = tuple(itertools.pairwise(("folder", "postgres", "moto", "folder")))
    for (source, target), at in zip(hops, KILLED_AT, strict=True):
        words = ("state", "move", "--to", machine.urls[target], "--yes", "shop.yaml")
        machine.killed(at, *words, place=machine.urls[source])
        found = [tuple(machine.states(name)) for name in NAMES]
        assert all(len(each) <= 1 for each in found), (source, target, at)
        reached.add(tuple(each == (target,) for each in found))
        machine.unlock(source)
        code, said = machine.run(*words, place=machine.urls[source])
        assert code == 0, said
        for name in NAMES:
            (place, state), *more = machine.states(name).items()
            assert place == target and not more, said
            assert (state.entries, state.open) == (before[name].entries, before[name].open)
    assert {one for one, _ in reached} == {True, False}  # before and after the decision


def test_what_a_move_prints_works_when_pasted(machine: Machine) -> None:
    place = place_url.parse(machine.urls["moto"]).location
    (machine.folder / "reconciler.yaml").write_text("version: 1\nproject: web\n", encoding="utf-8")
    code, said = machine.run("state", "move", "--to", place, "--env", "prod", "--yes", "shop.yaml")
    assert code == 0 and "Still in" in said and "shop/staging" in said, said
    code, said = machine.run("state", "move", "--to", place, "--yes", "shop.yaml")
    assert code == 0 and "shop/staging" in said and "shop/prod" not in said, said
    export = shlex.split(next(line for line in said.splitlines() if "export" in line))
    line = next(line for line in said.splitlines() if "reconciler.yaml" in line)
    _, variable = export
    assert variable == f"RECONCILER_STATE={place}"
    code, said = machine.run("state", "list", "--env", "prod", "shop.yaml")
    assert code == 4 and f"export RECONCILER_STATE={shlex.quote(place)}" in said, said
    code, said = machine.run("state", "list", "--env", "prod", "shop.yaml", place=place)
    assert code == 0 and "instances.web[0]" in said, said
    setting = line.partition("state:")[2]
    (machine.folder / "reconciler.yaml").write_text(
        f"version: 1\nproject: web\nstate:{setting}\n", encoding="utf-8"
    )
    code, said = machine.run("state", "list", "--env", "prod", "shop.yaml")
    assert code == 0 and "instances.web[0]" in said, said


def test_of_two_movers_at_once_one_moves(machine: Machine) -> None:
    place = machine.direct["postgres"]
    assert machine.run("state", "move", "--to", place, "--yes", "shop.yaml")[0] == 0
    there = [str(machine.folder / name) for name in ("one", "two")]
    movers = [
        machine.start("state", "move", "--to", each, "--yes", "shop.yaml", place=place)
        for each in there
    ]
    ended = [(each.communicate(timeout=TIMEOUT_SECONDS)[0], each.returncode) for each in movers]
    for environment in NAMES:
        found = []
        for each in there:
            with suppress(StateMoved):
                if FileStore(Path(each) / f"shop.{environment}").read() is not None:
                    found.append(each)
        assert len(found) == 1, ended
    for said, code in ended:
        assert "Traceback" not in said and code in (0, 4, 6), said
