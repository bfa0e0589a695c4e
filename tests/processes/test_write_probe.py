"""`doctor --contract --write-probe` killed with SIGKILL at one of its writes: the command that it
printed deletes everything.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from reconciler.store.folder_store import FileStore
from tests.processes.bridge import PAST_THE_FENCE_SECONDS, RATE, Desk, Killer, desk, ended

PROBE = ("doctor", "--contract", "--write-probe", "--budget", "1000", "--yes")
POINTS = [(7, True)]
"""At which write, and whether the cloud has executed it. `RECONCILER_PROBE_KILLS=all` takes all."""

if os.environ.get("RECONCILER_PROBE_KILLS") == "all":
    POINTS = [(number, done) for number in range(1, 17) for done in (False, True)]


def left(place: Desk) -> list[str]:
    """The objects in the account: before the probe there was none."""
    world = place.cloud.snapshot()
    return [*world.instances, *world.block_storages, *world.firewalls]


def command_in(text: str) -> list[str]:
    """The command that deletes what a probe created, as it was printed."""
    found = re.search(r"delete what it created: reconciler (.*)", text)
    assert found is not None, text
    return found[1].split()


@pytest.mark.parametrize(("number", "done"), POINTS)
def test_a_killed_probe_is_deleted_by_the_printed_command(
    tmp_path: Path, number: int, done: bool
) -> None:
    with desk(tmp_path, rate=RATE) as place:
        place.cloud.strike = killer = Killer("write", number, done=done)
        killed = ended(killer.aim(place.start(*PROBE)))
        place.cloud.strike = None
        command = command_in(killed.text)
        again = place.run(*PROBE)
        place.advance(PAST_THE_FENCE_SECONDS)

        finished = place.run(*command, "--yes", "--accept", "delete")
        if finished.code == 3:
            state = FileStore(tmp_path / "reconciler-probe" / "state" / "reconciler-probe").read()
            assert state is not None
            unsettled = [
                intent.address for intent, result in state.open.values() if result != "accepted"
            ]
            recovered = place.run(
                "recover",
                "reconciler-probe",
                *(word for address in unsettled for word in ("--not-created", address)),
            )
            assert recovered.code == 0, recovered.text
            finished = place.run(*command, "--yes", "--accept", "delete")

        assert killed.code == -9
        assert finished.code == 0, killed.text + finished.text
        assert left(place) == [], killed.text + finished.text
        # an interrupted probe is not begun again on top of what it left
        assert again.code != 0 and command_in_hint(again.text) == command, again.text


def command_in_hint(text: str) -> list[str]:
    """The command of the hint."""
    found = re.search(r"delete them first: reconciler (.*)", text)
    return [] if found is None else found[1].split()
