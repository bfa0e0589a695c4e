"""Ctrl-C once and twice, full disks, readers that go away: a durable end, an exit code that says
so, and the next run goes on.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.model.http import Request
from reconciler.simulator.answers import Answer
from reconciler.store.folder_store import FileStore
from tests.processes.bridge import LAUNCHER, PYTHON, STACK, StruckCloud, desk, ended, names
from tests.scenarios.world import world_of

LIMITED = """\
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class At:
    """Does something once, when a request of that method and end of path comes, and answers it
    `slow_seconds` later.
    """

    def __init__(self, method: str, end: str, *, slow_seconds: float = 0.0) -> None:
        self._method, self._end, self._slow = method, end, slow_seconds
        self.came, self._once = threading.Event(), threading.Lock()

    def __call__(self, cloud: StruckCloud, request: Request, number: int) -> Answer | None:
        """Strikes, or lets the request through."""
        if (
            request.method != self._method
            or not request.path.endswith(self._end)
            or not self._once.acquire(blocking=False)
        ):
            return None
        answer = cloud.execute(request)
        self.came.set()
        return Answer(answer.response, answer.reason, delay=self._slow)


def test_ctrl_c_once_awaits_the_answer_under_way_and_records_it(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=1.0)
        process = place.start("apply", "shop.yaml", "--yes")
        assert at.came.wait(60)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        found = ended(process)
        assert found.code == 130 and time.monotonic() - began < 5 + 3, found.text
        assert "Interrupted" in found.err and "the state is complete" in found.err
        assert [
            entry.kind for entry in place.state.entries.values() if entry.kind == "instances"
        ] == ["instances"]
        assert place.apply().code == 0
        assert names(place.cloud.requests).count("POST /v1/instances") == 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_terminal_that_goes_ends_the_run_in_order(
    times: int, tmp_path: Path, hangups: None
) -> None:
    """Goal: shell and kernel may both send SIGHUP; none of them ends the run before the answer
    under way is recorded.
    """
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=1.0)
        process = place.start("apply", "shop.yaml", "--yes")
        assert at.came.wait(60)
        for _ in range(times):
            process.send_signal(signal.SIGHUP)
        found = ended(process)
        assert found.code == 130 and "the state is complete" in found.err, found.text
        assert [
            entry.kind for entry in place.state.entries.values() if entry.kind == "instances"
        ] == ["instances"]


def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=0.5)
        ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
        process = place.start("apply", "shop.yaml", "--yes", preexec_fn=ignore)
        assert at.came.wait(60)
        process.send_signal(signal.SIGHUP)
        assert ended(process).code == 0


def test_ctrl_c_once_waits_five_seconds_at_most(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=30.0)
        process = place.start("apply", "shop.yaml", "--yes")
        assert at.came.wait(60)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        found = ended(process)
        assert found.code == 130 and time.monotonic() - began < 5 + 4, found.text
        # the marker proves the server that the lost answer was about
        assert place.apply().code == 0
        assert list(world_of(place.cloud)["instances"]) == ["shop-web"]


def test_ctrl_c_twice_ends_now_and_the_intent_is_on_disk(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        place.cloud.strike = at = At("POST", "/v1/instances", slow_seconds=30.0)
        process = place.start("apply", "shop.yaml", "--yes")
        assert at.came.wait(60)
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130 and time.monotonic() - began < 3
        assert [intent.operation for intent, _ in place.state.open.values()] == ["instance.create"]
        assert place.apply().code == 0
        assert list(world_of(place.cloud)["instances"]) == ["shop-web"]


def test_between_stop_and_start_the_message_about_the_server_that_is_off_comes_first(
    tmp_path: Path,
) -> None:
    """Goal: invariant 14: a resize that has to stop the server is interrupted in its middle."""
    with desk(tmp_path) as place:
        assert place.apply().code == 0
        larger = STACK.replace("std_2.4-g1", "std_4.8-g1")
        place.write(
            larger.replace(
                "    firewall: web\n", "    firewall: web\n    lifecycle: {resize: stop_first}\n"
            )
        )
        place.cloud.strike = at = At("POST", "/resize", slow_seconds=1.0)
        process = place.start("apply", "shop.yaml", "--yes", "--accept", "downtime")
        assert at.came.wait(60)
        process.send_signal(signal.SIGINT)
        found = ended(process)
        told = found.err[found.err.index("error[interrupted]") :]
        assert found.code == 130 and told.startswith(
            "error[interrupted]  instances.web is powered off"
        ), found.text
        assert place.apply("--accept", "downtime").code == 0
        assert world_of(place.cloud)["instances"] == {"shop-web": "std_4.8-g1 active '웹 서버'"}


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[bool]:
    """A folder with so little room, where this user may mount one; else an ordinary folder."""
    folder.mkdir()
    mount = shutil.which("mount")
    done = mount is not None and os.getuid() == 0 and sys.platform == "linux"
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = done and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Takes all the room that is left."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (4096, 64):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


def test_a_disk_that_fills_up_during_a_run_loses_no_answer(tmp_path: Path) -> None:
    """Goal: invariant 2, on a real full disk: all that was made is on record, exit 7; with room
    again, the next run goes on.
    """
    with desk(tmp_path) as place, small_disk(tmp_path / "disk", "1m") as mounted:
        if not mounted:
            pytest.skip(
                "needs root to mount a small disk; the next test fills up by a limit instead"
            )
        more = {"RECONCILER_STATE_DIR": str(tmp_path / "disk")}

        def strike(cloud: StruckCloud, request: Request, number: int) -> Answer | None:
            if request.method == "POST" and request.path == "/v1/instances":
                fill(tmp_path / "disk")
            return None

        place.cloud.strike = strike
        found = place.run("apply", "shop.yaml", "--yes", more=more)
        assert found.code == 7 and "error[state-write]" in found.err, found.text
        world, kept = place.cloud.snapshot(), FileStore(tmp_path / "disk" / "shop").read()
        assert kept is not None and {*world.instances, *world.firewalls} <= {
            entry.id for entry in kept.entries.values()
        }
        place.cloud.strike = None
        (tmp_path / "disk" / "filler").unlink()
        done = place.run("apply", "shop.yaml", "--yes", more=more)
        assert done.code == 0, done.text
        assert (
            list(world_of(place.cloud)["instances"]) == ["shop-web"]
            and len(world_of(place.cloud)["firewalls"]) == 1
        )


def test_files_that_cannot_grow_stop_the_run_before_anything_is_sent(tmp_path: Path) -> None:
    with desk(tmp_path) as place:
        process = subprocess.Popen(
            [PYTHON, "-c", LIMITED, "1000", str(LAUNCHER), "apply", "shop.yaml", "--yes"],
            cwd=tmp_path, env=place.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        found = ended(process)
        assert found.code == 7 and "error[state-write]" in found.err, found.text
        assert not [line for line in names(place.cloud.requests) if not line.startswith("GET")]
        assert place.apply().code == 0


@pytest.mark.parametrize(
    "arguments", [("plan", "shop.yaml"), ("plan", "shop.yaml", "--format", "json")]
)
def test_a_reader_that_goes_away_ends_the_output_and_nothing_else(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    with desk(tmp_path) as place:
        read, write = os.pipe()
        os.close(read)
        process = place.start(*arguments, stdout=write, stderr=subprocess.PIPE)
        os.close(write)
        found = ended(process)
        assert found.code == 0 and "Broken" not in found.err, found.text


def test_events_that_nobody_reads_do_not_stop_a_run(tmp_path: Path) -> None:
    """Goal: a reader that goes away once it has the plan does not stop the run."""
    with desk(tmp_path) as place:
        process = place.start("apply", "shop.yaml", "--yes", "--format", "json")
        assert process.stdout is not None
        first = [json.loads(process.stdout.readline())["type"] for _ in range(2)]
        process.stdout.close()
        assert first == ["version", "plan"]
        assert process.wait(90) == 0
        assert process.stderr is not None and "Traceback" not in process.stderr.read()
        process.stderr.close()
        assert len(world_of(place.cloud)["instances"]) == 1 and not place.state.open
