"""Several processes on one stack: one writer, whose lock dies with it, can be taken from it, and is
told about to the others.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from pathlib import Path

from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from tests.processes.bridge import STACK, StruckCloud, desk, ended, names, wait_for
from tests.scenarios.world import world_of

ORDERED = STACK.replace(
    "    firewall: web\n", "    firewall: web\n    depends_on: [firewalls.web]\n"
)
"""The server is made when all before it has its answer: then its create alone is under way."""


class Hold:
    """Holds the first create of a server until it is let go; `held` says that it has come."""

    def __init__(self) -> None:
        self.held, self.let_go = threading.Event(), threading.Event()

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Waits, then lets it through."""
        if (
            request.method == "POST"
            and request.path == "/v1/instances"
            and not self.let_go.is_set()
        ):
            self.held.set()
            assert self.let_go.wait(60)
        return None


def test_of_two_applies_at_once_one_is_locked_out_and_serials_have_no_gap(tmp_path: Path) -> None:
    with desk(tmp_path, ORDERED) as place:
        place.cloud.strike = hold = Hold()
        first = place.start("apply", "shop.yaml", "--yes")
        assert hold.held.wait(60)
        second = place.apply()
        assert second.code == 6 and "works on this stack: `reconciler apply`" in second.err, (
            second.text
        )
        assert (
            f"process {first.pid}" in second.err
            and ", at instance.create instances.web" in second.err
        )
        waiting = place.start("apply", "shop.yaml", "--yes", "--lock-timeout", "60")
        time.sleep(0.2)
        hold.let_go.set()
        assert ended(first).code == 0
        assert ended(waiting).code == 0
        assert names(place.cloud.requests).count("POST /v1/instances") == 1
        history = place.store.history()
        assert list(history) == list(range(max(history), 0, -1)) and place.state.serial == max(
            history
        )


def test_a_plan_beside_a_running_apply_is_provisional_and_is_not_saved(tmp_path: Path) -> None:
    """Goal: safety#one-writer: it says who runs, doubts nothing of that run, and cannot be kept."""
    with desk(tmp_path, ORDERED) as place:
        place.cloud.strike = hold = Hold()
        first = place.start("apply", "shop.yaml", "--yes")
        assert hold.held.wait(60)
        beside = place.run("plan", "shop.yaml", "--out", "x.plan")
        hold.let_go.set()
        assert ended(first).code == 0
        assert beside.code == 6 and not (tmp_path / "x.plan").exists(), beside.text
        assert f"process {first.pid}" in beside.out and "unknown outcome" not in beside.text
        after = place.run("plan", "shop.yaml", "--detailed-exitcode")
        assert after.code == 0 and "works on this stack" not in after.text


def test_a_paused_holder_whose_lock_was_broken_sends_nothing_more(tmp_path: Path) -> None:
    """Goal: invariant 7: a stale writer notices before its next request."""
    with desk(tmp_path, ORDERED) as place:
        place.cloud.strike = hold = Hold()
        first = place.start("apply", "shop.yaml", "--yes")
        assert hold.held.wait(60)
        first.send_signal(signal.SIGSTOP)
        asked = place.run("state", "unlock", "--stack", "shop.yaml")
        assert asked.code == 4 and "--yes" in asked.err and f"process {first.pid}" in asked.out, (
            asked.text
        )
        broken = place.run("state", "unlock", "--stack", "shop.yaml", "--yes")
        assert (
            broken.code == 0
            and "The lock is broken" in broken.out
            and "instance.create instances.web" in broken.out
        ), broken.text
        hold.let_go.set()
        wait_for(
            lambda: any(
                server.name == "shop-web" for server in place.cloud.snapshot().instances.values()
            ),
            "the server",
        )
        before = len(place.cloud.requests)
        first.send_signal(signal.SIGCONT)
        stale = ended(first)
        assert stale.code == 6 and "broken by somebody else" in stale.err, stale.text
        assert names(place.cloud.requests[before:]) == []  # not even a read
        assert place.apply().code == 0
        assert list(world_of(place.cloud)["instances"]) == ["shop-web"]


def test_the_lock_of_a_dead_run_is_free_and_its_holder_record_is_removed(tmp_path: Path) -> None:
    with desk(tmp_path, ORDERED) as place:
        place.cloud.strike = hold = Hold()
        first = place.start("apply", "shop.yaml", "--yes")
        assert hold.held.wait(60)
        first.kill()
        first.communicate()
        hold.let_go.set()
        found = place.run("doctor", "--stack", "shop.yaml")
        assert (
            re.search(r"ok +lock +free", found.out)
            and found.code == 3
            and "instance.create instances.web" in found.out
        ), found.text
        story = place.run("state", "unlock", "--stack", "shop.yaml")
        assert (
            story.code == 0
            and "no longer exists" in story.out
            and f"process {first.pid}" in story.out
        ), story.text
        assert "the state is not locked" in place.run("state", "unlock", "--stack", "shop.yaml").out
