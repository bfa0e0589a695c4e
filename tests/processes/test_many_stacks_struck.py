"""An apply of several stacks that is killed or interrupted at a real signal: the next one continues,
nothing is sent twice, and each stack ends as its file says.
"""

from __future__ import annotations

import re
import signal
import threading
from pathlib import Path

import pytest

from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from reconciler.store.folder_store import FileStore
from tests.cli.sessions import Terminal
from tests.cli.test_apply_all import FILES, MONITORING
from tests.processes.bridge import (
    PAST_THE_FENCE_SECONDS,
    Desk,
    Ended,
    Killer,
    StruckCloud,
    desk,
    ended,
)
from tests.processes.test_interrupted import At

OTHER = "logs"


def prepare(place: Desk) -> None:
    """A project of four stacks: one after another one, and two beside them."""
    files = dict(FILES)
    files["reconciler.yaml"] += f"  {OTHER}: {{path: {OTHER}}}\n"
    files[f"{OTHER}/stack.yaml"] = MONITORING.replace("stack: monitoring", f"stack: {OTHER}")
    for name, text in files.items():
        path = place.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (place.folder / "shop.yaml").unlink()


def apply(place: Desk) -> Ended:
    return place.run("apply", "--all", "--yes")


def check_the_end(place: Desk) -> None:
    """An apply settles what is proved, `recover` what is not, and the next apply does the rest."""
    place.advance(PAST_THE_FENCE_SECONDS)
    found = apply(place)
    if found.code == 3:
        for title in ("network", "shop", "monitoring", OTHER):
            answer(place, title)
        found = apply(place)
    assert found.code == 0, found.text
    world = place.cloud.snapshot()
    firewalls = sorted(each.title for each in world.firewalls.values())
    assert firewalls == ["logs-agents", "monitoring-agents", "network-web", "shop-web"]
    assert len(world.instances) == 1
    assert place.cloud.twice() == []


def answer(place: Desk, title: str) -> None:
    """What carries no marker in the account was not created: a person sees that."""
    state = FileStore(place.folder / title / "state" / title).read()
    requests = () if state is None else state.open.values()
    asked = [intent.address for intent, result in requests if result != "accepted"]
    if asked:
        words = [word for address in asked for word in ("--not-created", address)]
        found = place.run("recover", title, *words)
        assert found.code == 0, found.text


class KilledAt(Killer):
    """Kills the process that sends the first request to a path, before or after it is executed."""

    def __init__(self, path: str, *, done: bool) -> None:
        super().__init__("write", 1, done=done)
        self._path, self._once = path, threading.Lock()

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Strikes, or lets the request through."""
        if request.path != self._path or request.method != "POST":
            return None
        return super().__call__(cloud, request, number) if self._once.acquire(False) else None


@pytest.mark.parametrize(
    ("path", "done"), [("/v1/security-groups", False), ("/v1/instances", True)]
)
def test_a_killed_run_of_several_stacks_is_continued(path: str, done: bool, tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        prepare(place)
        place.cloud.strike = killer = KilledAt(path, done=done)
        process = killer.aim(place.start("apply", "--all", "--yes"))
        assert process.wait(60) == -signal.SIGKILL
        process.communicate()
        place.cloud.strike = None
        check_the_end(place)


def test_ctrl_c_awaits_the_answers_of_all_stacks_under_way(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        prepare(place)
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=1.0)
        process = place.start("apply", "--all", "--yes")
        assert at.came.wait(60)
        process.send_signal(signal.SIGINT)
        found = ended(process)
        assert found.code == 130, found.text
        assert "Interrupted" in found.err
        assert re.search(r"network +error\[interrupted\]", found.err), found.err
        assert "Apply incomplete" in found.err and "reconciler apply --all" in found.err
        place.cloud.strike = None
        check_the_end(place)


def test_at_a_terminal_the_name_of_the_project_applies_all(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        prepare(place)
        terminal = Terminal("apply", "--all", environ=place.environment, folder=place.folder)
        terminal.until("Type shop-infra or yes to apply all of this")
        terminal.type("shop-infra\n")
        assert terminal.end() == 0, terminal.text
        assert "Apply complete: 4 stacks applied." in terminal.text
        check_the_end(place)
